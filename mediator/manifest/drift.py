"""Drift: what a server offers now, against what was pinned, field by field.

Pure. It judges nothing: whatever differs is quarantined (P3), and the kinds are there for the reviewer's eye, never
for waving a change through. Rules:

- A pinned tool is unchanged when its RFC 8785 bytes are those of the pin: key order and white space may change,
  nothing else may. A name that is offered twice is changed, whatever stands under it.
- Whatever the server lists, comparing does not fail: what is no tool is told as unreadable.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import final

from mediator.canonical import Json, JsonObject
from mediator.manifest.changes import FieldChange, changes_between
from mediator.manifest.pin import PinnedTool


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
    """Offered under a pinned name, but otherwise than pinned; without fields where it is offered more than once."""

    server: str
    tool: str
    fields: tuple[FieldChange, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """Offered, but not pinned: for agents it does not exist."""

    tool: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """An entry of the list that is no tool, or bears a name that stood there before."""

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
        missing = {(one.server, one.tool) for one in self.missing}
        return frozenset(missing | {(one.server, one.tool) for one in self.changed})


def compare(pinned: Iterable[PinnedTool], offered: Sequence[Json]) -> OfferComparison:
    """Compare one server's pins with its full list, as raw JSON; never raises, whatever is offered."""
    pins = {tool.name: tool for tool in pinned}
    found: dict[str, JsonObject] = {}
    doubled: set[str] = set()
    unreadable: list[Unreadable] = []
    for index, entry in enumerate(offered):
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(name, str):
            unreadable.append(Unreadable(index=index, detail="not an object with a name"))
        elif name in found:
            doubled.add(name)
            unreadable.append(Unreadable(index=index, detail="a name that stands in the list before"))
        else:
            found[name] = entry
    unchanged: list[Unchanged] = []
    missing: list[Missing] = []
    changed: list[Changed] = []
    for name, tool in pins.items():
        if name not in found:
            missing.append(Missing(server=tool.server, tool=name))
        elif name in doubled:
            changed.append(Changed(server=tool.server, tool=name, fields=()))
        elif fields := changes_between(tool.definition, found[name]):
            changed.append(Changed(server=tool.server, tool=name, fields=fields))
        else:
            unchanged.append(Unchanged(server=tool.server, tool=name))
    return OfferComparison(
        unchanged=tuple(unchanged),
        missing=tuple(missing),
        changed=tuple(changed),
        added=tuple(Added(tool=name) for name in found if name not in pins),
        unreadable=tuple(unreadable),
    )
