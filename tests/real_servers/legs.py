"""Both legs of a comparison: the same script straight at a server, and through a mediator in front of it.

Before each leg the server's folder is laid anew, and the mediator is asked under a new task, so that no leg finds what
another one left. Straight or through, a stdio server sees the same environment: what is named, and nothing else.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx2
import mcp_types as types
from mcp import Client
from mcp.client.context import ClientRequestContext
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from pydantic import FileUrl

from tests.real_servers.asking import STEP_SECONDS, Answer, Heard, Step, ask, overheard
from tests.real_servers.comparing import Case, Compared, compare
from tests.real_servers.loopback import Loopback, over_http, pages
from tests.real_servers.servers import RealServer
from tests.simulated.pins import prefix_entry
from tests.simulated.running import Running, running

ERAS: Final = {"legacy": "legacy", "modern": "auto"}  # what the client is told; `auto` falls back where it must
INTRODUCTION: Final = Step(method="initialize", params={})
_CAPABILITIES: Final = {
    "tools": "tools",
    "prompts": "prompts",
    "resources": "resources",
    "completion": "completions",
    "logging": "logging",
}


Leg = Callable[[RealServer], AbstractAsyncContextManager[Any]]
"""A way to a server, as a transport of the SDK's client."""


@asynccontextmanager
async def placed(folder: Path, servers: Sequence[RealServer]) -> AsyncIterator[Loopback]:
    """Lay the servers' folders, and start the page to fetch and the servers that speak HTTP."""
    async with AsyncExitStack() as ending:
        loopback = Loopback(folder / "worlds", ending.enter_context(pages()))
        ending.callback(loopback.errors.close)
        for server in servers:
            loopback.lay(server)
            if server.speaks_http:
                loopback.urls[server.name] = await ending.enter_async_context(over_http(loopback, server))
        yield loopback


@asynccontextmanager
async def mediated(folder: Path, loopback: Loopback, servers: Sequence[RealServer]) -> AsyncIterator[Running]:
    """Set up and start one mediator in front of all of these servers, every prompt and resource approved, too.

    Whatever a server asks of its client it may ask.
    """
    families = {server.name: server.families for server in servers}

    def declare(name: str, manifest: dict[str, Any]) -> None:
        manifest["resources"] += [prefix_entry(prefix, kind) for prefix, kind in families[name].items()]

    sources = {server.name: loopback.source(server) for server in servers}
    async with running(folder, {}, others=sources, declare=declare, permitted=("sample", "list_roots")) as mediator:
        yield mediator


async def compare_legs(loopback: Loopback, server: RealServer, era: str, other: Leg) -> list[Compared]:
    """Run a server's script straight and by another leg, in one era, and compare what came of each step."""
    cases = [Case(step=INTRODUCTION), *loopback.cases(server, era)]
    answers: list[list[Answer]] = []
    for leg in (straight(loopback), other):
        loopback.lay(server)
        answers.append(await _answers(leg(server), server, cases, era))
    return [compare(*one) for one in zip(cases, *answers, strict=True)]


def straight(loopback: Loopback) -> Leg:
    """Return the way straight to a server."""

    @asynccontextmanager
    async def leg(server: RealServer) -> AsyncIterator[Any]:
        if server.speaks_http:
            async with streamable_http_client(loopback.urls[server.name]) as streams:
                yield streams
            return
        named = [f"{name}={value}" for name, value in loopback.environment(server).items()]
        entry = StdioServerParameters(command="/usr/bin/env", args=["-i", *named, *loopback.command(server)])
        async with stdio_client(entry, errlog=loopback.errors) as streams:
            yield streams

    return leg


def through(mediator: Running) -> Leg:
    """Return the way through a mediator, under a task of its own each time."""

    @asynccontextmanager
    async def leg(server: RealServer) -> AsyncIterator[Any]:
        await mediator.open_task(tools=f"{server.name}/*")
        headers = {"Authorization": f"Bearer {mediator.token}"}
        url = f"{mediator.url}/servers/{server.name}/mcp"
        async with (
            httpx2.AsyncClient(headers=headers, timeout=STEP_SECONDS) as http,
            streamable_http_client(url, http_client=http) as streams,
        ):
            yield streams
        await mediator.complete_task()

    return leg


async def _answers(
    transport: AbstractAsyncContextManager[Any], server: RealServer, cases: Sequence[Case], era: str
) -> list[Answer]:
    """Ask what the cases ask, one after the other, over one connection."""
    heard = Heard()
    able = _ABLE if server.is_asked_by_able else {}
    async with Client(overheard(transport, heard), mode=ERAS[era], cache=None, **able) as client:
        introduction = Answer(result=_introduction(client, cases))
        return [introduction, *[await ask(client, heard, case.step) for case in cases[1:]]]


def _introduction(client: Client, cases: Sequence[Case]) -> dict[str, Any]:
    """Return what of the handshake matters: the capabilities that the script needs, and the instructions."""
    needed = {_CAPABILITIES[kind] for case in cases if (kind := case.step.method.split("/")[0]) in _CAPABILITIES}
    offered = client.server_capabilities.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {"capabilities": sorted(needed & set(offered)), "instructions": client.instructions}


async def _sample(_context: ClientRequestContext, params: types.CreateMessageRequestParams) -> Any:
    said = types.TextContent(type="text", text=f"said to {len(params.messages)}")
    return types.CreateMessageResult(role="assistant", content=said, model="test", stop_reason="endTurn")


async def _elicit(_context: ClientRequestContext, _params: types.ElicitRequestParams) -> Any:
    return types.ElicitResult(action="accept", content={"name": "Fern", "check": True})


async def _roots(_context: ClientRequestContext) -> Any:
    return types.ListRootsResult(roots=[types.Root(uri=FileUrl("file:///garden"), name="garden")])


_ABLE: Final[dict[str, Any]] = {
    "sampling_callback": _sample,
    "elicitation_callback": _elicit,
    "list_roots_callback": _roots,
}
