"""JSONTestSuite through the whole mediator: what is no JSON is refused at the door, what is one arrives as it was sent.

The corpus stands with its licence in `tests/data/json_test_suite`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from mediator.canonical import canonical_bytes, parse_json, parse_object
from tests.promises import promise
from tests.simulated.replies import tools_call
from tests.simulated.running import Running, reason_in, running
from tests.simulated.tool_server import SimulatedToolServer, tool

CORPUS: Final = Path(__file__).resolve().parents[1] / "data" / "json_test_suite" / "test_parsing"
ECHO: Final = tool("echo", inputSchema={"type": "object", "properties": {"value": {}}})
TWICE: Final = {"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}  # refused on purpose
HEADERS: Final = {"mcp_protocol_version": "2026-07-28", "mcp_method": "tools/call", "mcp_name": "json__echo"}
MARK: Final = b'"<here>"'
AROUND: Final = canonical_bytes(tools_call("json__echo", value="<here>"))


def opened(_server: str, manifest: dict[str, Any]) -> None:
    """Its owner says that the value may be anything."""
    manifest["tools"][0]["opens"] = ["/properties/value"]


async def echoed(mediator: Running, raw: bytes) -> bytes:
    """Return the canonical form of what the echo tool gave back for this text as its argument."""
    answer = await mediator.post(AROUND.replace(MARK, raw), **HEADERS)
    result = parse_object(answer.content)["result"]
    assert isinstance(result, dict)
    content = result["structuredContent"]
    assert isinstance(content, dict), result
    return canonical_bytes(content["value"])


@promise("P1", "P7", "P11")
async def test_each_text_is_refused_or_arrives_as_it_was_sent(tmp_path: Path) -> None:
    """Issue 2, must show 6; RFC 8785 says when two JSON values are equal."""
    texts = {file.name: file.read_bytes() for file in sorted(CORPUS.glob("*.json"))}
    wrong = {name: raw for name, raw in texts.items() if name.startswith("n_")}
    right = {name: raw for name, raw in texts.items() if name.startswith("y_") and name not in TWICE}
    assert (len(wrong), len(right)) == (188, 93)

    async with running(tmp_path, {"json": SimulatedToolServer(tools=[ECHO])}, declare=opened) as mediator:
        for name, raw in wrong.items():
            answer = await mediator.post(raw, **HEADERS)
            told = (answer.status_code, answer.json()["error"]["code"], reason_in(answer))
            assert told in {(400, -32700, "MALFORMED"), (413, -32600, "BODY_TOO_LARGE")}, name
        assert mediator.servers["json"].calls == []

        for name, raw in right.items():
            assert (name, await echoed(mediator, raw)) == (name, canonical_bytes(parse_json(raw)))
        assert len(mediator.servers["json"].calls) == len(right)

        for name in TWICE:
            answer = await mediator.post(AROUND.replace(MARK, texts[name]), **HEADERS)
            assert (name, answer.json()["error"]["code"]) == (name, -32700)
        assert await echoed(mediator, b"-0") == b"0"
        assert await echoed(mediator, b"1.0") == b"1"
