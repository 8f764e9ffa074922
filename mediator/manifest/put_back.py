"""What was put back: approvals that had gone out of `pins.lock`, by a revocation or a newer word, and stand in it again.

Pure: no I/O. The highest serial tells an older file from a newer one, and not one that keeps its newest statement and has
older ones beside it, each of which still verifies. So what stood in the file is remembered, and rules:

- An approval that is above the highest serial that was seen is new. One that is not, and did not stand there when that
  was seen, was put back: it counts for nothing until somebody approves it anew.
- A retraction counts whenever it is there: it only ends.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from mediator.canonical import Digest, JsonObject
from mediator.manifest.fields import read_fields
from mediator.manifest.lock import SignedApproval, Word, parse_lock, write_lock

_MEMBERS = ("serial", "statements")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPins:
    """The statements that stood in `pins.lock` when it was last seen, and the highest serial."""

    serial: int
    statements: frozenset[Digest]

    def as_form(self) -> JsonObject:
        """Return it as plain JSON."""
        return {"serial": self.serial, "statements": [*sorted(self.statements)]}


NOTHING_SEEN = SeenPins(serial=0, statements=frozenset())


def read_seen_form(form: JsonObject) -> SeenPins:
    """Return what such a form says; raises `Refused(MALFORMED)`."""
    top = read_fields(form, "", _MEMBERS)
    return SeenPins(
        serial=top.count("serial", 0), statements=frozenset(Digest(str(one)) for one in top.items("statements"))
    )


def find_put_back(words: Sequence[Word], seen: SeenPins) -> tuple[SignedApproval, ...]:
    """Return the approvals among these words that were put back."""
    return tuple(word for word in words if isinstance(word, SignedApproval) and not _is_known(word, seen))


def without(pins_lock: bytes | None, put_back: Sequence[SignedApproval]) -> bytes | None:
    """Return the file without those approvals."""
    if not put_back:
        return pins_lock
    gone = {one.statement.raw for one in put_back}
    return write_lock([raw for raw in parse_lock(pins_lock) if raw not in gone])


def see(words: Sequence[Word], seen: SeenPins) -> SeenPins:
    """Return what is seen of a file with these words, after what was seen; an older file changes nothing."""
    serial = max((word.statement.serial for word in words), default=0)
    if serial < seen.serial:
        return seen
    return SeenPins(
        serial=serial, statements=frozenset(word.statement.digest for word in words if _is_known(word, seen))
    )


def _is_known(word: Word, seen: SeenPins) -> bool:
    return word.statement.serial > seen.serial or word.statement.digest in seen.statements
