"""Holding tool servers to their pins: whatever they offer that differs is quarantined before anything else happens.

No I/O of its own. It is told what a server offers each time that is learnt, and compares the whole of it: with every
pin, quarantined or not, and with what the server's other connections were told.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from mediator.canonical import Digest, digest_of
from mediator.manifest.drift import compare
from mediator.manifest.offer import Offer
from mediator.mediation.drift_forms import drift_form, quarantined_by, shown
from mediator.mediation.faces import Faces
from mediator.mediation.ports import Clock, Ledger, TrustSource
from mediator.mediation.quarantine import Quarantined

_NOTES_MAX: Final = 256  # different differences of one server that are remembered as noted


class Quarantine(Protocol):
    """Where trust is taken away."""

    def quarantine(self, items: Sequence[Quarantined]) -> None:
        """Put these out of the snapshot and move the epoch, before returning."""
        ...


def _say_nothing(_alarm: str) -> None:
    """Stand in for an operator whom nobody calls."""


def _wait() -> None:
    """Stand in where nobody looks before the time."""


def _note_nothing(_held: Quarantined, _evidence: str) -> None:
    """Stand in where no rule looks for drift."""


@dataclass(slots=True, kw_only=True)
class Holding:
    """Compares offers with pins; fills the port `OfferWatch`. `hurry` has what is due compared without waiting.

    `drifted` is told of each item that is quarantined, once that is on record, and of the digest of what was noted.
    """

    trust: TrustSource
    quarantine: Quarantine
    ledger: Ledger
    clock: Clock
    alarm: Callable[[str], None] = _say_nothing
    hurry: Callable[[], None] = _wait
    drifted: Callable[[Quarantined, str], None] = _note_nothing
    _noted: dict[str, set[Digest]] = field(default_factory=dict, init=False, repr=False)
    _faces: Faces = field(default_factory=Faces, init=False, repr=False)

    def observe(self, server: str, offer: Offer, connection: str = "") -> None:
        """Quarantine each pinned item that is not offered exactly as pinned, and note each difference once."""
        snapshot, now_ms = self.trust.snapshot(), self.clock.now_ms()
        pins, quarantined = snapshot.all_pins, snapshot.quarantined
        comparison = compare(pins.items_of_server(server), pins.instructions(server), offer)
        differing = self._faces.differences(server, connection, offer)
        fresh = [one for one in quarantined_by(pins, comparison, now_ms) if one.key not in quarantined]
        self.quarantine.quarantine(fresh)
        for one in fresh:
            self.alarm(
                f"`{one.key.server}/{shown(one.key.kind, one.key.name)}` is quarantined, for it is not offered as pinned: {one.why}"
            )
        form = drift_form(server, comparison, differing)
        if form is None:
            return
        noted = self._noted.setdefault(server, set())
        if (digest := digest_of(form)) not in noted:
            self.ledger.note("drift", form, now_ms)
            if len(noted) >= _NOTES_MAX:
                noted.clear()
            noted.add(digest)  # after the note: one that could not be written is written next time
        for one in fresh:
            self.drifted(one, digest)

    def agrees(self, server: str, offer: Offer) -> bool:
        """Tell whether nothing would be quarantined for this offer."""
        pins = self.trust.snapshot().all_pins
        return not compare(pins.items_of_server(server), pins.instructions(server), offer).quarantined

    def changed(self, server: str) -> None:  # noqa: ARG002 - every server is compared where that is due
        """Have what is offered compared soon."""
        self.hurry()

    def forget(self, server: str, connection: str) -> None:
        """Take note that this connection is no more."""
        self._faces.forget(server, connection)
