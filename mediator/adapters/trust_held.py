"""The trust of this process: one immutable snapshot, swapped whole when a tool is quarantined.

Fills `TrustSource` and `Quarantine`. It reads no file: assembly loads, this holds.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mediator.mediation.trust import TrustSnapshot


def _nobody() -> None:
    """Nobody is told."""


class HeldTrust:
    """Holds the snapshot. Each swap moves the epoch, so that every fence looks; then `tell` says that it was swapped."""

    def __init__(
        self, snapshot: TrustSnapshot, move_epoch: Callable[[], object], tell: Callable[[], None] = _nobody
    ) -> None:
        self._snapshot = snapshot
        self._move_epoch = move_epoch
        self._tell = tell

    def snapshot(self) -> TrustSnapshot:
        """Return the trust of this moment."""
        return self._snapshot

    def quarantine(self, tools: frozenset[tuple[str, str]]) -> None:
        """Put these (server, tool) out of the snapshot, then move the epoch."""
        self.renew(replace(self._snapshot, pins=self._snapshot.pins.without(tools)))

    def renew(self, snapshot: TrustSnapshot) -> None:
        """Put this snapshot in the place of the one that is held, then move the epoch."""
        self._snapshot = snapshot
        try:
            self._move_epoch()
        finally:
            self._tell()
