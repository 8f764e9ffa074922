"""A forwarder on loopback that adds a bearer token to what a client sends, for clients that cannot send one.

    async with BearerForwarder() as forwarder:
        forwarder.port                              # where the client is to go: http://localhost:PORT/...
        forwarder.forward_to(8080, token)           # and where that leads

Each request gets one line, `Authorization`, after its first; all other bytes go through as they come, and as soon as
they come: `Host`, `Origin`, path, body, and whatever is answered. A connection of the client is one connection to the
other side, and when either ends, so does the other. So nothing is seen differently from here, except who asks.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

import anyio
from anyio.abc import ByteReceiveStream, ByteSendStream, Listener, SocketAttribute, SocketStream, TaskGroup
from anyio.streams.buffered import BufferedByteReceiveStream

HEAD_BYTES_MAX: Final = 64 * 1024  # over what the mediator takes, so that it is the one to refuse
LINE_BYTES_MAX: Final = 1024
PART_BYTES: Final = 64 * 1024
_HEAD_END: Final = b"\r\n\r\n"
_LINE_END: Final = b"\r\n"
_CLOSED: Final = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.IncompleteRead)


class BearerForwarder:
    """Listens from the start, and forwards once it is told where to."""

    def __init__(self) -> None:
        self.port = 0
        self._target: tuple[int, bytes] | None = None
        self._serving: TaskGroup | None = None

    async def __aenter__(self) -> Self:
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        self.port = listener.extra(SocketAttribute.local_port)
        self._serving = await anyio.create_task_group().__aenter__()
        self._serving.start_soon(self._listen, listener)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        assert self._serving is not None
        self._serving.cancel_scope.cancel()
        return await self._serving.__aexit__(kind, error, trace)

    def forward_to(self, port: int, token: str) -> None:
        """Lead connections from now on to this port, with this token."""
        self._target = (port, f"Authorization: Bearer {token}\r\n".encode())

    async def _listen(self, listener: Listener[SocketStream]) -> None:
        async with listener:
            await listener.serve(self._serve)

    async def _serve(self, client: SocketStream) -> None:
        async with client:
            if self._target is None:
                return
            port, line = self._target
            try:
                server = await anyio.connect_tcp("127.0.0.1", port)
            except OSError:
                return  # the client sees what it would see there: nobody
            async with server, anyio.create_task_group() as both_ways:

                async def there() -> None:
                    await _requests(BufferedByteReceiveStream(client), server, line)
                    both_ways.cancel_scope.cancel()

                async def back() -> None:
                    await _bytes(server, client)
                    both_ways.cancel_scope.cancel()

                both_ways.start_soon(there)
                both_ways.start_soon(back)


async def _requests(client: BufferedByteReceiveStream, server: ByteSendStream, line: bytes) -> None:
    """Forward requests, one after the other, until one side ends or what comes is no HTTP."""
    try:
        while True:
            head = await client.receive_until(_HEAD_END, HEAD_BYTES_MAX)
            first, _, fields = head.partition(_LINE_END)
            await server.send(first + _LINE_END + line + fields + _HEAD_END)
            if _field(fields, b"transfer-encoding"):
                await _chunks(client, server)
            else:
                await _length(client, server, int(_field(fields, b"content-length") or b"0"))
    except (*_CLOSED, anyio.DelimiterNotFound, ValueError):
        return


async def _length(client: BufferedByteReceiveStream, server: ByteSendStream, left: int) -> None:
    while left > 0:
        part = await client.receive(min(left, PART_BYTES))
        await server.send(part)
        left -= len(part)


async def _chunks(client: BufferedByteReceiveStream, server: ByteSendStream) -> None:
    """Forward a body in chunks, up to the empty line that ends it (RFC 9112 §7.1)."""
    size = -1
    while size != 0:
        line = await client.receive_until(_LINE_END, LINE_BYTES_MAX)
        size = int(line.partition(b";")[0], 16)
        await server.send(line + _LINE_END)
        if size > 0:
            await _length(client, server, size + len(_LINE_END))
    while trailer := await client.receive_until(_LINE_END, LINE_BYTES_MAX):
        await server.send(trailer + _LINE_END)
    await server.send(_LINE_END)


async def _bytes(server: ByteReceiveStream, client: ByteSendStream) -> None:
    try:
        async for part in server:
            await client.send(part)
    except _CLOSED:
        return


def _field(fields: bytes, name: bytes) -> bytes:
    """Return the value of a header field; where there is none, nothing."""
    for line in fields.split(_LINE_END):
        found, _, value = line.partition(b":")
        if found.lower() == name:
            return value.strip()
    return b""
