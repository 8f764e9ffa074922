"""Holding tool servers to their pins: whatever they offer that differs is quarantined before anything else happens.

No I/O of its own. It is told what a server offers each time that is learnt, and compares the whole of it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from mediator.canonical import Digest, Json, JsonObject, digest_of
from mediator.manifest.drift import OfferComparison, compare
from mediator.manifest.offer import Offer
from mediator.mediation.ports import Clock, Ledger, TrustSource


class Quarantine(Protocol):
    """Where trust is taken away from tools."""

    def quarantine(self, tools: frozenset[tuple[str, str]]) -> None:
        """Put these (server, tool) out of the snapshot and move the epoch, before returning."""
        ...


@dataclass(slots=True, kw_only=True)
class Holding:
    """Compares offers with pins; fills the port `OfferWatch`."""

    trust: TrustSource
    quarantine: Quarantine
    ledger: Ledger
    clock: Clock
    _seen: dict[str, Digest] = field(default_factory=dict, init=False, repr=False)

    def observe(self, server: str, offer: Offer) -> None:
        """Quarantine each pinned tool that is not offered exactly as pinned, and note the difference once."""
        comparison = compare(self.trust.snapshot().pins.of_server(server), offer.tools)
        if comparison.quarantined:
            self.quarantine.quarantine(comparison.quarantined)
        form = drift_form(server, comparison)
        if form is None or self._seen.get(server) == (digest := digest_of(form)):
            return
        self.ledger.note("drift", form, self.clock.now_ms())
        self._seen[server] = digest  # after the note: one that could not be written is written next time


def drift_form(server: str, comparison: OfferComparison) -> JsonObject | None:
    """Return what the ledger keeps of a difference, nothing where there is none: names, pointers and both texts."""
    if not (comparison.quarantined or comparison.added or comparison.unreadable):
        return None
    return {
        "server": server,
        "quarantined": list[Json](sorted(tool for _, tool in comparison.quarantined)),
        "missing": [one.tool for one in comparison.missing],
        "changed": [
            {
                "tool": one.tool,
                "fields": [
                    {"pointer": change.pointer, "old": change.old, "new": change.new, "kind": str(change.kind)}
                    for change in one.fields
                ],
            }
            for one in comparison.changed
        ],
        "added": [one.tool for one in comparison.added],
        "unreadable": [{"index": one.index, "detail": one.detail} for one in comparison.unreadable],
    }
