"""Drift: what a server offers now, against what was pinned, field by field.

Pure. It judges nothing: whatever differs is quarantined (P3), and the kinds are there for the reviewer's eye, never
for waving a change through. Rules:

- A pinned item is unchanged when its RFC 8785 bytes are those of the pin: key order and white space may change,
  nothing else may. A name that is offered twice is changed, whatever stands under it.
- A family of resources that is one URI is compared with the resource of that URI, a template with the template; a prefix
  is never offered. A resource that no family covers is added: for agents it does not exist.
- Other instructions than those that were pinned take the whole server with them: they were reviewed as what every tool
  of it is used by, and a server that gives models other orders than those is not the one that was reviewed. Where none
  were pinned, instructions are added: no agent sees them.
- Whatever the server lists, comparing does not fail: what is no item is told as unreadable.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, final

from mediator.canonical import Json, JsonObject
from mediator.kind import ItemKey, ItemKind
from mediator.manifest.changes import FieldChange, changes_between
from mediator.manifest.family import FamilyForm
from mediator.manifest.offer import Offer
from mediator.manifest.pinned import PinnedItem, PinnedResource

# MCP 2025-03-26 and later, `ToolAnnotations`: what each hint says by itself where it is left out, and which is milder.
_MILDER: Final[Mapping[str, tuple[bool, bool]]] = MappingProxyType(
    {
        "readOnlyHint": (False, True),
        "destructiveHint": (True, False),
        "idempotentHint": (False, True),
        "openWorldHint": (True, False),
    }
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """Offered exactly as pinned."""

    server: str
    name: str
    kind: ItemKind = ItemKind.TOOL


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Pinned, but no longer offered."""

    server: str
    name: str
    kind: ItemKind = ItemKind.TOOL


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """Offered under a pinned name, but otherwise than pinned; without fields where it is offered more than once."""

    server: str
    name: str
    fields: tuple[FieldChange, ...]
    kind: ItemKind = ItemKind.TOOL
    grows_dangerous: bool = False
    """Whether a hint of the tool says more than it did: that it writes, destroys, reaches out, may not be repeated."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """Offered, but not pinned: for agents it does not exist."""

    name: str
    kind: ItemKind = ItemKind.TOOL


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """An entry of a list that is no item, or bears a name that stood there before."""

    index: int
    detail: str
    kind: ItemKind = ItemKind.TOOL


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class OfferComparison:
    """What a server offers now, against its pins."""

    unchanged: tuple[Unchanged, ...]
    missing: tuple[Missing, ...]
    changed: tuple[Changed, ...]
    added: tuple[Added, ...]
    unreadable: tuple[Unreadable, ...]
    instructions: tuple[FieldChange, ...] = ()
    """How the instructions differ from those that were pinned."""
    has_added_instructions: bool = False

    @property
    def differs(self) -> bool:
        """Tell whether anything is offered otherwise than pinned, or beside it."""
        return bool(self.quarantined or self.added or self.unreadable or self.has_added_instructions)

    @property
    def quarantined(self) -> frozenset[ItemKey]:
        """The `(server, kind, name)` that must be gone for agents: for `PinSet.without`."""
        gone: list[Unchanged | Missing | Changed] = [*self.missing, *self.changed]
        if self.instructions:
            gone += self.unchanged
        return frozenset((one.server, one.kind, one.name) for one in gone)


@dataclass(slots=True)
class _Found:
    """What the lists hold, by kind and name; the names that stand there twice; what is no item."""

    entries: dict[tuple[ItemKind, str], JsonObject] = field(default_factory=dict)
    doubled: set[tuple[ItemKind, str]] = field(default_factory=set)
    unreadable: list[Unreadable] = field(default_factory=list)


def compare(pinned: Iterable[PinnedItem], instructions: str | None, offer: Offer) -> OfferComparison:
    """Compare one server's pins, and its pinned instructions, with all that it offers; never raises."""
    pins = {(item.kind, item.name): item for item in pinned}
    found = _Found()
    _take(found, ItemKind.TOOL, "name", offer.tools)
    _take(found, ItemKind.PROMPT, "name", offer.prompts)
    _take(found, ItemKind.RESOURCE, "uri", offer.resources)
    _take(found, ItemKind.RESOURCE, "uriTemplate", offer.resource_templates)
    unchanged: list[Unchanged] = []
    missing: list[Missing] = []
    changed: list[Changed] = []
    for key, item in pins.items():
        server, kind, name = item.server, item.kind, item.name
        if isinstance(item, PinnedResource) and item.family.form is FamilyForm.PREFIX:
            unchanged.append(Unchanged(server=server, kind=kind, name=name))
        elif key not in found.entries:
            missing.append(Missing(server=server, kind=kind, name=name))
        elif key in found.doubled:
            changed.append(Changed(server=server, kind=kind, name=name, fields=()))
        elif fields := changes_between(item.definition, found.entries[key]):
            grows = _grows_dangerous(item.definition, found.entries[key])
            changed.append(Changed(server=server, kind=kind, name=name, fields=fields, grows_dangerous=grows))
        else:
            unchanged.append(Unchanged(server=server, kind=kind, name=name))
    is_other = instructions is not None and offer.instructions != instructions
    return OfferComparison(
        unchanged=tuple(unchanged),
        missing=tuple(missing),
        changed=tuple(changed),
        added=tuple(_added(pins, found)),
        unreadable=tuple(found.unreadable),
        instructions=changes_between(_said(instructions), _said(offer.instructions)) if is_other else (),
        has_added_instructions=instructions is None and bool(offer.instructions),
    )


def _take(found: _Found, kind: ItemKind, by: str, listed: Sequence[Json]) -> None:
    expected = "not an object with a name" if by == "name" else f"not an object with a `{by}`"
    for index, entry in enumerate(listed):
        name = entry.get(by) if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(name, str):
            found.unreadable.append(Unreadable(kind=kind, index=index, detail=expected))
        elif (kind, name) in found.entries:
            found.doubled.add((kind, name))
            detail = "a name that stands in the list before"
            found.unreadable.append(Unreadable(kind=kind, index=index, detail=detail))
        else:
            found.entries[kind, name] = entry


def _added(pins: Mapping[tuple[ItemKind, str], PinnedItem], found: _Found) -> Iterator[Added]:
    families = [item for item in pins.values() if isinstance(item, PinnedResource) and not item.family.is_exact]
    for (kind, name), entry in found.entries.items():
        is_covered = kind is ItemKind.RESOURCE and "uri" in entry and any(_covers(one, entry) for one in families)
        if (kind, name) not in pins and not is_covered:
            yield Added(kind=kind, name=name)


def _covers(pinned: PinnedResource, resource: JsonObject) -> bool:
    """Tell whether a resource is of a family; one whose media type is not said is of no family that asks for one."""
    family, uri = pinned.family, resource["uri"]
    is_of_type = family.form is not FamilyForm.PREFIX or resource.get("mimeType") in [*family.media_types]
    return isinstance(uri, str) and is_of_type and family.covers(uri)


def _grows_dangerous(old: JsonObject, new: JsonObject) -> bool:
    hints = [hints if isinstance(hints := one.get("annotations"), dict) else {} for one in (old, new)]
    return any(
        hints[0].get(name, unsaid) is milder and hints[1].get(name, unsaid) is not milder
        for name, (unsaid, milder) in _MILDER.items()
    )


def _said(instructions: str | None) -> JsonObject:
    return {} if instructions is None else {"instructions": instructions}
