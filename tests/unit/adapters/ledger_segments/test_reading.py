"""What stands in the ledger's files, as far as it can be read at all.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import pytest

from mediator.adapters.ledger_segments import reading
from mediator.adapters.ledger_segments.reading import (
    End,
    Folder,
    Head,
    ends_of,
    file_in,
    find_entry,
    folder_of,
    list_files,
    list_streams,
    read_head,
    read_lines,
)
from mediator.canonical import JsonLimits, JsonObject, digest_of_bytes
from mediator.refusal import Reason, Refused
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.streams import FIRST, SECOND, Writing, a_stream


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    folder = tmp_path / "ledger"
    folder.mkdir(mode=0o700)
    return folder


def test_streams_and_strangers_are_told_apart(ledger: Path) -> None:
    """Ours."""
    a_stream(ledger, SECOND)
    a_stream(ledger, FIRST)
    (ledger / "notes.txt").touch()
    assert list_streams(ledger) == ((FIRST, SECOND), ("notes.txt",))


def test_a_streams_files_are_listed_by_number(ledger: Path) -> None:
    """Ours: 10 comes after 9."""
    folder = ledger / FIRST
    folder.mkdir(mode=0o700)
    for name in ("10.jsonl", "9.jsonl", "values-10.jsonl", "values-9.jsonl", "x", "01.jsonl"):
        (folder / name).touch()
    with folder_of(folder) as descriptor:
        assert list_files(descriptor) == Folder(segments=(9, 10), values=(9, 10), strangers=("01.jsonl", "x"))


def test_only_files_are_read_and_nothing_is_waited_for(ledger: Path) -> None:
    """Ours: no link is followed, no pipe is opened for ever."""
    folder = ledger / FIRST
    folder.mkdir(mode=0o700)
    (folder / "link").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe")
    (folder / "folder").mkdir()
    with folder_of(folder) as descriptor:
        for name in ("link", "pipe", "folder", "missing"):
            with pytest.raises(Refused) as stop, file_in(descriptor, name):
                pass
            assert stop.value.reason is Reason.LEDGER_UNAVAILABLE


def test_lines_come_with_their_end_and_the_last_one_may_lack_it() -> None:
    """Ours."""
    assert list(read_lines(BytesIO(b"a\n\nb\nc"))) == [b"a\n", b"\n", b"b\n", b"c"]
    assert list(read_lines(BytesIO())) == []


def test_a_line_longer_than_any_we_write_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: whoever wrote it, it does not fill the memory."""
    monkeypatch.setattr(reading, "LINE_LIMITS", JsonLimits(bytes_max=10))
    assert list(read_lines(BytesIO(b"x" * 9 + b"\n" + b"y" * 10 + b"\n"))) == [b"x" * 9 + b"\n", b"y" * 10 + b"\n"]
    with pytest.raises(Refused):
        list(read_lines(BytesIO(b"x" * 12 + b"\n")))


@pytest.mark.parametrize("line", [b"", b"[]", b"{", b"\xff", b'{"a":1,"a":2}', b"null"])
def test_a_line_that_is_no_object_is_none(line: bytes) -> None:
    """Ours."""
    assert find_entry(line) is None


def test_of_the_ends_that_are_told_only_whole_ones_count() -> None:
    """Ours."""
    told: JsonObject = {FIRST: {"index": 3, "digest": "sha256:00"}, SECOND: {"index": "3", "digest": "x"}, "third": 7}
    assert ends_of({"ends": told}) == {FIRST: End(index=3, digest="sha256:00")}
    assert ends_of({}) == ends_of({"ends": []}) == {}


def test_an_empty_ledger_has_no_head(ledger: Path) -> None:
    """Ours."""
    assert read_head(ledger) == Head(streams=(), at_ms=0, epoch=0, ends={})
    (ledger / FIRST).mkdir(mode=0o700)
    assert read_head(ledger) == Head(streams=(FIRST,), at_ms=0, epoch=0, ends={})


def test_the_head_knows_the_last_time_the_highest_epoch_and_each_end(ledger: Path) -> None:
    """Design 8: the clock never falls below the last entry's time; 2a: a store may be older than this."""
    writing = Writing(ledger)
    writing.decide(1, at_ms=NOW_MS + 70)
    writing.add({"kind": "drift", "at": NOW_MS + 50, "epoch": 9, "body": {}})
    first = writing.done(closed=False)
    second = a_stream(ledger, SECOND)
    assert read_head(ledger) == Head(
        streams=(FIRST, SECOND),
        at_ms=NOW_MS + 70,
        epoch=9,
        ends={
            FIRST: End(index=2, digest=digest_of_bytes(first.lines()[-1][:-1])),
            SECOND: End(index=8, digest=digest_of_bytes(second.lines()[-1][:-1])),
        },
    )


def test_an_end_that_another_stream_names_is_not_named_again(ledger: Path) -> None:
    """Ours: each stream names those that nobody named before it."""
    a_stream(ledger, FIRST)
    end = read_head(ledger).ends[FIRST]
    writing = Writing(ledger, SECOND, opened=False)
    writing.add({"kind": "opened", "at": 1, "ends": {FIRST: {"index": end.index, "digest": end.digest}}})
    writing.done()
    assert set(read_head(ledger).ends) == {SECOND}


def test_the_head_is_found_behind_a_line_longer_than_the_tail(ledger: Path) -> None:
    """Ours: first a little is read, then more."""
    writing = Writing(ledger)
    writing.add({"kind": "drift", "at": NOW_MS + 1, "epoch": 3, "body": {"text": "x" * 40_000}})
    writing.done(closed=False)
    head = read_head(ledger)
    assert (head.at_ms, head.epoch, head.ends[FIRST].index) == (NOW_MS + 1, 3, 1)


def test_an_empty_last_segment_has_the_head_before_it(ledger: Path) -> None:
    """Ours: the process died after it began a segment."""
    written = a_stream(ledger)
    (written.folder / "1.jsonl").touch()
    assert read_head(ledger).ends[FIRST].index == 8


def test_a_last_line_that_cannot_be_read_is_not_named_as_an_end(ledger: Path) -> None:
    """Ours: `verify` tells of it."""
    written = a_stream(ledger)
    written.rewrite(lambda lines: [*lines[:-1], b"garbage\n"])
    head = read_head(ledger)
    assert (head.ends, head.at_ms) == ({}, NOW_MS)
    written.rewrite(lambda lines: [b"garbage\n", *lines[1:-1], b'{"at":"soon","epoch":null,"circumstances":3}\n'])
    assert read_head(ledger).at_ms == NOW_MS
