"""Pace: how fast a stream that has no end is read, so that a server that floods it keeps nobody but itself waiting.

What comes with a call is bounded by the call; what stands beside the calls is not. Whoever is read no faster than this
is slowed down by its own connection, and every other stream and call has the rest of the time.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final

import anyio

_MESSAGES: Final = 64  # after so many at most there is a breath
_BYTES: Final = 1024  # count as one message more: a large one costs as much to read as many small ones


class Pace:
    """Of one stream. `breath_seconds` is how long nothing is read after each 64 messages."""

    __slots__ = ("_breath_seconds", "_taken")

    def __init__(self, breath_seconds: float) -> None:
        self._breath_seconds: Final = breath_seconds
        self._taken = 0

    async def take(self, size_bytes: int) -> None:
        """Count a message that was read; return when the next may be."""
        self._taken += 1 + size_bytes // _BYTES
        if self._taken >= _MESSAGES:
            taken, self._taken = self._taken, 0
            await anyio.sleep(self._breath_seconds * taken / _MESSAGES)
