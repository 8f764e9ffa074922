"""One request to a tool server over HTTP and its answer: the head is written here, the answer is heard here.

Nothing is sent twice: a connection that was found closed before the first byte is replaced, after it never. What goes
wrong ends the connection, so that nothing left over on it can be taken for the answer to another.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from mediator.adapters.tool_servers_http.address import Address
from mediator.adapters.tool_servers_http.connection import Connection
from mediator.adapters.tool_servers_http.events import EventReader
from mediator.adapters.tool_servers_http.limits import HttpLimits
from mediator.adapters.tool_servers_http.pool import Pool
from mediator.adapters.tool_servers_http.response import ResponseReader
from mediator.evidence import Secret
from mediator.refusal import Refused
from mediator.wire.hearing import Answer, Listener, nonsense, unavailable
from mediator.wire.jsonrpc import RequestId

Refuser: TypeAlias = Callable[[list[RequestId]], Awaitable[None]]

_BEARER: Final = re.compile(r"[\x21-\x7e]+")
_OK: Final = 200
_REFUSED: Final = 400
_JSON: Final = "application/json"
_EVENTS: Final = "text/event-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One request: its lines (already safe as such), its body, and who hears the answer if one is awaited.

    `spring` is called in the loop turn of the first byte, before it, and may refuse. `within_seconds` bounds the
    answer where nobody above does.
    """

    headers: Iterable[tuple[str, str]]
    body: bytes
    listener: Listener | None
    verb: str = "POST"
    spring: Callable[[], None] | None = None
    within_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What came back. Without an answer it was a notification, or the status is an error's."""

    status: int
    answer: Answer | None
    session_id: str | None

    def must_answer(self) -> Answer:
        """Return the answer; raises `Refused(TOOL_SERVER_UNAVAILABLE)` where a bare status stands in its place."""
        if self.answer is None:
            raise unavailable(f"HTTP status {self.status}")
        return self.answer


class Channel:
    """Sends requests to one server."""

    def __init__(self, address: Address, pool: Pool, limits: HttpLimits, client_version: str) -> None:
        self._pool, self._limits = pool, limits
        self._fixed = (
            f" {address.target} HTTP/1.1\r\nHost: {address.authority}\r\nUser-Agent: mcp-mediator/{client_version}\r\n"
            "Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n"
        )

    async def send(self, outgoing: Outgoing, credential: Secret | None, refuse: Refuser | None = None) -> Heard:
        """Send one request, once, and hear its answer; `refuse` is told what the server asked of us meanwhile.

        Raises `Refused`: `TOOL_SERVER_UNAVAILABLE`, `TOOL_SERVER_INVALID`, `RESULT_TOO_LARGE`, `DEADLINE_PASSED`,
        `OVERLOADED`, and what `spring` refuses.
        """
        head = self._head(outgoing, credential)
        key = key_of(credential)
        hearing = self._limits.hearing
        result_bytes_max = hearing.result_bytes_max if outgoing.listener is None else outgoing.listener.result_bytes_max
        reader = ResponseReader(
            header_bytes_max=self._limits.header_bytes_max,
            body_bytes_max=result_bytes_max + hearing.noise_bytes_max,
        )
        connection = self._pool.find_idle(key) or await self._pool.open(key)
        # From here to `send` nothing is awaited: what the spring looked at still holds when the first byte goes out.
        if outgoing.spring is not None:
            try:
                outgoing.spring()
            except BaseException:
                self._pool.settled(connection)
                raise
        connection.send(head + outgoing.body, reader)
        try:
            return await self._hear(connection, reader, outgoing, refuse)
        except BaseException:
            connection.abort()  # in the modern era this is also how a call is cancelled
            raise

    async def _hear(
        self, connection: Connection, reader: ResponseReader, outgoing: Outgoing, refuse: Refuser | None
    ) -> Heard:
        deadline = None
        if outgoing.within_seconds is not None:
            deadline = asyncio.get_running_loop().call_later(outgoing.within_seconds, connection.give_up)
        try:
            while not (reader.has_head or reader.fault):
                await connection.progress()
            reader.check()
            answer: Answer | None
            if outgoing.listener is not None and reader.status == _OK and reader.media_type() == _EVENTS:
                answer = await self._hear_events(connection, reader, outgoing.listener, refuse)
            else:
                while not (reader.is_complete or reader.fault):
                    await connection.progress()
                reader.check()
                answer = _read_body(reader, outgoing.listener)
                connection.settle(0)
        finally:
            if deadline is not None:
                deadline.cancel()
        return Heard(status=reader.status, answer=answer, session_id=_session_id(reader))

    async def _hear_events(
        self, connection: Connection, reader: ResponseReader, listener: Listener, refuse: Refuser | None
    ) -> Answer:
        events = EventReader(listener.result_bytes_max)
        refused = 0
        while True:
            came = events.feed(reader.take_body())
            for number, raw in enumerate(came, 1):
                answer = listener.take(raw)
                if answer is None:
                    continue
                if number == len(came) and events.is_at_rest:
                    connection.settle(self._limits.settle_seconds)
                else:
                    connection.abort()
                return answer
            reader.check()
            if reader.is_complete:
                raise nonsense("its event stream ended without the answer")
            if asked := listener.asked[refused:]:
                refused += len(asked)
                if refused > self._limits.refusals_max:
                    raise nonsense("it asks and asks, though no capability was declared")
                if refuse is not None:
                    await refuse(asked)
            await connection.progress()

    def _head(self, outgoing: Outgoing, credential: Secret | None) -> bytes:
        lines = "".join(f"{name}: {value}\r\n" for name, value in outgoing.headers)
        bearer = ""
        if credential is not None:
            token = credential.reveal()
            if not _BEARER.fullmatch(token):
                raise unavailable("the credential for this tool server cannot stand in a header")
            bearer = f"Authorization: Bearer {token}\r\n"
        head = f"{outgoing.verb}{self._fixed}{lines}{bearer}Content-Length: {len(outgoing.body)}\r\n\r\n"
        return head.encode("ascii")


def key_of(credential: Secret | None) -> str:
    """Return what tells credentials apart and gives none away: connections and sessions are kept by it."""
    return "" if credential is None else hashlib.sha256(credential.reveal().encode()).hexdigest()


def _read_body(reader: ResponseReader, listener: Listener | None) -> Answer | None:
    """Read a body that is one message; an error's status may stand without one."""
    media_type, body = reader.media_type(), reader.take_body()
    if listener is None:
        return None
    if reader.status >= _REFUSED:
        return _read_error(media_type, body, listener)
    if reader.status != _OK:
        raise nonsense(f"it answered a request with the HTTP status {reader.status}")
    if media_type != _JSON:
        raise nonsense("its answer is neither JSON nor an event stream")
    answer = listener.take(body)
    if answer is None:
        raise nonsense("it answered with something that is no answer")
    return answer


def _read_error(media_type: str, body: bytes, listener: Listener) -> Answer | None:
    """Read the error that stands under an error's status, if it is one and for this request."""
    if media_type != _JSON:
        return None
    try:
        answer = listener.take(body)
    except Refused:
        return None
    return answer if answer is not None and answer.error is not None else None


def _session_id(reader: ResponseReader) -> str | None:
    value = reader.headers.get(b"mcp-session-id")
    return None if value is None else value.decode("latin-1")
