"""Stops before identification, counted: one entry for each minute, source and reason, however many there were.

Whoever is stopped here is nobody yet, and may be anybody a million times: so the table is bounded. What finds no
room is counted under the source `*`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, final

from mediator.canonical import JsonObject
from mediator.mediation.ports import Stop
from mediator.refusal import Reason

SOURCES_MAX: Final = 1024
OTHERS: Final = "*"
_MINUTE_MS: Final = 60_000
_SOURCE_LENGTH_MAX: Final = 64

_Key = tuple[int, str, Reason]


@final
class StopCount:
    """The count of this minute, and of those before it that could not be written yet."""

    def __init__(self) -> None:
        self._counts: dict[_Key, int] = {}
        self._oldest = 0

    def add(self, stop: Stop) -> None:
        """Count one stop."""
        source = ascii(stop.source)[1:-1][:_SOURCE_LENGTH_MAX]  # whatever it holds, it can be written
        self._count((stop.at_ms // _MINUTE_MS, source, stop.reason), 1)

    def take_due(self, now_ms: int) -> list[JsonObject]:
        """Return an entry for each count of a minute that is over, and count it no longer."""
        minute = now_ms // _MINUTE_MS
        return self._take(minute, now_ms) if self._counts and self._oldest < minute else []

    def take_all(self, now_ms: int) -> list[JsonObject]:
        """Return an entry for each count there is: at the end."""
        return self._take(None, now_ms)

    def put_back(self, entries: Iterable[JsonObject]) -> None:
        """Count again what could not be written."""
        for entry in entries:
            key = (int(str(entry["minute"])) // _MINUTE_MS, str(entry["source"]), Reason(str(entry["reason"])))
            self._count(key, int(str(entry["count"])))

    def _count(self, key: _Key, count: int) -> None:
        if key not in self._counts and len(self._counts) >= SOURCES_MAX:
            key = (self._oldest, OTHERS, key[2])
        self._oldest = min(self._oldest, key[0]) if self._counts else key[0]
        self._counts[key] = self._counts.get(key, 0) + count

    def _take(self, before: int | None, now_ms: int) -> list[JsonObject]:
        due = sorted(key for key in self._counts if before is None or key[0] < before)
        entries: list[JsonObject] = [
            {
                "kind": "stop",
                "at": now_ms,
                "minute": minute * _MINUTE_MS,
                "source": source,
                "reason": str(reason),
                "count": self._counts.pop((minute, source, reason)),
            }
            for minute, source, reason in due
        ]
        self._oldest = min((minute for minute, _, _ in self._counts), default=0)
        return entries
