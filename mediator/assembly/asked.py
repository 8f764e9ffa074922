"""Signed requests that were used, kept until they have expired: one that was answered is answered by no other process.

A file of its own in the private state folder, replaced whole before the answer is given, so that neither a restart nor a
crash makes a captured request good again.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mediator.assembly.folder import Folder, find_file, naming, replace_file
from mediator.canonical import JsonLimits, canonical_bytes, parse_object
from mediator.refusal import Reason, Refused

ASKED_FILE: Final = "asked.json"
_LIMITS: Final = JsonLimits(bytes_max=16 * 1024 * 1024, values_max=200_000)  # of hundreds of keys, all that may be kept


def read_asked(folder: Folder) -> Mapping[str, int]:
    """Return until when each request is remembered; raises `Refused(MALFORMED)` for a file in any other form."""
    file = folder.state / ASKED_FILE
    raw = find_file(file)
    with naming(file):
        found: dict[str, int] = {}
        for request, until in ({} if raw is None else parse_object(raw, _LIMITS)).items():
            if type(until) is not int:
                raise Refused(Reason.MALFORMED, "not as it was written: take it away, and ask again in two minutes")
            found[request] = until
        return found


def keep_asked(folder: Folder, asked: Mapping[str, int]) -> None:
    """Keep these in place of what was kept before; raises `Refused(MALFORMED)` where it cannot."""
    replace_file(folder.state / ASKED_FILE, canonical_bytes({**asked}), private=True)
