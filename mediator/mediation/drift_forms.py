"""A comparison as plain JSON: what the ledger keeps of it, what an operator is shown, what is quarantined by it.

Pure. What a server chose of it is cut to a length: the ledger is no place for sixteen megabytes of a hostile server's.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from mediator.canonical import Json, JsonObject, digest_of
from mediator.kind import ItemKey, ItemKind
from mediator.manifest.changes import FieldChange
from mediator.manifest.drift import Changed, OfferComparison
from mediator.manifest.pin import PinSet
from mediator.mediation.faces import Entry
from mediator.mediation.quarantine import Quarantined, keys_of

_TEXT_MAX: Final = 4096  # characters of one text; the digest is of all of it
_FIELDS_MAX: Final = 200
_NAMES_MAX: Final = 1000


def drift_form(server: str, comparison: OfferComparison, differing: Sequence[Entry] = ()) -> JsonObject | None:
    """Return what the ledger keeps of a difference, nothing where there is none: names, pointers and both texts."""
    if not comparison.differs and not differing:
        return None
    return {
        "server": server,
        "quarantined": list[Json](sorted(shown(kind, name) for _, kind, name in comparison.quarantined)),
        "missing": [shown(one.kind, one.name) for one in comparison.missing],
        "changed": [
            {"tool": shown(one.kind, one.name), "fields": _field_forms(one.fields), "dangerous": one.grows_dangerous}
            for one in comparison.changed
        ],
        "instructions": _field_forms(comparison.instructions),
        "added": [_cut(shown(one.kind, one.name)) for one in comparison.added[:_NAMES_MAX]],
        "added_instructions": comparison.has_added_instructions,
        "unreadable": [{"index": one.index, "detail": one.detail} for one in comparison.unreadable[:_NAMES_MAX]],
        "differs_between_connections": [{"kind": kind, "name": _cut(name)} for kind, name in differing[:_NAMES_MAX]],
    }


def quarantined_by(pins: PinSet, comparison: OfferComparison, now_ms: int) -> Iterator[Quarantined]:
    """Yield what this comparison puts in quarantine, each under the statement that approved it."""
    for (server, kind, name), found in _found(comparison).items():
        item = pins.find_item(server, kind, name)
        assert item is not None  # what was compared is pinned
        yield Quarantined(key=keys_of(item)[0], since_ms=now_ms, found=found)


def item_forms(comparison: OfferComparison) -> list[Json]:
    """Return each item with its state (`unchanged`, `missing`, `changed`, `added`, `unreadable`): for an operator."""
    found = _found(comparison)
    forms: list[JsonObject] = [
        *(_item(one.kind, one.name, "unchanged") for one in comparison.unchanged),
        *(_item(one.kind, one.name, "missing") for one in comparison.missing),
        *(
            _item(one.kind, one.name, "changed") | found[one.server, one.kind, one.name] | _dangerous(one)
            for one in comparison.changed
        ),
        *(_item(one.kind, one.name, "added") for one in comparison.added[:_NAMES_MAX]),
        *(
            _item(one.kind, f"entry {one.index}", "unreadable") | {"how": one.detail}
            for one in comparison.unreadable[:_NAMES_MAX]
        ),
    ]
    if comparison.instructions:
        changed: JsonObject = {"kind": "instructions", "name": "", "state": "changed"}
        forms.append(changed | _by_instructions(comparison))
    if comparison.has_added_instructions:
        forms.append({"kind": "instructions", "name": "", "state": "added"})
    return [*forms]


def shown(kind: ItemKind, name: str) -> str:
    """Return a tool's name as it is, and anything else's with its kind before it."""
    return name if kind is ItemKind.TOOL else f"{kind} {name}"


def _item(kind: ItemKind, name: str, state: str) -> JsonObject:
    return {"kind": str(kind), "name": _cut(name), "state": state}


def _dangerous(changed: Changed) -> JsonObject:
    return {"dangerous": True} if changed.grows_dangerous else {}


def _by_instructions(comparison: OfferComparison) -> JsonObject:
    return {"how": "the server's instructions changed", "fields": _field_forms(comparison.instructions)}


def _found(comparison: OfferComparison) -> dict[ItemKey, JsonObject]:
    found: dict[ItemKey, JsonObject] = dict.fromkeys(comparison.quarantined, _by_instructions(comparison))
    for gone in comparison.missing:
        found[gone.server, gone.kind, gone.name] = {"how": "no longer offered"}
    for one in comparison.changed:
        fields: JsonObject = {"how": "changed", "fields": _field_forms(one.fields)}
        found[one.server, one.kind, one.name] = fields if one.fields else {"how": "offered more than once"}
    return found


def _field_forms(fields: Sequence[FieldChange]) -> list[Json]:
    return [
        {"pointer": _cut(one.pointer), "old": _cut(one.old), "new": _cut(one.new), "kind": str(one.kind)}
        for one in fields[:_FIELDS_MAX]
    ]


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= _TEXT_MAX:
        return text
    return f"{text[:_TEXT_MAX]}... ({len(text)} characters, {digest_of(text)})"
