"""An HTTP client for an ASGI application in the same process: sends a request in pieces, hears the answer, hangs up.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio

from mediator.canonical import JsonObject, parse_object
from mediator.edge.asgi import Message, Scope
from mediator.edge.streamable_http import StreamableHttp

HOST = "127.0.0.1:8080"


class Event:
    """One event of a stream."""

    def __init__(self, block: bytes) -> None:
        fields = dict(line.split(b": ", 1) for line in block.split(b"\r\n"))
        self.id = fields.get(b"id", b"").decode()
        self.retry = fields.get(b"retry")
        self.data = fields[b"data"]


@dataclass(slots=True)
class Response:
    """What came back."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    chunks: list[bytes] = field(default_factory=list)
    is_complete: bool = False
    begun: anyio.Event = field(default_factory=anyio.Event)
    complete: anyio.Event = field(default_factory=anyio.Event)

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def message(self) -> JsonObject:
        """The JSON-RPC message: the body, or the data of the one event that is no comment."""
        if self.headers.get("content-type") != "text/event-stream":
            return parse_object(self.body)
        (data,) = [line[6:] for line in self.body.split(b"\r\n") if line.startswith(b"data: ")]
        return parse_object(data)

    @property
    def events(self) -> list[Event]:
        """The events of a stream, as far as they came."""
        assert self.headers.get("content-type", "text/event-stream") == "text/event-stream"
        return [Event(block) for block in self.body.split(b"\r\n\r\n") if block and not block.startswith(b":")]

    @property
    def messages(self) -> list[JsonObject]:
        """The messages of a stream, as far as they came."""
        return [parse_object(event.data) for event in self.events if event.data]

    @property
    def error(self) -> JsonObject:
        error = self.message["error"]
        assert isinstance(error, dict)
        return error

    @property
    def reason(self) -> object:
        data = self.error["data"]
        assert isinstance(data, dict)
        return data["reason"]


@dataclass(slots=True)
class Wire:
    """One request under way. Nothing more of its body comes than `pieces`; `hang_up` is heard at once."""

    app: StreamableHttp
    scope: Scope
    pieces: list[bytes]
    is_whole: bool
    response: Response = field(default_factory=Response)
    hung_up: anyio.Event = field(default_factory=anyio.Event)
    reads: anyio.Semaphore | None = None  # one for each part that is read; else all are

    async def run(self) -> Response:
        """Let the application answer."""
        with anyio.fail_after(5):
            await self.app(self.scope, self.receive, self.send)
        return self.response

    def hang_up(self) -> None:
        self.hung_up.set()

    async def receive(self) -> Message:
        if self.pieces:
            body = self.pieces.pop(0)
            return {"type": "http.request", "body": body, "more_body": bool(self.pieces) or not self.is_whole}
        async with anyio.create_task_group() as either:  # ASGI: also once the answer is complete
            for over in (self.hung_up, self.response.complete):
                either.start_soon(_end_with, over, either.cancel_scope)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        response = self.response
        if message["type"] == "http.response.start":
            assert not response.begun.is_set(), "one answer, no more"
            response.status = message["status"]
            response.headers = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
            response.begun.set()
            return
        assert response.begun.is_set(), "a body without a head"
        assert not response.is_complete, "more after the end"
        response.chunks.append(message["body"])
        response.is_complete = not message["more_body"]
        if response.is_complete:
            response.complete.set()
        if self.reads is not None and not self.hung_up.is_set():  # uvicorn: who has gone is written to no more
            async with anyio.create_task_group() as either:
                either.start_soon(_end_with, self.hung_up, either.cancel_scope)
                await self.reads.acquire()
                either.cancel_scope.cancel()


async def _end_with(over: anyio.Event, scope: anyio.CancelScope) -> None:
    await over.wait()
    scope.cancel()


def request(
    app: StreamableHttp,
    body: bytes | Sequence[bytes] = b"",
    headers: Sequence[tuple[str, str]] = (),
    *,
    method: str = "POST",
    path: str = "/mcp",
    token: str | None = "planner",
    host: str | None = HOST,
    is_whole: bool = True,
    plain: bool = False,
    query: bytes = b"",
) -> Wire:
    """Return a request, with the headers that every client sends unless `plain`."""
    pieces = [body] if isinstance(body, bytes) else list(body)
    sent = list(headers)
    if not plain:
        sent += [("content-type", "application/json"), ("accept", "application/json, text/event-stream")]
        sent += [("content-length", str(sum(map(len, pieces))))] if is_whole else [("transfer-encoding", "chunked")]
    if host is not None:
        sent.append(("host", host))
    if token is not None:
        sent.append(("authorization", f"Bearer {token}"))
    return Wire(
        app=app,
        scope={
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query,
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in sent],
            "client": ("192.0.2.7", 4711),
        },
        pieces=pieces,
        is_whole=is_whole,
    )
