"""Places: how many of something there may be at once, in all and for each of those who take them.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from mediator.refusal import Reason, Refused


class Places:
    """Counts who has taken a place; nobody takes all of them."""

    def __init__(self, what: str, in_all: int, for_each: int) -> None:
        self._what: Final = what
        self._in_all: Final = in_all
        self._for_each: Final = for_each
        self._taken = Counter[str]()

    def __len__(self) -> int:
        return self._taken.total()

    def has_room(self, taker: str) -> bool:
        """Tell whether this one may take one more."""
        return self._taken[taker] < self._for_each and self._taken.total() < self._in_all

    @contextmanager
    def taking(self, taker: str) -> Iterator[None]:
        """Take a place for as long as the context is held; raises `Refused(OVERLOADED)`."""
        if not self.has_room(taker):
            raise Refused(Reason.OVERLOADED, f"too many {self._what}")
        self._taken[taker] += 1
        try:
            yield
        finally:
            self._taken[taker] -= 1
            if not self._taken[taker]:
                del self._taken[taker]
