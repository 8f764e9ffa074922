"""Holding tool servers to their pins: whatever they offer that differs is quarantined before anything else happens.

No I/O of its own. It is told what a server offers each time that is learnt, and compares the whole of it: with every
pin, quarantined or not, and with what the server's other connections were told.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from mediator.canonical import Digest, Json, JsonObject, digest_of
from mediator.manifest.changes import FieldChange
from mediator.manifest.drift import OfferComparison, compare
from mediator.manifest.kind import ItemKind
from mediator.manifest.offer import Offer
from mediator.manifest.pin import PinSet
from mediator.mediation.faces import Entry, Faces
from mediator.mediation.ports import Clock, Ledger, TrustSource
from mediator.mediation.quarantine import Quarantined, QuarantineKey

_TEXT_MAX: Final = 4096  # characters of a server's own that are kept of one field; the digest is kept of all
_FIELDS_MAX: Final = 200
_NAMES_MAX: Final = 1000
_NOTES_MAX: Final = 256  # different differences of one server that are remembered as noted


class Quarantine(Protocol):
    """Where trust is taken away."""

    def quarantine(self, items: Sequence[Quarantined]) -> None:
        """Put these out of the snapshot and move the epoch, before returning."""
        ...


@dataclass(slots=True, kw_only=True)
class Holding:
    """Compares offers with pins; fills the port `OfferWatch`."""

    trust: TrustSource
    quarantine: Quarantine
    ledger: Ledger
    clock: Clock
    _noted: dict[str, set[Digest]] = field(default_factory=dict, init=False, repr=False)
    _faces: Faces = field(default_factory=Faces, init=False, repr=False)

    def observe(self, server: str, offer: Offer, connection: str = "") -> None:
        """Quarantine each pinned item that is not offered exactly as pinned, and note each difference once."""
        pins, now_ms = self.trust.snapshot().all_pins, self.clock.now_ms()
        comparison = compare(pins.of_server(server), offer.tools)
        differing = self._faces.differences(server, connection, offer)
        self.quarantine.quarantine(tuple(_quarantined(pins, comparison, now_ms)))
        form = drift_form(server, comparison, differing)
        if form is None:
            return
        noted = self._noted.setdefault(server, set())
        if (digest := digest_of(form)) not in noted:
            self.ledger.note("drift", form, now_ms)
            if len(noted) >= _NOTES_MAX:
                noted.clear()
            noted.add(digest)  # after the note: one that could not be written is written next time

    def forget(self, server: str, connection: str) -> None:
        """Take note that this connection is no more."""
        self._faces.forget(server, connection)


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


def _quarantined(pins: PinSet, comparison: OfferComparison, now_ms: int) -> Iterator[Quarantined]:
    found: dict[tuple[str, str], JsonObject] = {
        **{(one.server, one.tool): {"how": "no longer offered"} for one in comparison.missing},
        **{
            (one.server, one.tool): {"how": "changed", "fields": _field_forms(one.fields)}
            if one.fields
            else {"how": "offered more than once"}
            for one in comparison.changed
        },
    }
    for (server, name), what in found.items():
        tool = pins.find(server, name)
        assert tool is not None  # what was compared is pinned
        key = QuarantineKey(server, ItemKind.TOOL, name, tool.statement_digest)
        yield Quarantined(key=key, since_ms=now_ms, found=what)


def _field_forms(fields: Sequence[FieldChange]) -> list[Json]:
    return [
        {"pointer": _cut(one.pointer), "old": _cut(one.old), "new": _cut(one.new), "kind": str(one.kind)}
        for one in fields[:_FIELDS_MAX]
    ]


def _cut(text: str | None) -> str | None:
    """Return a text that a server chose, no longer than what a record should hold of it."""
    if text is None or len(text) <= _TEXT_MAX:
        return text
    return f"{text[:_TEXT_MAX]}... ({len(text)} characters, {digest_of(text)})"
