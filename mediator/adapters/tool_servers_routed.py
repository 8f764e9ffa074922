"""Tool servers by name: the port `ToolServers`, over one adapter for each configured server.

One server that is down, slow or hostile fails its own calls only: nothing here is shared between them.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Protocol

import anyio

from mediator.inspection.result import ToolResult
from mediator.manifest.offer import Offer
from mediator.mediation.credential import ToolCredential
from mediator.mediation.permit import Permit
from mediator.refusal import Reason, Refused


class ToolServer(Protocol):
    """One configured tool server."""

    async def call(self, permit: Permit, credential: ToolCredential) -> ToolResult:
        """Make the call, as `ToolServers.call`."""
        ...

    async def offered(self) -> Offer:
        """Return all that is offered now."""
        ...

    async def look_again(self) -> None:
        """Compare what is offered where that is due, without any call."""
        ...

    def pins_changed(self) -> None:
        """Take note that what was compared was compared with other pins."""
        ...

    async def end_task(self, task: str) -> None:
        """End what was started for this task alone."""
        ...

    async def aclose(self) -> None:
        """End everything that was started."""
        ...


class RoutedToolServers:
    """Finds the adapter by the server's local name."""

    def __init__(self, servers: Mapping[str, ToolServer]) -> None:
        self._servers = dict(servers)
        self._tasks: set[str] = set()

    async def call(self, permit: Permit, credential: ToolCredential) -> ToolResult:
        """Make the call at the permit's server; raises `Refused(TOOL_SERVER_UNAVAILABLE)` where it is not configured."""
        self._tasks.add(permit.task)
        return await self._find(permit.tool.server).call(permit, credential)

    @property
    def tasks(self) -> frozenset[str]:
        """The tasks for which something may have been started, and that were not ended yet."""
        return frozenset(self._tasks)

    async def offered(self, server: str) -> Offer:
        """Return all that this server offers now."""
        return await self._find(server).offered()

    async def look_again(self) -> Mapping[str, str]:
        """Compare what every server offers where that is due; return what could not be asked, by name."""
        failed: dict[str, str] = {}

        async def look(name: str, server: ToolServer) -> None:
            try:
                await server.look_again()
            except Refused as refused:
                failed[name] = refused.detail

        async with anyio.create_task_group() as looking:
            for name, server in self._servers.items():
                looking.start_soon(look, name, server)
        return failed

    def pins_changed(self) -> None:
        """Let every connection be compared with the pins of now before its next call."""
        for server in self._servers.values():
            server.pins_changed()

    async def end_task(self, task: str) -> None:
        """End what any server started for this task; one that fails to does not keep the others."""
        self._tasks.discard(task)
        async with anyio.create_task_group() as ending:
            for server in self._servers.values():
                ending.start_soon(_quietly, partial(server.end_task, task))

    def put(self, servers: Mapping[str, ToolServer], only: Collection[str]) -> Sequence[ToolServer]:
        """Reach these servers so from now on, and none but `only`; return what is reached no more, for `end_all`."""
        replaced = [server for name, server in self._servers.items() if name in servers or name not in only]
        self._servers = {name: server for name, server in {**self._servers, **servers}.items() if name in only}
        return replaced

    async def aclose(self) -> None:
        """End everything."""
        await end_all(self._servers.values())

    def _find(self, server: str) -> ToolServer:
        try:
            return self._servers[server]
        except KeyError as error:
            detail = f"`{server}` is pinned, but no `[[tool_server]]` says how to reach it"
            raise Refused(Reason.TOOL_SERVER_UNAVAILABLE, detail) from error


async def end_all(servers: Iterable[ToolServer]) -> None:
    """End whatever these servers started, all at once."""
    async with anyio.create_task_group() as ending:
        for server in servers:
            ending.start_soon(_quietly, server.aclose)


async def _quietly(end: Callable[[], Awaitable[None]]) -> None:
    """A server that cannot be ended in order has failed for itself alone; its adapter has killed what it could."""
    with contextlib.suppress(Refused, OSError):
        await end()
