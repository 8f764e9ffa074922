"""What the shell adds to the circumstances of one call: what is new to its agent, and where the operator's clocks are.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediator.mediation.circumstances import NOTHING_KNOWN, UNKNOWN
from mediator.mediation.deliberate import Deliberation
from mediator.mediation.surroundings import Surroundings
from tests.promises import promise
from tests.simulated.clock import FixedZone
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.judged import allowed, denied
from tests.simulated.memory import MemoryStore
from tests.simulated.replies import tools_call
from tests.simulated.world import WEATHER_READ, SimulatedWorld

NOBODY: frozenset[str] = frozenset()


@pytest.fixture
async def judged(world: SimulatedWorld) -> Deliberation:
    """Return an allowed call of a pinned tool."""
    world.pin(WEATHER_READ)
    await world.answer(tools_call("weather__read", city="Oslo"), bearer=world.open_task().token)
    return world.ledger.last.decision


def test_a_call_is_new_to_its_agent_until_it_was_allowed(judged: Deliberation) -> None:
    """Issue 7: of this call alone, in the circumstances that are recorded."""
    surroundings = Surroundings(familiarity=MemoryStore(), zone=FixedZone(-3_600))
    for novel in (frozenset({"tool", "server", "effect"}), NOBODY):
        found = surroundings.add_to(
            judged.circumstances, judged.call, judged.snapshot, None, frozenset({"calls:x"}), NOW_MS
        )
        assert found == replace(
            judged.circumstances, novel=novel, spent=frozenset({"calls:x"}), utc_offset_seconds=-3_600
        )
        surroundings.remember(judged)


@promise("P7")
def test_where_nothing_can_be_known_everything_is_new(judged: Deliberation) -> None:
    """Ours: without a grant, and of a tool that is not there."""
    surroundings = Surroundings(familiarity=MemoryStore(), zone=FixedZone())
    surroundings.remember(judged)
    unknown = surroundings.add_to(UNKNOWN, judged.call, judged.snapshot, None, NOBODY, NOW_MS)
    assert unknown.novel == NOTHING_KNOWN
    other = replace(judged.snapshot, pins=SimulatedWorld().trust.snapshot().pins)
    assert surroundings.add_to(judged.circumstances, judged.call, other, None, NOBODY, NOW_MS).novel == NOTHING_KNOWN


@promise("P7")
def test_a_denial_makes_nothing_familiar() -> None:
    """A1: nobody becomes known by asking."""
    store = MemoryStore()
    surroundings = Surroundings(familiarity=store, zone=FixedZone())
    surroundings.remember(denied())
    marks = ("tool clock/now", "server clock", "effect read")
    assert store.find_known("planner", marks, NOW_MS) == NOBODY
    surroundings.remember(allowed())
    assert store.find_known("planner", marks, NOW_MS) == frozenset(marks)
