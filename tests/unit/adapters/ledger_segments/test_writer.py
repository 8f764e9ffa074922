"""One stream's files: whole groups or nothing, and never past what somebody else did to them.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from mediator.adapters.ledger_segments.writer import StreamWriter
from mediator.refusal import Reason, Refused
from tests.promises import promise

STREAM = "20261123-0123456789abcdef"


class Disk:
    """A `write` that can be full: it takes so many bytes more, and then a part, and then nothing."""

    def __init__(self) -> None:
        self.room: int | None = None
        self.writes: list[bytes] = []

    def write(self, descriptor: int, group: bytes) -> int:
        self.writes.append(group)
        if self.room is None:
            return os.write(descriptor, group)
        if self.room == 0:
            raise OSError(errno.ENOSPC, "no space left")
        written = os.write(descriptor, group[: self.room])
        self.room -= written
        return written


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def writer(tmp_path: Path, disk: Disk) -> Iterator[StreamWriter]:
    made = StreamWriter(tmp_path, STREAM, 64, disk.write)
    yield made
    made.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / STREAM


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def refused(writer: StreamWriter, lines: bytes = b"x\n", values: bytes = b"") -> str:
    with pytest.raises(Refused) as stop:
        writer.append(lines, values)
    assert stop.value.reason is Reason.LEDGER_UNAVAILABLE
    return stop.value.detail


def test_files_are_made_for_their_user_alone(writer: StreamWriter, folder: Path) -> None:
    """Design 2a."""
    assert contents(folder) == {"0.jsonl": b"", "values-0.jsonl": b""}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not writer.has_finished_segments


def test_a_group_is_one_write_and_its_values_come_first(writer: StreamWriter, folder: Path, disk: Disk) -> None:
    """Design 8."""
    writer.append(b"a\nb\n", b"v\n")
    writer.append(b"c\n", b"")
    assert disk.writes == [b"v\n", b"a\nb\n", b"c\n"]
    assert contents(folder) == {"0.jsonl": b"a\nb\nc\n", "values-0.jsonl": b"v\n"}


def test_a_full_segment_is_followed_by_the_next(writer: StreamWriter, folder: Path) -> None:
    """Ours: a group is never split."""
    writer.append(b"x" * 70 + b"\n", b"v\n")
    finished = [writer.has_finished_segments]
    writer.append(b"y\n", b"w\n")
    finished.append(writer.has_finished_segments)
    assert contents(folder) == {
        "0.jsonl": b"x" * 70 + b"\n",
        "1.jsonl": b"y\n",
        "values-0.jsonl": b"v\n",
        "values-1.jsonl": b"w\n",
    }
    job = writer.sync_job()
    finished.append(writer.has_finished_segments)
    assert finished == [False, True, False]
    job()
    for descriptor in job.finished:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


def test_new_names_reach_the_disk_with_the_first_sync_after_them(writer: StreamWriter) -> None:
    """POSIX: a file's name is its folder's."""
    assert writer.sync_job().folder is not None
    assert writer.sync_job().folder is None
    writer.append(b"x" * 70, b"")
    writer.append(b"y\n", b"")
    job = writer.sync_job()
    assert job.folder is not None
    assert len(job.finished) == len(job.current) == 2
    job()


@promise("P7")
@pytest.mark.parametrize("room", [0, 1, 2, 3, 4])
def test_of_a_group_that_failed_nothing_is_left(writer: StreamWriter, folder: Path, disk: Disk, room: int) -> None:
    """Ours: not half a line, and no values without their entry."""
    writer.append(b"a\n", b"v\n")
    disk.room = room
    assert str(folder) in refused(writer, b"bcd\n", b"w\n")
    assert contents(folder) == {"0.jsonl": b"a\n", "values-0.jsonl": b"v\n"}
    disk.room = None
    writer.append(b"e\n", b"u\n")
    assert contents(folder) == {"0.jsonl": b"a\ne\n", "values-0.jsonl": b"v\nu\n"}


@promise("P7")
def test_while_the_rest_of_a_failed_group_stands_nothing_is_written(
    writer: StreamWriter, folder: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: it is cut off first."""
    writer.append(b"a\n", b"")
    disk.room = 3

    def cannot(_descriptor: int, _size: int) -> None:
        raise OSError(errno.EIO, "input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "ftruncate", cannot)
        refused(writer, b"bcdef\n")
        assert (folder / "0.jsonl").read_bytes() == b"a\nbcd"
        disk.room = None
        assert "cut off" in refused(writer)
        with pytest.raises(Refused):
            writer.require_writable()
    writer.append(b"g\n", b"")
    assert (folder / "0.jsonl").read_bytes() == b"a\ng\n"


@promise("P10")
@pytest.mark.parametrize("deed", ["append", "shorten", "remove"])
def test_a_file_that_somebody_else_touched_takes_no_further_line(writer: StreamWriter, folder: Path, deed: str) -> None:
    """Ours: A7; what was removed would take the record with it."""
    writer.append(b"a\n", b"v\n")
    entries = folder / "0.jsonl"
    match deed:
        case "append":
            entries.write_bytes(b"a\nforged\n")
        case "shorten":
            os.truncate(entries, 1)
        case _:
            entries.unlink()
    before = contents(folder)
    assert "somebody else" in refused(writer, values=b"w\n")
    refused(writer)
    assert contents(folder) == before


def test_values_may_be_erased_under_the_writers_hands(writer: StreamWriter, folder: Path, disk: Disk) -> None:
    """Design 5.8: the entries stand; values without a decision are nobody's."""
    writer.append(b"a\n", b"vvvv\n")
    os.truncate(folder / "values-0.jsonl", 0)
    disk.room = 2
    refused(writer, b"b\n", b"w\n")
    assert contents(folder) == {"0.jsonl": b"a\n", "values-0.jsonl": b"w\n"}
    disk.room = None
    writer.append(b"c\n", b"x\n")
    assert (folder / "0.jsonl").read_bytes() == b"a\nc\n"


def test_a_segment_that_cannot_be_begun_leaves_no_half_of_it(writer: StreamWriter, folder: Path) -> None:
    """Ours: and is tried again."""
    writer.append(b"x" * 70, b"")
    (folder / "1.jsonl").mkdir()
    refused(writer)
    assert not (folder / "values-1.jsonl").exists()
    (folder / "1.jsonl").rmdir()
    writer.append(b"y\n", b"")
    assert (folder / "1.jsonl").read_bytes() == b"y\n"


def test_a_stream_is_made_once(tmp_path: Path, writer: StreamWriter) -> None:
    """Ours: nobody writes another's stream, nor through a link."""
    for name in (STREAM, "missing/stream"):
        with pytest.raises(Refused) as stop:
            StreamWriter(tmp_path, name, 64)
        assert stop.value.reason is Reason.LEDGER_UNAVAILABLE
    writer.append(b"a\n", b"")


def test_a_stream_whose_files_cannot_be_made_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours."""
    real = os.open

    def no_files(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.EROFS, "read-only file system")
        return real(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", no_files)
    with pytest.raises(Refused) as stop:
        StreamWriter(tmp_path, STREAM, 64)
    assert "read-only" in stop.value.detail


def test_a_lost_stream_stays_lost_for_its_first_reason(writer: StreamWriter) -> None:
    """Ours."""
    writer.lose("the disk burnt")
    writer.lose("the house too")
    assert refused(writer) == "the disk burnt"


def test_a_closed_stream_takes_nothing(writer: StreamWriter) -> None:
    """Ours."""
    writer.close()
    writer.close()
    assert "closed" in refused(writer)
