"""What is subscribed to at a modern server: one stream (`subscriptions/listen`) for each visit, with every URI in it.

The mediator's own visit has one without any: there it hears that lists have changed.

The set of URIs is what agents asked for and what was permitted, each under its own permit. When it changes, a stream with
the new set is opened and acknowledged before the old one ends; the set is bounded; when one breaks it is opened again, later each time. Then
each permit passes the fence once more: a URI whose grant is gone is not said again (P1).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import anyio

from mediator.adapters.tool_servers_http.channel import Heard, Outgoing, read_body
from mediator.adapters.tool_servers_http.eras import Voice
from mediator.adapters.tool_servers_http.events import EventReader
from mediator.adapters.tool_servers_http.exchange import Exchange
from mediator.adapters.tool_servers_http.pace import Pace
from mediator.adapters.tool_servers_http.visit import Visit
from mediator.canonical import JsonObject
from mediator.mediation.permit import Permit
from mediator.refusal import Refused
from mediator.wire import speech
from mediator.wire.hearing import Answer, Listener, nonsense
from mediator.wire.jsonrpc import INVALID_PARAMS, METHOD_NOT_FOUND, Notification
from mediator.wire.methods import CallMethod
from mediator.wire.speech_headers import request_headers

_LISTEN: Final = "subscriptions/listen"
_ACKNOWLEDGED: Final = "notifications/subscriptions/acknowledged"
_BACK_OFF: Final = 2
_NOTHING: Final[JsonObject] = {}
_NOT_HONOURED: Final[JsonObject] = {
    "code": INVALID_PARAMS,
    "message": "the tool server does not tell of updates of this resource",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stream:
    """One stream that was acknowledged, and the resources of which it tells."""

    exchange: Exchange
    events: EventReader
    listener: Listener
    came: tuple[bytes, ...]
    honoured: frozenset[str]


class Subscriptions:
    """Those of one visit."""

    def __init__(self, voice: Voice, visit: Visit, fence: Callable[[Permit], None]) -> None:
        self._voice, self._visit, self._fence = voice, visit, fence
        self._lock = anyio.Lock()
        self._permits: dict[str, Permit] = {}
        self._task: asyncio.Task[None] | None = None
        self._exchange: Exchange | None = None  # whose task may be cancelled before its first step
        self._is_ended = self._is_refused = self._stays = False

    def begin(self) -> None:
        """Listen from now on, also without any resource; a server that knows no such stream is not asked again."""
        if self._task is None and not self._is_ended:
            self._stays = True
            self._task = self._voice.background.begin(self._stand(None))

    async def opened(self) -> None:
        """Return at once: calls need nothing of it."""

    def end(self) -> None:
        """End the stream."""
        self._is_ended = True
        self._stop()

    async def ask(self, permit: Permit, spring: Callable[[], None]) -> Heard:
        """Subscribe to the permit's resource, or to it no more; springs in the loop turn of the first byte."""
        uri = permit.forwarded.name
        async with self._lock:
            wanted = {one: other for one, other in self._standing().items() if one != uri}
            if permit.forwarded.method is CallMethod.SUBSCRIBE:
                wanted[uri] = permit
                while len(wanted) > self._voice.limits.subscribed_max:  # the oldest makes room
                    del wanted[next(iter(wanted))]
            elif not wanted or uri not in self._permits:
                spring()  # nothing is said to the server, or a stream ends
                self._permits = wanted
                if not wanted:
                    self._stop()
                return _heard(result=_NOTHING)
            opened = await self._open(wanted, spring)
            if isinstance(opened, Heard):
                return opened
            if permit.forwarded.method is CallMethod.SUBSCRIBE and uri not in opened.honoured:
                opened.exchange.abort()
                return _heard(error=_NOT_HONOURED)
            self._stop()
            self._permits = {one: other for one, other in wanted.items() if one in opened.honoured}
            if self._is_ended:
                opened.exchange.abort()
            else:
                self._exchange = opened.exchange
                self._task = self._voice.background.begin(self._stand(opened))
            return _heard(result=_NOTHING)

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self._exchange is not None:
            self._exchange.abort()
            self._exchange = None

    def _standing(self) -> dict[str, Permit]:
        """Return what is subscribed to and still rests on something."""
        return {uri: permit for uri, permit in self._permits.items() if self._holds(permit)}

    def _holds(self, permit: Permit) -> bool:
        try:
            self._fence(permit)
        except Refused:
            return False
        return True

    async def _open(self, wanted: Mapping[str, Permit], spring: Callable[[], None]) -> _Stream | Heard:
        """Open a stream for these; return it once it is acknowledged, or the server's answer in its place."""
        request_id = next(self._voice.ids)
        tongue = self._visit.tongue
        listener = self._voice.listener(request_id, self._visit, self._voice.limits.standing_bytes_max)
        outgoing = Outgoing(
            headers=request_headers(tongue, _LISTEN),
            body=speech.listen_message(tongue, request_id, tuple(wanted)),
            listener=listener,
            spring=spring,
            stream_bytes_max=sys.maxsize,
        )
        exchange = await self._voice.channel.open(outgoing, self._visit.credential)
        deadline = asyncio.get_running_loop().call_later(self._voice.limits.opening_seconds, exchange.give_up)
        try:
            self._voice.channel.pool.park(exchange.connection)
            await exchange.head()
            if not exchange.is_stream:
                answer = read_body(exchange, await exchange.body(), listener)
                exchange.settle(0)
                return Heard(status=exchange.status, answer=answer, session_id=None)
            return await self._acknowledged(exchange, listener)
        except BaseException:
            exchange.abort()
            raise
        finally:
            deadline.cancel()

    async def _acknowledged(self, exchange: Exchange, listener: Listener) -> _Stream | Heard:
        events = EventReader(listener.result_bytes_max)
        while True:
            came = events.feed(exchange.take_body())
            for number, raw in enumerate(came, 1):
                message = listener.hear(raw)
                if isinstance(message, Answer):
                    exchange.abort()
                    return Heard(status=exchange.status, answer=message, session_id=None)
                if isinstance(message, Notification) and message.method == _ACKNOWLEDGED:
                    return _Stream(
                        exchange=exchange,
                        events=events,
                        listener=listener,
                        came=tuple(came[number:]),
                        honoured=_honoured(message),
                    )
                listener.drop(len(raw))
            exchange.check()
            if exchange.is_complete:
                raise nonsense("it ended a stream of changes before it had acknowledged it")
            await exchange.connection.progress()

    # --- in the background

    async def _stand(self, stream: _Stream | None) -> None:
        limits = self._voice.limits
        wait_seconds = limits.reopen_seconds
        while True:
            try:
                if stream is None:
                    stream = await self._open_again()
                if stream is not None:
                    wait_seconds = limits.reopen_seconds
                    await self._listen(stream)
            except Refused:
                pass  # its own trouble
            stream = None
            await anyio.sleep(wait_seconds)
            wait_seconds = min(wait_seconds * _BACK_OFF, limits.reopen_seconds_max)
            if self._is_refused or not (self._stays or self._standing()):
                return

    async def _open_again(self) -> _Stream | None:
        opened = await self._open(wanted := self._standing(), lambda: self._check(wanted))
        if isinstance(opened, Heard):
            answer = opened.answer
            self._is_refused = answer is not None and answer.error_code == METHOD_NOT_FOUND
            return None
        return opened

    def _check(self, wanted: Mapping[str, Permit]) -> None:
        """Pass the fence for each of these in the loop turn of the first byte."""
        for permit in wanted.values():
            self._fence(permit)

    async def _listen(self, stream: _Stream) -> None:
        """Hear the stream to its end."""
        exchange, listener = stream.exchange, replace(stream.listener, noise=0)
        came, pace = list(stream.came), Pace(self._voice.limits.breath_seconds)
        try:
            while True:
                for raw in came:
                    message = listener.hear(raw)
                    if isinstance(message, Answer):
                        return
                    if not isinstance(message, Notification) or not self._visit.take_note(message):
                        listener.drop(len(raw))
                    await pace.take(len(raw))
                exchange.check()
                if exchange.is_complete:
                    return
                if not (came := stream.events.feed(exchange.take_body())):
                    await exchange.connection.progress()
        finally:
            exchange.abort()


def _honoured(acknowledged: Notification) -> frozenset[str]:
    match acknowledged.params:
        case {"notifications": {"resourceSubscriptions": list(uris)}}:
            return frozenset(uri for uri in uris if isinstance(uri, str))
        case _:
            return frozenset()


def _heard(result: JsonObject | None = None, error: JsonObject | None = None) -> Heard:
    return Heard(status=200, answer=Answer(result=result, error=error, size_bytes=0), session_id=None)
