"""One connection to a tool server: it writes what it is given, and reads one response at a time.

Whatever comes unasked ends it. Nothing here knows MCP, retries, or waits without being cancellable.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import select
import socket
from typing import Protocol, cast

from mediator.adapters.tool_servers_http.response import ResponseReader
from mediator.refusal import Reason, Refused


class ConnectionOwner(Protocol):
    """Who keeps connections."""

    def settled(self, connection: Connection) -> None:
        """Take back one whose response was read to its end."""
        ...

    def lost(self, connection: Connection) -> None:
        """Forget one that is gone."""
        ...


class Connection(asyncio.Protocol):
    """A connection. `key` says for which credential it was opened: it serves no other."""

    __slots__ = (
        "_has_news",
        "_is_paused",
        "_is_settling",
        "_loop",
        "_owner",
        "_poll",
        "_reader",
        "_socket",
        "_transport",
        "_waiter",
        "idle_since",
        "is_lost",
        "key",
    )

    def __init__(self, key: str, sock: socket.socket, owner: ConnectionOwner) -> None:
        self.key = key
        self.idle_since = 0.0
        self.is_lost = False
        self._socket, self._owner = sock, owner
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)  # a hang-up and an error are told unasked
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._reader: ResponseReader | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._has_news = self._is_settling = self._is_paused = False

    # --- what its user does

    def is_quiet(self) -> bool:
        """Tell whether nothing came unasked and nobody closed it: looked up in the kernel, in this very moment.

        An answer that stands there before the request, or a closed end that the loop has not seen yet, must not be
        met after the first byte. With TLS, session tickets may wait in the socket; then only a closed end counts.
        """
        if self.is_lost or self._reader is not None or self._transport is None or self._transport.is_closing():
            return False
        if not self._poll.poll(0):
            return True
        if self._transport.get_extra_info("ssl_object") is None:
            return False
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except OSError:
            return False

    def send(self, request: bytes, reader: ResponseReader) -> None:
        """Write a request, in this loop turn; what comes from now on is fed to the reader."""
        assert self._transport is not None
        self._reader, self._has_news = reader, False
        self._transport.write(request)

    def take_body(self) -> bytes:
        """Return what came of the body since the last time; what is slow to be taken is not read on meanwhile."""
        assert self._reader is not None
        body = self._reader.take_body()
        self._read_on()
        return body

    def nudge(self) -> None:
        """Let whoever waits here look up: there is something to do, though nothing came."""
        self._wake()

    async def progress(self) -> None:
        """Return when something came since the last time."""
        if not self._has_news:
            self._waiter = self._loop.create_future()
            await self._waiter
        self._has_news = False

    def settle(self, seconds: float) -> None:
        """Read what still ends the response, for so long and with nobody waiting; then be idle again, or end.

        An event stream ends in a segment of its own after the answer. Anything else that comes is left over.
        """
        self._is_settling = True
        self._read_on()
        self._look_if_settled()
        if self._is_settling:
            self._loop.call_later(seconds, self._give_up_settling)

    def give_up(self) -> None:
        """Let whoever waits here know that the deadline has passed."""
        if self._reader is not None:
            self._reader.give_up(Refused(Reason.DEADLINE_PASSED, "no whole answer within the call's deadline"))
            self._wake()

    def abort(self) -> None:
        """End it now, whatever was under way."""
        self._is_settling = False
        if self._transport is not None:
            self._transport.abort()

    def _look_if_settled(self) -> None:
        reader = self._reader
        if reader is None or reader.fault is not None or not reader.may_be_reused or reader.take_body().strip():
            self.abort()
        elif self._transport is None or self._transport.get_write_buffer_size():
            self.abort()  # it answered before it had heard all: what is still to go out belongs to that answer
        elif reader.is_complete:
            self._is_settling, self._reader = False, None
            self._owner.settled(self)

    def _read_on(self) -> None:
        if self._is_paused and self._transport is not None and not self._transport.is_closing():
            self._is_paused = False
            self._transport.resume_reading()

    def _give_up_settling(self) -> None:
        if self._is_settling:
            self.abort()

    # --- what the loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        """Something came."""
        if self._reader is None:
            self.abort()
            return
        self._reader.feed(data)
        if self._is_settling:
            self._look_if_settled()
            return
        if self._reader.is_ahead and not self._is_paused and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        """The other side writes no more; this connection is of no further use."""
        if self._reader is not None:
            self._reader.feed_eof()
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - what the loop says is of no use to an agent
        """It is gone."""
        self.is_lost = True
        if self._reader is not None:
            self._reader.feed_eof()
        self._wake()
        self._owner.lost(self)

    def _wake(self) -> None:
        self._has_news = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
