"""What every `Familiarity` keeps: an agent is familiar with what it was allowed lately, and no other agent is.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from tests.contracts.stores import Store
from tests.promises import promise
from tests.simulated.forged_tokens import NOW_MS

DAY_MS = 86_400_000
TODAY_MS = NOW_MS - NOW_MS % DAY_MS
MARKS = ("tool mail/send", "destination send a.example")


@promise("P7")
def test_nothing_is_known_of_an_agent_that_did_nothing(store: Store) -> None:
    """Ours: empty is never permission."""
    assert store.find_known("planner", MARKS, NOW_MS) == frozenset()


@promise("P4")
def test_what_one_agent_did_makes_nothing_familiar_to_another(store: Store) -> None:
    """Issue 7: not this task, this agent; and by no spelling of its name."""
    store.remember("planner", MARKS, NOW_MS)
    assert store.find_known("planner", MARKS, NOW_MS) == frozenset(MARKS)
    assert store.find_known("planner", ("tool mail/read", *MARKS[:1]), NOW_MS) == {MARKS[0]}
    for other in ("worker", "planne", "plannerx", "", "Planner", "\ud800"):
        assert store.find_known(other, MARKS, NOW_MS) == frozenset()


def test_what_was_done_too_long_ago_is_new_again(store: Store) -> None:
    """Settings `[policy] novelty_days`: today, and so many days before; each time that it is done counts anew."""
    store.remember("planner", MARKS, TODAY_MS)
    last_ms = TODAY_MS + 31 * DAY_MS - 1
    assert store.find_known("planner", MARKS, last_ms) == frozenset(MARKS)
    assert store.find_known("planner", MARKS, last_ms + 1) == frozenset()
    store.remember("planner", MARKS[:1], last_ms)
    assert store.find_known("planner", MARKS, last_ms + 1) == {MARKS[0]}
