"""What stands in the ledger's files, as far as it can be read at all: streams, segments, lines. It judges nothing.

It follows no link and waits for no pipe, and holds one line at a time.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from mediator.adapters.ledger_segments.layout import (
    LINE_LIMITS,
    find_file_name,
    is_stream_name,
    open_private_folder,
    segment_name,
)
from mediator.canonical import JsonObject, digest_of_bytes, parse_object
from mediator.refusal import Reason, Refused

_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_TAIL_BYTES: Final = (16 * 1024, 1024 * 1024, None)  # tried in this order until a whole line is found
_TAIL_LINES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder of the ledger: the numbers of the files that are ours, and the names of the others."""

    segments: tuple[int, ...]
    values: tuple[int, ...]
    strangers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The last entry of a stream: its place and the digest of its line."""

    index: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where the ledger ended: its last time, and the highest epoch that stands near the ends of its streams.

    `ends` holds the streams whose end no other stream names yet.
    """

    streams: tuple[str, ...]
    at_ms: int
    epoch: int
    ends: Mapping[str, End]


def list_streams(ledger: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the streams, and whatever else lies there; raises `Refused(LEDGER_UNAVAILABLE)`."""
    with folder_of(ledger) as descriptor:
        names = sorted(os.listdir(descriptor))  # noqa: PTH208 - of the folder that was looked at, not of its path
    streams = tuple(name for name in names if is_stream_name(name))
    return streams, tuple(name for name in names if not is_stream_name(name))


def list_files(folder: int) -> Folder:
    """Return what lies in a stream's folder."""
    found = {name: find_file_name(name) for name in sorted(os.listdir(folder))}
    return Folder(
        segments=tuple(sorted(file.number for file in found.values() if file is not None and not file.holds_values)),
        values=tuple(sorted(file.number for file in found.values() if file is not None and file.holds_values)),
        strangers=tuple(name for name, file in found.items() if file is None),
    )


@contextmanager
def folder_of(path: Path) -> Iterator[int]:
    """Hold a folder of the ledger open; raises `Refused(LEDGER_UNAVAILABLE)` as `open_private_folder`."""
    descriptor = open_private_folder(path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def file_in(folder: int, name: str) -> Iterator[BinaryIO]:
    """Hold a file of a stream open; raises `Refused(LEDGER_UNAVAILABLE)` for what is no file."""
    try:
        descriptor = os.open(name, _READ, dir_fd=folder)
    except OSError as error:
        raise _refused(f"`{name}` cannot be read, or is a link: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _refused(f"`{name}` is not a file")
    with os.fdopen(descriptor, "rb") as file:
        yield file


def read_lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield each line with its line feed; the last one may lack it.

    Raises `Refused(LEDGER_UNAVAILABLE)` for a line that is longer than any we write.
    """
    while line := file.readline(LINE_LIMITS.bytes_max + 1):
        if len(line) > LINE_LIMITS.bytes_max and not line.endswith(b"\n"):
            raise _refused(f"a line of more than {LINE_LIMITS.bytes_max} bytes")
        yield line


def read_head(ledger: Path) -> Head:
    """Return where the ledger ended; raises `Refused(LEDGER_UNAVAILABLE)` where its folders cannot be read."""
    streams, _ = list_streams(ledger)
    times, epochs = [0], [0]
    ends: dict[str, End] = {}
    named: set[str] = set()
    for stream in streams:
        with folder_of(ledger / stream) as folder:
            segments = list_files(folder).segments
            lines = _last_lines(folder, segments)
            entries = [entry for line in lines if (entry := find_entry(line)) is not None]
            named |= _ends_named_in(folder, segments)
        times += [_number(entry, "at") for entry in entries]
        epochs += [max(_number(entry, "epoch"), _number(_member(entry, "circumstances"), "epoch")) for entry in entries]
        last = find_entry(lines[-1]) if lines else None
        if last is not None:
            ends[stream] = End(index=_number(last, "index"), digest=digest_of_bytes(lines[-1]))
    return Head(
        streams=streams,
        at_ms=max(times),
        epoch=max(epochs),
        ends={stream: end for stream, end in ends.items() if stream not in named},
    )


def find_entry(line: bytes) -> JsonObject | None:
    """Return the object on this line, if it is one."""
    try:
        return parse_object(line, LINE_LIMITS)
    except Refused:
        return None


def ends_of(opening: JsonObject) -> dict[str, End]:
    """Return how other streams ended, as the first entry of a stream says."""
    ends = {}
    for stream, told in _member(opening, "ends").items():
        match told:
            case {"index": int(index), "digest": str(digest)}:
                ends[stream] = End(index=index, digest=digest)
            case _:
                continue
    return ends


def _last_lines(folder: int, segments: tuple[int, ...]) -> list[bytes]:
    for number in reversed(segments):
        with file_in(folder, segment_name(number)) as file:
            for size in _TAIL_BYTES:
                if lines := _tail(file, size):
                    return lines[-_TAIL_LINES:]
    return []


def _tail(file: BinaryIO, size: int | None) -> list[bytes]:
    end = file.seek(0, os.SEEK_END)
    start = file.seek(0 if size is None else max(0, end - size))
    lines = file.read(end - start).split(b"\n")
    return lines[1 if start else 0 : -1]  # the first may be the end of a line, the last is torn or empty


def _ends_named_in(folder: int, segments: tuple[int, ...]) -> set[str]:
    if not segments:
        return set()
    with file_in(folder, segment_name(segments[0])) as file:
        opening = find_entry(file.readline(LINE_LIMITS.bytes_max).rstrip(b"\n"))
    return set() if opening is None else set(ends_of(opening))


def _member(entry: JsonObject, name: str) -> JsonObject:
    found = entry.get(name)
    return found if isinstance(found, dict) else {}


def _number(entry: JsonObject, name: str) -> int:
    value = entry.get(name)
    return value if isinstance(value, int) else 0


def _refused(detail: str) -> Refused:
    return Refused(Reason.LEDGER_UNAVAILABLE, detail)
