"""Where calls wait that a legacy tool server holds open until the agent has answered: bounded, each for one owner.

It draws no ids and knows no clock: both come in. Whoever is taken out is gone; a call that nobody goes on with is ended by
its adapter, whose time for it is the same.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mediator.inspection.result import Waiting

_WAITING_MAX: Final = 1024
_WAITING_PER_GRANT_MAX: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One call that waits: at which server, under whose grant, until when (ms since the epoch)."""

    server: str
    grant: str
    expires_ms: int
    waiting: Waiting


class WaitingRoom:
    """Every call that is held open for a modern agent; `abandon` ends one for which there is no room any more."""

    def __init__(self, abandon: Callable[[str, Waiting], None]) -> None:
        self._abandon = abandon
        self._places: OrderedDict[str, Place] = OrderedDict()

    def __len__(self) -> int:
        return len(self._places)

    def put(self, place_id: str, place: Place, now_ms: int) -> None:
        """Let a call wait; the oldest of its grant, or of all, makes room."""
        for stale in [key for key, one in self._places.items() if one.expires_ms <= now_ms]:
            self.end(stale)
        own = [key for key, one in self._places.items() if one.grant == place.grant]
        if len(own) >= _WAITING_PER_GRANT_MAX:
            self.end(own[0])
        if len(self._places) >= _WAITING_MAX:
            self.end(next(iter(self._places)))
        self._places[place_id] = place

    def find(self, place_id: str, grant: str) -> Waiting | None:
        """Return the call that waits there, if it is this grant's."""
        place = self._places.get(place_id)
        return place.waiting if place is not None and place.grant == grant else None

    def take(self, place_id: str) -> None:
        """Take the call out: it goes on, and nobody else can go on with it."""
        self._places.pop(place_id, None)

    def end(self, place_id: str) -> None:
        """End the call that waits there, unless it was taken."""
        place = self._places.pop(place_id, None)
        if place is not None:
            self._abandon(place.server, place.waiting)
