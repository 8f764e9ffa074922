"""A request that is out, and its response as it comes.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import pytest

from mediator.adapters.tool_servers_http.channel import Outgoing
from mediator.adapters.tool_servers_http.exchange import Exchange
from mediator.refusal import Reason, Refused
from tests.simulated.http_calls import CallingSide, calling_side
from tests.simulated.tool_server import SSE_HEAD, Arrived, Wire, drop, hang, http_answer, raw


@pytest.fixture
async def side() -> AsyncIterator[CallingSide]:
    async with calling_side("modern") as side:
        yield side


async def opened(side: CallingSide) -> Exchange:
    """Send something that is answered as the test says."""
    outgoing = Outgoing(headers=(), body=b'{"method":"x"}', listener=None)
    with anyio.fail_after(5):
        return await side.voice.channel.open(outgoing, None)


async def test_a_response_is_known_by_its_head_before_its_body(side: CallingSide) -> None:
    """RFC 9112."""

    async def behave(_arrived: Arrived, wire: Wire) -> None:
        await wire.send(SSE_HEAD.replace(b"\r\n\r\n", b"\r\nMcp-Session-Id: s1\r\n\r\n") + b": hi\n")
        await wire.closed_by_peer()

    side.server.on("x", behave)
    exchange = await opened(side)
    assert (exchange.has_head, exchange.status) == (False, 0)
    with anyio.fail_after(5):
        await exchange.head()
    assert (exchange.has_head, exchange.status, exchange.media_type) == (True, 200, "text/event-stream")
    assert (exchange.is_stream, exchange.is_complete, exchange.session_id) == (True, False, "s1")
    assert exchange.take_body() == b": hi\n"
    exchange.abort()


async def test_a_body_is_there_once_it_is_whole_and_the_connection_is_used_again(side: CallingSide) -> None:
    """RFC 9112."""
    side.server.on("x", raw(http_answer(b"whole", content_type="text/plain"), then="keep"))
    for _ in range(2):
        exchange = await opened(side)
        with anyio.fail_after(5):
            assert await exchange.body() == b"whole"
        assert (exchange.is_stream, exchange.is_complete, exchange.session_id) == (False, True, None)
        exchange.settle(0)
    assert [one.number for one in side.server.arrived] == [1, 1]


@pytest.mark.parametrize("behaviour", [drop, raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab")])
async def test_what_is_cut_is_an_outage(side: CallingSide, behaviour: object) -> None:
    """Ours."""
    side.server.on("x", behaviour)  # type: ignore[arg-type]  # `parametrize` knows no type of it
    exchange = await opened(side)
    with pytest.raises(Refused) as caught, anyio.fail_after(5):
        await exchange.body()
    assert caught.value.reason is Reason.TOOL_SERVER_UNAVAILABLE


async def test_whoever_waits_is_told_when_it_is_given_up(side: CallingSide) -> None:
    """Ours: the deadline."""
    side.server.on("x", hang)
    exchange = await opened(side)
    exchange.give_up()
    with pytest.raises(Refused) as caught, anyio.fail_after(5):
        await exchange.head()
    assert caught.value.reason is Reason.DEADLINE_PASSED
    with pytest.raises(Refused):
        exchange.check()
    exchange.abort()
