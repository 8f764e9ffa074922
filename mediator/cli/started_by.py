"""The process that started this one, as far as the machine tells: its id, the digest of its executable, its user.

A fact for the record, and no proof: whoever runs as the same user could have told otherwise.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from mediator.canonical import JsonObject


def find_starter(processes: Path = Path("/proc")) -> JsonObject:
    """Return the parent's `pid`, `executable` (a SHA-256 digest) and `uid`; what cannot be known here is None."""
    pid = os.getppid()
    process = processes / str(pid)
    executable: str | None = None
    uid: int | None = None
    try:
        uid = process.stat().st_uid
        with (process / "exe").open("rb") as file:  # the file that runs, also where another stands in its place by now
            executable = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:  # no such file system, or another user's process
        pass
    return {"pid": pid, "executable": executable, "uid": uid}
