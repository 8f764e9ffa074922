"""The forwarder changes nothing but who asks: or the comparison would be of the forwarder.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from tests.simulated.bearer_forwarder import BearerForwarder

SECONDS = 5
GET = b"GET /servers/f/mcp?a=%20b HTTP/1.1\r\nHost: localhost:1\r\nlast-event-id: 7\r\n\r\n"
GET_WITH_TOKEN = (
    b"GET /servers/f/mcp?a=%20b HTTP/1.1\r\nAuthorization: Bearer t\r\nHost: localhost:1\r\nlast-event-id: 7\r\n\r\n"
)
POST = (
    b"POST /mcp HTTP/1.1\r\nhost: evil.example.com\r\nORIGIN:  http://evil.example.com \r\nContent-length: 14\r\n\r\n"
)
POST_WITH_TOKEN = POST.replace(b"\r\n", b"\r\nAuthorization: Bearer t\r\n", 1)
BODY = b'{"id": "\r\n\r\n"}'
CHUNKED = b"POST /mcp HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED_WITH_TOKEN = CHUNKED.replace(b"\r\n", b"\r\nAuthorization: Bearer t\r\n", 1)
CHUNKS = b"4;a=b\r\n\r\n\r\n\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"


@asynccontextmanager
async def forwarded(serve: Callable[[SocketStream], Awaitable[None]]) -> AsyncIterator[SocketStream]:
    """A client's connection, by way of a forwarder, to a server that treats each connection so."""

    async def closed_after(connection: SocketStream) -> None:
        async with connection:
            await serve(connection)

    with anyio.fail_after(SECONDS):
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        async with listener, anyio.create_task_group() as serving, BearerForwarder() as forwarder:
            serving.start_soon(listener.serve, closed_after)
            forwarder.forward_to(listener.extra(SocketAttribute.local_port), "t")
            async with await anyio.connect_tcp("127.0.0.1", forwarder.port) as client:
                yield client
            serving.cancel_scope.cancel()


async def test_each_request_gets_the_token_and_keeps_every_other_byte() -> None:
    """Ours: Host, Origin, path, unknown fields, spelling, white space and bodies, on one connection that is kept."""
    sent = [(GET, GET_WITH_TOKEN), (POST + BODY, POST_WITH_TOKEN + BODY), (GET, GET_WITH_TOKEN)]
    sent += [(CHUNKED + CHUNKS, CHUNKED_WITH_TOKEN + CHUNKS), (POST + BODY, POST_WITH_TOKEN + BODY)]
    assert len(BODY) == 14

    arrived: list[bytes] = []

    async def serve(connection: SocketStream) -> None:
        reading = BufferedByteReceiveStream(connection)
        for _, expected in sent:
            arrived.append(await reading.receive_exactly(len(expected)))
            await connection.send(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")

    async with forwarded(serve) as client:
        for request, _ in sent:
            await client.send(request)
            await client.receive()

    assert arrived == [expected for _, expected in sent]


async def test_what_is_answered_comes_through_as_it_comes() -> None:
    """Ours: a stream of events is not held back; the second part is written when the first has arrived."""
    first, second = b"HTTP/1.1 200 OK\r\n\r\nevent: message\r\n", b"data: {}\r\n\r\n"
    arrived = anyio.Event()

    async def serve(connection: SocketStream) -> None:
        await connection.receive()
        await connection.send(first)
        await arrived.wait()
        await connection.send(second)

    async with forwarded(serve) as client:
        await client.send(GET)
        reading = BufferedByteReceiveStream(client)
        assert await reading.receive_exactly(len(first)) == first
        arrived.set()
        assert await reading.receive_exactly(len(second)) == second


async def test_a_client_that_goes_is_gone_on_the_other_side() -> None:
    """Ours: closing a stream cancels a call in the modern era, so the server must see it."""
    gone = anyio.Event()

    async def serve(connection: SocketStream) -> None:
        assert await connection.receive() == GET_WITH_TOKEN
        with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
            await connection.receive()
        gone.set()

    async with forwarded(serve) as client:
        await client.send(GET)
        await anyio.wait_all_tasks_blocked()
        await client.aclose()
        await gone.wait()


async def test_a_server_that_ends_the_connection_ends_it_for_the_client() -> None:
    """Ours: the end of a stream without a length is the end of the connection."""

    async def serve(connection: SocketStream) -> None:
        await connection.receive()
        await connection.send(b"HTTP/1.1 200 OK\r\n\r\nall")

    async with forwarded(serve) as client:
        await client.send(GET)
        assert b"".join([part async for part in client]) == b"HTTP/1.1 200 OK\r\n\r\nall"


async def test_a_connection_before_there_is_anywhere_to_go_is_closed() -> None:
    """Ours: the port is known before the mediator is set up."""
    with anyio.fail_after(SECONDS):
        async with BearerForwarder() as forwarder, await anyio.connect_tcp("127.0.0.1", forwarder.port) as client:
            with pytest.raises(anyio.EndOfStream):
                await client.receive()
