"""Unit tests of mediator/wire/envelope.py; the SDK's own ladder is the oracle of ours.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp.shared.inbound import (
    InboundLadderRejection,
    classify_inbound_request,
    find_duplicated_routing_header,
)
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from mediator.canonical import Json, JsonObject
from mediator.evidence import Seal
from mediator.refusal import Reason, Refused
from mediator.wire.arrival import Arrival, LegacySession
from mediator.wire.envelope import CAPABILITIES_KEY, CLIENT_INFO_KEY, VERSION_KEY, Envelope, classify, guess_era
from mediator.wire.jsonrpc import Notification, Request
from mediator.wire.methods import Era
from tests.promises import promise
from tests.simulated.arrivals import (
    ENVELOPE,
    LEGACY,
    MODERN,
    SESSION,
    enveloped,
    header_value,
    legacy_arrival,
    message,
    modern_arrival,
    modern_headers,
    notification,
    over_http,
    over_stdio,
)

Headers = tuple[tuple[str, str], ...]
CALL: Final = enveloped("tools/call", {"name": "clock__now", "arguments": {}})


def request_of(body: JsonObject) -> Request:
    method, params = body["method"], body.get("params", {})
    assert isinstance(method, str)
    assert isinstance(params, dict)
    return Request(id=1, method=method, params=params)


def notification_of(method: str, params: JsonObject | None = None) -> Notification:
    return Notification(method=method, params=params or {})


def stop_of(arrival: Arrival, said: Request | Notification) -> Refused:
    with pytest.raises(Refused) as stop:
        classify(arrival, said)
    return stop.value


def without(headers: Headers, name: str) -> Headers:
    return tuple(header for header in headers if header[0] != name)


def test_an_enveloped_request_with_its_headers_is_modern() -> None:
    """MCP 2026-07-28, Request Metadata."""
    envelope = classify(modern_arrival(CALL), request_of(CALL))

    assert (envelope.era, envelope.version, envelope.meta) == (Era.MODERN, MODERN, ENVELOPE)


def test_a_request_in_a_session_speaks_the_sessions_version() -> None:
    """MCP 2025-06-18, Protocol Version Header: what was negotiated holds, whatever the header says or leaves out."""
    body = message("tools/list")
    session = LegacySession(id="1" * 32, version="2025-06-18", holder="planner")

    for headers in ((), (("mcp-protocol-version", "2025-03-26"),)):
        envelope = classify(over_http(body, headers, session=session), request_of(body))
        assert (envelope.era, envelope.version) == (Era.LEGACY, "2025-06-18")


def test_a_handshake_has_no_version_yet() -> None:
    """MCP 2025-11-25, Lifecycle: it negotiates one; a session that came along says nothing about the new one."""
    body = message("initialize")

    assert classify(over_http(body), request_of(body)).version is None
    assert classify(over_http(body, session=SESSION), request_of(body)).version is None


@promise("P7")
@pytest.mark.parametrize("headers", [(), (("mcp-protocol-version", LEGACY),)], ids=["absent", "legacy"])
def test_an_envelope_under_a_header_that_is_not_modern_is_refused(headers: Headers) -> None:
    """Ours: the SDK reads it as legacy and ignores the envelope; an intermediary may read the other."""
    stop = stop_of(over_http(CALL, headers, session=SESSION), request_of(CALL))

    assert (stop.reason, stop.code) == (Reason.HEADER_MISMATCH, -32020)


def test_a_handshake_is_legacy_even_with_an_envelope() -> None:
    """The SDK as oracle: `initialize` does not exist in the modern era, so there is nothing to guess."""
    body = enveloped("initialize")

    assert classify(over_http(body), request_of(body)).era is Era.LEGACY
    assert classify(over_stdio(body), request_of(body)).era is Era.LEGACY


@pytest.mark.parametrize("method", ["tools/list", "tools/call", "ping", "server/discover", "anything"])
def test_a_legacy_request_over_http_needs_a_session(method: str) -> None:
    """MCP 2025-11-25, Session Management: without one a server answers 400."""
    body = message(method)

    stop = stop_of(legacy_arrival(body, session=None), request_of(body))

    assert (stop.reason, stop.code) == (Reason.MALFORMED, -32600)


def test_over_stdio_only_a_ping_may_come_before_the_handshake() -> None:
    """MCP 2025-11-25, Lifecycle."""
    assert classify(over_stdio(message("ping")), request_of(message("ping"))).era is Era.LEGACY
    assert stop_of(over_stdio(message("tools/list")), request_of(message("tools/list"))).code == -32600


def test_over_stdio_each_message_chooses_its_era() -> None:
    """Ours: the envelope is there or it is not; headers do not exist."""
    plain = message("tools/list")

    assert classify(over_stdio(CALL), request_of(CALL)).era is Era.MODERN
    assert classify(over_stdio(CALL, session=SESSION), request_of(CALL)).era is Era.MODERN
    assert classify(over_stdio(plain, session=SESSION), request_of(plain)).era is Era.LEGACY


@pytest.mark.parametrize("twice", ["mcp-protocol-version", "mcp-method", "mcp-name"])
@promise("P7")
def test_a_routing_header_that_stands_twice_is_refused(twice: str) -> None:
    """Ours, with the SDK: a reader of the first copy and a reader of the last would disagree."""
    headers = modern_headers(CALL)
    again = next(header for header in headers if header[0] == twice)

    stop = stop_of(over_http(CALL, (*headers, again)), request_of(CALL))

    assert (stop.reason, stop.code) == (Reason.HEADER_MISMATCH, -32020)


def test_a_legacy_version_header_that_stands_twice_is_refused() -> None:
    """Ours: the second may be modern, and then the era depends on who reads."""
    headers = (("mcp-protocol-version", LEGACY), ("mcp-protocol-version", MODERN))
    body = message("tools/list")

    for said in (request_of(body), notification_of("notifications/initialized")):
        assert stop_of(over_http(body, headers, session=SESSION), said).code == -32020


def test_the_routing_headers_of_a_legacy_request_are_not_read() -> None:
    """MCP 2025-11-25 knows none; the server of the SDK ignores them, and nothing here believes them."""
    body = message("tools/call", {"name": "a"})
    headers = (("mcp-name", "b"), ("mcp-name", "c"), ("mcp-method", "tools/list"))

    assert classify(over_http(body, headers, session=SESSION), request_of(body)).era is Era.LEGACY


@pytest.mark.parametrize("missing", [VERSION_KEY, CAPABILITIES_KEY])
def test_an_envelope_with_a_key_missing_is_refused(missing: str) -> None:
    """MCP 2026-07-28, basic/index: -32602."""
    meta = {key: value for key, value in ENVELOPE.items() if key != missing}
    body = message("tools/list", {"_meta": meta})

    stop = stop_of(over_http(body, modern_headers(body)), request_of(body))

    assert (stop.reason, stop.code) == (Reason.MALFORMED, -32602)


@pytest.mark.parametrize("meta", [None, [], "x", 1])
def test_meta_that_is_no_object_is_refused_in_either_era(meta: Json) -> None:
    """MCP, basic/index: `_meta` is an object."""
    body = message("tools/list", {"_meta": meta})

    assert stop_of(over_http(body, modern_headers(body)), request_of(body)).code == -32602
    assert stop_of(legacy_arrival(body), request_of(body)).code == -32602
    spoilt = notification_of("notifications/initialized", {"_meta": meta})
    assert stop_of(over_http(b"", (("mcp-protocol-version", MODERN),)), spoilt).code == -32602


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mcp-protocol-version", "2027-01-01"),
        ("mcp-method", "tools/list"),
        ("mcp-method", "Tools/Call"),
        ("mcp-method", None),
        ("mcp-name", "clock__then"),
        ("mcp-name", "Clock__now"),
        ("mcp-name", "=?base64?!?="),
        ("mcp-name", None),
    ],
)
@promise("P7")
def test_a_header_that_says_something_else_is_refused(name: str, value: str | None) -> None:
    """MCP 2026-07-28, Request Metadata: a server that reads the body must reject a mismatch."""
    headers = without(modern_headers(CALL), name)
    if value is not None:
        headers = (*headers, (name, value))

    stop = stop_of(over_http(CALL, headers, session=SESSION), request_of(CALL))

    assert (stop.reason, stop.code) == (Reason.HEADER_MISMATCH, -32020)


def test_a_wrapped_name_is_decoded_before_it_is_compared() -> None:
    """MCP 2026-07-28, Request Metadata."""
    body = enveloped("tools/call", {"name": "zeit ä"})

    assert header_value("zeit ä").startswith("=?base64?")
    assert classify(modern_arrival(body), request_of(body)).era is Era.MODERN


def test_a_version_that_is_not_served_is_told_with_those_that_are() -> None:
    """MCP 2026-07-28, basic/versioning: -32022 with `supported` and `requested`."""
    body = enveloped("tools/list", meta={VERSION_KEY: "2027-01-01"})
    headers = (("mcp-protocol-version", "2027-01-01"), ("mcp-method", "tools/list"))

    for arrival in (over_http(body, headers), over_stdio(body)):
        stop = stop_of(arrival, request_of(body))
        assert (stop.code, stop.data) == (-32022, {"supported": [MODERN], "requested": "2027-01-01"})


def test_a_version_that_is_no_string_is_refused() -> None:
    """The SDK as oracle: a defect, no outcome of a negotiation."""
    body = enveloped("tools/list", meta={VERSION_KEY: 20260728})

    assert stop_of(over_stdio(body), request_of(body)).code == -32602


@pytest.mark.parametrize("key", [CAPABILITIES_KEY, CLIENT_INFO_KEY])
def test_an_envelope_whose_members_lack_their_form_is_refused(key: str) -> None:
    """MCP 2026-07-28, schema: both are objects."""
    body = enveloped("tools/list", meta={key: "none"})

    assert stop_of(modern_arrival(body), request_of(body)).code == -32602


def test_the_client_need_not_say_who_it_is() -> None:
    """MCP 2026-07-28, basic/index: clientInfo is a SHOULD."""
    meta = {key: value for key, value in ENVELOPE.items() if key != CLIENT_INFO_KEY}
    body = message("tools/list", {"_meta": meta})

    assert classify(modern_arrival(body), request_of(body)).era is Era.MODERN


def test_a_modern_notification_needs_no_more_than_a_version_that_is_served() -> None:
    """The SDK as oracle: there is nothing for it to act on."""
    said = notification_of("notifications/cancelled", {"requestId": 1})

    assert classify(over_http(b"", (("mcp-protocol-version", MODERN),)), said).era is Era.MODERN
    assert stop_of(over_http(b"", (("mcp-protocol-version", "2027-01-01"),)), said).code == -32022


def test_over_stdio_a_notification_is_modern_by_its_envelope_or_before_any_handshake() -> None:
    """Ours: notifications carry no envelope of themselves, though the SDK's client stamps them."""
    plain, stamped = notification_of("notifications/cancelled"), notification_of("x", {"_meta": dict(ENVELOPE)})

    assert classify(over_stdio(b""), plain).era is Era.MODERN
    assert classify(over_stdio(b"", session=SESSION), plain).era is Era.LEGACY
    assert classify(over_stdio(b"", session=SESSION), stamped).era is Era.MODERN
    odd = notification_of("x", {"_meta": {VERSION_KEY: 7}})
    assert stop_of(over_stdio(b""), odd).code == -32602


def test_a_legacy_notification_needs_no_session() -> None:
    """Issue 2: notifications are accepted, and most of them dropped."""
    said = notification_of("notifications/initialized")

    assert classify(over_http(b""), said).version is None
    assert classify(legacy_arrival(notification("x")), said).version == LEGACY


def test_an_envelope_is_made_only_where_it_was_checked() -> None:
    """House style: the chain of evidence."""
    with pytest.raises(TypeError):
        Envelope(era=Era.MODERN, version=MODERN, meta={}, param_headers=(), trace_headers=(), seal=Seal("mine"))


@pytest.mark.parametrize(
    ("arrival", "members", "expected"),
    [
        (over_http(b""), {}, Era.LEGACY),
        (over_http(b"", (("mcp-protocol-version", LEGACY),)), {"params": {"_meta": ENVELOPE}}, Era.LEGACY),
        (over_http(b"", (("mcp-protocol-version", "x"),)), {}, Era.MODERN),
        (over_stdio(b""), {}, Era.MODERN),
        (over_stdio(b"", session=SESSION), {}, Era.LEGACY),
        (over_stdio(b""), {"id": 1, "method": "initialize"}, Era.LEGACY),
        (over_stdio(b""), {"id": 1, "method": "x", "params": 7}, Era.LEGACY),
        (over_stdio(b""), {"id": 1, "method": "x", "params": {"_meta": []}}, Era.LEGACY),
        (over_stdio(b"", session=SESSION), {"id": 1, "method": "x", "params": {"_meta": {VERSION_KEY: 0}}}, Era.MODERN),
    ],
)
def test_the_era_of_what_cannot_be_read_is_guessed_for_the_refusal(
    arrival: Arrival, members: JsonObject, expected: Era
) -> None:
    """Ours: a refusal, too, is spoken in somebody's tongue."""
    assert guess_era(arrival, members) is expected


# --- the SDK's ladder as oracle ---------------------------------------------------------------------------------------

VERSIONS = st.sampled_from([MODERN, MODERN, MODERN, "2027-01-01", LEGACY, ""])
METHODS = st.sampled_from(["tools/call", "tools/list", "server/discover", "prompts/get", "resources/read", "odd"])
NAMES = st.sampled_from(["a", "b", "ä", "=?base64?YQ==?=", "=?base64?w6Q=?=", "=?base64?YQ?=", ""])


def mostly(usual: Json, others: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """Draw what belongs here three times out of four: a ladder whose first rung always fails shows no other rung."""
    return st.integers(0, 3).flatmap(lambda roll: others if roll == 0 else st.just(usual))


@st.composite
def metas(draw: st.DrawFn, version: str) -> Json:
    meta: JsonObject = {}
    if draw(st.integers(0, 9)):
        meta[VERSION_KEY] = draw(mostly(version, st.one_of(VERSIONS, st.sampled_from([None, 7, [MODERN]]))))
    if draw(st.integers(0, 9)):
        meta[CAPABILITIES_KEY] = {}
    if draw(st.booleans()):
        meta[CLIENT_INFO_KEY] = {"name": "x", "version": "1"}
    return draw(mostly(meta, st.sampled_from([None, [], "x"])))


@st.composite
def requests(draw: st.DrawFn) -> tuple[JsonObject, Headers]:
    method, version = draw(METHODS), draw(VERSIONS)
    params: JsonObject = {"_meta": draw(metas(version))} if draw(st.integers(0, 9)) else {}
    for member in ("name", "uri"):
        if draw(st.booleans()):
            params[member] = draw(mostly("a", st.one_of(NAMES, st.sampled_from([None, 7]))))
    headers: list[tuple[str, str]] = []
    for name, usual, others in (
        ("mcp-protocol-version", version, VERSIONS),
        ("mcp-method", method, METHODS),
        ("mcp-name", "a", NAMES),
    ):
        count = draw(mostly(1, st.sampled_from([0, 2])))
        assert isinstance(count, int)
        headers.extend((name, str(draw(mostly(usual, others)))) for _ in range(count))
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}, tuple(headers)


def verdict_of_the_sdk(body: JsonObject, headers: Headers | None) -> int | str:
    """Return what the SDK's server does: a code, or the version that it goes on with."""
    if headers is not None and (duplicated := find_duplicated_routing_header(headers)) is not None:
        return -32020 if duplicated else 0
    route = classify_inbound_request(body, headers=None if headers is None else dict(headers))
    return route.code if isinstance(route, InboundLadderRejection) else route.protocol_version


def our_verdict(arrival: Arrival, body: JsonObject) -> int | str | None:
    try:
        return classify(arrival, request_of(body)).version
    except Refused as stop:
        return stop.code


@settings(max_examples=100)
@given(requests())
def test_over_http_our_ladder_says_what_the_sdks_ladder_says(case: tuple[JsonObject, Headers]) -> None:
    """The SDK as oracle, over the same routing: header absent or legacy is the legacy era."""
    body, headers = case
    versions = [value for name, value in headers if name == "mcp-protocol-version"]
    if versions and versions[0] not in HANDSHAKE_PROTOCOL_VERSIONS:
        assert our_verdict(over_http(body, headers, session=SESSION), body) == verdict_of_the_sdk(body, headers)
    else:
        # The one difference, on purpose: where the SDK goes on and ignores what speaks of another era, we refuse.
        assert our_verdict(over_http(body, headers, session=SESSION), body) in {LEGACY, -32020, -32602}


@given(requests())
def test_over_stdio_our_ladder_says_what_the_sdks_ladder_says(case: tuple[JsonObject, Headers]) -> None:
    """The SDK as oracle; it chooses an era once for a connection, we for each message."""
    body, _ = case
    params = body["params"]
    assert isinstance(params, dict)
    meta = params.get("_meta")
    if isinstance(meta, dict) and VERSION_KEY in meta:
        assert our_verdict(over_stdio(body, session=SESSION), body) == verdict_of_the_sdk(body, None)
