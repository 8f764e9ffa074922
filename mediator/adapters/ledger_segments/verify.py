"""Is the ledger what was written? Every line of every stream, and whether a stream is missing.

It needs no key and trusts nothing but the digests: a line that was changed, moved, dropped or added breaks the chain
at its place; the first line of a stream names how those before it ended. What was done to the last lines of the
newest stream it cannot tell: that is what a checkpoint will say. It writes nothing, and may look on while a mediator
writes.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mediator.adapters.ledger_segments.examining import Entries, Values, line_of
from mediator.adapters.ledger_segments.layout import segment_name, values_name
from mediator.adapters.ledger_segments.reading import End, file_in, folder_of, list_files, list_streams, read_lines
from mediator.refusal import Refused

PROBLEMS_MAX: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that is not as it was written. `line` counts from 1 in its file."""

    stream: str
    file: str | None
    line: int | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDecision:
    """An allow without an outcome: its process died, or its call is still under way."""

    stream: str
    index: int
    id: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamReport:
    """What one stream holds. `torn_bytes` is half a line at its end; `closed`: its process ended in order.

    `erased` counts decisions whose values are not kept any more, `unclaimed` values whose decision was never written.
    """

    name: str
    entries: int
    decisions: int
    outcomes: int
    erased: int
    unclaimed: int
    torn_bytes: int
    closed: bool
    head: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """What was found. `missing` streams are known to the store and not here; of `unknown` ones it was never told."""

    streams: tuple[StreamReport, ...]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    problems: tuple[Problem, ...]
    without_outcome: tuple[OpenDecision, ...]

    @property
    def is_whole(self) -> bool:
        """Tell whether nothing was changed, and nothing that is known to have been there is missing."""
        return not self.problems and not self.missing and not self.unknown


def verify_ledger(ledger: Path, known_streams: Mapping[str, bool] | None) -> VerifyReport:
    """Return what stands in the ledger, and everything about it that is not as it was written.

    `known_streams` are those that the store was told of, and whether it was told that they came to be; None where
    there is no store to ask.
    Raises `Refused(LEDGER_UNAVAILABLE)` where its folder cannot be read at all.
    """
    names, strangers = list_streams(ledger)
    problems = [
        Problem(stream=name, file=None, line=None, detail="does not belong into the ledger") for name in strangers
    ]
    streams: list[StreamReport] = []
    without_outcome: list[OpenDecision] = []
    examinations: dict[str, _Examination] = {}
    for name in names:
        examination = examinations[name] = _Examination(name)
        try:
            with folder_of(ledger / name) as folder:
                examination.examine(folder)
        except Refused as stop:
            examination.find(None, None, stop.detail)
        without_outcome += examination.without_outcome()
        streams.append(examination.report())
    problems += [problem for examination in examinations.values() for problem in examination.problems]
    problems += _broken_ends(examinations, {stream.name: stream for stream in streams})
    known = dict.fromkeys(names, True) if known_streams is None else known_streams
    return VerifyReport(
        streams=tuple(streams),
        missing=tuple(sorted(name for name, exists in known.items() if exists and name not in names)),
        unknown=tuple(name for name in names if name not in known),
        problems=tuple(problems[:PROBLEMS_MAX]),
        without_outcome=tuple(without_outcome),
    )


def _broken_ends(examinations: Mapping[str, _Examination], streams: Mapping[str, StreamReport]) -> Iterator[Problem]:
    for witness, examination in examinations.items():
        for name, end in examination.ends.items():
            stream = streams.get(name)
            if stream is None or (stream.entries, stream.head) != (end.index + 1, end.digest):
                detail = f"does not end as `{witness}` found it" if stream else f"is missing, and `{witness}` found it"
                yield Problem(stream=name, file=None, line=None, detail=detail)


class _Examination:
    """One stream under examination."""

    def __init__(self, stream: str) -> None:
        self.stream: Final = stream
        self.problems: list[Problem] = []
        self._entries: Final = Entries(stream)
        self._torn_bytes = 0
        self._erased = 0
        self._unclaimed = 0

    def examine(self, folder: int) -> None:
        """Look at every file, in order."""
        files = list_files(folder)
        for name in files.strangers:
            self.find(name, None, "does not belong into a stream")
        if not files.segments:
            self.find(None, None, "holds no segment")
        for number in set(range(max(files.segments, default=-1) + 1)) - set(files.segments):
            self.find(segment_name(number), None, "is missing")
        for number in sorted(set(files.values) - set(files.segments)):
            self.find(values_name(number), None, "stands beside no segment")
        for number in files.segments:
            is_last = number == files.segments[-1]
            for place, line in self._lines(folder, segment_name(number), is_last=is_last):
                self._note_all(segment_name(number), place, self._entries.examine(line))
            self._examine_values(folder, number, is_there=number in files.values, is_last=is_last)

    @property
    def ends(self) -> Mapping[str, End]:
        """How the streams before it ended, as its first entry says."""
        return self._entries.ends

    def find(self, file: str | None, line: int | None, detail: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(stream=self.stream, file=file, line=line, detail=detail))

    def report(self) -> StreamReport:
        """Return what the stream holds."""
        entries = self._entries
        return StreamReport(
            name=self.stream,
            entries=entries.count,
            decisions=entries.decisions,
            outcomes=entries.outcomes,
            erased=self._erased,
            unclaimed=self._unclaimed,
            torn_bytes=self._torn_bytes,
            closed=entries.is_closed,
            head=entries.head,
        )

    def without_outcome(self) -> Iterator[OpenDecision]:
        """Yield each allow without an outcome."""
        for decision_id, (index, at_ms) in self._entries.without_outcome.items():
            yield OpenDecision(stream=self.stream, index=index, id=decision_id, at_ms=at_ms)

    def _examine_values(self, folder: int, number: int, *, is_there: bool, is_last: bool) -> None:
        values = Values(self._entries.take_arguments())
        if is_there:
            for place, line in self._lines(folder, values_name(number), is_last=is_last):
                self._note_all(values_name(number), place, values.examine(line))
        self._erased += values.missing
        self._unclaimed += values.unclaimed

    def _lines(self, folder: int, name: str, *, is_last: bool) -> Iterator[tuple[int, bytes]]:
        """Yield each whole line of a file with its number."""
        try:
            with file_in(folder, name) as file:
                for place, raw in enumerate(read_lines(file), 1):
                    line = line_of(raw)
                    if line is not None:
                        yield place, line
                    elif is_last:
                        self._torn_bytes += len(raw)
                    else:
                        self.find(name, place, "ends in half a line, although the stream goes on")
        except Refused as stop:
            self.find(name, None, stop.detail)

    def _note_all(self, name: str, place: int, details: list[str]) -> None:
        for detail in details:
            self.find(name, place, detail)
