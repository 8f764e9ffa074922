"""A simulated tool server over HTTP: honest, scripted, in process; it records whatever arrives at it.

    async with SimulatedToolServer(tools=[tool("echo")], era="modern") as server:
        server.url                               # http://127.0.0.1:<port>/mcp
        server.calls                             # each tools/call that arrived: .tool, .arguments, .meta, .headers
        server.answer_with("echo", {...})        # the result of that tool's calls, or a function of the arguments
        server.tools = [...]                     # changes its offer behind everybody's back
        server.on("tools/call", hang)            # any misbehaviour: async (arrived, wire) -> None
        server.stands = True                     # it has standing streams (`GET`); `subscriptions/listen` always
        await server.push({...}, event_id="7")   # says this on each stream that stands
        await server.until(lambda: server.calls) # waits, five seconds at most

It reads one request after the other from a connection, by the book where it matters to a client.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import json
import ssl as tls
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeAlias

from tests.simulated.stdio_server import LEGACY, MODERN, Script, error, tool
from tests.simulated.tool_server_arrivals import Arrived

__all__ = [
    "SSE_HEAD",
    "Arrived",
    "SimulatedToolServer",
    "Wire",
    "drop",
    "hang",
    "http_answer",
    "raw",
    "says",
    "sse_event",
    "tool",
]


class Wire:
    """The connection under a misbehaviour's hands."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.keeps_open = True

    async def send(self, raw: bytes) -> None:
        """Write these bytes as they are."""
        self._writer.write(raw)
        await self._writer.drain()

    def close(self) -> None:
        """Close after what was written; the connection serves nothing more."""
        self.keeps_open = False

    async def closed_by_peer(self) -> None:
        """Return when the peer hangs up."""
        self.keeps_open = False
        while await self._reader.read(65536):
            pass


Era: TypeAlias = Literal["modern", "legacy", "both"]
Behaviour: TypeAlias = "Callable[[Arrived, Wire], Awaitable[None]]"


async def hang(_arrived: Arrived, wire: Wire) -> None:
    """Never answer; the connection stays open until the peer hangs up."""
    await wire.closed_by_peer()


async def drop(_arrived: Arrived, wire: Wire) -> None:
    """Close without a word."""
    wire.close()


def raw(*chunks: bytes, then: Literal["close", "keep", "hang"] = "close") -> Behaviour:
    """Write these bytes instead of an answer; `{id}` in them stands for the request's id."""

    async def behave(arrived: Arrived, wire: Wire) -> None:
        for chunk in chunks:
            await wire.send(chunk.replace(b"{id}", json.dumps(arrived.message.get("id")).encode()))
        if then == "close":
            wire.close()
        elif then == "hang":
            await wire.closed_by_peer()

    return behave


def says(template: bytes, *, content_type: str = "application/json") -> Behaviour:
    """Answer 200 with this body; `{id}` in it stands for the request's id."""

    async def behave(arrived: Arrived, wire: Wire) -> None:
        body = template.replace(b"{id}", json.dumps(arrived.message.get("id")).encode())
        await wire.send(http_answer(body, content_type=content_type))

    return behave


def http_answer(
    body: bytes, *, status: str = "200 OK", content_type: str = "application/json", head: str = ""
) -> bytes:
    """Return a whole HTTP response with that body; `head` adds header lines, each with its CRLF."""
    lines = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{head}\r\n"
    return lines.encode() + body


NAMED: Final = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
SSE_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


def sse_event(message: Mapping[str, Any] | None, event_id: str | None = None, retry_ms: int | None = None) -> bytes:
    """Return a message as an event; none is an event without data, as one that only names an id is."""
    lines = b"" if event_id is None else f"id: {event_id}\n".encode()
    lines += b"" if retry_ms is None else f"retry: {retry_ms}\n".encode()
    return lines + b"data: " + (b"" if message is None else json.dumps(message).encode()) + b"\n\n"


class SimulatedToolServer:
    """A tool server over Streamable HTTP, on 127.0.0.1 and a free port, in either era or both.

    `answer_as="sse"` sends answers as event streams; `bearer` is a token without which everything is 401;
    `sessions=False` leaves `Mcp-Session-Id` out of the legacy era. `behaviours` by method stand before the script.
    """

    def __init__(
        self,
        tools: Sequence[dict[str, Any]] | None = None,
        *,
        era: Era = "modern",
        answer_as: Literal["json", "sse"] = "json",
        bearer: str | None = None,
        sessions: bool = True,
        ssl: tls.SSLContext | None = None,
        **script: Any,
    ) -> None:
        self.script = Script(era=era, **script)
        if tools is not None:
            self.script.tools = list(tools)
        self.answer_as, self.bearer, self.issues_sessions = answer_as, bearer, sessions
        self.arrived: list[Arrived] = []
        self.hang_ups = 0
        self.connections = 0
        self.sessions: dict[str, str] = {}
        self.announces: list[str] = []  # methods of notifications that come before the answer to each of these
        self.announces_with = {"tools/call"}
        self.stands = False
        self.standing: list[Wire] = []
        self.greeting: bytes | None = None  # written to each connection before anything was asked
        self._ssl = ssl
        self._behaviours: dict[str, Behaviour] = {}
        self._happened = asyncio.Event()
        self._open: set[asyncio.Task[Any]] = set()
        self._server: asyncio.Server | None = None
        self._next_session = 0

    # --- what a test says and sees

    @property
    def tools(self) -> list[dict[str, Any]]:
        """What it offers."""
        return self.script.tools

    @tools.setter
    def tools(self, tools: Sequence[dict[str, Any]]) -> None:
        self.script.tools = list(tools)

    @property
    def calls(self) -> list[Arrived]:
        """Each `tools/call` that arrived."""
        return [one for one in self.arrived if one.method == "tools/call"]

    @property
    def methods(self) -> list[str | None]:
        """The method of each message that arrived, in order."""
        return [one.method for one in self.arrived]

    @property
    def replies(self) -> list[Arrived]:
        """Each answer to something that it asked."""
        return [one for one in self.arrived if one.method is None and one.verb == "POST"]

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self._server is not None, "enter it first"
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """Its endpoint."""
        return f"{'http' if self._ssl is None else 'https'}://127.0.0.1:{self.port}/mcp"

    def answer_with(self, name: str, result: dict[str, Any] | Callable[[Any], dict[str, Any]]) -> None:
        """Answer that tool's calls with this result, or with what the function makes of the arguments."""
        self.script.answers[name] = result

    def fail_with(self, name: str, code: int, message: str, **more: Any) -> None:
        """Answer that tool's calls with a JSON-RPC error."""
        self.script.errors[name] = {"code": code, "message": message, **more}

    def on(self, method: str, behaviour: Behaviour | None) -> None:
        """Let this stand in for the answer to that method from now on (`DELETE` is one); None: answer again."""
        if behaviour is None:
            self._behaviours.pop(method, None)
        else:
            self._behaviours[method] = behaviour

    async def push(self, message: dict[str, Any], event_id: str | None = None) -> None:
        """Say this on each stream that stands."""
        for wire in self.standing:
            await wire.send(sse_event(message, event_id))

    async def stand(self, wire: Wire, *said: dict[str, Any]) -> None:
        """Let a stream stand there, until the peer hangs up."""
        await wire.send(SSE_HEAD + b"".join(map(sse_event, said)))
        self.standing.append(wire)
        self._happened.set()
        try:
            await wire.closed_by_peer()
        finally:
            self.standing.remove(wire)

    def forget_sessions(self) -> None:
        """Lose all legacy sessions, as a restart would."""
        self.sessions.clear()

    async def until(self, holds: Callable[[], object]) -> None:
        """Return once that holds; looks again whenever something arrived or hung up. Five seconds at most."""
        async with asyncio.timeout(5):
            while not holds():
                self._happened.clear()
                await self._happened.wait()

    # --- its life

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._ssl, limit=2**26)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self.connections += 1
        number = self.connections
        try:
            if self.greeting is not None:
                writer.write(self.greeting)
            while arrived := await _read_request(reader, number):
                self.arrived.append(arrived)
                self._happened.set()
                wire = Wire(reader, writer)
                await self._answer(arrived, wire)
                if not wire.keeps_open:
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.hang_ups += 1
            self._happened.set()
            self._open.discard(task)
            writer.close()

    # --- its answers

    async def _answer(self, arrived: Arrived, wire: Wire) -> None:
        if self.bearer is not None and arrived.bearer != self.bearer:
            await wire.send(http_answer(b"", status="401 Unauthorized"))
            return
        if behaviour := self._behaviours.get(arrived.method or arrived.verb):
            await behaviour(arrived, wire)
            return
        if arrived.headers.get("mcp-protocol-version", LEGACY[1]) in LEGACY:
            await self._answer_legacy(arrived, wire)
        else:
            await self._answer_modern(arrived, wire)

    async def _answer_legacy(self, arrived: Arrived, wire: Wire) -> None:
        session = arrived.headers.get("mcp-session-id")
        if arrived.verb == "GET" and self.stands:
            await self.stand(wire)
            return
        if arrived.verb == "GET":
            await wire.send(http_answer(b"", status="405 Method Not Allowed"))
            return
        if arrived.verb == "DELETE":
            known = self.sessions.pop(session or "", None) is not None
            await wire.send(http_answer(b"", status="200 OK" if known else "404 Not Found"))
            return
        if not self.script.serves("legacy"):
            await self._send_error(arrived, wire, 400, -32022, "Unsupported protocol version", supported=[MODERN])
            return
        head = ""
        if arrived.method == "initialize":
            if self.issues_sessions:
                self._next_session += 1
                session = f"session-{self._next_session}"
                self.sessions[session] = self.script.version
                head = f"Mcp-Session-Id: {session}\r\n"
        elif self.issues_sessions and session is None:
            await self._send_error(arrived, wire, 400, -32600, "Bad Request: Missing session ID")
            return
        elif self.issues_sessions and session not in self.sessions:
            await self._send_error(arrived, wire, 404, -32600, "Session not found")
            return
        if "id" not in arrived.message or arrived.method is None:
            await wire.send(http_answer(b"", status="202 Accepted"))
            return
        await self._send(arrived, wire, self.script.respond(arrived.method, arrived.params, "legacy"), head=head)

    async def _answer_modern(self, arrived: Arrived, wire: Wire) -> None:
        version = arrived.headers.get("mcp-protocol-version")
        if not self.script.serves("modern"):
            await self._send_error(arrived, wire, 400, -32600, "Bad Request: Missing session ID")
        elif arrived.verb != "POST":
            await wire.send(http_answer(b"", status="405 Method Not Allowed"))
        elif version != MODERN:
            await self._send_error(arrived, wire, 400, -32022, "Unsupported protocol version", supported=[MODERN])
        elif "id" not in arrived.message or arrived.method is None:
            await wire.send(http_answer(b"", status="202 Accepted"))
        elif arrived.headers.get("mcp-method") != arrived.method or (
            arrived.method in NAMED and arrived.headers.get("mcp-name") != arrived.params.get(NAMED[arrived.method])
        ):
            await self._send_error(arrived, wire, 400, -32020, "Header mismatch")
        elif arrived.method == "subscriptions/listen":
            await self.stand(wire, self.script.acknowledge(arrived.message["id"], arrived.params))
        else:
            await self._send(arrived, wire, self.script.respond(arrived.method, arrived.params, "modern"), modern=True)

    async def _send_error(
        self, arrived: Arrived, wire: Wire, status: int, code: int, message: str, **data: Any
    ) -> None:
        more = {"data": data} if data else {}
        body = {"jsonrpc": "2.0", "id": arrived.message.get("id"), **error(code, message, **more)}
        await wire.send(http_answer(json.dumps(body).encode(), status=f"{status} Refused"))

    async def _send(
        self, arrived: Arrived, wire: Wire, answer: dict[str, Any], *, head: str = "", modern: bool = False
    ) -> None:
        body = json.dumps({"jsonrpc": "2.0", "id": arrived.message["id"], **answer}).encode()
        code = answer.get("error", {}).get("code")
        status = {-32602: "400 Bad Request", -32601: "404 Not Found"}.get(code, "200 OK") if modern else "200 OK"
        notices = self.announces if arrived.method in self.announces_with else []
        if (self.answer_as == "json" and not notices) or not status.startswith("200"):
            await wire.send(http_answer(body, status=status, head=head))
            return
        said = [*(json.dumps({"jsonrpc": "2.0", "method": method}).encode() for method in notices), body]
        event = b"".join(b"event: message\r\ndata: " + one + b"\r\n\r\n" for one in said)
        lines = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n{head}\r\n"
        await wire.send(lines.encode() + b"%x\r\n%b\r\n" % (len(event), event))
        await wire.send(b"0\r\n\r\n")


async def _read_request(reader: asyncio.StreamReader, number: int) -> Arrived | None:
    """Read one request, or nothing when the peer is gone."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    message = json.loads(body) if body else {}
    return Arrived(verb=first.split(" ")[0], headers=headers, message=message, body=body, number=number)
