"""EventStream: messages to an agent, one event each, over whichever connection hears them now.

The answer to one POST is such a stream once it takes long or something is said beside it; so is a standing stream. In a
session its events are kept, and another connection can go on with it (`resume`). One event is sent after the other, and
the next only when there is room, so an agent that does not read is not written to.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final

import anyio

from mediator.edge.asgi import Exchange, Headers
from mediator.edge.event_store import EventLog, SessionEvents

RETRY_MS: Final = 1000  # MCP 2025-11-25: `retry` tells an agent when to come back; its SDKs' own default
STANDING: Final = "s"
_ANSWER: Final = "a"
"""By what the id of an event begins: of a stream that answers no request, and of one that answers one."""


class EventStream(EventLog):
    """One stream. `events` keeps what was sent in a session; `is_primed`: its agent is told of that at the start.

    `is_standing`: it answers no request.
    """

    def __init__(
        self,
        exchange: Exchange,
        events: SessionEvents[EventStream] | None,
        *,
        is_primed: bool = False,
        is_standing: bool = False,
    ) -> None:
        super().__init__()
        self._hearer: Exchange | None = exchange
        self._events = events
        self._is_primed = is_primed
        self.is_standing = is_standing
        self._turn: anyio.Lock | None = None  # most answers are no stream
        self.is_begun = False

    @property
    def is_resumable(self) -> bool:
        """Whether the agent knows that it can come back for what follows."""
        return self._is_primed and self.id is not None

    def is_heard_by(self, exchange: Exchange) -> bool:
        """Tell whether it goes over this connection."""
        return self._hearer is exchange

    async def begin(self) -> None:
        """Turn the answer into a stream, unless it is one."""
        async with self._in_turn():
            await self._begin()

    async def send(self, body: bytes) -> None:
        """Send one message; returns when there is room for the next."""
        async with self._in_turn():
            await self._begin()
            await self._send(body, is_last=False)

    async def keep_alive(self) -> None:
        """Send a comment, so that nobody on the way takes silence for the end."""
        async with self._in_turn():
            if self._hearer is not None and self.is_begun:
                await self._hearer.keep_alive()

    async def end(self, status: int, headers: Headers, body: bytes | None) -> None:
        """Send the answer: as the last event of a stream, else whole."""
        if not self.is_begun:
            if self._hearer is not None:
                await self._hearer.answer(status, headers, body)
            return
        async with self._in_turn():
            if self._events is not None:
                self._events.end(self)
            if body is not None:
                await self._send(body, is_last=True)
            elif self._hearer is not None:
                await self._hearer.end_stream()
            self._hearer = None  # what is kept of it for a while does not keep its connection

    async def pause(self) -> None:
        """End the connection and not the stream: its agent comes back for the rest."""
        async with self._in_turn():
            hearer, self._hearer = self._hearer, None
            if hearer is not None:
                await hearer.end_stream()

    def leave(self, exchange: Exchange) -> None:
        """Take note that this connection hears nothing more; the stream can be gone on with over another."""
        if self._hearer is exchange:
            self._hearer = None
            if self.is_standing and self._events is not None:
                self._events.end(self)

    async def resume(self, exchange: Exchange, after: int) -> None:
        """Send what followed the event of this number, and whatever comes, there from now on; nobody else hears it."""
        async with self._in_turn():
            former, self._hearer = self._hearer, exchange
            if former is not None:
                await former.end_stream()
            if self.is_standing:
                self.over_at = None
            await exchange.begin_stream()
            for number, data in self.after(after):
                await exchange.send_event(data, self.event_id(number))
            if self.over_at is not None:
                await exchange.end_stream()
                self._hearer = None

    def _in_turn(self) -> anyio.Lock:
        if self._turn is None:
            self._turn = anyio.Lock()
        return self._turn

    async def _begin(self) -> None:
        if self.is_begun or self._hearer is None:
            return
        await self._hearer.begin_stream()
        self.is_begun = self._hearer.is_streaming  # else nobody took the head in time
        if self.is_begun and self._events is not None:
            self._events.begin(self, STANDING if self.is_standing else _ANSWER)
            if self._is_primed:
                await self._hearer.send_priming(self.event_id(0), RETRY_MS)

    async def _send(self, body: bytes, *, is_last: bool) -> None:
        event_id = None if self._events is None or self.id is None else self._events.append(self, body)
        if self._hearer is not None and self._hearer.is_streaming:
            await self._hearer.send_event(body, event_id, is_last=is_last)
