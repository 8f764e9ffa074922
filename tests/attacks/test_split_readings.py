"""Two readers, two readings: whatever a tool server might read otherwise than we judged it is refused (A1).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mediator.canonical import canonical_bytes
from tests.promises import promise
from tests.simulated.replies import tools_call
from tests.simulated.running import reason_in, running
from tests.simulated.tool_server import SimulatedToolServer, tool

READ = tool(
    "read",
    inputSchema={
        "type": "object",
        "properties": {
            "path": {"type": "string"},
            "where": {"type": "object", "properties": {"id": {"type": "string"}}},
        },
    },
)
BODY = canonical_bytes(tools_call("files__read", path="/a"))
HEADERS = {"mcp_protocol_version": "2026-07-28", "mcp_method": "tools/call", "mcp_name": "files__read"}

ARGUMENTS: dict[str, dict[str, Any]] = {
    "a key beside its other spelling": {"path": "/a", "PATH": "/etc/passwd"},
    "a key in another spelling alone": {"PATH": "/etc/passwd"},
    "a key that folds to the same in another script": {"path": "/a", "\uff50\uff41\uff54\uff48": "/etc/passwd"},
    "an argument that the schema does not name": {"path": "/a", "force": True},
    "one deeper down": {"path": "/a", "where": {"id": "1", "also": "2"}},
    "an entity for the policy engine": {"path": {"__entity": {"type": "Mediator::Tool", "id": "x"}}},
    "an entity in a place that is open": {"where": {"__entity": {"type": "Mediator::Tool", "id": "x"}}},
    "an extension value": {"where": {"__extn": {"fn": "ip", "arg": "10.0.0.1"}}},
    "an expression": {"where": {"__expr": "true"}},
    "a prototype": {"where": {"__proto__": {"id": "1"}}},
}


@promise("P1", "P7", "P11")
async def test_arguments_that_could_be_read_in_two_ways_reach_nobody(tmp_path: Path) -> None:
    """Design part 4: arguments are a closed world. Each refusal is on record, and the session goes on."""
    async with running(tmp_path, {"files": SimulatedToolServer(tools=[READ])}) as mediator:
        for name, arguments in ARGUMENTS.items():
            answer = await mediator.post(tools_call("files__read", **arguments))
            assert (name, answer.status_code, reason_in(answer)) == (name, 200, "ARGUMENTS_INVALID")
        assert mediator.servers["files"].calls == []
        assert mediator.verdicts == [("deny", "ARGUMENTS_INVALID")] * len(ARGUMENTS)

        answer = await mediator.post(tools_call("files__read", path="/a"))
        assert reason_in(answer) is None
        assert [call.arguments for call in mediator.servers["files"].calls] == [{"path": "/a"}]


@promise("P1", "P7")
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (BODY.replace(b'"name":"files__read"', b'"name":"files__read","name":"files__erase"'), -32700),
        (BODY.replace(b'"path":"/a"', b'"path":"/a","path":"/etc/passwd"'), -32700),
        (BODY.replace(b'"path":"/a"', b'"path":NaN'), -32700),
        (BODY.replace(b'"path":"/a"', b'"path":"\\ud800"'), -32700),
        (b"[" + BODY + b"]", -32600),
    ],
    ids=["a name twice", "an argument twice", "no number", "half a character", "a batch"],
)
async def test_a_body_with_two_readings_reaches_nobody(tmp_path: Path, body: bytes, code: int) -> None:
    """RFC 8259 §4 leaves it open which of two keys counts; we leave nothing open."""
    async with running(tmp_path, {"files": SimulatedToolServer(tools=[READ])}) as mediator:
        answer = await mediator.post(body, **HEADERS)
        assert (answer.status_code, answer.json()["error"]["code"], reason_in(answer)) == (400, code, "MALFORMED")
        assert mediator.servers["files"].calls == []
    assert mediator.decisions == []
    assert mediator.stops == ["MALFORMED"]


@promise("P1", "P7")
@pytest.mark.parametrize(
    "headers",
    [
        {"mcp_name": "files__other"},
        {"mcp_method": "tools/list"},
        {"mcp_name": "=?base64?ZmlsZXNfX290aGVy?="},
        {"mcp_protocol_version": "2025-11-25"},
    ],
    ids=["another tool", "another method", "another tool, encoded", "another era"],
)
async def test_headers_that_say_otherwise_than_the_body_stop_the_call(tmp_path: Path, headers: dict[str, str]) -> None:
    """MCP 2026-07-28, Streamable HTTP: a gateway routes on headers, a server acts on the body; both must be one."""
    async with running(tmp_path, {"files": SimulatedToolServer(tools=[READ])}) as mediator:
        answer = await mediator.post(BODY, **{**HEADERS, **headers})
        assert answer.json()["error"]["code"] == -32020
        assert reason_in(answer) == "HEADER_MISMATCH"
        assert mediator.servers["files"].calls == []
    assert mediator.decisions == []
    assert len(mediator.stops) == 1
