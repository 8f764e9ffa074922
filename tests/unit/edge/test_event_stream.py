"""Unit tests of mediator/edge/event_stream.py: what cannot be seen from an agent's side.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import anyio
import pytest

from mediator.edge import asgi
from mediator.edge.asgi import Exchange, Message, read_head
from mediator.edge.event_store import EventStore, SessionEvents
from mediator.edge.event_stream import EventStream
from tests.simulated.asgi_edge import FACTS


class Connection:
    """One HTTP request, and all that was sent in answer to it."""

    def __init__(self, *, is_deaf: bool = False) -> None:
        self.parts: list[Message] = []
        self.is_deaf = is_deaf
        head = read_head({"type": "http", "method": "POST", "path": "/mcp", "headers": []})
        self.exchange = Exchange(head, self.receive, self.send, FACTS.body)

    async def receive(self) -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    async def send(self, message: Message) -> None:
        if self.is_deaf:
            await anyio.sleep_forever()
        self.parts.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(part.get("body", b"") for part in self.parts)

    @property
    def is_ended(self) -> bool:
        return not self.parts[-1].get("more_body", True)


def events() -> SessionEvents[EventStream]:
    return SessionEvents(EventStore(lambda: 0.0))


async def test_two_who_begin_a_stream_at_once_begin_one() -> None:
    """Ours: what is told, and the time after which every answer becomes a stream."""
    connection = Connection()
    stream = EventStream(connection.exchange, None)

    async with anyio.create_task_group() as beginning:
        for _ in range(3):
            beginning.start_soon(stream.begin)
        beginning.start_soon(stream.send, b"{}")

    assert [part["type"] for part in connection.parts] == ["http.response.start", "http.response.body"]


async def test_nothing_is_sent_after_the_end() -> None:
    """ASGI: a server takes that for a bug of ours."""
    connection = Connection()
    stream = EventStream(connection.exchange, None)
    await stream.begin()
    await stream.end(200, (), b"{}")
    so_far = len(connection.parts)

    await stream.keep_alive()
    await stream.send(b"{}")
    await connection.exchange.end_stream()

    assert len(connection.parts) == so_far


async def test_what_is_said_while_nobody_hears_is_kept_in_order_with_what_follows() -> None:
    """MCP 2025-11-25, redelivery: nothing twice, nothing out of its place."""
    first, second = Connection(), Connection()
    stream = EventStream(first.exchange, events(), is_primed=True)
    await stream.send(b"1")
    await stream.pause()
    await stream.send(b"2")
    await stream.keep_alive()
    await stream.resume(second.exchange, 1)
    await stream.send(b"3")
    await stream.end(200, (), b"4")

    assert first.is_ended
    assert second.is_ended
    assert [line for line in second.body.split(b"\r\n") if line.startswith(b"data")] == [
        b"data: 2",
        b"data: 3",
        b"data: 4",
    ]
    assert b"data: 2" not in first.body


async def test_a_stream_goes_over_the_connection_that_came_last() -> None:
    """MCP 2025-11-25: over one, and never over several."""
    first, second = Connection(), Connection()
    stream = EventStream(first.exchange, events(), is_primed=True)
    await stream.begin()
    await stream.resume(second.exchange, 0)

    assert first.is_ended
    assert (stream.is_heard_by(first.exchange), stream.is_heard_by(second.exchange)) == (False, True)
    stream.leave(first.exchange)
    assert stream.is_heard_by(second.exchange)


async def test_an_answer_that_nobody_can_take_as_a_stream_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: a head that was not taken in time leaves no half of a stream."""
    monkeypatch.setattr(asgi, "_START_SECONDS", 0.0)
    connection = Connection(is_deaf=True)
    stream = EventStream(connection.exchange, events(), is_primed=True)

    await stream.send(b"{}")

    assert not stream.is_begun
    assert not stream.is_resumable
    assert connection.parts == []


async def test_who_comes_back_for_an_answer_that_was_given_gets_it_and_the_end() -> None:
    """MCP 2025-11-25: the response is the last event."""
    first, second = Connection(), Connection()
    stream = EventStream(first.exchange, events(), is_primed=True)
    await stream.begin()
    await stream.end(200, (), b"{}")

    await stream.resume(second.exchange, 0)

    assert b"data: {}" in second.body
    assert second.is_ended


async def test_a_stream_that_is_over_before_anybody_hears_of_it_ends_with_nothing() -> None:
    """Ours: a cancelled call has no answer."""
    connection = Connection()
    stream = EventStream(connection.exchange, None)
    await stream.begin()
    await stream.end(202, (), None)

    assert connection.body == b""
    assert connection.is_ended


async def test_a_stream_that_is_over_keeps_no_connection() -> None:
    """Ours: its events are kept for who comes back; what a connection holds, its head and its buffers, is not."""
    first, later = Connection(), Connection()
    stream = EventStream(first.exchange, events())
    await stream.send(b"1")

    await stream.end(200, (), b"2")
    assert not stream.is_heard_by(first.exchange)

    await stream.resume(later.exchange, 0)
    assert (later.is_ended, stream.is_heard_by(later.exchange)) == (True, False)
