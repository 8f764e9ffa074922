"""Unit tests of mediator/edge/outbox.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import anyio
import pytest

from mediator.canonical import JsonObject, parse_object
from mediator.edge.list_changes import ListChanges
from mediator.edge.outbox import Outbox
from mediator.wire.methods import ListMethod
from tests.promises import promise


async def told(outbox: Outbox) -> JsonObject:
    with anyio.fail_after(5):
        message = await outbox.next()
    assert message is not None
    return parse_object(message.body)


async def is_silent(outbox: Outbox) -> bool:
    with anyio.move_on_after(0) as waiting:
        await outbox.next()
    return waiting.cancelled_caught


def notice(method: str, params: JsonObject | None = None) -> JsonObject:
    return {"jsonrpc": "2.0", "method": f"notifications/{method}"} | ({} if params is None else {"params": params})


async def test_a_change_is_told_of_each_list_once() -> None:
    """MCP 2025-11-25, list changed notifications: it is not known which list, so it is every one."""
    changes = ListChanges(quiet_seconds=0)
    outbox = Outbox(changes)
    for _ in range(3):
        changes.tell()

    assert [await told(outbox) for _ in range(3)] == [
        notice(f"{kind}/list_changed") for kind in ("tools", "prompts", "resources")
    ]
    assert await is_silent(outbox)


async def test_a_change_that_came_before_anybody_waited_is_told() -> None:
    """Ours: a session hears of it on its first stream; what came before the session is nothing to it."""
    changes = ListChanges(quiet_seconds=0)
    changes.tell()
    outbox = Outbox(changes)
    assert await is_silent(outbox)
    changes.tell()

    assert await told(outbox) == notice("tools/list_changed")


async def test_who_waits_is_woken_by_a_change() -> None:
    """Ours."""
    changes = ListChanges(quiet_seconds=0)
    outbox, heard = Outbox(changes), list[JsonObject]()

    async def wait() -> None:
        heard.append(await told(outbox))

    async with anyio.create_task_group() as waiting:
        waiting.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        assert heard == []
        changes.tell()

    assert heard == [notice("tools/list_changed")]


async def test_what_changes_in_the_quiet_time_is_told_when_that_is_over() -> None:
    """Issue 3: at most once a second."""
    changes = ListChanges(quiet_seconds=1000)
    outbox = Outbox(changes, [ListMethod.TOOLS])
    changes.tell()
    assert await told(outbox) == notice("tools/list_changed")
    changes.tell()
    assert await is_silent(outbox)
    outbox.updated("test://a")
    assert await told(outbox) == notice("resources/updated", {"uri": "test://a"})

    hasty = Outbox(ListChanges(quiet_seconds=0.001), [ListMethod.TOOLS])
    for _ in range(3):
        hasty._changes.tell()
        assert await told(hasty) == notice("tools/list_changed")


async def test_a_listener_hears_what_it_asked_for_under_its_own_request() -> None:
    """MCP 2026-07-28, `basic/patterns/subscriptions`."""
    changes = ListChanges(quiet_seconds=0)
    outbox = Outbox(changes, [ListMethod.RESOURCES], "listen-1")
    meta: JsonObject = {"_meta": {"io.modelcontextprotocol/subscriptionId": "listen-1"}}
    changes.tell()
    outbox.updated("test://a")

    assert await told(outbox) == notice("resources/updated", {"uri": "test://a", **meta})
    assert await told(outbox) == notice("resources/list_changed", meta)
    assert await is_silent(outbox)


async def test_who_asked_for_no_list_hears_of_none() -> None:
    """Ours."""
    changes = ListChanges(quiet_seconds=0)
    outbox = Outbox(changes, [])
    changes.tell()

    assert await is_silent(outbox)


async def test_a_flood_of_updates_waits_as_one_of_each_resource() -> None:
    """Issue 4 (slow consumers): memory is bounded by what was subscribed to."""
    outbox = Outbox(ListChanges())
    for number in range(10_000):
        outbox.updated(f"test://{number % 3}")

    assert len(outbox) == 3
    assert [(await told(outbox))["params"] for _ in range(3)] == [{"uri": f"test://{number}"} for number in range(3)]


@promise("P11")
async def test_what_nobody_reads_is_dropped_at_last_the_oldest_first() -> None:
    """Ours (A1): who subscribes to one after the other, and reads none."""
    outbox = Outbox(ListChanges())
    for number in range(5000):
        outbox.updated(f"test://{number}")

    assert len(outbox) == 1000
    assert (await told(outbox))["params"] == {"uri": "test://4000"}


async def test_each_thing_is_told_to_one_of_those_who_wait() -> None:
    """MCP 2025-11-25: a message goes over one stream, never over several."""
    outbox, heard = Outbox(ListChanges()), list[JsonObject]()

    async def wait() -> None:
        heard.append(await told(outbox))

    async with anyio.create_task_group() as waiting:
        for _ in range(3):
            waiting.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        for uri in ("test://a", "test://b"):
            outbox.updated(uri)
        await anyio.wait_all_tasks_blocked()
        assert [one["params"] for one in heard] == [{"uri": "test://a"}, {"uri": "test://b"}]
        outbox.updated("test://c")

    assert len(heard) == 3


@pytest.mark.parametrize("waits", [True, False])
async def test_a_closed_outbox_tells_nothing_more(waits: bool) -> None:
    """Ours: whoever waits hears that, and whoever wrote to it is told to forget it."""
    forgotten, heard = list[Outbox](), list[object]()
    outbox = Outbox(ListChanges(), forget=forgotten.append)

    async def wait() -> None:
        heard.append(await outbox.next())

    async with anyio.create_task_group() as waiting:
        if waits:
            waiting.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
        outbox.updated("test://a")
        outbox.close()
        if not waits:
            waiting.start_soon(wait)
    outbox.updated("test://b")

    assert (heard, forgotten, len(outbox)) == ([None], [outbox], 0)
