"""Calls over one link: of every kind, and told meanwhile. What is asked stands in `test_calls_held.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import anyio
import pytest

from mediator.adapters.tool_servers_stdio.limits import StdioLimits
from mediator.canonical import JsonObject
from mediator.inspection.result import ToolResult
from mediator.refusal import Reason
from mediator.wire.methods import CallMethod, LogLevel
from mediator.wire.receiver import Receiver
from tests.promises import promise
from tests.simulated.aside import KeptAside
from tests.simulated.stdio_talk import SHOWS_PROGRESS, SlowAside, Talk, asks, hold_of, logged, progress, until

UNANSWERED: Final = {"code": -1, "message": "the client did not answer"}
ANSWERED: Final[JsonObject] = {"action": "accept", "content": {"city": "Oslo"}}
PING: Final = b'{"jsonrpc":"2.0","id":"p","method":"ping"}'  # at which a simulated server says what it likes
PROMPTS: Final = [{"name": "echo"}]


def numbers(aside: KeptAside) -> list[Any]:
    return [one.params["progress"] for one in aside.told]


# --- every kind ------------------------------------------------------------------------------------------------------


@promise("P1")
@pytest.mark.parametrize("era", ["legacy", "modern"])
@pytest.mark.parametrize(
    ("method", "name", "arguments", "sent"),
    [
        (CallMethod.TOOL, "echo", {"text": "x"}, {"name": "echo", "arguments": {"text": "x"}}),
        (CallMethod.PROMPT, "greet", {"who": "x"}, {"name": "greet", "arguments": {"who": "x"}}),
        (CallMethod.RESOURCE, "a://b", {"uri": "a://b"}, {"uri": "a://b"}),
        (
            CallMethod.COMPLETE,
            "greet",
            {"argument": {"name": "who", "value": "x"}},
            {"ref": {"type": "ref/prompt", "name": "greet"}, "argument": {"name": "who", "value": "x"}},
        ),
    ],
)
async def test_every_kind_of_call_is_made(
    tmp_path: Path, era: str, method: CallMethod, name: str, arguments: dict[str, Any], sent: dict[str, Any]
) -> None:
    """MCP: what was judged is what arrives."""
    fields: dict[str, Any] = {"prompts": [{"name": "greet"}], "resources": [{"uri": "a://b", "name": "b"}]}
    async with Talk(tmp_path, era=era, **fields) as talk:
        await talk.begin()
        result = await talk.make(method, json.dumps(arguments).encode(), name=name)
        assert isinstance(result, ToolResult)
        assert result.error is None
        arrived = talk.server.arrived[-1]
        assert arrived.method == method
        assert {key: value for key, value in arrived.params.items() if key != "_meta"} == sent


# --- told meanwhile --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_what_is_said_beside_the_answer_is_told_in_order_and_before_it(tmp_path: Path, era: str) -> None:
    """MCP progress and logging; told is not noise."""
    said = [progress(1), logged("half"), progress(2), "answer"]
    async with Talk(tmp_path, era=era, on={"tools/call": said}) as talk:
        await talk.begin()
        result = await talk.call(receiver=SHOWS_PROGRESS)
        assert [one.params.get("progress", one.params.get("data")) for one in talk.aside.told] == [1, "half", 2]
        assert result.noise == 0


async def test_what_is_said_after_the_answer_is_nobodys(tmp_path: Path) -> None:
    """MCP progress: it must stop with the answer."""
    async with Talk(tmp_path, on={"tools/call": ["answer", progress()]}) as talk:
        await talk.begin()
        noise = (await talk.call(receiver=SHOWS_PROGRESS)).noise
        await until(lambda: noise + talk.conversation._link.in_flight.take_noise())
        assert talk.aside.told == []


@promise("P7")
@pytest.mark.parametrize("token", ["true", '"{id}"', "1", "2", "99", "null", "[3]"])
async def test_progress_of_what_is_no_call_that_asked_for_it_is_dropped(tmp_path: Path, token: str) -> None:
    """MCP progress: tokens must be those of an active request."""
    async with Talk(tmp_path, on={"tools/call": [progress(1, token), "answer"]}) as talk:
        await talk.begin()
        result = await talk.call(receiver=SHOWS_PROGRESS)
        assert (talk.aside.told, result.noise) == ([], 1)


async def test_progress_that_the_caller_did_not_ask_for_is_dropped(tmp_path: Path) -> None:
    """MCP progress: no token was sent."""
    async with Talk(tmp_path, on={"tools/call": [progress(), "answer"]}) as talk:
        await talk.begin()
        assert (await talk.call()).noise == 1
        assert talk.aside.told == []


@promise("P7")
async def test_progress_goes_to_the_call_of_its_token_and_the_log_to_the_oldest(tmp_path: Path) -> None:
    """Ours: a log message bears no id."""
    says = {"tools/call": ["hang"], "prompts/get": [progress(1, "4"), progress(2), logged("x"), "answer"]}
    async with Talk(tmp_path, prompts=PROMPTS, on=says) as talk:
        await talk.begin()
        older, newer = KeptAside(), KeptAside()
        async with anyio.create_task_group() as calling:
            calling.start_soon(lambda: talk.call(receiver=SHOWS_PROGRESS, aside=older))
            await talk.server.until(lambda: talk.server.calls)
            assert talk.server.calls[0].message["id"] == 4
            await talk.make(CallMethod.PROMPT, receiver=SHOWS_PROGRESS, aside=newer)
            await until(lambda: len(older.told) == 2)
            calling.cancel_scope.cancel()
        assert [one.method for one in older.told] == ["notifications/progress", "notifications/message"]
        assert numbers(newer) == [2]


@promise("P7", "P11")
async def test_a_flood_with_a_slow_consumer_is_left_in_the_pipe_and_lost_nothing_of(tmp_path: Path) -> None:
    """The issue: thousands of progress notifications, slow consumers, bounded memory and back-pressure."""
    flood = "".join(map(progress, range(12_000)))
    async with Talk(tmp_path, on={"tools/call": [flood, "answer"]}) as talk:
        await talk.begin()
        link, slow = talk.conversation._link, SlowAside()
        results: list[ToolResult] = []

        async def call() -> None:
            results.append(await talk.call(receiver=SHOWS_PROGRESS, aside=slow))

        async with anyio.create_task_group() as calling:
            calling.start_soon(call)
            await until(lambda: link.in_flight.is_choked)
            (exchange,) = talk.open_exchanges
            assert exchange.is_full
            assert len(exchange._said) <= link.limits.untold_max
            assert len(flood) > 2 * sum(map(len, link._unheard))
            assert link._child._is_paused
            slow.gate.open.set()
        assert numbers(slow) == list(range(12_000))
        assert results[0].noise == 0
        assert not link._child._is_paused


@promise("P11")
async def test_few_that_are_large_are_bounded_too(tmp_path: Path) -> None:
    """Ours: by bytes, not by number alone."""
    said = [*(logged(letter * 6000) for letter in "xyyz"), "answer"]
    limits = StdioLimits(eof_seconds=0.5, untold_bytes_max=10_000)
    async with Talk(tmp_path, limits=limits, on={"tools/call": said}) as talk:
        await talk.begin()
        slow = SlowAside()
        async with anyio.create_task_group() as calling:
            calling.start_soon(lambda: talk.call(aside=slow))
            await until(lambda: talk.conversation._link.in_flight.is_choked)
            slow.gate.open.set()
        assert [str(one.params["data"])[0] for one in slow.told] == ["x", "y", "y", "z"]


@promise("P11")
async def test_a_consumer_that_hangs_up_lets_the_others_be_heard(tmp_path: Path) -> None:
    """Ours: what nobody takes chokes nobody once its call is over."""
    flood = "".join(map(progress, range(2000)))
    limits = StdioLimits(eof_seconds=0.5)
    async with Talk(tmp_path, limits=limits, on={"tools/call": [flood, "hang"]}) as talk:
        await talk.begin()
        async with anyio.create_task_group() as calling:
            calling.start_soon(lambda: talk.call(receiver=SHOWS_PROGRESS, aside=SlowAside()))
            await until(lambda: talk.conversation._link.in_flight.is_choked)
            calling.cancel_scope.cancel()
        assert isinstance(await talk.make(CallMethod.RESOURCE, name="x"), ToolResult)


@promise("P11")
async def test_a_call_that_waits_for_its_agent_lets_the_others_be_heard(tmp_path: Path) -> None:
    """Ours: what came with the question is kept to the bounds, the rest dropped."""
    flood = asks() + "".join(map(progress, range(100)))
    limits = StdioLimits(eof_seconds=0.5)
    async with Talk(tmp_path, limits=limits, prompts=PROMPTS, on={"tools/call": [flood, "hang"]}) as talk:
        await talk.begin()
        waiting = await talk.is_asked(receiver=SHOWS_PROGRESS)
        other = await talk.make(CallMethod.PROMPT)
        assert isinstance(other, ToolResult)
        assert other.noise == 100 - len(hold_of(waiting).exchange._said) > 0


async def test_a_process_that_nobody_hears_can_end_in_order(tmp_path: Path) -> None:
    """Ours: one that is stuck in what it says does not see that its input has ended."""
    flood = "".join(map(progress, range(12_000)))
    limits = StdioLimits(eof_seconds=5)
    async with Talk(tmp_path, limits=limits, on={"tools/call": [flood, "hang"]}) as talk:
        await talk.begin()
        slow = SlowAside()

        async def call() -> None:
            assert await talk.refused(receiver=SHOWS_PROGRESS, aside=slow) is Reason.TOOL_SERVER_UNAVAILABLE

        async with anyio.create_task_group() as calling:
            calling.start_soon(call)
            await until(lambda: talk.conversation._link.in_flight.is_choked)
            await talk.conversation.end()
            slow.gate.open.set()
        assert talk.server.events[-1]["event"] == "eof"


async def test_what_was_said_before_the_process_died_is_told(tmp_path: Path) -> None:
    """Ours: perhaps it says why."""
    async with Talk(tmp_path, on={"tools/call": [logged("out of memory"), "exit"]}) as talk:
        await talk.begin()
        assert await talk.refused() is Reason.TOOL_SERVER_UNAVAILABLE
        assert [one.params["data"] for one in talk.aside.told] == ["out of memory"]


# --- the level of the log --------------------------------------------------------------------------------------------

DEBUG: Final = Receiver(log_level=LogLevel.DEBUG)
ERROR: Final = Receiver(log_level=LogLevel.ERROR)


async def test_the_level_is_set_before_the_call_where_it_differs(tmp_path: Path) -> None:
    """MCP 2025-11-25 logging."""
    async with Talk(tmp_path, has_levels=True) as talk:
        await talk.begin()
        for receiver in (DEBUG, DEBUG, Receiver(), ERROR):
            await talk.call(receiver=receiver)
        levels = [one.params["level"] for one in talk.server.arrived if one.method == "logging/setLevel"]
        assert levels == ["debug", "error"]
        assert talk.server.methods[-3:] == ["tools/call", "logging/setLevel", "tools/call"]


@pytest.mark.parametrize(("era", "has_levels"), [("legacy", False), ("modern", True)])
async def test_a_server_that_has_no_such_method_is_asked_for_no_level(
    tmp_path: Path, era: str, has_levels: bool
) -> None:
    """MCP: it is a capability; the modern era says it with each call."""
    async with Talk(tmp_path, era=era, has_levels=has_levels) as talk:
        await talk.begin()
        await talk.call(receiver=DEBUG)
        assert "logging/setLevel" not in talk.server.methods


async def test_a_level_that_is_not_taken_in_time_is_the_calls_own_deadline(tmp_path: Path) -> None:
    """Ours: nothing was forwarded yet."""
    async with Talk(tmp_path, has_levels=True, on={"logging/setLevel": ["hang"]}) as talk:
        await talk.begin()
        sprung: list[int] = []
        refused = await talk.refused(receiver=DEBUG, within_seconds=0.05, spring=lambda: sprung.append(1))
        assert (refused, sprung) == (Reason.DEADLINE_PASSED, [])
