"""The first hour, line by line as design 5.1 has it: processes, files, sockets, and the SDK's own unmodified clients.

The tool server bears the name of a real one and is simulated, so that its log can tell what arrived at it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from tests.promises import promise
from tests.simulated.tool_server_stdio import SimulatedStdioServer, tool

OPERATOR = "you@example.com"
SECONDS = 60
READING = tool("get_current_time", annotations={"readOnlyHint": True})
WRITING = tool("set_time")


class Terminal:
    """A terminal: a folder, an environment, and the command `mediator` in it."""

    def __init__(self, home: Path) -> None:
        self.folder = home
        self._environment = {**os.environ, "PATH": f"{home / 'bin'}:{os.environ['PATH']}", "OTEL_SDK_DISABLED": "true"}

    async def __call__(self, line: str) -> str:
        """Type a line; it must succeed. Returns what it printed."""
        words = shlex.split(line)
        assert words[0] == "mediator"
        done = await anyio.run_process(
            [sys.executable, "-m", *words], cwd=self.folder, env=self._environment, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stderr.decode()}"
        return done.stdout.decode()

    @asynccontextmanager
    async def in_front(self, line: str) -> AsyncIterator[str]:
        """Type a line that stays in front; gives the first line that it says, and ends it at the end."""
        words = [sys.executable, "-m", *shlex.split(line)]
        async with await anyio.open_process(words, cwd=self.folder, env=self._environment) as process:
            try:
                assert process.stderr is not None
                with anyio.fail_after(SECONDS):
                    yield (await process.stderr.receive()).decode()
            finally:
                process.terminate()
                with anyio.fail_after(SECONDS):
                    assert await process.wait() == 0


@pytest.fixture
def server(tmp_path: Path) -> SimulatedStdioServer:
    """`mcp-server-time`, on the PATH."""
    simulated = SimulatedStdioServer(tmp_path, tools=[READING, WRITING])
    program = tmp_path / "bin" / "mcp-server-time"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nexec {shlex.join(simulated.command)}\n")
    program.chmod(0o700)
    return simulated


async def told(client: Client) -> tuple[list[str], Any]:
    """What an agent sees, and what a call of the reading tool brings it."""
    names = sorted(one.name for one in (await client.list_tools()).tools)
    result = await client.call_tool("clock__get_current_time", {"text": "now"})
    return names, result.structured_content


@promise("P1", "P2", "P9", "P10")
async def test_the_first_hour_works_as_it_stands(tmp_path: Path, server: SimulatedStdioServer) -> None:
    """Design 5.1: these lines work as they stand; names and options are a contract."""
    mediator = Terminal(tmp_path)
    await mediator("mediator init work --operator you@example.com")
    mediator.folder = tmp_path / "work"
    await mediator('mediator manifest import clock --command "mcp-server-time" --yes')
    await mediator("mediator manifest sign clock --accept-proposed")
    await mediator("mediator pin approve clock --reviewer you@example.com")
    await mediator("mediator policy check")

    async with mediator.in_front("mediator serve --port 0") as said:
        url = next(word for word in said.split() if word.startswith("http://")).rstrip(":")
        opened = json.loads(
            await mediator(
                "mediator task open --agent assistant --owner you@example.com --tools 'clock/*' --effects read"
                ' --purpose "tell the time" --minutes 15 --json'
            )
        )
        assert set(opened) >= {"access_token", "token_type", "expires_in", "task", "grant"}
        bearer = {"Authorization": f"Bearer {opened['access_token']}"}
        async with (
            httpx2.AsyncClient(headers=bearer, timeout=SECONDS) as http,
            Client(streamable_http_client(url, http_client=http)) as agent,
        ):
            over_http = await told(agent)

        host = json.loads(await mediator("mediator connect claude-code --agent assistant"))["mcpServers"]["mediator"]
        entry = StdioServerParameters(command=host["command"], args=host["args"], env=None)
        async with Client(stdio_client(entry)) as agent:
            over_stdio = await told(agent)

    both = (["clock__get_current_time", "clock__set_time"], {"text": "now"})
    assert (over_http, over_stdio) == (both, both)
    assert [(call.params["name"], call.params["arguments"]) for call in server.calls] == [
        ("get_current_time", {"text": "now"})
    ] * 2
    rows = json.loads(await mediator("mediator ledger show --json"))
    decisions = [row for row in rows if row["kind"] == "decision"]
    assert [(row["verdict"], row["owner"], row["outcome"]) for row in decisions] == [
        ("allow", OPERATOR, "RELEASED")
    ] * 2
    assert "whole: " in await mediator("mediator ledger verify")
