"""The stream of one call's own answer: one body, an event stream, or several that go on with each other.

The call is sent once. An event stream that ends before the answer is gone on with (`Last-Event-ID`) where a legacy server
gave it ids, so often and no more, within the call's one deadline; any other has failed. What the messages mean is
`calling.py`'s.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections import deque

import anyio

from mediator.adapters.tool_servers_http.channel import Heard, Outgoing, read_body
from mediator.adapters.tool_servers_http.connection import Connection
from mediator.adapters.tool_servers_http.eras import Voice
from mediator.adapters.tool_servers_http.events import EventReader
from mediator.adapters.tool_servers_http.exchange import Exchange
from mediator.adapters.tool_servers_http.visit import Visit
from mediator.mediation.ports import Aside
from mediator.refusal import Reason, Refused
from mediator.wire.glance import Glance
from mediator.wire.hearing import Answer, Listener, nonsense, unavailable
from mediator.wire.jsonrpc import Notification, Request
from mediator.wire.methods import Era


class CallStream:
    """What comes of one call; `came` are the messages that were not taken yet."""

    __slots__ = ("_events", "_exchange", "_is_late", "_listener", "_reconnects", "_visit", "_voice", "came")

    def __init__(self, voice: Voice, visit: Visit, listener: Listener, exchange: Exchange) -> None:
        self._voice, self._visit, self._listener, self._exchange = voice, visit, listener, exchange
        self._events: EventReader | None = None
        self._reconnects = 0
        self._is_late = False
        self.came: deque[bytes] = deque()

    @property
    def connection(self) -> Connection:
        """The connection on which it comes now."""
        return self._exchange.connection

    async def look(self) -> Heard | None:
        """Take what came; return the answer where it is the whole body, raises `Refused` for what is wrong with it."""
        exchange = self._exchange
        if exchange.is_stream:
            self._look_at_events()
            return None
        if self._events is not None:  # a stream is to be gone on with
            if exchange.has_head:
                raise unavailable(f"HTTP status {exchange.status} where its event stream was to go on")
            return None
        exchange.check()
        if not exchange.is_complete:
            return None
        body = exchange.take_body()
        answer = read_body(exchange, body, self._listener, await self._glance(body))
        exchange.settle(0)
        return Heard(status=exchange.status, answer=answer, session_id=None)

    async def hear(self, raw: bytes) -> Answer | Request | Notification:
        """Read the next message of an event stream; raises `Refused` for what is wrong with it."""
        return self._listener.hear(raw, await self._glance(raw))

    async def progress(self, aside: Aside) -> None:
        """Return when something came, or there is something else to do; raises `Refused` where nothing will come.

        `aside` hears that the server let us go for a while.
        """
        if self._events is not None and self._ends():
            await self._reconnect(aside)
        else:
            await self._exchange.connection.progress()

    def answered(self, answer: Answer) -> Heard:
        """Let the connection be used again, if nothing came behind the answer."""
        assert self._events is not None
        if not self.came and self._events.is_at_rest:
            self._exchange.settle(self._voice.limits.settle_seconds)
        else:
            self._exchange.abort()
        return Heard(status=self._exchange.status, answer=answer, session_id=None)

    def check_held(self) -> None:
        """Refuse where the server holds the call open no longer: then nothing is said to it."""
        try:
            if self._exchange.is_stream:
                self._look_at_events()
            if not self.came:
                self._ends()
        except Refused as stop:
            raise unavailable(f"the call that this answers is held open no longer: {stop.detail}") from stop

    def give_up(self) -> None:
        """Let whoever waits here know that the deadline has passed."""
        self._is_late = True
        self._exchange.give_up()

    def check_deadline(self) -> None:
        """Raise `Refused(DEADLINE_PASSED)` where it has."""
        if self._is_late:
            self._exchange.check()

    def abort(self) -> None:
        """End its connection now."""
        self._exchange.abort()

    # --- what came

    def _look_at_events(self) -> None:
        if self._events is None:
            self._events = EventReader(self._listener.result_bytes_max)
        self.came.extend(self._events.feed(self._exchange.take_body()))

    async def _glance(self, raw: bytes) -> Glance | Refused | None:
        """Have a large message looked at where nobody waits for it; nothing for any other."""
        inspectors = self._voice.inspectors
        return None if inspectors is None or not self._listener.is_large(raw) else await inspectors.glance(raw)

    # --- a stream that ends too soon

    @property
    def _can_be_resumed(self) -> bool:
        is_legacy = self._visit.tongue.era is Era.LEGACY
        return is_legacy and self._events is not None and self._events.last_id is not None

    def _ends(self) -> bool:
        """Tell whether the stream ended without the answer, and can be gone on with; raises `Refused` where it cannot."""
        try:
            self._exchange.check()
        except Refused as stop:
            if stop.reason is not Reason.TOOL_SERVER_UNAVAILABLE or not self._can_be_resumed:
                raise
            return True
        if self._events is None or not self._exchange.is_complete:
            return False
        if not self._can_be_resumed:
            raise nonsense("its event stream ended without the answer")
        return True

    async def _reconnect(self, aside: Aside) -> None:
        """Ask for the rest of the stream, after the time that the server said (MCP 2025-11-25, SEP-1699)."""
        limits, events = self._voice.limits, self._events
        assert events is not None
        assert events.last_id is not None
        self._reconnects += 1
        if self._reconnects > limits.reconnects_max:
            raise unavailable("its event stream ends again and again without the answer")
        self._exchange.abort()
        await aside.pause()
        wait_seconds = limits.reopen_seconds if events.retry_ms is None else events.retry_ms / 1000
        await anyio.sleep(min(wait_seconds, limits.retry_seconds_max))
        outgoing = Outgoing(
            headers=[*self._visit.headers(""), ("Last-Event-ID", events.last_id)],
            body=b"",
            listener=self._listener,
            verb="GET",
            stream_bytes_max=stream_bytes_max(self._listener),
        )
        try:
            self._exchange = await self._voice.channel.open(outgoing, self._visit.credential)
        except Refused as stop:
            if stop.reason is not Reason.TOOL_SERVER_UNAVAILABLE or self._is_late:
                raise
            return  # perhaps it is being started again: the next attempt is counted, too
        self._events = events.gone_on()
        if self._is_late:
            self._exchange.give_up()


def stream_bytes_max(listener: Listener) -> int:
    """Return how much an event stream may bring until the answer to this: the answer, what is told and what is dropped."""
    limits = listener.limits
    return listener.result_bytes_max + limits.noise_bytes_max + limits.told_bytes_max
