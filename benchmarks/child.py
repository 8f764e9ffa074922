"""One process that is measured from outside, between an agent and a tool server.

    python benchmarks/child.py MODE TOOL_PORT FOLDER

- `bare`: the least that a proxy in this language costs. uvicorn and raw ASGI in front, a raw connection behind.
- `edge`: our edge in front and our HTTP client behind, and nothing between: what comes is passed through, unjudged.
- `whole`: a whole mediator, everything on.
- `here`, `apart`: the same, and large answers are inspected in its loop, or in a process of their own.

It says where it listens in one line of JSON, then answers each line on stdin with its CPU time so far, in ns; the last
two with the longest time that their loop kept anybody waiting since they were asked last.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path

import anyio
from uvicorn.config import Config
from uvicorn.server import Server

from benchmarks.core import DEFINITION, NAME, a_body, a_result, large_result, open_core
from mediator.adapters.inspection_processes.pool import InspectionProcesses
from mediator.adapters.tool_servers_http.address import parse_address
from mediator.adapters.tool_servers_http.calling import Forward, begin_call
from mediator.adapters.tool_servers_http.channel import Channel, Heard
from mediator.adapters.tool_servers_http.eras import Voice
from mediator.adapters.tool_servers_http.limits import HttpLimits
from mediator.adapters.tool_servers_http.pool import Pool
from mediator.adapters.tool_servers_http.visit import Visit
from mediator.canonical import DEFAULT_LIMITS, JsonObject, canonical_bytes, digest_of, parse_object
from mediator.edge.asgi import BodyLimits, Receive, Scope, Send
from mediator.edge.door import Answers, Door
from mediator.edge.gate import make_gate
from mediator.edge.http_facts import HttpFacts
from mediator.edge.serve import listen, serve_http
from mediator.edge.sessions import Sessions
from mediator.edge.streamable_http import StreamableHttp
from mediator.inspection.release import inspect
from mediator.inspection.result import Ask, ToolResult
from mediator.kind import ItemKind
from mediator.mediation.ports import Caller
from mediator.mediation.reply import Reply, ServerFacts, reply_with
from mediator.refusal import Refused
from mediator.settings.sections import LimitSettings
from mediator.wire.arrival import Arrival, Transport
from mediator.wire.frame import Frame
from mediator.wire.hearing import HearingLimits
from mediator.wire.jsonrpc import Notification
from mediator.wire.methods import CallMethod, Era
from mediator.wire.speech import Forwarded, modern, traceparent_of
from tests.simulated.pins import pinned
from tests.simulated.world import BASE_URL

_TICK_SECONDS = 0.001
_LARGE = 4096  # bytes: what is more is the large result


class _Nobody:
    """Hears nothing beside an answer."""

    async def tell(self, notification: Notification) -> None:
        """Drop it."""

    async def pause(self) -> None:
        """It is not let go."""

    def judge(self, ask: Ask) -> JsonObject | None:
        raise NotImplementedError(ask)


class PassThrough:
    """Stands where the corridor is: makes the call that came, unread, and replies with what was ready before."""

    def __init__(self, tool_url: str) -> None:
        address, limits = parse_address(tool_url), HttpLimits()
        self._voice = Voice(
            channel=Channel(address, Pool(address, limits, None), limits, "0"), limits=limits, client_version="0"
        )
        self._visit = Visit(tongue=modern("0"), credential=None)
        params = parse_object(a_body())["params"]
        assert isinstance(params, dict)
        self._forward = Forward(
            forwarded=Forwarded(
                method=CallMethod.TOOL,
                kind=ItemKind.TOOL,
                name="search",
                arguments=canonical_bytes(params["arguments"]),
                traceparent=traceparent_of("a" * 32, "b" * 16),
            ),
            definition=DEFINITION,
            digest=digest_of(DEFINITION),
            result_bytes_max=1 << 24,
            spring=lambda: None,
        )
        self._small, self._large = _ready(2), _ready(None)

    async def answer(self, arrival: Arrival, caller: Caller) -> Reply:  # noqa: ARG002 - passed through, unread
        calling = await begin_call(self._voice, self._visit, self._forward)
        heard = await calling.hear(_Nobody(), 60)
        assert isinstance(heard, Heard)
        assert heard.answer is not None
        return self._large if heard.answer.size_bytes > _LARGE else self._small

    def holder_of(self, arrival: Arrival) -> str:
        raise NotImplementedError

    def listener_of(self, arrival: Arrival) -> str:
        raise NotImplementedError

    async def learns(self, arrival: Arrival, stop: Refused) -> bool:
        raise NotImplementedError


def _ready(matches: int | None) -> Reply:
    result = large_result() if matches is None else a_result(matches)
    frame = Frame(request_id=1, era=Era.MODERN, version="2026-07-28", transport=Transport.HTTP, method="tools/call")
    released = inspect(
        ToolResult(result=result, error=None, size_bytes=1, noise=0), pinned(DEFINITION), CallMethod.TOOL, 1 << 24
    )
    return reply_with(frame, released, _facts())


def _facts() -> ServerFacts:
    return ServerFacts(version="0.1.0", metadata_url=f"{BASE_URL}/.well-known/oauth-protected-resource")


class Stalls:
    """Measures how long a loop keeps everybody waiting: something that is due every millisecond, and how late it is."""

    def __init__(self) -> None:
        self._loop, self._longest, self._due = asyncio.get_running_loop(), 0.0, 0.0
        self._wait()

    def take_ns(self) -> int:
        """Return the longest that there was since this was asked last."""
        longest, self._longest = self._longest, 0.0
        return round(longest * 1e9)

    def _wait(self) -> None:
        self._due = time.monotonic() + _TICK_SECONDS
        self._loop.call_later(_TICK_SECONDS, self._come)

    def _come(self) -> None:
        self._longest = max(self._longest, time.monotonic() - self._due)
        self._wait()


async def serve(answers: Answers, said: dict[str, str], figure: Callable[[], int] = time.process_time_ns) -> None:
    """Serve the edge in front of these answers, as `mediator serve` does."""
    door = Door(answers=answers, facts=_facts(), count=lambda _source, _reason: None, json_limits=DEFAULT_LIMITS)
    listener, limits = listen("127.0.0.1", 0), LimitSettings()
    port = listener.getsockname()[1]
    facts = HttpFacts(
        base_url=BASE_URL,
        hosts=frozenset({"127.0.0.1:8080"}),
        origins=frozenset(),
        issuers=(BASE_URL,),
        body=BodyLimits(bytes_max=4 << 20, first_byte_seconds=10, seconds=30),
        sse_after_seconds=1,
        sse_keep_alive_seconds=15,
    )
    app = StreamableHttp(door, Sessions(time.monotonic, new_outbox=door.new_outbox), facts, lambda: True)
    async with anyio.create_task_group() as doors:
        await doors.start(
            partial(serve_http, app, listener, make_gate(limits, door, lambda: 0), idle_seconds=600, grace_seconds=1)
        )
        await report(port, said, figure)
        doors.cancel_scope.cancel()


async def edge(tool_port: int, _folder: Path) -> None:
    """Pass through, by our own edge and client."""
    await serve(PassThrough(f"http://127.0.0.1:{tool_port}/mcp"), {})


async def whole(tool_port: int, folder: Path) -> None:
    """Mediate."""
    async with open_core(folder, tool_url=f"http://127.0.0.1:{tool_port}/mcp") as core:
        await serve(core.corridor, {"token": core.token})


async def here(tool_port: int, folder: Path) -> None:
    """Mediate, and let everybody wait for a large answer."""
    async with open_core(folder, tool_url=f"http://127.0.0.1:{tool_port}/mcp") as core:
        await serve(core.corridor, {"token": core.token}, Stalls().take_ns)


async def apart(tool_port: int, folder: Path) -> None:
    """Mediate, and have large answers inspected by another process."""
    inspectors = InspectionProcesses(HearingLimits())
    url = f"http://127.0.0.1:{tool_port}/mcp"
    async with open_core(folder, tool_url=url, inspectors=inspectors) as core, aclosing(inspectors):
        await serve(core.corridor, {"token": core.token}, Stalls().take_ns)


class _Behind(asyncio.Protocol):
    """One raw connection to the tool server: a request out, a response with a `Content-Length` in."""

    def __init__(self) -> None:
        self._came = b""
        self._waiter: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert hasattr(transport, "write")  # uvloop's is a transport in all but name
        self._write: Callable[[bytes], None] = transport.write

    def ask(self, request: bytes) -> Awaitable[bytes]:
        self._waiter = asyncio.get_running_loop().create_future()
        self._write(request)
        return self._waiter

    def data_received(self, data: bytes) -> None:
        self._came += data
        head, _, body = self._came.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) == length and self._waiter is not None:
            self._came = b""
            self._waiter.set_result(body)


class Bare:
    """The ASGI application of the bare proxy."""

    def __init__(self, tool_port: int) -> None:
        self._port, self._idle = tool_port, list[_Behind]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as little as possible
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        if self._idle:
            behind = self._idle.pop()
        else:
            _, behind = await asyncio.get_running_loop().create_connection(_Behind, "127.0.0.1", self._port)
        head = b"POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: %d\r\n\r\n" % len(body)
        answer = await behind.ask(head + body)
        self._idle.append(behind)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


async def bare(tool_port: int, _folder: Path) -> None:
    """Pass through, by as little as possible."""
    listener = listen("127.0.0.1", 0)
    config = Config(
        Bare(tool_port),
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_keep_alive=600,
    )
    server = Server(config)
    async with anyio.create_task_group() as serving:
        serving.start_soon(server.serve, [listener])
        await report(listener.getsockname()[1], {})
        server.should_exit = True


async def report(port: int, said: dict[str, str], figure: Callable[[], int] = time.process_time_ns) -> None:
    """Say where it listens; then, for each line that is read, a figure. Return when stdin ends."""
    ended = anyio.Event()

    def tell() -> None:
        if os.read(0, 64):
            os.write(1, b"%d\n" % figure())
        else:
            loop.remove_reader(0)
            ended.set()

    loop = asyncio.get_running_loop()
    os.write(1, json.dumps({"port": port, "name": NAME, **said}).encode() + b"\n")
    loop.add_reader(0, tell)
    await ended.wait()


_MODES = {"bare": bare, "edge": edge, "whole": whole, "here": here, "apart": apart}

if __name__ == "__main__":
    anyio.run(_MODES[sys.argv[1]], int(sys.argv[2]), Path(sys.argv[3]), backend_options={"use_uvloop": True})
