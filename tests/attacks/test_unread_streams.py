"""Attack: an agent that opens streams and does not read them, against the HTTP edge on a real socket (A1).

What it does not read is not kept for it: it waits at its tool, or is told once. Others are served as ever.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from contextlib import AsyncExitStack

import anyio

from mediator.canonical import JsonObject
from mediator.settings.sections import LimitSettings
from tests.promises import promise
from tests.simulated.arrivals import enveloped
from tests.simulated.http_edge import HttpEdge, Peer, serving

TALKS = enveloped("tools/call", {"name": "talks"})
KIB = 1024


def listen(uri: str) -> JsonObject:
    return enveloped("subscriptions/listen", {"notifications": {"resourceSubscriptions": [uri]}})


async def assert_others_are_served(edge: HttpEdge) -> None:
    async with edge.connect() as other:
        assert (await other.ask(edge.request())).status == 200


async def read_until(peer: Peer, word: bytes) -> bytes:
    read = b""
    with anyio.fail_after(5):
        while word not in read:
            read += await peer.stream.receive()
    return read


@promise("P11")
async def test_a_flood_that_nobody_reads_waits_at_its_tool() -> None:
    """Issue 4: 100 MB of progress; what is on the way is what the kernel holds, and no more."""
    async with serving() as edge:
        edge.corridor.says, edge.corridor.text = 10_000, "x" * 10 * KIB
        async with edge.connect() as peer:
            await peer.send(edge.request(TALKS))
            with anyio.fail_after(5):
                while not edge.corridor.told:
                    await anyio.lowlevel.checkpoint()
            await anyio.wait_all_tasks_blocked()
            told = edge.corridor.told
            await assert_others_are_served(edge)
            assert edge.corridor.told == told
        with anyio.fail_after(5):
            while edge.gate.connections:
                await anyio.lowlevel.checkpoint()

    assert told * 10 * KIB < 16 * KIB * KIB


@promise("P11")
async def test_hundreds_listen_and_nobody_waits_for_those_who_do_not_read() -> None:
    """Issue 4: 200 streams; ten thousand changes are one message for each who reads late."""
    async with AsyncExitStack() as holding:
        edge = await holding.enter_async_context(serving(LimitSettings(connections_per_address_max=300)))
        peers = [await holding.enter_async_context(edge.connect()) for _ in range(200)]
        for number, peer in enumerate(peers):
            await peer.send(edge.request(listen(f"test://{number}")))
            await read_until(peer, b"acknowledged")
        for _ in range(50):
            for number in range(200):
                edge.corridor.updates.updated("clock", f"test://{number}", None)
        await assert_others_are_served(edge)
        for number, peer in enumerate(peers):
            await read_until(peer, b'"uri":"test://%d"' % number)

    assert len(edge.corridor.updates) == 0
