"""Unit tests of mediator/edge/handshakes.py, over real sockets of this machine.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack

import anyio
import pytest

from mediator.edge import handshakes
from mediator.edge.gate import Gate
from mediator.refusal import Reason
from mediator.settings.sections import LimitSettings
from tests.promises import promise
from tests.simulated.certificates import Authority, client_context, server_context
from tests.simulated.http_edge import serving


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def shown(authority: Authority) -> ssl.SSLContext:
    return server_context(authority.issue("server", "127.0.0.1"), authority.file)


@pytest.fixture
def agent(authority: Authority) -> ssl.SSLContext:
    return client_context(authority.file)


async def wait_until(is_so: Callable[[], bool]) -> None:
    with anyio.fail_after(5):
        while not is_so():
            await anyio.lowlevel.checkpoint()


async def test_whoever_shakes_hands_is_served_and_gives_its_place_back(
    shown: ssl.SSLContext, agent: ssl.SSLContext
) -> None:
    """Design 5.2: the same limits as without TLS, and one place for one connection."""
    async with serving(tls=shown) as edge:
        async with edge.connect(agent) as peer:
            assert (await peer.ask(edge.request())).status == 200
            assert edge.gate.connections == 1
        await wait_until(lambda: edge.gate.connections == 0)

    assert edge.corridor.arrivals[0].source == "127.0.0.1"
    assert edge.corridor.counted == []


@promise("P7", "P11")
async def test_half_a_handshake_has_a_place_and_the_time_of_a_head(
    shown: ssl.SSLContext, agent: ssl.SSLContext
) -> None:
    """Design 5.2: it is counted from its first moment, and let go; nobody is told, and nothing is counted of silence."""
    async with serving(tls=shown) as edge:
        edge.gate.head_seconds = 0.02
        async with edge.connect() as silent:
            await wait_until(lambda: edge.gate.connections == 1)
            assert await silent.is_ended()
        await wait_until(lambda: edge.gate.connections == 0)
        edge.gate.head_seconds = 5
        async with edge.connect(agent) as peer:
            assert (await peer.ask(edge.request())).status == 200

    assert edge.corridor.counted == []


@promise("P7", "P11")
async def test_one_too_many_is_closed_before_it_shakes_hands(shown: ssl.SSLContext, agent: ssl.SSLContext) -> None:
    """Ours: what a refusal would cost is what the attack is about; it is counted."""
    limits = LimitSettings(connections_per_address_max=1)
    async with serving(limits, tls=shown) as edge, edge.connect(agent) as peer:
        assert (await peer.ask(edge.request())).status == 200
        async with edge.connect() as refused:
            assert await refused.is_ended()
        assert (await peer.ask(edge.request())).status == 200

    assert edge.corridor.counted == [("127.0.0.1", Reason.OVERLOADED)]


async def test_who_hangs_up_in_the_middle_is_no_stop(shown: ssl.SSLContext) -> None:
    """Ours: load balancers look that way whether somebody is there."""
    async with serving(tls=shown) as edge:
        async with edge.connect():
            await wait_until(lambda: edge.gate.connections == 1)
        await wait_until(lambda: edge.gate.connections == 0)

    assert edge.corridor.counted == []


async def test_a_handshake_that_is_under_way_ends_with_the_server(shown: ssl.SSLContext) -> None:
    """Ours: no task, connection or place is left."""
    async with AsyncExitStack() as held:  # until after the server
        async with serving(tls=shown) as edge:
            silent = await held.enter_async_context(edge.connect())
            await wait_until(lambda: edge.gate.connections == 1)

        assert edge.gate.connections == 0
        assert await silent.is_ended()


@pytest.mark.parametrize(
    "trouble", [ConnectionAbortedError(), OSError(errno.EMFILE, "Too many open files")], ids=["gone", "no more files"]
)
async def test_an_accept_that_fails_is_tried_again(trouble: OSError, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours, as asyncio's own server: one connection that is gone again, or a machine that is full, ends nothing."""
    is_tried_again = asyncio.Event()
    troubles = [trouble]

    async def accept(_listener: object) -> tuple[socket.socket, tuple[str, int]]:
        if troubles:
            raise troubles.pop()
        is_tried_again.set()
        return await asyncio.Future()

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_accept", accept)
    monkeypatch.setattr(handshakes, "_RETRY_SECONDS", 0)
    with socket.socket() as listener, anyio.fail_after(5):
        async with anyio.create_task_group() as accepting:
            context, gate = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), object.__new__(Gate)
            accepting.start_soon(handshakes.let_in, listener, context, gate, lambda _: pytest.fail("nobody came"))
            await is_tried_again.wait()
            accepting.cancel_scope.cancel()


@promise("P11")
@pytest.mark.parametrize("trouble", [ConnectionResetError(), RuntimeError("closed"), ValueError("a certificate")])
async def test_one_connection_that_fails_ends_no_other(
    authority: Authority,
    shown: ssl.SSLContext,
    agent: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Exception,
) -> None:
    """Ours: whatever the event loop says of one of them; its place is given back."""

    async def fail(_make: object, connection: socket.socket, **_: object) -> None:
        connection.close()
        raise trouble

    async with serving(tls=shown) as edge, edge.connect(agent) as peer:
        assert (await peer.ask(edge.request())).status == 200
        with monkeypatch.context() as failing:
            failing.setattr(asyncio.get_running_loop(), "connect_accepted_socket", fail)
            async with edge.connect() as lost:
                assert await lost.is_ended()
            await wait_until(lambda: edge.gate.connections == 1)
        assert (await peer.ask(edge.request())).status == 200
        async with edge.connect(client_context(authority.file)) as other:
            assert (await other.ask(edge.request())).status == 200
