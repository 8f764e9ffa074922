"""Freshness: until when one connection's offer counts as compared, and that it is compared once, by whoever comes first.

A call that finds a comparison due waits for it and goes on after it; where none is due, it costs a comparison of two
numbers (P12). What is compared, and how, is the caller's. Rules:

- It is due at the beginning, whenever the server says that its lists have changed, and when the time runs out: the
  settings', or what the server gives its lists where that is shorter (never less than `SHORTEST_SECONDS`).
- A change that is told while the lists are being read makes them be read again; a server that never comes to rest
  is refused. A comparison that fails leaves everything due.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import anyio

from mediator.manifest.offer import Offer
from mediator.refusal import Reason, Refused

FRESHNESS_SECONDS: Final = 60.0  # the settings' default: a server may differ from its pins for so long at most, unheard
SHORTEST_SECONDS: Final = (
    1.0  # a server may ask to be looked at more often, not at each call: every look is a whole list
)
_ROUNDS: Final = 5  # servers that set up their tools as they start say so once or twice

Monotonic = Callable[[], float]


def _nobody() -> None:
    """Nobody waits for a change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What was known when a reading began."""

    changes: int
    at: float


class Freshness:
    """Of one connection."""

    __slots__ = ("_changes", "_due", "_lock", "_now", "_said", "_seconds")

    def __init__(self, seconds: float, now: Monotonic, said: Callable[[], None] = _nobody) -> None:
        self._seconds, self._now, self._said = seconds, now, said
        self._due = -math.inf
        self._changes = 0
        self._lock = anyio.Lock()

    def is_due(self) -> bool:
        """Tell whether the offer must be compared before anything is called."""
        return self._now() >= self._due

    def changed(self) -> None:
        """Take note that what was compared counts no longer."""
        self._changes += 1
        self._due = -math.inf

    def said_changed(self) -> None:
        """Take note that the server says its lists have changed, and pass that on to who waits for it."""
        self.changed()
        self._said()

    def mark(self) -> Mark:
        """Return what `settle` needs of the moment before a reading."""
        return Mark(changes=self._changes, at=self._now())

    def settle(self, mark: Mark, ttl_ms: int | None) -> None:
        """Take note that what was read since this mark was compared, unless it has changed meanwhile."""
        if mark.changes == self._changes:
            stated = math.inf if ttl_ms is None else max(ttl_ms / 1000, SHORTEST_SECONDS)
            self._due = mark.at + min(self._seconds, stated)

    async def ensure(self, compare: Callable[[], Awaitable[Offer]]) -> None:
        """Return once the offer is compared; `compare` reads and compares it, and may refuse.

        Raises `Refused(TOOL_SERVER_INVALID)` for lists that change whenever they are read, and what `compare` raises.
        """
        if not self.is_due():
            return
        async with self._lock:
            if not self.is_due():  # somebody else has compared it meanwhile
                return
            for _ in range(_ROUNDS):
                mark = self.mark()
                offer = await compare()
                self.settle(mark, offer.ttl_ms)
                if mark.changes == self._changes:
                    return
        raise Refused(Reason.TOOL_SERVER_INVALID, "it says that its lists have changed whenever they are read")
