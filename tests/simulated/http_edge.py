"""The HTTP edge on a real socket of this machine, with a simulated corridor behind it; and a client that is not polite.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import anyio
from anyio.abc import ByteStream

from mediator.canonical import JsonObject, canonical_bytes, parse_object
from mediator.edge.asgi import Head, Receive, Scope, Send, read_head
from mediator.edge.gate import Gate, make_gate
from mediator.edge.http_facts import http_facts
from mediator.edge.serve import listen, serve_http
from mediator.edge.sessions import Sessions
from mediator.edge.streamable_http import StreamableHttp
from mediator.settings.sections import LimitSettings, ServerSettings
from tests.simulated.arrivals import enveloped, modern_headers
from tests.simulated.corridor import SimulatedCorridor


@dataclass(slots=True, kw_only=True)
class HttpEdge:
    """A server, and what stands behind it. The limits of `gate`, and its clock, may be changed while it runs."""

    port: int
    corridor: SimulatedCorridor
    gate: Gate
    heads: list[Head] = field(default_factory=list)

    def request(
        self,
        body: JsonObject | None = None,
        *more: tuple[str, str],
        target: str = "/mcp",
        method: str = "POST",
        length: int | None = None,
    ) -> bytes:
        """Return a whole modern request as bytes."""
        message = enveloped("tools/list") if body is None else body
        content = canonical_bytes(message) if method == "POST" else b""
        headers = [
            ("host", f"127.0.0.1:{self.port}"),
            ("authorization", "Bearer planner"),
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
            *modern_headers(message),
            *more,
        ]
        if "transfer-encoding" not in dict(headers):
            headers.append(("content-length", str(len(content) if length is None else length)))
        head = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
        return "\r\n".join([*head, "", ""]).encode("latin-1") + content

    @asynccontextmanager
    async def connect(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
        """Hold a connection, over TLS where a client's context is given."""
        if tls is None:
            async with await anyio.connect_tcp("127.0.0.1", self.port) as stream:
                yield Peer(stream)
            return
        async with await anyio.connect_tcp(
            "127.0.0.1", self.port, ssl_context=tls, tls_standard_compatible=False
        ) as secure:
            yield Peer(secure)


class _Heard(StreamableHttp):
    """The application, and the heads of what it is asked."""

    heads: list[Head]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.heads.append(read_head(scope))
        await super().__call__(scope, receive, send)


@dataclass(slots=True)
class Answer:
    """One HTTP answer, as it came over the socket."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def reason(self) -> object:
        """The reason of the refusal in it."""
        error = parse_object(self.body)["error"]
        assert isinstance(error, dict)
        data = error["data"]
        assert isinstance(data, dict)
        return data["reason"]


class Peer:
    """The other side of a connection: sends bytes, reads answers."""

    def __init__(self, stream: ByteStream) -> None:
        self.stream = stream
        self._unread = b""

    async def send(self, data: bytes) -> None:
        await self.stream.send(data)

    async def send_for_ever(self) -> None:
        """Send until the other side does not let us any more."""
        with anyio.fail_after(5):
            while True:
                await self.send(b"x" * 65_536)

    async def ask(self, data: bytes) -> Answer:
        await self.send(data)
        return await self.read_answer()

    async def read_answer(self) -> Answer:
        """Return the next answer."""
        with anyio.fail_after(5):
            while b"\r\n\r\n" not in self._unread:
                self._unread += await self.stream.receive()
            head, _, self._unread = self._unread.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines)
            if headers.get("transfer-encoding") == "chunked":
                body = await self._read_chunks()
            else:
                length = int(headers["content-length"])
                while len(self._unread) < length:
                    self._unread += await self.stream.receive()
                body, self._unread = self._unread[:length], self._unread[length:]
        return Answer(status=int(first.split(" ")[1]), headers=headers, body=body)

    async def _read_chunks(self) -> bytes:
        body = b""
        while True:
            while b"\r\n" not in self._unread:
                self._unread += await self.stream.receive()
            size, _, rest = self._unread.partition(b"\r\n")
            end = int(size, 16) + 2
            while len(rest) < end:
                rest += await self.stream.receive()
            body += rest[: end - 2]
            self._unread = rest[end:]
            if end == 2:  # the last chunk is empty
                return body

    async def is_ended(self) -> bool:
        """Tell whether the other side closes, having sent nothing more."""
        with anyio.fail_after(5):
            try:
                return not self._unread and not await self.stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return True


@asynccontextmanager
async def serving(
    limits: LimitSettings | None = None,
    server: ServerSettings | None = None,
    *,
    grace_seconds: float = 0.0,
    sse_after_seconds: float = 60.0,
    tls: ssl.SSLContext | None = None,
    now_ms: Callable[[], int] = lambda: 0,
) -> AsyncIterator[HttpEdge]:
    """Serve on a free port for as long as the context is held."""
    limits, server = limits or LimitSettings(), server or ServerSettings(port=0)
    corridor = SimulatedCorridor()
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    facts = http_facts(server, limits, port, [f"http://127.0.0.1:{port}"])
    body = replace(facts.body, linger_seconds=0.5)
    facts = replace(facts, body=body, sse_after_seconds=sse_after_seconds)
    gate = make_gate(limits, corridor.door(), now_ms)
    sessions = Sessions(anyio.current_time, new_outbox=corridor.door().new_outbox)
    app = _Heard(corridor.door(), sessions, facts, lambda: True)
    app.heads = []
    async with anyio.create_task_group() as running:

        async def serve(*, task_status: anyio.abc.TaskStatus[None]) -> None:
            await serve_http(
                app,
                listener,
                gate,
                idle_seconds=server.connection_idle_seconds,
                grace_seconds=grace_seconds,
                tls=tls,
                task_status=task_status,
            )

        await running.start(serve)
        yield HttpEdge(port=port, corridor=corridor, gate=gate, heads=app.heads)
        running.cancel_scope.cancel()
