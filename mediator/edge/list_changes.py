"""ListChanges: that what agents may list has changed, told to the sessions that can hear it. It says nothing else.

What changed is asked for with `tools/list`, and answered from the pins. A session is told when the trust of this process
was swapped (a quarantine, pins renewed), which is after the drift check; that a tool server says its list has changed
passes nothing on by itself, or it could send agents signals of its own.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import anyio

QUIET_SECONDS: Final = 1.0


class ListChanges:
    """Where a change is told, and heard by whoever listens at that time."""

    def __init__(self, quiet_seconds: float = QUIET_SECONDS) -> None:
        self._quiet_seconds: Final = quiet_seconds
        self._listening: set[Listening] = set()

    def tell(self) -> None:
        """Tell everybody who listens; never waits, never raises."""
        for listening in self._listening:
            listening.heard.set()

    @contextmanager
    def listening(self) -> Iterator[Listening]:
        """Listen for as long as the context is held."""
        listening = Listening(self._quiet_seconds)
        self._listening.add(listening)
        try:
            yield listening
        finally:
            self._listening.discard(listening)


class Listening:
    """One listener; whatever is told while it is quiet is one change."""

    def __init__(self, quiet_seconds: float) -> None:
        self._quiet_until = 0.0
        self._quiet_seconds: Final = quiet_seconds
        self.heard = anyio.Event()

    async def change(self) -> None:
        """Return when something changed, and at most once in the quiet time."""
        await self.heard.wait()
        await anyio.sleep_until(self._quiet_until)
        self.heard = anyio.Event()
        self._quiet_until = anyio.current_time() + self._quiet_seconds
