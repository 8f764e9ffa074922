"""A permit is leave for one call: whoever tries again with it, sends nothing (A2 provokes it, a careless adapter does it).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from mediator.inspection.result import ToolResult
from mediator.mediation.credential import ToolCredential
from mediator.mediation.permit import Permit
from mediator.mediation.ports import Aside
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.replies import tools_call
from tests.simulated.running import reason_in, running
from tests.simulated.tool_server import SimulatedToolServer, drop, http_answer, raw, tool
from tests.simulated.world import WEATHER_READ, SimulatedTask, SimulatedWorld, refusal, result_of
from tests.simulated.world_ports import ScriptedToolServers

CALL = tools_call("weather__read", city="Oslo")
ANSWER = ToolResult(result={"content": []}, error=None, size_bytes=14, noise=0)


@pytest.fixture
def task(world: SimulatedWorld) -> SimulatedTask:
    world.pin(WEATHER_READ)
    return world.open_task(tools="weather/*")


class Stubborn(ScriptedToolServers):
    """A tool side that tries three times, as retrying clients do, in turn or at once."""

    def __init__(self, world: SimulatedWorld, *, at_once: bool) -> None:
        super().__init__(world.pauses, world.fence)
        self._world, self._at_once = world, at_once
        self.sent = 0
        self.stops: list[Reason] = []

    async def call(self, permit: Permit, credential: ToolCredential, aside: Aside) -> ToolResult:  # noqa: ARG002 - the port says so
        if self._at_once:
            async with anyio.create_task_group() as trying:
                for _ in range(3):
                    trying.start_soon(self._try, permit)
        else:
            for _ in range(3):
                await self._try(copy.copy(permit))  # a copy is the same permit
        return ANSWER

    async def _try(self, permit: Permit) -> None:
        await anyio.lowlevel.checkpoint()
        try:
            permit.spring(self._world.fence)
        except Refused as stop:
            self.stops.append(stop.reason)
            return
        self.sent += 1


@promise("P1", "P7")
@pytest.mark.parametrize("at_once", [True, False])
async def test_an_adapter_that_retries_sends_once(world: SimulatedWorld, task: SimulatedTask, at_once: bool) -> None:
    """Design 4: the latch springs before the first byte, and a second spring raises."""
    stubborn = Stubborn(world, at_once=at_once)
    world.corridor = replace(world.corridor, ports=replace(world.corridor.ports, tool_servers=stubborn))
    for calls in (1, 2):
        assert result_of(await world.answer(CALL, bearer=task.token))["content"] == []
        assert stubborn.sent == calls
        assert stubborn.stops == [Reason.INTERNAL] * 2 * calls
    assert [kept.record.entry["verdict"] for kept in world.ledger.decisions] == ["allow", "allow"]
    assert [kept.outcome is not None and kept.outcome.entry["forwarded"] for kept in world.ledger.decisions] == [
        True,
        True,
    ]


@promise("P1", "P7")
async def test_a_second_spring_is_the_calls_own_failure_and_is_on_record(
    world: SimulatedWorld, task: SimulatedTask
) -> None:
    """Ours: an adapter that lets the refusal through has failed its call; nothing went out twice."""

    def again(permit: Permit) -> ToolResult:
        permit.spring(world.fence)
        return ANSWER

    world.tool_server.answer_with("weather/read", again)
    assert await world.answer(CALL, bearer=task.token) == refusal(Reason.INTERNAL)
    assert len(world.tool_server.calls) == 1
    outcome = world.ledger.last.outcome
    assert outcome is not None
    assert (outcome.entry["outcome"], outcome.entry["reason"], outcome.entry["forwarded"]) == (
        "REFUSED",
        "INTERNAL",
        True,
    )


@promise("P1", "P5")
async def test_a_permit_that_was_kept_is_worth_nothing_later(world: SimulatedWorld, task: SimulatedTask) -> None:
    """Ours: not after its call, and not for the next call of the same task either."""
    await world.answer(CALL, bearer=task.token)
    kept = world.tool_server.calls[-1].permit
    await world.answer(CALL, bearer=task.token)
    with pytest.raises(Refused) as again:
        kept.spring(world.fence)
    assert again.value.reason is Reason.INTERNAL

    def by_the_old_one(permit: Permit) -> ToolResult:
        assert permit is not kept
        kept.spring(world.fence)
        return ANSWER

    world.tool_server.answer_with("weather/read", by_the_old_one)
    assert await world.answer(CALL, bearer=task.token) == refusal(Reason.INTERNAL)
    assert len(world.tool_server.calls) == 3


@promise("P1", "P7", "P11")
@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_a_tool_server_that_asks_to_be_called_again_is_called_once(tmp_path: Path, era: str) -> None:
    """RFC 9110 §9.2.2: a payment may have been made before the line dropped, or 503 was said."""
    server = SimulatedToolServer(tools=[tool("pay")], era="modern" if era == "modern" else "legacy")
    async with running(tmp_path, {"a": server}) as mediator:
        assert (
            reason_in(await mediator.post(tools_call("a__pay", text="1"))) is None
        )  # a connection is there to be reused
        provocations = {
            "drops": drop,
            "half a head": raw(b"HTTP/1.1 200 O"),
            "half a body": raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"),
            "later": raw(http_answer(b"", status="503 Service Unavailable", head="Retry-After: 0\r\n")),
            "too many": raw(http_answer(b"", status="429 Too Many Requests", head="Retry-After: 0\r\n")),
            "timed out": raw(http_answer(b"", status="408 Request Timeout")),
            "elsewhere": raw(http_answer(b"", status="307 Temporary Redirect", head=f"Location: {server.url}\r\n")),
            "lost": raw(http_answer(b"", status="404 Not Found")),
            "who": raw(http_answer(b"", status="401 Unauthorized", head="WWW-Authenticate: Bearer\r\n")),
        }
        for name, behaviour in provocations.items():
            before = len(server.calls)
            server.on("tools/call", behaviour)
            answer = await mediator.post(tools_call("a__pay", text="1"))
            assert (name, reason_in(answer) in {"TOOL_SERVER_UNAVAILABLE", "TOOL_SERVER_INVALID"}) == (name, True)
            assert (name, len(server.calls)) == (name, before + 1)
            server.on("tools/call", None)
            answer = await mediator.post(tools_call("a__pay", text="1"))
            assert (name, reason_in(answer)) == (name, None)
            assert (name, len(server.calls)) == (name, before + 2)
        assert len(mediator.decisions) == len(server.calls)
        assert all(entry["forwarded"] for entry in mediator.entries("outcome"))
        assert len(mediator.entries("outcome")) == len(server.calls)
