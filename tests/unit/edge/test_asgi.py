"""Unit tests of mediator/edge/asgi.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass, field

import anyio
import pytest

from mediator.edge.asgi import BodyLimits, Disconnected, Exchange, Head, Headers, Message, read_head
from mediator.refusal import Reason, Refused

LIMITS = BodyLimits(bytes_max=8, first_byte_seconds=0.02, seconds=0.02, linger_seconds=0.02)
GONE: Message = {"type": "http.disconnect"}


def piece(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def head(*headers: tuple[str, str]) -> Head:
    return Head(method="POST", path="/mcp", headers=headers, source="192.0.2.7")


@dataclass(slots=True)
class Pipe:
    """The other side: what it sends, and what it was sent. After the last message it is silent."""

    messages: list[Message] = field(default_factory=list)
    sent: list[Message] = field(default_factory=list)

    async def receive(self) -> Message:
        if not self.messages:
            await anyio.sleep_forever()
        return self.messages.pop(0)

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    def exchange(self, *headers: tuple[str, str], limits: BodyLimits = LIMITS) -> Exchange:
        return Exchange(head(*headers), self.receive, self.send, limits)


def test_a_head_is_read_with_names_in_lower_case() -> None:
    """ASGI: names and values are bytes; HTTP: names have no case, and white space around a value is none of it."""
    read = read_head(
        {
            "type": "http",
            "method": "POST",
            "path": "/mcp",
            "headers": [(b"Mcp-Name", b"a"), (b"x", b"\xe4"), (b"mcp-name", b" c\t ")],
            "client": ("192.0.2.7", 1),
        }
    )

    assert read == head(("mcp-name", "a"), ("x", "ä"), ("mcp-name", "c"))
    assert read.header("mcp-name") == ("a", "c")


def test_a_connection_without_an_address_has_no_source() -> None:
    """ASGI: `client` is optional."""
    assert read_head({"type": "http", "method": "GET", "path": "/", "headers": []}).source == "unknown"


@pytest.mark.parametrize(("query", "has_query"), [(b"", False), (b"access_token=t", True), (b"&", True)])
def test_of_a_query_a_head_says_that_there_is_one(query: bytes, *, has_query: bool) -> None:
    """Ours: a token in it is kept nowhere."""
    read = read_head({"type": "http", "method": "GET", "path": "/", "query_string": query, "headers": []})
    assert read.has_query is has_query
    assert "access_token" not in repr(read)


@pytest.mark.parametrize(
    ("headers", "has_body"),
    [
        ((), False),
        ((("content-length", "0"),), False),
        ((("content-length", "1"),), True),
        ((("content-length", "0"), ("content-length", "1")), True),
        ((("transfer-encoding", "chunked"),), True),
    ],
)
def test_a_head_says_whether_a_body_follows(headers: Headers, *, has_body: bool) -> None:
    """RFC 9112 §6."""
    assert head(*headers).has_body is has_body


async def test_a_body_is_read_piece_by_piece() -> None:
    """ASGI."""
    pipe = Pipe([piece(b"", more=True), piece(b"ab", more=True), {"type": "http.request"}])

    assert await pipe.exchange(("content-length", "2")).read_body() == b"ab"


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        ("9", Reason.BODY_TOO_LARGE),
        ("9" * 5000, Reason.BODY_TOO_LARGE),
        ("-1", Reason.MALFORMED),
        ("x", Reason.MALFORMED),
        ("", Reason.MALFORMED),
    ],
)
async def test_a_length_that_will_not_do_is_refused_before_reading(declared: str, reason: Reason) -> None:
    """Design 5.2."""
    pipe = Pipe([piece(b"")])

    with pytest.raises(Refused) as stop:
        await pipe.exchange(("content-length", declared)).read_body()

    assert stop.value.reason is reason
    assert pipe.messages


@pytest.mark.parametrize("pieces", [[b"123456789"], [b"12345678", b"9"]])
async def test_a_body_that_grows_too_large_is_refused(pieces: list[bytes]) -> None:
    """Design 5.2."""
    pipe = Pipe([piece(part, more=True) for part in pieces])

    with pytest.raises(Refused) as stop:
        await pipe.exchange(("transfer-encoding", "chunked")).read_body()

    assert stop.value.reason is Reason.BODY_TOO_LARGE


async def test_a_body_has_one_time_to_begin_and_one_to_end() -> None:
    """Design 5.2: first byte 10 s, body 30 s."""
    quick = BodyLimits(bytes_max=8, first_byte_seconds=60, seconds=0.01)
    late = BodyLimits(bytes_max=8, first_byte_seconds=0.01, seconds=60)

    for limits, messages in ((late, []), (late, [piece(b"", more=True)]), (quick, [piece(b"1", more=True)])):
        with anyio.fail_after(5), pytest.raises(Refused) as stop:
            await Pipe(list(messages)).exchange(("transfer-encoding", "chunked"), limits=limits).read_body()
        assert stop.value.reason is Reason.MALFORMED


async def test_who_hangs_up_in_a_body_is_gone() -> None:
    """ASGI."""
    exchange = Pipe([piece(b"1", more=True), GONE]).exchange(("content-length", "2"))

    with pytest.raises(Disconnected):
        await exchange.read_body()

    assert exchange.is_gone


async def test_hanging_up_is_heard_after_the_body() -> None:
    """ASGI: `receive` may repeat that there is no more body."""
    exchange = Pipe([piece(b""), piece(b""), GONE]).exchange()
    await exchange.read_body()

    await exchange.until_disconnected()

    assert exchange.is_gone


async def test_an_answer_is_sent_whole() -> None:
    """Ours."""
    pipe = Pipe([piece(b"")])
    exchange = pipe.exchange()
    await exchange.read_body()

    await exchange.answer(200, (("content-type", "application/json"),), b"{}")

    assert exchange.is_begun
    assert pipe.sent == [
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [
                (b"content-type", b"application/json"),
                (b"cache-control", b"no-store"),
                (b"x-content-type-options", b"nosniff"),
                (b"content-length", b"2"),
            ],
        },
        {"type": "http.response.body", "body": b"{}", "more_body": False},
    ]


@pytest.mark.parametrize(
    ("messages", "left"),
    [
        ([], 0),
        ([GONE, piece(b"")], 1),
        ([piece(b"1", more=True), piece(b"2"), piece(b"3")], 1),
        ([piece(b"1", more=True)], 0),
    ],
    ids=["silent", "gone", "finished", "stalled"],
)
async def test_who_is_still_sending_is_let_finish_for_a_moment(messages: list[Message], left: int) -> None:
    """Ours: a connection reset would take the refusal from a client that writes first and reads then."""
    pipe = Pipe(messages)

    with anyio.fail_after(5):
        await pipe.exchange(("content-length", "9")).answer(413, (), b"no")

    start, told, end = pipe.sent
    assert (b"connection", b"close") in start["headers"]
    assert (told["body"], told["more_body"]) == (b"no", True)
    assert (end["body"], end["more_body"]) == (b"", False)
    assert len(pipe.messages) == left


async def test_what_comes_while_lingering_is_bounded() -> None:
    """Ours: nobody sends for ever to who no longer listens."""
    pipe = Pipe([piece(b"x" * 1024 * 1024, more=True)] * 80)

    await pipe.exchange(("content-length", "9")).answer(413, (), b"no")

    assert len(pipe.messages) == 16


async def test_an_answer_in_a_stream_is_its_last_event() -> None:
    """WHATWG HTML, server-sent events; MCP: `event: message`."""
    pipe = Pipe()
    exchange = pipe.exchange()

    await exchange.begin_stream()
    await exchange.keep_alive()
    await exchange.answer(403, (("x", "y"),), b"{}")

    start, *body = pipe.sent
    assert (start["status"], exchange.is_begun, exchange.is_streaming) == (200, True, True)
    assert [(message["body"], message["more_body"]) for message in body] == [
        (b": waiting\r\n\r\n", True),
        (b"event: message\r\ndata: {}\r\n\r\n", False),
    ]


async def test_a_stream_with_no_answer_ends_without_an_event() -> None:
    """MCP 2025-11-25: what was cancelled gets no response."""
    pipe = Pipe()
    exchange = pipe.exchange()

    await exchange.begin_stream()
    await exchange.answer(202, (), None)

    assert (pipe.sent[-1]["body"], pipe.sent[-1]["more_body"]) == (b"", False)


async def test_a_stream_is_begun_whole_or_not_at_all() -> None:
    """Ours: whoever cancels while the head is being sent, it is sent."""
    pipe = Pipe()

    async def slowly(message: Message) -> None:
        await anyio.lowlevel.checkpoint()
        pipe.sent.append(message)

    exchange = Exchange(head(), pipe.receive, slowly, LIMITS)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await exchange.begin_stream()

    assert exchange.is_streaming
    assert len(pipe.sent) == 1
