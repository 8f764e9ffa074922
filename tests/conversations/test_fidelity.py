"""Nothing of a result is lost or added on the way: through the mediator it equals what the server says directly.

Over real servers that nobody here wrote (`make test` installs them into an environment of their own), one on the SDK,
and a simulated one that says more than the protocol knows. Both are asked raw, in the same era.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import anyio
import httpx2
import pytest

from mediator.canonical import canonical_bytes, parse_json
from mediator.cli.demo.stage import make_repository
from tests.promises import promise
from tests.simulated.replies import tools_call
from tests.simulated.running import Running, message_in, running
from tests.simulated.tool_server import SimulatedToolServer, tool

SERVERS: Final = Path(__file__).resolve().parents[2] / ".venv-servers" / "bin"
OURS: Final = {"resultType", "ttlMs", "cacheScope"}  # design 5.7 and issue 2: said anew for each side
LEGACY: Final = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
CALLS: Final[Mapping[str, tuple[tuple[str, dict[str, Any]], ...]]] = {
    "clock": (
        ("convert_time", {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}),
        ("get_current_time", {"timezone": "Nowhere/Land"}),
    ),
    "repo": (("git_log", {"repo_path": "<repo>"}), ("git_status", {"repo_path": "<repo>"})),
}
SAYS_MORE: Final[dict[str, Any]] = {
    "content": [
        {"type": "text", "text": "é", "annotations": {"audience": ["user"]}, "x-vendor": 1},
        {"type": "from-the-future", "data": [1.5, None, True], "_meta": {"com.example/kept": 1}},
    ],
    "structuredContent": {"n": 12345678901234567890.0, "deep": [{"a": None}]},
    "isError": False,
    "x-unknown": {"kept": []},
    "_meta": {"com.example/kept": {"a": 1}},
}


def without_ours(result: dict[str, Any]) -> dict[str, Any]:
    """Leave out what each side says of its own: the tags of the era, the server's identity, trace context."""
    meta = {key: value for key, value in result.get("_meta", {}).items() if not key.startswith("io.modelcontext")}
    rest = {key: value for key, value in result.items() if key not in OURS and key != "_meta"}
    return {**rest, "_meta": meta} if meta else rest


def as_json(value: dict[str, Any]) -> bytes:
    """Return the value as RFC 8785 has it: there, a number is a double, however a reader holds it."""
    return canonical_bytes(parse_json(json.dumps(value).encode()))


class Direct:
    """A stdio server, asked raw in the legacy era."""

    def __init__(self, process: anyio.abc.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin, self._stdout = process.stdin, anyio.streams.buffered.BufferedByteReceiveStream(process.stdout)
        self._id = 0

    async def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._id += 1
        message = {"jsonrpc": "2.0", "id": self._id, "method": method, "params": params}
        await self._stdin.send(json.dumps(message).encode() + b"\n")
        while True:
            answer = json.loads(await self._stdout.receive_until(b"\n", 1 << 20))
            if answer.get("id") == self._id:
                return dict(answer["result"])

    async def begin(self) -> None:
        await self.ask("initialize", LEGACY)
        await self._stdin.send(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')


@asynccontextmanager
async def direct(*command: str) -> AsyncIterator[Direct]:
    async with await anyio.open_process(command, stderr=subprocess.DEVNULL) as process:
        try:
            asked = Direct(process)
            with anyio.fail_after(30):
                await asked.begin()
                yield asked
        finally:
            process.terminate()


async def through(mediator: Running, name: str, arguments: dict[str, Any], *, legacy: bool) -> dict[str, Any]:
    """Return the result through the mediator, asked raw."""
    if not legacy:
        return dict(message_in(await mediator.post(tools_call(name, **arguments)))["result"])
    opened = await mediator.post(_bytes({"id": 1, "method": "initialize", "params": LEGACY}))
    session = {"mcp_session_id": opened.headers["mcp-session-id"], "mcp_protocol_version": "2025-11-25"}
    call = _bytes({"id": 2, "method": "tools/call", "params": {"name": name, "arguments": arguments}})
    return dict(message_in(await mediator.post(call, **session))["result"])


def _bytes(message: dict[str, Any]) -> bytes:
    return canonical_bytes({"jsonrpc": "2.0", **message})


@promise("P1", "P11")
async def test_real_servers_say_the_same_through_the_mediator(tmp_path: Path) -> None:
    """Issue 2, must show 7."""
    if not SERVERS.is_dir():
        pytest.skip("`make test` installs mcp-server-time and mcp-server-git into .venv-servers")
    repository = tmp_path / "garden"
    make_repository(repository)
    commands = {
        "clock": [str(SERVERS / "mcp-server-time")],
        "repo": [str(SERVERS / "mcp-server-git"), "--repository", str(repository)],
    }
    others = {name: ("--command", " ".join(command)) for name, command in commands.items()}
    async with running(tmp_path, {}, others=others) as mediator:
        for name, calls in CALLS.items():
            async with direct(*commands[name]) as server:
                for called, given in calls:
                    arguments = {key: str(value).replace("<repo>", str(repository)) for key, value in given.items()}
                    said = await server.ask("tools/call", {"name": called, "arguments": arguments})
                    for legacy in (True, False):
                        passed = await through(mediator, f"{name}__{called}", arguments, legacy=legacy)
                        assert without_ours(passed) == without_ours(said), (name, called, legacy)


@promise("P1", "P11")
@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_what_the_protocol_does_not_know_passes_too(tmp_path: Path, era: str) -> None:
    """Issue 2: no field of a result is lost on the way."""
    server = SimulatedToolServer(tools=[tool("say")], era=era)  # type: ignore[arg-type]  # one of its literals
    server.answer_with("say", SAYS_MORE)
    async with running(tmp_path, {"tools": server}) as mediator:
        for legacy in (True, False):
            passed = without_ours(await through(mediator, "tools__say", {"text": "x"}, legacy=legacy))
            assert as_json(passed) == as_json(SAYS_MORE)


@promise("P1", "P11")
async def test_a_server_on_the_sdk_says_the_same_through_the_mediator(tmp_path: Path) -> None:
    """Issue 2, must show 7: the demo's own server over HTTP."""
    command = [sys.executable, "-m", "mediator.cli.demo.notes_server", "--log", str(tmp_path / "log")]
    async with await anyio.open_process(command, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            with anyio.fail_after(30):
                url = f"http://127.0.0.1:{int(await process.stdout.receive())}/mcp"
            async with running(tmp_path, {}, others={"notes": ("--url", url)}) as mediator:
                call = tools_call("read_note", path="/notes/today.md")
                headers = {
                    "accept": "application/json, text/event-stream",
                    "content-type": "application/json",
                    "mcp-protocol-version": "2026-07-28",
                    "mcp-method": "tools/call",
                    "mcp-name": "read_note",
                }
                async with httpx2.AsyncClient() as http:
                    said = message_in(await http.post(url, content=canonical_bytes(call), headers=headers))["result"]
                passed = await through(mediator, "notes__read_note", {"path": "/notes/today.md"}, legacy=False)
                assert without_ours(passed) == without_ours(said)
                assert passed["structuredContent"] == {"result": "water the plants"}
        finally:
            process.terminate()
