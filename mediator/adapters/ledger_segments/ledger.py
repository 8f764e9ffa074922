"""The ledger that calls wait for: decision before act, outcome after, both in this process's own stream.

It decides nothing and reads nothing back. No database, lock or timer stands between a call and its record: entries
that became ready in one turn of the loop are written with one `write` at its end, and whoever waited goes on. Rules:

- Claim, then record: a crash in between loses a claim, and never grants two.
- An allow has exactly one outcome, also where the caller was cut off before a permit could be made of it.
- Only a privileged allow waits for the disk; all such waits share one fdatasync at a time, in a thread.
- What cannot be written is refused, and is not part of the chain.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, final

import anyio

from mediator.adapters.ledger_segments.chain import Chain
from mediator.adapters.ledger_segments.disk import Disk, tell
from mediator.adapters.ledger_segments.opening import StreamBook, begin_stream
from mediator.adapters.ledger_segments.stops import StopCount
from mediator.adapters.ledger_segments.writer import Write
from mediator.canonical import JsonObject
from mediator.mediation.deliberate import Deliberation
from mediator.mediation.permit import Permit
from mediator.mediation.ports import Claimed, Claims, Clock, Lost, Stale, Stop
from mediator.mediation.record import (
    Committed,
    DecisionRecord,
    Ending,
    Outcome,
    OutcomeRecord,
    Receipt,
    committed,
    decision_entry,
    decision_values,
    outcome_entry,
)
from mediator.policy.decision import Verdict
from mediator.refusal import Reason, Refused

SEGMENT_BYTES_MAX: Final = 64 * 1024 * 1024
_OWN_KINDS: Final = frozenset({"decision", "outcome", "stop", "opened", "closed"})
_CLOSE_SECONDS: Final = 10.0


def _say_nothing(_alarm: str) -> None:
    """Stand in for an alarm that nobody hears."""


def _watch_nothing(_denial: Deliberation) -> None:
    """Stand in where nobody watches for denials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stream:
    """This process's stream, once it was begun."""

    chain: Chain
    disk: Disk
    loop: asyncio.AbstractEventLoop


@final
class SegmentLedger:
    """Fills the port `Ledger`; an asynchronous context, which begins and ends this process's stream.

    `alarm` is told, in one line, what an operator must see: a torn line, a store that is older than the ledger. `watch` is
    told of each denial in the loop turn in which its record was written, and never raises.
    """

    def __init__(
        self,
        folder: Path,
        *,
        claims: Claims,
        streams: StreamBook,
        clock: Clock,
        segment_bytes_max: int = SEGMENT_BYTES_MAX,
        alarm: Callable[[str], None] = _say_nothing,
        write: Write = os.write,
        watch: Callable[[Deliberation], None] = _watch_nothing,
    ) -> None:
        self._folder: Final = folder
        self._claims: Final = claims
        self._streams: Final = streams
        self._clock: Final = clock
        self._segment_bytes_max: Final = segment_bytes_max
        self._alarm: Final = alarm
        self._write: Final = write
        self._watch: Final = watch
        self._denied: list[Deliberation] = []  # only in memory so far
        self._stops: Final = StopCount()
        self._stops_unwritten: list[JsonObject] = []
        self._allowed: Final[dict[str, DecisionRecord]] = {}  # without an outcome yet
        self._unwritten: list[str] = []  # allowed, and only in memory so far
        self._waiting: list[asyncio.Future[None]] = []
        self._is_flush_due = False
        self._open: _Stream | None = None
        self.store_was_older = False  # than the ledger; known once it is begun

    async def __aenter__(self) -> Self:
        beginning = begin_stream(
            self._folder,
            self._streams,
            now_ms=self._clock.now_ms(),
            epoch=self._epoch(),
            segment_bytes_max=self._segment_bytes_max,
            write=self._write,
        )
        disk = Disk(beginning.chain.writer, self._alarm)
        self._open = _Stream(chain=beginning.chain, disk=disk, loop=asyncio.get_running_loop())
        for torn in beginning.torn:
            self._alarm(f"the ledger's stream `{torn.stream}` ended in half a line, which was cut off ({torn.file})")
        self.store_was_older = beginning.store_was_older
        if beginning.store_was_older:
            self._alarm("the store is older than the ledger: every grant in it was revoked")
        return self

    async def __aexit__(self, *_: object) -> None:
        with anyio.CancelScope(shield=True, deadline=anyio.current_time() + _CLOSE_SECONDS):
            await self.aclose()

    async def aclose(self) -> None:
        """Write what is left and end the stream; nothing can be written afterwards."""
        stream = self._begun()
        now_ms = self._clock.now_ms()
        with suppress(Refused):
            self._add_stops(self._stops.take_all(now_ms))
            self._add({"kind": "closed", "at": now_ms, "epoch": self._epoch()}, now_ms)
            self._flush()
            await stream.disk.reach()
        await stream.disk.end()
        stream.chain.writer.close()

    @property
    def stream(self) -> str:
        """The name of this process's stream."""
        return self._begun().chain.stream

    async def commit(self, deliberation: Deliberation) -> Committed | Lost | Stale:
        """Claim what is counted, write the record, and return the proof; raises `Refused` as the port says."""
        self._begun().chain.writer.require_writable()
        allows = deliberation.verdict is Verdict.ALLOW
        if allows:
            claiming = self._claim(deliberation)
            if not isinstance(claiming, Claimed):
                return claiming
        record = self._add_decision(deliberation)
        try:
            await self._next_write()
            if allows and deliberation.is_privileged:
                await self._begun().disk.reach()
        except Refused as stop:
            self._end_unenforced(record, stop)
            raise
        except asyncio.CancelledError:
            self._end_unenforced(record, Outcome.ABANDONED)
            raise
        return committed(deliberation, record)

    async def close(self, permit: Permit, ending: Ending, now_ms: int) -> OutcomeRecord:
        """Write what became of an allowed call; exactly once for each permit."""
        record = permit.committed.record
        if self._allowed.get(permit.decision_id) is not record:
            raise Refused(Reason.INTERNAL, f"decision `{permit.decision_id}` has an outcome already, or is not ours")
        entry = outcome_entry(record, ending, now_ms, forwarded=permit.was_used)
        receipt = self._add(entry, now_ms)
        del self._allowed[permit.decision_id]
        try:
            await self._next_write()
        except Refused:
            self._allowed[permit.decision_id] = record
            raise
        return OutcomeRecord(entry=entry, receipt=receipt)

    def count(self, stop: Stop) -> None:
        """Count a stop before identification; never raises."""
        self._stops.add(stop)
        with suppress(Refused):
            chain = self._begun().chain
            self._add_stops(self._stops.take_due(stop.at_ms))
            if chain.has_unwritten:
                self._flush_soon()

    def note(self, kind: str, body: JsonObject, now_ms: int) -> None:
        """Write an entry that is no decision, at once, with everything that waits; raises `LEDGER_UNAVAILABLE`."""
        if kind in _OWN_KINDS:
            message = f"`{kind}` is an entry of the ledger's own"
            raise ValueError(message)
        self._add({"kind": kind, "at": now_ms, "epoch": self._epoch(), "body": body}, now_ms)
        self._flush()

    def _claim(self, deliberation: Deliberation) -> Claimed | Lost | Stale:
        if deliberation.chain is None:
            raise Refused(Reason.INTERNAL, "an allow without a chain")
        task, epoch = deliberation.chain.root.id, deliberation.circumstances.epoch
        return self._claims.claim(task, deliberation.claims, epoch, deliberation.now_ms)

    def _add_decision(self, deliberation: Deliberation) -> DecisionRecord:
        entry, values = decision_entry(deliberation), decision_values(deliberation)
        receipt = self._add(entry, deliberation.now_ms, values)
        record = DecisionRecord(entry=entry, values=values, receipt=receipt)
        if deliberation.verdict is Verdict.ALLOW:
            self._allowed[deliberation.ids.decision_id] = record
            self._unwritten.append(deliberation.ids.decision_id)
        else:
            self._denied.append(deliberation)
        return record

    def _end_unenforced(self, record: DecisionRecord, ending: Ending) -> None:
        """Write the outcome of an allow that no permit is made of; nothing where there is no such allow on record."""
        if self._allowed.pop(str(record.entry["id"]), None) is record:
            now_ms = self._clock.now_ms()
            with suppress(Refused):
                self._add(outcome_entry(record, ending, now_ms, forwarded=False), now_ms)

    def _add(self, entry: JsonObject, now_ms: int, values: JsonObject | None = None) -> Receipt:
        chain = self._begun().chain
        chain.writer.require_writable()
        self._add_stops(self._stops.take_due(now_ms))
        receipt = chain.add(entry, values)
        self._flush_soon()
        return receipt

    def _add_stops(self, entries: list[JsonObject]) -> None:
        for entry in entries:
            self._begun().chain.add(entry)
            self._stops_unwritten.append(entry)

    def _next_write(self) -> asyncio.Future[None]:
        written = self._begun().loop.create_future()
        self._waiting.append(written)
        return written

    def _flush_soon(self) -> None:
        if not self._is_flush_due:
            self._is_flush_due = True
            self._begun().loop.call_soon(self._flush_due)

    def _flush_due(self) -> None:
        self._is_flush_due = False
        with suppress(Refused):  # each that waits was told
            self._flush()

    def _flush(self) -> None:
        """Write the group and tell each that waits for it; raises `Refused(LEDGER_UNAVAILABLE)`."""
        chain = self._begun().chain
        if not chain.has_unwritten:
            return
        waiting, self._waiting = self._waiting, []
        allowed, self._unwritten = self._unwritten, []
        denied, self._denied = self._denied, []
        stops, self._stops_unwritten = self._stops_unwritten, []
        failure: Refused | None = Refused(Reason.LEDGER_UNAVAILABLE, "the record could not be written")
        try:
            chain.write()
            failure = None
        except Refused as stop:
            failure = stop
            raise
        finally:
            if failure is not None:
                for decision_id in allowed:
                    self._allowed.pop(decision_id, None)
                self._stops.put_back(stops)
            tell(waiting, failure)
        for denial in denied:
            self._watch(denial)
        if chain.writer.has_finished_segments:
            self._begun().disk.start()

    def _epoch(self) -> int | None:
        try:
            return self._claims.epoch()
        except Refused:
            return None

    def _begun(self) -> _Stream:
        if self._open is None:
            raise Refused(Reason.LEDGER_UNAVAILABLE, "the ledger was not begun")
        return self._open
