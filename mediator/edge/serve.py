"""Serving an ASGI application over HTTP: one listening socket, uvicorn within our limits, and an end that is in order.

It installs no signal handlers and reads no settings; whoever starts it says when it ends, by cancelling it. On the way
out nothing new is accepted, what is being answered has a moment to end, and is then cancelled and told so.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import errno
import math
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import anyio
from anyio.abc import TaskStatus
from uvicorn.config import Config
from uvicorn.server import Server

from mediator.edge.gate import Gate
from mediator.edge.handshakes import let_in
from mediator.edge.http_protocol import BoundedProtocol
from mediator.edge.streamable_http import StreamableHttp
from mediator.refusal import Reason, Refused

_BACKLOG: Final = 1024
_LAST_SECONDS: Final = 10  # uvicorn's own patience, after ours: nothing should be left for it
_WHY: Final = {
    errno.EADDRINUSE: "is taken by another process",
    errno.EACCES: "may not be listened on by this user",
    errno.EADDRNOTAVAIL: "is no address of this machine",
}


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens there; port 0 takes one that is free (`getsockname` tells which).

    Raises `Refused(MALFORMED)` naming what stands in the way.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host.strip("[]"), port), family=family, backlog=_BACKLOG)
    except OSError as error:
        detail = f"`{host}:{port}` {_WHY.get(error.errno or 0, f'cannot be listened on: {error.strerror}')}"
        raise Refused(Reason.MALFORMED, detail, remedy="choose another `host` or `port` under `[server]`") from error
    # Inherited by every connection (tcp(7)). asyncio sets it only on sockets that name their protocol, which these do
    # not: a reply of two writes would wait 40 ms for the agent's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


async def serve_http(
    app: StreamableHttp,
    listener: socket.socket,
    gate: Gate,
    *,
    idle_seconds: float,
    grace_seconds: float,
    tls: ssl.SSLContext | None = None,
    task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled, over TLS where a context is given; closes the listener.

    `task_status` is told when requests are answered.
    """
    protocol = type("Protocol", (BoundedProtocol,), {"gate": gate})
    config = _config(app, protocol, idle_seconds)
    server = _Server(config) if tls is None else _TlsServer(config, protocol, tls)
    async with anyio.create_task_group() as serving:
        serving.start_soon(_run, server, listener)
        try:
            await server.is_up.wait()
            task_status.started()
            await anyio.sleep_forever()
        finally:
            server.end()
            app.end_streams()
            with anyio.move_on_after(grace_seconds, shield=True):
                await server.is_down.wait()
            app.stop()


def _config(app: StreamableHttp, protocol: type[BoundedProtocol], idle_seconds: float) -> Config:
    return Config(
        app=app,
        http=protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="error",  # warnings are whatever strangers send
        access_log=False,
        proxy_headers=False,  # `X-Forwarded-For` is what anybody writes
        server_header=False,
        date_header=False,
        timeout_keep_alive=math.ceil(idle_seconds),
        timeout_graceful_shutdown=_LAST_SECONDS,
    )


async def _run(server: _Server, listener: socket.socket) -> None:
    with anyio.CancelScope(shield=True):  # it is told to end, and then ends in order
        try:
            await server.serve(sockets=[listener])
        finally:
            server.is_down.set()


class _Server(Server):
    """uvicorn's server: it says when it is up and when it is down, and leaves signals to others."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.is_up: Final = anyio.Event()
        self.is_down: Final = anyio.Event()
        self._is_to_end: Final = anyio.Event()

    def end(self) -> None:
        """Accept nothing more, let what is being answered end, then come down."""
        self.should_exit = True
        self._is_to_end.set()

    async def main_loop(self) -> None:
        await self._is_to_end.wait()  # uvicorn looks ten times a second whether a signal came

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _TlsServer(_Server):
    """The same, where connections are accepted by us, so that each is counted before it shakes hands."""

    def __init__(self, config: Config, protocol: type[BoundedProtocol], tls: ssl.SSLContext) -> None:
        super().__init__(config)
        self._protocol: Final = protocol
        self._tls: Final = tls
        self._listeners: list[socket.socket] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._listeners = sockets or []
        await super().startup([])  # uvicorn is to listen nowhere

    async def main_loop(self) -> None:
        async with anyio.create_task_group() as accepting:
            for listener in self._listeners:
                accepting.start_soon(let_in, listener, self._tls, self._protocol.gate, self._new_protocol)
            await super().main_loop()
            accepting.cancel_scope.cancel()

    def _new_protocol(self, place: str) -> BoundedProtocol:
        return self._protocol(self.config, self.server_state, {}, place=place)
