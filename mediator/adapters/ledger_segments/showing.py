"""Entries found again: by decision, trace, task, agent or kind, in the order of their time; and a decision's values.

It reads all of it, one line at a time: no index is kept so far. Lines that cannot be read are counted, not mended:
that is `verify`'s to tell.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mediator.adapters.ledger_segments.layout import segment_name, values_name
from mediator.adapters.ledger_segments.reading import (
    file_in,
    find_entry,
    folder_of,
    list_files,
    list_streams,
    read_lines,
)
from mediator.canonical import JsonObject

_SPARE: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which entries: all that fit everything that is said. An outcome fits where its decision does."""

    decision: str | None = None
    trace: str | None = None
    task: str | None = None
    agent: str | None = None
    kind: str | None = None
    last: int | None = None

    def fits(self, entry: JsonObject) -> bool:
        """Tell whether the entry itself fits, its kind left aside."""
        spans, body = entry.get("spans"), entry.get("body")
        told = {**body, **entry} if isinstance(body, dict) else entry  # a note tells of a task in its body
        return (
            _is(self.decision, entry.get("id"))
            and _is(self.trace, spans.get("trace") if isinstance(spans, dict) else None)
            and _is(self.task, told.get("task"))
            and _is(self.agent, told.get("agent"))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The entries, oldest first, and how many lines could not be read."""

    entries: tuple[JsonObject, ...]
    unreadable: int


def find_entries(ledger: Path, wanted: Wanted) -> Found:
    """Return what is wanted; raises `Refused(LEDGER_UNAVAILABLE)` where the ledger cannot be read at all."""
    reader = _Reader(ledger, wanted)
    kept: list[JsonObject] = []
    for stream in list_streams(ledger)[0]:
        for entry in reader.read(stream):
            kept.append(entry)
            if wanted.last is not None and len(kept) > 2 * wanted.last + _SPARE:
                kept = _latest(kept, wanted.last)
    return Found(entries=tuple(_latest(kept, wanted.last)), unreadable=reader.unreadable)


def find_values(ledger: Path, stream: str, decision_id: str) -> JsonObject | None:
    """Return what is kept apart of a decision, unless it was erased; raises `Refused(LEDGER_UNAVAILABLE)`."""
    with folder_of(ledger / stream) as folder:
        for number in list_files(folder).values:
            with file_in(folder, values_name(number)) as file:
                for raw in read_lines(file):
                    values = find_entry(raw.rstrip(b"\n"))
                    if values is not None and values.get("id") == decision_id:
                        return values
    return None


class _Reader:
    """Reads streams, and counts what it cannot read."""

    def __init__(self, ledger: Path, wanted: Wanted) -> None:
        self._ledger = ledger
        self._wanted = wanted
        self.unreadable = 0

    def read(self, stream: str) -> Iterator[JsonObject]:
        """Yield the wanted entries of a stream."""
        fitting: set[str] = set()  # decisions, whose outcomes follow
        for entry in self._entries(stream):
            decision_id, kind = str(entry.get("id")), entry.get("kind")
            if kind == "outcome":
                if decision_id not in fitting:
                    continue
            elif not self._wanted.fits(entry):
                continue
            elif kind == "decision":
                fitting.add(decision_id)
            if _is(self._wanted.kind, kind):
                yield entry

    def _entries(self, stream: str) -> Iterator[JsonObject]:
        with folder_of(self._ledger / stream) as folder:
            for number in list_files(folder).segments:
                with file_in(folder, segment_name(number)) as file:
                    for raw in read_lines(file):
                        entry = find_entry(raw.rstrip(b"\n"))
                        if entry is None:
                            self.unreadable += 1
                        else:
                            yield entry


def _latest(entries: list[JsonObject], last: int | None) -> list[JsonObject]:
    ordered = sorted(entries, key=_time_of)
    return ordered if last is None else ordered[max(0, len(ordered) - last) :]


def _is(wanted: str | None, value: object) -> bool:
    return wanted is None or wanted == value


def _time_of(entry: JsonObject) -> int:
    at = entry.get("at")
    return at if isinstance(at, int) else 0
