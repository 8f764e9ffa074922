"""The stream that stands beside the calls of a legacy session (`GET`): what a server says there, and whom it concerns.

It is opened where it can matter: the agent can be asked something, wants log messages, or has subscribed. It is opened
again when it breaks, later each time, until its session ends; a server that has none (405) is not asked again, and one
that knows the session no more (404) is how we hear of that before a call does. What is tied to no call belongs to the call under way, the oldest where there are several, and only where all are one task's.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sys
from typing import Final

import anyio

from mediator.adapters.tool_servers_http.channel import Outgoing
from mediator.adapters.tool_servers_http.eras import Voice
from mediator.adapters.tool_servers_http.events import EventReader
from mediator.adapters.tool_servers_http.pace import Pace
from mediator.adapters.tool_servers_http.visit import Said, UnderWay, Visit
from mediator.refusal import Refused
from mediator.wire import speech
from mediator.wire.hearing import nonsense, read_message, unavailable
from mediator.wire.jsonrpc import Notification, Request
from mediator.wire.methods import LOG_MESSAGE, PROGRESS, AskMethod, CallMethod
from mediator.wire.speech import Forwarded

_BACK_OFF: Final = 2
_GONE: Final = 404


async def prepare_session(voice: Voice, visit: Visit, forwarded: Forwarded) -> None:
    """Have of a legacy session what this call needs beside its own stream; raises `Refused` where the session is lost."""
    receiver = forwarded.receiver
    if visit.standing is None and (
        receiver.capabilities.parts or receiver.log_level is not None or forwarded.method is CallMethod.SUBSCRIBE
    ):
        visit.standing = StandingStream(voice, visit)
    if visit.standing is not None:
        await visit.standing.opened()
    if receiver.log_level is not None:
        await voice.set_level(visit, receiver.log_level)


class StandingStream:
    """The stream of one session, read in the background."""

    def __init__(self, voice: Voice, visit: Visit) -> None:
        self._voice, self._visit = voice, visit
        self._is_known = anyio.Event()
        self._events = EventReader(voice.limits.standing_bytes_max)
        self._taken = self._noise = 0
        self._pace = Pace(voice.limits.breath_seconds)
        self._stood = False
        self._task = voice.background.begin(self._stand())

    async def opened(self) -> None:
        """Return once it is there, or known not to be; after a while in any case, and then at once."""
        if not self._is_known.is_set():
            with anyio.move_on_after(self._voice.limits.standing_seconds):
                await self._is_known.wait()
            self._is_known.set()

    def end(self) -> None:
        """End it."""
        self._task.cancel()

    async def _stand(self) -> None:
        limits = self._voice.limits
        wait_seconds = limits.reopen_seconds
        while True:
            taken = self._taken
            try:
                if not await self._listen():
                    return
            except Refused:
                pass  # its own trouble: calls find out for themselves
            finally:
                self._is_known.set()
            wait_seconds = (
                limits.reopen_seconds
                if self._taken > taken
                else min(wait_seconds * _BACK_OFF, limits.reopen_seconds_max)
            )
            await anyio.sleep(wait_seconds)

    async def _listen(self) -> bool:
        """Open the stream, and hear it to its end; False where the server has none."""
        headers = self._visit.headers("")
        if self._events.last_id is not None:
            headers.append(("Last-Event-ID", self._events.last_id))
        outgoing = Outgoing(headers=headers, body=b"", listener=None, verb="GET", stream_bytes_max=sys.maxsize)
        exchange = await self._voice.channel.open(outgoing, self._visit.credential)
        try:
            self._voice.channel.pool.park(exchange.connection)
            await exchange.head()
            if not exchange.is_stream:
                if exchange.status >= 500:  # noqa: PLR2004 - RFC 9110 §15.6
                    raise unavailable(f"HTTP status {exchange.status}")
                if exchange.status == _GONE and self._stood:  # the session is: the next call begins another
                    self._voice.lost(self._visit)
                return False
            self._stood = True
            self._is_known.set()
            self._events, self._noise = self._events.gone_on(), 0
            while True:
                for raw in self._events.feed(exchange.take_body()):
                    await self._take(raw)
                exchange.check()
                if exchange.is_complete:
                    return True
                await exchange.connection.progress()
        finally:
            exchange.abort()

    async def _take(self, raw: bytes) -> None:
        message = read_message(raw, self._voice.limits.hearing)
        self._taken += 1
        await self._pace.take(len(raw))
        if isinstance(message, Request):
            await self._take_request(message, len(raw))
        elif isinstance(message, Notification):
            if not self._visit.take_note(message):
                call = self._find_call(message)
                if call is None or not await call.receive(Said(message=message, size_bytes=len(raw))):
                    self._drop()
        else:
            self._drop()  # whatever it answers was not asked here

    async def _take_request(self, request: Request, size_bytes: int) -> None:
        if request.method == "ping":
            self._drop()
            await self._voice.say(self._visit, speech.answer_message(request.id, {}))
            return
        call = self._oldest() if request.method in set(AskMethod) else None
        if call is None or not await call.receive(Said(message=request, size_bytes=size_bytes)):
            self._drop()
            await self._voice.say(self._visit, speech.refusal_message(request.id))

    def _find_call(self, notification: Notification) -> UnderWay | None:
        if notification.method == LOG_MESSAGE:
            return self._oldest()
        token = notification.params.get("progressToken")
        if notification.method != PROGRESS or type(token) is not int:
            return None
        return next((call for call in self._visit.calls if call.request_id == token), None)

    def _oldest(self) -> UnderWay | None:
        """Return the call to which belongs what names none: one that its server works on before one that is held open."""
        if not self._visit.is_one_tasks:
            return None
        return min(self._visit.calls, key=lambda call: (call.is_held, call.request_id), default=None)

    def _drop(self) -> None:
        """Count what concerns nobody; raises `Refused(TOOL_SERVER_INVALID)` when there was too much of it since it began."""
        self._noise += 1
        if self._noise > self._voice.limits.hearing.noise_max:
            raise nonsense("it says too much on the stream beside its calls")
