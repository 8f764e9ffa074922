"""A clock that stands still until it is told to go on.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from tests.simulated.forged_tokens import NOW_MS


class FixedClock:
    """Fills the port `Clock`."""

    def __init__(self, now_ms: int = NOW_MS) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def advance(self, *, ms: int = 0, seconds: int = 0, minutes: int = 0) -> None:
        """Let time pass; it never goes back."""
        passed = ms + 1000 * seconds + 60_000 * minutes
        assert passed >= 0, "time does not go back"
        self._now_ms += passed


class FixedZone:
    """Fills the port `Zone`: two hours ahead of UTC, until it is told otherwise."""

    def __init__(self, offset_seconds: int = 7_200) -> None:
        self.offset_seconds = offset_seconds

    def utc_offset_seconds(self, _at_ms: int) -> int:
        return self.offset_seconds
