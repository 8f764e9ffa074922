"""Unmodified clients of the protocol's own SDK speak to the HTTP edge, over a real socket, in each way they know.

Behind the edge stands a simulated corridor: what is told here is that the two understand each other.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

from mediator.settings.sections import LimitSettings
from tests.promises import promise
from tests.simulated.http_edge import HttpEdge, serving

MODES = pytest.mark.parametrize("mode", ["auto", "legacy", "2026-07-28"])


@asynccontextmanager
async def speaking(edge: HttpEdge, mode: str, token: str | None = "planner") -> AsyncIterator[Client]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(headers=headers) as http:
        transport = streamable_http_client(f"http://127.0.0.1:{edge.port}/mcp", http_client=http)
        async with Client(transport, mode=mode) as client:
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
