"""Where a call waits for the world, a test may step in: be slow, fail, hang, or change what is trusted meanwhile.

    world.at("commit", lambda: world.revoke(task))   # once, to whoever comes there next
    world.at("close", raises(OSError("disk")))
    gate = Gate(); world.at("answer", gate)          # waits there until `gate.open.set()`; `gate.reached` tells when

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import inspect
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from typing import Final, Literal, NoReturn, TypeAlias

import anyio
import anyio.lowlevel

Point: TypeAlias = Literal["gather", "commit", "recorded", "credential", "call", "answer", "close", "trace", "count"]
"""In the order in which a call comes by:

- `gather` (never awaited), before its circumstances are read
- `commit`, judged, before anything is claimed; `recorded`, after the record is written
- `credential`, before one is there; `call`, before the first byte; `answer`, after the first byte
- `close`, before the outcome is written; `trace` and `count` (never awaited)
"""

AWAITED: Final[tuple[Point, ...]] = ("commit", "recorded", "credential", "call", "answer", "close")

Hook: TypeAlias = Callable[[], Awaitable[None] | None]


class Gate:
    """A hook that waits until it is opened."""

    def __init__(self) -> None:
        self.reached = anyio.Event()
        self.open = anyio.Event()

    async def __call__(self) -> None:
        self.reached.set()
        await self.open.wait()


def raises(error: BaseException) -> Hook:
    """Return a hook that raises."""

    def hook() -> NoReturn:
        raise error

    return hook


class Pauses:
    """Hooks by point, each run once, first in first out."""

    def __init__(self) -> None:
        self._hooks: defaultdict[Point, deque[Hook]] = defaultdict(deque)

    def at(self, point: Point, *hooks: Hook) -> None:
        self._hooks[point].extend(hooks)

    async def pause(self, point: Point) -> None:
        """Be as an adapter that waits for the world: other tasks run, and a hang-up is noticed."""
        await anyio.lowlevel.checkpoint()
        if self._hooks[point] and (waiting := self._hooks[point].popleft()()) is not None:
            await waiting

    def step_in(self, point: Point) -> None:
        """Run a hook where nothing is awaited."""
        if self._hooks[point]:
            assert not inspect.isawaitable(self._hooks[point].popleft()()), "nothing is awaited here"
