"""One process, line by line: what is heard of it, and how it ends. What is said with it is tested with `conversation`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from typing import Final

import anyio
import pytest

from mediator.adapters.tool_servers_stdio.limits import StdioLimits
from mediator.adapters.tool_servers_stdio.link import Link
from mediator.refusal import Reason, Refused
from tests.promises import promise

SAYS: Final = "import sys; print({line!r}, flush=True); sys.stdin.read()"
ANSWERS: Final = "import sys; sys.stdin.readline(); print({line!r}, flush=True); sys.stdin.read()"
ANSWER: Final = '{"jsonrpc":"2.0","id":1,"result":{}}'


class Linked:
    """A process that says one line and then listens; or, to answer, first hears one."""

    def __init__(self) -> None:
        self.over = 0
        self.gone = anyio.Event()
        self.link = Link(StdioLimits(), over=self._over, gone=self.gone.set, notified=lambda _: False)

    async def start(self, line: str, program: str = SAYS) -> None:
        await self.link.start([sys.executable, "-c", program.format(line=line)], {}, None)

    def _over(self) -> None:
        self.over += 1


@pytest.fixture
async def linked() -> AsyncIterator[Linked]:
    linked = Linked()
    yield linked
    with anyio.fail_after(10):
        await linked.link.end()
        await linked.gone.wait()


async def test_a_question_of_the_mediators_own_gets_its_answer(linked: Linked) -> None:
    """Ours."""
    await linked.start(ANSWER, ANSWERS)
    with anyio.fail_after(10):
        answer = await linked.link.ask(1, b"{}")
    assert (answer.result, linked.link.is_over) == ({}, False)


@promise("P11")
async def test_a_line_that_is_no_message_is_dropped_and_one_that_was_meant_as_one_ends_the_process(
    linked: Linked,
) -> None:
    """Ours: nobody can say whose answer it was, so all that wait are refused."""
    await linked.start("hello\\n" + '{"jsonrpc":"2.0","id":1,"result":')
    with anyio.fail_after(10), pytest.raises(Refused) as stop:
        await linked.link.ask(1, b"{}")
    assert stop.value.reason is Reason.TOOL_SERVER_INVALID
    assert (linked.link.is_over, linked.over) == (True, 1)
    with pytest.raises(Refused) as later:
        linked.link.refuse_if_over()
    assert later.value.reason is Reason.TOOL_SERVER_INVALID


async def test_one_that_is_ended_refuses_whoever_waits(linked: Linked) -> None:
    """Ours."""
    await linked.start("hello")
    refused: list[Reason] = []

    async def ask() -> None:
        try:
            await linked.link.ask(1, b"{}")
        except Refused as stop:
            refused.append(stop.reason)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as asking:
            asking.start_soon(ask)
            await anyio.lowlevel.checkpoint()
            await linked.link.end()
    assert (refused, linked.over) == ([Reason.TOOL_SERVER_UNAVAILABLE], 1)
