"""A store and a ledger in memory, as honest as the real ones about what is claimed, counted, written and refused.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from mediator.canonical import JsonObject, digest_of
from mediator.delegation.grant import Grant, GrantState
from mediator.mediation.approval import Approval
from mediator.mediation.circumstances import Circumstances
from mediator.mediation.deliberate import Claim, Deliberation
from mediator.mediation.permit import Permit
from mediator.mediation.ports import Claimed, Claiming, Claims, Lost, Stale, Stop
from mediator.mediation.quarantine import Quarantined, QuarantineKey
from mediator.mediation.record import (
    Committed,
    DecisionRecord,
    Ending,
    OutcomeRecord,
    Receipt,
    committed,
    decision_entry,
    decision_values,
    outcome_entry,
)
from mediator.policy.decision import Verdict

STREAM = "memory"
DAY_MS = 86_400_000
NOVELTY_DAYS = 30


class MemoryStore:
    """Fills `CircumstancesSource`, `Claims`, `Familiarity` and `QuarantineBook`."""

    def __init__(self) -> None:
        self.grants: dict[str, Grant] = {}
        self.frozen: set[str] = set()
        self.labels: dict[str, set[str]] = {}
        self.approvals: dict[str, dict[str, Approval]] = {}  # of a task, by id
        self.calls: Counter[str] = Counter()
        self._last_used: dict[str, int] = {}
        self._taken: Counter[str] = Counter()
        self._spent: set[str] = set()
        self._familiar: dict[tuple[str, str], int] = {}
        self._epoch = 1
        self._quarantined: dict[QuarantineKey, Quarantined] = {}

    def list_quarantined(self) -> Sequence[Quarantined]:
        return tuple(self._quarantined.values())

    def quarantine(self, items: Sequence[Quarantined]) -> None:
        for one in items:
            self._quarantined.setdefault(one.key, one)
        self.move_epoch()

    def epoch(self) -> int:
        return self._epoch

    def move_epoch(self) -> None:
        self._epoch += 1

    def open_grant(self, grant: Grant) -> None:
        """Keep a grant; that gives, so it does not move the epoch."""
        assert grant.id not in self.grants
        self.grants[grant.id] = grant

    def end_grant(self, grant_id: str, state: GrantState) -> None:
        """End a grant and all below it."""
        self.grants[grant_id] = replace(self.grants[grant_id], state=state)
        for below in [one.id for one in self.grants.values() if one.parent == grant_id]:
            self.end_grant(below, state)
        self.move_epoch()

    def freeze(self, name: str) -> None:
        self.frozen.add(name)
        self.move_epoch()

    def unfreeze(self, name: str) -> None:
        self.frozen.discard(name)
        self.move_epoch()

    def gather(self, grant_id: str) -> Circumstances:
        links: list[Grant] = []
        grant = self.grants.get(grant_id)
        while grant is not None:
            links.insert(0, grant)
            grant = None if grant.parent is None else self.grants.get(grant.parent)
        task = links[0].id if links else grant_id
        return Circumstances(
            epoch=self._epoch,
            grants=tuple(links),
            calls=self.calls[task],
            last_used_ms=self._last_used.get(task),
            spent=frozenset(self._spent),
            labels=frozenset(self.labels.get(task, ())),
            frozen=frozenset(self.frozen),
            approvals=tuple(self.approvals.get(task, {}).values()),
        )

    def is_taken(self, key: str) -> bool:
        """Tell whether all of this was taken."""
        return key in self._spent

    def find_known(self, agent: str, marks: Collection[str], now_ms: int) -> frozenset[str]:
        since = now_ms // DAY_MS - NOVELTY_DAYS
        return frozenset(mark for mark in marks if self._familiar.get((agent, mark), -1) >= since)

    def remember(self, agent: str, marks: Collection[str], now_ms: int) -> None:
        self._familiar |= {(agent, mark): now_ms // DAY_MS for mark in marks}

    def claim(self, task: str, claims: Sequence[Claim], epoch: int, now_ms: int) -> Claiming:
        if epoch != self._epoch:
            return Stale()
        for claim in claims:
            if self._taken[claim.key] + claim.amount > claim.limit:
                if claim.amount == 1 and claim.until_ms is None:
                    self._spent.add(claim.key)
                return Lost(claim)
        for claim in claims:
            self._taken[claim.key] += claim.amount
            if self._taken[claim.key] >= claim.limit and claim.until_ms is None:
                self._spent.add(claim.key)
        self.calls[task] += 1
        self._last_used[task] = now_ms
        return Claimed()

    def count(self, task: str, claims: Sequence[Claim]) -> None:
        assert task in self.grants
        for claim in claims:
            self._taken[claim.key] += claim.amount
            if self._taken[claim.key] >= claim.limit and claim.until_ms is None:
                self._spent.add(claim.key)


@dataclass(slots=True, kw_only=True)
class Kept:
    """One decision as the ledger keeps it, and what became of it."""

    decision: Deliberation
    record: DecisionRecord
    outcome: OutcomeRecord | None = None


class MemoryLedger:
    """Fills `Ledger`: `decisions` in their order, `entries` of every kind, and `stops` counted by source and reason."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self.decisions: list[Kept] = []
        self._by_id: dict[str, Kept] = {}
        self.entries: list[JsonObject] = []
        self.stops: Counter[tuple[str, str]] = Counter()

    @property
    def last(self) -> Kept:
        return self.decisions[-1]

    def notes(self, kind: str) -> list[JsonObject]:
        """Return the entries of that kind."""
        return [entry for entry in self.entries if entry["kind"] == kind]

    async def commit(self, deliberation: Deliberation) -> Committed | Lost | Stale:
        if deliberation.verdict is Verdict.ALLOW:
            assert deliberation.chain is not None
            claimed = self._claims.claim(
                deliberation.chain.root.id,
                deliberation.claims,
                deliberation.circumstances.epoch,
                deliberation.now_ms,
            )
            if not isinstance(claimed, Claimed):
                return claimed
        assert deliberation.ids.decision_id not in self._by_id, "a call has exactly one decision"
        entry = decision_entry(deliberation)
        record = DecisionRecord(entry=entry, values=decision_values(deliberation), receipt=self._append(entry))
        kept = self._by_id[deliberation.ids.decision_id] = Kept(decision=deliberation, record=record)
        self.decisions.append(kept)
        return committed(deliberation, record)

    async def close(self, permit: Permit, ending: Ending, now_ms: int) -> OutcomeRecord:
        kept = self._by_id[permit.decision_id]
        assert kept.outcome is None, "an allow has exactly one outcome"
        entry = outcome_entry(kept.record, ending, now_ms, forwarded=permit.was_used)
        kept.outcome = OutcomeRecord(entry=entry, receipt=self._append(entry))
        return kept.outcome

    def count(self, stop: Stop) -> None:
        self.stops[stop.source, str(stop.reason)] += 1

    def note(self, kind: str, body: JsonObject, now_ms: int) -> None:
        self._append({"kind": kind, "at": now_ms, "body": body})

    def _append(self, entry: JsonObject) -> Receipt:
        index = len(self.entries)
        prev = digest_of(self.entries[-1]) if self.entries else None
        self.entries.append({**entry, "stream": STREAM, "index": index, "prev": prev})
        return Receipt(stream=STREAM, index=index, digest=digest_of(self.entries[-1]))
