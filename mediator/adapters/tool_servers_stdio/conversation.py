"""MCP with one process, many calls at once: each answer goes to the call whose id it bears.

What is nobody's answer is dropped and counted; a process that talks nonsense, or too much, is ended, and the calls
that waited for it are refused. What it asks of us gets -32601.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import anyio

from mediator.adapters.tool_servers_stdio.child import Child, start
from mediator.adapters.tool_servers_stdio.limits import StdioLimits
from mediator.adapters.tool_servers_stdio.lines import LineReader
from mediator.evidence import Secret
from mediator.mediation.freshness import Freshness
from mediator.refusal import Reason, Refused
from mediator.wire import speech
from mediator.wire.hearing import (
    Answer,
    Introduction,
    nonsense,
    read_discover,
    read_initialize,
    read_message,
    unavailable,
)
from mediator.wire.jsonrpc import Notification, Request, RequestId, Response
from mediator.wire.listing import OfferReading
from mediator.wire.methods import LIST_CHANGES, Era


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """One call to be made: plain values out of a permit."""

    name: str
    arguments: bytes
    traceparent: str
    result_bytes_max: int
    within_seconds: float
    spring: Callable[[], None]


@dataclass(slots=True, eq=False)
class _Awaited:
    """An answer that somebody waits for."""

    future: asyncio.Future[Answer]
    result_bytes_max: int


class Conversation:
    """One process, and what is said with it.

    `over` is called when it is of no more use, `gone` when the process is no more. `freshness` is for whoever compares
    its offer: here it is told when the server says that its lists have changed.
    """

    def __init__(
        self,
        limits: StdioLimits,
        client_version: str,
        over: Callable[[Conversation], None],
        gone: Callable[[Conversation], None],
        freshness: Freshness,
    ) -> None:
        self.freshness: Final = freshness
        self.began: Final = freshness.mark()
        self._limits, self._client_version, self._tell_over = limits, client_version, over
        self._child = Child(self._hear, self._is_mute, lambda: gone(self), limits)
        self._lines = LineReader(limits.hearing.result_bytes_max)
        self._awaited: dict[RequestId | None, _Awaited] = {}
        self._ids = itertools.count(1)
        self._noise = self._noise_bytes = 0  # since the last answer
        self._over: Refused | None = None
        self._introduction: Introduction | None = None

    @property
    def has_begun(self) -> bool:
        """Whether the handshake is done, and it can still be spoken to."""
        return self._introduction is not None and self._over is None

    @property
    def last_words(self) -> str:
        """The end of the process's stderr."""
        return self._child.last_words

    # --- what its user does

    async def begin(
        self,
        command: Sequence[str],
        environment: Mapping[str, Secret | str],
        cwd: str | None,
        era: Era | None,
        started: Callable[[], None] = lambda: None,
    ) -> Introduction:
        """Start the process and shake hands; where the era is not given, the older way is tried first.

        A server of the legacy era may end at the first thing that it does not know; a modern one says so. `started` is
        asked before a word is said, and a refusal of it ends the process at once.
        """
        await start(self._child, command, environment, cwd)
        try:
            started()
        except Refused as stop:
            self._break_off(stop)
            raise
        introduction: Introduction | None = None
        if era is not Era.MODERN:
            request_id = next(self._ids)
            answer = await self._ask(request_id, speech.initialize_message(request_id, self._client_version))
            if answer.error is None or era is Era.LEGACY:
                introduction = read_initialize(answer, self._client_version)
                self._child.write(speech.initialized_message())
        if introduction is None:
            introduction = await self._discover()
        whole = await self._read_offer(introduction)
        self._introduction = introduction
        return whole

    async def introduce(self) -> Introduction:
        """Return what the process offers now; a legacy server gives its instructions once, in the handshake."""
        if self._introduction is None:
            raise Refused(Reason.INTERNAL, "a question before the handshake")
        is_modern = self._introduction.tongue.era is Era.MODERN
        return await self._read_offer(await self._discover() if is_modern else self._introduction)

    async def call(self, forward: Forward) -> tuple[Answer, int]:
        """Make a call; return its answer, and how much was dropped since the one before."""
        if self._introduction is None:
            raise Refused(Reason.INTERNAL, "a call before the handshake")
        request_id, tongue = next(self._ids), self._introduction.tongue
        line = speech.call_message(tongue, request_id, forward.name, forward.arguments, forward.traceparent)
        self.refuse_if_over()
        if self._child.unread_bytes() > self._limits.unread_bytes_max:
            raise unavailable("its process does not read what it is sent")
        forward.spring()  # nothing is awaited from here to the first byte
        awaited = self._say(request_id, line, forward.result_bytes_max)
        deadline = asyncio.get_running_loop().call_later(forward.within_seconds, self._give_up, request_id)
        try:
            answer = await awaited.future
        except anyio.get_cancelled_exc_class():
            self._child.write(speech.cancelled_message(request_id))
            raise
        finally:
            deadline.cancel()
            self._awaited.pop(request_id, None)
        noise, self._noise, self._noise_bytes = self._noise, 0, 0
        return answer, noise

    def refuse_if_over(self) -> None:
        """Refuse, for the reason that ended it, what can be said no more."""
        if self._over is not None:
            raise Refused(self._over.reason, self._over.detail)

    async def end(self) -> None:
        """End the process; when this returns it is gone."""
        self._finish(unavailable("its process was ended"))
        await self._child.end()

    # --- the handshake

    async def _discover(self) -> Introduction:
        request_id = next(self._ids)
        answer = await self._ask(request_id, speech.discover_message(request_id, self._client_version))
        introduction = read_discover(answer, self._client_version)
        if introduction is None:
            raise nonsense("it answers neither `initialize` nor `server/discover` as MCP says")
        return introduction

    async def _read_offer(self, introduction: Introduction) -> Introduction:
        reading = OfferReading(introduction, self._limits.hearing)
        while (question := reading.question) is not None:
            request_id = next(self._ids)
            line = speech.list_message(introduction.tongue, request_id, question.method, question.cursor)
            reading.take(await self._ask(request_id, line))
        return reading.whole()

    async def _ask(self, request_id: int, line: bytes) -> Answer:
        self.refuse_if_over()
        awaited = self._say(request_id, line, self._limits.hearing.result_bytes_max)
        try:
            answer = await awaited.future
        finally:
            self._awaited.pop(request_id, None)
        self._noise = self._noise_bytes = 0
        return answer

    def _say(self, request_id: int, line: bytes, result_bytes_max: int) -> _Awaited:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        awaited = self._awaited[request_id] = _Awaited(future, result_bytes_max)
        self._child.write(line)
        return awaited

    # --- what comes

    def _hear(self, data: bytes) -> None:
        try:
            for line in self._lines.feed(data):
                self._take(line)
        except Refused as stop:
            self._break_off(stop)

    def _take(self, line: bytes) -> None:
        if self._over is not None:
            return
        if not line:
            self._drop(line)
            return
        try:
            message = read_message(line, self._limits.hearing)
        except Refused:
            if b'"jsonrpc"' in line:  # it was meant as a message, and nobody can say whose: all that wait are refused
                raise
            self._drop(line)
            return
        if isinstance(message, Response) and (awaited := self._awaited.pop(message.id, None)) is not None:
            _deliver(awaited, Answer(result=message.result, error=message.error, size_bytes=len(line)))
            return
        if isinstance(message, Request):
            self._child.write(speech.refusal_message(message.id))
            if self._child.unread_bytes() > self._limits.unread_bytes_max:
                raise nonsense("it asks and asks, and reads no answer")
        elif isinstance(message, Notification) and message.method in LIST_CHANGES:
            self.freshness.changed()
        self._drop(line)

    def _drop(self, line: bytes) -> None:
        self._noise += 1
        self._noise_bytes += len(line)
        hearing = self._limits.hearing
        if self._noise > hearing.noise_max or self._noise_bytes > hearing.noise_bytes_max:
            raise nonsense("it says too much that is no answer")

    def _give_up(self, request_id: int) -> None:
        if (awaited := self._awaited.pop(request_id, None)) is not None and not awaited.future.done():
            awaited.future.set_exception(Refused(Reason.DEADLINE_PASSED, "no answer within the call's deadline"))
            self._child.write(speech.cancelled_message(request_id))

    # --- its end

    def _break_off(self, stop: Refused) -> None:
        self._finish(stop)
        self._child.kill()

    def _is_mute(self) -> None:
        self._break_off(unavailable("its process ended, or closed its output"))

    def _finish(self, stop: Refused) -> None:
        """Refuse whoever waits, once; nothing is said or heard any more."""
        if self._over is not None:
            return
        self._over = stop
        for awaited in self._awaited.values():
            if not awaited.future.done():
                awaited.future.set_exception(Refused(stop.reason, stop.detail))
        self._awaited.clear()
        self._tell_over(self)


def _deliver(awaited: _Awaited, answer: Answer) -> None:
    if awaited.future.done():  # its caller is being cancelled
        return
    if answer.size_bytes > awaited.result_bytes_max:
        detail = f"{answer.size_bytes} bytes where {awaited.result_bytes_max} are allowed"
        awaited.future.set_exception(Refused(Reason.RESULT_TOO_LARGE, detail))
    else:
        awaited.future.set_result(answer)
