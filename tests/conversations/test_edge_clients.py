"""Unmodified clients of the protocol's own SDK speak to the HTTP edge, over a real socket, in each way they know.

Behind the edge stands a simulated corridor: what is told here is that the two understand each other.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import mcp_types as types
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPDeprecationWarning

from mediator.settings.sections import LimitSettings
from mediator.wire.call import Call
from tests.promises import promise
from tests.simulated.http_edge import HttpEdge, serving

MODES = pytest.mark.parametrize("mode", ["auto", "legacy", "2026-07-28"])


@asynccontextmanager
async def speaking(edge: HttpEdge, mode: str, token: str | None = "planner", **heard: Any) -> AsyncIterator[Client]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(headers=headers) as http:
        transport = streamable_http_client(f"http://127.0.0.1:{edge.port}/mcp", http_client=http)
        async with Client(transport, mode=mode, **heard) as client:
            yield client


@MODES
@promise("P11")
async def test_a_client_lists_and_calls(mode: str) -> None:
    """Issue 2, must show 3: modern, and forced to the older era; a refusal of a call is a result that it can read."""
    async with serving() as edge, speaking(edge, mode) as client:
        listed = await client.list_tools()
        called = await client.call_tool("fast", {"a": 1})
        spoken = client.protocol_version

    assert [tool.name for tool in listed.tools] == ["slow"]
    assert called.is_error
    assert spoken == ("2025-11-25" if mode == "legacy" else "2026-07-28")
    assert edge.corridor.counted == []
    assert edge.gate.connections == 0


@MODES
async def test_a_client_awaits_an_answer_that_becomes_a_stream(mode: str) -> None:
    """Design 5.7."""
    async with serving(sse_after_seconds=0) as edge, speaking(edge, mode) as client:

        async def answer() -> None:
            await edge.corridor.begun.wait()
            edge.corridor.slow.set()

        async with anyio.create_task_group() as answering:
            answering.start_soon(answer)
            with anyio.fail_after(5):
                assert (await client.call_tool("slow", {})).is_error


@MODES
async def test_a_client_cancels_its_call(mode: str) -> None:
    """MCP: the older era says so in a notification, the modern one closes the stream; both end it on our side."""
    async with serving() as edge, speaking(edge, mode) as client:
        async with anyio.create_task_group() as calling:
            calling.start_soon(client.call_tool, "slow", {})
            with anyio.fail_after(5):
                await edge.corridor.begun.wait()
            calling.cancel_scope.cancel()
        with anyio.fail_after(5):
            await edge.corridor.ended.wait()
        assert (await client.call_tool("fast", {})).is_error

    assert len(edge.corridor.cancelled) == 1


@promise("P11")
async def test_a_client_reads_why_it_is_turned_away() -> None:
    """Design 5.7: clients show the JSON-RPC error beside a bad status; the session goes on."""
    async with serving() as edge, speaking(edge, "legacy") as client:
        with pytest.raises(MCPError, match="the body is too large"):
            await client.call_tool("fast", {"a": "x" * 5_000_000})
        assert (await client.call_tool("fast", {})).is_error


async def test_a_client_reads_that_there_is_too_much_at_once() -> None:
    """Design 5.7: overload is told before authentication, and before anything is read."""
    async with serving(LimitSettings(connections_max=1)) as edge, edge.connect() as first:
        await first.ask(edge.request())
        with pytest.raises(ExceptionGroup) as told:
            async with speaking(edge, "legacy"):
                pass

    assert told.group_contains(MCPError, match="too much at once")


# --- what is said and asked beside answers ----------------------------------------------------------------------------


@MODES
async def test_a_client_hears_how_far_its_call_is(mode: str) -> None:
    """MCP, `basic/utilities/progress`: in order, before the answer."""
    heard: list[float] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:  # noqa: ARG001 - as the SDK calls it
        heard.append(progress)

    async with serving() as edge, speaking(edge, mode) as client:
        edge.corridor.says = 200
        with anyio.fail_after(5):
            assert (await client.call_tool("talks", {}, progress_callback=hear)).is_error

    assert heard == [*range(200)]


@MODES
async def test_a_client_hears_what_its_call_logs(mode: str) -> None:
    """MCP, `server/utilities/logging`."""
    heard: list[object] = []

    async def log(params: types.LoggingMessageNotificationParams) -> None:
        heard.append(params.data)

    async with serving() as edge, speaking(edge, mode, logging_callback=log) as client:
        with anyio.fail_after(5):
            assert (await client.call_tool("logs", {})).is_error

    assert heard == ["said"]


async def test_a_client_is_asked_in_the_course_of_its_call() -> None:
    """MCP 2025-11-25, elicitation: the answer finds the call that waits for it."""

    async def elicit(_context: object, params: types.ElicitRequestParams) -> types.ElicitResult:
        assert params.message == "which?"
        return types.ElicitResult(action="accept", content={"a": 1})

    async with serving() as edge, speaking(edge, "legacy", elicitation_callback=elicit) as client:
        with anyio.fail_after(5):
            assert (await client.call_tool("asks", {})).is_error

    assert [said and said.result for said in edge.corridor.answers] == [{"action": "accept", "content": {"a": 1}}]


async def test_a_client_hears_of_changes_in_its_session() -> None:
    """MCP 2025-11-25: the client opens the stream by itself."""
    heard: list[str] = []
    is_heard = anyio.Event()

    async def hear(message: object) -> None:
        heard.append(str(getattr(message, "method", message)))
        if len(heard) == 4:
            is_heard.set()

    async with serving() as edge, speaking(edge, "legacy", message_handler=hear) as client:
        with pytest.warns(MCPDeprecationWarning):
            await client.subscribe_resource("test://a")
        edge.corridor.updates.updated("clock", "test://a", None)
        edge.corridor.list_changes.tell()
        with anyio.fail_after(5):
            await is_heard.wait()

    kinds = ("resources/updated", "tools/list_changed", "prompts/list_changed", "resources/list_changed")
    assert sorted(heard) == sorted(f"notifications/{kind}" for kind in kinds)


async def test_a_client_that_was_cut_off_comes_back_for_its_answer() -> None:
    """MCP 2025-11-25, resumability, with the SDK's own client: the call is made once."""
    async with serving(sse_after_seconds=0) as edge, speaking(edge, "legacy") as client:

        async def answer() -> None:
            await edge.corridor.begun.wait()
            edge.corridor.slow.set()

        async with anyio.create_task_group() as answering:
            answering.start_soon(answer)
            with anyio.fail_after(10):
                assert (await client.call_tool("pauses-slow", {})).is_error

    assert edge.corridor.cancelled == []
    assert sum(isinstance(reading, Call) for reading in edge.corridor.readings) == 1


async def test_a_client_listens_to_what_it_asked_for() -> None:
    """MCP 2026-07-28, `basic/patterns/subscriptions`."""
    async with serving() as edge, speaking(edge, "2026-07-28") as client:
        async with client.listen(tools_list_changed=True, resource_subscriptions=["test://a"]) as listening:
            edge.corridor.list_changes.tell()
            edge.corridor.updates.updated("clock", "test://a", None)
            with anyio.fail_after(5):
                heard = [type(await anext(listening)).__name__ for _ in range(2)]
        with anyio.fail_after(5):
            while len(edge.corridor.updates):
                await anyio.lowlevel.checkpoint()

    assert sorted(heard) == ["ResourceUpdated", "ToolsListChanged"]
