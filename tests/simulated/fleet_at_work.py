"""A fleet at work: two tool servers, a task of which parts are handed on, and calls with whatever token.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mediator.canonical import Json
from tests.simulated.fleet import Fleet, Told, details
from tests.simulated.replies import tools_call
from tests.simulated.running import OWNER, Running, command, reason_in, running
from tests.simulated.tool_server import SimulatedToolServer, tool

LOAD = ("notes/load",)


def servers() -> dict[str, SimulatedToolServer]:
    words = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
    tools = [tool(name, inputSchema=words) for name in ("load", "echo", "send")]
    return {
        "notes": SimulatedToolServer(tools=tools),
        "mail": SimulatedToolServer(tools=[tool("load", inputSchema=words)]),
    }


@asynccontextmanager
async def at_work(tmp_path: Path, fleet: Fleet, **more: Any) -> AsyncIterator[Running]:
    async with running(
        tmp_path, servers(), effects={"notes/send": "send"}, before_start=fleet.write, **more
    ) as mediator:
        yield mediator


async def opened(mediator: Running, *more: str, agent: str = "orchestrator") -> Told:
    """Open a task that may be handed on three times, within these dimensions."""
    below = json.dumps({"/path": {"path_below": "/reports"}})
    words = ["--agent", agent, "--owner", OWNER, "--tools", "notes/load", "--tools", "notes/echo", "--effects", "read"]
    words += ["--purpose", "a report", "--max-depth", "3", "--arguments", below, "--max-calls", "9", "--minutes", "30"]
    return dict(json.loads(await command("task", "open", *words, *more, "--json", "--folder", str(mediator.folder))))


async def call_with(mediator: Running, token: str, name: str = "notes__load", path: str = "/reports/a") -> str | None:
    return reason_in(await mediator.post(tools_call(name, path=path), token=token))


def within(tools: Sequence[str] = LOAD, **more: Json) -> str:
    """Ask for what `opened` holds of these tools."""
    return details(tools, ["read"], arguments={"/path": {"path_below": "/reports"}}, **more)


def count_grants(mediator: Running) -> int:
    return len(mediator.mediator.store.list_grants())
