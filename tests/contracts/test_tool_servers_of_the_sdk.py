"""The port `ToolServers` against servers that nobody here wrote: the MCP SDK's own, in both eras, over both transports.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
import uvicorn
from mcp.server.mcpserver import MCPServer

from mediator.adapters.tool_servers_http.server import HttpToolServer
from mediator.adapters.tool_servers_stdio.server import StdioToolServer
from mediator.mediation.permit import Permit
from mediator.wire.methods import Era
from tests.simulated.permits import RecordingWatch, a_permit, no_credential, pass_fence

PROGRAM = """
from mcp.server.mcpserver import MCPServer
server = MCPServer("adder")
@server.tool()
def add(a: int, b: int) -> int:
    "Add."
    return a + b
server.run("stdio")
"""


def adder() -> MCPServer:
    server = MCPServer("adder", instructions="Add kindly.")

    @server.tool()
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    return server


@asynccontextmanager
async def served(answers: str) -> AsyncIterator[str]:
    """Serve the adder over HTTP, and yield where."""
    app = adder().streamable_http_app(json_response=answers == "json")
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_level="critical", ws="none", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        async with anyio.create_task_group() as serving:
            serving.start_soon(server.serve, [listening])
            with anyio.fail_after(5):
                while not server.started:
                    await anyio.lowlevel.checkpoint()
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
            server.should_exit = True


async def added(adapter: HttpToolServer | StdioToolServer, task: str = "t") -> Any:
    permit: Permit = a_permit("add", {"a": 2, "b": 3}, task=task)
    with anyio.fail_after(20):
        answered = await adapter.call(permit, no_credential(permit))
    assert answered.error is None
    assert answered.result is not None
    return answered.result["structuredContent"]


@pytest.mark.parametrize("answers", ["json", "sse"])
@pytest.mark.parametrize("era", [None, Era.MODERN, Era.LEGACY])
async def test_an_http_server_of_the_sdk_is_called(answers: str, era: Era | None) -> None:
    """MCP, both eras; JSON and event streams."""
    watch = RecordingWatch()
    async with served(answers) as url:
        adapter = HttpToolServer("clock", url, watch=watch, fence=pass_fence, era=era)
        introduction = await adapter.introduce()
        results = [await added(adapter), await added(adapter), await added(adapter, task="u")]
        await adapter.end_task("t")
        await adapter.aclose()

    assert introduction.instructions == "Add kindly."
    assert introduction.tongue.era is (era or Era.MODERN)
    assert [tool["name"] for tool in introduction.tools] == ["add"]
    assert results == [{"result": 5}] * 3
    assert [len(offered) for _, offered in watch.seen] == [1, 1]


async def test_a_stdio_server_of_the_sdk_is_called() -> None:
    """MCP; the server speaks both eras, and is met in the older one."""
    command = (sys.executable, "-I", "-c", PROGRAM)
    adapter = StdioToolServer("clock", command, watch=RecordingWatch(), fence=pass_fence)
    assert await added(adapter) == {"result": 5}
    assert await added(adapter) == {"result": 5}
    await adapter.aclose()
