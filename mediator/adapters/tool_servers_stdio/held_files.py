"""What is reviewed is what runs: a server's executable and its lock file are compared with their digests before a start.

Nothing is started here. Rules, in the order in which they are checked:

1. The executable is the file that the command's first word leads to, on the `PATH` that the process will have.
2. It has every digest that the settings and the pinned manifest promise, and nobody but its owner's group can write it,
   or a folder that leads to it: else what was checked is not what is started a moment later.
3. The lock file has its digest. One that ends in `.sha256` is a list: each file in it has its own.
4. Where the lock is of an installed folder, that holds nothing beside what is listed, and no way out of it.

Between the look and the kernel's own there is a moment. `Checked.is_unmoved` is asked right after the start, and a file
that was touched or replaced in between ends the process unheard. It is not asked to run what was opened (`/proc/self/fd`):
uvloop gives the process that path as its own name, by which a virtual environment no longer finds itself.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mediator.adapters.tool_servers_stdio.digests import Stamp, digest_of_file, stamp_of
from mediator.canonical import Digest, JsonObject
from mediator.evidence import Secret
from mediator.manifest.file_list import SUFFIX, parse_file_list
from mediator.refusal import Refused

_NOTHING: Final = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What was written down when it was reviewed; a digest that is not there promises nothing."""

    executable: frozenset[Digest] = frozenset()
    lock: frozenset[Digest] = frozenset()
    lock_file: Path | None = None
    installed: Path | None = None
    root: Path = Path()
    """What the paths of a list are relative to."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be compared."""
        return not (self.executable or self.lock)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One file that is not what was reviewed."""

    file: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"`{self.file}` is not what was reviewed: expected {self.expected}, found {self.found}"

    def form(self) -> JsonObject:
        """What the ledger keeps of it."""
        return {"file": self.file, "expected": self.expected, "found": self.found}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Files as they were found, all as promised; `program` is the executable's path, nothing where none is held."""

    program: Path | None = None
    stamps: Mapping[Path, Stamp]

    def moved(self) -> Mismatch | None:
        """Tell which of the executable and the lock file was touched or replaced since."""
        for path, stamp in self.stamps.items():
            try:
                now = stamp_of(path.stat())
            except OSError as error:
                return Mismatch(file=str(path), expected="it untouched", found=_why(error))
            if now != stamp:
                return Mismatch(file=str(path), expected="it untouched", found="another since it was looked at")
        return None


def check(
    command: Sequence[str], environment: Mapping[str, Secret | str], cwd: str | None, promise: Promise
) -> Checked | Mismatch:
    """Compare what would be started with what was reviewed. It reads files, so it runs in a thread of its own."""
    stamps: dict[Path, Stamp] = {}
    program: Path | None = None
    if promise.executable:
        program = find_program(command[0], environment, cwd)
        if program is None:
            return Mismatch(file=command[0], expected=_told(promise.executable), found=_NOTHING)
        if (wrong := _compare(program, promise.executable, stamps) or _open_to_all(program)) is not None:
            return wrong
    if promise.lock:
        if promise.lock_file is None:
            return Mismatch(file="lock_file", expected=_told(promise.lock), found="no `lock_file` in the settings")
        wrong = (
            _compare(promise.lock_file, promise.lock, stamps)
            or _open_to_all(promise.lock_file)
            or _listed(promise.lock_file, promise)
        )
        if wrong is not None:
            return wrong
    return Checked(program=program, stamps=stamps)


def find_program(word: str, environment: Mapping[str, Secret | str], cwd: str | None) -> Path | None:
    """Return the file that a command's first word leads to, as the process will look for it; its links are kept."""
    home = Path(cwd or ".").absolute()
    if "/" in word:
        candidates: Iterable[Path] = [home / word]
    else:
        path = environment.get("PATH", os.defpath)
        folders = (path.reveal() if isinstance(path, Secret) else path).split(os.pathsep)
        candidates = (home / folder / word for folder in folders)
    return next((one for one in candidates if one.is_file() and os.access(one, os.X_OK)), None)


def _compare(path: Path, promised: frozenset[Digest], stamps: dict[Path, Stamp]) -> Mismatch | None:
    try:
        found, stamp = digest_of_file(path)
    except OSError as error:
        return Mismatch(file=str(path), expected=_told(promised), found=_why(error))
    if promised != {found}:
        return Mismatch(file=str(path), expected=_told(promised - {found}), found=found)
    stamps[path] = stamp
    return None


def _open_to_all(path: Path) -> Mismatch | None:
    """Tell of the file, or of a folder on the way to it, that any user of the machine may change (A6)."""
    real = path.resolve()
    for place in (real, *real.parents):
        try:
            mode = place.stat().st_mode
        except OSError as error:
            return Mismatch(file=str(place), expected="a place that can be looked at", found=_why(error))
        sticky = stat.S_ISDIR(mode) and mode & stat.S_ISVTX  # there each may replace what is their own
        if mode & stat.S_IWOTH and not sticky:
            expected = f"that only its owner can write it (`chmod o-w {place}`)"
            return Mismatch(file=str(place), expected=expected, found=f"mode {stat.S_IMODE(mode):04o}")
    return None


def _listed(lock_file: Path, promise: Promise) -> Mismatch | None:
    if lock_file.suffix != SUFFIX:
        return None  # a package manager's own: its digest is all that we know of it
    try:
        files = {promise.root / path: digest for path, digest in parse_file_list(lock_file.read_bytes()).items()}
    except (OSError, Refused) as error:
        return Mismatch(file=str(lock_file), expected="a list as `sha256sum` writes it", found=str(error))
    for path, digest in files.items():
        if (wrong := _compare(path, frozenset({digest}), {})) is not None:
            return wrong
    return None if promise.installed is None else _beside(promise.installed, files)


def _beside(installed: Path, listed: Mapping[Path, Digest]) -> Mismatch | None:
    """Tell of a file in the folder that is not listed: one more module is one more program that runs."""
    home = installed.resolve()
    for folder, folders, files in os.walk(installed):
        here = Path(folder)
        for name in files:
            if here / name not in listed:
                return Mismatch(file=str(here / name), expected=_NOTHING, found="a file that is not listed")
        for name in folders:
            place = here / name
            if place.is_symlink() and not place.resolve().is_relative_to(home):
                return Mismatch(file=str(place), expected="a folder within", found="a link out of it")
    return None


def _told(digests: frozenset[Digest]) -> str:
    return " and ".join(sorted(digests))


def _why(error: OSError) -> str:
    return error.strerror.lower() if error.strerror else type(error).__name__


PromiseSource = Callable[[], Promise]
"""Asked before each start: pins may have been renewed since."""


def promise_nothing() -> Promise:
    """Return the promise of a server of which nothing was written down."""
    return Promise()
