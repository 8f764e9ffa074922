"""Where the ledger's files are, what they are called, and whose they must be.

    <ledger>/<stream>/<n>.jsonl          entries, each the RFC 8785 bytes of one object, and a line feed
    <ledger>/<stream>/values-<n>.jsonl   what is kept apart of the decisions in that segment, erasable one by one

A stream is `<date>-<random>`; segments count from 0. Each entry names its stream, its index there (over all segments)
and, as `prev`, the digest of the line before it without its line feed; the first one's is `GENESIS`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mediator.canonical import JsonLimits, digest_of_bytes
from mediator.refusal import Reason, Refused

GENESIS: Final = digest_of_bytes(b"mcp-mediator ledger: before the first entry of a stream")
FORM: Final = 1  # of the entries: a reader that knows no higher one must not guess
# Canonical numbers can be five times as long as what was sent (`1e20`); a body holds 4 MiB.
LINE_LIMITS: Final = JsonLimits(bytes_max=64 * 1024 * 1024, depth_max=100)

_STREAM: Final = re.compile(r"[0-9]{8}-[0-9a-f]{16}")
_FILE: Final = re.compile(r"(values-)?(0|[1-9][0-9]{0,8})\.jsonl")
_OTHERS: Final = 0o077


@dataclass(frozen=True, slots=True, kw_only=True)
class FileName:
    """The name of a file in a stream's folder, taken apart."""

    number: int
    holds_values: bool


def segment_name(number: int) -> str:
    """Return the name of a segment of entries."""
    return f"{number}.jsonl"


def values_name(number: int) -> str:
    """Return the name of the values beside that segment."""
    return f"values-{number}.jsonl"


def find_file_name(name: str) -> FileName | None:
    """Return what this name says, if it is one of ours."""
    match = _FILE.fullmatch(name)
    return None if match is None else FileName(number=int(match[2]), holds_values=match[1] is not None)


def is_stream_name(name: str) -> bool:
    """Tell whether a stream may be called so."""
    return _STREAM.fullmatch(name) is not None


def open_private_folder(path: Path) -> int:
    """Return a descriptor of this folder, which is ours alone; files are opened beneath it, never by path again.

    Raises `Refused(LEDGER_UNAVAILABLE)` for a missing folder, a symbolic link, a foreign owner or a looser mode.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise _refused(f"the ledger's folder `{path}` cannot be opened, or is a link: {error.strerror}") from error
    facts = os.fstat(descriptor)
    if facts.st_uid != os.geteuid() or facts.st_mode & _OTHERS:
        os.close(descriptor)
        mode = stat.S_IMODE(facts.st_mode)
        raise _refused(f"the ledger's folder `{path}` must be yours alone (mode {mode:04o}): run `chmod 700 {path}`")
    return descriptor


def _refused(detail: str) -> Refused:
    return Refused(Reason.LEDGER_UNAVAILABLE, detail)
