"""Replies: every message in the frame of its request, and every refusal told as its row says.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from mediator.canonical import Json, JsonObject, parse_object
from mediator.evidence import Seal
from mediator.inspection.asking import release_asking
from mediator.inspection.release import inspect
from mediator.inspection.result import ToolResult
from mediator.kind import ItemKind
from mediator.mediation.listing import Offering
from mediator.mediation.refusals import TELLINGS, Carrier
from mediator.mediation.reply import (
    Listening,
    OpenedSession,
    Reply,
    ServerFacts,
    accepted,
    refuse,
    reply_with,
    reply_with_asking,
    reply_with_discovery,
    reply_with_handshake,
    reply_with_level,
    reply_with_list,
    reply_with_listening,
    reply_with_nothing,
)
from mediator.refusal import Reason, Refused
from mediator.wire.arrival import Transport
from mediator.wire.jsonrpc import RequestId
from mediator.wire.methods import CallMethod, Era, ListMethod, LogLevel
from mediator.wire.reading import Frame, Initialize, Listen, ListItems, SetLevel
from mediator.wire.receiver import NO_CAPABILITIES, Capabilities, read_capabilities
from tests.promises import promise
from tests.simulated.judged import a_resource, a_tool
from tests.simulated.replies import error_of, refusal_of, result_of

FACTS = ServerFacts(version="0.1.0", metadata_url="http://127.0.0.1:8080/.well-known/oauth-protected-resource")
OURS: JsonObject = {"io.modelcontextprotocol/serverInfo": {"name": "mcp-mediator", "version": "0.1.0"}}


def frame(
    method: str | None = "tools/call",
    *,
    era: Era = Era.MODERN,
    request_id: RequestId | None = 7,
    transport: Transport = Transport.HTTP,
) -> Frame:
    return Frame(request_id=request_id, era=era, version=None, transport=transport, method=method)


TOOLS_ALONE: JsonObject = {"tools": {"listChanged": True}, "logging": {}}


def listing(method: ListMethod = ListMethod.TOOLS, *, era: Era = Era.MODERN) -> ListItems:
    return ListItems(frame=frame(str(method), era=era), method=method, cursor=None)


def offering(instructions: str | None = None, *kinds: ItemKind) -> Offering:
    return Offering(kinds=frozenset(kinds or {ItemKind.TOOL}), instructions=instructions)


def handshake(version: str, capabilities: Capabilities = NO_CAPABILITIES) -> Initialize:
    return Initialize(frame=frame("initialize", era=Era.LEGACY), version=version, capabilities=capabilities)


def body_of(reply: Reply) -> JsonObject:
    assert reply.body is not None
    assert ("content-type", "application/json") in reply.headers
    message = parse_object(reply.body)
    assert message["jsonrpc"] == "2.0"
    return message


def released(result: JsonObject | None = None, error: JsonObject | None = None) -> Any:
    return inspect(ToolResult(result=result, error=error, size_bytes=100, noise=0), a_tool(), CallMethod.TOOL, 1000)


def test_a_reply_is_made_nowhere_else() -> None:
    """House style: evidence. The edge can send nothing else."""
    with pytest.raises(TypeError):
        Reply(status=200, body=None, headers=(), effect=None, seal=Seal("mine"))


# --- results ---------------------------------------------------------------------------------------------------------


def test_a_released_result_is_stamped_in_the_modern_era() -> None:
    """MCP 2026-07-28: `resultType`, and who answered; what the tool server said of itself is gone already."""
    result: JsonObject = {"content": [], "structuredContent": [1], "x": {"y": None}, "_meta": {"kept": 1}}
    reply = reply_with(frame(), released(result), FACTS)
    assert reply.status == 200
    assert body_of(reply)["id"] == 7
    assert result_of(reply) == {**result, "resultType": "complete", "_meta": {"kept": 1, **OURS}}


def test_a_released_result_without_meta_gets_ours_in_the_modern_era() -> None:
    """MCP 2026-07-28."""
    assert result_of(reply_with(frame(), released({"content": []}), FACTS))["_meta"] == OURS


def test_a_released_result_is_sent_as_it_is_in_the_legacy_era() -> None:
    """MCP before 2026-07-28 knows no `resultType`; `_meta` is the tool's own."""
    result: JsonObject = {"content": [], "structuredContent": {"a": 1}, "resultType": "complete", "_meta": {"kept": 1}}
    told = result_of(reply_with(frame(era=Era.LEGACY), released(result), FACTS))
    assert told == {"content": [], "structuredContent": {"a": 1}, "_meta": {"kept": 1}}


def test_structured_content_that_is_no_object_is_left_out_in_the_legacy_era() -> None:
    """MCP before 2026-07-28: an object or absent; the schema that promised it was left out of the listing as well."""
    told = result_of(reply_with(frame(era=Era.LEGACY), released({"content": [], "structuredContent": [1]}), FACTS))
    assert told == {"content": []}


@pytest.mark.parametrize("era", Era)
def test_a_tool_servers_own_error_is_passed_on_as_an_error(era: Era) -> None:
    """JSON-RPC 2.0 §5.1: the code is the tool server's; the status is the era's for it."""
    error: JsonObject = {"code": -32602, "message": "no such city", "data": {"city": "Olso"}}
    reply = reply_with(frame(era=era, request_id="a"), released(error=error), FACTS)
    assert reply.status == (400 if era is Era.MODERN else 200)
    assert body_of(reply) == {"jsonrpc": "2.0", "id": "a", "error": error}


# --- the other path --------------------------------------------------------------------------------------------------


def test_a_listing_holds_the_definitions_byte_for_byte() -> None:
    """P2: what was pinned is what is shown; the modern era says how long it may be kept, and for whom."""
    definitions = [b'{"name":"a"}', b'{"name":"b"}']
    reply = reply_with_list(listing(), definitions, FACTS)
    assert reply.body is not None
    assert b'{"tools":[{"name":"a"},{"name":"b"}],' in reply.body
    assert result_of(reply) == {
        "tools": [{"name": "a"}, {"name": "b"}],
        "resultType": "complete",
        "ttlMs": 0,
        "cacheScope": "private",
        "_meta": OURS,
    }


def test_a_listing_of_the_legacy_era_holds_the_tools_alone() -> None:
    """MCP before 2026-07-28."""
    assert result_of(reply_with_list(listing(era=Era.LEGACY), [], FACTS)) == {"tools": []}


@pytest.mark.parametrize(
    ("method", "member"),
    [
        (ListMethod.PROMPTS, "prompts"),
        (ListMethod.RESOURCES, "resources"),
        (ListMethod.RESOURCE_TEMPLATES, "resourceTemplates"),
    ],
)
def test_each_list_has_its_own_member(method: ListMethod, member: str) -> None:
    """MCP 2025-11-25."""
    assert result_of(reply_with_list(listing(method, era=Era.LEGACY), [b"{}"], FACTS)) == {member: [{}]}


@pytest.mark.parametrize(("instructions", "told"), [(None, {}), ("Ask first.", {"instructions": "Ask first."})])
def test_discovery_says_what_is_served_and_nothing_that_is_not(instructions: str | None, told: JsonObject) -> None:
    """MCP 2026-07-28, `server/discover`."""
    offering = Offering(kinds=frozenset({ItemKind.TOOL}), instructions=instructions)
    assert result_of(reply_with_discovery(frame("server/discover"), offering, FACTS)) == {
        "supportedVersions": ["2026-07-28"],
        "capabilities": {**TOOLS_ALONE, "extensions": {"io.modelcontextprotocol/tasks": {}}},
        "resultType": "complete",
        "ttlMs": 0,
        "cacheScope": "private",
        "_meta": OURS,
        **told,
    }


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
        ("", "2025-11-25"),
    ],
)
def test_a_handshake_is_answered_in_the_version_asked_for_or_our_latest(asked: str, served: str) -> None:
    """MCP 2025-11-25, lifecycle, version negotiation; the session is its holder's, and knows what it can be asked."""
    capabilities = read_capabilities({"elicitation": {}})
    reply = reply_with_handshake(handshake(asked, capabilities), "holder", offering("Ask first."), FACTS)
    assert reply.effect == OpenedSession(version=served, holder="holder", capabilities=capabilities)
    assert result_of(reply) == {
        "protocolVersion": served,
        "capabilities": TOOLS_ALONE,
        "serverInfo": {"name": "mcp-mediator", "version": "0.1.0"},
        "instructions": "Ask first.",
    }


def test_a_handshake_without_instructions_gives_none() -> None:
    """MCP: the field is optional."""
    reply = reply_with_handshake(handshake("2025-11-25"), "holder", offering(), FACTS)
    assert "instructions" not in result_of(reply)


def test_what_is_visible_of_a_kind_is_a_capability() -> None:
    """P3: a caller that sees no prompt is not told that there are any."""
    reply = reply_with_handshake(handshake("2025-11-25"), "holder", offering(None, *ItemKind), FACTS)
    assert result_of(reply)["capabilities"] == {
        **TOOLS_ALONE,
        "prompts": {"listChanged": True},
        "resources": {"listChanged": True, "subscribe": True},
        "completions": {},
    }


def test_a_level_is_taken_note_of_by_the_edge() -> None:
    """MCP 2025-11-25, `server/utilities/logging`: an empty result."""
    asked = SetLevel(frame=frame("logging/setLevel", era=Era.LEGACY), level=LogLevel.ERROR)
    reply = reply_with_level(asked)
    assert (result_of(reply), reply.effect) == ({}, LogLevel.ERROR)


def test_a_question_is_the_answer_to_a_call_in_the_modern_era() -> None:
    """MCP 2026-07-28, MRTR: at least one of questions and state."""
    asked: JsonObject = {"method": "roots/list", "params": {}}
    result = ToolResult(result={"inputRequests": {"a": asked}}, error=None, size_bytes=9, noise=0)
    reply = reply_with_asking(frame(), release_asking(result), "sealed", FACTS)
    assert result_of(reply) == {
        "resultType": "input_required",
        "inputRequests": {"a": asked},
        "requestState": "sealed",
        "_meta": OURS,
    }
    alone = ToolResult(result={"requestState": "s"}, error=None, size_bytes=9, noise=0)
    told = result_of(reply_with_asking(frame(), release_asking(alone), "sealed", FACTS))
    assert told == {"resultType": "input_required", "requestState": "sealed", "_meta": OURS}


def test_what_was_read_says_for_whom_it_may_be_kept() -> None:
    """MCP 2026-07-28, caching: of an older server nothing is known, and nobody else may have it."""
    read: JsonObject = {"contents": []}
    item = a_resource()
    out = inspect(ToolResult(result=read, error=None, size_bytes=9, noise=0), item, CallMethod.RESOURCE, 1000)
    told = result_of(reply_with(frame("resources/read"), out, FACTS))
    assert (told["ttlMs"], told["cacheScope"]) == (0, "private")
    legacy = result_of(reply_with(frame("resources/read", era=Era.LEGACY), out, FACTS))
    assert legacy == read


def test_a_resource_that_is_not_there_has_the_code_of_the_era() -> None:
    """SEP-2164: -32002 until 2025-11-25, -32602 since."""
    error: JsonObject = {"code": -32002, "message": "Resource not found"}
    modern = reply_with(frame("resources/read"), released(error=error), FACTS)
    legacy = reply_with(frame("resources/read", era=Era.LEGACY), released(error=error), FACTS)
    assert (modern.status, body_of(modern)["error"]) == (400, {**error, "code": -32602})
    assert (legacy.status, body_of(legacy)["error"]) == (200, error)


def test_listening_ends_with_a_result_under_the_subscription() -> None:
    """MCP 2026-07-28, `basic/patterns/subscriptions`."""
    asked = Listen(frame=frame("subscriptions/listen"), lists=frozenset(), calls=())
    listening = Listening(request_id=7, lists=frozenset(), subscriptions=())
    reply = reply_with_listening(asked, listening, FACTS)
    assert reply.effect == listening
    assert result_of(reply) == {
        "resultType": "complete",
        "_meta": {**OURS, "io.modelcontextprotocol/subscriptionId": 7},
    }


def test_a_ping_gets_an_empty_result_and_a_notification_nothing() -> None:
    """MCP: `ping`; Streamable HTTP: 202 with no body."""
    assert result_of(reply_with_nothing(frame("ping", era=Era.LEGACY))) == {}
    assert (accepted().status, accepted().body, accepted().headers) == (202, None, ())


# --- refusals --------------------------------------------------------------------------------------------------------


@promise("P11")
@pytest.mark.parametrize("reason", Reason)
def test_every_refusal_is_a_message_under_the_requests_id_that_says_its_reason(reason: Reason) -> None:
    """Design 5.7: never a bare status; data is the refusal object, so that clients can show it."""
    stop = Refused(reason, "operator only", decision_id="d1")
    methods = ["tools/call", "tools/list", "initialize", None]
    ids: list[RequestId | None] = [7, "seven", None]
    for method, request_id, era, transport in itertools.product(methods, ids, Era, Transport):
        reply = refuse(frame(method, era=era, request_id=request_id, transport=transport), stop, FACTS)
        assert body_of(reply)["id"] == request_id
        told = refusal_of(reply)
        assert (told["reason"], told["decision_id"]) == (reason, "d1")
        assert b"operator only" not in (reply.body or b"")
        assert 200 <= reply.status < 600


def test_a_denied_call_is_a_result_that_the_model_can_read() -> None:
    """Design 5.7: `isError`, one readable sentence with the policy's reason, and what to do."""
    stop = Refused(
        Reason.DENIED_BY_POLICY, "policies p1", sentence="no writes on Fridays", remedy="wait", decision_id="d1"
    )
    reply = refuse(frame(), stop, FACTS)
    assert reply.status == 200
    assert result_of(reply) == {
        "content": [{"type": "text", "text": "a policy denies this call: no writes on Fridays. To go on: wait."}],
        "isError": True,
        "resultType": "complete",
        "_meta": {
            "org.mcp-mediator/refusal": {"reason": "DENIED_BY_POLICY", "decision_id": "d1", "remedy": "wait"},
            **OURS,
        },
    }


def test_a_denied_call_of_the_legacy_era_is_the_same_without_the_stamp() -> None:
    """Ours."""
    reply = refuse(frame(era=Era.LEGACY), Refused(Reason.DENIED_BY_POLICY), FACTS)
    assert result_of(reply) == {
        "content": [{"type": "text", "text": "a policy denies this call"}],
        "isError": True,
        "_meta": {"org.mcp-mediator/refusal": {"reason": "DENIED_BY_POLICY"}},
    }


@pytest.mark.parametrize("reason", [reason for reason in Reason if TELLINGS[reason].carrier is Carrier.CREDENTIAL])
def test_who_is_not_identified_is_told_over_http_where_to_get_a_token(reason: Reason) -> None:
    """RFC 9728 §5.1; RFC 6750 §3.1: no `error` where no credential came. Whatever the era: 401."""
    for era in Era:
        reply = refuse(frame(era=era), Refused(reason, "operator only", sentence='a "quote"'), FACTS)
        assert reply.status == 401
        challenge = dict(reply.headers)["www-authenticate"]
        assert f'resource_metadata="{FACTS.metadata_url}"' in challenge
        if reason is Reason.NO_CREDENTIAL:
            assert challenge == f'Bearer resource_metadata="{FACTS.metadata_url}"'
        elif reason in {Reason.PROOF_INVALID, Reason.PROOF_REPLAYED}:  # RFC 9449 §7.1
            description = TELLINGS[reason].sentence
            assert challenge.startswith(f'DPoP error="invalid_dpop_proof", error_description="{description}", algs="')
        else:
            description = TELLINGS[reason].sentence
            assert challenge.startswith(f'Bearer error="invalid_token", error_description="{description}", ')
        assert error_of(reply)["code"] == -31401


def test_whoever_is_to_use_a_nonce_is_told_which() -> None:
    """RFC 9449 §9: in a header of its own, beside the error that says so."""
    reply = refuse(frame(), Refused(Reason.PROOF_INVALID, data={"nonce": "abc"}), FACTS)
    headers = dict(reply.headers)
    assert (reply.status, headers["dpop-nonce"]) == (401, "abc")
    assert headers["www-authenticate"].startswith('DPoP error="use_dpop_nonce", ')


def test_who_is_not_identified_over_stdio_gets_no_header() -> None:
    """Design 5.7: over stdio JSON-RPC -31401."""
    reply = refuse(frame(transport=Transport.STDIO), Refused(Reason.EXPIRED_CREDENTIAL), FACTS)
    assert error_of(reply)["code"] == -31401
    assert [name for name, _ in reply.headers] == ["content-type"]


STATUSES = {
    "an unknown tool, modern: 400": (Refused(Reason.UNKNOWN_TOOL), frame(), -32602, 400),
    "an unknown tool, legacy: 200": (Refused(Reason.UNKNOWN_TOOL), frame(era=Era.LEGACY), -32602, 200),
    "an unknown method, modern: 404": (Refused(Reason.METHOD_NOT_ALLOWED, code=-32601), frame("x"), -32601, 404),
    "an unknown method, legacy: 200": (
        Refused(Reason.METHOD_NOT_ALLOWED, code=-32601),
        frame("x", era=Era.LEGACY),
        -32601,
        200,
    ),
    "a method that does not exist in this era, whatever its reason: 404": (
        Refused(Reason.MALFORMED, code=-32601),
        frame("initialize"),
        -32601,
        404,
    ),
    "no JSON: 400 with the parser's code": (Refused(Reason.MALFORMED, code=-32700), frame(None), -32700, 400),
    "malformed without an id, legacy: 400, for nothing of it could be a request": (
        Refused(Reason.MALFORMED, code=-32600),
        frame(None, era=Era.LEGACY, request_id=None),
        -32600,
        400,
    ),
    "a header that disagrees: 400": (Refused(Reason.HEADER_MISMATCH), frame(), -32020, 400),
    "too large, legacy as well: 413": (Refused(Reason.BODY_TOO_LARGE), frame(era=Era.LEGACY), -32600, 413),
    "a dead task, listing, modern: 403": (Refused(Reason.TASK_COMPLETED), frame("tools/list"), -31403, 403),
    "a dead task, listing, legacy: 200": (
        Refused(Reason.TASK_COMPLETED),
        frame("tools/list", era=Era.LEGACY),
        -31403,
        200,
    ),
    "the store is gone, listing: 503": (Refused(Reason.STORE_UNAVAILABLE), frame("tools/list"), -31503, 503),
    "ours, listing: 200, by the protocol's table": (Refused(Reason.INTERNAL), frame("tools/list"), -32603, 200),
}


@pytest.mark.parametrize("case", STATUSES)
def test_a_refusal_that_is_no_result_has_the_protocols_code_and_status(case: str) -> None:
    """MCP 2026-07-28, Streamable HTTP: the table of statuses; legacy: 200 for whatever has an id."""
    stop, asked, code, status = STATUSES[case]
    reply = refuse(asked, stop, FACTS)
    assert (error_of(reply)["code"], reply.status) == (code, status)


def test_a_transport_may_demand_its_own_status_and_headers() -> None:
    """Ours: 503 with `Retry-After` before authentication."""
    for method in ("tools/call", "tools/list"):
        reply = refuse(frame(method), Refused(Reason.OVERLOADED), FACTS, status=503, headers=(("retry-after", "1"),))
        assert reply.status == 503
        assert ("retry-after", "1") in reply.headers


def test_an_error_may_say_what_the_protocol_wants_beside_the_refusal_but_not_in_its_place() -> None:
    """MCP 2026-07-28: -32022 names the versions that are served."""
    data: dict[str, str | list[str]] = {"supported": ["2026-07-28"], "requested": "1999", "reason": "something else"}
    reply = refuse(frame("x"), Refused(Reason.MALFORMED, code=-32022, data=data), FACTS)
    assert error_of(reply)["data"] == {"reason": "MALFORMED", "supported": ["2026-07-28"], "requested": "1999"}


@promise("P11")
def test_of_our_own_failure_an_agent_learns_nothing_but_that_it_was_ours() -> None:
    """Design 5.7: `INTERNAL`, the decision id, nothing else."""
    stop = Refused(Reason.INTERNAL, "KeyError('secret')", sentence="KeyError('secret')", decision_id="d1")
    reply = refuse(frame(), stop, FACTS)
    assert result_of(reply)["content"] == [{"type": "text", "text": "the mediator failed"}]
    assert b"secret" not in (reply.body or b"")


@pytest.mark.parametrize("value", ["plain", 'with "quotes" and \n', "\u2028"])
def test_ids_are_given_back_as_they_came(value: Json) -> None:
    """JSON-RPC 2.0 §5."""
    assert isinstance(value, str)
    assert body_of(refuse(frame(request_id=value), Refused(Reason.MALFORMED), FACTS))["id"] == value


def test_a_scope_that_is_missing_is_told_in_the_challenge() -> None:
    """RFC 6750 §3.1, MCP authorization: 403 in either era, with exactly the scopes; over stdio -31403 and no header."""
    stop = Refused(Reason.INSUFFICIENT_SCOPE, "operator only", data={"scope": "server:a effect:write"})
    where = f'resource_metadata="{FACTS.metadata_url}"'
    for era in Era:
        reply = refuse(frame(era=era), stop, FACTS)
        assert (reply.status, error_of(reply)["code"]) == (403, -31403)
        assert error_of(reply)["data"]["scope"] == "server:a effect:write"
        told = f'Bearer error="insufficient_scope", scope="server:a effect:write", {where}'
        assert dict(reply.headers)["www-authenticate"] == told
    bare = refuse(frame(), Refused(Reason.INSUFFICIENT_SCOPE), FACTS)
    assert dict(bare.headers)["www-authenticate"] == f'Bearer error="insufficient_scope", {where}'
    silent = refuse(frame(transport=Transport.STDIO), stop, FACTS)
    assert (error_of(silent)["code"], [name for name, _ in silent.headers]) == (-31403, ["content-type"])
