"""A comparison as plain JSON: what the ledger keeps of it, what an operator is shown, what is quarantined by it.

Pure. What a server chose of it is cut to a length: the ledger is no place for sixteen megabytes of a hostile server's.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from mediator.canonical import Json, JsonObject, digest_of
from mediator.manifest.changes import FieldChange
from mediator.manifest.drift import OfferComparison
from mediator.manifest.kind import ItemKind
from mediator.manifest.pin import PinSet
from mediator.mediation.faces import Entry
from mediator.mediation.quarantine import Quarantined, QuarantineKey

_TEXT_MAX: Final = 4096  # characters of one text; the digest is of all of it
_FIELDS_MAX: Final = 200
_NAMES_MAX: Final = 1000


def drift_form(server: str, comparison: OfferComparison, differing: Sequence[Entry] = ()) -> JsonObject | None:
    """Return what the ledger keeps of a difference, nothing where there is none: names, pointers and both texts."""
    if not (comparison.quarantined or comparison.added or comparison.unreadable or differing):
        return None
    return {
        "server": server,
        "quarantined": list[Json](sorted(tool for _, tool in comparison.quarantined)),
        "missing": [one.tool for one in comparison.missing],
        "changed": [{"tool": one.tool, "fields": _field_forms(one.fields)} for one in comparison.changed],
        "added": [_cut(one.tool) for one in comparison.added[:_NAMES_MAX]],
        "unreadable": [{"index": one.index, "detail": one.detail} for one in comparison.unreadable[:_NAMES_MAX]],
        "differs_between_connections": [{"kind": kind, "name": _cut(name)} for kind, name in differing[:_NAMES_MAX]],
    }


def quarantined_by(pins: PinSet, comparison: OfferComparison, now_ms: int) -> Iterator[Quarantined]:
    """Yield what this comparison puts in quarantine, each under the statement that approved it."""
    for (server, name), found in _found(comparison).items():
        tool = pins.find(server, name)
        assert tool is not None  # what was compared is pinned
        key = QuarantineKey(server, ItemKind.TOOL, name, tool.statement_digest)
        yield Quarantined(key=key, since_ms=now_ms, found=found)


def item_forms(comparison: OfferComparison) -> list[Json]:
    """Return each item with its state (`unchanged`, `missing`, `changed`, `added`, `unreadable`): for an operator."""
    found = _found(comparison)
    forms: list[JsonObject] = [
        *(_item(one.tool, "unchanged") for one in comparison.unchanged),
        *(_item(one.tool, "missing") for one in comparison.missing),
        *(_item(one.tool, "changed") | found[one.server, one.tool] for one in comparison.changed),
        *(_item(one.tool, "added") for one in comparison.added[:_NAMES_MAX]),
        *(
            _item(f"entry {one.index}", "unreadable") | {"how": one.detail}
            for one in comparison.unreadable[:_NAMES_MAX]
        ),
    ]
    return [*forms]


def _item(name: str, state: str) -> JsonObject:
    return {"kind": str(ItemKind.TOOL), "name": _cut(name), "state": state}


def _found(comparison: OfferComparison) -> dict[tuple[str, str], JsonObject]:
    found: dict[tuple[str, str], JsonObject] = {
        (one.server, one.tool): {"how": "no longer offered"} for one in comparison.missing
    }
    for one in comparison.changed:
        fields: JsonObject = {"how": "changed", "fields": _field_forms(one.fields)}
        found[one.server, one.tool] = fields if one.fields else {"how": "offered more than once"}
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
