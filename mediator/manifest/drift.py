"""Drift: what a server offers now, against what was pinned.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import final

from mediator.canonical import Json
from mediator.manifest.pin import PinnedTool


@unique
class Kind(StrEnum):
    """What a change does to what callers may send or what the model reads; a best effort, for the reviewer."""

    NARROWS = "narrows"
    WIDENS = "widens"
    REWORDS = "rewords"
    UNCLEAR = "unclear"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field that differs. None stands for absent: JSON's null is written `null` in the text forms."""

    pointer: str
    old: str | None  # RFC 8785 text, or None where absent
    new: str | None
    kind: Kind


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """Offered exactly as pinned."""

    server: str
    tool: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Pinned, but no longer offered."""

    server: str
    tool: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """Offered under a pinned name, but otherwise than pinned."""

    server: str
    tool: str
    fields: tuple[FieldChange, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """Offered, but not pinned; for agents it does not exist."""

    tool: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """An entry of the list that is no tool: not an object, without a name, or a name offered twice."""

    index: int
    detail: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class OfferComparison:
    """What a server offers now, against its pins."""

    unchanged: tuple[Unchanged, ...]
    missing: tuple[Missing, ...]
    changed: tuple[Changed, ...]
    added: tuple[Added, ...]
    unreadable: tuple[Unreadable, ...]

    @property
    def quarantined(self) -> frozenset[tuple[str, str]]:
        """The `(server, tool)` pairs that must be gone for agents: for `PinSet.without`."""
        return frozenset((one.server, one.tool) for one in (*self.missing, *self.changed))


def compare(pinned: Iterable[PinnedTool], offered: Sequence[Json]) -> OfferComparison:
    """Compare one server's pins with its full list, as raw JSON; never raises, whatever is offered."""
    raise NotImplementedError
