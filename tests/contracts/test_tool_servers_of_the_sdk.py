"""The port `ToolServers` against servers that nobody here wrote: the MCP SDK's own, in both eras, over both transports.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import anyio
import pytest
import uvicorn
from mcp.server.mcpserver import MCPServer

from mediator.adapters.tool_servers_http.server import HttpToolServer
from mediator.adapters.tool_servers_stdio.server import StdioToolServer
from mediator.canonical import JsonObject
from mediator.inspection.result import Came, ToolResult, Waiting
from mediator.kind import ItemKind
from mediator.mediation.permit import Permit
from mediator.wire.methods import CallMethod, Era
from mediator.wire.receiver import Receiver, read_capabilities
from tests.simulated.aside import KeptAside
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
        answered = await adapter.call(permit, no_credential(permit), KeptAside())
    assert isinstance(answered, ToolResult)
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


TALKER = """
from pydantic import BaseModel
from mcp.server.mcpserver import Context, MCPServer
class Answer(BaseModel):
    city: str
server = MCPServer("talker")
@server.tool()
async def ask(ctx: Context) -> str:
    "Ask."
    await ctx.report_progress(1, 2)
    await ctx.info("half")
    answer = await ctx.elicit("where?", Answer)
    return answer.data.city if answer.action == "accept" else answer.action
@server.tool()
async def touch(ctx: Context) -> str:
    "Touch."
    await ctx.notify_resource_updated("a://1")
    return "ok"
@server.resource("a://1")
def one() -> str:
    "One."
    return "1"
@server.prompt()
def greet(who: str) -> str:
    "Greet."
    return f"Hello, {who}"
server.run("stdio")
"""


class Talker:
    """The talker over stdio behind its adapter, ended with its test; it keeps what it is told of resources."""

    def __init__(self, era: Era) -> None:
        self.updates: list[tuple[str, str, str | None]] = []
        self.aside = KeptAside()
        self.adapter = StdioToolServer(
            "clock",
            (sys.executable, "-I", "-c", TALKER),
            watch=RecordingWatch(),
            fence=pass_fence,
            era=era,
            updates=self,
        )

    def updated(self, server: str, uri: str, task: str | None) -> None:
        self.updates.append((server, uri, task))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.adapter.aclose()

    async def make(self, tool: str, arguments: JsonObject, **forwarded: Any) -> Came:
        permit = a_permit(tool, arguments, forwarded=forwarded)
        with anyio.fail_after(20):
            return await self.adapter.call(permit, no_credential(permit), self.aside)

    async def result(self, tool: str, arguments: JsonObject, **forwarded: Any) -> JsonObject:
        answered = await self.make(tool, arguments, **forwarded)
        assert isinstance(answered, ToolResult)
        assert answered.error is None
        assert answered.result is not None
        return answered.result


async def test_what_a_stdio_server_of_the_sdk_says_and_asks_in_a_call_is_told_and_answered() -> None:
    """MCP 2025-11-25: progress, log, elicitation."""
    receiver = Receiver(progress_token="t", capabilities=read_capabilities({"elicitation": {"form": {}}}))
    async with Talker(Era.LEGACY) as talker:
        waiting = await talker.make("ask", {}, receiver=receiver)
        assert isinstance(waiting, Waiting)
        assert waiting.ask.params["message"] == "where?"
        assert [one.method for one in talker.aside.told] == ["notifications/progress", "notifications/message"]
        permit = a_permit("ask", {}, answers={"input": {"action": "accept", "content": {"city": "Oslo"}}}, number=2)
        with anyio.fail_after(20):
            result = await talker.adapter.resume(permit, waiting, talker.aside)
        assert isinstance(result, ToolResult)
        assert result.result is not None
        assert result.result["content"] == [{"type": "text", "text": "Oslo"}]


@pytest.mark.parametrize("era", Era)
async def test_prompts_and_resources_of_a_stdio_server_of_the_sdk_are_reached(era: Era) -> None:
    """MCP, both eras."""
    async with Talker(era) as talker:
        prompt = {"method": CallMethod.PROMPT, "kind": ItemKind.PROMPT, "name": "greet"}
        greeting = await talker.result("greet", {"who": "you"}, **prompt)
        assert "Hello, you" in str(greeting["messages"])
        resource = {"method": CallMethod.RESOURCE, "kind": ItemKind.RESOURCE, "name": "a://1"}
        assert "a://1" in str((await talker.result("one", {"uri": "a://1"}, **resource))["contents"])


async def test_a_modern_stdio_server_of_the_sdk_is_listened_to() -> None:
    """MCP 2026-07-28 subscriptions."""
    async with Talker(Era.MODERN) as talker:
        subscribe = {"method": CallMethod.SUBSCRIBE, "kind": ItemKind.RESOURCE, "name": "a://1"}
        assert await talker.result("one", {"uri": "a://1"}, **subscribe) == {}
        await talker.result("touch", {})
        with anyio.fail_after(5):
            while not talker.updates:
                await anyio.lowlevel.checkpoint()
        assert talker.updates == [("clock", "a://1", "task-1")]
