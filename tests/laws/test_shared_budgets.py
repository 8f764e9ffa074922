"""Shared budgets: a call takes a unit of each link above it, and however many take at once, none is taken twice.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Barrier, Lock
from typing import Final

import anyio
import pytest

from mediator.adapters.ledger_segments.ledger import SegmentLedger
from mediator.adapters.ledger_segments.showing import Wanted, find_entries
from mediator.adapters.store_sqlite.store import SqliteStore
from mediator.canonical import JsonObject
from mediator.delegation.grant import Grant
from mediator.mediation.deliberate import Claim, Deliberation, Verdict, deliberate
from mediator.mediation.ports import Claimed, Lost
from mediator.mediation.record import Committed
from mediator.policy.approving import ApprovalQuestion
from mediator.policy.decision import Decision
from mediator.policy.request import AccessRequest, DelegationRequest
from mediator.refusal import Reason
from tests.contracts.stores import MAC_KEY, sqlite_in
from tests.promises import promise
from tests.simulated.clock import FixedClock
from tests.simulated.delegations import ROOT, asking, handed_on
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.ids import ids_of
from tests.simulated.judged import POLICY_DIGEST, a_call, a_snapshot, identified
from tests.simulated.pins import pins_of

CALLERS: Final = 64
TASK: Final = replace(ROOT, max_calls=40)
LEFT: Final = handed_on(TASK, to="left", asked=asking("files/a read", max_calls=25))
RIGHT: Final = handed_on(TASK, to="right", asked=asking("files/a read", max_calls=25))
BELOW: Final = handed_on(TASK, RIGHT, to="below", asked=asking("files/a read", max_calls=7))
SHARING: Final = handed_on(TASK, LEFT, to="sharing", asked=asking("files/a read"))
CHAINS: Final = ((TASK,), (TASK, LEFT), (TASK, RIGHT), (TASK, RIGHT, BELOW), (TASK, LEFT, SHARING))
ALL: Final = tuple(links[-1] for links in CHAINS)


class Permissive:
    """A policy engine that allows: the budget alone decides."""

    digest = POLICY_DIGEST

    def evaluate(self, _request: AccessRequest) -> Decision:
        return Decision(verdict=Verdict.ALLOW, determining=("all",), policy_digest=POLICY_DIGEST)

    def evaluate_delegation(self, request: DelegationRequest) -> Decision:
        raise AssertionError(request)

    def evaluate_approval(self, question: ApprovalQuestion) -> Decision:
        raise AssertionError(question)


SNAPSHOT: Final = replace(
    a_snapshot(),
    policies=Permissive(),
    pins=pins_of({"name": "a", "inputSchema": {"type": "object"}}, server="files"),
)


def judged(store: SqliteStore, grant: Grant, number: int, lost: frozenset[str] = frozenset()) -> Deliberation:
    circumstances = store.gather(grant.id)
    return deliberate(
        call=a_call({}, name="files__a"),
        identity=identified(grant),
        snapshot=SNAPSHOT,
        circumstances=replace(circumstances, spent=circumstances.spent | lost),
        now_ms=NOW_MS,
        ids=ids_of(number),
    )


def opened(folder: Path) -> SqliteStore:
    store = sqlite_in(folder)
    for grant in ALL:
        store.open_grant(grant, b"signed")
    return store


def taken(store: SqliteStore, grant: Grant, number: int = 1) -> bool:
    """Take a unit as the shell does: what was lost is judged again without it."""
    lost: frozenset[str] = frozenset()
    while True:
        judgement = judged(store, grant, number, lost)
        if judgement.verdict is Verdict.DENY:
            assert judgement.stop is not None
            assert judgement.stop.reason is Reason.BUDGET_SPENT
            assert judgement.claims == ()
            return False
        claiming = store.claim(TASK.id, judgement.claims, judgement.circumstances.epoch, NOW_MS)
        if isinstance(claiming, Claimed):
            return True
        assert isinstance(claiming, Lost)
        lost |= {claiming.claim.key}


@promise("P4")
def test_a_call_takes_a_unit_of_each_link_that_counts(tmp_path: Path) -> None:
    """P4, count: a link without a number of its own shares those above it."""
    with opened(tmp_path) as store:
        below = judged(store, BELOW, 1).claims
        assert below == (
            Claim(key=f"calls:{TASK.id}", limit=40),
            Claim(key=f"calls:{RIGHT.id}", limit=25),
            Claim(key=f"calls:{BELOW.id}", limit=7),
        )
        assert judged(store, SHARING, 2).claims == (
            Claim(key=f"calls:{TASK.id}", limit=40),
            Claim(key=f"calls:{LEFT.id}", limit=25),
        )


def must_be_exact(counts: Counter[str]) -> None:
    """Each link's subtree took no more than its limit; and nothing was left that somebody was refused."""
    assert counts[BELOW.id] <= 7
    assert counts[BELOW.id] + counts[RIGHT.id] <= 25
    assert counts[SHARING.id] + counts[LEFT.id] <= 25
    assert counts.total() == 40


@promise("P4", "P7")
def test_budgets_are_exact_over_many_connections(tmp_path: Path) -> None:
    """Design 4: hard limits are claims, exact across workers; each caller here has a connection of its own."""
    opened(tmp_path).close()
    one_at_a_time, all_are_there = Lock(), Barrier(CALLERS)  # opening and closing are no calls, and wait less long

    def call(number: int) -> list[str]:
        grant = ALL[1:][number % 4]
        with one_at_a_time:
            store = SqliteStore(tmp_path / "state.sqlite", MAC_KEY, busy_timeout_ms=60_000)
        all_are_there.wait()
        names = [grant.id for _ in range(3) if taken(store, grant)]
        all_are_there.wait()
        with one_at_a_time:
            store.close()
        return names

    with ThreadPoolExecutor(CALLERS) as pool:
        counts = Counter(name for names in pool.map(call, range(CALLERS)) for name in names)
    must_be_exact(counts)
    with sqlite_in(tmp_path) as store:
        assert [taken(store, grant) for grant in ALL] == [False] * 5


@promise("P4", "P7", "P9")
async def test_budgets_are_exact_through_the_ledger(tmp_path: Path) -> None:
    """Design 4: claim, then record. As many allows are on record as units there were, and each names its chain."""
    clock = FixedClock()
    with opened(tmp_path) as store:
        ledger = SegmentLedger(tmp_path / "ledger", claims=store, streams=store, clock=clock, alarm=pytest.fail)
        async with ledger:

            async def call(number: int) -> None:
                grant, lost = ALL[1:][number % 4], frozenset[str]()
                while True:
                    await anyio.lowlevel.checkpoint()
                    judgement = judged(store, grant, number, lost)
                    committed = await ledger.commit(judgement)
                    if isinstance(committed, Committed):
                        return
                    assert isinstance(committed, Lost)
                    lost |= {committed.claim.key}

            with anyio.fail_after(30):
                for round_ in range(3):
                    async with anyio.create_task_group() as tasks:
                        for number in range(CALLERS):
                            tasks.start_soon(call, round_ * CALLERS + number + 1)
    entries = find_entries(tmp_path / "ledger", Wanted(kind="decision")).entries
    assert len(entries) == 3 * CALLERS
    must_be_exact(allowed_by(entries))
    assert {entry["reason"] for entry in entries if entry["verdict"] == "deny"} == {"BUDGET_SPENT"}


def allowed_by(entries: Sequence[JsonObject]) -> Counter[str]:
    """Return how many calls were allowed under each grant, by the ledger: of each entry that names its whole chain."""
    grants = {tuple(link.agent for link in links): links[-1].id for links in CHAINS}
    allows = [entry["chain"] for entry in entries if entry["verdict"] == "allow"]
    return Counter(grants[tuple(map(str, chain))] for chain in allows if isinstance(chain, list))


@promise("P4", "P7")
def test_a_budget_that_was_used_stays_used_when_the_store_is_opened_again(tmp_path: Path) -> None:
    """Ours: a restart gives nothing back, in the middle or at the end."""
    opened(tmp_path).close()
    take = partial(taken, grant=BELOW)
    counts = []
    for _ in range(4):
        with sqlite_in(tmp_path) as store:
            counts.append(sum(take(store) for _ in range(3)))
    assert counts == [3, 3, 1, 0]
    with sqlite_in(tmp_path) as store:
        assert sum(taken(store, RIGHT) for _ in range(40)) == 18
        assert sum(taken(store, SHARING) for _ in range(40)) == 15
        assert not taken(store, LEFT)
