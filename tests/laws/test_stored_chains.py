"""A store, whatever happens to it in whatever order: what has ended is dead with all below it, and nothing else is.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mediator.delegation.chain import prove_chain
from mediator.delegation.grant import Grant, GrantState
from mediator.identity.oauth_error import TokenRefused
from mediator.mediation.ports import Claimed
from mediator.refusal import Reason, Refused
from tests.contracts.stores import sqlite_in
from tests.promises import promise
from tests.simulated.delegations import asking, handed_on
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.grants import a_grant, authority
from tests.simulated.judged import identified

MINUTE_MS: Final = 60_000
AGENTS: Final = ("a", "b", "c", "d")
ENDED: Final = {
    GrantState.OPEN: None,
    GrantState.REVOKED: Reason.GRANT_REVOKED,
    GrantState.COMPLETED: Reason.TASK_COMPLETED,
}
which = st.integers(0, 30)


@dataclass
class Known:
    """A grant that is stored, as we remember it; `state` and `above` are the whole model."""

    grant: Grant
    above: tuple[str, ...]
    state: GrantState = GrantState.OPEN


class StoredChains(RuleBasedStateMachine):
    """Grants are opened, handed on, ended, used and outlived; the store is closed and opened again in between."""

    @initialize()
    def begin(self) -> None:
        self.folder = TemporaryDirectory()
        self.store = sqlite_in(Path(self.folder.name))
        self.now_ms = NOW_MS
        self.known: dict[str, Known] = {}
        self.used_ms: dict[str, int] = {}
        self.prepared: list[Grant] = []
        self.made = 0
        self.open_task(idle_minutes=None, minutes=60)
        self.open_task(idle_minutes=10, minutes=60)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()

    def name(self) -> str:
        self.made += 1
        return f"g-{self.made}"

    def pick(self, number: int) -> Known:
        return list(self.known.values())[number % len(self.known)]

    def chain(self, known: Known) -> tuple[Grant, ...]:
        return tuple(self.known[name].grant for name in (*known.above, known.grant.id))

    def death_of(self, known: Known) -> Reason | None:
        """Return why this grant gives nothing now, by the model: the first link, from the root, that is dead."""
        root_used = self.used_ms.get((*known.above, known.grant.id)[0])
        for name in (*known.above, known.grant.id):
            link = self.known[name]
            if (reason := ENDED[link.state]) is not None:
                return reason
            used_ms = max(link.grant.opened_ms, root_used or 0)
            is_idle = link.grant.idle_ms is not None and self.now_ms - used_ms >= link.grant.idle_ms
            if self.now_ms >= link.grant.expires_ms or is_idle:
                return Reason.GRANT_EXPIRED
        return None

    # --- what happens ------------------------------------------------------------------------------------------------

    @rule(idle_minutes=st.sampled_from([None, 10]), minutes=st.sampled_from([5, 60, 60]))
    def open_task(self, idle_minutes: int | None, minutes: int) -> None:
        root = a_grant(
            id=self.name(),
            rights=authority("files/* read"),
            max_depth=3,
            keyid="key of planner",
            opened_ms=self.now_ms,
            expires_ms=self.now_ms + minutes * MINUTE_MS,
            idle_ms=None if idle_minutes is None else idle_minutes * MINUTE_MS,
        )
        self.store.open_grant(root, b"signed")
        self.known[root.id] = Known(grant=root, above=())

    @rule(parent=which, to=st.sampled_from(AGENTS), seconds=st.sampled_from([None, 120]), at_once=st.booleans())
    def hand_on(self, parent: int, to: str, seconds: int | None, at_once: bool) -> None:
        holder = self.pick(parent)
        try:
            child = handed_on(
                *self.store.gather(holder.grant.id).grants,
                to=to,
                asked=asking("files/a read", expires_in=seconds),
                name=self.name(),
                now_ms=self.now_ms,
            )
        except (Refused, TokenRefused):
            return
        assert self.death_of(holder) is None
        self.prepared.append(child)
        if at_once:
            self.store_prepared(len(self.prepared) - 1)

    @precondition(lambda self: self.prepared)
    @rule(number=which)
    def store_prepared(self, number: int) -> None:
        """What was judged while its parent lived comes to the store at any time after."""
        child = self.prepared.pop(number % len(self.prepared))
        assert child.parent is not None
        parent = self.known[child.parent]
        if parent.state is not GrantState.OPEN:
            with pytest.raises(Refused) as stop:
                self.store.open_grant(child, b"proof")
            assert stop.value.reason is Reason.GRANT_REVOKED
            return
        self.store.open_grant(child, b"proof")
        self.known[child.id] = Known(grant=child, above=(*parent.above, parent.grant.id))

    @rule(number=which, state=st.sampled_from([GrantState.REVOKED, GrantState.COMPLETED]))
    def end(self, number: int, state: GrantState) -> None:
        top = self.pick(number).grant.id
        below = {name for name, known in self.known.items() if top in (*known.above, name)}
        doomed = {name for name in below if self.known[name].state is GrantState.OPEN}
        assert set(self.store.end_grant(top, state, "the test wants it")) == doomed
        for name in doomed:
            self.known[name].state = state

    @rule(number=which)
    def use(self, number: int) -> None:
        known = self.pick(number)
        root = (*known.above, known.grant.id)[0]
        if self.death_of(known) is None:
            assert self.store.claim(root, (), self.store.epoch(), self.now_ms) == Claimed()
            self.used_ms[root] = max(self.now_ms, self.used_ms.get(root, 0))

    @rule(minutes=st.sampled_from([1, 4, 11]))
    def pass_time(self, minutes: int) -> None:
        self.now_ms += minutes * MINUTE_MS

    @rule()
    def open_again(self) -> None:
        self.store.close()
        self.store = sqlite_in(Path(self.folder.name))

    # --- what holds --------------------------------------------------------------------------------------------------

    @invariant()
    def only_what_lives_with_all_above_it_passes(self) -> None:
        for known in self.known.values() if hasattr(self, "known") else ():
            circumstances = self.store.gather(known.grant.id)
            died: Reason | None = None
            try:
                chain = prove_chain(
                    identified(known.grant).claims, circumstances.grants, circumstances.last_used_ms, self.now_ms
                )
            except Refused as stop:
                died = stop.reason
            else:
                assert chain.links == self.chain(known)
            assert died == self.death_of(known)

    @invariant()
    def what_has_ended_stays_as_it_ended(self) -> None:
        if hasattr(self, "known"):
            stored = {one.grant.id: one.grant.state for one in self.store.list_grants()}
            assert stored == {name: known.state for name, known in self.known.items()}


@promise("P4", "P5")
def test_no_descendant_of_what_is_dead_passes_and_whatever_stands_beside_it_does() -> None:
    """P4 and P5, over the real store: the model says exactly which are dead, so that siblings are isolated."""
    run_state_machine_as_test(StoredChains, settings=settings(max_examples=30, stateful_step_count=25))
