"""Rules that freeze, at work: what happens is counted, and whoever a rule names is stopped in the same turn of the loop.

It never waits and never raises: it is told in the middle of writing the ledger. Whoever it stops is stopped as by an
operator: first the store, so that the epoch has moved when the next call is looked at; then the record, which says by
which rule, and by what evidence. An operator lets go again.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mediator.adapters.store_sqlite.store import SqliteStore
from mediator.canonical import JsonObject
from mediator.mediation.deliberate import Deliberation
from mediator.mediation.freeze_rules import (
    Happening,
    Tripped,
    Tripwires,
    happening_of,
    happening_of_drift,
    parse_freeze_rule,
)
from mediator.mediation.ports import Clock, Ledger
from mediator.mediation.quarantine import Quarantined
from mediator.refusal import Refused


@dataclass(slots=True, kw_only=True)
class Tripping:
    """Obeys the rules that are kept; `ledger` is whose denials it hears of, and is made after it."""

    store: SqliteStore
    clock: Clock
    alarm: Callable[[str], None]
    ledger: Callable[[], Ledger]
    _wires: Tripwires = field(default_factory=Tripwires, init=False, repr=False)

    def look(self) -> None:
        """Obey the rules that the store keeps now; raises `Refused(STORE_UNAVAILABLE)`."""
        self._wires.put(map(parse_freeze_rule, self.store.list_rules()))

    def denied(self, denial: Deliberation) -> None:
        """Take note of a denial whose record was written."""
        if denial.circumstances.grants:
            try:
                self.store.count_denial(denial.circumstances.grants[-1])
            except Refused as stop:
                self.alarm(f"a denial was not counted: {stop}")
        happening = happening_of(denial)
        if happening is not None:
            self._observe(happening)

    def drifted(self, held: Quarantined, evidence: str) -> None:
        """Take note of an item that was quarantined, by the digest of what was found."""
        self._observe(happening_of_drift(held, evidence))

    def _observe(self, happening: Happening) -> None:
        for tripped in self._wires.observe(happening):
            try:
                self._freeze(tripped)
            except Refused as stop:
                self.alarm(f"`{tripped.name}` was to be frozen by the rule `{tripped.rule.text}`: {stop}")

    def _freeze(self, tripped: Tripped) -> None:
        rule = tripped.rule.text
        statement = self.store.list_rules().get(rule)
        if statement is None or not self.store.freeze(tripped.name, statement):
            return  # taken out meanwhile, or stopped already
        self.alarm(f"`{tripped.name}` is frozen by the rule `{rule}`")
        noted: JsonObject = {
            "name": tripped.name,
            "reason": f"the rule `{rule}`",
            "who": None,
            "rule": rule,
            "evidence": [*tripped.evidence],
            "statement": statement,
        }
        self.ledger().note("frozen", noted, self.clock.now_ms())
