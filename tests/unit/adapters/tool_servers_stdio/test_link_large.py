"""A large line of a process: looked at apart while its pipe is not read, and nothing of what is around it is lost.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import anyio

from mediator.inspection.result import Came, LargeResult, ToolResult
from mediator.refusal import Reason, Refused
from mediator.wire.methods import CallMethod
from tests.promises import promise
from tests.simulated.inspectors import InspectorsHere
from tests.simulated.stdio_talk import LIMITS, Talk, logged, until
from tests.simulated.tool_server_stdio import tool

LARGE: Final = replace(LIMITS, hearing=replace(LIMITS.hearing, large_bytes=2000))
ANSWER: Final = '{"jsonrpc":"2.0","id":{id},"result":{"content":[{"type":"text","text":"' + "x" * 3000 + '"}]}}\n'
ERROR: Final = '{"jsonrpc":"2.0","id":{id},"error":{"code":5,"message":"' + "x" * 3000 + '"}}\n'
NO_MESSAGE: Final = "x" * 3000 + "\n"


class Held:
    """A talk whose large lines are not looked at before that is let go."""

    def __init__(self, folder: Path, *, is_held: bool = True, **fields: Any) -> None:
        self.inspectors = InspectorsHere(LARGE.hearing)
        self.talk = Talk(folder, limits=LARGE, inspectors=self.inspectors, **fields)
        self.came: list[Came | Reason] = []
        if is_held:
            self.inspectors.hold()

    async def call(self) -> None:
        try:
            self.came.append(await self.talk.make())
        except Refused as stop:
            self.came.append(stop.reason)

    async def looks(self) -> None:
        with anyio.fail_after(5):
            await self.inspectors.begun.wait()


async def test_what_a_process_says_last_is_heard_although_it_ends(tmp_path: Path) -> None:
    """Ours: a server that answers once and goes; its end is heard when the answer was."""
    held = Held(tmp_path, on={"tools/call": [ANSWER, "exit"]})
    async with held.talk as talk, anyio.create_task_group() as calling:
        await talk.begin()
        calling.start_soon(held.call)
        await held.looks()
        with anyio.fail_after(5):
            await talk.gone.wait()
        held.inspectors.gate.set()
        await until(lambda: held.came)
        assert isinstance(held.came[0], LargeResult)
        await talk.has_ended()


@promise("P11")
async def test_a_large_line_of_one_call_holds_the_others_of_its_process_up_and_loses_none(tmp_path: Path) -> None:
    """Ours: whose it is is not known before; then each gets its own."""
    held = Held(tmp_path, on={"tools/call": [logged("before"), ANSWER, logged("after")]})
    async with held.talk as talk, anyio.create_task_group() as calling:
        await talk.begin()
        calling.start_soon(held.call)
        await held.looks()
        calling.start_soon(held.call)
        await talk.server.until(lambda: len(talk.server.calls) == 2)
        assert held.came == []
        held.inspectors.gate.set()
        await until(lambda: len(held.came) == 2)
        assert all(isinstance(one, LargeResult) for one in held.came)
        assert [one.params["data"] for one in talk.aside.told].count("before") == 2


async def test_a_large_line_that_is_no_message_is_dropped(tmp_path: Path) -> None:
    """MCP, stdio: it should not be there; ours: as a small one."""
    held = Held(tmp_path, is_held=False, on={"tools/call": [NO_MESSAGE, ANSWER]})
    async with held.talk as talk:
        await talk.begin()
        came = await talk.make()
        assert isinstance(came, LargeResult)
        assert came.noise == 1


async def test_a_large_list_is_read_at_once_and_again_beside_a_call(tmp_path: Path) -> None:
    """Ours: what the mediator itself asked is not for inspectors, though it is only known afterwards whose a line is."""
    held = Held(tmp_path, is_held=False, tools=[tool("echo", description="x" * 3000)], on={"tools/call": ["hang"]})
    async with held.talk as talk, anyio.create_task_group() as calling:
        await talk.begin()
        assert held.inspectors.glances == []
        calling.start_soon(held.call)
        await talk.server.until(lambda: talk.server.calls)
        with anyio.fail_after(5):
            introduction = await talk.conversation.introduce()
        assert introduction.tools[0]["description"] == "x" * 3000
        assert len(held.inspectors.glances) == 1
        calling.cancel_scope.cancel()


async def test_a_process_that_is_ended_is_looked_at_no_longer(tmp_path: Path) -> None:
    """Ours: whoever waits is refused, and nobody works on."""
    held = Held(tmp_path, on={"tools/call": [ANSWER]})
    async with held.talk as talk, anyio.create_task_group() as calling:
        await talk.begin()
        calling.start_soon(held.call)
        await held.looks()
        await talk.conversation.end()
        await until(lambda: held.came)
        assert held.came == [Reason.TOOL_SERVER_UNAVAILABLE]
        assert held.inspectors.cancelled == 1


async def test_a_large_error_is_no_subscription(tmp_path: Path) -> None:
    """Ours: an error is an answer, however large."""
    resources = [{"uri": "a://1", "name": "a"}]
    for number, (said, is_told) in enumerate(((ERROR, False), (ANSWER, True))):
        updated = json.dumps(
            {"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": "a://1"}}
        )
        says = {"resources/subscribe": [said], "tools/call": [updated + "\n", "answer"]}
        (tmp_path / str(number)).mkdir()
        held = Held(tmp_path / str(number), is_held=False, on=says, resources=resources)
        async with held.talk as talk:
            await talk.begin()
            large = await talk.make(CallMethod.SUBSCRIBE, b'{"uri":"a://1"}', name="a://1")
            assert isinstance(large, LargeResult)
            assert isinstance(await talk.make(), ToolResult)
            assert talk.updated == (["a://1"] if is_told else [])
