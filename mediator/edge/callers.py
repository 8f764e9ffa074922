"""The agent's end of a call, while that is under way: over HTTP the stream of its answer, over stdio its line.

What is told comes before the answer, in order, and only as fast as the agent reads. A question goes out under an id of
ours, and its answer is looked for in the same session.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, final

import anyio

from mediator.canonical import JsonLimits
from mediator.edge.asgi import Head
from mediator.edge.event_stream import EventStream
from mediator.edge.questions import Questions
from mediator.inspection.asking import ReleasedAsk
from mediator.mediation.message import Message, ask_message
from mediator.wire.arrival import Arrival
from mediator.wire.jsonrpc import Response
from mediator.wire.methods import Era
from mediator.wire.reading import frame_of


def accepts_stream(head: Head) -> bool:
    """Tell whether who sent this takes a stream of events as its answer."""
    return any("text/event-stream" in value or "*/*" in value for value in head.header("accept"))


def prefers_stream(head: Head) -> bool:
    """Tell whether who sent this names a stream of events before anything else that it takes."""
    values = head.header("accept")
    return bool(values) and values[0].startswith("text/event-stream")


@final
class HttpCaller:
    """Who waits for the answer to one POST. `questions` are those of its session, which the modern era has not.

    `let_go` ends its connection, and not the call, where it knows that it can come back for the answer.
    """

    __slots__ = ("_answer_seconds", "_head", "_let_go", "_questions", "_stream")

    def __init__(
        self,
        head: Head,
        stream: EventStream,
        questions: Questions | None,
        let_go: Callable[[], Awaitable[None]],
        answer_seconds: float,
    ) -> None:
        self._head = head
        self._stream = stream
        self._questions = questions
        self._let_go = let_go
        self._answer_seconds = answer_seconds

    @property
    def can_be_asked(self) -> bool:
        """Whether it has a session, and takes a stream on which to be asked."""
        return self._questions is not None and self._questions.has_room and accepts_stream(self._head)

    async def tell(self, message: Message) -> None:
        """Send it as an event of the answer; drop it where that can be no stream."""
        if accepts_stream(self._head):
            await self._stream.send(message.body)

    async def pause(self) -> None:
        """Let it go for a while."""
        await self._let_go()

    async def ask(self, ask: ReleasedAsk) -> Response | None:
        """Put a question on the stream, and return the answer that comes in the session; None where none does."""
        if self._questions is None or not self.can_be_asked:
            return None
        return await _ask(self._stream.send, self._questions, ask, self._answer_seconds)


@final
class StdioCaller:
    """Who waits for the answer to one line; `write` writes one, when there is room."""

    __slots__ = ("_answer_seconds", "_arrival", "_limits", "_questions", "_write")

    def __init__(
        self,
        arrival: Arrival,
        limits: JsonLimits,
        write: Callable[[bytes], Awaitable[None]],
        questions: Questions,
        answer_seconds: float,
    ) -> None:
        self._arrival: Final = arrival
        self._limits: Final = limits
        self._write: Final = write
        self._questions: Final = questions
        self._answer_seconds: Final = answer_seconds

    @property
    def can_be_asked(self) -> bool:
        """Whether the host made a handshake, and this request is of that era: a line carries both."""
        if self._arrival.session is None or not self._questions.has_room:
            return False
        return frame_of(self._arrival, self._limits).era is Era.LEGACY

    async def tell(self, message: Message) -> None:
        """Write it."""
        await self._write(message.body)

    async def pause(self) -> None:
        """A line is not given back."""

    async def ask(self, ask: ReleasedAsk) -> Response | None:
        """Write a question, and return the answer that comes by the same line; None where none does."""
        if not self.can_be_asked:
            return None
        return await _ask(self._write, self._questions, ask, self._answer_seconds)


async def _ask(
    send: Callable[[bytes], Awaitable[None]], questions: Questions, ask: ReleasedAsk, seconds: float
) -> Response | None:
    """Put a question, and return its answer; None where none came in that time, for who does not read, too."""
    with questions.asking() as question:
        with anyio.move_on_after(seconds):
            await send(ask_message(question.id, ask).body)
            return await question.answer(seconds)
        return None
