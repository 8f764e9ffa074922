"""The stand: four tool servers, one of each era over HTTP and over stdio, and a mediator in front of them.

It is set up by the mediator's own commands, as an operator would; tasks are opened and completed by commands, too.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import anyio

from tests.simulated.running import OWNER, set_up
from tests.soak.programs import ROOT, Program, free_port, running
from tests.soak.stage import DEADLINE_SECONDS, INPUT_SECONDS, Task, ToolServer

SERVERS: Final = tuple(
    ToolServer(name=f"{transport}-{era}", era=era, transport=transport)
    for transport in ("http", "stdio")
    for era in ("legacy", "modern")
)
_LIMITS: Final = (
    "connections_per_address_max = 4000\n"  # all agents have one address here
    "connections_max = 4000\n"
    f"deadline_seconds = {DEADLINE_SECONDS}\n"
    f"input_seconds = {INPUT_SECONDS}"
)


class CommandError(Exception):
    """A command of the mediator failed."""


@dataclass(slots=True, kw_only=True)
class Stand:
    """What runs, and where."""

    folder: Path
    port: int
    mediator: Program
    tool_servers: Mapping[str, Program] = field(default_factory=dict)  # those over HTTP
    ports: Mapping[str, int] = field(default_factory=dict)

    async def open_task(self, purpose: str) -> Task:
        """Open a task to everything here. Its token lives 15 minutes."""
        words = ["--agent", "assistant", "--owner", OWNER, "--tools", "*", "--effects", "read", "--minutes", "480"]
        opened = json.loads(await self.command("task", "open", *words, "--purpose", purpose, "--json"))
        return Task(id=opened["task"], token=opened["access_token"])

    async def complete_task(self, task: Task) -> None:
        """Complete a task."""
        await self.command("task", "complete", task.id, "--owner", OWNER)

    async def command(self, *words: str) -> str:
        """Run a command of the mediator in a process of its own, and return what it prints."""
        command = [sys.executable, "-m", "mediator", *words, "--folder", str(self.folder)]
        done = await anyio.run_process(command, check=False, cwd=ROOT)
        if done.returncode != 0:
            raise CommandError(f"{' '.join(words[:2])}: {done.stderr.decode()[-2000:]}")
        return done.stdout.decode()

    def log_of(self, server: str) -> Path:
        """Return the log of a tool server."""
        return _log(self.folder.parent, server)


@asynccontextmanager
async def standing(place: Path) -> AsyncIterator[Stand]:
    """Set up in a folder, and start everything; ended when the context is left."""
    folder = place / "work"
    ports = {server.name: free_port() for server in SERVERS if server.transport == "http"}
    programs = {
        server.name: _over_http(server, ports[server.name], place) for server in SERVERS if server.name in ports
    }
    async with AsyncExitStack() as ending:
        for name, program in programs.items():
            await ending.enter_async_context(running(program))
            await program.until_listening(ports[name])
        sources = {server.name: _source(server, ports, place) for server in SERVERS}
        await set_up(folder, sources, {}, None, {"limits": _LIMITS})
        serve = Program(["mediator", "serve", "--port", "0", "--folder", str(folder)], place / "mediator.log")
        mediator = await ending.enter_async_context(running(serve))
        port = await mediator.until_serving()
        yield Stand(folder=folder, port=port, mediator=mediator, tool_servers=programs, ports=ports)


def _over_http(server: ToolServer, port: int, place: Path) -> Program:
    words = ["tests.soak.http_tools", *_words(server, place), "--port", str(port)]
    return Program(words, place / f"{server.name}.said")


def _source(server: ToolServer, ports: Mapping[str, int], place: Path) -> tuple[str, ...]:
    """Return what `manifest import` is told."""
    if server.name in ports:
        return ("--url", f"http://127.0.0.1:{ports[server.name]}/mcp")
    command = shlex.join([sys.executable, "-m", "tests.soak.stdio_tools", *_words(server, place)])
    return ("--command", command, "--env", f"PYTHONPATH=literal:{ROOT}")


def _words(server: ToolServer, place: Path) -> list[str]:
    return ["--name", server.name, "--era", server.era, "--log", str(_log(place, server.name))]


def _log(place: Path, server: str) -> Path:
    return place / f"{server}.log"
