"""One connection to a tool server.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import cast

import anyio
import pytest

from mediator.adapters.tool_servers_http.connection import Connection
from mediator.adapters.tool_servers_http.response import ResponseReader
from mediator.refusal import Reason
from tests.promises import promise

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@dataclass
class Owner:
    taken_back: list[Connection] = field(default_factory=list)
    was_lost: anyio.Event = field(default_factory=anyio.Event)
    was_settled: anyio.Event = field(default_factory=anyio.Event)

    def settled(self, connection: Connection) -> None:
        self.taken_back.append(connection)
        self.was_settled.set()

    def lost(self, connection: Connection) -> None:
        assert connection.is_lost
        self.was_lost.set()


@dataclass
class Wired:
    """A connection, and the socket at its other end."""

    connection: Connection
    peer: socket.socket
    owner: Owner

    def reader(self) -> ResponseReader:
        return ResponseReader(header_bytes_max=1000, body_bytes_max=1000)

    async def lost(self) -> None:
        with anyio.fail_after(5):
            await self.owner.was_lost.wait()


@pytest.fixture
async def wired() -> AsyncIterator[Wired]:
    ours, peer = socket.socketpair()
    ours.setblocking(False)
    owner = Owner()
    connection = Connection("", ours, owner)
    await asyncio.get_running_loop().create_connection(lambda: connection, sock=ours)
    over = Wired(connection, peer, owner)
    yield over
    connection.abort()
    await over.lost()
    peer.close()


async def test_a_request_goes_out_and_its_response_is_read(wired: Wired) -> None:
    """Ours."""
    reader = wired.reader()
    wired.connection.send(b"GET / HTTP/1.1\r\n\r\n", reader)
    assert wired.peer.recv(100) == b"GET / HTTP/1.1\r\n\r\n"

    wired.peer.send(GOOD)
    with anyio.fail_after(5):
        await wired.connection.progress()
    assert reader.is_complete

    assert not wired.connection.is_quiet()
    wired.connection.settle(1)
    assert wired.owner.taken_back == []  # its body was not taken: something is left over
    await wired.lost()


@promise("P7")
async def test_what_stands_there_before_the_request_is_seen_in_the_moment_of_asking(wired: Wired) -> None:
    """Ours: an answer before its request, or a closed end, even where the loop has not seen it yet."""
    assert wired.connection.is_quiet()
    wired.peer.send(b"H")
    assert not wired.connection.is_quiet()


async def test_a_closed_end_is_seen_in_the_moment_of_asking(wired: Wired) -> None:
    """Ours: only so may another connection be taken instead."""
    wired.peer.close()
    assert not wired.connection.is_quiet()
    await wired.lost()
    assert not wired.connection.is_quiet()


@promise("P7")
async def test_bytes_that_nobody_asked_for_end_it(wired: Wired) -> None:
    """Design 5.2."""
    wired.peer.send(GOOD)
    await wired.lost()


async def test_a_lost_connection_is_told_to_whoever_reads(wired: Wired) -> None:
    """Ours."""
    reader = wired.reader()
    wired.connection.send(b"x", reader)
    wired.peer.close()
    with anyio.fail_after(5):
        while reader.fault is None:
            await wired.connection.progress()
    assert reader.fault.reason is Reason.TOOL_SERVER_UNAVAILABLE


async def test_a_deadline_is_told_to_whoever_reads(wired: Wired) -> None:
    """Ours."""
    wired.connection.give_up()
    reader = wired.reader()
    wired.connection.send(b"x", reader)
    wired.connection.give_up()
    with anyio.fail_after(5):
        await wired.connection.progress()
    assert reader.fault is not None
    assert reader.fault.reason is Reason.DEADLINE_PASSED


async def answered(wired: Wired) -> None:
    """Bring it to where the answer has come, and the end of its stream has not."""
    reader = wired.reader()
    wired.connection.send(b"x", reader)
    wired.peer.send(HEAD + b"2\r\n{}\r\n")
    with anyio.fail_after(5):
        await wired.connection.progress()
    assert reader.take_body() == b"{}"


async def test_a_stream_may_end_after_its_answer_with_nobody_waiting(wired: Wired) -> None:
    """RFC 9112 §7.1: the last chunk comes in a segment of its own."""
    await answered(wired)
    wired.connection.settle(5)
    assert wired.owner.taken_back == []

    wired.peer.send(b"0\r\n\r\n")
    with anyio.fail_after(5):
        await wired.owner.was_settled.wait()

    assert wired.owner.taken_back == [wired.connection]
    assert wired.connection.is_quiet()


async def test_what_has_ended_already_settles_at_once(wired: Wired) -> None:
    """Ours."""
    reader = wired.reader()
    wired.connection.send(b"x", reader)
    wired.peer.send(GOOD)
    with anyio.fail_after(5):
        await wired.connection.progress()
    assert reader.take_body() == b"{}"
    wired.connection.settle(5)
    assert wired.owner.taken_back == [wired.connection]


@promise("P7")
async def test_a_server_that_answers_before_it_has_heard_all_is_not_asked_again_there(wired: Wired) -> None:
    """Ours: what is still to go out would stand before the next request."""
    reader = wired.reader()
    wired.connection.send(b"x" * 10_000_000, reader)
    wired.peer.send(GOOD)
    with anyio.fail_after(5):
        await wired.connection.progress()
    assert reader.take_body() == b"{}"
    wired.connection.settle(5)
    await wired.lost()
    assert wired.owner.taken_back == []


@promise("P7")
@pytest.mark.parametrize("more", [b"1\r\nx\r\n", b"0\r\n\r\nHTTP/1.1", b"no chunk"])
async def test_anything_else_after_the_answer_ends_it(wired: Wired, more: bytes) -> None:
    """Design 5.2: a second answer must not be met by another call."""
    await answered(wired)
    wired.connection.settle(5)
    wired.peer.send(more)
    await wired.lost()
    assert wired.owner.taken_back == []


async def test_a_stream_that_does_not_end_after_its_answer_is_given_up(wired: Wired) -> None:
    """Ours: bounded, and nobody waits."""
    await answered(wired)
    wired.connection.settle(0.01)
    await wired.lost()
    assert wired.owner.taken_back == []


class OverTls:
    """A transport that says it is encrypted."""

    def is_closing(self) -> bool:
        return False

    def get_extra_info(self, name: str) -> object:
        return name == "ssl_object" or None


async def test_with_tls_a_session_ticket_may_wait_and_a_closed_end_may_not() -> None:
    """RFC 8446 §4.6.1: tickets come unasked, after the handshake."""
    ours, peer = socket.socketpair()
    with ours, peer:
        connection = Connection("", ours, Owner())
        connection._transport = cast("asyncio.Transport", OverTls())
        assert connection.is_quiet()
        peer.send(b"ticket")
        assert connection.is_quiet()
        ours.recv(100)
        peer.close()
        assert not connection.is_quiet()
    assert not connection.is_quiet()


async def test_one_that_was_never_opened_has_nothing_to_end() -> None:
    """Ours."""
    ours, peer = socket.socketpair()
    with ours, peer:
        connection = Connection("", ours, Owner())
        assert not connection.is_quiet()
        connection.abort()
        connection.eof_received()
        assert not connection.is_lost
