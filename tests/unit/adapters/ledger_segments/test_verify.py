"""Is the ledger what was written? Every kind of damage that somebody else may do to it, done to a whole one.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.adapters.ledger_segments import verify as module
from mediator.adapters.ledger_segments.layout import GENESIS
from mediator.adapters.ledger_segments.reading import read_head
from mediator.adapters.ledger_segments.verify import OpenDecision, StreamReport, VerifyReport, verify_ledger
from mediator.canonical import Json, canonical_bytes, digest_of_bytes, parse_object
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.streams import FIRST, SECOND, Writing, Written, a_stream, opening


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


@pytest.fixture
def stream(ledger: Path) -> Written:
    return a_stream(ledger)


def verify(ledger: Path) -> VerifyReport:
    return verify_ledger(ledger, None)


def details(ledger: Path) -> list[str]:
    return [problem.detail for problem in verify(ledger).problems]


@promise("P10")
@pytest.mark.parametrize("segment_bytes_max", [1, 4096, 2**20])
def test_a_whole_ledger_has_no_problems(ledger: Path, segment_bytes_max: int) -> None:
    """P10: whatever the size of its segments."""
    stream = a_stream(ledger, segment_bytes_max=segment_bytes_max)
    report = verify_ledger(ledger, {FIRST: True})
    assert report.is_whole
    last = max(stream.folder.glob("[0-9]*.jsonl"), key=lambda path: int(path.stem))
    assert report.streams == (
        StreamReport(
            name=FIRST,
            entries=9,
            decisions=4,
            outcomes=3,
            erased=0,
            unclaimed=0,
            torn_bytes=0,
            closed=True,
            head=digest_of_bytes(last.read_bytes().splitlines()[-1]),
        ),
    )
    assert report.without_outcome == ()


def test_an_allow_without_an_outcome_is_listed(ledger: Path) -> None:
    """Design 5.8: its process died, or its call is under way; no damage."""
    writing = Writing(ledger)
    writing.decide(1, at_ms=NOW_MS + 3)
    writing.decide(2, allow=False)
    writing.done(closed=False)
    report = verify(ledger)
    assert report.is_whole
    assert report.without_outcome == (OpenDecision(stream=FIRST, index=1, id=f"d{1:031x}", at_ms=NOW_MS + 3),)
    assert not report.streams[0].closed


def test_an_empty_ledger_is_whole_and_a_missing_one_cannot_be_verified(ledger: Path) -> None:
    """Ours."""
    with pytest.raises(Refused) as stop:
        verify(ledger)
    assert stop.value.reason is Reason.LEDGER_UNAVAILABLE
    ledger.mkdir(mode=0o700)
    assert verify(ledger).is_whole


Change = Callable[[list[bytes]], list[bytes]]


def edited(lines: list[bytes]) -> list[bytes]:
    """Change what a decision says, and write it as we would."""
    entry = parse_object(lines[1])
    entry["agent"] = "somebody else"
    return [lines[0], canonical_bytes(entry) + b"\n", *lines[2:]]


DAMAGES: dict[str, Change] = {
    "a line was edited": edited,
    "a line was dropped": lambda lines: [*lines[:3], *lines[4:]],
    "the first line was dropped": lambda lines: lines[1:],
    "a line was doubled": lambda lines: [*lines[:3], lines[2], *lines[3:]],
    "two lines changed places": lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]],
    "a line was put in": lambda lines: [*lines[:2], b'{"at":1,"kind":"drift"}\n', *lines[2:]],
    "an empty line was put in": lambda lines: [*lines[:2], b"\n", *lines[2:]],
    "a line was spelt otherwise": lambda lines: [*lines[:2], b" " + lines[2], *lines[3:]],
    "a line lost its end": lambda lines: [*lines[:2], lines[2][:-1], *lines[3:]],
    "a line was put behind the end": lambda lines: [*lines, lines[1]],
}


@promise("P10")
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_every_damage_to_the_entries_is_found(ledger: Path, stream: Written, damage: Change) -> None:
    """P10: tamper-evident."""
    stream.rewrite(damage)
    report = verify(ledger)
    assert not report.is_whole
    assert {(problem.stream, problem.file) for problem in report.problems} == {(FIRST, "0.jsonl")}
    assert all(problem.line is not None for problem in report.problems)


@promise("P10")
@given(data=st.data())
def test_one_flipped_bit_is_found(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """P10: in any line whose end another names; here the whole stream, once the next one has begun."""
    ledger = tmp_path_factory.getbasetemp() / "flipped"
    if not ledger.exists():
        a_stream(ledger, FIRST, calls=1)
        end = read_head(ledger).ends[FIRST]
        writing = Writing(ledger, SECOND, opened=False)
        writing.add(opening(ends={FIRST: {"index": end.index, "digest": end.digest}}))
        writing.done()
    path = ledger / FIRST / "0.jsonl"
    whole = path.read_bytes()
    try:
        raw = bytearray(whole)
        bit = data.draw(st.integers(0, len(raw) * 8 - 1))
        raw[bit // 8] ^= 1 << bit % 8
        path.write_bytes(raw)
        assert not verify(ledger).is_whole
    finally:
        path.write_bytes(whole)
    assert verify(ledger).is_whole


@promise("P10")
@pytest.mark.parametrize("lines_left", range(9))
def test_an_earlier_stream_cannot_lose_its_last_lines_unseen(ledger: Path, stream: Written, lines_left: int) -> None:
    """Ours: the next stream names its end. What was done to the newest stream's end, a checkpoint will say."""
    end = read_head(ledger).ends[FIRST]
    writing = Writing(ledger, SECOND, opened=False)
    writing.add(opening(ends={FIRST: {"index": end.index, "digest": end.digest}}))
    writing.done()
    assert verify(ledger).is_whole
    stream.rewrite(lambda lines: lines[:lines_left])
    assert f"does not end as `{SECOND}` found it" in details(ledger)


def test_a_stream_that_is_gone_is_missed_by_the_next_one(ledger: Path) -> None:
    """Ours: also where there is no store to ask."""
    writing = Writing(ledger, SECOND, opened=False)
    writing.add(opening(ends={FIRST: {"index": 8, "digest": "sha256:00"}}))
    writing.done()
    assert details(ledger) == [f"is missing, and `{SECOND}` found it"]


@promise("P10")
def test_streams_that_the_store_knows_and_those_that_it_does_not(ledger: Path) -> None:
    """Design 8: and that no known stream is missing."""
    a_stream(ledger, FIRST)
    known = {SECOND: True, "20261125-0000000000000003": False}
    report = verify_ledger(ledger, known)
    assert (report.missing, report.unknown, report.is_whole) == ((SECOND,), (FIRST,), False)
    assert verify_ledger(ledger, {FIRST: False}).is_whole


def test_half_a_line_at_the_end_is_told_and_is_no_damage(ledger: Path, stream: Written) -> None:
    """Design 8: its process died while writing it; nobody was told that it stood."""
    for name in ("0.jsonl", "values-0.jsonl"):
        with (stream.folder / name).open("ab") as file:
            file.write(b'{"id"')
    report = verify(ledger)
    assert report.is_whole
    assert report.streams[0].torn_bytes == 10


def test_half_a_line_before_the_last_segment_is_damage(ledger: Path, stream: Written) -> None:
    """Ours."""
    stream.rewrite(lambda lines: [*lines[:-1], lines[-1][:-1]])
    (stream.folder / "1.jsonl").touch()
    assert details(ledger) == ["ends in half a line, although the stream goes on"]


def test_a_missing_segment_and_a_stranger_are_found(ledger: Path) -> None:
    """Ours."""
    stream = a_stream(ledger, segment_bytes_max=1)
    (stream.folder / "3.jsonl").unlink()
    (stream.folder / "core").touch()
    (ledger / "notes.txt").touch()
    problems = {(problem.stream, problem.file, problem.detail) for problem in verify(ledger).problems}
    assert ("notes.txt", None, "does not belong into the ledger") in problems
    assert (FIRST, "core", "does not belong into a stream") in problems
    assert (FIRST, "3.jsonl", "is missing") in problems
    assert (FIRST, "values-3.jsonl", "stands beside no segment") in problems


def test_a_stream_without_a_segment_is_found(ledger: Path) -> None:
    """Ours: there is nothing to say of it but that."""
    ledger.mkdir(mode=0o700)
    (ledger / FIRST).mkdir(mode=0o700)
    assert details(ledger) == ["holds no segment"]
    assert verify(ledger).streams[0].head == GENESIS


@promise("P7")
def test_what_cannot_be_read_is_a_problem_and_the_rest_is_read(ledger: Path, stream: Written) -> None:
    """Ours: a link, a pipe, a folder of somebody else."""
    a_stream(ledger, SECOND)
    (stream.folder / "0.jsonl").unlink()
    (stream.folder / "0.jsonl").symlink_to("/etc/passwd")
    (ledger / SECOND).chmod(0o777)
    (ledger / "20261125-0000000000000003").symlink_to(stream.folder)
    os.mkfifo(ledger / "20261126-0000000000000004")
    assert {problem.stream for problem in verify(ledger).problems} == {
        FIRST,
        SECOND,
        "20261125-0000000000000003",
        "20261126-0000000000000004",
    }
    (ledger / SECOND).chmod(0o700)
    assert SECOND not in {problem.stream for problem in verify(ledger).problems}


@promise("P10")
def test_values_that_are_not_the_recorded_ones_are_found(ledger: Path, stream: Written) -> None:
    """Design 5.8: the record holds their digest."""

    def changed(lines: list[bytes]) -> list[bytes]:
        values = parse_object(lines[1])
        values["arguments"] = {"timezone": "Europe/Oslo"}
        return [lines[0], canonical_bytes(values) + b"\n", *lines[2:]]

    stream.rewrite(changed, "values-0.jsonl")
    (problem,) = verify(ledger).problems
    assert (problem.file, problem.line) == ("values-0.jsonl", 2)


def test_values_may_be_erased_one_by_one_and_the_chain_stands(ledger: Path, stream: Written) -> None:
    """Design 5.8."""
    stream.rewrite(lambda lines: [lines[0], *lines[2:]], "values-0.jsonl")
    report = verify(ledger)
    assert (report.is_whole, report.streams[0].erased) == (True, 1)
    (stream.folder / "values-0.jsonl").unlink()
    report = verify(ledger)
    assert (report.is_whole, report.streams[0].erased) == (True, 4)


def test_values_of_a_decision_that_was_never_written_are_counted(ledger: Path, stream: Written) -> None:
    """Ours: values are written first; a crash in between leaves them alone."""
    values: dict[str, Json] = {"id": "x", "arguments": {}, "grants": {}}
    stream.rewrite(lambda lines: [*lines, canonical_bytes(values) + b"\n"], "values-0.jsonl")
    report = verify(ledger)
    assert (report.is_whole, report.streams[0].unclaimed) == (True, 1)


def test_a_ledger_of_nothing_but_damage_does_not_fill_the_memory(
    ledger: Path, stream: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours."""
    monkeypatch.setattr(module, "PROBLEMS_MAX", 5)
    (stream.folder / "0.jsonl").write_bytes(b"garbage\n" * 100)
    assert len(verify(ledger).problems) == 5
