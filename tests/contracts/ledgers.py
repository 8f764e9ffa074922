"""Every ledger that there is, with one way to look into it: what the contract runs over.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mediator.adapters.ledger_segments.ledger import SegmentLedger
from mediator.adapters.ledger_segments.showing import Wanted, find_entries
from mediator.canonical import JsonObject
from mediator.mediation.ports import Ledger
from tests.simulated.clock import FixedClock
from tests.simulated.memory import MemoryLedger, MemoryStore


@dataclass(slots=True)
class StreamNotes:
    """A store that remembers streams, and nothing else."""

    announced: dict[str, bool] = field(default_factory=dict)
    is_older: bool = False
    asked: tuple[tuple[str, ...], int] | None = None

    def catch_up(self, streams: Collection[str], epoch: int) -> bool:
        self.asked = (tuple(streams), epoch)
        return self.is_older

    def announce_stream(self, stream: str, now_ms: int) -> None:
        assert now_ms > 0
        self.announced[stream] = False

    def confirm_stream(self, stream: str) -> None:
        self.announced[stream] = True


@dataclass(slots=True)
class LedgerUnderTest:
    """A ledger, the claims that it was handed, and where it writes, if that is a folder."""

    ledger: Ledger
    store: MemoryStore
    clock: FixedClock
    folder: Path | None = None
    streams: StreamNotes = field(default_factory=StreamNotes)
    alarms: list[str] = field(default_factory=list)

    def entries(self, kind: str | None = None) -> Sequence[JsonObject]:
        """Return what stands in the ledger, of one kind or of any that it was asked to write."""
        if self.folder is not None:
            found = find_entries(self.folder, Wanted(kind=kind)).entries
        else:
            assert isinstance(self.ledger, MemoryLedger)
            found = tuple(entry for entry in self.ledger.entries if kind in {None, entry["kind"]})
        return [entry for entry in found if entry["kind"] not in {"opened", "closed"}]


@asynccontextmanager
async def segments_in(folder: Path, **settings: Any) -> AsyncIterator[LedgerUnderTest]:
    """Begin a stream in this folder."""
    tested = LedgerUnderTest(ledger=MemoryLedger(MemoryStore()), store=MemoryStore(), clock=FixedClock(), folder=folder)
    ledger = SegmentLedger(
        folder, claims=tested.store, streams=tested.streams, clock=tested.clock, alarm=tested.alarms.append, **settings
    )
    async with ledger as tested.ledger:
        yield tested


def in_memory() -> LedgerUnderTest:
    store = MemoryStore()
    return LedgerUnderTest(ledger=MemoryLedger(store), store=store, clock=FixedClock())
