"""Law 5: whatever bytes come, a reply goes out, and it is one that can be read.

The real reader and the real edge, over a simulated corridor that has no tool side at all.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final

import anyio
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mediator.canonical import Json, JsonObject, canonical_bytes, parse_json, parse_object
from mediator.edge.http_facts import http_facts
from mediator.edge.sessions import Sessions
from mediator.edge.streamable_http import StreamableHttp
from mediator.mediation.reply import refuse
from mediator.refusal import Reason, Refused
from mediator.settings.sections import LimitSettings, ServerSettings
from mediator.wire.arrival import Arrival, LegacySession
from mediator.wire.reading import frame_of, read
from tests.promises import promise
from tests.simulated.arrivals import ENVELOPE, LEGACY, MODERN, SESSION, over_http, over_stdio
from tests.simulated.asgi_client import Response, request
from tests.simulated.corridor import FACTS, SimulatedCorridor

Headers = tuple[tuple[str, str], ...]

METHODS = st.sampled_from(
    ["initialize", "ping", "server/discover", "tools/list", "tools/call", "notifications/cancelled", "x", ""]
)
JSON: Final[st.SearchStrategy[Json]] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53) + 1, 2**53 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=8),
        st.sampled_from(["2.0", MODERN, LEGACY, "a"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text("abc_", max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def near_messages(draw: st.DrawFn) -> bytes:
    """Something that is nearly a message: each member is there or not, right or not."""
    members: JsonObject = {}
    for name, right in (
        ("jsonrpc", st.just("2.0")),
        ("id", st.one_of(st.integers(0, 9), st.text("ab", max_size=3))),
        ("method", METHODS),
        ("params", near_params()),
        ("result", st.just({})),
        ("error", st.just({})),
    ):
        is_usual = name not in {"result", "error"}
        if draw(st.integers(0, 9)) < (9 if is_usual else 1):
            members[name] = draw(right if draw(st.integers(0, 9)) else JSON)
    body = canonical_bytes(members)
    if draw(st.integers(0, 9)) == 0:
        cut = draw(st.integers(0, len(body)))
        body = body[:cut] + draw(st.binary(max_size=3)) + body[cut:]
    return body


@st.composite
def near_params(draw: st.DrawFn) -> JsonObject:
    params: JsonObject = {}
    for name, right in (
        ("name", st.sampled_from(["a", "slowly", ""])),
        ("arguments", st.dictionaries(st.text("ab", max_size=2), JSON, max_size=2)),
        ("protocolVersion", st.sampled_from([LEGACY, "2024-11-05", "x"])),
        ("requestId", st.integers(0, 9)),
        ("cursor", st.text(max_size=2)),
        ("_meta", st.one_of(st.just(ENVELOPE), st.just({}))),
    ):
        if draw(st.booleans()):
            params[name] = draw(right if draw(st.integers(0, 9)) else JSON)
    return params


BODIES = st.one_of(st.binary(max_size=64), near_messages())


@st.composite
def headers(draw: st.DrawFn) -> Headers:
    found: list[tuple[str, str]] = []
    for name, values in (
        ("mcp-protocol-version", st.sampled_from([MODERN, LEGACY, "2027-01-01", ""])),
        ("mcp-method", METHODS),
        ("mcp-name", st.sampled_from(["a", "=?base64?YQ==?=", "=?base64?!?="])),
        ("mcp-param-a", st.sampled_from(["1", "=?base64?!?="])),
        ("mcp-session-id", st.sampled_from(["0" * 32, "", "x"])),
        ("traceparent", st.sampled_from(["00-" + "a" * 32 + "-" + "b" * 16 + "-01", "x"])),
    ):
        count = draw(st.sampled_from([0, 1, 1, 2]))
        found.extend((name, draw(values)) for _ in range(count))
    return tuple(found)


SESSIONS: st.SearchStrategy[LegacySession | None] = st.sampled_from([None, SESSION])


@promise("P7", "P11")
@settings(max_examples=100)
@given(body=BODIES, came=headers(), session=SESSIONS)
@example(body=b"", came=(), session=None)
@example(body=b"[" * 5000, came=(), session=None)
@example(body=b'{"jsonrpc":"2.0","id":1e400,"method":"x"}', came=(), session=None)
@example(body=b'{"jsonrpc":"2.0","id":"\\ud800","method":"x"}', came=(), session=None)
def test_whatever_comes_is_read_or_refused(body: bytes, came: Headers, session: LegacySession | None) -> None:
    """House style §4: nothing but `Refused` leaves the reader, and every refusal can be told."""
    for arrival in (over_http(body, came, session=session), over_stdio(body, session=session)):
        assert reads_in_one_way(arrival)
        try:
            reading = read(arrival)
        except Refused as stop:
            assert stop.reason in {Reason.MALFORMED, Reason.HEADER_MISMATCH, Reason.METHOD_NOT_ALLOWED}
            reply = refuse(frame_of(arrival), stop, FACTS)
            assert reply.body is not None
            assert parse_object(reply.body)["jsonrpc"] == "2.0"
        else:
            assert reading.frame.transport is arrival.transport
            assert reading.frame.request_id == frame_of(arrival).request_id


def reads_in_one_way(arrival: Arrival) -> bool:
    """Tell whether reading twice says the same: a reader has no memory."""

    def once() -> object:
        try:
            return read(arrival)
        except Refused as stop:
            return str(stop)

    return once() == once()


def ask(body: bytes, came: Headers, *, plain: bool) -> tuple[Response, SimulatedCorridor]:
    corridor = SimulatedCorridor()
    facts = http_facts(ServerSettings(), LimitSettings(), 8080, [])
    app = StreamableHttp(
        corridor.door(),
        Sessions(lambda: 0.0, None, lambda: "0" * 32, new_outbox=corridor.door().new_outbox),
        facts,
        lambda: True,
    )

    async def run() -> Response:
        return await request(app, body, came, plain=plain).run()

    return anyio.run(run), corridor


@promise("P1", "P7", "P11")
@settings(max_examples=100)
@given(body=BODIES, came=headers(), plain=st.sampled_from([False, False, False, True]))
def test_any_bytes_that_are_posted_get_a_reply(body: bytes, came: Headers, *, plain: bool) -> None:
    """House style, law 5: one whole answer, whose body is a JSON-RPC message or nothing at all."""
    response, corridor = ask(body, came, plain=plain)

    assert response.is_complete
    assert response.status in {200, 202, 400, 401, 404, 415}
    if response.body:
        message = response.message
        assert message["jsonrpc"] == "2.0"
        assert ("result" in message) != ("error" in message)
        assert message["id"] is None or message["id"] == frame_of(over_http(body, came)).request_id
    else:
        assert response.status == 202
    assert len(corridor.arrivals) <= 1


@promise("P11")
@settings(max_examples=100)
@given(body=near_messages())
def test_a_refusal_has_the_id_that_can_be_read(body: bytes) -> None:
    """Design 5.7: every HTTP error carries a JSON-RPC error with the request's id."""
    response, _ = ask(body, (), plain=False)

    if response.status >= 400:
        try:
            sent = parse_json(body)
        except Refused:
            sent = None
        is_call = isinstance(sent, dict) and isinstance(sent.get("method"), str)
        sent_id = sent.get("id") if isinstance(sent, dict) and is_call else None
        usable = isinstance(sent_id, int | str) and not isinstance(sent_id, bool)
        assert response.message["id"] == (sent_id if usable else None)
