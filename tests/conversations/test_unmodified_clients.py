"""Unmodified clients: the SDK's own, in each way it knows, over HTTP and stdio, through the whole mediator.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from mcp import Client, MCPError
from mcp.client import session as sdk_session
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.promises import promise
from tests.simulated.running import Running, running
from tests.simulated.tool_server import SimulatedToolServer, tool

ECHO = tool("echo", annotations={"readOnlyHint": True})
WRITE = tool("write")
SPOKEN = {"modern": "2026-07-28", "2025-11-25": "2025-11-25", "2025-06-18": "2025-06-18"}


@pytest.fixture(params=SPOKEN)
def version(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the client is forced to speak; of the older versions it offers its newest, unless it is told another."""
    spoken = SPOKEN[request.param]
    if request.param != "modern":
        monkeypatch.setattr(sdk_session, "LATEST_HANDSHAKE_VERSION", spoken)
    return spoken


def mode_of(version: str) -> str:
    return "auto" if version == SPOKEN["modern"] else "legacy"


async def converse(client: Client, version: str) -> None:
    """List, call, and be refused, as a user's client would."""
    assert client.protocol_version == version
    listed = await client.list_tools()
    assert sorted(one.name for one in listed.tools) == ["tools__echo", "tools__write"]
    answered = await client.call_tool("tools__echo", {"text": "hello"})
    assert (answered.is_error, answered.structured_content) == (False, {"text": "hello"})
    refused = await client.call_tool("tools__write", {"text": "hello"})
    assert refused.is_error
    assert refused.meta is not None
    assert refused.meta["org.mcp-mediator/refusal"]["reason"] == "NOT_COVERED"
    with pytest.raises(MCPError, match="Unknown tool: tools__other"):
        await client.call_tool("tools__other", {})
    again = await client.call_tool("tools__echo", {"text": "still here"})
    assert again.structured_content == {"text": "still here"}


def check_record(mediator: Running) -> None:
    """Each call left its decision, and only what was allowed arrived."""
    assert [call.arguments for call in mediator.servers["tools"].calls] == [{"text": "hello"}, {"text": "still here"}]
    assert mediator.verdicts == [("allow", None), ("deny", "NOT_COVERED"), ("deny", "UNKNOWN_TOOL"), ("allow", None)]
    assert [entry["outcome"] for entry in mediator.entries("outcome")] == ["RELEASED", "RELEASED"]


@promise("P1", "P2", "P11")
@pytest.mark.parametrize("server_era", ["modern", "legacy"])
async def test_a_client_over_http(tmp_path: Path, version: str, server_era: str) -> None:
    """Issue 2, must show 3: whatever either side speaks."""
    server = SimulatedToolServer(tools=[ECHO, WRITE], era=server_era)  # type: ignore[arg-type]  # one of its literals
    async with running(tmp_path, {"tools": server}, effects={"tools/write": "write"}) as mediator:
        async with mediator.client(mode_of(version)) as client:
            await converse(client, version)
        check_record(mediator)


@promise("P1", "P5", "P11")
async def test_a_host_over_stdio(tmp_path: Path, version: str) -> None:
    """Issue 2, must show 3, and design 5.6: the session's task is opened with the profile's key, and ends with it."""
    server = SimulatedToolServer(tools=[ECHO, WRITE])
    async with running(tmp_path, {"tools": server}, effects={"tools/write": "write"}) as mediator:
        entry = StdioServerParameters(
            command=sys.executable,
            args=["-m", "mediator", "stdio", "--agent", "assistant", "--folder", str(mediator.folder)],
            env=dict(os.environ),
        )
        async with Client(stdio_client(entry), mode=mode_of(version), cache=None) as client:
            await converse(client, version)
        check_record(mediator)
        assert len(mediator.entries("task.opened")) == 2  # the test's own, and the session's
        assert len(mediator.entries("task.completed")) == 1
