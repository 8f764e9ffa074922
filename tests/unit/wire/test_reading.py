"""Unit tests of mediator/wire/reading.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import Json, JsonLimits, JsonObject
from mediator.refusal import Reason, Refused
from mediator.wire.arrival import Arrival, Transport
from mediator.wire.call import Call
from mediator.wire.jsonrpc import RequestId
from mediator.wire.methods import Era, ListMethod, NoticePath
from mediator.wire.reading import Discover, Frame, Initialize, ListItems, Notice, Ping, frame_of, read
from tests.promises import promise
from tests.simulated.arrivals import (
    LEGACY,
    MODERN,
    SESSION,
    enveloped,
    legacy_arrival,
    message,
    modern_arrival,
    notification,
    over_http,
    over_stdio,
)

MODERN_HEADER = (("mcp-protocol-version", MODERN),)


def frame(
    era: Era, method: str | None, request_id: RequestId | None = 1, version: str | None = None, via: str = "http"
) -> Frame:
    return Frame(request_id=request_id, era=era, version=version, transport=Transport(via), method=method)


def stop_of(arrival: Arrival) -> Refused:
    with pytest.raises(Refused) as stop:
        read(arrival)
    return stop.value


def test_a_call_is_read_in_either_era() -> None:
    """Issue 2, the agents' side."""
    for arrival in (
        modern_arrival(enveloped("tools/call", {"name": "a"})),
        legacy_arrival(message("tools/call", {"name": "a"})),
    ):
        call = read(arrival)
        assert isinstance(call, Call)
        assert call.frame.method == "tools/call"


def test_a_listing_is_read_in_either_era() -> None:
    """Issue 2, the agents' side."""
    modern = read(modern_arrival(enveloped("tools/list", {"cursor": ""})))
    legacy = read(legacy_arrival(message("tools/list")))

    assert modern == ListItems(
        frame=frame(Era.MODERN, "tools/list", version=MODERN), method=ListMethod.TOOLS, cursor=""
    )
    assert legacy == ListItems(
        frame=frame(Era.LEGACY, "tools/list", version=LEGACY), method=ListMethod.TOOLS, cursor=None
    )


@pytest.mark.parametrize("cursor", [None, 7, {}])
def test_a_cursor_that_is_no_string_is_refused(cursor: Json) -> None:
    """MCP, server/utilities/pagination."""
    assert stop_of(legacy_arrival(message("tools/list", {"cursor": cursor}))).code == -32602


def test_a_discovery_is_read() -> None:
    """MCP 2026-07-28: it must be served."""
    reading = read(modern_arrival(enveloped("server/discover")))

    assert reading == Discover(frame=frame(Era.MODERN, "server/discover", version=MODERN))


def test_a_handshake_asks_for_a_version_that_need_not_be_served() -> None:
    """MCP 2025-11-25, Lifecycle: the server answers with one of its own."""
    reading = read(over_http(message("initialize", {"protocolVersion": "1999-01-01"})))

    assert reading == Initialize(frame=frame(Era.LEGACY, "initialize"), version="1999-01-01")


@pytest.mark.parametrize("params", [{}, {"protocolVersion": 7}, {"protocolVersion": ""}, {"protocolVersion": "x" * 65}])
def test_a_handshake_that_asks_for_no_version_is_refused(params: JsonObject) -> None:
    """MCP 2025-11-25, schema."""
    assert stop_of(over_http(message("initialize", params))).code == -32602


def test_a_ping_is_read() -> None:
    """MCP 2025-11-25; over stdio also before the handshake."""
    assert read(legacy_arrival(message("ping"))) == Ping(frame=frame(Era.LEGACY, "ping", version=LEGACY))
    assert read(over_stdio(message("ping"))) == Ping(frame=frame(Era.LEGACY, "ping", via="stdio"))


@pytest.mark.parametrize(
    "arrival",
    [
        *(
            modern_arrival(enveloped(method))
            for method in (
                "ping",
                "initialize",
                "logging/setLevel",
                "resources/subscribe",
                "tasks/list",
                "tasks/result",
                "x",
            )
        ),
        *(
            legacy_arrival(message(method))
            for method in (
                "server/discover",
                "subscriptions/listen",
                "tasks/get",
                "Tools/Call",
                "tools/call ",
                "",
                "x" * 99,
            )
        ),
    ],
    ids=lambda arrival: str(frame_of(arrival).method)[:20],
)
@promise("P1", "P7")
def test_a_method_that_the_table_does_not_name_is_refused(arrival: Arrival) -> None:
    """Issue 2: other requests are refused with -32601."""
    stop = stop_of(arrival)

    assert (stop.reason, stop.code) == (Reason.METHOD_NOT_ALLOWED, -32601)
    assert len(stop.detail) <= 66


@pytest.mark.parametrize("asked", [[], {"resourceSubscriptions": {}}, {"resourceSubscriptions": ["x:"] * 101}])
def test_a_wish_to_listen_that_has_not_its_form_is_refused(asked: Json) -> None:
    """MCP 2026-07-28, `basic/patterns/subscriptions`; the bound is ours."""
    stop = stop_of(modern_arrival(enveloped("subscriptions/listen", {"notifications": asked})))
    assert stop.code == -32602


@pytest.mark.parametrize(
    ("request_id", "cancels"), [(7, 7), ("a", "a"), (None, None), (True, None), ([], None), (1.5, None)]
)
def test_a_cancellation_names_a_request_or_none(request_id: Json, cancels: RequestId | None) -> None:
    """MCP, basic/utilities/cancellation: an invalid one is ignored."""
    reading = read(legacy_arrival(notification("notifications/cancelled", {"requestId": request_id})))

    assert reading == Notice(
        frame=frame(Era.LEGACY, "notifications/cancelled", None, LEGACY),
        path=NoticePath.CANCEL,
        method="notifications/cancelled",
        cancels=cancels,
    )


def test_a_cancellation_in_the_modern_era_is_read_for_stdio() -> None:
    """MCP 2026-07-28: over HTTP closing the stream cancels; over stdio the notification does."""
    reading = read(over_stdio(notification("notifications/cancelled", {"requestId": 7})))

    assert isinstance(reading, Notice)
    assert (reading.frame.era, reading.path, reading.cancels) == (Era.MODERN, NoticePath.CANCEL, 7)


@pytest.mark.parametrize(
    ("arrival", "path"),
    [
        (legacy_arrival(notification("notifications/initialized")), NoticePath.READY),
        (legacy_arrival(notification("notifications/progress", {"requestId": 1})), NoticePath.DROP),
        (over_http(notification("notifications/roots/list_changed")), NoticePath.DROP),
        (over_http(notification("tools/call", {"name": "a"}), MODERN_HEADER), NoticePath.DROP),
        (over_http(notification("notifications/initialized"), MODERN_HEADER), NoticePath.DROP),
    ],
)
@promise("P1")
def test_other_notifications_go_nowhere(arrival: Arrival, path: NoticePath) -> None:
    """Issue 2: accepted, dropped and counted; a call without an id is no call."""
    reading = read(arrival)

    assert isinstance(reading, Notice)
    assert (reading.path, reading.cancels, reading.frame.request_id) == (path, None, None)


@pytest.mark.parametrize("headers", [(), MODERN_HEADER])
def test_an_answer_to_what_we_never_asked_goes_nowhere(headers: tuple[tuple[str, str], ...]) -> None:
    """Ours: we send agents no requests, so no answer of theirs is awaited."""
    reading = read(over_http({"jsonrpc": "2.0", "id": 1, "result": {}}, headers, session=SESSION))

    assert isinstance(reading, Notice)
    assert (reading.path, reading.method, reading.frame.request_id) == (NoticePath.DROP, "", None)


@pytest.mark.parametrize(
    ("body", "reason", "code"),
    [
        (b"", Reason.MALFORMED, -32700),
        (b"{", Reason.MALFORMED, -32700),
        (b"[]", Reason.MALFORMED, -32600),
        (b" " * 4_194_305, Reason.BODY_TOO_LARGE, None),
    ],
)
def test_what_is_no_message_is_refused(body: bytes, reason: Reason, code: int | None) -> None:
    """JSON-RPC 2.0; design 5.2."""
    stop = stop_of(over_http(body))

    assert (stop.reason, stop.code) == (reason, code)


def test_the_limits_are_the_callers() -> None:
    """Design 5.2: limits are settings."""
    with pytest.raises(Refused) as stop:
        read(legacy_arrival(message("ping")), JsonLimits(bytes_max=10))

    assert stop.value.reason is Reason.BODY_TOO_LARGE
    assert frame_of(legacy_arrival(message("ping")), JsonLimits(bytes_max=10)).request_id is None


@pytest.mark.parametrize(
    ("arrival", "expected"),
    [
        (over_http(b""), frame(Era.LEGACY, None, None)),
        (over_http(b"[1]", MODERN_HEADER), frame(Era.MODERN, None, None)),
        (over_http(b'{"jsonrpc":"1.0","id":7,"method":"x"}'), frame(Era.LEGACY, "x", 7)),
        (over_http(b'{"id":"a","method":"x","params":7}', MODERN_HEADER), frame(Era.MODERN, "x", "a")),
        (over_http(b'{"id":7,"id":8,"method":"x"}'), frame(Era.LEGACY, None, None)),
        (over_http(b'{"id":7,"method":8}'), frame(Era.LEGACY, None, None)),
        (over_http(b'{"id":7,"result":{}}'), frame(Era.LEGACY, None, None)),
        (over_http(b'{"method":"x"}'), frame(Era.LEGACY, "x", None)),
        (over_stdio(enveloped("x")), frame(Era.MODERN, "x", via="stdio")),
        (over_stdio(message("x")), frame(Era.LEGACY, "x", via="stdio")),
    ],
)
@promise("P11")
def test_a_refusal_of_what_cannot_be_read_is_framed_as_far_as_it_can(arrival: Arrival, expected: Frame) -> None:
    """Ours: a refusal goes out under the request's id wherever there is one to be read in one way only."""
    assert frame_of(arrival) == expected
