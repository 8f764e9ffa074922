"""What outlives the call that began it: streams that stand, and the last words to a server.

House style bans loose tasks: these are held here, so that none is collected and none outlives the adapter, and each
handles what goes wrong by itself. A task group would need a place that is open as long as the adapter is, and the
adapter is made where no loop runs yet.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

import anyio


class Background:
    """The tasks of one adapter."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[object, None, None]) -> asyncio.Task[None]:
        """Begin this now; `cancel` what is returned to end it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def aclose(self, seconds: float) -> None:
        """Let what was begun come to its end within so long, and end the rest."""
        if not self._tasks:
            return
        with anyio.move_on_after(seconds, shield=True):
            await asyncio.wait(tuple(self._tasks))
        if left := tuple(self._tasks):
            for task in left:
                task.cancel()
            with anyio.CancelScope(shield=True):
                await asyncio.wait(left)
