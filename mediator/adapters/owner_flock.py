"""One owner of `.mediator` at a time: a lock that the kernel keeps, and drops when its process dies.

It does not find out what the owner does, and an owner waits for nobody; who only reads a file and writes it anew takes
turns (`take_turns`). The file stays when the lock goes: removing it would let two processes lock two files of one name.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mediator.refusal import Reason, Refused

_PID_BYTES_MAX: Final = 32
_TURN_SECONDS: Final = 2.0  # a turn is a file read and replaced, durably: milliseconds
_POLL_SECONDS: Final = 0.005
_TAKEN: Final = frozenset({errno.EWOULDBLOCK, errno.EACCES})


class Owned(Refused):
    """Somebody else holds the lock: perhaps only since a moment ago, and soon to be asked over its control socket."""


@contextmanager
def own(path: Path) -> Iterator[None]:
    """Hold the lock on this file, made if it is not there (mode 0600), with our process id in it.

    Raises `Refused(STORE_UNAVAILABLE)` where it cannot be opened; `Owned`, which is one, where somebody else holds it
    (named by process id).
    """
    descriptor = _open(path)
    try:
        _lock(descriptor, path)
        yield
    finally:
        os.close(descriptor)  # which drops the lock


@contextmanager
def take_turns(path: Path, seconds: float = _TURN_SECONDS) -> Iterator[None]:
    """Hold the lock on this file for a moment, once whoever holds it lets go; blocks for so long at most.

    Raises `Refused(STORE_UNAVAILABLE)` where it cannot be opened, or is not let go of in time.
    """
    descriptor = _open(path)
    try:
        until = time.monotonic() + seconds
        while True:
            try:
                _lock(descriptor, path)
                break
            except Owned as owned:
                if time.monotonic() >= until:
                    raise _refused(f"`{path}` is held for {seconds} s already: {owned.detail}", "try again") from owned
                time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise _refused(f"`{path}` cannot be opened: {error.strerror}", f"look at `{path.parent}`") from error


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:
        if error.errno not in _TAKEN:
            raise _refused(f"`{path}` cannot be locked: {error.strerror}", "move the folder to a local disk") from error
        detail = f"{_owner_named_in(descriptor)} owns `{path.parent}`"
        remedy = "stop that process, or let it do this over its control socket"
        raise Owned(Reason.STORE_UNAVAILABLE, detail, remedy=remedy) from error


def _owner_named_in(descriptor: int) -> str:
    text = os.pread(descriptor, _PID_BYTES_MAX, 0).decode("ascii", "replace").strip()
    return f"process `{text}`" if text.isdecimal() else "another process"


def _refused(detail: str, remedy: str) -> Refused:
    return Refused(Reason.STORE_UNAVAILABLE, detail, remedy=remedy)
