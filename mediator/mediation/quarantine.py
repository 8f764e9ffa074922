"""Quarantine: what was pinned and was then offered otherwise; out of the snapshot until somebody approves it anew.

Pure. It is keyed by the reviewer's statement: a new approval is another statement, and what it approves is free again.
Where several reviewers approved the same, it is of each of their statements: that one falls away frees nothing, and as
many approve anew as settings ask for.
That the server goes back to the pinned text frees nothing: it has shown that it can do otherwise.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, final

from mediator.canonical import Digest, Json, JsonObject
from mediator.kind import ItemKind
from mediator.manifest.pinned import PinnedItem

_POINTER_MAX: Final = 200  # characters
_TOLD_MAX: Final = 10  # fields; all of them stand in `found`


@final
class QuarantineKey(NamedTuple):
    """What is quarantined: an item of a server, as one statement approved it."""

    server: str
    kind: ItemKind
    name: str
    statement_digest: Digest


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """One item that is in quarantine, since when, and what was found: `{"how", "fields"}`, each field with both texts."""

    key: QuarantineKey
    since_ms: int
    found: JsonObject

    @property
    def why(self) -> str:
        """What moved, for an operator: pointers, in one line."""
        fields = self.found.get("fields")
        listed: list[Json] = fields if isinstance(fields, list) else []
        pointers = [_in_one_line(str(field.get("pointer"))) for field in listed if isinstance(field, dict)]
        more = ["and more"] if len(pointers) > _TOLD_MAX else []
        return ", ".join([*(f"`{pointer}`" for pointer in pointers[:_TOLD_MAX]), *more]) or str(self.found.get("how"))

    def form(self) -> JsonObject:
        """Return it as plain JSON."""
        return {
            "server": self.key.server,
            "kind": str(self.key.kind),
            "name": self.key.name,
            "statement": self.key.statement_digest,
            "since": self.since_ms,
            "found": self.found,
        }


def _in_one_line(pointer: str) -> str:
    # A server chooses the names of the fields that it adds; a line break or an escape never comes from data.
    pointer = pointer if len(pointer) <= _POINTER_MAX else f"{pointer[:_POINTER_MAX]}..."
    return pointer if pointer.isprintable() else pointer.encode("unicode_escape").decode("ascii")


def keys_of(item: PinnedItem) -> tuple[QuarantineKey, ...]:
    """Return what the item is quarantined by, under each statement that approved it; first the one that decides."""
    return tuple(QuarantineKey(item.server, item.kind, item.name, voice) for voice in item.voices)


class QuarantineBook(Protocol):
    """Where quarantines last beyond the process."""

    def list_quarantined(self) -> Sequence[Quarantined]:
        """Return every quarantine that was ever written; raises `Refused(STORE_UNAVAILABLE)`."""
        ...

    def quarantine(self, items: Sequence[Quarantined]) -> None:
        """Write these, each once, and move the epoch; raises `Refused(STORE_UNAVAILABLE)`."""
        ...
