"""The trust of this process: one immutable snapshot, swapped whole when a tool is quarantined.

Fills `TrustSource` and `Quarantine`. It reads no file: assembly loads, this holds.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mediator.mediation.trust import TrustSnapshot


class HeldTrust:
    """Holds the snapshot; a quarantine takes tools out of it and then moves the epoch, so that every fence looks."""

    def __init__(self, snapshot: TrustSnapshot, move_epoch: Callable[[], object]) -> None:
        self._snapshot = snapshot
        self._move_epoch = move_epoch

    def snapshot(self) -> TrustSnapshot:
        """Return the trust of this moment."""
        return self._snapshot

    def quarantine(self, tools: frozenset[tuple[str, str]]) -> None:
        """Put these (server, tool) out of the snapshot, then move the epoch."""
        self._snapshot = replace(self._snapshot, pins=self._snapshot.pins.without(tools))
        self._move_epoch()
