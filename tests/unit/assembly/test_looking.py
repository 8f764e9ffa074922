"""Unit tests of mediator/assembly/looking.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import anyio

from mediator.assembly.looking import Looking
from tests.promises import promise


class Looks:
    """What was done, in order: a look, and that agents were told."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.more = anyio.Event()
        self.looking = Looking(self.look, lambda: self._do("tell"))

    async def look(self) -> None:
        self._do("look")

    def _do(self, what: str) -> None:
        self.done.append(what)
        self.more.set()

    async def until(self, count: int) -> None:
        while len(self.done) < count:
            await self.more.wait()
            self.more = anyio.Event()


@promise("P3")
async def test_agents_are_told_after_the_look_and_only_where_a_server_said_something() -> None:
    """Issue 3: `list_changed` is passed on after the drift check."""
    looks = Looks()
    async with anyio.create_task_group() as keeping:
        keeping.start_soon(looks.looking.keep_on, 60, 0)
        await anyio.lowlevel.checkpoint()
        looks.looking.hurry()
        looks.looking.hurry()
        with anyio.fail_after(5):
            await looks.until(2)
        keeping.cancel_scope.cancel()
    assert looks.done == ["look", "tell"]


async def test_what_is_due_is_looked_at_though_nobody_says_anything() -> None:
    """Issue 3: when the settings' interval runs out; nobody is told of a look that found nothing."""
    looks = Looks()
    async with anyio.create_task_group() as keeping:
        keeping.start_soon(looks.looking.keep_on, 0, 60)
        with anyio.fail_after(5):
            await looks.until(3)
        keeping.cancel_scope.cancel()
    assert set(looks.done) == {"look"}


@promise("P11")
async def test_a_server_that_says_so_again_and_again_is_looked_at_once_in_a_while() -> None:
    """Ours: each look reads whole lists, of every server that is due."""
    looks = Looks()
    async with anyio.create_task_group() as keeping:
        keeping.start_soon(looks.looking.keep_on, 60, 60)
        for _ in range(100):
            looks.looking.hurry()
            await anyio.lowlevel.checkpoint()
        keeping.cancel_scope.cancel()
    assert looks.done == ["look", "tell"]
