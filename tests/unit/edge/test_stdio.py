"""Unit tests of mediator/edge/stdio.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import inf

import anyio
import pytest
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from mediator.canonical import JsonLimits, JsonObject, canonical_bytes, parse_object
from mediator.edge import stdio
from mediator.edge.stdio import serve_stdio
from mediator.evidence import Secret
from mediator.refusal import Reason
from mediator.wire.arrival import Transport
from mediator.wire.jsonrpc import RequestId
from mediator.wire.methods import Era
from mediator.wire.reading import Notice
from tests.promises import promise
from tests.simulated.arrivals import LEGACY, enveloped, message, notification
from tests.simulated.corridor import SimulatedCorridor

INITIALIZE = message("initialize", {"protocolVersion": LEGACY}, "hello")


def slow(request_id: RequestId) -> JsonObject:
    return enveloped("tools/call", {"name": "slow"}, request_id)


def line(sent: JsonObject) -> bytes:
    return canonical_bytes(sent) + b"\n"


@dataclass(slots=True)
class Host:
    """The other side of the lines."""

    corridor: SimulatedCorridor
    to_us: MemoryObjectSendStream[bytes]
    from_us: MemoryObjectReceiveStream[bytes]

    async def send(self, *sent: JsonObject | bytes) -> None:
        with anyio.fail_after(5):
            for one in sent:
                await self.to_us.send(one if isinstance(one, bytes) else line(one))

    async def receive(self) -> JsonObject:
        with anyio.fail_after(5):
            received = await self.from_us.receive()
        assert received.endswith(b"\n")
        assert received.count(b"\n") == 1
        return parse_object(received)

    def end(self) -> None:
        self.to_us.close()

    def unread(self) -> int:
        return self.from_us.statistics().current_buffer_used


@asynccontextmanager
async def hosting(
    corridor: SimulatedCorridor | None = None, tokens: Sequence[str | None] = ("planner",), room: float = inf
) -> AsyncIterator[Host]:
    """Serve a host for as long as the context is held; each message is asked for a credential of its own."""
    corridor = corridor or SimulatedCorridor()
    given = list(tokens)

    def credential() -> Secret | None:
        token = given[0] if len(given) == 1 else given.pop(0)
        return None if token is None else Secret(token)

    to_us, incoming = anyio.create_memory_object_stream[bytes](0)
    outgoing, from_us = anyio.create_memory_object_stream[bytes](room)
    with to_us, incoming, outgoing, from_us, anyio.fail_after(10):
        async with anyio.create_task_group() as serving:
            serving.start_soon(serve_stdio, corridor.door(), credential, incoming, outgoing)
            yield Host(corridor, to_us, from_us)
            to_us.close()


# --- lines, eras, sessions --------------------------------------------------------------------------------------------


async def test_each_message_is_answered_in_its_era() -> None:
    """MCP 2026-07-28 and 2025-11-25 over one pipe: each message says which."""
    async with hosting() as host:
        await host.send(enveloped("tools/list", request_id=1))
        modern = await host.receive()
        await host.send(INITIALIZE)
        handshake = await host.receive()
        await host.send(notification("notifications/initialized"), message("tools/list", request_id=2))
        legacy = await host.receive()

    assert [modern["id"], handshake["id"], legacy["id"]] == [1, "hello", 2]
    eras = [reading.frame.era for reading in host.corridor.readings]
    assert eras == [Era.MODERN, Era.LEGACY, Era.LEGACY, Era.LEGACY]
    assert [arrival.session and arrival.session.version for arrival in host.corridor.arrivals] == [
        None,
        None,
        LEGACY,
        LEGACY,
    ]


async def test_what_arrives_says_how_it_came() -> None:
    """Ours: no headers, and a source to count stops by."""
    async with hosting() as host:
        await host.send(enveloped("tools/list"))
        await host.receive()

    (arrival,) = host.corridor.arrivals
    assert (arrival.transport, arrival.server, arrival.headers, arrival.source) == (Transport.STDIO, None, (), "stdio")


async def test_a_handshake_is_answered_before_what_is_sent_behind_it() -> None:
    """Ours: a host that does not wait is understood all the same."""
    async with hosting() as host:
        await host.send(line(INITIALIZE) + line(message("tools/list", request_id=2)))

        assert (await host.receive())["id"] == "hello"
        assert "result" in await host.receive()


async def test_a_request_before_any_handshake_is_refused() -> None:
    """MCP 2025-11-25, Lifecycle."""
    async with hosting() as host:
        await host.send(message("tools/list", request_id=3))
        refusal = await host.receive()

    assert refusal["id"] == 3
    assert isinstance(refusal["error"], dict)
    assert refusal["error"]["code"] == -32600


@pytest.mark.parametrize(
    "chunks",
    [
        [line(enveloped("tools/list"))],
        [b"\n\r\n  \n" + line(enveloped("tools/list"))],
        [canonical_bytes(enveloped("tools/list")) + b"\r\n"],
        [bytes([byte]) for byte in line(enveloped("tools/list"))],
    ],
    ids=["whole", "after blank lines", "with a carriage return", "byte by byte"],
)
async def test_a_line_is_a_message_however_it_comes(chunks: list[bytes]) -> None:
    """MCP, stdio: messages are delimited by newlines."""
    async with hosting() as host:
        await host.send(*chunks)

        assert "result" in await host.receive()

    assert len(host.corridor.arrivals) == 1


async def test_the_last_line_needs_no_end() -> None:
    """Ours: `printf` writes none."""
    async with hosting() as host:
        await host.send(canonical_bytes(enveloped("tools/list")))
        host.end()

        assert "result" in await host.receive()


async def test_what_wants_no_answer_gets_none() -> None:
    """JSON-RPC 2.0 §4.1."""
    async with hosting() as host:
        await host.send(
            notification("notifications/initialized"),
            notification("x"),
            {"jsonrpc": "2.0", "id": 1, "result": {}},
            enveloped("tools/list", request_id="last"),
        )

        assert (await host.receive())["id"] == "last"

    assert sum(isinstance(reading, Notice) for reading in host.corridor.readings) == 3


@promise("P11")
@pytest.mark.parametrize("garbage", [b"{\n", b"null\n", b"[]\n", b"\xff\xfe\n", b'{"jsonrpc":"2.0","id":1,"id":2}\n'])
async def test_a_line_that_is_no_message_is_refused_and_the_session_goes_on(garbage: bytes) -> None:
    """JSON-RPC 2.0 §5.1: with no id that could be read, the id is null."""
    async with hosting() as host:
        await host.send(garbage, enveloped("tools/list", request_id="then"))

        assert (await host.receive())["id"] is None
        assert (await host.receive())["id"] == "then"


@promise("P11")
@pytest.mark.parametrize(
    "chunks",
    [[b"x" * 200 + b"\n"], [b"x" * 60, b"x" * 60, b"x" * 60, b"x\n"], [b"x" * 600, b"\n"], [b" " * 200 + b"\n"]],
    ids=["at once", "in pieces", "its end apart", "nothing but blanks"],
)
async def test_a_line_that_is_too_long_is_refused_and_the_session_goes_on(chunks: list[bytes]) -> None:
    """Design 5.2: the same limit as for bodies, and no more of it is kept."""
    async with hosting(SimulatedCorridor(limits=JsonLimits(bytes_max=100))) as host:
        await host.send(*chunks, b'{"jsonrpc":"2.0","id":"then","method":"ping"}\n')

        refusal, after = await host.receive(), await host.receive()

    assert isinstance(refusal["error"], dict)
    assert refusal["error"]["data"] == {"reason": "BODY_TOO_LARGE"}
    assert after["id"] == "then"
    assert host.corridor.counted == [("stdio", Reason.BODY_TOO_LARGE)]


async def test_a_last_line_that_is_too_long_is_refused_too() -> None:
    """Design 5.2."""
    async with hosting(SimulatedCorridor(limits=JsonLimits(bytes_max=100))) as host:
        await host.send(b"x" * 101)
        host.end()

        assert (await host.receive())["id"] is None


# --- credentials ------------------------------------------------------------------------------------------------------


async def test_each_message_is_asked_for_a_credential_of_its_own() -> None:
    """Design 5.6, people's hosts: the credential is renewed while the host lives."""
    async with hosting(tokens=("first", "second", "bad")) as host:
        await host.send(*(enveloped("tools/list", request_id=index) for index in range(3)))
        answers = [await host.receive() for _ in range(3)]

    revealed = [arrival.credential and arrival.credential.reveal() for arrival in host.corridor.arrivals]
    assert revealed == ["first", "second", "bad"]
    assert ["result" in answer for answer in answers] == [True, True, False]


@promise("P9")
async def test_a_session_without_a_credential_is_told_so_in_its_own_code() -> None:
    """Design 5.7: over stdio -31401; there is no anonymous authority."""
    async with hosting(tokens=(None,)) as host:
        await host.send(enveloped("tools/list"))
        refusal = await host.receive()

    assert isinstance(refusal["error"], dict)
    assert refusal["error"]["code"] == -31401


# --- several at once, and cancelling ----------------------------------------------------------------------------------


async def test_requests_are_answered_as_they_finish() -> None:
    """JSON-RPC 2.0: ids tie answers to requests, order does not."""
    async with hosting() as host:
        await host.send(slow(1), enveloped("tools/list", request_id=2))
        first = await host.receive()
        host.corridor.slow.set()
        second = await host.receive()

    assert [first["id"], second["id"]] == [2, 1]


@pytest.mark.parametrize("era", list(Era))
async def test_a_cancelled_request_gets_no_answer(era: Era) -> None:
    """MCP, basic/utilities/cancellation; over stdio in both eras."""
    async with hosting() as host:
        if era is Era.LEGACY:
            await host.send(INITIALIZE)
            await host.receive()
            await host.send(message("tools/call", {"name": "slow"}, 7))
        else:
            await host.send(slow(7))
        with anyio.fail_after(5):
            await host.corridor.begun.wait()
            await host.send(notification("notifications/cancelled", {"requestId": 8}))
            await host.send(notification("notifications/cancelled", {"requestId": 7}))
            await host.corridor.ended.wait()
        await host.send(enveloped("tools/list", request_id="then"))

        assert (await host.receive())["id"] == "then"

    assert host.corridor.cancelled == [7]


async def test_one_request_too_many_at_once_is_told_so() -> None:
    """Design 5.7: overload is `isError` for a call; a notification is not answered even then."""
    async with hosting() as host:
        await host.send(*(slow(index) for index in range(64)), notification("x"), slow("more"))
        refusal = await host.receive()
        host.corridor.slow.set()
        answers = [await host.receive() for _ in range(64)]
        await host.send(enveloped("tools/list", request_id="then"))

        assert (await host.receive())["id"] == "then"

    assert refusal["id"] == "more"
    assert isinstance(refusal["result"], dict)
    assert refusal["result"]["isError"] is True
    assert {answer["id"] for answer in answers} == set(range(64))
    assert host.corridor.counted == [("stdio", Reason.OVERLOADED)] * 2


@promise("P11")
async def test_a_host_that_does_not_read_is_not_read_for_ever() -> None:
    """Ours (A1): answers wait in our memory, so they are bounded by who reads them."""
    async with hosting(room=0) as host:
        taken = 0
        with anyio.move_on_after(0.2):
            while True:
                await host.to_us.send(line(enveloped("tools/list", request_id=taken)))
                taken += 1
        assert taken < 80
        answers = [await host.receive() for _ in range(taken)]

    assert len({answer["id"] for answer in answers}) == taken


# --- the end ----------------------------------------------------------------------------------------------------------


async def test_what_is_in_flight_when_the_host_has_said_all_has_a_moment() -> None:
    """Ours: a script that writes and closes still reads its answers."""
    async with hosting() as host:
        await host.send(slow(1))
        host.end()
        with anyio.fail_after(5):
            await host.corridor.begun.wait()
        host.corridor.slow.set()

        assert (await host.receive())["id"] == 1

    assert host.corridor.cancelled == []


async def test_what_does_not_end_in_that_moment_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue 2: who has gone has cancelled."""
    monkeypatch.setattr(stdio, "_GRACE_SECONDS", 0.01)
    async with hosting() as host:
        await host.send(slow(1))
        host.end()
        with anyio.fail_after(5):
            await host.corridor.ended.wait()

    assert host.corridor.cancelled == [1]
    assert host.unread() == 0


async def test_a_host_that_nobody_can_write_to_is_gone() -> None:
    """Ours: what it asked for is cancelled, and nothing more is read."""
    async with hosting() as host:
        await host.send(slow(1))
        host.from_us.close()
        await host.send(enveloped("tools/list"))
        with anyio.fail_after(5):
            await host.corridor.ended.wait()

    assert host.corridor.cancelled == [1]


async def test_a_host_that_breaks_off_ends_its_session() -> None:
    """Ours: a relay whose connection is reset is no bug."""

    class Broken:
        async def receive(self) -> bytes:
            raise anyio.BrokenResourceError

    outgoing, answers = anyio.create_memory_object_stream[bytes](1)
    with outgoing, answers:
        await serve_stdio(SimulatedCorridor().door(), lambda: None, Broken(), outgoing)  # type: ignore[arg-type]
