"""What we say to tool servers, byte for byte.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final

import pytest

from mediator.canonical import JsonObject, canonical_bytes, parse_object
from mediator.kind import ItemKind
from mediator.wire import speech
from mediator.wire.methods import CallMethod, Era, ListMethod, LogLevel
from mediator.wire.receiver import TASKS, Capabilities, Receiver, read_capabilities
from mediator.wire.speech import Forwarded
from tests.promises import promise

MODERN: Final = speech.modern("1.2")
LEGACY: Final = speech.legacy("1.2", "2025-06-18")
TRACE: Final = speech.traceparent_of("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
ENVELOPE: Final = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "mcp-mediator", "version": "1.2"},
}


def forwarded(
    name: str,
    arguments: bytes,
    method: CallMethod = CallMethod.TOOL,
    kind: ItemKind = ItemKind.TOOL,
    receiver: Receiver | None = None,
    answers: bytes | None = None,
    state: str | None = None,
) -> Forwarded:
    heard = {} if receiver is None else {"receiver": receiver}
    return Forwarded(
        method=method,
        kind=kind,
        name=name,
        arguments=arguments,
        traceparent=TRACE,
        answers=answers,
        state=state,
        **heard,
    )


@promise("P1")
def test_a_forwarded_call_is_rebuilt_of_the_name_the_judged_bytes_and_what_is_ours() -> None:
    """Ours (decided = forwarded): nothing else of what the agent sent is in it."""
    arguments = canonical_bytes({"path": "/a", "n": 1})

    body = speech.forward_message(MODERN, 7, forwarded("read\n", arguments))

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
    body = parse_object(speech.forward_message(LEGACY, 1, forwarded("read", b"{}")))

    assert body["params"] == {"name": "read", "arguments": {}, "_meta": {"traceparent": TRACE}}


def params_of(body: bytes) -> JsonObject:
    params = parse_object(body)["params"]
    assert isinstance(params, dict)
    return params


def test_a_call_that_is_told_things_says_which_in_the_envelope() -> None:
    """MCP 2026-07-28: capabilities, log level; the progress token is ours, whatever the agent's is."""
    capabilities = read_capabilities({"elicitation": {"form": {}, "x": {}}, "sampling": {}, "x": {}})
    receiver = Receiver(progress_token="theirs", log_level=LogLevel.WARNING, capabilities=capabilities)

    meta = params_of(speech.forward_message(MODERN, 7, forwarded("read", b"{}", receiver=receiver)))["_meta"]
    legacy = params_of(speech.forward_message(LEGACY, 7, forwarded("read", b"{}", receiver=receiver)))["_meta"]

    assert meta == {
        **ENVELOPE,
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}, "sampling": {}},
        "io.modelcontextprotocol/logLevel": "warning",
        "progressToken": 7,
        "traceparent": TRACE,
    }
    assert legacy == {"progressToken": 7, "traceparent": TRACE}


def test_what_is_asked_of_an_mcp_task_names_it_as_its_server_does() -> None:
    """SEP-2663: the id; and with an update the answers that were judged. The extension is declared with each."""
    able = Receiver(capabilities=Capabilities(extensions=(TASKS,)))
    update = forwarded("their-id", b"{}", CallMethod.TASK_UPDATE, receiver=able, answers=b'{"a":{}}')

    params = params_of(speech.forward_message(MODERN, 1, update))

    assert (params["taskId"], params["inputResponses"]) == ("their-id", {"a": {}})
    assert params.keys() == {"taskId", "inputResponses", "_meta"}
    capabilities: JsonObject = {"io.modelcontextprotocol/clientCapabilities": {"extensions": {TASKS: {}}}}
    assert params["_meta"] == {**ENVELOPE, **capabilities, "traceparent": TRACE}


def test_a_call_goes_on_with_answers_and_state_where_the_era_has_rounds() -> None:
    """MCP 2026-07-28, MRTR: the original parameters, the answers, the state; a legacy server never sees them."""
    going_on = forwarded("read", b"{}", answers=b'{"a":{"action":"decline"}}', state="s")

    modern = params_of(speech.forward_message(MODERN, 1, going_on))
    legacy = params_of(speech.forward_message(LEGACY, 1, going_on))

    assert modern["inputResponses"] == {"a": {"action": "decline"}}
    assert modern["requestState"] == "s"
    assert legacy.keys() == {"_meta", "arguments", "name"}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            forwarded("greet", b'{"who":"x"}', CallMethod.PROMPT, ItemKind.PROMPT),
            {"name": "greet", "arguments": {"who": "x"}},
        ),
        (
            forwarded("test://a", b'{"uri":"test://a"}', CallMethod.RESOURCE, ItemKind.RESOURCE),
            {"uri": "test://a"},
        ),
        (
            forwarded("test://a", b'{"uri":"test://a"}', CallMethod.SUBSCRIBE, ItemKind.RESOURCE),
            {"uri": "test://a"},
        ),
        (
            forwarded("greet", b'{"argument":{"name":"who","value":""}}', CallMethod.COMPLETE, ItemKind.PROMPT),
            {"ref": {"type": "ref/prompt", "name": "greet"}, "argument": {"name": "who", "value": ""}},
        ),
        (
            forwarded("t://{id}", b'{"argument":{"name":"id","value":""}}', CallMethod.COMPLETE, ItemKind.RESOURCE),
            {"ref": {"type": "ref/resource", "uri": "t://{id}"}, "argument": {"name": "id", "value": ""}},
        ),
    ],
)
def test_each_method_says_what_it_is_about(asked: Forwarded, said: JsonObject) -> None:
    """MCP 2025-11-25: `server/prompts`, `server/resources`, `server/utilities/completion`."""
    assert params_of(speech.forward_message(LEGACY, 1, asked)) == {**said, "_meta": {"traceparent": TRACE}}


def test_what_a_server_asks_is_answered_under_its_own_id() -> None:
    """JSON-RPC 2.0 §5."""
    assert parse_object(speech.answer_message("q", {"action": "decline"})) == {
        "jsonrpc": "2.0",
        "id": "q",
        "result": {"action": "decline"},
    }
    assert parse_object(speech.error_message(1, {"code": -1, "message": "no"}))["error"] == {
        "code": -1,
        "message": "no",
    }


def test_a_level_and_a_wish_to_listen_are_said_in_the_forms_of_the_eras() -> None:
    """MCP 2025-11-25 `server/utilities/logging`; 2026-07-28 `basic/patterns/subscriptions`."""
    assert params_of(speech.set_level_message(1, LogLevel.ERROR)) == {"level": "error"}
    listen = params_of(speech.listen_message(MODERN, 2, ["test://a"]))
    assert listen["notifications"] == {
        "toolsListChanged": True,
        "promptsListChanged": True,
        "resourcesListChanged": True,
        "resourceSubscriptions": ["test://a"],
    }


def test_the_mediator_itself_declares_all_that_can_be_asked_in_either_era() -> None:
    """Ours: what a server offers must not depend on who calls."""
    initialize = parse_object(speech.initialize_message(1, "1.2"))
    discover = parse_object(speech.discover_message(1, "1.2"))
    everything: JsonObject = {
        "elicitation": {"form": {}, "url": {}},
        "sampling": {"context": {}, "tools": {}},
        "roots": {},
    }

    assert initialize["params"] == {
        "protocolVersion": "2025-11-25",
        "capabilities": everything,
        "clientInfo": {"name": "mcp-mediator", "version": "1.2"},
    }
    meta = {**ENVELOPE, "io.modelcontextprotocol/clientCapabilities": everything}
    assert discover == {"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": meta}}


def test_a_page_is_asked_for_by_its_cursor_even_by_an_empty_one() -> None:
    """MCP pagination: cursors are opaque, and the empty string is one."""
    first = parse_object(speech.list_message(LEGACY, 1, ListMethod.TOOLS, None))
    next_one = parse_object(speech.list_message(LEGACY, 2, ListMethod.PROMPTS, ""))
    modern = parse_object(speech.list_message(MODERN, 3, ListMethod.TOOLS, "x"))

    assert first == {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    assert next_one["params"] == {"cursor": ""}
    assert modern["params"] == {"cursor": "x", "_meta": MODERN.meta()}


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
