"""Attack: a client that never finishes, never stops, or never lets go (A1, A5), against the HTTP edge on a real socket.

What an HTTP server does not bound of itself: bytes of a head, time for a head, time for a body, connections. Each is
refused or let go, counted for the ledger's stop record, and costs nobody else their answer.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import resource
from contextlib import AsyncExitStack

import anyio
import pytest

from mediator.refusal import Reason
from mediator.settings.sections import LimitSettings
from tests.promises import promise
from tests.simulated.http_edge import HttpEdge, Peer, serving

MIB = 1024 * 1024


async def assert_others_are_served(edge: HttpEdge) -> None:
    async with edge.connect() as other:
        assert (await other.ask(edge.request())).status == 200


async def send_until_stopped(peer: Peer, piece: bytes, times: int) -> None:
    try:
        for _ in range(times):
            await peer.send(piece)
    except (anyio.BrokenResourceError, anyio.EndOfStream):
        return


@promise("P7", "P11")
async def test_a_head_of_64_mib_is_refused_and_not_kept() -> None:
    """Design 5.2: 431 after 32 KiB. Measured before: uvicorn alone takes it, and 130 MB of memory."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with serving() as edge, edge.connect() as peer:
        await peer.send(b"POST /mcp HTTP/1.1\r\nhost: a\r\nx: ")
        async with anyio.create_task_group() as sending:
            sending.start_soon(send_until_stopped, peer, b"x" * MIB, 64)
            answer = await peer.read_answer()
            await assert_others_are_served(edge)
            sending.cancel_scope.cancel()

    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert (answer.status, answer.reason) == (431, "MALFORMED")
    assert grown_kib < 32 * 1024
    assert edge.corridor.counted == [("127.0.0.1", Reason.MALFORMED)]
    assert len(edge.corridor.arrivals) == 1


@promise("P7", "P11")
async def test_half_a_head_is_let_go() -> None:
    """Design 5.2: a head has so many seconds (here a moment). Before: the connection stayed open for ever."""
    async with serving() as edge:
        edge.gate.head_seconds = 0.02
        async with edge.connect() as peer:
            answer = await peer.ask(b"POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\nx: y")
            assert (answer.status, answer.reason) == (408, "MALFORMED")
            assert await peer.is_ended()

    assert edge.gate.connections == 0
    assert edge.corridor.counted == [("127.0.0.1", Reason.MALFORMED)]


@promise("P7", "P11")
async def test_a_head_in_drops_is_let_go() -> None:
    """Design 5.2: the time is for the whole head, however often something comes."""
    async with serving() as edge:
        edge.gate.head_seconds = 0.2
        async with edge.connect() as peer, anyio.create_task_group() as dripping:
            await peer.send(b"POST /mcp HTTP/1.1\r\n")

            async def drip() -> None:
                while True:
                    await peer.send(b"x: y\r\n")
                    await anyio.sleep(0.01)

            dripping.start_soon(drip)
            answer = await peer.read_answer()
            dripping.cancel_scope.cancel()

    assert answer.status == 408


@promise("P7", "P11")
@pytest.mark.parametrize("begun", [b"", b"{"], ids=["no body", "slow body"])
async def test_a_body_that_does_not_come_is_let_go(begun: bytes) -> None:
    """Design 5.2: first body byte 10 s, body 30 s (here a second, the settings' least)."""
    limits = LimitSettings(first_body_byte_seconds=1, body_seconds=1)
    async with serving(limits) as edge, edge.connect() as peer:
        head, _, _ = edge.request(None, length=100).partition(b"\r\n\r\n")
        answer = await peer.ask(head + b"\r\n\r\n" + begun)

        assert (answer.status, answer.headers["connection"]) == (408, "close")
        assert await peer.is_ended()
        await assert_others_are_served(edge)

    assert edge.corridor.counted == [("127.0.0.1", Reason.MALFORMED)]


@promise("P11")
async def test_many_connections_take_no_more_than_their_share() -> None:
    """Design 5.2: 64 an address; the ones that were there go on."""
    async with serving() as edge, AsyncExitStack() as held:
        peers = [await held.enter_async_context(edge.connect()) for _ in range(64)]
        assert (await peers[0].ask(edge.request())).status == 200
        refused = [await held.enter_async_context(edge.connect()) for _ in range(20)]
        for peer in refused:
            answer = await peer.read_answer()
            assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert edge.gate.connections == 64
        assert (await peers[-1].ask(edge.request())).status == 200

    assert edge.corridor.counted == [("127.0.0.1", Reason.OVERLOADED)] * 20


@promise("P11")
async def test_connections_that_are_opened_and_dropped_leave_nothing() -> None:
    """Ours: counts go down again, however a connection ends."""
    async with serving() as edge:
        for start in (b"", b"P", edge.request()[:-1], edge.request()):
            for _ in range(20):
                async with edge.connect() as peer:
                    await peer.send(start) if start else None
        with anyio.fail_after(5):
            while edge.gate.connections:
                await anyio.lowlevel.checkpoint()
        await assert_others_are_served(edge)
