"""The two ends of a measured process, in this one: agents' connections before it, a tool server behind it.

Both are raw protocols on the same loop, and what they cost is not counted: the process between them is asked for its
own CPU time. Every connection sends its next call when the last one was answered, as an agent does.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.core import DEFINITION, a_body, a_result, head_of, large_result
from mediator.canonical import JsonObject, canonical_bytes

CONNECTIONS = 16
_HERE = Path(__file__).resolve().parent
_ID = re.compile(rb'"id":([0-9]+)')
_IDENTITY: JsonObject = {"resultType": "complete", "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "files"}}}


class ToolServer:
    """A tool server that knows its answers before it is asked; `is_large` says which one a call gets."""

    def __init__(self, large: JsonObject | None = None) -> None:
        self.is_large = False
        self.calls = 0
        self._small = canonical_bytes({**a_result(2), **_IDENTITY})
        self._large = canonical_bytes({**(large or large_result()), **_IDENTITY})
        told: JsonObject = {"ttlMs": 0, "cacheScope": "private", **_IDENTITY}
        self._listing = canonical_bytes({"tools": [DEFINITION], **told})
        self._introduction = canonical_bytes(
            {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, **told}
        )

    def answer(self, body: bytes) -> bytes:
        found = _ID.search(body)
        number = b"1" if found is None else found[1]
        if b'"method":"tools/list"' in body:
            result = self._listing
        elif b'"method":"server/discover"' in body:
            result = self._introduction
        else:
            self.calls += 1
            result = self._large if self.is_large else self._small
        return b'{"id":%b,"jsonrpc":"2.0","result":%b}' % (number, result)


class Messages(asyncio.Protocol):
    """Bytes in, whole HTTP messages (head, body) out; each has a `Content-Length`."""

    def __init__(self) -> None:
        self._came = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert hasattr(transport, "write")  # uvloop's is a transport in all but name
        self.write = transport.write

    def data_received(self, data: bytes) -> None:
        self._came += data
        while b"\r\n\r\n" in self._came:
            head, _, rest = self._came.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            if len(rest) < length:
                return
            self._came = rest[length:]
            self.take(head, rest[:length])

    def take(self, head: bytes, body: bytes) -> None:
        raise NotImplementedError


class _Served(Messages):
    def __init__(self, server: ToolServer) -> None:
        super().__init__()
        self._server = server

    def take(self, head: bytes, body: bytes) -> None:
        answer = self._server.answer(body)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer)
        self.write(head + answer)


@asynccontextmanager
async def serving(server: ToolServer) -> AsyncIterator[int]:
    """Serve it on a free port of 127.0.0.1."""
    listening = await asyncio.get_running_loop().create_server(lambda: _Served(server), "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()


@dataclass(slots=True)
class _Load:
    """So many calls, over all connections."""

    left: int
    unanswered: int
    done: asyncio.Future[None]


class _Agent(Messages):
    """One agent's connection."""

    def __init__(self, request: bytes) -> None:
        super().__init__()
        self._request = request
        self._load: _Load | None = None

    def begin(self, load: _Load) -> None:
        self._load = load
        self._send(load)

    def take(self, head: bytes, body: bytes) -> None:
        load = self._load
        assert load is not None
        if not head.startswith(b"HTTP/1.1 200") or b'"isError":true' in body or b'"error"' in body:
            load.done.set_exception(RuntimeError(f"not answered as expected: {(head + body)[:600]!r}"))
            return
        load.unanswered -= 1
        if load.unanswered == 0:
            load.done.set_result(None)
        self._send(load)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - however it was lost
        if self._load is not None and not self._load.done.done():
            self._load.done.set_exception(RuntimeError("the measured process closed a connection"))

    def _send(self, load: _Load) -> None:
        if load.left > 0:
            load.left -= 1
            self.write(self._request)


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A measured process, and the connections to it."""

    process: subprocess.Popen[bytes]
    agents: list[_Agent] = field(default_factory=list)

    def figure(self) -> int:
        """Ask for what it measures, its CPU time so far in ns where that is nothing else; nothing is under way meanwhile, so that waiting here holds nobody up."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"?\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    async def cost(self, calls: int) -> float:
        """Make so many calls, and return the CPU time that each took there, in microseconds."""
        before = self.figure()
        await self.call(calls)
        return (self.figure() - before) / calls / 1000

    async def call(self, calls: int) -> None:
        """Make so many calls."""
        load = _Load(left=calls, unanswered=calls, done=asyncio.get_running_loop().create_future())
        for agent in self.agents[:calls]:
            agent.begin(load)
        async with asyncio.timeout(30):
            await load.done


@contextmanager
def _started(mode: str, tool_port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    folder.mkdir(mode=0o700)
    argv = [sys.executable, str(_HERE / "child.py"), mode, str(tool_port), str(folder)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_HERE.parent) as process:
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


@asynccontextmanager
async def child(mode: str, tool_port: int, folder: Path) -> AsyncIterator[Child]:
    """Start a measured process and connect to it."""
    with _started(mode, tool_port, folder) as process:
        assert process.stdout is not None
        loop = asyncio.get_running_loop()
        told = json.loads(await loop.run_in_executor(None, process.stdout.readline) or b"{}")
        if not told:
            message = f"the process `{mode}` did not start"
            raise RuntimeError(message)
        head = "".join(f"{name}: {value}\r\n" for name, value in head_of(told.get("token", "x" * 600)))
        request = b"POST /mcp HTTP/1.1\r\n" + head.encode() + b"\r\n" + a_body()
        agents = []
        for _ in range(CONNECTIONS):
            _, agent = await loop.create_connection(lambda: _Agent(request), "127.0.0.1", told["port"])
            agents.append(agent)
        started = Child(process=process, agents=agents)
        await started.cost(CONNECTIONS)  # a connection that says nothing for ten seconds is closed
        yield started
