"""One request to a tool server over HTTP and its answer: the head is written here, the answer is heard here.

Nothing is sent twice: a connection that was found closed before the first byte is replaced, after it never. What goes
wrong ends the connection, so that nothing left over on it can be taken for the answer to another.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from mediator.adapters.tool_servers_http.address import Address
from mediator.adapters.tool_servers_http.events import EventReader
from mediator.adapters.tool_servers_http.exchange import Exchange
from mediator.adapters.tool_servers_http.limits import HttpLimits
from mediator.adapters.tool_servers_http.pool import Pool
from mediator.adapters.tool_servers_http.response import ResponseReader
from mediator.evidence import Secret
from mediator.refusal import Refused
from mediator.wire.glance import Glance
from mediator.wire.hearing import Answer, Listener, nonsense, unavailable

_BEARER: Final = re.compile(r"[\x21-\x7e]+")
_OK: Final = 200
_REFUSED: Final = 400
_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One request: its lines (already safe as such), its body, and who hears the answer if one is awaited.

    `spring` is called in the loop turn of the first byte, before it, and may refuse. `within_seconds` bounds the
    answer where nobody above does. `stream_bytes_max` is how much an event stream may bring, where that is not what
    the answer alone may be.
    """

    headers: Iterable[tuple[str, str]]
    body: bytes
    listener: Listener | None
    verb: str = "POST"
    spring: Callable[[], None] | None = None
    within_seconds: float | None = None
    stream_bytes_max: int | None = None


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
        self.pool: Final = pool
        self._limits = limits
        self._fixed = (
            f" {address.target} HTTP/1.1\r\nHost: {address.authority}\r\nUser-Agent: mcp-mediator/{client_version}\r\n"
            "Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n"
        )

    async def open(self, outgoing: Outgoing, credential: Secret | None) -> Exchange:
        """Send one request, once, and return before anything of its answer is there.

        Raises `Refused`: `TOOL_SERVER_UNAVAILABLE`, `TOOL_SERVER_INVALID`, `OVERLOADED`, and what `spring` refuses.
        """
        head = self._head(outgoing, credential)
        key = key_of(credential)
        hearing = self._limits.hearing
        listener = outgoing.listener
        body_bytes_max = hearing.noise_bytes_max + (
            hearing.result_bytes_max if listener is None else listener.result_bytes_max
        )
        reader = ResponseReader(
            header_bytes_max=self._limits.header_bytes_max,
            body_bytes_max=body_bytes_max,
            stream_bytes_max=body_bytes_max if outgoing.stream_bytes_max is None else outgoing.stream_bytes_max,
        )
        connection = self.pool.find_idle(key) or await self.pool.open(key)
        # From here to `send` nothing is awaited: what the spring looked at still holds when the first byte goes out.
        if outgoing.spring is not None:
            try:
                outgoing.spring()
            except BaseException:
                self.pool.settled(connection)
                raise
        connection.send(head + outgoing.body, reader)
        return Exchange(connection, reader)

    async def send(self, outgoing: Outgoing, credential: Secret | None) -> Heard:
        """Send one request, once, and hear its answer; what else the server says meanwhile is the listener's.

        Raises `Refused` as `open`, and `RESULT_TOO_LARGE`, `DEADLINE_PASSED`.
        """
        exchange = await self.open(outgoing, credential)
        deadline: asyncio.TimerHandle | None = None
        if outgoing.within_seconds is not None:
            deadline = asyncio.get_running_loop().call_later(outgoing.within_seconds, exchange.give_up)
        try:
            await exchange.head()
            answer: Answer | None
            if outgoing.listener is not None and exchange.is_stream:
                answer = await self._hear_events(exchange, outgoing.listener)
            else:
                answer = read_body(exchange, await exchange.body(), outgoing.listener)
                exchange.settle(0)
        except BaseException:
            exchange.abort()
            raise
        finally:
            if deadline is not None:
                deadline.cancel()
        return Heard(status=exchange.status, answer=answer, session_id=exchange.session_id)

    async def _hear_events(self, exchange: Exchange, listener: Listener) -> Answer:
        events = EventReader(listener.result_bytes_max)
        while True:
            came = events.feed(exchange.take_body())
            for number, raw in enumerate(came, 1):
                answer = listener.take(raw)
                if answer is None:
                    continue
                if number == len(came) and events.is_at_rest:
                    exchange.settle(self._limits.settle_seconds)
                else:
                    exchange.abort()
                return answer
            exchange.check()
            if exchange.is_complete:
                raise nonsense("its event stream ended without the answer")
            await exchange.connection.progress()

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


def read_body(
    exchange: Exchange, body: bytes, listener: Listener | None, seen: Glance | Refused | None = None
) -> Answer | None:
    """Read a body that is one message, unless it was `seen` apart; an error's status may stand without one."""
    if listener is None:
        return None
    if exchange.status >= _REFUSED:
        return _read_error(exchange.media_type, body, listener, seen)
    if exchange.status != _OK:
        raise nonsense(f"it answered a request with the HTTP status {exchange.status}")
    if exchange.media_type != _JSON:
        raise nonsense("its answer is neither JSON nor an event stream")
    answer = listener.take(body, seen)
    if answer is None:
        raise nonsense("it answered with something that is no answer")
    return answer


def _read_error(media_type: str, body: bytes, listener: Listener, seen: Glance | Refused | None) -> Answer | None:
    """Read the error that stands under an error's status, if it is one and for this request."""
    if media_type != _JSON:
        return None
    try:
        answer = listener.take(body, seen)
    except Refused:
        return None
    return answer if answer is not None and answer.is_error else None
