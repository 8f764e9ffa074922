"""The beginning of a stream: half lines are cut off and told of, and the store knows of it before and after.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mediator.adapters.ledger_segments.opening import Beginning, Torn, begin_stream, cut_torn_lines
from mediator.adapters.ledger_segments.reading import read_head
from mediator.adapters.ledger_segments.verify import verify_ledger
from mediator.canonical import parse_object
from mediator.refusal import Reason, Refused
from tests.contracts.ledgers import StreamNotes
from tests.promises import promise
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.streams import FIRST, SECOND, Writing, a_stream


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


def begin(ledger: Path, book: StreamNotes) -> Beginning:
    beginning = begin_stream(ledger, book, now_ms=NOW_MS, epoch=4, segment_bytes_max=2**20, write=os.write)
    beginning.chain.writer.close()
    return beginning


def test_a_stream_begins_with_an_entry_that_says_so(ledger: Path) -> None:
    """Design 8."""
    book = StreamNotes()
    beginning = begin(ledger, book)
    name = beginning.chain.stream
    assert name.startswith("20260921-")
    assert book.announced == {name: True}
    assert book.asked == ((), 0)
    entry = parse_object((ledger / name / "0.jsonl").read_bytes().rstrip(b"\n"))
    assert (
        entry.items()
        >= {
            "kind": "opened",
            "at": NOW_MS,
            "form": 1,
            "epoch": 4,
            "torn": [],
            "ends": {},
            "store_was_older": False,
            "index": 0,
        }.items()
    )
    assert verify_ledger(ledger, book.announced).is_whole


def test_no_two_streams_have_one_name(ledger: Path) -> None:
    """Ours: also on one day."""
    book = StreamNotes()
    assert begin(ledger, book).chain.stream != begin(ledger, book).chain.stream
    assert len(book.announced) == 2


@promise("P10")
def test_a_stream_names_how_those_before_it_ended(ledger: Path) -> None:
    """Ours: so that these cannot lose their last lines unseen."""
    a_stream(ledger, FIRST)
    head = read_head(ledger)
    beginning = begin(ledger, StreamNotes())
    entry = parse_object((ledger / beginning.chain.stream / "0.jsonl").read_bytes().rstrip(b"\n"))
    assert entry["ends"] == {FIRST: {"index": 8, "digest": head.ends[FIRST].digest}}


def test_the_store_is_asked_whether_it_is_older_than_what_stands_here(ledger: Path) -> None:
    """Design 2a."""
    writing = Writing(ledger)
    writing.add({"kind": "drift", "at": 1, "epoch": 9, "body": {}})
    writing.done(closed=False)
    book = StreamNotes(is_older=True)
    beginning = begin(ledger, book)
    assert book.asked == ((FIRST,), 9)
    assert beginning.store_was_older
    entry = parse_object((ledger / beginning.chain.stream / "0.jsonl").read_bytes().rstrip(b"\n"))
    assert entry["store_was_older"] is True


@promise("P7")
def test_a_stream_that_the_store_cannot_be_told_of_does_not_come_to_be(ledger: Path) -> None:
    """Ours."""

    class Gone(StreamNotes):
        def announce_stream(self, stream: str, now_ms: int) -> None:
            raise Refused(Reason.STORE_UNAVAILABLE, f"{stream} {now_ms}")

    with pytest.raises(Refused) as stop:
        begin(ledger, Gone())
    assert stop.value.reason is Reason.STORE_UNAVAILABLE
    assert list(ledger.iterdir()) == []


@promise("P7")
@pytest.mark.parametrize("function", ["mkdir", "fsync"])
def test_a_ledger_that_cannot_be_begun_is_refused(ledger: Path, function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: an unwritable ledger stops the start."""

    def cannot(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "read-only file system")

    monkeypatch.setattr(os, function, cannot)
    with pytest.raises(Refused) as stop:
        begin(ledger, StreamNotes())
    assert stop.value.reason is Reason.LEDGER_UNAVAILABLE
    assert "read-only" in stop.value.detail


def test_a_ledger_that_others_may_enter_is_refused(ledger: Path) -> None:
    """Design 2a."""
    ledger.mkdir(mode=0o755)
    ledger.chmod(0o755)
    with pytest.raises(Refused) as stop:
        begin(ledger, StreamNotes())
    assert "chmod 700" in stop.value.detail


@promise("P10")
@pytest.mark.parametrize("size", [1, 500, 200_000])
def test_half_a_line_at_the_end_is_cut_off_and_told_of(ledger: Path, size: int) -> None:
    """Design 8: also one that is longer than what is read at once."""
    first = a_stream(ledger, FIRST)
    second = a_stream(ledger, SECOND)
    whole = (first.folder / "0.jsonl").read_bytes(), (second.folder / "values-0.jsonl").read_bytes()
    with (first.folder / "0.jsonl").open("ab") as file:
        file.write(b"x" * size)
    with (second.folder / "values-0.jsonl").open("ab") as file:
        file.write(b'{"id":')
    torn = (
        Torn(stream=FIRST, file="0.jsonl", size_bytes=size),
        Torn(stream=SECOND, file="values-0.jsonl", size_bytes=6),
    )
    book = StreamNotes()
    beginning = begin(ledger, book)
    assert beginning.torn == torn
    assert whole == ((first.folder / "0.jsonl").read_bytes(), (second.folder / "values-0.jsonl").read_bytes())
    entry = parse_object((ledger / beginning.chain.stream / "0.jsonl").read_bytes().rstrip(b"\n"))
    assert entry["torn"] == [one.form() for one in torn]
    assert verify_ledger(ledger, None).is_whole
    assert cut_torn_lines(ledger) == ()


def test_a_segment_that_is_nothing_but_half_a_line_becomes_empty(ledger: Path) -> None:
    """Ours."""
    written = a_stream(ledger)
    (written.folder / "1.jsonl").write_bytes(b"x" * 100_000)
    assert cut_torn_lines(ledger) == (Torn(stream=FIRST, file="1.jsonl", size_bytes=100_000),)
    assert (written.folder / "1.jsonl").read_bytes() == b""


def test_half_a_line_in_an_earlier_segment_is_left_for_verify(ledger: Path) -> None:
    """Ours: no process of ours goes on after one."""
    written = a_stream(ledger)
    (written.folder / "1.jsonl").write_bytes(b"")
    written.rewrite(lambda lines: [*lines[:-1], lines[-1][:-1]])
    assert cut_torn_lines(ledger) == ()
