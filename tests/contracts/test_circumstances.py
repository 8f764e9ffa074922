"""What every `CircumstancesSource` keeps: what it gathers is what is stored now, and says under which epoch.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediator.delegation.grant import GrantState
from mediator.mediation.circumstances import Circumstances
from mediator.mediation.deliberate import Claim
from mediator.mediation.ports import Claimed, Stale
from tests.contracts.stores import Store
from tests.promises import promise
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.grants import a_grant

GRANT = a_grant(max_calls=2)


def gathered(store: Store, **known: object) -> Circumstances:
    nothing = Circumstances(
        epoch=store.epoch(),
        grants=(),
        calls=0,
        last_used_ms=None,
        spent=frozenset(),
        labels=frozenset(),
        frozen=frozenset(),
    )
    return replace(nothing, **known)  # type: ignore[arg-type]  # fields by name


@promise("P7")
@pytest.mark.parametrize("name", ["g-1", "", "g-1\x00", "g-1' OR '1'='1", "é" * 10_000, "\ud800"])
def test_of_a_grant_that_is_not_stored_nothing_is_known(store: Store, name: str) -> None:
    """Ours: an id comes out of a token, and is only looked up."""
    store.open(a_grant(id="g-2"))
    assert store.gather(name) == gathered(store)


def test_a_grant_is_gathered_as_it_was_stored(store: Store) -> None:
    """Ours: without waiting for the epoch to move, for opening does not move it."""
    assert store.gather("g-1") == gathered(store)
    store.open(GRANT)
    assert store.gather("g-1") == gathered(store, grants=(GRANT,))
    assert store.gather("g-1") == gathered(store, grants=(GRANT,))


@promise("P5")
@pytest.mark.parametrize("state", [GrantState.COMPLETED, GrantState.REVOKED])
def test_an_ended_grant_is_ended_at_the_next_look(store: Store, state: GrantState) -> None:
    """Ours: and whoever looked before is told so by the epoch."""
    store.open(GRANT)
    before = store.gather("g-1")
    store.end("g-1", state)
    assert store.gather("g-1") == gathered(store, grants=(replace(GRANT, state=state),))
    assert store.claim("g-1", [], before.epoch, NOW_MS) == Stale()


def test_ending_one_task_leaves_the_others(store: Store) -> None:
    """Ours."""
    other = a_grant(id="g-2")
    store.open(GRANT)
    store.open(other)
    store.end("g-1", GrantState.REVOKED)
    assert store.gather("g-2").grants == (other,)


def test_calls_are_counted_for_their_task(store: Store) -> None:
    """Ours: a call that was allowed is one, whether or not anything else was counted."""
    store.open(GRANT)
    store.open(a_grant(id="g-2"))
    for minute in range(3):
        assert store.claim("g-1", [], store.epoch(), NOW_MS + minute * 60_000) == Claimed()
    assert store.gather("g-1") == gathered(store, grants=(GRANT,), calls=3, last_used_ms=NOW_MS + 120_000)
    assert store.gather("g-2").calls == 0


def test_a_call_that_was_not_allowed_is_none(store: Store) -> None:
    """Ours."""
    store.open(GRANT)
    store.claim("g-1", [], store.epoch() + 1, NOW_MS)
    store.claim("g-1", [Claim(key="calls:g-1", limit=0)], store.epoch(), NOW_MS)
    assert (store.gather("g-1").calls, store.gather("g-1").last_used_ms) == (0, None)


def test_a_right_with_nothing_left_is_spent(store: Store) -> None:
    """Ours: so that the next judgement says so, and not only the claim."""
    store.open(GRANT)
    claim = Claim(key="calls:g-1", limit=2)
    assert store.claim("g-1", [claim], store.epoch(), NOW_MS) == Claimed()
    assert store.gather("g-1").spent == frozenset()
    assert store.claim("g-1", [claim], store.epoch(), NOW_MS) == Claimed()
    assert store.gather("g-1").spent == {"calls:g-1"}


@promise("P5")
def test_whoever_is_stopped_is_told_at_the_next_look_and_whoever_looked_before_is_stale(store: Store) -> None:
    """Issue 5: of every grant, whether or not it is stored, for whom it concerns is decided elsewhere."""
    store.open(GRANT)
    before = store.gather("g-1")
    store.freeze("agent:planner")
    store.freeze("tool:mail/send")
    stopped = frozenset({"agent:planner", "tool:mail/send"})
    assert store.gather("g-1") == gathered(store, grants=(GRANT,), frozen=stopped)
    assert store.gather("g-9") == gathered(store, frozen=stopped)
    assert store.claim("g-1", [], before.epoch, NOW_MS) == Stale()
    store.unfreeze("agent:planner")
    assert store.gather("g-1").frozen == {"tool:mail/send"}


@promise("P4")
def test_what_was_handed_on_comes_with_every_link_above_it(store: Store) -> None:
    """P4: root first; and with the root's end, each."""
    child = a_grant(id="g-1a", parent="g-1", root="g-1", agent="worker", depth=1)
    store.open(GRANT)
    store.open(child)
    assert store.gather("g-1a").grants == (GRANT, child)
    store.end("g-1", GrantState.COMPLETED)
    assert [link.state for link in store.gather("g-1a").grants] == [GrantState.COMPLETED] * 2
