"""Unit tests of mediator/edge/resource_updates.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import anyio

from mediator.canonical import parse_object
from mediator.edge.list_changes import ListChanges
from mediator.edge.outbox import Outbox
from mediator.edge.resource_updates import ResourceUpdates
from mediator.mediation.reply import Subscription
from tests.promises import promise


def subscription(uri: str = "test://a", task: str = "task-1", server: str = "clock") -> Subscription:
    return Subscription(task=task, server=server, uri=uri)


def over(uri: str = "test://a", task: str = "task-1") -> Subscription:
    return Subscription(task=task, server="clock", uri=uri, is_over=True)


def outbox_of(updates: ResourceUpdates) -> Outbox:
    return Outbox(ListChanges(), forget=updates.forget)


async def test_who_subscribed_hears_that_it_changed_and_nothing_else() -> None:
    """MCP 2025-11-25, resources/updated: the URI."""
    updates = ResourceUpdates()
    outbox = outbox_of(updates)
    updates.take(subscription(), outbox)

    updates.updated("clock", "test://a", "task-1")

    with anyio.fail_after(5):
        message = await outbox.next()
    assert message is not None
    assert parse_object(message.body)["params"] == {"uri": "test://a"}


@promise("P4")
def test_nobody_hears_of_what_is_not_theirs() -> None:
    """Ours: another task's instance, another server, another resource, one that is below it."""
    updates = ResourceUpdates()
    outbox = outbox_of(updates)
    updates.take(subscription(), outbox)

    updates.updated("clock", "test://a", "task-2")
    updates.updated("files", "test://a", "task-1")
    updates.updated("clock", "test://b", "task-1")
    updates.updated("clock", "test://a/b", "task-1")
    updates.updated("clock", "test://", None)

    assert len(outbox) == 0


def test_what_a_shared_server_says_is_told_to_every_task() -> None:
    """Ours: an update that is of no task."""
    updates = ResourceUpdates()
    one, other = outbox_of(updates), outbox_of(updates)
    updates.take(subscription(task="task-1"), one)
    updates.take(subscription(task="task-2"), other)

    updates.updated("clock", "test://a", None)

    assert (len(one), len(other)) == (1, 1)


def test_a_subscription_that_was_taken_back_is_over() -> None:
    """MCP 2025-11-25, resources/unsubscribe; twice is once."""
    updates = ResourceUpdates()
    outbox = outbox_of(updates)
    updates.take(subscription(), outbox)
    updates.take(subscription("test://b"), outbox)

    for _ in range(2):
        updates.take(over(), outbox)
    updates.updated("clock", "test://a", None)
    updates.updated("clock", "test://b", None)

    assert (len(outbox), len(updates)) == (1, 1)


@promise("P5")
def test_a_subscription_ends_with_its_task_and_with_its_session() -> None:
    """Ours: nobody is told anything under an authority that is over."""
    updates = ResourceUpdates()
    one, other = outbox_of(updates), outbox_of(updates)
    for outbox, task in ((one, "task-1"), (one, "task-2"), (other, "task-1"), (other, "task-3")):
        updates.take(subscription(task=task), outbox)
    assert updates.tasks == {"task-1", "task-2", "task-3"}

    updates.end_task("task-1")
    assert updates.tasks == {"task-2", "task-3"}
    other.close()
    updates.take(subscription(task="task-4"), other)
    updates.updated("clock", "test://a", None)

    assert updates.tasks == {"task-2"}
    assert (len(one), len(other)) == (1, 0)


@promise("P11")
def test_so_much_is_subscribed_to_and_no_more() -> None:
    """Ours (A1): the oldest makes room, and of nobody else's."""
    updates = ResourceUpdates()
    outbox, other = outbox_of(updates), outbox_of(updates)
    updates.take(subscription("test://0"), other)
    for number in range(1001):
        updates.take(subscription(f"test://{number}"), outbox)
        updates.take(subscription(f"test://{number}"), outbox)

    updates.updated("clock", "test://0", None)
    updates.updated("clock", "test://1", None)
    updates.updated("clock", "test://1000", None)

    assert (len(updates), len(outbox), len(other)) == (1001, 2, 1)
