"""One call, from its first byte to its answer: over as many streams and questions as its server makes of it.

What the server says meanwhile is told on in order, and nothing more is read before it was taken: a slow consumer slows
its own server down, and memory stays bounded. Rules:

- The call is sent once, whatever becomes of its stream (`call_stream.py`).
- What a legacy server asks and may ask holds the call open: `hear` returns the question, `hold` keeps the connection for
  a while, `hear` again goes on. A modern server asks nothing in this way: its requests are dropped.
- A call that nobody waits for any more is cancelled at its server, and its connection ends.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import anyio

from mediator.adapters.tool_servers_http.call_stream import CallStream, stream_bytes_max
from mediator.adapters.tool_servers_http.channel import Heard, Outgoing
from mediator.adapters.tool_servers_http.eras import Voice
from mediator.adapters.tool_servers_http.visit import Said, Visit
from mediator.canonical import Digest, JsonObject, parse_object
from mediator.inspection.result import Ask
from mediator.mediation.ports import Aside
from mediator.refusal import Refused
from mediator.wire import speech
from mediator.wire.hearing import Answer, Listener, nonsense, unavailable
from mediator.wire.jsonrpc import Notification, Request, RequestId
from mediator.wire.methods import LOG_MESSAGE, PROGRESS, AskMethod, CallMethod, Era
from mediator.wire.speech import Forwarded
from mediator.wire.speech_headers import call_headers

_BREATH: Final = 64  # messages, after which everybody else has a turn
_NO_ANSWER: Final[JsonObject] = {"code": -1, "message": "the client did not answer"}
"""MCP 2025-11-25, `client/sampling`: the code with which a client answers where its user rejects a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """One call to be made: plain values out of a permit. `definition` and `digest` are those of its pinned item."""

    forwarded: Forwarded
    definition: JsonObject
    digest: Digest
    result_bytes_max: int
    spring: Callable[[], None]


async def begin_call(voice: Voice, visit: Visit, forward: Forward) -> Calling:
    """Send the call, springing its permit in the loop turn of the first byte; raises `Refused` as `Channel.open`."""
    request_id = next(voice.ids)
    forwarded, tongue = forward.forwarded, visit.tongue
    if tongue.era is Era.MODERN:
        is_tool = forwarded.method is CallMethod.TOOL
        declared = voice.declared_headers(forward.definition, forward.digest) if is_tool else ()
        headers = call_headers(tongue, forwarded, declared, parse_object(forwarded.arguments) if declared else {})
    else:
        headers = visit.headers(forwarded.method)
    listener = voice.listener(request_id, visit, forward.result_bytes_max)
    outgoing = Outgoing(
        headers=headers,
        body=speech.forward_message(tongue, request_id, forwarded),
        listener=listener,
        spring=forward.spring,
        stream_bytes_max=stream_bytes_max(listener),
    )
    exchange = await voice.channel.open(outgoing, visit.credential)
    wants_progress = forwarded.receiver.progress_token is not None
    stream = CallStream(voice, visit, listener, exchange)
    return Calling(voice, visit, listener, stream, wants_progress=wants_progress)


class Calling:
    """A call that is out."""

    __slots__ = (
        "_ask_id",
        "_holding",
        "_is_over",
        "_listener",
        "_mail",
        "_requests",
        "_room",
        "_stream",
        "_taken",
        "_visit",
        "_wants_progress",
        "request_id",
        "voice",
    )

    def __init__(
        self, voice: Voice, visit: Visit, listener: Listener, stream: CallStream, *, wants_progress: bool
    ) -> None:
        self.voice, self._visit, self._listener, self._stream = voice, visit, listener, stream
        self._wants_progress = wants_progress
        self.request_id: Final = listener.request_id
        self._mail: deque[Said] = deque()  # on the stream that stands beside it
        self._room: anyio.Event | None = None
        self._ask_id: RequestId | None = None
        self._holding: asyncio.TimerHandle | None = None
        self._taken = self._requests = 0
        self._is_over = False
        visit.calls.append(self)

    @property
    def noise(self) -> int:
        """How much came that was dropped."""
        return self._listener.noise

    @property
    def visit(self) -> Visit:
        """Under which it is made."""
        return self._visit

    # --- what its caller does

    async def hear(self, aside: Aside, within_seconds: float) -> Heard | Ask:
        """Return the answer, or what the server asks before it goes on; raises `Refused`, and the call is over then."""
        deadline = asyncio.get_running_loop().call_later(within_seconds, self._stream.give_up)
        try:
            outcome = await self._hear(aside)
        except BaseException:
            self.end()
            raise
        finally:
            deadline.cancel()
        if isinstance(outcome, Heard):
            self._close()
        return outcome

    def hold(self, seconds: float) -> None:
        """Keep the call open for so long; raises `Refused(OVERLOADED)` where too many are."""
        try:
            self.voice.channel.pool.park(self._stream.connection)
        except Refused:
            self.end()
            raise
        self._holding = asyncio.get_running_loop().call_later(seconds, self.end)
        self._make_room()

    def take_up(self) -> None:
        """Go on with it; raises `Refused(TOOL_SERVER_UNAVAILABLE)` where it is not held open (any more)."""
        if self._holding is None:
            raise unavailable("the call that this answers is not held open")
        self._holding.cancel()
        self._holding = None
        self.voice.channel.pool.unpark(self._stream.connection)

    async def answer(self, result: JsonObject | None, spring: Callable[[], None], within_seconds: float) -> None:
        """Answer what was asked, springing in the loop turn of the first byte; raises `Refused`, and it is over then."""
        asked, self._ask_id = self._ask_id, None
        assert asked is not None  # it was held open for that
        said = speech.error_message(asked, _NO_ANSWER) if result is None else speech.answer_message(asked, result)
        outgoing = Outgoing(
            headers=self._visit.headers(""), body=said, listener=None, spring=spring, within_seconds=within_seconds
        )
        try:
            self._stream.check_held()
            heard = await self.voice.channel.send(outgoing, self._visit.credential)
            self.voice.keep_session(self._visit, heard)
            _check_taken(heard)
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """Cancel the call at its server, unless it is over."""
        if self._is_over:
            return
        self._close()
        self._stream.abort()  # in the modern era this is the cancellation; before, a disconnection explicitly was not
        if self._visit.tongue.era is Era.LEGACY:
            self.voice.cancel(self._visit, self.request_id)

    # --- what the stream beside it does

    @property
    def is_held(self) -> bool:
        """Whether it is held open until the agent answers."""
        return self._holding is not None

    async def receive(self, said: Said) -> bool:
        """Take something that belongs to this call, once there is room; False where there will be none."""
        while len(self._mail) >= self.voice.limits.mail_max and not (self._is_over or self.is_held):
            self._room = self._room or anyio.Event()
            await self._room.wait()
        if self._is_over or len(self._mail) >= self.voice.limits.mail_max:
            return False
        self._mail.append(said)
        self._stream.connection.nudge()
        return True

    # --- hearing

    async def _hear(self, aside: Aside) -> Heard | Ask:
        stream = self._stream
        while True:
            if (stream.came or self._mail) and (outcome := await self._work_off(aside)) is not None:
                return outcome
            if (heard := await stream.look()) is not None:
                return heard
            if not (stream.came or self._mail):
                await stream.progress(aside)

    async def _work_off(self, aside: Aside) -> Heard | Ask | None:
        """Do with each message that came what it is for, until that is the answer, or a question to the agent."""
        while self._stream.came or self._mail:
            if self._mail:
                said = self._mail.popleft()
                self._make_room()
            else:
                raw = self._stream.came.popleft()
                message = await self._stream.hear(raw)
                if isinstance(message, Answer):
                    return self._stream.answered(message)
                said = Said(message=message, size_bytes=len(raw))
            if (ask := await self._take(said, aside)) is not None:
                return ask
            self._taken += 1
            if self._taken % _BREATH == 0:
                await asyncio.sleep(0)
        return None

    async def _take(self, said: Said, aside: Aside) -> Ask | None:
        message = said.message
        if isinstance(message, Request):
            return await self._take_request(message, said.size_bytes, aside)
        if self._is_to_be_told(message):
            self._listener.tell()
            await aside.tell(message)
        else:
            self._visit.take_note(message)
            self._listener.drop(said.size_bytes)
        return None

    def _is_to_be_told(self, notification: Notification) -> bool:
        if notification.method == LOG_MESSAGE:
            return True
        token = notification.params.get("progressToken")
        is_ours = type(token) is int and token == self.request_id
        return notification.method == PROGRESS and is_ours and self._wants_progress

    async def _take_request(self, request: Request, size_bytes: int, aside: Aside) -> Ask | None:
        """Answer what the server asks, or return it where the agent is to be asked."""
        if self._visit.tongue.era is Era.MODERN:  # it has no way to hear an answer
            self._listener.drop(size_bytes)
            return None
        self._requests += 1
        if self._requests > self.voice.limits.refusals_max:
            raise nonsense("it asks and asks")
        if request.method == "ping":
            said = speech.answer_message(request.id, {})
        elif request.method in set(AskMethod):
            ask = Ask(method=AskMethod(request.method), params=request.params, size_bytes=size_bytes)
            error = aside.judge(ask)
            if error is None:
                self._ask_id = request.id
                return ask
            said = speech.error_message(request.id, error)
        else:
            said = speech.refusal_message(request.id)
        self._listener.drop(size_bytes)
        await self.voice.say(self._visit, said)
        self._stream.check_deadline()  # a server that is slow to take answers does not put it off
        return None

    # --- ends

    def _close(self) -> None:
        self._is_over = True
        if self._holding is not None:
            self._holding.cancel()
            self._holding = None
        if self in self._visit.calls:
            self._visit.calls.remove(self)
        self._make_room()

    def _make_room(self) -> None:
        if self._room is not None:
            self._room.set()
            self._room = None


def _check_taken(heard: Heard) -> None:
    if heard.status >= 400:  # noqa: PLR2004 - RFC 9110 §15.5
        raise unavailable(f"HTTP status {heard.status} for the client's answer")
