"""A decision's record and its outcome's -> spans. A function: whoever holds the records makes the same spans.

    SERVER    <method> <item>              from the decision to the outcome; the caller's span is its parent
    INTERNAL  authorize <method> <item>    the decision: by which policies, of which task, where on record
    CLIENT    <method> <item>              only where something was forwarded: a denial has none

Nothing that an agent or a tool wrote stands on a span but the name of a pinned item, a request id and labels: no
token, no argument, no result, no purpose. A span is an error exactly where `error.type` says of which kind. What the
caller says of sampling is not believed of a denial or a privileged call.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from mediator.adapters.tracer_otel import names
from mediator.canonical import Json, JsonObject
from mediator.refusal import Reason

Attributes: TypeAlias = "dict[str, str | int | bool | Sequence[str]]"

RESOURCE: Final = Resource({"service.name": names.SERVICE})
_SCOPE: Final = InstrumentationScope(names.SCOPE)
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_NOT_SAMPLED: Final = TraceFlags(TraceFlags.DEFAULT)
_ERRORS_OF_THE_DECISION: Final = frozenset({Reason.POLICY_ERROR, Reason.STORE_UNAVAILABLE, Reason.INTERNAL})
_TEXT_MAX: Final = 256
_QUARANTINED: Final = "quarantined: "  # as `mediation/deliberate.py` says it
_UNKNOWN: Final = (Reason.UNKNOWN_TOOL, Reason.UNKNOWN_PROMPT, Reason.UNKNOWN_RESOURCE)
_ITEMS_MAX: Final = 32
_NS: Final = 1_000_000  # in a millisecond
_HEXADECIMAL: Final = re.compile(r"[0-9a-f]{16}(?:[0-9a-f]{16})?")
_FINE: Final = Status(StatusCode.UNSET)
_FAILED: Final = Status(StatusCode.ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trace:
    """What the spans of one decision have in common."""

    trace_id: int
    flags: TraceFlags
    resource: Resource
    start_ns: int
    end_ns: int

    def context(self, span_id: int, *, is_remote: bool = False) -> SpanContext:
        return SpanContext(self.trace_id, span_id, is_remote=is_remote, trace_flags=self.flags)

    def span(
        self,
        name: str,
        kind: SpanKind,
        span_id: int,
        above: SpanContext | None,
        attributes: Attributes,
        links: Sequence[Link] = (),
    ) -> ReadableSpan:
        return ReadableSpan(
            name=name,
            kind=kind,
            context=self.context(span_id),
            parent=above,
            resource=self.resource,
            attributes=attributes,
            links=links,
            status=_FAILED if names.ERROR_TYPE in attributes else _FINE,
            start_time=self.start_ns,
            end_time=self.start_ns if kind is SpanKind.INTERNAL else self.end_ns,
            instrumentation_scope=_SCOPE,
        )


def spans_of(
    decision: JsonObject, outcome: JsonObject | None, resource: Resource = RESOURCE
) -> tuple[ReadableSpan, ...]:
    """Return the spans of a decision entry and, for an allow, of its outcome entry; none for what is no decision."""
    ids = _member(decision, "spans")
    trace_id, server_id = _identifier(ids.get("trace")), _identifier(ids.get("server"))
    if decision.get("kind") != "decision" or not trace_id or not server_id:
        return ()
    start_ns = _number(decision, "at") * _NS
    trace = _Trace(
        trace_id=trace_id,
        flags=_SAMPLED if _is_sampled(decision) else _NOT_SAMPLED,
        resource=resource,
        start_ns=start_ns,
        end_ns=start_ns if outcome is None else max(start_ns, _number(outcome, "at") * _NS),
    )
    parent_id = _identifier(ids.get("parent"))
    caller = trace.context(parent_id, is_remote=True) if parent_id else None
    name, error = _asked_name(decision), _error_of(decision, outcome)
    method = _text(_member(decision, "call"), "method")
    called = f"{method} {name}" if name else method
    above = trace.context(server_id)
    spans = [
        trace.span(called, SpanKind.SERVER, server_id, caller, _of_server(decision, outcome, error), _links(decision)),
        trace.span(
            f"authorize {called}", SpanKind.INTERNAL, _identifier(ids.get("decision")), above, _of_decision(decision)
        ),
    ]
    if outcome is not None and outcome.get("forwarded") is True:
        own = _text(_member(decision, "item"), "name")
        client_id, attributes = _identifier(ids.get("client")), _of_client(decision, outcome, error)
        spans.append(trace.span(f"{method} {own}", SpanKind.CLIENT, client_id, above, attributes))
    return tuple(spans)


def _of_server(decision: JsonObject, outcome: JsonObject | None, error: str | None) -> Attributes:
    call = _member(decision, "call")
    is_http = call.get("transport") == "http"
    attributes: Attributes = {
        names.MCP_METHOD: _text(call, "method"),
        names.MCP_PROTOCOL_VERSION: _text(call, "version"),
        names.JSONRPC_REQUEST_ID: str(call.get("request_id"))[:_TEXT_MAX],
        names.NETWORK_TRANSPORT: "tcp" if is_http else "pipe",
        names.DECISION_ID: _text(decision, "id"),
        names.DECISION_VERDICT: _text(decision, "verdict"),
        names.TENANT: _text(decision, "tenant"),
        names.CHAIN: _texts(decision, "chain"),
    }
    _add_subject(attributes, call, _asked_name(decision))
    _add(attributes, names.TASK, decision.get("task"))
    _add(attributes, names.AGENT, decision.get("agent"))
    _add(attributes, names.OWNER, decision.get("owner"))
    _add(attributes, names.ERROR_TYPE, error)
    if is_http:
        attributes[names.NETWORK_PROTOCOL] = "http"
        _add(attributes, names.CLIENT_ADDRESS, call.get("source"))
    _add(attributes, names.QUARANTINED, _quarantined(decision) or _quarantined(outcome or {}))
    if outcome is not None:
        attributes[names.OUTCOME] = _text(outcome, "outcome")
        _add(attributes, names.REASON, outcome.get("reason"))
    _add(attributes, names.REASON, decision.get("reason"))
    return attributes


def _of_decision(decision: JsonObject) -> Attributes:
    verdict, reason = _text(decision, "verdict"), decision.get("reason")
    grants = _member(decision, "circumstances").get("grants")
    presented = grants[-1] if isinstance(grants, list) and grants else None
    grant = presented if isinstance(presented, dict) else {}
    item, chain = _member(decision, "item"), _texts(decision, "chain")
    attributes: Attributes = {
        names.DECISION_ID: _text(decision, "id"),
        names.DECISION_VERDICT: verdict,
        names.DECISION_STEP: _text(decision, "step"),
        names.AUTHORIZATION_OUTCOME: verdict,
        names.POLICY_DIGEST: _text(_member(decision, "trust"), "policies"),
        names.POLICY_IDS: _texts(_member(decision, "policies"), "determining"),
        names.CHAIN: chain,
        names.CHAIN_CONNECTORS: _texts(decision, "connectors"),
        names.TASK_LABELS: _texts(_member(decision, "circumstances"), "labels"),
        names.LEDGER_STREAM: _text(decision, "stream"),
        names.LEDGER_INDEX: _number(decision, "index"),
        names.TENANT: _text(decision, "tenant"),
    }
    _add(attributes, names.GRANT, grant.get("id"))
    _add(attributes, names.CHAIN_RELAYED, _member(decision, "identity").get("relayed"))
    _add(attributes, names.CHAIN_ROOT, chain[0] if chain else None)
    _add(attributes, names.TASK, decision.get("task"))
    _add(attributes, names.AGENT, decision.get("agent"))
    _add(attributes, names.OWNER, decision.get("owner"))
    _add(attributes, names.REQUEST_HASH, decision.get("request_hash"))
    _add(attributes, names.PIN_DIGEST, item.get("digest"))
    _add(attributes, names.MANIFEST_DIGEST, item.get("manifest"))
    _add(attributes, names.EFFECT, item.get("effect"))
    _add(attributes, names.TOOL_SERVER, item.get("server"))
    _add(attributes, names.REASON, reason)
    _add(attributes, names.AUTHORIZATION_REASON, reason)
    if grant:
        attributes[names.CHAIN_DEPTH] = _number(grant, "depth")
    if isinstance(reason, str) and reason in _ERRORS_OF_THE_DECISION:  # a denial is an answer, a failed engine is not
        attributes[names.ERROR_TYPE] = reason
        attributes[names.AUTHORIZATION_OUTCOME] = "error"
    return attributes


def _of_client(decision: JsonObject, outcome: JsonObject, error: str | None) -> Attributes:
    item, call, result = _member(decision, "item"), _member(decision, "call"), _member(outcome, "result")
    attributes: Attributes = {
        names.MCP_METHOD: _text(call, "method"),
        names.TOOL_SERVER: _text(item, "server"),
        names.DECISION_ID: _text(decision, "id"),
        names.CHAIN: _texts(decision, "chain"),
    }
    _add_subject(attributes, call, _text(item, "name"))
    _add(attributes, names.OWNER, decision.get("owner"))
    _add(attributes, names.ERROR_TYPE, error)
    if result:
        attributes[names.RESULT_BYTES] = _number(result, "bytes")
        attributes[names.RESULT_LABELS] = _texts(result, "labels")
    return attributes


def _quarantined(entry: JsonObject) -> str | None:
    """Return which fields of the tool moved, where a call was refused because it is quarantined; no other detail."""
    detail = entry.get("detail")
    is_so = entry.get("reason") in _UNKNOWN and isinstance(detail, str) and detail.startswith(_QUARANTINED)
    return str(detail).removeprefix(_QUARANTINED) if is_so else None


def _error_of(decision: JsonObject, outcome: JsonObject | None) -> str | None:
    """Return the kind of error that the call ended in, if it did."""
    reason = decision.get("reason") if outcome is None else outcome.get("reason")
    if isinstance(reason, str):
        return reason
    if outcome is None:
        return None
    result = _member(outcome, "result")
    if result.get("is_protocol_error") is True:
        return names.PROTOCOL_ERROR
    if result.get("is_error") is True:
        return names.TOOL_ERROR
    match outcome.get("outcome"):
        case "RELEASED":
            return None
        case "ABANDONED":
            return names.CANCELLED
        case _:
            return str(Reason.INTERNAL)


def _is_sampled(decision: JsonObject) -> bool:
    """Tell whether the trace is kept: always for a denial and a privileged call, else as the caller says."""
    told = _member(_member(decision, "call"), "trace_parent").get("sampled")
    is_plain = decision.get("verdict") == "allow" and _member(decision, "item").get("effect") == "read"
    return told is not False or not is_plain


def _asked_name(decision: JsonObject) -> str:
    """Return the name that the agent called, if a pinned item has it: else it is anything that an agent may write.

    Of a resource it is the family's: what of a URI the agent chose is an argument.
    """
    item = _member(decision, "item")
    return (_text(_member(decision, "call"), "name") or _text(item, "name")) if item else ""


def _add_subject(attributes: Attributes, call: JsonObject, name: str) -> None:
    """Say what was asked for, by the convention's own name for its kind."""
    if _text(call, "method") == names.CALL_TOOL:
        attributes[names.GEN_AI_OPERATION] = names.OPERATION
    _add(attributes, names.BY_KIND.get(_text(call, "kind"), names.GEN_AI_TOOL), name)


def _links(decision: JsonObject) -> tuple[Link, ...]:
    told = _member(_member(decision, "call"), "http_trace_parent")
    trace_id, span_id = _identifier(told.get("trace_id")), _identifier(told.get("span_id"))
    if not trace_id or not span_id:
        return ()
    return (Link(SpanContext(trace_id, span_id, is_remote=True)),)


def _add(attributes: Attributes, name: str, value: Json) -> None:
    if isinstance(value, str) and value:
        attributes[name] = value[:_TEXT_MAX]


def _member(holder: JsonObject, name: str) -> JsonObject:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}


def _text(holder: JsonObject, name: str) -> str:
    value = holder.get(name)
    return value[:_TEXT_MAX] if isinstance(value, str) else ""


def _texts(holder: JsonObject, name: str) -> tuple[str, ...]:
    value = holder.get(name)
    items = value[:_ITEMS_MAX] if isinstance(value, list) else []
    return tuple(item[:_TEXT_MAX] for item in items if isinstance(item, str))


def _number(holder: JsonObject, name: str) -> int:
    value = holder.get(name)
    return value if isinstance(value, int) else 0


def _identifier(value: Json) -> int:
    """Return an id of W3C Trace Context as the number that OpenTelemetry wants; 0, which is none, for anything else."""
    return int(value, 16) if isinstance(value, str) and _HEXADECIMAL.fullmatch(value) else 0
