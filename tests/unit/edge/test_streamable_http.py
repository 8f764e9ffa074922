"""Unit tests of mediator/edge/streamable_http.py, over ASGI in the same process.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import anyio
import pytest

from mediator.canonical import canonical_bytes, parse_object
from mediator.edge.http_facts import HttpFacts
from mediator.edge.sessions import SessionLimits
from mediator.edge.streamable_http import StreamableHttp
from mediator.mediation.caller import DEAF
from mediator.mediation.ports import Caller
from mediator.mediation.reply import Reply
from mediator.refusal import Reason
from mediator.wire.arrival import Arrival, LegacySession
from mediator.wire.call import Call
from mediator.wire.methods import Era
from mediator.wire.reading import Initialize, ListItems, Notice
from mediator.wire.receiver import read_capabilities
from tests.promises import promise
from tests.simulated.arrivals import LEGACY, MODERN, enveloped, message, modern_headers, notification
from tests.simulated.asgi_client import Response, Wire, request
from tests.simulated.asgi_edge import FACTS, Edge, patient, wait_until
from tests.simulated.corridor import SimulatedCorridor

INITIALIZE: Final = canonical_bytes(message("initialize", {"protocolVersion": LEGACY}))
SLOW: Final = enveloped("tools/call", {"name": "slow"})


async def run_in_turn(*wires: Wire) -> list[Response]:
    return [await wire.run() for wire in wires]


# --- both eras --------------------------------------------------------------------------------------------------------


async def test_a_modern_request_is_answered_as_json() -> None:
    """MCP 2026-07-28, Streamable HTTP."""
    edge = Edge()

    response = await edge.modern(enveloped("tools/list")).run()

    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    assert response.message["id"] == 1
    assert isinstance(edge.last, ListItems)
    assert edge.last.frame.era is Era.MODERN
    assert "mcp-session-id" not in response.headers


async def test_an_answer_is_kept_by_nobody_on_the_way() -> None:
    """Ours: what an agent may see depends on its credential."""
    response = await Edge().modern(enveloped("tools/list")).run()

    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_a_handshake_opens_a_session_in_which_requests_are_answered() -> None:
    """MCP 2025-11-25, Session Management."""
    edge = Edge()

    session = await edge.open_session()
    ready, listed = await run_in_turn(
        edge.legacy(notification("notifications/initialized"), session),
        edge.legacy(message("tools/list", request_id=2), session),
    )

    assert isinstance(edge.corridor.readings[0], Initialize)
    assert (ready.status, ready.body) == (202, b"")
    assert (listed.status, listed.message["id"]) == (200, 2)
    assert edge.corridor.arrivals[-1].session == LegacySession(
        id=session, version=LEGACY, holder="planner", capabilities=read_capabilities({"elicitation": {}})
    )


async def test_a_handshake_that_is_refused_opens_no_session() -> None:
    """MCP 2025-11-25: the SDK hands out an id even then; here nothing was opened, so nothing is handed out."""
    edge = Edge()

    response = await request(edge.app, INITIALIZE, token=None).run()

    assert response.status == 401
    assert "mcp-session-id" not in response.headers
    assert len(edge.sessions) == 0


async def test_a_legacy_request_without_a_session_is_refused() -> None:
    """MCP 2025-11-25, Session Management."""
    response = await Edge().legacy(message("tools/list"), None).run()

    assert response.error["code"] == -32600


@pytest.mark.parametrize("session", ["f" * 32, "", "x" * 10_000])
async def test_a_session_that_does_not_exist_is_not_found(session: str) -> None:
    """MCP 2025-11-25, Session Management: 404 tells the client to initialize again."""
    response = await Edge().legacy(message("tools/list", request_id=5), session).run()

    assert (response.status, response.error["code"], response.message["id"]) == (404, -32600, 5)


@promise("P9")
async def test_a_session_of_somebody_else_is_not_found() -> None:
    """MCP, Security Best Practices, session hijacking: an id is no authority, and is bound to who opened it."""
    edge = Edge()
    session = await edge.open_session()

    theirs = await edge.legacy(message("tools/list"), session, token="thief").run()
    mine = await edge.legacy(message("tools/list"), session).run()

    assert (theirs.status, mine.status) == (404, 200)


async def test_two_session_ids_are_none() -> None:
    """Ours: a reader of the first and a reader of the last would disagree."""
    edge = Edge()
    session = await edge.open_session()
    wire = request(
        edge.app, canonical_bytes(message("ping")), [("mcp-session-id", session), ("mcp-session-id", session)]
    )

    assert (await wire.run()).status == 404


async def test_a_modern_request_takes_no_notice_of_a_session_id() -> None:
    """MCP 2026-07-28: receivers ignore the header."""
    edge = Edge()
    body = enveloped("tools/list")

    response = await request(edge.app, canonical_bytes(body), [*modern_headers(body), ("mcp-session-id", "none")]).run()

    assert response.status == 200
    assert edge.corridor.arrivals[-1].session is None


async def test_a_session_that_nobody_uses_ends() -> None:
    """Ours, with the SDK's thirty minutes; by the clock that was passed in."""
    edge = Edge()
    session = await edge.open_session()

    edge.now = 1800.0

    assert (await edge.legacy(message("ping"), session).run()).status == 404


async def test_one_handshake_too_many_is_told_so() -> None:
    """Design 5.7: overload is 503 with `Retry-After`."""
    edge = Edge(limits=SessionLimits(sessions_max=1))
    await edge.open_session("a")

    response = await request(edge.app, INITIALIZE, token="b").run()

    assert (response.status, response.headers["retry-after"]) == (503, "1")
    assert response.reason == "OVERLOADED"
    assert "mcp-session-id" not in response.headers


async def test_each_server_has_an_endpoint_of_its_own() -> None:
    """Design 5.2."""
    edge = Edge()

    await run_in_turn(
        edge.modern(enveloped("tools/list"), path="/servers/clock-2/mcp"), edge.modern(enveloped("tools/list"))
    )

    assert [arrival.server for arrival in edge.corridor.arrivals] == ["clock-2", None]


async def test_a_response_that_an_agent_sends_goes_nowhere() -> None:
    """MCP: we ask agents nothing."""
    edge = Edge()

    response = await request(edge.app, b'{"jsonrpc":"2.0","id":1,"result":{}}').run()

    assert response.status == 202
    assert isinstance(edge.last, Notice)


# --- ending a session -------------------------------------------------------------------------------------------------


def delete(edge: Edge, *headers: tuple[str, str], token: str | None = "planner") -> Wire:
    return request(edge.app, b"", headers, method="DELETE", token=token, plain=True)


async def test_its_holder_ends_a_session() -> None:
    """MCP 2025-11-25, Session Management."""
    edge = Edge()
    session = await edge.open_session()

    ended = await delete(edge, ("mcp-session-id", session)).run()
    after = await edge.legacy(message("ping"), session).run()

    assert (ended.status, ended.body, after.status) == (200, b"", 404)


@pytest.mark.parametrize(
    ("token", "status"), [(None, 401), ("bad", 401), ("thief", 404)], ids=["nobody", "bad", "somebody else"]
)
async def test_nobody_else_ends_a_session(token: str | None, status: int) -> None:
    """Ours: 401 before 404, and 404 for what is not the caller's."""
    edge = Edge()
    session = await edge.open_session()

    response = await delete(edge, ("mcp-session-id", session), token=token).run()

    assert response.status == status
    assert ("www-authenticate" in response.headers) is (status == 401)
    assert (await edge.legacy(message("ping"), session).run()).status == 200


async def test_ending_no_session_is_refused() -> None:
    """MCP: 400 without an id; in the modern era there is nothing to end."""
    edge = Edge()

    unnamed, modern = await run_in_turn(delete(edge), delete(edge, ("mcp-protocol-version", MODERN)))

    assert (unnamed.status, modern.status, modern.headers["allow"]) == (400, 405, "POST")


# --- who is turned away -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "HEAD", "OPTIONS", "PATCH", "TRACE", "get", ""])
@pytest.mark.parametrize("path", ["/mcp", "/servers/clock/mcp"])
async def test_other_methods_are_not_allowed(method: str, path: str) -> None:
    """MCP 2025-11-25, Streamable HTTP: the three that it has."""
    edge = Edge()

    response = await request(edge.app, method=method, path=path, plain=True).run()

    assert (response.status, response.headers["allow"]) == (405, "GET, POST, DELETE")
    assert response.reason == "METHOD_NOT_ALLOWED"
    assert edge.corridor.counted == []  # every client of an older version asks for a stream once


@pytest.mark.parametrize(
    "path",
    [
        *("/", "", "/mcp/", "/MCP", "/mcp/x", "//mcp", "/mcp\n", "/sse"),
        *("/servers/mcp", "/servers//mcp", "/servers/a/b/mcp", "/servers/A/mcp", "/servers/../mcp", "/servers/a\n/mcp"),
        *(f"/servers/{'a' * 21}/mcp", "/servers/-a/mcp"),
        *("/.well-known/oauth-protected-resourcex", "/.well-known/oauth-protected-resource/x"),
    ],
)
async def test_other_paths_do_not_exist(path: str) -> None:
    """Design 5.2; the old HTTP+SSE transport is not served."""
    edge = Edge()

    response = await edge.modern(enveloped("tools/list"), path=path).run()

    assert response.status == 404
    assert edge.corridor.arrivals == []


@pytest.mark.parametrize(
    "hosts",
    [
        (),
        ("evil.example",),
        ("evil.example:8080",),
        ("127.0.0.1",),
        ("127.0.0.1:80",),
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("127.0.0.1:8080, evil.example",),
        ("127.0.0.1:8080@evil.example",),
        ("",),
    ],
)
@promise("P7")
async def test_a_foreign_host_is_not_served(hosts: tuple[str, ...]) -> None:
    """MCP, Streamable HTTP, Security Warning: DNS rebinding."""
    edge = Edge()
    body = enveloped("tools/list")

    response = await request(
        edge.app, canonical_bytes(body), [*modern_headers(body), *(("host", host) for host in hosts)], host=None
    ).run()

    assert response.status == 421
    assert edge.corridor.arrivals == []
    assert edge.corridor.counted == [("192.0.2.7", Reason.MALFORMED)]


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:8080", 200),
        ("http://localhost:8080", 200),
        ("HTTP://LOCALHOST:8080", 200),
        ("http://localhost", 403),
        ("https://localhost:8080", 403),
        ("http://evil.example", 403),
        ("http://localhost:8080.evil.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
async def test_a_foreign_origin_is_forbidden(origin: str, status: int) -> None:
    """MCP, Streamable HTTP, Security Warning: an `Origin` that is there must be ours."""
    edge = Edge()
    body = enveloped("tools/list")

    response = await request(edge.app, canonical_bytes(body), [*modern_headers(body), ("origin", origin)]).run()

    assert response.status == status


async def test_two_origins_are_forbidden() -> None:
    """Ours."""
    origin = ("origin", "http://localhost:8080")

    assert (await request(Edge().app, b"", [origin, origin]).run()).status == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("content-type", "application/json")], 200),
        ([("content-type", "Application/JSON; charset=utf-8")], 200),
        ([("content-type", "application/json ;x")], 200),
        ([], 415),
        ([("content-type", "text/plain")], 415),
        ([("content-type", "application/jsonp")], 415),
        ([("content-type", "text/plain, application/json")], 415),
        ([("content-type", "application/json"), ("content-type", "application/json")], 415),
        ([("content-type", "application/json"), ("content-encoding", "gzip")], 415),
        ([("content-type", "application/json"), ("content-encoding", "identity")], 415),
    ],
)
async def test_a_body_is_json_and_not_packed(headers: list[tuple[str, str]], status: int) -> None:
    """Design 5.2: `Content-Encoding` on requests is refused; a browser sends no JSON across origins unasked."""
    body = enveloped("tools/list")

    response = await request(Edge().app, canonical_bytes(body), [*modern_headers(body), *headers], plain=True).run()

    assert response.status == status


async def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    """Design 5.2: 413."""
    edge = Edge()
    wire = request(edge.app, b"x", [("content-length", "4194305"), ("content-type", "application/json")], plain=True)

    response = await wire.run()

    assert (response.status, response.reason) == (413, "BODY_TOO_LARGE")
    assert response.headers["connection"] == "close"
    assert edge.corridor.arrivals == []


async def test_a_body_that_becomes_too_large_is_not_read_on() -> None:
    """Design 5.2: 413, whatever was declared."""
    edge = Edge()

    response = await request(edge.app, [b"x" * 3_000_000, b"x" * 3_000_000], is_whole=False).run()

    assert response.status == 413
    assert edge.corridor.arrivals == []


async def test_a_body_that_does_not_come_is_not_awaited_for_ever() -> None:
    """Design 5.2: first byte 10 s, body 30 s; here both a moment."""
    edge = Edge(replace(FACTS, body=replace(FACTS.body, first_byte_seconds=0.01, seconds=0.01)))

    nothing = await request(edge.app, [], is_whole=False).run()
    half = await request(edge.app, [b"{"], is_whole=False).run()

    assert (nothing.status, half.status) == (408, 408)
    assert edge.corridor.counted == [("192.0.2.7", Reason.MALFORMED)] * 2


async def test_who_hangs_up_in_the_middle_of_a_body_is_not_answered() -> None:
    """Ours: there is nobody to answer."""
    edge = Edge()
    wire = request(edge.app, [b"{"], is_whole=False)
    wire.hang_up()

    response = await wire.run()

    assert not response.begun.is_set()
    assert edge.corridor.arrivals == []


# --- credentials ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "token"),
    [
        (["Bearer abc.def"], "abc.def"),
        (["bearer   abc=="], "abc=="),
        ([], None),
        (["Bearer"], None),
        (["Bearer "], None),
        (["Bearer a b"], None),
        (["Bearer a,b"], None),
        (["Basic YTpi"], None),
        (["abc"], None),
        (["Bearer abc\x00"], None),
        (["Bearer a", "Bearer a"], None),
        (["Bearer a", "Basic b"], None),
    ],
)
@promise("P9")
async def test_a_token_is_read_from_one_authorization_header(values: list[str], token: str | None) -> None:
    """RFC 6750 §2.1; two of them are as none: one of the two readers would take the other."""
    edge = Edge()
    body = enveloped("tools/list")
    headers = [*modern_headers(body), *(("authorization", value) for value in values)]

    response = await request(edge.app, canonical_bytes(body), headers, token=None).run()

    credential = edge.corridor.arrivals[0].credential
    assert (None if credential is None else credential.reveal()) == token
    assert response.status == (401 if token is None else 200)


async def test_who_shows_no_credential_is_told_where_to_get_one() -> None:
    """RFC 9728 §5.1."""
    response = await request(Edge().app, INITIALIZE, token=None).run()

    assert response.status == 401
    assert "resource_metadata=" in response.headers["www-authenticate"]
    assert response.message["id"] == 1


async def test_a_bad_credential_in_a_session_is_told_before_the_session_is_looked_for() -> None:
    """Design 5.6: 401 comes before 404."""
    response = await Edge().legacy(message("ping", request_id=9), "f" * 32, token="bad").run()

    assert (response.status, response.message["id"]) == (401, 9)


# --- streams, and hanging up ------------------------------------------------------------------------------------------


async def test_an_answer_that_takes_long_becomes_a_stream() -> None:
    """Design 5.7: after a second; the last event is the answer."""
    edge = Edge(patient())
    wire = edge.modern(SLOW)

    async with anyio.create_task_group() as running:
        running.start_soon(wire.run)
        with anyio.fail_after(5):
            await wire.response.begun.wait()
        edge.corridor.slow.set()

    response = wire.response
    assert response.is_complete
    assert (response.status, response.headers["content-type"]) == (200, "text/event-stream")
    assert (response.headers["x-accel-buffering"], response.headers["cache-control"]) == ("no", "no-store")
    assert response.body == b"event: message\r\ndata: " + canonical_bytes(response.message) + b"\r\n\r\n"
    assert response.message["id"] == 1


async def test_a_stream_that_is_silent_is_kept_alive() -> None:
    """Design 5.7: a comment, which no client takes for a message."""
    edge = Edge(patient(alive=0.001))
    wire = edge.modern(SLOW)

    async with anyio.create_task_group() as running:
        running.start_soon(wire.run)
        with anyio.fail_after(5):
            while len(wire.response.chunks) < 3:
                await anyio.lowlevel.checkpoint()
        edge.corridor.slow.set()

    assert wire.response.chunks[:3] == [b": waiting\r\n\r\n"] * 3
    assert wire.response.message["id"] == 1


@pytest.mark.parametrize("accept", [[], [("accept", "application/json")]])
async def test_who_takes_no_stream_waits_for_the_answer(accept: list[tuple[str, str]]) -> None:
    """Ours: tolerant of clients that accept JSON alone."""
    edge = Edge(patient(alive=0.001))
    headers = [*modern_headers(SLOW), *accept, ("content-type", "application/json")]
    wire = request(edge.app, canonical_bytes(SLOW), headers, plain=True)

    async with anyio.create_task_group() as running:
        running.start_soon(wire.run)
        with anyio.fail_after(5):
            await edge.corridor.begun.wait()
        for _ in range(100):
            await anyio.lowlevel.checkpoint()
        assert not wire.response.begun.is_set()
        edge.corridor.slow.set()

    assert wire.response.headers["content-type"] == "application/json"


@pytest.mark.parametrize("facts", [FACTS, patient()], ids=["before a stream", "in a stream"])
@pytest.mark.parametrize("era", list(Era))
async def test_hanging_up_cancels_the_call(facts: HttpFacts, era: Era) -> None:
    """Issue 2: a closed stream cancels the call on the tool side, where its agent cannot come back for the rest."""
    edge = Edge(facts)
    session = await edge.open_session(version="2025-06-18")
    slow = message("tools/call", {"name": "slow"})
    wire = edge.modern(SLOW) if era is Era.MODERN else edge.legacy(slow, session, version="2025-06-18")

    async with anyio.create_task_group() as running:
        running.start_soon(wire.run)
        with anyio.fail_after(5):
            await edge.corridor.begun.wait()
            if facts is not FACTS:
                await wire.response.begun.wait()
            wire.hang_up()
            await edge.corridor.ended.wait()

    assert edge.corridor.cancelled == [1]
    assert not wire.response.is_complete


@pytest.mark.parametrize("facts", [FACTS, patient()], ids=["before a stream", "in a stream"])
async def test_a_cancellation_in_the_session_cancels_the_call(facts: HttpFacts) -> None:
    """MCP 2025-11-25, basic/utilities/cancellation: no response is sent to what was cancelled."""
    edge = Edge(facts)
    session = await edge.open_session()
    wire = edge.legacy(message("tools/call", {"name": "slow"}, "call-7"), session)

    async with anyio.create_task_group() as running:
        running.start_soon(wire.run)
        with anyio.fail_after(5):
            await edge.corridor.begun.wait()
            if facts is not FACTS:
                await wire.response.begun.wait()
            told = await edge.legacy(notification("notifications/cancelled", {"requestId": "call-7"}), session).run()

    assert told.status == 202
    assert edge.corridor.cancelled == ["call-7"]
    assert wire.response.is_complete
    assert facts is not FACTS or wire.response.body == b""
    assert facts is FACTS or wire.response.messages == []


@pytest.mark.parametrize(
    ("token", "same_session", "names"), [("thief", True, 7), ("planner", False, 7), ("planner", True, 8)]
)
@promise("P11")
async def test_nobody_cancels_what_is_not_in_their_session(token: str, same_session: bool, names: int) -> None:
    """Ours: one agent never ends another's call; ids are chosen by agents, and repeat."""
    edge = Edge()
    session, other = await edge.open_session(), await edge.open_session()
    wire = edge.legacy(message("tools/call", {"name": "slow"}, 7), session)

    async with anyio.create_task_group() as running:
        running.start_soon(wire.run)
        with anyio.fail_after(5):
            await edge.corridor.begun.wait()
            notice = notification("notifications/cancelled", {"requestId": names})
            await edge.legacy(notice, session if same_session else other, token=token).run()
            await edge.modern(notice | {"params": {"requestId": 7}}).run()
            edge.corridor.slow.set()

    assert edge.corridor.cancelled == []
    assert wire.response.message["id"] == 7


async def test_ending_a_session_cancels_what_is_in_flight_in_it() -> None:
    """Ours: nobody is left to hear the answer."""
    edge = Edge()
    session = await edge.open_session()
    wire = edge.legacy(message("tools/call", {"name": "slow"}, 7), session)

    async with anyio.create_task_group() as running:
        running.start_soon(wire.run)
        with anyio.fail_after(5):
            await edge.corridor.begun.wait()
            await delete(edge, ("mcp-session-id", session)).run()

    assert edge.corridor.cancelled == [7]


async def test_a_handshake_that_became_a_stream_opens_no_session() -> None:
    """Ours: an id travels in a header, and the headers are gone."""

    class Sluggish(SimulatedCorridor):
        async def answer(self, arrival: Arrival, caller: Caller = DEAF) -> Reply:
            await wire.response.begun.wait()
            return await super().answer(arrival, caller)

    edge = Edge(patient())
    edge.app = StreamableHttp(Sluggish().door(), edge.sessions, patient(), lambda: True)
    wire = request(edge.app, INITIALIZE)

    response = await wire.run()

    assert response.message["id"] == 1
    assert len(edge.sessions) == 0


# --- stopping ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("facts", [FACTS, patient()], ids=["before a stream", "in a stream"])
async def test_what_is_being_answered_when_the_mediator_stops_is_told_so(facts: HttpFacts) -> None:
    """Design 5.7: overload, with a readable refusal; in a stream as its last event."""
    edge = Edge(facts)
    wire = edge.modern(SLOW)

    async with anyio.create_task_group() as running:
        running.start_soon(wire.run)
        with anyio.fail_after(5):
            await edge.corridor.begun.wait()
            if facts is not FACTS:
                await wire.response.begun.wait()
            edge.app.stop()

    assert edge.corridor.cancelled == [1]
    assert wire.response.is_complete
    assert (wire.response.reason, wire.response.message["id"]) == ("OVERLOADED", 1)
    assert wire.response.status == (503 if facts is FACTS else 200)


async def test_a_body_that_is_awaited_when_the_mediator_stops_is_awaited_no_more() -> None:
    """Ours."""
    edge = Edge()
    wire = request(edge.app, [b"{"], is_whole=False)

    async with anyio.create_task_group() as running:
        running.start_soon(wire.run)
        await wait_until(lambda: not wire.pieces)
        edge.app.stop()

    assert (wire.response.status, wire.response.reason) == (503, "OVERLOADED")


async def test_a_mediator_that_stops_answers_nothing_more() -> None:
    """Ours."""
    edge = Edge()
    edge.app.stop()

    response = await edge.modern(enveloped("tools/list")).run()

    assert (response.status, response.headers["retry-after"]) == (503, "1")
    assert (await request(edge.app, method="GET", path="/readyz").run()).status == 503
    assert edge.corridor.arrivals == []


# --- what anybody may ask ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_is_yes_or_no_for_anybody(path: str) -> None:
    """Design 5.2: no details; and a probe that addresses the machine by number is answered."""
    edge = Edge()

    yes = await request(edge.app, method="GET", path=path, token=None, host="10.0.0.1").run()
    edge.is_ready = False
    then = await request(edge.app, method="GET", path=path, token=None, host="10.0.0.1").run()

    assert (yes.status, yes.body) == (200, b"yes\n")
    assert (then.status, then.body) == ((200, b"yes\n") if path == "/healthz" else (503, b"no\n"))


@pytest.mark.parametrize("endpoint", ["", "/mcp", "/servers/clock/mcp", "/servers/nobody-knows/mcp"])
async def test_metadata_says_who_issues_tokens_for_each_endpoint(endpoint: str) -> None:
    """RFC 9728 §3: the same whether the server exists or not."""
    path = f"/.well-known/oauth-protected-resource{endpoint}"

    response = await request(Edge().app, method="GET", path=path, token=None, plain=True).run()

    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    assert parse_object(response.body) == {
        "resource": f"http://127.0.0.1:8080{endpoint}",
        "authorization_servers": ["http://127.0.0.1:8080"],
        "bearer_methods_supported": ["header"],
        "resource_name": "mcp-mediator",
        "dpop_signing_alg_values_supported": ["EdDSA", "ES256"],
        "dpop_bound_access_tokens_required": False,
        "tls_client_certificate_bound_access_tokens": False,
    }


async def test_metadata_is_only_read() -> None:
    """RFC 9728 §3.1."""
    response = await request(Edge().app, path="/.well-known/oauth-protected-resource").run()

    assert (response.status, response.headers["allow"]) == (405, "GET, HEAD")


async def test_what_is_no_http_is_left_alone() -> None:
    """ASGI: `lifespan` and `websocket` are not served."""
    edge = Edge()
    wire = edge.modern(enveloped("tools/list"))
    wire.scope["type"] = "lifespan"

    assert not (await wire.run()).begun.is_set()


async def test_a_call_is_read_with_the_headers_that_came() -> None:
    """Ours: the corridor compares them with the body, the edge does not."""
    edge = Edge()
    body = enveloped("tools/call", {"name": "a"})

    split = await request(
        edge.app, canonical_bytes(body), [*modern_headers(enveloped("tools/call", {"name": "b"}))]
    ).run()
    whole = await edge.modern(body).run()

    assert (split.status, split.error["code"], whole.status) == (400, -32020, 200)
    assert isinstance(edge.last, Call)
