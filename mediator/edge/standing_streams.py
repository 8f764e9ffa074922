"""Standing streams: what an agent hears without having asked for it just now (`GET`), and streams that it comes back for.

A `GET` in a session of an older version opens one; what is told goes over one stream of a session and no other (MCP
2025-11-25, `basic/transports`). With `Last-Event-ID` it goes on with the stream of that event, in this session alone. A
stream ends with its session, with the credential that it was opened with and its task, and when the mediator stops.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import anyio

from mediator.edge.asgi import Exchange
from mediator.edge.at_the_door import bad_request, find_session, listener_of, not_allowed, overloaded
from mediator.edge.door import Door
from mediator.edge.event_stream import STANDING, EventStream
from mediator.edge.outbox import Outbox
from mediator.edge.places import Places
from mediator.edge.sessions import OpenSession, Sessions, is_resumable
from mediator.refusal import Refused
from mediator.wire.arrival import Arrival
from mediator.wire.envelope import guess_era
from mediator.wire.methods import Era

EVENT_HEADER: Final = "last-event-id"
_IN_ALL: Final = 1024  # as connections
_OF_SESSION: Final = 8


async def hold_open(
    stream: EventStream,
    exchange: Exchange,
    outbox: Outbox | None,
    keep_alive_seconds: float,
    is_live: Callable[[], bool],
) -> None:
    """Send what comes, until the agent has gone, the stream goes over another connection, or nothing more can come.

    It ends as well when `is_live` says no, which is asked at each keep-alive and before anything is told.
    """

    async def attend(holding: anyio.CancelScope) -> None:
        while not exchange.is_gone and stream.is_heard_by(exchange) and is_live():
            with anyio.move_on_after(keep_alive_seconds):
                await exchange.until_disconnected()
            if not exchange.is_gone:
                await stream.keep_alive()
        holding.cancel()

    async with anyio.create_task_group() as holding:
        exchange.scope, exchange.is_held = holding.cancel_scope, True
        holding.start_soon(attend, holding.cancel_scope)
        if outbox is None:
            await anyio.sleep_forever()
            return
        while (message := await outbox.next()) is not None:
            if not is_live():
                break
            await stream.send(message.body)
        holding.cancel_scope.cancel()


class StandingStreams:
    """Answers each `GET` at an endpoint. `is_ending`: none stays open."""

    def __init__(self, door: Door, sessions: Sessions, keep_alive_seconds: float) -> None:
        self._door = door
        self._sessions = sessions
        self._keep_alive_seconds = keep_alive_seconds
        self._places = Places("standing streams", _IN_ALL, _OF_SESSION)
        self.is_ending = False

    async def serve(self, exchange: Exchange, bare: Arrival) -> None:
        """Open a stream, or go on with one; raises `AtTheDoor`."""
        if guess_era(bare, {}) is Era.MODERN:  # it listens by a request
            raise not_allowed("POST")
        await listener_of(self._door, bare)
        if not any("text/event-stream" in value for value in exchange.head.header("accept")):
            raise bad_request(406, "`Accept` must have text/event-stream")
        opened = await find_session(self._door, self._sessions, bare)
        if opened is None:
            raise bad_request(400, "`mcp-session-id` says whose stream it is to be")
        with self._taking_a_place(opened):
            stream = await self._stream_of(exchange, opened)
            outbox = opened.outbox if stream.is_standing else None
            try:
                await hold_open(stream, exchange, outbox, self._keep_alive_seconds, lambda: self._is_live(bare, opened))
            finally:
                stream.leave(exchange)
            await exchange.end_stream()

    @contextmanager
    def _taking_a_place(self, opened: OpenSession) -> Iterator[None]:
        if not self._places.has_room(opened.session.id):
            raise overloaded("too many standing streams")
        with self._places.taking(opened.session.id):
            yield

    async def _stream_of(self, exchange: Exchange, opened: OpenSession) -> EventStream:
        """Return the stream that goes on here: the one of the event that is named, else a new one."""
        event_ids = exchange.head.header(EVENT_HEADER)
        found = opened.events.find(event_ids[0]) if len(event_ids) == 1 else None
        if found is not None:
            stream, number = found
            await stream.resume(exchange, number)
            return stream
        if event_ids and not event_ids[0].startswith(STANDING):
            raise bad_request(400, "what followed that event is not kept")
        stream = EventStream(exchange, opened.events, is_primed=is_resumable(opened.session), is_standing=True)
        await stream.begin()
        return stream

    def _is_live(self, bare: Arrival, opened: OpenSession) -> bool:
        """Tell whether session, credential and task are still good; a session whose agent listens is used."""
        try:
            holder = self._door.answers.listener_of(bare)
        except Refused:
            return False
        return not self.is_ending and self._sessions.find(opened.session.id, holder) is opened
