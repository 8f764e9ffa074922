"""Unit tests of mediator/edge/serve.py, over real sockets of this machine.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import errno
import socket

import anyio
import pytest
import uvloop

from mediator.edge.serve import listen
from mediator.refusal import Reason, Refused
from tests.simulated.arrivals import enveloped
from tests.simulated.http_edge import Answer, HttpEdge, serving

SLOW = enveloped("tools/call", {"name": "slow"})


def test_port_0_takes_a_free_port() -> None:
    """Ours: two mediators of a test never meet."""
    with listen("127.0.0.1", 0) as one, listen("localhost", 0) as other:
        assert one.getsockname()[1] != other.getsockname()[1]
        assert one.family == socket.AF_INET


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_addresses_of_version_6_are_listened_on(host: str) -> None:
    """RFC 3986 writes them in brackets, sockets do not."""
    with listen(host, 0) as listener:
        assert listener.family == socket.AF_INET6


def test_a_port_that_is_taken_is_named() -> None:
    """Issue 2, bad input: what, where, and the next step."""
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Refused) as stop:
            listen("127.0.0.1", port)

    assert stop.value.reason is Reason.MALFORMED
    assert stop.value.detail == f"`127.0.0.1:{port}` is taken by another process"
    assert stop.value.remedy is not None


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
def test_an_address_that_is_none_of_this_machine_is_named(host: str) -> None:
    """Issue 2, bad input."""
    with pytest.raises(Refused) as stop:
        listen(host, 0)

    assert stop.value.detail.startswith(f"`{host}:0` ")


def test_a_port_that_is_not_ours_to_take_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue 2, bad input: ports below 1024, for whoever is not root."""

    def refuse(*_: object, **__: object) -> socket.socket:
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "create_server", refuse)
    with pytest.raises(Refused) as stop:
        listen("127.0.0.1", 80)

    assert stop.value.detail == "`127.0.0.1:80` may not be listened on by this user"


async def test_cancelling_ends_everything_and_frees_the_port() -> None:
    """Ours: no task, connection or socket is left."""
    async with serving() as edge, edge.connect() as idle:
        await idle.ask(edge.request())
        port = edge.port

    assert edge.gate.connections == 0
    listen("127.0.0.1", port).close()


async def ask_slowly(edge: HttpEdge, answers: list[Answer]) -> None:
    async with edge.connect() as peer:
        answers.append(await peer.ask(edge.request(SLOW)))


async def test_what_is_being_answered_has_a_moment_to_end() -> None:
    """Ours: a stop is no reason to break off what is nearly done."""
    answers: list[Answer] = []
    async with anyio.create_task_group() as asking, serving(grace_seconds=5) as edge:
        asking.start_soon(ask_slowly, edge, answers)
        with anyio.fail_after(5):
            await edge.corridor.begun.wait()
        edge.corridor.slow.set()

    assert [answer.status for answer in answers] == [200]


async def test_what_does_not_end_in_time_is_cancelled_and_told_so() -> None:
    """Design 5.7: readable, with `Retry-After`."""
    answers: list[Answer] = []
    async with anyio.create_task_group() as asking, serving() as edge:
        asking.start_soon(ask_slowly, edge, answers)
        with anyio.fail_after(5):
            await edge.corridor.begun.wait()

    (answer,) = answers
    assert (answer.status, answer.headers["retry-after"], answer.reason) == (503, "1", "OVERLOADED")
    assert edge.corridor.cancelled == [1]


def test_it_serves_on_uvloop_as_well() -> None:
    """Design 6: that is what `mediator serve` runs on; its transports differ in small ways."""

    async def ask() -> None:
        async with serving() as edge, edge.connect() as peer:
            assert (await peer.ask(edge.request())).status == 200
            assert (await peer.ask(edge.request(None, ("x", "y" * 40_000)))).status == 431
            assert await peer.is_ended()

    uvloop.run(ask())


def test_a_reply_does_not_wait_for_an_acknowledgement() -> None:
    """Ours: without this a reply in two writes takes 40 ms more wherever the loop does not see to it (tcp(7))."""
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_streams_that_stay_open_do_not_hold_up_the_end() -> None:
    """MCP 2026-07-28: they end in order, with their answer, as soon as the mediator begins to end."""
    answers: list[Answer] = []
    listen_to = enveloped("subscriptions/listen", {"notifications": {"toolsListChanged": True}})

    async def hear(edge: HttpEdge) -> None:
        async with edge.connect() as peer:
            answers.append(await peer.ask(edge.request(listen_to)))

    with anyio.fail_after(10):
        async with anyio.create_task_group() as hearing, serving(grace_seconds=60) as edge:
            hearing.start_soon(hear, edge)
            while not edge.corridor.readings:
                await anyio.lowlevel.checkpoint()

    (answer,) = answers
    assert b"acknowledged" in answer.body
    assert b'"resultType":"complete"' in answer.body
