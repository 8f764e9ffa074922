"""Stdio: one host, lines of JSON both ways, in both protocol eras; the session lives as long as the lines do.

It makes an `Arrival` of each line, hands it to the corridor and writes the reply as one line; it judges nothing. Rules:

- A line that is too long is refused and skipped, and the session goes on.
- So many requests are in flight and no more; a host that does not read its answers is not read either.
- Requests are answered as they finish; a cancelled one gets no answer (MCP, `basic/utilities/cancellation`).
- When the host has said all, what is in flight has a moment to end, and is then cancelled.
- A host of an older version that made its handshake is told that its list has changed, at most once a second.
- Nothing else is ever written where the host reads.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final

import anyio
from anyio.abc import AnyByteReceiveStream, AnyByteSendStream, TaskGroup

from mediator.edge.calls import Calls, find_cancellation
from mediator.edge.door import Door
from mediator.edge.sessions import draw_id
from mediator.evidence import Secret
from mediator.mediation.reply import Reply
from mediator.refusal import Reason, Refused
from mediator.wire.arrival import Arrival, LegacySession, Transport
from mediator.wire.reading import frame_of

SOURCE: Final = "stdio"
_IN_FLIGHT_MAX: Final = 64  # as many as connections from one address over HTTP
_GRACE_SECONDS: Final = 5.0
_LIST_CHANGED: Final = b'{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'  # MCP 2025-11-25, server/tools


async def serve_stdio(
    door: Door,
    credential: Callable[[], Secret | None],
    incoming: AnyByteReceiveStream,
    outgoing: AnyByteSendStream,
) -> None:
    """Serve one host until its input ends or nobody reads its output; `credential` is asked anew for each message."""
    async with anyio.create_task_group() as answering:
        session = _StdioSession(door, credential, outgoing, answering)
        async with (
            anyio.create_task_group() as telling,
            aclosing(_lines(incoming, door.json_limits.bytes_max)) as lines,
        ):
            telling.start_soon(session.tell_changes)
            async for line in lines:
                await session.hear(line)
            telling.cancel_scope.cancel()
        answering.cancel_scope.deadline = anyio.current_time() + _GRACE_SECONDS


_TooLong: Final = Refused(Reason.BODY_TOO_LARGE, "a line that is too long")
_TooMany: Final = Refused(Reason.OVERLOADED, "too many requests in flight on stdio")


class _StdioSession:
    def __init__(
        self,
        door: Door,
        credential: Callable[[], Secret | None],
        outgoing: AnyByteSendStream,
        answering: TaskGroup,
    ) -> None:
        self._door = door
        self._credential = credential
        self._outgoing = outgoing
        self._answering = answering
        self._calls = Calls()
        self._in_flight = 0  # until the answer is written: answers wait for a host that does not read
        self._writing = anyio.Lock()
        self._session: LegacySession | None = None

    async def hear(self, line: bytes | None) -> None:
        """Begin to answer a line; one that is refused here is answered before the next is read."""
        arrival = self._arrival_of(line or b"")
        if line is None:
            await self._turn_away(arrival, _TooLong)
            return
        cancelled = find_cancellation(arrival, self._door.json_limits)
        if cancelled is not None:
            self._calls.cancel(cancelled, self._door.json_limits)
        if self._in_flight >= _IN_FLIGHT_MAX:
            await self._turn_away(arrival, _TooMany)
            return
        self._in_flight += 1
        self._answering.start_soon(self._answer, arrival)
        await anyio.lowlevel.checkpoint()  # a handshake is answered before what follows it is read

    async def tell_changes(self) -> None:
        """Tell the host that its list has changed, each time that it did, until cancelled."""
        with self._door.list_changes.listening() as listening:
            while True:
                await listening.change()
                if self._session is not None:  # before the handshake nothing was listed; the modern era subscribes
                    await self._write(_LIST_CHANGED)

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
        )

    async def _answer(self, arrival: Arrival) -> None:
        """Ask the corridor, and write what it says."""
        reply: Reply | None = None
        try:
            with anyio.CancelScope() as call, self._calls.answering(arrival, call):
                reply = await self._door.answers.answer(arrival)
            if reply is not None:  # else it was cancelled
                if reply.opens is not None:
                    self._session = LegacySession(id=draw_id(), version=reply.opens.version, holder=reply.opens.holder)
                await self._write(reply.body)
        finally:
            self._in_flight -= 1

    async def _turn_away(self, arrival: Arrival, stop: Refused) -> None:
        """Refuse what the corridor is not asked about; overload is told only to who waits for an answer."""
        frame = frame_of(arrival, self._door.json_limits)
        reply = self._door.turn_away(SOURCE, frame, stop)
        if frame.request_id is not None or stop is not _TooMany:
            await self._write(reply.body)

    async def _write(self, body: bytes | None) -> None:
        if body is None:
            return
        try:
            async with self._writing:
                await self._outgoing.send(body + b"\n")
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):  # nobody reads any more
            self._answering.cancel_scope.cancel()


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
