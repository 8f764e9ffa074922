"""Streams of a ledger written for the tests of what reads them: whole ones, and every kind of damage to them.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mediator.adapters.ledger_segments.chain import Chain
from mediator.adapters.ledger_segments.layout import FORM
from mediator.adapters.ledger_segments.writer import StreamWriter
from mediator.canonical import Json, JsonObject
from mediator.mediation.record import (
    DecisionRecord,
    Outcome,
    Receipt,
    decision_entry,
    decision_values,
    outcome_entry,
)
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.judged import a_call, allowed, denied

FIRST = "20261123-0000000000000001"
SECOND = "20261124-0000000000000002"


@dataclass(frozen=True, slots=True)
class Written:
    """A stream that was written."""

    ledger: Path
    name: str

    @property
    def folder(self) -> Path:
        return self.ledger / self.name

    def lines(self, number: int = 0) -> list[bytes]:
        return (self.folder / f"{number}.jsonl").read_bytes().splitlines(keepends=True)

    def values(self, number: int = 0) -> list[bytes]:
        return (self.folder / f"values-{number}.jsonl").read_bytes().splitlines(keepends=True)

    def rewrite(self, change: Callable[[list[bytes]], list[bytes]], name: str = "0.jsonl") -> None:
        """Do to the lines of a file what somebody else might."""
        path = self.folder / name
        path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


def opening(at_ms: int = NOW_MS, ends: JsonObject | None = None) -> JsonObject:
    return {"kind": "opened", "at": at_ms, "form": FORM, "epoch": 1, "torn": [], "ends": ends or {}}


class Writing:
    """A stream that is being written, entry by entry."""

    def __init__(self, ledger: Path, name: str = FIRST, *, segment_bytes_max: int = 2**20, opened: bool = True) -> None:
        ledger.mkdir(mode=0o700, exist_ok=True)
        self._written = Written(ledger, name)
        self._writer = StreamWriter(ledger, name, segment_bytes_max)
        self._chain = Chain(name, self._writer)
        if opened:
            self.add(opening())

    def add(self, entry: JsonObject, values: JsonObject | None = None) -> Receipt:
        receipt = self._chain.add(entry, values)
        self._chain.write()
        return receipt

    def decide(self, number: int, *, allow: bool = True, at_ms: int = NOW_MS, timezone: Json = "UTC") -> DecisionRecord:
        call = a_call({"timezone": timezone})
        deliberation = allowed(number, call=call, now_ms=at_ms) if allow else denied(number, call=call, now_ms=at_ms)
        entry, values = decision_entry(deliberation), decision_values(deliberation)
        return DecisionRecord(entry=entry, values=values, receipt=self.add(entry, values))

    def end(self, decision: DecisionRecord, *, at_ms: int = NOW_MS) -> None:
        self.add(outcome_entry(decision, Outcome.ABANDONED, at_ms, forwarded=False))

    def done(self, *, closed: bool = True) -> Written:
        if closed:
            self.add({"kind": "closed", "at": NOW_MS, "epoch": 1})
        self._writer.close()
        return self._written


def a_stream(ledger: Path, name: str = FIRST, *, calls: int = 3, segment_bytes_max: int = 2**20) -> Written:
    """Return a whole stream: so many allowed calls with their outcomes, and one denial."""
    writing = Writing(ledger, name, segment_bytes_max=segment_bytes_max)
    first = 1 if name == FIRST else 101
    for number in range(first, first + calls):
        writing.end(writing.decide(number))
    writing.decide(first + calls, allow=False)
    return writing.done()
