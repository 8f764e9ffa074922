"""Tool servers by name: the port `ToolServers`, over one adapter for each configured server.

One server that is down, slow or hostile fails its own calls only: nothing here is shared between them. Whatever an
adapter raises when it is asked beside a call, a bug of ours too, is its own failure and is heard (P11).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Final, Protocol

import anyio

from mediator.inspection.result import Came, Waiting
from mediator.manifest.offer import Offer
from mediator.mediation.credential import ToolCredential
from mediator.mediation.permit import Permit
from mediator.mediation.ports import Aside
from mediator.refusal import Reason, Refused

_WHY_MAX: Final = 1000  # characters: an error may quote a whole body


class ToolServer(Protocol):
    """One configured tool server."""

    async def call(self, permit: Permit, credential: ToolCredential, aside: Aside) -> Came:
        """Make the call, as `ToolServers.call`."""
        ...

    async def resume(self, permit: Permit, waiting: Waiting, aside: Aside) -> Came:
        """Answer what was asked, and go on, as `ToolServers.resume`."""
        ...

    def abandon(self, waiting: Waiting) -> None:
        """Cancel a call that is held open."""
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

    async def end_grants(self, grant_ids: Collection[str]) -> None:
        """End what was started for these grants alone."""
        ...

    async def aclose(self) -> None:
        """End everything that was started."""
        ...


def _say_nothing(_alarm: str) -> None:
    """Stand in for an operator whom nobody calls."""


class RoutedToolServers:
    """Finds the adapter by the server's local name."""

    def __init__(self, servers: Mapping[str, ToolServer], alarm: Callable[[str], None] = _say_nothing) -> None:
        self._servers = dict(servers)
        self._alarm = alarm
        self._task_of: dict[str, str] = {}  # by grant
        self._failing: frozenset[str] = frozenset()

    async def call(self, permit: Permit, credential: ToolCredential, aside: Aside) -> Came:
        """Make the call at the permit's server; raises `Refused(TOOL_SERVER_UNAVAILABLE)` where it is not configured."""
        self._task_of[permit.grant] = permit.task
        return await self._find(permit.item.server).call(permit, credential, aside)

    async def resume(self, permit: Permit, waiting: Waiting, aside: Aside) -> Came:
        """Go on with a call at the permit's server."""
        return await self._find(permit.item.server).resume(permit, waiting, aside)

    def abandon(self, server: str, waiting: Waiting) -> None:
        """Cancel a call that is held open; of a server that is reached no more, it has ended already."""
        if (found := self._servers.get(server)) is not None:
            found.abandon(waiting)

    @property
    def tasks(self) -> frozenset[str]:
        """The tasks for which something may have been started, and that were not ended yet."""
        return frozenset(self._task_of.values())

    @property
    def grants(self) -> frozenset[str]:
        """The grants for which something may have been started, and that were not ended yet."""
        return frozenset(self._task_of)

    async def offered(self, server: str) -> Offer:
        """Return all that this server offers now."""
        return await self._find(server).offered()

    async def look_again(self) -> Mapping[str, str]:
        """Compare what every server offers where that is due; return what could not be compared, by name.

        An alarm is raised when a server begins to fail, and when it no longer does; not at each look between.
        """
        failed = await each_alone({name: server.look_again for name, server in self._servers.items()})
        for name in sorted(failed.keys() - self._failing):
            self._alarm(f"`{name}` cannot be compared with its pins: {failed[name]}")
        for name in sorted((self._failing - failed.keys()) & self._servers.keys()):
            self._alarm(f"`{name}` is compared with its pins again")
        self._failing = frozenset(failed)
        return failed

    def pins_changed(self) -> None:
        """Let every connection be compared with the pins of now before its next call."""
        for server in self._servers.values():
            server.pins_changed()

    async def end_task(self, task: str) -> None:
        """End what any server started for this task; one that fails to does not keep the others."""
        self._task_of = {grant: of for grant, of in self._task_of.items() if of != task}
        async with anyio.create_task_group() as ending:
            for server in self._servers.values():
                ending.start_soon(self._end, partial(server.end_task, task))

    async def end_grants(self, grant_ids: Collection[str]) -> None:
        """End what any server started for these grants, likewise."""
        self._task_of = {grant: task for grant, task in self._task_of.items() if grant not in grant_ids}
        async with anyio.create_task_group() as ending:
            for server in self._servers.values():
                ending.start_soon(self._end, partial(server.end_grants, grant_ids))

    def put(self, servers: Mapping[str, ToolServer], only: Collection[str]) -> Sequence[ToolServer]:
        """Reach these servers so from now on, and none but `only`; return what is reached no more, for `end_all`."""
        replaced = [server for name, server in self._servers.items() if name in servers or name not in only]
        self._servers = {name: server for name, server in {**self._servers, **servers}.items() if name in only}
        return replaced

    async def aclose(self) -> None:
        """End everything."""
        await self.end_all(self._servers.values())

    async def end_all(self, servers: Iterable[ToolServer]) -> None:
        """End whatever these servers started, all at once."""
        async with anyio.create_task_group() as ending:
            for server in servers:
                ending.start_soon(self._end, server.aclose)

    async def _end(self, end: Callable[[], Awaitable[None]]) -> None:
        """A server that cannot be ended in order has failed for itself alone; its adapter has killed what it could."""
        try:
            await end()
        except (Refused, OSError):
            pass
        except Exception as bug:  # noqa: BLE001 - a bug of one adapter keeps no other server from ending
            self._alarm(f"a tool server was not ended in order: {_why(bug)}")

    def _find(self, server: str) -> ToolServer:
        try:
            return self._servers[server]
        except KeyError as error:
            detail = f"`{server}` is pinned, but no `[[tool_server]]` says how to reach it"
            raise Refused(Reason.TOOL_SERVER_UNAVAILABLE, detail) from error


async def each_alone(asks: Mapping[str, Callable[[], Awaitable[object]]]) -> Mapping[str, str]:
    """Ask each server what it is asked, all at once; return why those failed that did, by name."""
    failed: dict[str, str] = {}

    async def ask_one(name: str, ask: Callable[[], Awaitable[object]]) -> None:
        try:
            await ask()
        except Exception as error:  # noqa: BLE001 - one server's failure is its own, a bug of its adapter too
            failed[name] = _why(error)

    async with anyio.create_task_group() as asking:
        for name, ask in asks.items():
            asking.start_soon(ask_one, name, ask)
    return failed


def _why(error: Exception) -> str:
    match error:
        case Refused():
            return error.detail or str(error.reason)
        case TimeoutError():
            return "no answer in time"
        case _:
            return f"internal error: {' '.join(repr(error).split())}"[:_WHY_MAX]
