"""ListChanges: that what agents may list has changed, told to the sessions that can hear it. It says nothing else.

What changed is asked for with the lists, and answered from the pins. A session is told when the trust of this process
was swapped (a quarantine, pins renewed), and when a tool server said that its lists have changed and was looked at:
after the drift check, and at most once in the quiet time whatever servers say.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

QUIET_SECONDS: Final = 1.0


class ListChanges:
    """How often something changed so far, and who wants to be woken when it does.

    `quiet_seconds` is how long whoever was told is told nothing more: what changes meanwhile is one change.
    """

    def __init__(self, quiet_seconds: float = QUIET_SECONDS) -> None:
        self.quiet_seconds: Final = quiet_seconds
        self.count = 0
        self._waking: list[Callable[[], None]] = []

    def tell(self) -> None:
        """Take note of a change, and wake everybody who waits for one; never waits, never raises."""
        self.count += 1
        for wake in self._waking:
            wake()

    @contextmanager
    def waking(self, wake: Callable[[], None]) -> Iterator[None]:
        """Have this called at each change, for as long as the context is held; it must not raise."""
        self._waking.append(wake)
        try:
            yield
        finally:
            self._waking.remove(wake)
