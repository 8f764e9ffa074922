"""The connections to one tool server: opened, kept for a while, and each used under one credential only.

No connection is ever shared between credentials, none is used again that was not read to its end, and their number
is bounded.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import socket
import ssl as tls

import anyio

from mediator.adapters.tool_servers_http.address import Address
from mediator.adapters.tool_servers_http.connection import Connection
from mediator.adapters.tool_servers_http.limits import HttpLimits
from mediator.refusal import Reason, Refused
from mediator.wire.hearing import nonsense, unavailable


class Pool:
    """Connections by the digest of their credential."""

    def __init__(self, address: Address, limits: HttpLimits, ssl: tls.SSLContext | None) -> None:
        self._address, self._limits = address, limits
        self._ssl = (ssl or tls.create_default_context()) if address.is_tls else None
        self._idle: dict[str, list[Connection]] = {}
        self._open: set[Connection] = set()
        self._parked: set[Connection] = set()
        self._opening = 0
        self._sweep: asyncio.TimerHandle | None = None
        self._all_lost = anyio.Event()
        self._is_closed = False

    def find_idle(self, key: str) -> Connection | None:
        """Return an idle connection of this credential on which nothing came unasked, if there is one."""
        idle = self._idle.get(key)
        while idle:
            connection = idle.pop()
            if connection.is_quiet():
                return connection
            connection.abort()
        return None

    async def open(self, key: str) -> Connection:
        """Open a connection for this credential.

        Raises `Refused`: `OVERLOADED` when there are too many, else `TOOL_SERVER_UNAVAILABLE`.
        """
        self._refuse_if_closed()
        if len(self._open) - len(self._parked) + self._opening >= self._limits.connections_max:
            raise Refused(Reason.OVERLOADED, f"{self._limits.connections_max} connections to this tool server")
        self._opening += 1
        try:
            with anyio.fail_after(self._limits.connect_seconds):
                connection = await self._connect(key)
        except TimeoutError as error:
            raise unavailable(f"no connection within {self._limits.connect_seconds} s") from error
        except OSError as error:
            raise unavailable(f"no connection: {error}") from error
        finally:
            self._opening -= 1
        self._refuse_if_closed(connection)
        if not connection.is_quiet():
            connection.abort()
            raise nonsense("it spoke, or hung up, before it was asked")
        return connection

    def park(self, connection: Connection) -> None:
        """Take a connection out of the number of those at work: it waits, perhaps for long.

        Raises `Refused(OVERLOADED)` when there are too many that wait.
        """
        if len(self._parked) >= self._limits.parked_max:
            raise Refused(Reason.OVERLOADED, f"{self._limits.parked_max} connections to this tool server that wait")
        if connection in self._open:
            self._parked.add(connection)

    def unpark(self, connection: Connection) -> None:
        """Count the connection among those at work again."""
        self._parked.discard(connection)

    async def aclose(self) -> None:
        """End every connection, and return when all are gone."""
        self._is_closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in tuple(self._open):
            connection.abort()
        if self._open:
            with anyio.move_on_after(self._limits.ending_seconds, shield=True):
                await self._all_lost.wait()

    # --- what a connection tells

    def settled(self, connection: Connection) -> None:
        """Take back a connection whose response was read to its end."""
        self._parked.discard(connection)
        idle = self._idle.setdefault(connection.key, [])
        if self._is_closed or len(idle) >= self._limits.idle_max:
            connection.abort()
            return
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        idle.append(connection)
        if self._sweep is None:
            self._sweep = loop.call_later(self._limits.idle_seconds, self._sweep_idle)

    def lost(self, connection: Connection) -> None:
        """Forget a connection that is gone."""
        self._open.discard(connection)
        self._parked.discard(connection)
        if self._is_closed and not self._open:
            self._all_lost.set()

    def _refuse_if_closed(self, opened: Connection | None = None) -> None:
        if self._is_closed:
            if opened is not None:
                opened.abort()
            raise unavailable("the mediator is ending")

    def _sweep_idle(self) -> None:
        """End what was idle for too long: credentials live for one task, so their connections must not stay."""
        loop = asyncio.get_running_loop()
        self._sweep = None
        for key, idle in tuple(self._idle.items()):
            for connection in idle:
                if connection.is_lost or loop.time() - connection.idle_since >= self._limits.idle_seconds:
                    connection.abort()
            self._idle[key] = [one for one in idle if one.is_quiet()]
            if not self._idle[key]:
                del self._idle[key]
        if self._idle:
            self._sweep = loop.call_later(self._limits.idle_seconds, self._sweep_idle)

    # --- opening

    async def _connect(self, key: str) -> Connection:
        loop = asyncio.get_running_loop()
        sock = await self._connected_socket(loop)
        connection = Connection(key, sock, self)
        try:
            await loop.create_connection(
                lambda: connection, sock=sock, ssl=self._ssl, server_hostname=self._address.host if self._ssl else None
            )
        except BaseException:
            sock.close()
            raise
        self._open.add(connection)
        return connection

    async def _connected_socket(self, loop: asyncio.AbstractEventLoop) -> socket.socket:
        """Return a socket that is connected to the first address that answers and is allowed."""
        found = await loop.getaddrinfo(self._address.host, self._address.port, type=socket.SOCK_STREAM)
        trouble: OSError = OSError(f"`{self._address.host}` has no address that may be used")
        for family, kind, protocol, _, where in found:
            if not self._address.allows(str(where[0])):
                continue
            sock = socket.socket(family, kind, protocol)
            sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
            try:
                await loop.sock_connect(sock, where)
            except OSError as error:
                sock.close()
                trouble = error
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        raise trouble
