"""EventStore: the events of streams, kept for a while for an agent that comes back for them (`Last-Event-ID`).

In memory alone, and bounded: in number and bytes for each session, in bytes for all of them, the oldest dropped first;
and in time once a stream is over. The newest event of a session is always kept, so an answer waits whatever its size.
An event is found by its id in its own session and in no other (MCP 2025-11-25, `basic/transports`, resumability); ids of
streams are drawn at random, so that one session's mean nothing in another.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import secrets
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

_ID_BYTES: Final = 8
_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLimits:
    """How much is kept, and for how long."""

    events_per_session_max: int = 1000
    streams_per_session_max: int = 64  # as many as connections from one address
    bytes_per_session_max: int = 20 * _MIB  # the largest result, and what was said beside it
    bytes_max: int = 256 * _MIB
    resume_seconds: float = 60.0  # after the end of a stream; clients come back within seconds


class EventLog:
    """The events of one stream, as far as they are kept: (number, data), the oldest first. Without an id, none is."""

    def __init__(self) -> None:
        self.id: str | None = None
        self.events: deque[tuple[int, bytes]] = deque()
        self.count = 0
        self.over_at: float | None = None

    def event_id(self, number: int) -> str:
        """Return the id of the event of this number; that of number 0 stands before all of them."""
        return f"{self.id}-{number}"

    def after(self, number: int) -> list[tuple[int, bytes]]:
        """Return what is kept of the events behind that number."""
        return [event for event in self.events if event[0] > number]


Log = TypeVar("Log", bound=EventLog)


class SessionEvents(Generic[Log]):
    """The streams of one session."""

    def __init__(self, store: EventStore) -> None:
        self._store: Final = store
        self._logs: OrderedDict[str, Log] = OrderedDict()
        self._kept: deque[Log] = deque()  # of which stream each event is, in the order in which they came
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def begin(self, log: Log, kind: str) -> None:
        """Begin to keep the events of a stream, whose id begins with `kind`; the oldest that is over makes room."""
        self.drop_stale()
        if len(self._logs) >= self._store.limits.streams_per_session_max:
            over = (log for log in self._logs.values() if log.over_at is not None)
            self._drop(next(over, next(iter(self._logs.values()))))
        log.id = kind + secrets.token_hex(_ID_BYTES)
        self._logs[log.id] = log

    def append(self, log: Log, data: bytes) -> str:
        """Keep an event, and return its id."""
        log.count += 1
        if self._logs.get(log.id or "") is log:
            log.events.append((log.count, data))
            self._kept.append(log)
            self.size_bytes += len(data)
            self._store.make_room(self, len(data))
        return log.event_id(log.count)

    def end(self, log: Log) -> None:
        """Take note that a stream is over: it is kept for a while."""
        log.over_at = self._store.monotonic()

    def find(self, event_id: str) -> tuple[Log, int] | None:
        """Return the stream of this session in which that event was, and the event's number."""
        self.drop_stale()
        stream_id, _, number = event_id.rpartition("-")
        log = self._logs.get(stream_id)
        if log is None or not (number.isascii() and number.isdecimal() and len(number) <= len(str(log.count))):
            return None
        return (log, int(number)) if int(number) <= log.count else None

    def clear(self) -> None:
        """Keep nothing more: the session has ended."""
        for log in list(self._logs.values()):
            self._drop(log)
        self._kept.clear()
        self._store.forget(self)

    def drop_oldest(self) -> None:
        """Drop the oldest event."""
        log = self._kept.popleft()
        if log.events:  # else the whole stream was dropped
            self._free(len(log.events.popleft()[1]))

    def drop_stale(self) -> None:
        """Drop the streams that are over for so long that nobody comes back for them."""
        since = self._store.monotonic() - self._store.limits.resume_seconds
        for log in [log for log in self._logs.values() if log.over_at is not None and log.over_at <= since]:
            self._drop(log)
        if not self._logs:
            self._kept.clear()

    def _drop(self, log: Log) -> None:
        self._logs.pop(log.id or "", None)
        self._free(sum(len(data) for _, data in log.events))
        log.events.clear()

    def _free(self, size_bytes: int) -> None:
        self.size_bytes -= size_bytes
        self._store.size_bytes -= size_bytes


class EventStore:
    """The bounds of all sessions together."""

    def __init__(self, monotonic: Callable[[], float], limits: EventLimits | None = None) -> None:
        self.monotonic: Final = monotonic
        self.limits: Final = limits or EventLimits()
        self.size_bytes = 0
        self._written: OrderedDict[SessionEvents[Any], float] = OrderedDict()  # when they last kept something

    def make_room(self, session: SessionEvents[Any], size_bytes: int) -> None:
        """Count what this session has just kept, and drop what is too much: its own, then that of the longest silent."""
        self.size_bytes += size_bytes
        self._written[session] = self.monotonic()
        self._written.move_to_end(session)
        self._drop_stale()
        while len(session) > 1 and (
            len(session) > self.limits.events_per_session_max or session.size_bytes > self.limits.bytes_per_session_max
        ):
            session.drop_oldest()
        while self.size_bytes > self.limits.bytes_max:
            oldest = next(iter(self._written))
            if oldest is session and len(session) <= 1:
                return
            if len(oldest):
                oldest.drop_oldest()
            else:
                del self._written[oldest]

    def _drop_stale(self) -> None:
        """Drop what is stale in the sessions that were silent for as long: nobody else would, until they end."""
        now = self.monotonic()
        while self._written:
            oldest, written_at = next(iter(self._written.items()))
            if written_at >= now - self.limits.resume_seconds:
                return
            del self._written[oldest]
            oldest.drop_stale()
            if len(oldest):
                self._written[oldest] = now  # a stream goes on there

    def forget(self, session: SessionEvents[Any]) -> None:
        """Take note that a session has ended."""
        self._written.pop(session, None)
