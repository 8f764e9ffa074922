"""Stdio: one host, lines of JSON both ways, in both protocol eras; the session lives as long as the lines do.

It makes an `Arrival` of each line, hands it to the corridor and writes the reply as one line; it judges nothing. Rules:

- A line that is too long is refused and skipped, and the session goes on.
- So many requests are in flight and no more; a host that does not read its answers is not read either.
- Requests are answered as they finish; a cancelled one gets no answer (MCP, `basic/utilities/cancellation`).
- When the host has said all, what is in flight has a moment to end, and is then cancelled.
- A host of an older version that made its handshake is told that its lists have changed, and what it subscribed to; one
  of the modern era that listens hears what it asked for, until it cancels that request or has said all.
- Nothing else is ever written where the host reads.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, closing
from dataclasses import replace
from typing import Final, assert_never

import anyio
from anyio.abc import AnyByteReceiveStream, AnyByteSendStream, TaskGroup

from mediator.edge.callers import StdioCaller
from mediator.edge.calls import Calls, find_notice
from mediator.edge.door import Door
from mediator.edge.outbox import Outbox
from mediator.edge.questions import Questions
from mediator.edge.sessions import draw_id, session_of
from mediator.evidence import Secret
from mediator.identity.proof import VerifiedProof
from mediator.mediation.message import acknowledged_message
from mediator.mediation.reply import Listening, OpenedSession, Reply, Subscription
from mediator.refusal import Reason, Refused
from mediator.wire.arrival import Arrival, LegacySession, Transport
from mediator.wire.methods import LogLevel
from mediator.wire.reading import frame_of

SOURCE: Final = "stdio"
_IN_FLIGHT_MAX: Final = 64  # as many as connections from one address over HTTP
_GRACE_SECONDS: Final = 5.0
_LISTENING_MAX: Final = 16  # requests to listen at once; one host has one reason to


async def serve_stdio(
    door: Door,
    credential: Callable[[], Secret | None],
    incoming: AnyByteReceiveStream,
    outgoing: AnyByteSendStream,
    proof: VerifiedProof | None = None,
) -> None:
    """Serve one host until its input ends or nobody reads its output; `credential` is asked anew for each message.

    `proof` is what was proven when the session was opened, and proves each of its messages: nobody else has its pipe.
    """
    with closing(_StdioSession(door, credential, proof)) as session:
        async with anyio.create_task_group() as serving:
            serving.start_soon(session.write_lines, outgoing, serving.cancel_scope)
            async with anyio.create_task_group() as answering:
                answering.start_soon(session.tell_changes)
                async with aclosing(_lines(incoming, door.json_limits.bytes_max)) as lines:
                    async for line in lines:
                        await session.hear(line, answering)
                session.end_listening()
                serving.cancel_scope.deadline = anyio.current_time() + _GRACE_SECONDS
            session.end_writing()


_TooLong: Final = Refused(Reason.BODY_TOO_LARGE, "a line that is too long")
_TooMany: Final = Refused(Reason.OVERLOADED, "too many requests in flight on stdio")


class _StdioSession:
    def __init__(self, door: Door, credential: Callable[[], Secret | None], proof: VerifiedProof | None) -> None:
        self._door = door
        self._proof = proof
        self._credential = credential
        self._to_write, self._to_be_written = anyio.create_memory_object_stream[bytes](0)
        self._calls = Calls()
        self._in_flight = 0  # until the answer is written: answers wait for a host that does not read
        self._session: LegacySession | None = None
        self._questions = Questions()
        self._outbox = door.new_outbox()
        self._listening = set[Outbox]()

    async def hear(self, line: bytes | None, answering: TaskGroup) -> None:
        """Begin to answer a line; one that is refused here is answered before the next is read."""
        arrival = self._arrival_of(line or b"")
        if line is None:
            await self._turn_away(arrival, _TooLong)
            return
        self._take_notice(arrival)
        if self._in_flight >= _IN_FLIGHT_MAX:
            await self._turn_away(arrival, _TooMany)
            return
        self._in_flight += 1
        answering.start_soon(self._answer, arrival)
        await anyio.lowlevel.checkpoint()  # a handshake is answered before what follows it is read

    async def tell_changes(self) -> None:
        """Tell a host that made its handshake what has changed, each time that it did, until it has said all."""
        while (message := await self._outbox.next()) is not None:
            if self._session is not None:  # before the handshake nothing was listed; the modern era listens
                await self._write(message.body)

    def end_listening(self) -> None:
        """Tell nothing more, and end in order what listens: the host has said all."""
        for outbox in (self._outbox, *self._listening):
            outbox.close()

    def _take_notice(self, arrival: Arrival) -> None:
        """Do what a notice is for: cancel a call, or give an answer to who asked."""
        notice = find_notice(arrival, self._door.json_limits, has_asked=bool(self._questions))
        if notice is None:
            return
        if notice.cancels is not None:
            self._calls.cancel(notice.cancels, self._door.json_limits)
        if notice.answer is not None:
            self._questions.give(notice.answer)

    def _arrival_of(self, line: bytes) -> Arrival:
        """Return what this line is as it came, in the handshake that was made, if one was."""
        return Arrival(
            body=line,
            transport=Transport.STDIO,
            server=None,
            credential=self._credential(),
            headers=(),
            session=self._session,
            source=SOURCE,
            shown=self._proof,
        )

    async def _answer(self, arrival: Arrival) -> None:
        """Ask the corridor, and write what it says."""
        door = self._door
        caller = StdioCaller(arrival, door.json_limits, self._write, self._questions, door.answer_seconds)
        reply: Reply | None = None
        try:
            with anyio.CancelScope() as call, self._calls.answering(arrival, call):
                reply = await door.answers.answer(arrival, caller)
            if reply is not None and not isinstance(reply.effect, Listening):  # else it was cancelled, or goes on
                self._take_effect(reply.effect)
                await self._write(reply.body)
        finally:
            self._in_flight -= 1
        if reply is not None and isinstance(reply.effect, Listening):
            await self._listen(arrival, reply.effect, reply.body)

    def _take_effect(self, effect: OpenedSession | LogLevel | Subscription | None) -> None:
        """Do what a reply wants done, beside writing it."""
        match effect:
            case OpenedSession():
                self._session = session_of(effect, draw_id())
            case LogLevel():
                if self._session is not None:
                    self._session = replace(self._session, log_level=effect)
            case Subscription():
                self._door.updates.take(effect, self._outbox)
            case None:
                pass
            case _:
                assert_never(effect)

    async def _listen(self, arrival: Arrival, listening: Listening, ending: bytes | None) -> None:
        """Write what was asked to be told, until the request is cancelled or the host has said all; then its answer."""
        if len(self._listening) >= _LISTENING_MAX:
            await self._turn_away(arrival, _TooMany)
            return
        with closing(self._door.new_outbox(listening.lists, listening.request_id)) as outbox:
            self._listening.add(outbox)
            for subscription in listening.subscriptions:
                self._door.updates.take(subscription, outbox)
            uris = [subscription.uri for subscription in listening.subscriptions]
            try:
                with anyio.CancelScope() as scope, self._calls.answering(arrival, scope):
                    await self._write(acknowledged_message(listening.request_id, listening.lists, uris).body)
                    while (message := await outbox.next()) is not None:
                        await self._write(message.body)
            finally:
                self._listening.discard(outbox)
        await self._write(ending)

    async def _turn_away(self, arrival: Arrival, stop: Refused) -> None:
        """Refuse what the corridor is not asked about; overload is told only to who waits for an answer."""
        frame = frame_of(arrival, self._door.json_limits)
        reply = self._door.turn_away(SOURCE, frame, stop)
        if frame.request_id is not None or stop is not _TooMany:
            await self._write(reply.body)

    async def _write(self, body: bytes | None) -> None:
        """Have a line written; returns when it is its turn. Whoever is cancelled meanwhile leaves no half of one."""
        if body is not None:
            await self._to_write.send(body)

    async def write_lines(self, outgoing: AnyByteSendStream, serving: anyio.CancelScope) -> None:
        """Write each line, until there are no more; where nobody reads any more, end the session."""
        try:
            async for body in self._to_be_written:
                await outgoing.send(body + b"\n")
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            serving.cancel()

    def end_writing(self) -> None:
        """Write nothing more than what was begun."""
        self._to_write.close()

    def close(self) -> None:
        """Hold nothing more."""
        self.end_listening()
        self._to_write.close()
        self._to_be_written.close()


async def _lines(incoming: AnyByteReceiveStream, bytes_max: int) -> AsyncGenerator[bytes | None, None]:
    """Yield each line without its end; nothing for one that is too long, which is not kept. Empty lines are skipped."""
    pending, is_skipping = bytearray(), False
    async for chunk in _chunks(incoming):
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            line = bytes(pending + part).removesuffix(b"\r")
            pending.clear()
            if is_skipping or len(line) > bytes_max:
                is_skipping = False
                yield None
            elif line.strip():
                yield line
        if not is_skipping:
            pending += rest
        if len(pending) > bytes_max:
            pending.clear()
            is_skipping = True
    if is_skipping:
        yield None
    elif pending.strip():
        yield bytes(pending)


async def _chunks(incoming: AnyByteReceiveStream) -> AsyncGenerator[bytes, None]:
    """Yield what comes until the other side ends it, or is gone."""
    while True:
        try:
            chunk = await incoming.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            return
        yield chunk
