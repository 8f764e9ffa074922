"""Records into spans: the tree, the names, what makes an error, and what never stands on a span.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from mediator.adapters.tracer_otel import names
from mediator.adapters.tracer_otel.spans import spans_of
from mediator.canonical import Json, JsonObject
from mediator.effect import Effect
from mediator.mediation.deliberate import Deliberation
from mediator.mediation.record import DecisionRecord, Ending, Outcome, Receipt, decision_entry, outcome_entry
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.judged import a_call, a_release, a_tool, allowed, denied

PLACE: JsonObject = {"stream": "20261123-0000000000000001", "index": 7, "prev": "sha256:00"}
CALLER: JsonObject = {"trace_id": "c" * 32, "span_id": "d" * 16, "sampled": True}
NS = 1_000_000


def recorded(deliberation: Deliberation) -> JsonObject:
    return decision_entry(deliberation) | PLACE


def ended(decision: JsonObject, ending: Ending, *, forwarded: bool = True) -> JsonObject:
    record = DecisionRecord(entry=decision, values={}, receipt=Receipt(stream="s", index=7, digest="x"))
    return outcome_entry(record, ending, NOW_MS + 5, forwarded=forwarded)


def spans(deliberation: Deliberation, ending: Ending | None = None, *, forwarded: bool = True) -> list[ReadableSpan]:
    decision = recorded(deliberation)
    return list(spans_of(decision, None if ending is None else ended(decision, ending, forwarded=forwarded)))


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def picture(span: ReadableSpan) -> tuple[str, str, int | None]:
    return (span.kind.name, span.name, span.parent.span_id if span.parent else None)


SERVER, DECISION, CLIENT = 0x1000000000000001, 0x2000000000000001, 0x3000000000000001


def test_a_released_call_has_three_spans_under_its_server_span() -> None:
    """Ours: SERVER, the decision, CLIENT; from the decision's time to the outcome's."""
    made = spans(allowed(), a_release())
    assert [picture(span) for span in made] == [
        ("SERVER", "tools/call clock__now", None),
        ("INTERNAL", "authorize tools/call clock__now", SERVER),
        ("CLIENT", "tools/call now", SERVER),
    ]
    assert [span.context.span_id for span in made] == [SERVER, DECISION, CLIENT]
    assert {span.context.trace_id for span in made} == {0xA0000000000000000000000000000001}
    assert [(span.start_time, span.end_time) for span in made] == [
        (NOW_MS * NS, (NOW_MS + 5) * NS),
        (NOW_MS * NS, NOW_MS * NS),
        (NOW_MS * NS, (NOW_MS + 5) * NS),
    ]
    assert {span.status.status_code for span in made} == {StatusCode.UNSET}


@promise("P1")
@pytest.mark.parametrize("deliberation", [denied(), denied(tool=a_tool()), denied(known=False)])
def test_a_denied_call_has_no_client_span(deliberation: Deliberation) -> None:
    """Reference 2.3: a denied call has a span, and no child CLIENT span."""
    assert [span.kind for span in spans(deliberation)] == [SpanKind.SERVER, SpanKind.INTERNAL]


@promise("P1")
def test_a_permit_that_was_not_used_has_no_client_span() -> None:
    """Ours: nothing was forwarded."""
    made = spans(allowed(), Refused(Reason.GRANT_REVOKED), forwarded=False)
    assert [span.kind for span in made] == [SpanKind.SERVER, SpanKind.INTERNAL]
    assert attributes(made[0])[names.ERROR_TYPE] == "GRANT_REVOKED"


def test_the_decision_is_told_whole() -> None:
    """Design 5.8; reference 2.4."""
    deliberation = allowed(tool=a_tool(effect=Effect.WRITE))
    (_, span, _) = spans(deliberation, a_release())
    assert attributes(span) == {
        "mediator.decision.id": f"d{1:031x}",
        "mediator.decision.verdict": "allow",
        "mediator.decision.step": "decide",
        "gen_ai.agent.authorization.outcome": "allow",
        "mediator.policy.set_digest": deliberation.policy_digest,
        "mediator.policy.ids": ("reads",),
        "mediator.delegation.chain": ("planner",),
        "mediator.delegation.depth": 0,
        "mediator.delegation.connectors": (),
        "mediator.delegation.relayed": "unknown",
        "mediator.delegation.root": "planner",
        "mediator.grant.id": "g-1",
        "mediator.task.id": "g-1",
        "mediator.task.labels": (),
        "mediator.agent.id": "planner",
        "mediator.owner.id": "alice@example.com",
        "mediator.request.hash": deliberation.request_hash,
        "mediator.tool.digest": a_tool().digest,
        "mediator.tool.manifest_digest": a_tool().manifest_digest,
        "mediator.tool.effect": "write",
        "mediator.tool_server.name": "clock",
        "mediator.ledger.stream": "20261123-0000000000000001",
        "mediator.ledger.index": 7,
        "mediator.tenant": "default",
    }


def test_the_call_is_told_by_the_conventions() -> None:
    """MCP conventions: server span."""
    (span, _, _) = spans(allowed(), a_release())
    assert attributes(span) == {
        "mcp.method.name": "tools/call",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "clock__now",
        "mcp.protocol.version": "2026-07-28",
        "jsonrpc.request.id": "1",
        "network.transport": "tcp",
        "network.protocol.name": "http",
        "client.address": "127.0.0.1",
        "mediator.agent.id": "planner",
        "mediator.owner.id": "alice@example.com",
        "mediator.delegation.chain": ("planner",),
        "mediator.task.id": "g-1",
        "mediator.decision.id": f"d{1:031x}",
        "mediator.decision.verdict": "allow",
        "mediator.outcome": "RELEASED",
        "mediator.tenant": "default",
    }
    (span, _, _) = spans(allowed(call=a_call(transport="stdio", source="stdio", request_id="x" * 999)), a_release())
    told = attributes(span)
    assert told["network.transport"] == "pipe"
    assert len(told["jsonrpc.request.id"]) == 256
    assert {"client.address", "network.protocol.name"}.isdisjoint(told)


def test_the_tool_side_is_told_by_sizes_and_labels() -> None:
    """Ours: no text of a result."""
    (_, _, span) = spans(allowed(), a_release())
    assert attributes(span) == {
        "mcp.method.name": "tools/call",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "now",
        "mediator.tool_server.name": "clock",
        "mediator.decision.id": f"d{1:031x}",
        "mediator.owner.id": "alice@example.com",
        "mediator.delegation.chain": ("planner",),
        "mediator.result.bytes": 14,
        "mediator.result.labels": ("untrusted",),
    }


@pytest.mark.parametrize(
    ("ending", "error"),
    [
        (a_release(), None),
        (a_release(is_error=True), "tool_error"),
        (Refused(Reason.TOOL_SERVER_INVALID), "TOOL_SERVER_INVALID"),
        (Refused(Reason.DEADLINE_PASSED), "DEADLINE_PASSED"),
        (Outcome.ABANDONED, "cancelled"),
        (Outcome.FAILED, "INTERNAL"),
    ],
)
def test_a_span_is_an_error_exactly_where_it_says_of_which_kind(ending: Ending, error: str | None) -> None:
    """OpenTelemetry: status ERROR iff `error.type`; the decision itself was none."""
    server, decision, client = spans(allowed(), ending)
    for span in (server, client):
        assert attributes(span).get(names.ERROR_TYPE) == error
        assert (span.status.status_code is StatusCode.ERROR) is (error is not None)
    assert decision.status.status_code is StatusCode.UNSET


def test_a_tool_servers_own_error_is_one() -> None:
    """JSON-RPC: an `error` in place of a result."""
    decision = recorded(allowed())
    outcome = ended(decision, a_release(is_error=True))
    result = outcome["result"]
    assert isinstance(result, dict)
    result["is_protocol_error"] = True
    assert attributes(spans_of(decision, outcome)[0])[names.ERROR_TYPE] == "protocol_error"


@pytest.mark.parametrize(
    ("reason", "told"),
    [(Reason.DENIED_BY_POLICY, "deny"), (Reason.POLICY_ERROR, "error"), (Reason.INTERNAL, "error")],
)
def test_a_denial_is_an_answer_and_an_engine_that_failed_is_not(reason: Reason, told: str) -> None:
    """Reference 2.4."""
    server, decision = spans(denied(reason=reason, tool=a_tool()))
    assert attributes(server)[names.ERROR_TYPE] == attributes(server)[names.REASON] == reason
    assert server.status.status_code is StatusCode.ERROR
    assert attributes(decision)[names.AUTHORIZATION_OUTCOME] == told
    assert attributes(decision)[names.AUTHORIZATION_REASON] == reason
    assert (decision.status.status_code is StatusCode.ERROR) is (told == "error")


@promise("P3")
def test_a_call_of_a_quarantined_tool_says_which_fields_moved() -> None:
    """The issue: its span says why; before it was called, or as its first byte was about to leave."""
    denial = {**recorded(denied()), "detail": "quarantined: `/description`, `/annotations`"}
    told = attributes(spans_of(denial, None)[0])
    assert told[names.QUARANTINED] == "`/description`, `/annotations`"
    decision = recorded(allowed())
    stopped = {**ended(decision, a_release(), forwarded=False), "outcome": "REFUSED", "reason": "UNKNOWN_TOOL"}
    told = attributes(spans_of(decision, {**stopped, "detail": "quarantined: `/title`"})[0])
    assert told[names.QUARANTINED] == "`/title`"
    assert names.QUARANTINED not in attributes(spans_of(recorded(denied()), None)[0])


def test_a_name_that_no_pinned_tool_has_stands_on_no_span() -> None:
    """Ours: it is whatever an agent may write."""
    call = a_call(name="carol@example.com is ill")
    for span in spans(denied(call=call)):
        assert "carol@" not in span.to_json()
    assert [span.name for span in spans(denied(call=call))] == ["tools/call", "authorize tools/call"]


def test_a_caller_without_a_grant_is_told_as_far_as_it_is_known() -> None:
    """Ours: it holds a token of an issuer of ours, and no grant."""
    (_, decision) = spans(denied(known=False, reason=Reason.GRANT_UNKNOWN))
    told = attributes(decision)
    assert {names.GRANT, names.TASK, names.OWNER, names.CHAIN_DEPTH, names.CHAIN_ROOT}.isdisjoint(told)
    assert told[names.CHAIN] == ()


def test_the_callers_span_is_the_parent_and_its_trace_goes_on() -> None:
    """SEP-414: context from `params._meta`."""
    made = spans(allowed(call=a_call(trace_parent=CALLER)), a_release())
    assert {span.context.trace_id for span in made} == {int("c" * 32, 16)}
    parent = made[0].parent
    assert parent is not None
    assert (parent.span_id, parent.trace_id, parent.is_remote) == (int("d" * 16, 16), int("c" * 32, 16), True)


def test_the_context_of_the_transport_is_a_link() -> None:
    """MCP conventions: the server span links the ambient context, and is no child of it."""
    (span, _, _) = spans(allowed(call=a_call(http_trace_parent=CALLER)), a_release())
    assert span.parent is None
    (link,) = span.links
    assert (link.context.trace_id, link.context.span_id) == (int("c" * 32, 16), int("d" * 16, 16))


@pytest.mark.parametrize(
    ("deliberation", "sampled"),
    [
        (allowed(call=a_call(trace_parent=CALLER | {"sampled": False})), False),
        (allowed(call=a_call(trace_parent=CALLER)), True),
        (allowed(), True),
        (allowed(call=a_call(trace_parent=CALLER | {"sampled": False}), tool=a_tool(effect=Effect.SEND)), True),
        (denied(call=a_call(trace_parent=CALLER | {"sampled": False})), True),
        (denied(call=a_call(trace_parent=CALLER | {"sampled": False}), tool=a_tool()), True),
    ],
    ids=["a read", "a read to be kept", "a read of nobody's trace", "a privileged call", "a denial", "a denied read"],
)
def test_the_callers_word_on_sampling_is_taken_for_a_plain_read_alone(
    deliberation: Deliberation, sampled: bool
) -> None:
    """Design 5.8: an inbound sampling flag is not believed for denials and privileged effects."""
    made = spans(deliberation, None if deliberation.stop else a_release())
    assert {bool(span.context.trace_flags.sampled) for span in made} == {sampled}


@promise("P5")
def test_nothing_sensitive_stands_on_a_span() -> None:
    """Ours: no token, argument, result, purpose, salt or detail."""
    call = a_call({"secret": "argument-value"}, dropped=["dropped-key"])
    deliberation = allowed(call=call)
    refused = Refused(Reason.TOOL_SERVER_INVALID, "detail-text", sentence="sentence-text")
    entry = recorded(deliberation)
    text = " ".join(span.to_json() for span in (*spans_of(entry, ended(entry, refused)), *spans(denied(call=call))))
    identity = deliberation.identity.claims
    for private in (
        "argument-value",
        "dropped-key",
        "detail-text",
        "sentence-text",
        "as the test wants it",
        "tell the time",
        deliberation.circumstances.grants[0].salt,
        identity.credential_digest,
        call.arguments_digest,
    ):
        assert private not in text


def test_long_lists_and_texts_are_cut() -> None:
    """Reference 2.3: a size cap."""
    decision = recorded(allowed(tool=a_tool(server="s" * 1000)))
    decision["policies"] = {"determining": [*("p" * 1000 for _ in range(100)), 7]}
    (_, span) = spans_of(decision, None)
    assert attributes(span)[names.POLICY_IDS] == ("p" * 256,) * 32
    assert attributes(span)[names.TOOL_SERVER] == "s" * 256


def test_an_outcome_before_its_decision_ends_no_span_before_it_began() -> None:
    """Ours: a clock may stand still, but a span does not end before it starts."""
    decision = recorded(allowed())
    made = spans_of(decision, ended(decision, a_release()) | {"at": NOW_MS - 10})
    assert all((span.end_time or 0) >= (span.start_time or 0) for span in made)


def test_spans_come_under_their_resource() -> None:
    """OpenTelemetry: `service.name`."""
    resource = Resource({"service.name": "mine"})
    decision = recorded(denied())
    assert all(span.resource is resource for span in spans_of(decision, None, resource))
    assert all(span.resource.attributes["service.name"] == "mcp-mediator" for span in spans_of(decision, None))


@pytest.mark.parametrize(
    "broken", [{"kind": "outcome"}, {"spans": None}, {"spans": {"trace": "zz", "server": "1" * 16}}]
)
def test_what_is_no_decision_has_no_spans(broken: JsonObject) -> None:
    """Ours: whoever reads a ledger may hand anything in."""
    assert spans_of(recorded(denied()) | broken, None) == ()
    assert spans_of({}, {}) == ()


@promise("P7")
@given(
    st.sampled_from(sorted(recorded(allowed()))),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
        max_leaves=4,
    ),
)
def test_any_entry_has_spans_or_none_and_nothing_else_happens(name: str, value: Json) -> None:
    """Ours: the tracer may not stop a call, whatever a record holds."""
    decision = recorded(allowed())
    outcome = ended(decision, a_release())
    assert len(spans_of(decision | {name: value}, outcome)) in {0, 2, 3}
    assert len(spans_of(decision, outcome | {name: value})) in {0, 2, 3}


@promise("P9")
def test_a_span_tells_who_stands_in_between_and_whether_a_call_may_have_been_passed_on() -> None:
    """Issue 5: with a bearer token nobody knows who used it, and the span says so; where nothing is known, nothing."""
    decision = recorded(allowed()) | {"chain": ["planner", "plugin"], "connectors": ["plugin"]}
    (_, span, _) = spans_of(decision, ended(decision, a_release()))
    told = attributes(span)
    assert told[names.CHAIN_CONNECTORS] == ("plugin",)
    assert told[names.CHAIN] == ("planner", "plugin")
    assert told[names.CHAIN_RELAYED] == "unknown"
    identity = decision["identity"]
    assert isinstance(identity, dict)
    (_, span, _) = spans_of({**decision, "identity": {**identity, "relayed": "no"}}, ended(decision, a_release()))
    assert attributes(span)[names.CHAIN_RELAYED] == "no"
    older = {name: value for name, value in decision.items() if name not in {"connectors", "identity"}}
    (_, span, _) = spans_of(older, ended(decision, a_release()))
    assert names.CHAIN_RELAYED not in attributes(span)
