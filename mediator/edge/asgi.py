"""One HTTP exchange over ASGI: what its head says, its body within limits, and the one answer to it.

Bytes and times only: what a request means, and who may make it, is nobody's business here. An answer is one JSON text,
or becomes a stream of events when it takes long; whichever was begun is what is ended.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NotRequired, TypeAlias, TypedDict

import anyio

from mediator.refusal import Reason, Refused

Headers: TypeAlias = "tuple[tuple[str, str], ...]"


class Scope(TypedDict):
    """What ASGI says of a request, as far as it is read here."""

    type: str
    method: str
    path: str
    query_string: NotRequired[bytes]
    headers: Iterable[tuple[bytes, bytes]]
    client: NotRequired[tuple[str, int] | None]
    state: NotRequired[Mapping[str, object]]


class Message(TypedDict, total=False):
    """An ASGI message, in either direction."""

    type: str
    body: bytes
    more_body: bool
    status: int
    headers: list[tuple[bytes, bytes]]


Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

_ALWAYS: Final = (("cache-control", "no-store"), ("x-content-type-options", "nosniff"))
_STREAM: Final = (("content-type", "text/event-stream"), ("x-accel-buffering", "no"))
_LINGER_BYTES: Final = 64 * 1024 * 1024
_START_SECONDS: Final = 10.0
_LENGTH_DIGITS_MAX: Final = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The head of a request; header names in lower case, values as Latin-1, in the order in which they came.

    Of a query it says that there is one, and no more: what stands in a URL is written down by everybody on the way.
    `certificate` is the thumbprint of the client certificate that this connection proved (`x5t#S256`, RFC 8705 §3.1),
    by the server's own word: no header says it.
    """

    method: str
    path: str
    headers: Headers
    source: str
    has_query: bool = False
    certificate: str | None = None
    _by_name: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_name: dict[str, tuple[str, ...]] = {}
        for name, value in self.headers:
            by_name[name] = (*by_name[name], value) if name in by_name else (value,)
        object.__setattr__(self, "_by_name", by_name)

    def header(self, name: str) -> tuple[str, ...]:
        """Return every value that came under this name."""
        return self._by_name.get(name, ())

    @property
    def has_body(self) -> bool:
        """Whether a body follows that has to be read, or left."""
        return bool(self.header("transfer-encoding")) or any(value != "0" for value in self.header("content-length"))


def read_head(scope: Scope) -> Head:
    """Return the head of the request that ASGI hands over; white space around a value is none of it (RFC 9110 §5.5)."""
    client = scope.get("client")
    certificate = scope.get("state", {}).get("certificate")
    return Head(
        method=scope["method"],
        path=scope["path"],
        headers=tuple(
            [(name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t")) for name, value in scope["headers"]]
        ),
        source="unknown" if client is None else client[0],
        has_query=bool(scope.get("query_string")),
        certificate=certificate if isinstance(certificate, str) else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyLimits:
    """How large a body may be, how long it may take, and how long its rest is let come once it is refused.

    Who is still sending when the connection is closed never reads the answer.
    """

    bytes_max: int
    first_byte_seconds: float
    seconds: float
    linger_seconds: float = 2.0


def _require_declared_within(declared: tuple[str, ...], bytes_max: int) -> None:
    for length in declared:
        if not length.isdecimal():
            raise Refused(Reason.MALFORMED, "`content-length` is no number")
        if len(length) > _LENGTH_DIGITS_MAX or int(length) > bytes_max:
            raise Refused(Reason.BODY_TOO_LARGE, f"{length[:_LENGTH_DIGITS_MAX]} bytes are declared")


class Disconnected(Exception):  # noqa: N818 - it happened; nobody is to blame
    """The other side has gone before it had said everything."""


class Exchange:
    """One request and its one answer. `scope` is what to cancel where it is to end now.

    `is_attended` says that somebody waits here for the other side to go, `is_held` that it stays open until that goes.
    """

    def __init__(self, head: Head, receive: Receive, send: Send, limits: BodyLimits) -> None:
        self.head = head
        self._limits = limits
        self._receive = receive
        self._send = send
        self._is_read = not head.has_body
        self.scope = anyio.CancelScope()
        self.is_begun = False
        self.is_streaming = False
        self.is_gone = False
        self.is_attended = False
        self.is_held = False
        self._is_ended = False

    async def read_body(self, bytes_max: int | None = None) -> bytes:
        """Return the whole body; `bytes_max` where less than usual is wanted.

        Raises `Refused`: `BODY_TOO_LARGE` (by what is declared, and by what comes), `MALFORMED` when it comes too
        late; and `Disconnected`.
        """
        limits = self._limits if bytes_max is None else replace(self._limits, bytes_max=bytes_max)
        _require_declared_within(self.head.header("content-length"), limits.bytes_max)
        body = bytearray()
        begun = anyio.current_time()
        with anyio.CancelScope(deadline=begun + limits.first_byte_seconds) as waiting:
            while True:
                message = await self._receive()
                if message["type"] == "http.disconnect":
                    self.is_gone = True
                    raise Disconnected
                body += message.get("body", b"")
                if len(body) > limits.bytes_max:
                    raise Refused(Reason.BODY_TOO_LARGE, f"more than {limits.bytes_max} bytes came")
                if not message.get("more_body", False):
                    self._is_read = True
                    return bytes(body)
                if body:
                    waiting.deadline = begun + limits.seconds
        raise Refused(
            Reason.MALFORMED, f"the body took too long; {len(body)} bytes came", sentence="it came too slowly"
        )

    async def until_disconnected(self) -> None:
        """Return when the other side has gone."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.is_gone = True

    async def answer(self, status: int, headers: Headers, body: bytes | None) -> None:
        """Send the answer, whole; where a stream was begun, as its last event."""
        if self.is_streaming:
            await (self.end_stream() if body is None else self.send_event(body, is_last=True))
            return
        content = body or b""
        length = ("content-length", str(len(content)))
        closing = () if self._is_read else (("connection", "close"),)
        self.is_begun = True
        await self._begin(status, (*headers, *_ALWAYS, length, *closing))
        if not self._is_read:
            await self._linger(content)
            content = b""
        await self._send({"type": "http.response.body", "body": content, "more_body": False})

    async def begin_stream(self) -> None:
        """Turn the answer into a stream of events. Half a head is never left behind, whoever cancels."""
        with anyio.move_on_after(_START_SECONDS, shield=True):
            await self._begin(200, (*_STREAM, *_ALWAYS))
            self.is_begun = self.is_streaming = True

    async def send_event(self, data: bytes, event_id: str | None = None, *, is_last: bool = False) -> None:
        """Send one event of the stream; returns when there is room for the next."""
        named = b"" if event_id is None else b"id: " + event_id.encode("ascii") + b"\r\n"
        await self._send_part(b"event: message\r\n" + named + b"data: " + data + b"\r\n\r\n", is_last=is_last)

    async def send_priming(self, event_id: str, retry_ms: int) -> None:
        """Send an event that says nothing, under which the stream can be gone on with from its start, and when."""
        await self._send_part(b"id: %b\r\nretry: %d\r\ndata: \r\n\r\n" % (event_id.encode("ascii"), retry_ms))

    async def keep_alive(self) -> None:
        """Send a comment, so that nobody on the way takes silence for the end."""
        await self._send_part(b": waiting\r\n\r\n")

    async def end_stream(self) -> None:
        """End the stream, with nothing more."""
        await self._send_part(b"", is_last=True)

    async def _send_part(self, part: bytes, *, is_last: bool = False) -> None:
        if self.is_gone or self._is_ended:
            return
        self._is_ended = is_last
        await self._send({"type": "http.response.body", "body": part, "more_body": not is_last})

    async def _begin(self, status: int, headers: Headers) -> None:
        encoded = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})

    async def _linger(self, content: bytes) -> None:
        """Let the other side finish sending for a while: a connection reset would take the answer from it."""
        await self._send({"type": "http.response.body", "body": content, "more_body": True})
        left = _LINGER_BYTES
        with anyio.move_on_after(self._limits.linger_seconds):
            while left > 0:
                message = await self._receive()
                left -= len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
