"""The system's time, made monotonic: never less than it was, never less than the ledger's last entry.

It judges nothing: how far the machine's clock may lie behind the ledger is for the assembly to say, which asks
`lead_ms` at start.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import time
from typing import Final, final

# On Linux alone another clock than this one counts the time of sleep.
_SINCE_START: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed_ms() -> float:
    """Return milliseconds since some moment in the past: nobody sets this clock, and it counts while the machine sleeps."""
    return time.clock_gettime(_SINCE_START) * 1000


@final
class SystemClock:
    """Milliseconds since 1970 (UTC), from the machine, not below a floor."""

    __slots__ = ("_last_ms",)

    def __init__(self, floor_ms: int = 0) -> None:
        self._last_ms = floor_ms

    def now_ms(self) -> int:
        """Return the time; where the machine's clock was set back, the highest that was ever given."""
        now_ms = time.time_ns() // 1_000_000
        self._last_ms = max(self._last_ms, now_ms)
        return self._last_ms

    def lead_ms(self) -> int:
        """Return how far what we say lies ahead of the machine's clock: nought, unless that was set back."""
        return max(0, self._last_ms - time.time_ns() // 1_000_000)
