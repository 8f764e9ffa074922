"""An agent that runs away, or a tool server that is down: each is stopped, told when to come back, and on record (A1, A2).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections import Counter

import anyio
import pytest

from mediator.mediation.replay import recorded, replay
from mediator.refusal import Reason, Refused
from mediator.settings.quotas import BreakerSettings, LoopSettings, Quotas, RateSettings
from tests.promises import promise
from tests.simulated.world import WEATHER_READ, SimulatedTask, SimulatedWorld, refusal_of, tools_call

CALM = RateSettings(name="calm", per="agent", calls=60, seconds=60, burst=5)
BREAKER = BreakerSettings(failures=3, after_seconds=4, open_seconds=20)


def a_world(quotas: Quotas | None = None, breaker: BreakerSettings | None = None) -> SimulatedWorld:
    world = SimulatedWorld(quotas=quotas or Quotas(), breaker=breaker or BreakerSettings(failures=0))
    world.pin(WEATHER_READ)
    return world


async def called(world: SimulatedWorld, task: SimulatedTask, city: str = "Oslo") -> str | None:
    """Call once, and return the reason of the refusal, if it is one; every decision so far replays."""
    told = refusal_of(await world.answer(tools_call("weather__read", city=city), bearer=task.token))
    for kept in world.ledger.decisions:
        assert replay(kept.record.entry, kept.record.values, kept.decision.snapshot) == recorded(kept.record.entry)
    return None if told is None else str(told["reason"])


@promise("P7", "P8")
async def test_a_rate_is_kept_by_every_task_of_an_agent_together() -> None:
    """Issue 7, rates: five at once, then one a second; another agent has its own."""
    world = a_world(Quotas(rates=(CALM,)))
    one, two, other = world.open_task(), world.open_task(), world.open_task(agent="other")
    told = [await called(world, task) for task in (one, two) * 4]
    assert told == [None] * 5 + ["RATE_LIMITED"] * 3
    entry = world.ledger.last.record.entry
    assert (entry["reason"], entry["remedy"]) == ("RATE_LIMITED", "try again in 1 s")
    assert entry["circumstances"]["exhausted"] == {"rate:calm:planner": 1000}  # type: ignore[index,call-overload] # JSON
    assert await called(world, other) is None
    world.clock.advance(seconds=1)
    assert [await called(world, one) for _ in range(2)] == [None, "RATE_LIMITED"]
    assert len(world.tool_server.calls) == 7


@promise("P11")
async def test_a_first_call_after_hours_of_silence_is_not_refused() -> None:
    """Issue 7: never punished by the clock."""
    world = a_world(Quotas(rates=(CALM,), loop=LoopSettings(calls_max=5, window_seconds=60)))
    task = world.open_task(minutes=480)
    for _ in range(3):
        assert [await called(world, task) for _ in range(6)] == [None] * 5 + ["RATE_LIMITED"]
        world.clock.advance(seconds=2 * 3600)
        task = SimulatedTask(grant=task.grant, token=world.token_for(task.grant))


@promise("P7", "P8")
async def test_a_rate_is_not_exceeded_by_calls_at_once() -> None:
    """Ours: a place is taken in the loop turn in which claims are made."""
    world = a_world(Quotas(rates=(CALM,)))
    tasks = [world.open_task() for _ in range(64)]
    told: list[object] = []

    async def call(task: SimulatedTask) -> None:
        found = refusal_of(await world.answer(tools_call("weather__read", city="Oslo"), bearer=task.token))
        told.append(None if found is None else found["reason"])

    with anyio.fail_after(30):
        async with anyio.create_task_group() as calling:
            for task in tasks:
                calling.start_soon(call, task)
    assert Counter(told) == {None: 5, "RATE_LIMITED": 59}


@promise("P7", "P8")
async def test_the_same_request_again_and_again_is_a_loop() -> None:
    """Issue 7, loops: of one task, and only of exactly the same request."""
    world = a_world(Quotas(loop=LoopSettings(calls_max=3, window_seconds=60)))
    task, other = world.open_task(), world.open_task()
    assert [await called(world, task) for _ in range(5)] == [None] * 3 + ["LOOP_DETECTED"] * 2
    assert await called(world, task, "Bergen") is None
    assert await called(world, other) is None
    world.clock.advance(seconds=20)
    assert [await called(world, task) for _ in range(2)] == [None, "LOOP_DETECTED"]


@promise("P7", "P8")
async def test_a_denied_request_takes_no_place() -> None:
    """Ours: denials are counted apart."""
    world = a_world(Quotas(rates=(CALM,)))
    task = world.open_task(max_calls=2)
    assert [await called(world, task) for _ in range(9)] == [None] * 2 + ["BUDGET_SPENT"] * 7
    other = world.open_task()
    assert [await called(world, other) for _ in range(4)] == [None] * 3 + ["RATE_LIMITED"]


@promise("P8", "P11")
async def test_a_tool_server_that_is_down_is_left_alone_and_then_tried_once() -> None:
    """Issue 7, circuit breaker: refused at once and on record; nothing is made again by us."""
    world = a_world(breaker=BREAKER)
    task = world.open_task()
    world.tool_server.answer_with("weather/read", Refused(Reason.TOOL_SERVER_UNAVAILABLE, "down"))
    for _ in range(3):
        assert await called(world, task) == "TOOL_SERVER_UNAVAILABLE"
        world.clock.advance(seconds=2)
    entries = len(world.ledger.decisions)
    reached = len(world.tool_server.calls)
    assert [await called(world, task) for _ in range(4)] == ["TOOL_SERVER_UNAVAILABLE"] * 4
    assert len(world.tool_server.calls) == reached
    last = world.ledger.last
    assert len(world.ledger.decisions) == entries + 4
    assert (last.record.entry["verdict"], last.outcome) == ("deny", None)
    assert last.record.entry["remedy"] == "try again in 18 s"
    world.clock.advance(seconds=18)
    assert await called(world, task) == "TOOL_SERVER_UNAVAILABLE"  # the trial, which fails
    assert len(world.tool_server.calls) == reached + 1
    assert await called(world, task) == "TOOL_SERVER_UNAVAILABLE"
    world.tool_server.answer_with("weather/read", {"content": []})
    world.clock.advance(seconds=20)
    assert [await called(world, task) for _ in range(3)] == [None] * 3


@promise("P11")
async def test_one_call_tries_while_the_others_are_still_refused() -> None:
    """Ours: a server that comes back is not met by everybody at once."""
    world = a_world(breaker=BREAKER)
    task = world.open_task()
    world.tool_server.answer_with("weather/read", Refused(Reason.TOOL_SERVER_UNAVAILABLE, "down"))
    for _ in range(3):
        await called(world, task)
        world.clock.advance(seconds=2)
    world.clock.advance(seconds=20)
    world.tool_server.answer_with("weather/read", {"content": []})
    gate, told = anyio.Event(), list[object]()
    world.at("call", gate.wait)

    async def call() -> None:
        found = refusal_of(await world.answer(tools_call("weather__read", city="Oslo"), bearer=task.token))
        told.append(None if found is None else found["reason"])

    with anyio.fail_after(30):
        async with anyio.create_task_group() as calling:
            for _ in range(8):
                calling.start_soon(call)
            while len(told) < 7:
                await anyio.lowlevel.checkpoint()
            gate.set()
    assert Counter(told) == {"TOOL_SERVER_UNAVAILABLE": 7, None: 1}
    assert await called(world, task) is None


@promise("P7")
@pytest.mark.parametrize("moved", [1, 2])
async def test_a_call_that_is_judged_again_takes_one_place(moved: int) -> None:
    """Design 4, stale: what was taken for the judgement that did not stand is given back."""
    world = a_world(Quotas(rates=(CALM,)))
    task = world.open_task()
    world.at("commit", *[world.store.move_epoch] * moved)
    assert [await called(world, task) for _ in range(6)] == [None] * 5 + ["RATE_LIMITED"]
