"""Unit tests of mediator/edge/http_protocol.py, over real sockets of this machine.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import SimpleNamespace

import anyio
import pytest
import uvloop
from uvicorn.config import Config
from uvicorn.server import ServerState

from mediator.edge import http_protocol
from mediator.edge.gate import Gate, make_gate
from mediator.edge.http_protocol import BoundedProtocol
from mediator.refusal import Reason
from mediator.settings.sections import LimitSettings, ServerSettings
from tests.simulated.arrivals import enveloped
from tests.simulated.certificates import Authority, client_context, server_context
from tests.simulated.corridor import SimulatedCorridor
from tests.simulated.http_edge import HttpEdge, serving

SLOW = enveloped("tools/call", {"name": "slow"})


async def wait_until(is_so: Callable[[], bool]) -> None:
    with anyio.fail_after(5):
        while not is_so():
            await anyio.lowlevel.checkpoint()


async def test_requests_follow_each_other_on_one_connection() -> None:
    """RFC 9112 §9.3: connections persist."""
    async with serving() as edge, edge.connect() as peer:
        for _ in range(3):
            assert (await peer.ask(edge.request())).status == 200

    assert len(edge.corridor.arrivals) == 3
    assert edge.corridor.arrivals[0].source == "127.0.0.1"


async def test_nothing_is_told_of_the_server() -> None:
    """Ours: no `server`, no `date`: what a stranger does not need."""
    async with serving() as edge, edge.connect() as peer:
        answer = await peer.ask(edge.request())

    assert set(answer.headers) == {"content-type", "cache-control", "x-content-type-options", "content-length"}


# --- heads ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "build",
    [
        lambda edge: edge.request(None, ("x", "y" * 40_000)),
        lambda edge: edge.request(None, *((f"x-{index}", "y" * 100) for index in range(400))),
        lambda edge: edge.request(target="/" + "x" * 40_000),
        lambda edge: edge.request(None, ("x" * 40_000, "y")),
    ],
    ids=["one header", "many headers", "target", "name"],
)
async def test_a_head_that_is_too_large_is_refused(build: Callable[[HttpEdge], bytes]) -> None:
    """Design 5.2: 32 KiB, 431, before the application sees it."""
    async with serving() as edge, edge.connect() as peer:
        answer = await peer.ask(build(edge))

        assert (answer.status, answer.reason, answer.headers["connection"]) == (431, "MALFORMED", "close")
        assert await peer.is_ended()

    assert edge.corridor.arrivals == []
    assert edge.corridor.counted == [("127.0.0.1", Reason.MALFORMED)]


async def test_a_head_that_just_fits_is_served() -> None:
    """Design 5.2."""
    async with serving() as edge, edge.connect() as peer:
        assert (await peer.ask(edge.request(None, ("x", "y" * 32_000)))).status == 200


async def test_a_head_is_counted_for_each_request_anew() -> None:
    """Ours: a connection that lasts is not worn out."""
    async with serving() as edge, edge.connect() as peer:
        for _ in range(4):
            assert (await peer.ask(edge.request(None, ("x", "y" * 20_000)))).status == 200


async def test_half_a_head_is_not_kept() -> None:
    """Design 5.2: a time for a head; and it is told why."""
    async with serving() as edge:
        edge.gate.head_seconds = 0.02
        for start in (b"P", b"POST /mcp HTTP/1.1\r\nhost: a", b"\r\n\r\n\r\n"):
            async with edge.connect() as peer:
                answer = await peer.ask(start)
                assert (answer.status, answer.reason) == (408, "MALFORMED")
                assert await peer.is_ended()


async def test_who_says_nothing_is_let_go_without_a_word() -> None:
    """Design 5.2."""
    async with serving() as edge:
        edge.gate.head_seconds = 0.02
        async with edge.connect() as peer:
            assert await peer.is_ended()

    assert edge.corridor.counted == []


async def test_half_a_head_after_a_request_is_not_kept_either() -> None:
    """Design 5.2: the second head has its time as the first had."""
    async with serving() as edge, edge.connect() as peer:
        await peer.ask(edge.request())
        edge.gate.head_seconds = 0.02
        answer = await peer.ask(b"P")

    assert answer.status == 408


async def test_a_connection_that_nobody_uses_ends() -> None:
    """Ours: connections are counted."""
    async with serving(server=ServerSettings(port=0, connection_idle_seconds=1)) as edge, edge.connect() as peer:
        await peer.ask(edge.request())
        assert await peer.is_ended()


# --- what is no request, or more than one -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"CONNECT a:80 HTTP/1.1\r\nhost: a\r\n\r\n",
        b"POST mcp HTTP/1.1\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nhost: a\r\n folded\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nhost : a\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, identity\r\n\r\n",
        b"POST /\xff HTTP/1.1\r\nhost: a\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_refused_in_json(data: bytes) -> None:
    """RFC 9112 §6.3 (two lengths are one message to one reader and two to another); design 5.7."""
    async with serving() as edge, edge.connect() as peer:
        answer = await peer.ask(data)

        assert (answer.status, answer.reason) == (400, "MALFORMED")
        assert await peer.is_ended()

    assert edge.corridor.arrivals == []


async def test_nothing_is_upgraded() -> None:
    """Ours: the parser takes no body of such a request, and would read it as the next one."""
    async with serving() as edge, edge.connect() as peer:
        answer = await peer.ask(edge.request(None, ("connection", "upgrade"), ("upgrade", "h2c")) + edge.request())

        assert answer.status == 400
        assert await peer.is_ended()

    assert edge.corridor.arrivals == []


async def test_what_is_pipelined_behind_a_head_that_is_too_large_is_not_read() -> None:
    """Ours."""
    async with serving() as edge, edge.connect() as peer:
        answer = await peer.ask(edge.request(None, ("x", "y" * 40_000), method="GET", length=0) + edge.request())

        assert answer.status == 431
        assert await peer.is_ended()

    assert edge.corridor.arrivals == []


async def test_what_is_pipelined_behind_a_request_is_not_read() -> None:
    """Ours: one at a time; RFC 9112 §9.3.2: a client sends again what was not answered."""
    async with serving() as edge, edge.connect() as peer:
        answer = await peer.ask(edge.request() + edge.request())

        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert await peer.is_ended()

    assert len(edge.corridor.arrivals) == 1


async def test_a_trailer_is_no_header() -> None:
    """RFC 9110 §6.5.1: nobody on the way has looked at it."""
    chunked = ("transfer-encoding", "chunked")
    async with serving() as edge, edge.connect() as peer:
        head, _, body = edge.request(None, chunked).partition(b"\r\n\r\n")
        answer = await peer.ask(
            head + b"\r\n\r\n%x\r\n%b\r\n0\r\nauthorization: Bearer thief\r\nx: y\r\n\r\n" % (len(body), body)
        )

        assert answer.status == 200
        assert (await peer.ask(edge.request())).status == 200

    assert [value for name, value in edge.corridor.arrivals[0].headers if name in {"authorization", "x"}] == [
        "Bearer planner"
    ]


@pytest.mark.parametrize(
    "endless",
    [b"1;" + b"x" * 800_000, b"1\r\n{\r\n0\r\nx: " + b"y" * 800_000, b"1\r\n{\r\n0\r\n" + b"x: y\r\n" * 10_000],
    ids=["chunk extension", "trailer", "trailers"],
)
async def test_what_is_neither_head_nor_body_is_bounded_too(endless: bytes) -> None:
    """Ours: the parser keeps it, or skips it for ever, and nobody else would count it. One read may pass (256 KiB)."""
    async with serving() as edge, edge.connect() as peer:
        head, _, _ = edge.request(None, ("transfer-encoding", "chunked")).partition(b"\r\n\r\n")
        answer = await peer.ask(head + b"\r\n\r\n" + endless)

        assert answer.status in {400, 431}
        assert await peer.is_ended()

    assert edge.corridor.arrivals == []


async def test_garbage_in_a_body_ends_the_connection() -> None:
    """Ours."""
    async with serving() as edge, edge.connect() as peer:
        head, _, _ = edge.request(None, ("transfer-encoding", "chunked")).partition(b"\r\n\r\n")
        answer = await peer.ask(head + b"\r\n\r\n5\r\nabcdefgh\r\n")

        assert answer.status == 400
        assert await peer.is_ended()


# --- connections ------------------------------------------------------------------------------------------------------


async def test_one_connection_too_many_is_told_so_before_anything_is_read() -> None:
    """Design 5.2 and 5.7: 503 with `Retry-After`, before authentication."""
    async with serving(LimitSettings(connections_per_address_max=2)) as edge, edge.connect() as one, edge.connect():
        assert (await one.ask(edge.request())).status == 200
        async with edge.connect() as third:
            answer = await third.read_answer()
            assert (answer.status, answer.headers["retry-after"], answer.reason) == (503, "1", "OVERLOADED")
            assert await third.is_ended()
        assert (await one.ask(edge.request())).status == 200

    assert edge.corridor.counted == [("127.0.0.1", Reason.OVERLOADED)]


async def test_a_place_is_free_again_when_a_connection_ends() -> None:
    """Ours."""
    async with serving(LimitSettings(connections_max=1)) as edge:
        for _ in range(3):
            async with edge.connect() as peer:
                assert (await peer.ask(edge.request())).status == 200
            await wait_until(lambda: edge.gate.connections == 0)


async def test_beyond_a_number_nobody_is_told_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: turning away costs a connection for a moment, and those are bounded too."""
    monkeypatch.setattr(http_protocol, "_LINGERING_MAX", 0)
    async with serving(LimitSettings(connections_max=1)) as edge, edge.connect(), edge.connect() as second:
        assert await second.is_ended()


async def test_who_does_not_go_when_turned_away_is_put_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: it may read why, and then it is over."""
    monkeypatch.setattr(http_protocol, "_LINGER_SECONDS", 0.02)
    async with serving(LimitSettings(connections_max=1)) as edge, edge.connect(), edge.connect() as second:
        await second.read_answer()
        await wait_until(lambda: edge.gate.lingering == 0)
        with pytest.raises((anyio.BrokenResourceError, anyio.EndOfStream)):
            await second.send_for_ever()


async def test_a_request_that_is_answered_before_it_was_read_is_the_last() -> None:
    """RFC 9112 §9.3: what is left of its body is not the next request."""
    async with serving() as edge, edge.connect() as peer:
        answer = await peer.ask(edge.request(None, length=5_000_000))

        assert (answer.status, answer.headers["connection"]) == (413, "close")
        assert await peer.is_ended()


async def test_a_large_body_is_refused_readably_while_it_is_being_sent() -> None:
    """Design 5.7: a refusal is something that an agent can read, also when it writes first and reads then."""
    async with serving() as edge, edge.connect() as peer:
        head, _, _ = edge.request(None, length=6_000_000).partition(b"\r\n\r\n")
        await peer.send(head + b"\r\n\r\n" + b"x" * 6_000_000)

        assert (await peer.read_answer()).status == 413


async def test_who_hangs_up_cancels_its_call() -> None:
    """Issue 2: a closed stream cancels the call on the tool side."""
    async with serving() as edge:
        async with edge.connect() as peer:
            await peer.send(edge.request(SLOW))
            with anyio.fail_after(5):
                await edge.corridor.begun.wait()
        with anyio.fail_after(5):
            await edge.corridor.ended.wait()

    assert edge.corridor.cancelled == [1]


async def test_garbage_behind_a_request_does_not_disturb_its_answer() -> None:
    """Ours: nothing but the answer is written where an answer is awaited, and it is the last."""
    async with serving() as edge, edge.connect() as peer:
        await peer.send(edge.request(SLOW))
        with anyio.fail_after(5):
            await edge.corridor.begun.wait()
            await peer.send(b"\x00garbage\r\n\r\n")
            await edge.corridor.ended.wait()

        assert edge.corridor.cancelled == [1]
        assert (await peer.read_answer()).status == 400
        assert await peer.is_ended()


async def test_garbage_in_the_middle_of_a_stream_breaks_it_off() -> None:
    """Ours: a second answer is never written into the first."""
    async with serving(sse_after_seconds=0) as edge, edge.connect() as peer:
        await peer.send(edge.request(SLOW))
        with anyio.fail_after(5):
            assert (await peer.stream.receive()).startswith(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream")
            await peer.send(b"\x00garbage\r\n\r\n")
            await edge.corridor.ended.wait()
        assert await peer.is_ended()

    assert edge.corridor.cancelled == [1]


# --- readers that stall -----------------------------------------------------------------------------------------------


class StalledTransport(asyncio.Transport):
    """A transport whose other side reads only what it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.unread = 1_000_000
        self.is_closed = False
        self.is_aborted = False

    def get_write_buffer_size(self) -> int:
        return self.unread

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True  # and it waits for its buffer

    def abort(self) -> None:
        self.is_aborted = True


def made_within(gate: Gate, place: str | None = None) -> BoundedProtocol:
    async def app(scope: object, receive: object, send: object) -> None:
        """It is not asked."""

    kind = type("Protocol", (BoundedProtocol,), {"gate": gate})
    config = Config(app, interface="asgi3", lifespan="off", log_config=None)
    made = kind(config, ServerState(), {}, place=place)
    assert isinstance(made, BoundedProtocol)
    return made


@pytest.fixture
async def protocol() -> BoundedProtocol:
    made = made_within(make_gate(LimitSettings(), SimulatedCorridor().door(), lambda: 0))
    made.connection_made(StalledTransport())
    return made


async def test_who_reads_nothing_of_what_it_asked_for_is_let_go(protocol: BoundedProtocol) -> None:
    """Ours (A1): answers wait in our memory for whoever does not read them."""
    stalled = protocol.transport
    assert isinstance(stalled, StalledTransport)

    states: list[bool] = []
    protocol.pause_writing()
    stalled.unread -= 40_000
    for unread in (1_000_000, stalled.unread):
        protocol._expect_less_than(unread)
        states.append(stalled.is_aborted)

    assert states == [False, True]
    protocol.connection_lost(None)


async def test_who_reads_on_is_watched_no_more(protocol: BoundedProtocol) -> None:
    """Ours."""
    protocol.pause_writing()
    watch = protocol._stall_timer
    protocol.resume_writing()
    protocol.resume_writing()

    assert watch is not None
    assert watch.cancelled()
    assert protocol._stall_timer is None
    protocol.connection_lost(ConnectionResetError())


async def test_a_body_that_nobody_wanted_ends_the_connection(protocol: BoundedProtocol) -> None:
    """RFC 9112 §9.3: whatever the application leaves unread is not the next request."""
    protocol.on_message_begin()
    protocol.on_response_complete()
    assert not protocol.transport.is_closing()
    protocol._in_head = False
    protocol.on_response_complete()

    assert protocol.transport.is_closing()
    protocol.connection_lost(None)


async def test_part_of_a_pipelined_head_ends_the_connection_after_the_answer(protocol: BoundedProtocol) -> None:
    """Ours: no answer is broken off for what a client says meanwhile."""
    answering = SimpleNamespace(response_complete=False, keep_alive=True)
    protocol.cycle = answering  # type: ignore[assignment]  # as much of one as is asked for

    protocol._on_late_head()
    protocol.data_received(b"more")

    assert not answering.keep_alive
    assert not protocol.transport.is_closing()
    answering.response_complete, answering.message_event = True, asyncio.Event()
    protocol.connection_lost(None)


async def test_an_answer_that_nobody_takes_does_not_hold_a_closing_connection(
    protocol: BoundedProtocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours (A1): closing waits for the other side to read, and then no longer."""
    monkeypatch.setattr(http_protocol, "_STALL_SECONDS", 0.01)
    stalled = protocol.transport
    assert isinstance(stalled, StalledTransport)

    protocol.timeout_keep_alive_handler()
    protocol.shutdown()

    await wait_until(lambda: stalled.is_aborted)
    protocol.connection_lost(None)
    assert protocol.gate.connections == 0


# --- over TLS ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def shown(authority: Authority) -> ssl.SSLContext:
    return server_context(authority.issue("server", "127.0.0.1"), authority.file)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_over_tls_whom_it_turns_away_is_told_as_well(authority: Authority, shown: ssl.SSLContext, loop: str) -> None:
    """RFC 8446 §6.1: TLS has no half of an end, so the whole of it is said behind the answer."""

    async def ask() -> None:
        client = client_context(authority.file)
        async with serving(tls=shown) as edge:
            async with edge.connect(client) as peer:
                answer = await peer.ask(edge.request(None, ("x", "y" * 40_000)))
                assert (answer.status, answer.reason) == (431, "MALFORMED")
                assert await peer.is_ended()
            edge.gate.head_seconds = 0.2
            async with edge.connect(client) as peer:
                assert (await peer.ask(b"P")).status == 408
                assert await peer.is_ended()
            async with edge.connect(client) as peer:
                assert await peer.is_ended()
            await wait_until(lambda: edge.gate.connections == 0)
            assert edge.gate.lingering == 0

    uvloop.run(ask()) if loop == "uvloop" else anyio.run(ask)


async def test_over_tls_who_says_nothing_after_the_answer_is_let_go(
    authority: Authority, shown: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: a connection that was turned away, and whose other side says no more, ends all the same."""
    monkeypatch.setattr(http_protocol, "_LINGER_SECONDS", 0.05)
    async with serving(tls=shown) as edge, edge.connect(client_context(authority.file)) as peer:
        await peer.send(b"nonsense\r\n\r\n")
        await wait_until(lambda: edge.gate.connections == 0)


async def test_over_tls_an_idle_connection_does_not_hold_up_the_end(
    authority: Authority, shown: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: whoever keeps it for later looks at it later, and does not answer our word of the end meanwhile."""
    monkeypatch.setattr(http_protocol, "_LINGER_SECONDS", 0.05)
    async with AsyncExitStack() as held:  # until after the server
        with anyio.fail_after(5):
            async with serving(tls=shown) as edge:
                idle = await held.enter_async_context(edge.connect(client_context(authority.file)))
                await idle.ask(edge.request())

        assert edge.gate.connections == 0


async def test_over_tls_as_little_is_kept_for_a_slow_reader_as_without() -> None:
    """Ours: asyncio's own bound there is eight times as high, for each connection."""

    class Secure(StalledTransport):
        high: int | None = None

        def get_extra_info(self, name: str, default: object = None) -> object:
            return "a context" if name == "sslcontext" else default

        def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
            assert low is None
            self.high = high

    secure = Secure()
    made_within(make_gate(LimitSettings(), SimulatedCorridor().door(), lambda: 0)).connection_made(secure)

    assert secure.high == 65_536


@pytest.mark.parametrize("place", [None, "192.0.2.7"])
async def test_a_place_that_was_taken_already_is_not_taken_again(place: str | None) -> None:
    """Ours: over TLS it is taken before the handshake; it is given back once, for the address that took it.

    Who resets the connection in the same moment has no address any more.
    """
    gate = make_gate(LimitSettings(), SimulatedCorridor().door(), lambda: 0)
    made = made_within(gate, place)
    if place is not None:
        assert gate.admit(place)
    made.connection_made(StalledTransport())

    assert gate.connections == 1
    made.connection_lost(None)
    assert (gate.connections, dict(gate._by_address)) == (0, {})
