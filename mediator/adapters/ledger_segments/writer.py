"""One stream's files, written: whole groups of lines or nothing, and never past what somebody else did to them.

It knows bytes, not entries, and waits for nothing: when what was written is made durable is for its owner to say.
Rules:

- A group is one `write`. What of it reached the file when it failed is cut off again, before anything else is written.
- Entries that were removed, shortened or lengthened by somebody else are followed by no further line: the stream is
  lost, and a restart begins another. (Values may be erased, and are not looked at.)
- After a failed fdatasync nobody knows what the disk holds: the stream is lost likewise.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias, final

from mediator.adapters.ledger_segments.layout import open_private_folder, segment_name, values_name
from mediator.refusal import Reason, Refused

Write: TypeAlias = Callable[[int, bytes], int]

_NEW: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(slots=True)
class _File:
    """An open file, and how much of it we wrote."""

    descriptor: int
    size: int = 0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SyncJob:
    """What has to reach the disk; run in a thread."""

    folder: int | None
    finished: tuple[int, ...]
    current: tuple[int, ...]

    def __call__(self) -> None:
        """Make it durable, and close what is finished; raises `OSError`."""
        for descriptor in (*self.finished, *self.current):
            os.fdatasync(descriptor)
        for descriptor in self.finished:
            os.close(descriptor)
        if self.folder is not None:  # new names in it
            os.fsync(self.folder)


@final
class StreamWriter:
    """The files of one stream, from its folder's making to its end."""

    def __init__(self, ledger: Path, stream: str, segment_bytes_max: int, write: Write = os.write) -> None:
        self._path: Final = ledger / stream
        self._segment_bytes_max: Final = segment_bytes_max
        self._write: Final = write
        self._lost: str | None = None
        self._torn = False
        self._is_closed = False
        self._has_new_names = True
        self._finished: list[int] = []
        try:
            self._path.mkdir(mode=0o700)
            self._folder: Final = open_private_folder(self._path)
        except OSError as error:
            raise _refused(f"`{self._path}` cannot be made: {error.strerror}") from error
        self._number = 0
        try:
            self._entries, self._values = self._open(0)
        except OSError as error:
            os.close(self._folder)
            raise _refused(f"`{self._path}` cannot be written: {error.strerror}") from error

    @property
    def has_finished_segments(self) -> bool:
        """Tell whether a segment is complete that no sync job has taken yet."""
        return bool(self._finished)

    def require_writable(self) -> None:
        """Return if the next group may be written, having cut off what a failed one left.

        Raises `Refused(LEDGER_UNAVAILABLE)`.
        """
        if self._lost is not None:
            raise _refused(self._lost)
        if self._torn:
            self._cut()

    def append(self, lines: bytes, values: bytes) -> None:
        """Write one group: the values first, so that no decision stands whose values were not kept.

        Raises `Refused(LEDGER_UNAVAILABLE)`; then nothing of the group counts.
        """
        self.require_writable()
        self._require_untouched()
        try:
            if self._entries.size >= self._segment_bytes_max:
                self._roll()
            self._put(self._values, values)
            self._put(self._entries, lines)
        except OSError as error:
            self._torn = True
            with suppress(Refused):  # tried again before the next group
                self._cut()
            raise _refused(f"`{self._path}` cannot be written: {error.strerror}") from error
        self._values.size += len(values)
        self._entries.size += len(lines)

    def sync_job(self) -> SyncJob:
        """Return what makes durable whatever was written so far."""
        job = SyncJob(
            folder=self._folder if self._has_new_names else None,
            finished=tuple(self._finished),
            current=(self._values.descriptor, self._entries.descriptor),
        )
        self._finished, self._has_new_names = [], False
        return job

    def lose(self, why: str) -> None:
        """Write nothing ever again."""
        self._lost = self._lost or why

    def close(self) -> None:
        """Close the files; nothing is written afterwards."""
        if not self._is_closed:
            self._is_closed = True
            self.lose("the ledger is closed")
            for descriptor in (*self._finished, self._values.descriptor, self._entries.descriptor, self._folder):
                os.close(descriptor)

    def _put(self, file: _File, group: bytes) -> None:
        if group and self._write(file.descriptor, group) != len(group):
            raise OSError(errno.ENOSPC, "only a part was written")

    def _roll(self) -> None:
        entries, values = self._open(self._number + 1)
        self._finished += (self._values.descriptor, self._entries.descriptor)
        self._number, self._entries, self._values = self._number + 1, entries, values
        self._has_new_names = True

    def _open(self, number: int) -> tuple[_File, _File]:
        values = os.open(values_name(number), _NEW, 0o600, dir_fd=self._folder)
        try:
            entries = os.open(segment_name(number), _NEW, 0o600, dir_fd=self._folder)
        except OSError:
            os.close(values)
            os.unlink(values_name(number), dir_fd=self._folder)
            raise
        return _File(entries), _File(values)

    def _require_untouched(self) -> None:
        facts = os.fstat(self._entries.descriptor)
        if facts.st_nlink == 0 or facts.st_size != self._entries.size:
            self._lost = f"somebody else changed or removed entries of `{self._path}`: find out who, and restart"
            raise _refused(self._lost)

    def _cut(self) -> None:
        try:
            for file in (self._values, self._entries):
                os.ftruncate(file.descriptor, min(file.size, os.fstat(file.descriptor).st_size))
        except OSError as error:
            raise _refused(f"what a failed write left in `{self._path}` cannot be cut off: {error.strerror}") from error
        self._torn = False


def _refused(detail: str) -> Refused:
    return Refused(Reason.LEDGER_UNAVAILABLE, detail)
