"""Starts that were refused since a file is not what was reviewed: noted in the ledger as drift, each difference once.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mediator.adapters.tool_servers_stdio.held_files import Mismatch
from mediator.mediation.ports import Clock, Ledger


@dataclass(slots=True, kw_only=True)
class MismatchNotes:
    """What was noted last of each server."""

    ledger: Ledger
    clock: Clock
    _noted: dict[str, Mismatch] = field(default_factory=dict, init=False, repr=False)

    def tell(self, server: str, mismatch: Mismatch) -> None:
        """Note it, unless it is what was noted last of that server."""
        if self._noted.get(server) == mismatch:
            return
        self.ledger.note("drift", {"server": server, "executable": mismatch.form()}, self.clock.now_ms())
        self._noted[server] = mismatch  # after the note: one that could not be written is written next time
