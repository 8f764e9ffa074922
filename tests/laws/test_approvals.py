"""Approvals: one is of one request of one agent in one task, and of how many callers at once, one goes through.

The whole corridor, over random requests; and the real store, opened several times.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import anyio
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mediator.canonical import Json, JsonObject, canonical_bytes, parse_object
from mediator.mediation.approval import claim_key
from mediator.mediation.deliberate import Claim
from mediator.mediation.ports import Claimed, Lost
from mediator.mediation.replay import recorded, replay
from mediator.refusal import Refused
from tests.contracts.stores import sqlite_in
from tests.promises import promise
from tests.simulated.policies import FOR_BEARERS
from tests.simulated.world import SimulatedTask, SimulatedWorld, owned, refusal_of, tools_call

NEEDS_APPROVAL: Final = """
@id("needs-approval") @reason("a person looks first")
forbid (principal, action == Mediator::Action::"desk/do", resource) unless { context has approval };
"""
DO: Final = owned("desk/do", "a", "b", "c")
_LETTERS: Final = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)
REQUESTS: Final = st.dictionaries(st.sampled_from(["a", "b", "c"]), _LETTERS, min_size=1, max_size=3)


def a_world() -> SimulatedWorld:
    world = SimulatedWorld()
    world.pin(DO)
    world.activate({**FOR_BEARERS, "more.cedar": NEEDS_APPROVAL})
    world.tool_server.answer_with("desk/do", {"content": []})
    return world


async def went_through(world: SimulatedWorld, task: SimulatedTask, arguments: JsonObject) -> bool:
    before = len(world.tool_server.calls)
    await world.answer(tools_call("desk__do", **arguments), bearer=task.token)
    return len(world.tool_server.calls) > before


async def approved(world: SimulatedWorld, task: SimulatedTask, arguments: JsonObject) -> None:
    reply = await world.answer(tools_call("desk__do", **arguments), bearer=task.token)
    world.approvals.approve(refusal_of(reply)["approval"])


@st.composite
def one_byte_off(draw: st.DrawFn) -> tuple[JsonObject, JsonObject]:
    """Return two requests whose canonical bytes differ in one byte: changed, put in, or left out."""
    request: JsonObject = {**draw(REQUESTS)}
    raw = bytearray(canonical_bytes(request))
    place, byte = draw(st.integers(0, len(raw) - 1)), draw(st.integers(0x20, 0x7E))
    match draw(st.sampled_from(["change", "put in", "leave out"])):
        case "change":
            raw[place] = byte
        case "put in":
            raw.insert(place, byte)
        case _:
            del raw[place]
    try:
        other = parse_object(bytes(raw))
    except Refused:
        assume(False)
    assume(other != request and all(isinstance(value, str) for value in other.values()))
    return request, other


@promise("P6")
@given(requests=one_byte_off())
def test_an_approval_of_one_request_allows_no_other(requests: tuple[JsonObject, JsonObject]) -> None:
    """Issue 7, must-show 2: widened by one byte of arguments; it allows its own, once, and each is replayed the same."""

    async def show() -> None:
        world = a_world()
        task = world.open_task(tools="desk/*")
        mine, other = requests
        await approved(world, task, mine)
        assert not await went_through(world, task, other)
        assert await went_through(world, task, mine)
        assert not await went_through(world, task, mine)
        for kept in world.ledger.decisions:
            assert replay(kept.record.entry, kept.record.values, world.trust.snapshot()) == recorded(kept.record.entry)

    anyio.run(show)


@promise("P4", "P6")
@given(arguments=REQUESTS, same_purpose=st.booleans(), same_agent=st.booleans())
def test_an_approval_is_of_one_agent_in_one_task(
    arguments: dict[str, str], same_purpose: bool, same_agent: bool
) -> None:
    """Issue 7, must-show 2: however alike the other task is."""

    async def show() -> None:
        world = a_world()
        task = world.open_task(tools="desk/*")
        other = world.open_task(
            tools="desk/*",
            agent="planner" if same_agent else "other",
            purpose="plan a trip" if same_purpose else "plan another",
        )
        await approved(world, task, {**arguments})
        assert not await went_through(world, other, {**arguments})
        assert await went_through(world, task, {**arguments})

    anyio.run(show)


ENDS: Final[dict[str, Any]] = {
    "expired": lambda world, _task: world.clock.advance(minutes=15),
    "completed": lambda world, task: world.complete(task),
    "revoked": lambda world, task: world.revoke(task),
    "denied after all": lambda world, _task: world.approvals.deny(next(iter(world.approvals.requests))),
    "pinned anew": lambda world, _task: world.pin(owned("desk/do", "a", "b", "c", "d")),
    "nobody may approve any more": lambda world, _task: world.activate(
        {name: text for name, text in FOR_BEARERS.items() if name != "approvals.cedar"} | {"more.cedar": NEEDS_APPROVAL}
    ),
    "forbidden": lambda world, _task: world.activate(
        {**FOR_BEARERS, "more.cedar": NEEDS_APPROVAL.split(" unless")[0] + ";"}
    ),
}


@promise("P5", "P6")
@settings(max_examples=30)
@given(arguments=REQUESTS, end=st.sampled_from(sorted(ENDS)))
def test_an_approval_that_has_ended_allows_nothing(arguments: dict[str, str], end: str) -> None:
    """Issue 7, must-show 2: in each way in which it ends before it is used."""

    async def show() -> None:
        world = a_world()
        task = world.open_task(tools="desk/*", minutes=120)
        await approved(world, task, {**arguments})
        ENDS[end](world, task)
        assert not await went_through(world, task, {**arguments})

    anyio.run(show)


@promise("P6")
@settings(max_examples=20)
@given(arguments=REQUESTS, callers=st.integers(2, 12))
def test_of_callers_at_once_exactly_one_goes_through(arguments: dict[str, str], callers: int) -> None:
    """Issue 7, must-show 2: concurrent use grants exactly one call."""

    async def show() -> None:
        world, asked = a_world(), dict[str, Json](arguments)
        task = world.open_task(tools="desk/*")
        await approved(world, task, asked)
        judged, all_judged = 0, anyio.Event()

        async def wait_for_all() -> None:  # each was judged with the approval by then
            nonlocal judged
            judged += 1
            if judged == callers:
                all_judged.set()
            await all_judged.wait()

        world.at("commit", *[wait_for_all] * callers)
        async with anyio.create_task_group() as group:
            for _ in range(callers):
                group.start_soon(went_through, world, task, asked)
        assert len(world.tool_server.calls) == 1

    anyio.run(show)


@promise("P6")
def test_of_stores_on_one_file_one_takes_an_approval(tmp_path: Path) -> None:
    """Issue 7, must-show 2: exact across workers, and across a restart; what was taken is known to neither any more."""
    claim = Claim(key=claim_key("approval-1"), limit=1)
    stores = [sqlite_in(tmp_path) for _ in range(4)]
    try:
        taken = [store.claim("task-1", (claim,), store.epoch(), 1) for store in stores]
        assert taken == [Claimed(), *[Lost(claim)] * 3]
    finally:
        for store in stores:
            store.close()
    with sqlite_in(tmp_path) as again:
        assert again.claim("task-1", (claim,), again.epoch(), 1) == Lost(claim)
