"""Looking: when tool servers are looked at without any call, and that agents hear of it when one says that it changed.

Every few seconds what is due is compared with the pins; at once where a server says that its lists have changed, though not
more often than once in a while, for each look reads whole lists. Only after the look are agents told, without a word of what
changed: what did is quarantined by then, and what they may list comes from the pins.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import anyio

LOOK_SECONDS: Final = 5.0  # so long at most until what is due, or could not be asked, is compared without a call
REST_SECONDS: Final = 1.0  # so long at least between two looks, whatever servers say


class Looking:
    """Looks until it is cancelled; `look` compares what is due, `tell` says that a list may have changed."""

    def __init__(self, look: Callable[[], Awaitable[object]], tell: Callable[[], None]) -> None:
        self._look, self._tell = look, tell
        self._said = anyio.Event()

    def hurry(self) -> None:
        """Take note that a server says its lists have changed; never waits, never raises."""
        self._said.set()

    async def keep_on(self, look_seconds: float = LOOK_SECONDS, rest_seconds: float = REST_SECONDS) -> None:
        """Look, again and again."""
        while True:
            with anyio.move_on_after(look_seconds):
                await self._said.wait()
            said, self._said = self._said.is_set(), anyio.Event()
            await self._look()
            if said:
                self._tell()
                await anyio.sleep(rest_seconds)
