"""The beginning of a stream: what earlier processes left half written is cut off, and a new chain begins.

Only the owner of the folder may do this (`owner_flock`): every other stream is then one that nobody writes any more.
The store is told of a stream before it exists and again once it does: so a stream that it knows and that is not there
was removed, and one that it does not know is newer than the store. The first entry names the ends of the streams
before it: so that these cannot lose their last lines unseen.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from mediator.adapters.ledger_segments.chain import Chain
from mediator.adapters.ledger_segments.layout import FORM, segment_name, values_name
from mediator.adapters.ledger_segments.reading import file_in, folder_of, list_files, list_streams, read_head
from mediator.adapters.ledger_segments.writer import StreamWriter, Write
from mediator.canonical import Json, JsonObject
from mediator.refusal import Reason, Refused

_BLOCK_BYTES: Final = 64 * 1024


class StreamBook(Protocol):
    """Who else remembers which streams there are: the store."""

    def catch_up(self, streams: Collection[str], epoch: int) -> bool:
        """Tell whether the book is older than this; if so, all that it granted is revoked, and its epoch beyond."""
        ...

    def announce_stream(self, stream: str, now_ms: int) -> None:
        """Remember that a stream of this name may come to be; raises `Refused(STORE_UNAVAILABLE)`."""
        ...

    def confirm_stream(self, stream: str) -> None:
        """Remember that it did; raises `Refused(STORE_UNAVAILABLE)`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Torn:
    """The end of a line that was never whole, and was cut off: its process died while writing it."""

    stream: str
    file: str
    size_bytes: int

    def form(self) -> JsonObject:
        """Return what the next stream's first entry says of it."""
        return {"stream": self.stream, "file": self.file, "bytes": self.size_bytes}


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """A stream that was begun, and what was found on the way."""

    chain: Chain
    torn: tuple[Torn, ...]
    store_was_older: bool


def begin_stream(
    ledger: Path, book: StreamBook, *, now_ms: int, epoch: int | None, segment_bytes_max: int, write: Write
) -> Beginning:
    """Return a new stream of this ledger, on the disk with its first entry.

    Raises `Refused`: `LEDGER_UNAVAILABLE`, `STORE_UNAVAILABLE`.
    """
    try:
        ledger.mkdir(mode=0o700, exist_ok=True)
        torn = cut_torn_lines(ledger)
        head = read_head(ledger)
        store_was_older = book.catch_up(head.streams, head.epoch)
        name = f"{datetime.fromtimestamp(now_ms / 1000, UTC):%Y%m%d}-{secrets.token_hex(8)}"
        book.announce_stream(name, now_ms)
        chain = Chain(name, StreamWriter(ledger, name, segment_bytes_max, write))
        chain.add(
            {
                "kind": "opened",
                "at": now_ms,
                "form": FORM,
                "epoch": epoch,
                "torn": list[Json](one.form() for one in torn),
                "ends": {name: {"index": end.index, "digest": end.digest} for name, end in head.ends.items()},
                "store_was_older": store_was_older,
            }
        )
        chain.write()
        chain.writer.sync_job()()
        _make_durable(ledger)
    except OSError as error:
        raise Refused(
            Reason.LEDGER_UNAVAILABLE, f"the ledger in `{ledger}` cannot be begun: {error.strerror}"
        ) from error
    book.confirm_stream(name)
    return Beginning(chain=chain, torn=torn, store_was_older=store_was_older)


def cut_torn_lines(ledger: Path) -> tuple[Torn, ...]:
    """Cut off the last line of each stream where it lacks its end, and return what was cut off."""
    torn = []
    for stream in list_streams(ledger)[0]:
        with folder_of(ledger / stream) as folder:
            files = list_files(folder)
            last = [segment_name(number) for number in files.segments[-1:]]
            last += [values_name(number) for number in files.values[-1:]]
            torn += [
                Torn(stream=stream, file=name, size_bytes=size)
                for name in last
                if (size := _cut_torn_line(folder, name))
            ]
    return tuple(torn)


def _cut_torn_line(folder: int, name: str) -> int:
    with file_in(folder, name) as file:
        size = end = file.seek(0, os.SEEK_END)
        whole = 0
        while end > 0 and not whole:
            start = file.seek(max(0, end - _BLOCK_BYTES))
            found = file.read(end - start).rfind(b"\n")
            whole = start + found + 1 if found >= 0 else 0
            end = start
    if whole < size:
        descriptor = os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        try:
            os.ftruncate(descriptor, whole)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return size - whole


def _make_durable(ledger: Path) -> None:
    with folder_of(ledger) as descriptor:
        os.fsync(descriptor)
