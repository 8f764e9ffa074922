"""What we say to tool servers, byte for byte.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final

from mediator.canonical import canonical_bytes, parse_object
from mediator.wire import speech
from mediator.wire.methods import Era, ListMethod
from tests.promises import promise

MODERN: Final = speech.modern("1.2")
LEGACY: Final = speech.legacy("1.2", "2025-06-18")
TRACE: Final = speech.traceparent_of("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
ENVELOPE: Final = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "mcp-mediator", "version": "1.2"},
}


@promise("P1")
def test_a_forwarded_call_is_rebuilt_of_the_name_the_judged_bytes_and_what_is_ours() -> None:
    """Ours (decided = forwarded): nothing else of what the agent sent is in it."""
    arguments = canonical_bytes({"path": "/a", "n": 1})

    body = speech.call_message(MODERN, 7, "read\n", arguments, TRACE)

    assert parse_object(body) == {
        "jsonrpc": "2.0",
        "id": 7,
        "method": "tools/call",
        "params": {
            "name": "read\n",
            "arguments": {"path": "/a", "n": 1},
            "_meta": {**ENVELOPE, "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
        },
    }
    assert arguments in body
    assert canonical_bytes(parse_object(body)) == body


def test_a_legacy_call_has_our_trace_context_and_no_envelope() -> None:
    """MCP before 2026-07-28 has no envelope; SEP-414 puts the trace context into `_meta` in both eras."""
    body = parse_object(speech.call_message(LEGACY, 1, "read", b"{}", TRACE))

    assert body["params"] == {"name": "read", "arguments": {}, "_meta": {"traceparent": TRACE}}


def test_we_declare_no_capability_in_either_era() -> None:
    """Ours: what a client does not declare, a server must not ask of it."""
    initialize = parse_object(speech.initialize_message(1, "1.2"))
    discover = parse_object(speech.discover_message(1, "1.2"))

    assert initialize["params"] == {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "mcp-mediator", "version": "1.2"},
    }
    assert discover == {"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": ENVELOPE}}


def test_a_page_is_asked_for_by_its_cursor_even_by_an_empty_one() -> None:
    """MCP pagination: cursors are opaque, and the empty string is one."""
    first = parse_object(speech.list_message(LEGACY, 1, ListMethod.TOOLS, None))
    next_one = parse_object(speech.list_message(LEGACY, 2, ListMethod.PROMPTS, ""))
    modern = parse_object(speech.list_message(MODERN, 3, ListMethod.TOOLS, "x"))

    assert first == {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    assert next_one["params"] == {"cursor": ""}
    assert modern["params"] == {"cursor": "x", "_meta": ENVELOPE}


def test_the_rest_of_what_we_send_is_this() -> None:
    """Ours (P1): the mediator's own messages are a closed table."""
    assert parse_object(speech.initialized_message()) == {"jsonrpc": "2.0", "method": "notifications/initialized"}
    assert parse_object(speech.cancelled_message(9)) == {
        "jsonrpc": "2.0",
        "method": "notifications/cancelled",
        "params": {"requestId": 9},
    }
    assert parse_object(speech.refusal_message("q")) == {
        "jsonrpc": "2.0",
        "id": "q",
        "error": {"code": -32601, "message": "Method not found"},
    }


def test_a_tongue_says_its_era_and_version() -> None:
    """Ours."""
    assert (MODERN.era, MODERN.version) == (Era.MODERN, "2026-07-28")
    assert (LEGACY.era, LEGACY.version) == (Era.LEGACY, "2025-06-18")
    assert speech.legacy("1").version == "2025-11-25"
