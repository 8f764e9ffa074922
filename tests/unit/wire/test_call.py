"""Unit tests of mediator/wire/call.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediator.canonical import Json, JsonObject, digest_of, digest_of_bytes
from mediator.evidence import Seal
from mediator.refusal import Reason, Refused
from mediator.wire.arrival import Arrival, Transport
from mediator.wire.call import JUSTIFICATION_KEY, Call, call_form, of_item, parse_call, recall_call
from mediator.wire.envelope import classify
from mediator.wire.frame import Frame
from mediator.wire.jsonrpc import Request, parse_message
from mediator.wire.methods import MCP_TASK_METHODS, CallMethod, Era
from mediator.wire.receiver import NOBODY, TASKS
from mediator.wire.trace_parent import TraceParent
from tests.promises import promise
from tests.simulated.arrivals import (
    LEGACY,
    MODERN,
    SESSION,
    enveloped,
    legacy_arrival,
    message,
    modern_arrival,
    modern_headers,
    over_http,
    over_stdio,
)

TRACE, SPAN, OTHER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "a" * 32
PARENT = f"00-{TRACE}-{SPAN}-01"


def call_of(arrival: Arrival) -> Call:
    request = parse_message(arrival.body)
    assert isinstance(request, Request)
    return parse_call(arrival, request, classify(arrival, request), CallMethod(request.method))


def stop_of(arrival: Arrival) -> Refused:
    with pytest.raises(Refused) as stop:
        call_of(arrival)
    return stop.value


def modern_call(arguments: JsonObject | None = None, meta: JsonObject | None = None) -> JsonObject:
    return enveloped("tools/call", {"name": "clock__now", "arguments": arguments or {}}, meta=meta)


def test_a_call_holds_what_came_once_and_in_one_form() -> None:
    """Design 4: decided = hashed = forwarded."""
    call = call_of(modern_arrival(modern_call({"b": 1.0, "a": "x"}), server="clock"))

    assert (call.request_id, call.era, call.version, call.transport) == (1, Era.MODERN, MODERN, Transport.HTTP)
    assert (call.server, call.name, call.source) == ("clock", "clock__now", "127.0.0.1")
    assert call.arguments == {"a": "x", "b": 1}
    assert call.arguments_bytes == b'{"a":"x","b":1}'
    assert call.arguments_digest == digest_of({"a": "x", "b": 1})
    assert call.frame == Frame(
        request_id=1, era=Era.MODERN, version=MODERN, transport=Transport.HTTP, method="tools/call"
    )


def test_arguments_that_are_absent_are_none() -> None:
    """MCP, server/tools: `arguments` is optional."""
    call = call_of(legacy_arrival(message("tools/call", {"name": "a"})))

    assert (call.era, call.version, call.arguments, call.arguments_bytes) == (Era.LEGACY, LEGACY, {}, b"{}")


@pytest.mark.parametrize("name", [None, 7, "", "x" * 129, ["a"]])
def test_a_name_that_is_none_is_refused(name: Json) -> None:
    """MCP, server/tools: 1 to 128 characters."""
    stop = stop_of(legacy_arrival(message("tools/call", {"name": name})))

    assert (stop.reason, stop.code) == (Reason.MALFORMED, -32602)


def test_a_name_that_is_missing_is_refused() -> None:
    """MCP, server/tools."""
    assert stop_of(legacy_arrival(message("tools/call", {"arguments": {}}))).code == -32602


@pytest.mark.parametrize("arguments", [None, [], "{}", 0, False])
@promise("P7")
def test_arguments_that_are_no_object_are_refused(arguments: Json) -> None:
    """MCP, server/tools; ours: null is not absent."""
    stop = stop_of(legacy_arrival(message("tools/call", {"name": "a", "arguments": arguments})))

    assert (stop.reason, stop.code) == (Reason.MALFORMED, -32602)


def test_the_trace_of_meta_is_the_parent_and_the_header_only_a_link() -> None:
    """MCP 2026-07-28, SEP-414: trace context travels in `params._meta`."""
    body = modern_call(meta={"traceparent": PARENT})
    headers = (*modern_headers(body), ("traceparent", f"00-{OTHER}-{SPAN}-00"))

    call = call_of(over_http(body, headers))

    assert call.trace_parent == TraceParent(trace_id=TRACE, span_id=SPAN, sampled=True)
    assert call.http_trace_parent == TraceParent(trace_id=OTHER, span_id=SPAN, sampled=False)


@pytest.mark.parametrize("headers", [(), (("traceparent", "x"),), (("traceparent", PARENT), ("traceparent", PARENT))])
def test_a_trace_header_that_is_absent_invalid_or_doubled_is_none(headers: tuple[tuple[str, str], ...]) -> None:
    """W3C Trace Context §3.2."""
    body = modern_call(meta={"traceparent": 7})
    call = call_of(over_http(body, (*modern_headers(body), *headers)))

    assert (call.trace_parent, call.http_trace_parent) == (None, None)


def test_what_goes_no_further_is_named() -> None:
    """Design 4: the forwarded request is rebuilt; the rest is dropped and counted."""
    body = enveloped(
        "tools/call",
        {"name": "a", "arguments": {}, "task": {"ttl": 1}, "uri": "x"},
        meta={"progress": 1, "baggage": "a=b", "tracestate": "c=d", "traceparent": PARENT},
    )

    dropped = call_of(modern_arrival(body)).dropped

    assert set(dropped) == {"progress", "baggage", "tracestate", "params.task", "params.uri"}


def test_what_is_dropped_cannot_fill_a_record() -> None:
    """Ours: the names are an agent's, and a record keeps them for ever."""
    body = modern_call(meta={f"{index:04}{'x' * 1000}": index for index in range(1000)})

    dropped = call_of(modern_arrival(body)).dropped

    assert len(dropped) == 33
    assert max(map(len, dropped)) == 64
    assert dropped[-1] == "(and 968 more)"


def test_param_headers_are_kept_as_digests_of_what_they_stand_for() -> None:
    """Ours: enough to compare with an argument, and no value of an argument enters a record."""
    body = modern_call({"region": "eu"})
    extra = (("mcp-param-region", "=?base64?ZXU=?="), ("mcp-param-bad", "=?base64?!?="), ("mcp-paramount", "no"))

    call = call_of(over_http(body, (*modern_headers(body), *extra)))

    assert call.param_headers == (("region", digest_of_bytes(b"eu")), ("bad", None))


def test_more_param_headers_than_any_tool_declares_are_refused() -> None:
    """Ours: a record keeps a digest of each."""
    body = modern_call()
    extra = tuple((f"mcp-param-{index}", "x") for index in range(65))

    stop = stop_of(over_http(body, (*modern_headers(body), *extra)))

    assert (stop.reason, stop.code) == (Reason.HEADER_MISMATCH, -32020)
    assert len(call_of(over_http(body, (*modern_headers(body), *extra[:64]))).param_headers) == 64


def test_param_headers_of_the_legacy_era_are_not_read() -> None:
    """MCP 2025-11-25 knows none."""
    arrival = over_http(message("tools/call", {"name": "a"}), (("mcp-param-region", "eu"),), session=SESSION)

    assert call_of(arrival).param_headers == ()


def test_a_call_without_a_session_over_stdio_is_refused() -> None:
    """MCP 2025-11-25, Lifecycle."""
    assert stop_of(over_stdio(message("tools/call", {"name": "a"}))).code == -32600


def test_a_call_of_no_version_is_refused() -> None:
    """Ours: a notification's envelope, or a handshake's, is none to make a call in."""
    arrival, request = over_http(b""), Request(id=1, method="initialize", params={"name": "a"})

    with pytest.raises(Refused) as stop:
        parse_call(arrival, request, classify(arrival, request), CallMethod.TOOL)

    assert stop.value.code == -32602


def test_a_call_is_made_only_where_it_was_checked() -> None:
    """House style: the chain of evidence."""
    call = call_of(modern_arrival(modern_call()))

    with pytest.raises(ValueError, match="seal"):
        replace(call, name="other")  # type: ignore[call-arg]  # that is what is tested
    with pytest.raises(TypeError):
        replace(call, name="other", seal=Seal("mine"))


@promise("P8")
def test_a_recorded_call_comes_back_equal() -> None:
    """Design 4: a record keeps the input of `deliberate`."""
    body = modern_call({"secret": "hush", "n": 1.5}, {"traceparent": PARENT, "x": 1})
    extra = (("traceparent", PARENT), ("mcp-param-n", "1.5"), ("mcp-param-m", "=?base64?!?="))
    call = call_of(over_http(body, (*modern_headers(body), *extra)))

    form = call_form(call)

    assert "hush" not in str(form)
    assert recall_call(form, {"secret": "hush", "n": 1.5}) == call
    plain = call_of(legacy_arrival(message("tools/call", {"name": "a"})))
    assert recall_call(call_form(plain), {}) == plain


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("request_id", None),
        ("era", "future"),
        ("transport", "carrier pigeon"),
        ("version", 7),
        ("server", 7),
        ("arguments", None),
        ("trace_parent", {"trace_id": TRACE}),
        ("http_trace_parent", "x"),
        ("param_headers", [["a"]]),
        ("param_headers", None),
        ("dropped", None),
    ],
)
def test_a_form_that_no_record_has_is_refused(member: str, value: Json) -> None:
    """Ours: what is stored is checked again when it is read."""
    form = call_form(call_of(modern_arrival(modern_call())))

    with pytest.raises(Refused) as stop:
        recall_call({**form, member: value}, {})

    assert stop.value.reason is Reason.MALFORMED


@pytest.mark.parametrize("arguments", [{"a": 2}, {}, {"a": float("nan")}], ids=["other", "none", "no form"])
def test_arguments_that_are_not_the_recorded_ones_are_refused(arguments: JsonObject) -> None:
    """Ours: values are kept apart from the ledger, and only the ledger is tamper-evident."""
    form = call_form(call_of(modern_arrival(modern_call({"a": 1}))))

    with pytest.raises(Refused) as stop:
        recall_call(form, arguments)

    assert stop.value.reason is Reason.MALFORMED


WHY: JsonObject = {JUSTIFICATION_KEY: "the guests are waiting"}


def test_an_agent_may_say_why_beside_its_call() -> None:
    """Issue 7: a value like the arguments: of it the record's entry holds the digest. It is not dropped unread."""
    call = call_of(modern_arrival(modern_call(meta=WHY)))
    assert (call.justification, call.dropped) == ("the guests are waiting", ())
    legacy = call_of(legacy_arrival(message("tools/call", {"name": "a", "_meta": WHY})))
    assert (legacy.justification, legacy.dropped) == ("the guests are waiting", ())
    form = call_form(call)
    assert form["justification"] == digest_of_bytes(b"the guests are waiting")
    assert "guests" not in str(form)
    assert recall_call(form, {}, None, "the guests are waiting") == call


@pytest.mark.parametrize("why", [None, "", " ", "two\nlines", "x" * 501, "\u202e", 7, ["why"]])
def test_a_justification_that_nobody_could_read_is_refused(why: Json) -> None:
    """Ours: what cannot be shown to an approver is none, and is not taken for none."""
    stop = stop_of(modern_arrival(modern_call(meta={JUSTIFICATION_KEY: why})))
    assert (stop.reason, stop.code) == (Reason.MALFORMED, -32602)
    assert JUSTIFICATION_KEY in (stop.sentence or "")


@pytest.mark.parametrize("kept", [None, "another"])
def test_a_justification_that_is_not_the_recorded_one_is_refused(kept: str | None) -> None:
    """Ours: as arguments."""
    with pytest.raises(Refused):
        recall_call(call_form(call_of(modern_arrival(modern_call(meta=WHY)))), {}, None, kept)
    with pytest.raises(Refused):
        recall_call(call_form(call_of(modern_arrival(modern_call()))), {}, None, "said later")


TASKS_DECLARED: JsonObject = {"io.modelcontextprotocol/clientCapabilities": {"extensions": {TASKS: {}}}}


@pytest.mark.parametrize("method", sorted(MCP_TASK_METHODS))
def test_who_did_not_declare_mcp_tasks_asks_nothing_of_one(method: CallMethod) -> None:
    """SEP-2663, "Protocol Errors": -32021, naming the extension."""
    params: JsonObject = {"taskId": "h", "inputResponses": {}}
    stop = stop_of(modern_arrival(enveloped(method, params)))
    assert (stop.reason, stop.code) == (Reason.MALFORMED, -32021)
    assert stop.data == {"requiredCapabilities": {"extensions": {TASKS: {}}}}
    call = call_of(modern_arrival(enveloped(method, params, meta=TASKS_DECLARED)))
    assert (call.is_of_mcp_task, call.state, call.name) == (True, "h", "")


def test_a_declared_extension_is_part_of_what_a_caller_can_be_sent() -> None:
    """SEP-2663: it is declared with each request."""
    call = call_of(modern_arrival(modern_call(meta=TASKS_DECLARED)))
    assert (call.receiver.capabilities.has_mcp_tasks, call.is_of_mcp_task) == (True, False)
    assert call_of(modern_arrival(modern_call())).receiver is NOBODY


@promise("P1")
def test_a_call_of_an_mcp_task_is_one_of_the_item_that_its_handle_names() -> None:
    """Ours: judged as the call that became it."""
    call = call_of(modern_arrival(enveloped("tasks/get", {"taskId": "h"}, meta=TASKS_DECLARED)))
    of = of_item(call, "now", {"a": 1})
    assert (of.name, of.arguments, of.arguments_bytes) == ("now", {"a": 1}, b'{"a":1}')
    assert of.arguments_digest == digest_of({"a": 1})
    assert (of.method, of.state) == (CallMethod.TASK_GET, "h")
