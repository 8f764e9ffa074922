"""Calls find their server by name, and what one server does wrong stays its own.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Collection

import pytest

from mediator.adapters.tool_servers_routed import RoutedToolServers
from mediator.inspection.result import Ask, ToolResult, Waiting
from mediator.manifest.offer import Offer
from mediator.mediation.credential import ToolCredential
from mediator.mediation.permit import Permit
from mediator.mediation.ports import Aside
from mediator.refusal import Reason, Refused
from mediator.wire.methods import AskMethod
from tests.promises import promise
from tests.simulated.aside import KeptAside
from tests.simulated.permits import a_permit, no_credential


class Server:
    """Keeps what it was told; fails with `error` where it has one."""

    def __init__(self, error: Exception | None = None) -> None:
        self.told: list[str] = []
        self._error = error

    async def call(self, permit: Permit, credential: ToolCredential, aside: Aside) -> ToolResult:  # noqa: ARG002 - the port's
        self.told.append(f"call {permit.item.name}")
        self._fail()
        return ToolResult(result={"content": []}, error=None, size_bytes=14, noise=0)

    async def resume(self, permit: Permit, waiting: Waiting, aside: Aside) -> Waiting:  # noqa: ARG002 - the port's
        self.told.append(f"resume {permit.item.name}")
        self._fail()
        return waiting

    def abandon(self, waiting: Waiting) -> None:
        self.told.append(f"abandon {waiting.hold}")

    async def look_again(self) -> None:
        self.told.append("look")
        self._fail()

    async def offered(self) -> Offer:
        self.told.append("offered")
        self._fail()
        return Offer(tools=[{"name": "echo"}])

    def pins_changed(self) -> None:
        self.told.append("pins changed")

    async def end_task(self, task: str) -> None:
        self.told.append(f"end {task}")
        self._fail()

    async def end_grants(self, grant_ids: Collection[str]) -> None:
        self.told.append(f"end grants {', '.join(grant_ids)}")
        self._fail()

    async def aclose(self) -> None:
        self.told.append("close")
        self._fail()

    def _fail(self) -> None:
        if self._error is not None:
            raise self._error


async def test_a_call_reaches_the_server_of_its_permit_and_no_other() -> None:
    """P1: what was allowed for one server is never said to another."""
    clock, files = Server(), Server()
    routed = RoutedToolServers({"clock": clock, "files": files})
    permit = a_permit("echo", server="clock", task="task-1")
    result = await routed.call(permit, no_credential(permit), KeptAside())
    assert isinstance(result, ToolResult)
    assert result.result == {"content": []}
    assert (clock.told, files.told) == (["call echo"], [])
    assert routed.tasks == {"task-1"}


@promise("P7")
async def test_a_server_that_is_pinned_and_not_configured_is_unavailable_and_named() -> None:
    """P7: no other server stands in for it."""
    clock = Server()
    routed = RoutedToolServers({"clock": clock})
    permit = a_permit("echo", server="mail")
    with pytest.raises(Refused) as called:
        await routed.call(permit, no_credential(permit), KeptAside())
    with pytest.raises(Refused) as offered:
        await routed.offered("mail")
    for refused in (called.value, offered.value):
        assert refused.reason is Reason.TOOL_SERVER_UNAVAILABLE
        assert "`mail`" in refused.detail
        assert "[[tool_server]]" in refused.detail
    assert clock.told == []


async def test_an_offer_is_asked_of_the_one_server() -> None:
    """Ours."""
    clock, files = Server(), Server()
    routed = RoutedToolServers({"clock": clock, "files": files})
    assert await routed.offered("files") == Offer(tools=[{"name": "echo"}])
    assert (clock.told, files.told) == ([], ["offered"])


@pytest.mark.parametrize("error", [Refused(Reason.TOOL_SERVER_UNAVAILABLE, "dead"), ProcessLookupError("gone")])
@promise("P5")
async def test_a_server_that_cannot_be_ended_keeps_no_other_from_ending(error: Exception) -> None:
    """P5: what was started for a task ends with it, at every server."""
    broken, files = Server(error), Server()
    routed = RoutedToolServers({"broken": broken, "files": files})
    await routed.end_task("task-1")
    await routed.end_grants(["grant-1"])
    await routed.aclose()
    assert broken.told == ["end task-1", "end grants grant-1", "close"]
    assert files.told == ["end task-1", "end grants grant-1", "close"]


async def test_a_failing_call_still_leaves_its_task_to_be_ended() -> None:
    """P5: a process may have been started before the call failed."""
    broken = Server(Refused(Reason.TOOL_SERVER_UNAVAILABLE, "dead"))
    routed = RoutedToolServers({"clock": broken})
    permit = a_permit("echo", server="clock", task="task-1")
    with pytest.raises(Refused, match="dead"):
        await routed.call(permit, no_credential(permit), KeptAside())
    assert routed.tasks == {"task-1"}
    assert routed.grants == {permit.grant}
    await routed.end_task("task-1")
    assert (routed.tasks, routed.grants) == (frozenset(), frozenset())


async def test_a_grant_that_has_ended_is_ended_once() -> None:
    """Ours: what is remembered of grants does not grow for as long as their task lives."""
    clock = Server()
    routed = RoutedToolServers({"clock": clock})
    permit = a_permit("echo", server="clock", task="task-1")
    await routed.call(permit, no_credential(permit), KeptAside())
    await routed.end_grants(["another"])
    assert routed.grants == {permit.grant}
    await routed.end_grants([permit.grant])
    assert routed.grants == frozenset()


async def test_a_server_that_is_put_in_the_place_of_another_is_reached_and_the_other_is_given_back_to_be_ended() -> (
    None
):
    """Ours: what runs by an older configuration does not go on beside the newer one."""
    old, new, more = Server(), Server(), Server()
    routed = RoutedToolServers({"clock": old})
    replaced = routed.put({"clock": new, "more": more}, only={"clock", "more"})
    await routed.end_all(replaced)
    assert await routed.offered("clock") == Offer(tools=[{"name": "echo"}])
    await routed.aclose()
    assert (old.told, new.told, more.told) == (["close"], ["offered", "close"], ["close"])


@promise("P7")
async def test_a_server_that_is_configured_no_more_is_reached_no_more_and_ended() -> None:
    """Ours: what an operator took out does not go on until the next start."""
    gone, files = Server(), Server()
    routed = RoutedToolServers({"gone": gone, "files": files})
    await routed.end_all(routed.put({}, only={"files"}))
    with pytest.raises(Refused) as refusal:
        await routed.offered("gone")
    assert refusal.value.reason is Reason.TOOL_SERVER_UNAVAILABLE
    assert (gone.told, files.told) == (["close"], [])


@promise("P3", "P11")
@pytest.mark.parametrize(
    ("error", "why"),
    [
        (Refused(Reason.TOOL_SERVER_INVALID, "it pages for ever"), "it pages for ever"),
        (Refused(Reason.TOOL_SERVER_INVALID), "TOOL_SERVER_INVALID"),
        (TimeoutError(), "no answer in time"),
        (KeyError("a\nbug"), "internal error: KeyError('a\\nbug')"),
        (ExceptionGroup("two", [OSError("gone")]), "internal error: ExceptionGroup('two', [OSError('gone')])"),
    ],
)
async def test_every_server_is_looked_at_again_and_one_that_fails_is_named(error: Exception, why: str) -> None:
    """Ours: one broken server, or a bug of its adapter, keeps no other from being compared."""
    clock, files = Server(error), Server()
    assert await RoutedToolServers({"clock": clock, "files": files}).look_again() == {"clock": why}
    assert (clock.told, files.told) == (["look"], ["look"])


@promise("P11")
async def test_an_alarm_is_raised_when_a_server_begins_to_fail_and_when_it_no_longer_does() -> None:
    """Ours: a failure that is dropped is heard by nobody, and one that is told every few seconds by nobody either."""
    alarms: list[str] = []
    clock, gone = Server(KeyError("a bug")), Server(TimeoutError())
    routed = RoutedToolServers({"clock": clock, "gone": gone}, alarms.append)
    for _ in range(3):
        await routed.look_again()
    routed.put({"clock": Server()}, only={"clock"})
    for _ in range(2):
        await routed.look_again()
    assert alarms == [
        "`clock` cannot be compared with its pins: internal error: KeyError('a bug')",
        "`gone` cannot be compared with its pins: no answer in time",
        "`clock` is compared with its pins again",
    ]


@promise("P11")
async def test_a_bug_in_ending_one_server_ends_nobody_else_and_is_heard() -> None:
    """Ours: tasks are ended by a loop that the whole mediator stands on."""
    alarms: list[str] = []
    broken, files = Server(KeyError("a bug")), Server()
    routed = RoutedToolServers({"broken": broken, "files": files}, alarms.append)
    await routed.end_task("task-1")
    await routed.aclose()
    assert files.told == ["end task-1", "close"]
    assert alarms == ["a tool server was not ended in order: internal error: KeyError('a bug')"] * 2


def test_every_server_is_told_that_the_pins_have_changed() -> None:
    """P3: what was compared with older pins was not compared with these."""
    clock, files = Server(), Server()
    RoutedToolServers({"clock": clock, "files": files}).pins_changed()
    assert (clock.told, files.told) == (["pins changed"], ["pins changed"])


async def test_a_call_that_waits_goes_on_and_ends_at_its_own_server() -> None:
    """P1: what one server asked is answered to no other; of one that is reached no more nothing is left to end."""
    clock, files = Server(), Server()
    routed = RoutedToolServers({"clock": clock, "files": files})
    waiting = Waiting(ask=Ask(method=AskMethod.ELICIT, params={}, size_bytes=2), hold="it")
    assert await routed.resume(a_permit("echo", server="clock"), waiting, KeptAside()) is waiting
    routed.abandon("clock", waiting)
    routed.abandon("gone", waiting)
    assert (clock.told, files.told) == (["resume echo", "abandon it"], [])
