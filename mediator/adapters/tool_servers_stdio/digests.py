"""Digests of files, remembered for as long as the file is untouched: a look at 100 MB before each start stays cheap.

What is remembered goes by device, inode, size, and both times to the nanosecond; `ctime` is the kernel's own, and no
program sets it. A file that was changed a moment ago is hashed anew: a second change might bear the same time.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mediator.canonical import Digest

_REMEMBERED_MAX: Final = 100_000  # files; more than a large `node_modules` has
_SETTLED_NS: Final = 2_000_000_000  # the coarsest file times in use (FAT) are two seconds apart


@dataclass(frozen=True, slots=True)
class Stamp:
    """What moves when a file's content does."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


_remembered: dict[Stamp, Digest] = {}


def stamp_of(status: os.stat_result) -> Stamp:
    """Return the stamp of a file."""
    return Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def digest_of_file(path: Path) -> tuple[Digest, Stamp]:
    """Return the digest of a regular file's content, and the stamp that it had; raises `OSError`.

    Whatever the path leads to is opened once, and that one thing is looked at.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "it is no file")
        stamp = stamp_of(status)
        known = _remembered.get(stamp)
        if known is not None:
            return known, stamp
        digest = Digest("sha256:" + hashlib.file_digest(file, "sha256").hexdigest())
        if stamp_of(os.fstat(file.fileno())) != stamp:
            raise OSError(0, "it is being written")
    if time.time_ns() - max(stamp.mtime_ns, stamp.ctime_ns) > _SETTLED_NS:
        if len(_remembered) >= _REMEMBERED_MAX:
            _remembered.clear()
        _remembered[stamp] = digest
    return digest, stamp
