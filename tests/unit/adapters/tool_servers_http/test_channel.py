"""One request to a tool server over HTTP, and its answer.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import anyio
import pytest

from mediator.adapters.tool_servers_http.channel import key_of
from mediator.adapters.tool_servers_http.limits import HttpLimits
from mediator.evidence import Secret
from mediator.refusal import Reason, Refused
from mediator.wire.hearing import HearingLimits
from tests.promises import promise
from tests.simulated.http_channel import ANSWER, ASKS, NOTE, STREAM, Called, chunk, event, streams
from tests.simulated.tool_server import (
    Arrived,
    Behaviour,
    SimulatedToolServer,
    Wire,
    drop,
    hang,
    http_answer,
    raw,
    says,
)


@pytest.fixture
async def called() -> AsyncIterator[Called]:
    hearing = HearingLimits(result_bytes_max=2000, noise_bytes_max=2000)
    async with SimulatedToolServer() as server:
        server.on("tools/call", says(ANSWER))
        over = Called(server, HttpLimits(hearing=hearing, settle_seconds=0.05, refusals_max=3))
        yield over
        await over.pool.aclose()


# --- what goes out ---------------------------------------------------------------------------------------------------


async def test_a_request_is_written_whole_and_once(called: Called) -> None:
    """RFC 9112 §3; MCP, Streamable HTTP."""
    await called.ask("t0ken", headers=(("Mcp-Method", "tools/call"),))

    (arrived,) = called.server.arrived
    assert arrived.verb == "POST"
    assert arrived.headers == {
        "host": f"127.0.0.1:{called.server.port}",
        "user-agent": "mcp-mediator/9",
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
        "mcp-method": "tools/call",
        "authorization": "Bearer t0ken",
        "content-length": str(len(arrived.body)),
    }


@promise("P5")
async def test_a_credential_never_shares_a_connection_with_another(called: Called) -> None:
    """Design 5.2."""
    for credential in ("a", "b", None, "a", "b", None):
        await called.ask(credential)
    assert called.connections == [1, 2, 3, 1, 2, 3]


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX: y", "t\xf6ken"])
async def test_a_credential_that_no_header_can_carry_is_not_sent(called: Called, token: str) -> None:
    """Ours: nothing ends its line."""
    assert await called.refused(credential=token) is Reason.TOOL_SERVER_UNAVAILABLE
    assert called.server.arrived == []


def test_what_tells_credentials_apart_gives_none_away() -> None:
    """Ours."""
    assert key_of(None) == ""
    assert key_of(Secret("a")) != key_of(Secret("b"))
    assert "hunter2" not in key_of(Secret("hunter2"))


@promise("P1", "P7")
async def test_what_the_spring_refuses_never_goes_out(called: Called) -> None:
    """Ours (the fence): in the loop turn of the first byte, before it; the connection stays good."""
    await called.ask()

    def refuse() -> None:
        raise Refused(Reason.GRANT_REVOKED)

    assert await called.refused(spring=refuse) is Reason.GRANT_REVOKED
    await called.ask()
    assert len(called.server.arrived) == 2
    assert called.connections == [1, 1]


@promise("P1")
async def test_nothing_is_sent_twice_once_a_byte_went_out(called: Called) -> None:
    """Ours: a call that may have been made is not made again."""
    called.server.on("tools/call", drop)
    sprung: list[int] = []
    assert await called.refused(spring=lambda: sprung.append(1)) is Reason.TOOL_SERVER_UNAVAILABLE
    assert len(called.server.arrived) == 1
    assert sprung == [1]


async def test_an_idle_connection_that_the_server_closed_is_replaced_before_the_first_byte(called: Called) -> None:
    """Ours."""
    called.server.on("tools/call", raw(http_answer(b'{"jsonrpc":"2.0","id":1,"result":{}}'), then="close"))
    await called.ask()
    await called.server.until(lambda: called.server.hang_ups)
    called.server.on("tools/call", says(ANSWER))

    await called.ask()

    assert called.connections == [1, 2]


# --- answers ---------------------------------------------------------------------------------------------------------


async def test_a_json_answer_is_heard(called: Called) -> None:
    """MCP, Streamable HTTP."""
    heard = await called.ask()
    assert heard.status == 200
    assert heard.must_answer().result == {"content": []}


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "500 Broken"])
async def test_an_error_may_stand_under_its_own_status(called: Called, status: str) -> None:
    """MCP 2026-07-28: -32602 comes with 400, -32601 with 404."""
    body = b'{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"m"}}'
    called.server.on("tools/call", raw(http_answer(body, status=status), then="keep"))
    heard = await called.ask()
    assert heard.must_answer().error_code == -32602


BARE: Final = {
    "no body": b"",
    "no JSON": b"nope",
    "an error of another request": b'{"jsonrpc":"2.0","id":"server-error","error":{"code":-32600}}',
    "a result": b'{"jsonrpc":"2.0","id":1,"result":{}}',
    "a notification": NOTE,
}


@pytest.mark.parametrize("body", BARE.values(), ids=BARE.keys())
async def test_a_bare_status_is_told_from_an_answer(called: Called, body: bytes) -> None:
    """Ours: what it means depends on what was asked."""
    called.server.on("tools/call", raw(http_answer(body, status="400 Bad Request"), then="keep"))
    heard = await called.ask()
    assert (heard.status, heard.answer) == (400, None)
    with pytest.raises(Refused) as caught:
        heard.must_answer()
    assert caught.value.reason is Reason.TOOL_SERVER_UNAVAILABLE


async def test_text_under_an_errors_status_is_not_read(called: Called) -> None:
    """Ours."""
    body = b'{"jsonrpc":"2.0","id":1,"error":{"code":-32602}}'
    called.server.on("tools/call", raw(http_answer(body, status="400 No", content_type="text/html"), then="keep"))
    assert (await called.ask()).answer is None


INVALID: Final = {
    "accepted, and nothing more": raw(http_answer(b"", status="202 Accepted")),
    "no content": raw(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "text": says(ANSWER, content_type="text/plain"),
    "no type": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    "nothing": says(b""),
    "a notification": says(NOTE),
    "a request": says(ASKS),
    "a redirect": raw(b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n", then="keep"),
    "a head without end": raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000, then="hang"),
    "a stream that ends without the answer": streams(event(NOTE)),
    "an empty stream": streams(),
    "a stream of another id": streams(b'data: {"jsonrpc":"2.0","id":77,"result":{}}\n\n'),
    "a stream of garbage": streams(b"data: what?\n\n"),
    "a stream with a redirect in it": streams(event(NOTE), end=b"3\r\nHTTP/1.1 302"),
}


@promise("P7", "P11")
@pytest.mark.parametrize("behaviour", INVALID.values(), ids=INVALID.keys())
async def test_what_is_no_answer_fails_its_own_call(called: Called, behaviour: Behaviour) -> None:
    """MCP, Streamable HTTP, and ours: and it costs the connection, so that nothing left over is met by another."""
    called.server.on("tools/call", behaviour)
    assert await called.refused() is Reason.TOOL_SERVER_INVALID
    called.server.on("tools/call", says(ANSWER))
    assert (await called.ask()).answer is not None
    assert called.connections == [1, 2]


@pytest.mark.parametrize(
    "behaviour",
    [
        drop,
        raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"),
        raw(STREAM),
        raw(STREAM + chunk(b"data: ") + b"5\r\nab"),
    ],
    ids=["nothing", "half a body", "half a stream", "half a chunk"],
)
async def test_half_an_answer_is_an_outage(called: Called, behaviour: Behaviour) -> None:
    """Ours."""
    called.server.on("tools/call", behaviour)
    assert await called.refused() is Reason.TOOL_SERVER_UNAVAILABLE


@pytest.mark.parametrize(
    "behaviour",
    [
        says(b'{"jsonrpc":"2.0","id":{id},"result":{"x":"' + b"y" * 5000 + b'"}}'),
        says(b'{"jsonrpc":"2.0","id":{id},"result":{"x":"' + b"y" * 1999 + b'"}}'),
        raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999999999\r\n\r\n", then="hang"),
        streams(b"data: " + b"x" * 1500, b"x" * 1500),
        streams(*[b": keep alive" * 50] * 10),
    ],
    ids=["far too large", "a little too large", "announced", "an event", "a stream"],
)
async def test_an_answer_beyond_its_limit_is_refused(called: Called, behaviour: Behaviour) -> None:
    """Design 5.2."""
    called.server.on("tools/call", behaviour)
    assert await called.refused() is Reason.RESULT_TOO_LARGE


async def test_an_answer_as_an_event_leaves_the_connection_good(called: Called) -> None:
    """MCP, Streamable HTTP: the stream ends after the response; in the same segment, or in the next."""
    called.server.on("tools/call", streams(event(NOTE), b": keep alive\n\n", event(ANSWER)))
    for _ in range(3):
        assert (await called.ask()).must_answer().result == {"content": []}
        with anyio.fail_after(5):
            while called.pool._idle.get("") == []:
                await anyio.lowlevel.checkpoint()
    assert called.connections == [1, 1, 1]


@promise("P7")
@pytest.mark.parametrize(
    "behaviour",
    [
        streams(lambda number: event(ANSWER)(number) + event(b'{"jsonrpc":"2.0","id":{id},"result":{"b":1}}')(number)),
        streams(event(ANSWER), event(b'{"jsonrpc":"2.0","id":{id},"result":{"b":1}}')),
        streams(lambda number: event(ANSWER)(number) + b"data: more"),
        streams(event(ANSWER), end=b""),
    ],
    ids=["two at once", "two", "one and a half", "one and no end"],
)
async def test_the_first_answer_stands_and_what_follows_costs_the_connection(
    called: Called, behaviour: Behaviour
) -> None:
    """Design 5.2: nothing left over is ever met by another call."""
    called.server.on("tools/call", behaviour)
    assert (await called.ask()).must_answer().result == {"content": []}
    await called.server.until(lambda: called.server.hang_ups)
    called.server.on("tools/call", says(ANSWER))
    await called.ask()
    assert called.connections == [1, 2]


async def test_a_second_response_on_the_connection_is_never_read(called: Called) -> None:
    """Design 5.2: response splitting; the answer that came first stands."""
    body = b'{"jsonrpc":"2.0","id":1,"result":{"a":1}}'
    forged = b'{"jsonrpc":"2.0","id":2,"result":{"forged":1}}'
    called.server.on("tools/call", raw(http_answer(body) + http_answer(forged), then="keep"))
    assert (await called.ask()).must_answer().result == {"a": 1}
    called.server.on("tools/call", says(ANSWER))
    assert (await called.ask()).must_answer().result == {"content": []}
    assert called.connections == [1, 2]


async def test_a_body_that_ends_with_its_connection_is_an_answer(called: Called) -> None:
    """RFC 9112 §6.3."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
    called.server.on("tools/call", raw(head + ANSWER))
    assert (await called.ask()).must_answer().result == {"content": []}


async def test_a_notification_needs_no_answer(called: Called) -> None:
    """MCP, Streamable HTTP: 202."""
    called.server.on("notifications/initialized", raw(http_answer(b"{}", status="202 Accepted"), then="keep"))
    heard = await called.ask(listener=None, body=b'{"method":"notifications/initialized"}')
    assert (heard.status, heard.answer) == (202, None)
    await called.ask()
    assert called.connections == [1, 1]


async def test_a_session_id_is_handed_on(called: Called) -> None:
    """MCP before 2026-07-28."""
    body = b'{"jsonrpc":"2.0","id":1,"result":{}}'
    called.server.on("tools/call", raw(http_answer(body, head="Mcp-Session-Id: s1\r\n"), then="keep"))
    assert (await called.ask()).session_id == "s1"


# --- time ------------------------------------------------------------------------------------------------------------


@promise("P11")
@pytest.mark.parametrize(
    "behaviour",
    [hang, raw(b"HTTP/1.1 200 OK\r\n", then="hang"), raw(STREAM + chunk(b": wait\n\n"), then="hang")],
    ids=["nothing", "half a head", "a stream"],
)
async def test_a_server_that_is_slow_is_given_up(called: Called, behaviour: Behaviour) -> None:
    """Ours: and the closed connection tells it."""
    called.server.on("tools/call", behaviour)
    assert await called.refused(within_seconds=0.05) is Reason.DEADLINE_PASSED
    await called.server.until(lambda: called.server.hang_ups)


async def test_bytes_that_trickle_do_not_put_off_the_deadline(called: Called) -> None:
    """Ours: the deadline is the whole answer's (slow loris)."""

    async def trickle(arrived: Arrived, wire: Wire) -> None:
        del arrived
        await wire.send(STREAM)
        while True:
            await wire.send(chunk(b":"))
            await anyio.lowlevel.checkpoint()

    called.server.on("tools/call", trickle)
    assert await called.refused(within_seconds=0.05) in {Reason.DEADLINE_PASSED, Reason.RESULT_TOO_LARGE}


@promise("P11")
async def test_a_cancelled_request_closes_its_connection(called: Called) -> None:
    """MCP 2026-07-28: closing the stream is the cancellation."""
    called.server.on("tools/call", hang)
    with anyio.move_on_after(0.05) as scope:
        await called.ask()
    assert scope.cancelled_caught
    await called.server.until(lambda: called.server.hang_ups)
