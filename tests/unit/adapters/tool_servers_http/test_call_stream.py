"""The stream of one call's own answer. What it means to the call stands in `test_calling.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any, Final

import anyio
import pytest

from mediator.adapters.tool_servers_http.call_stream import stream_bytes_max
from mediator.adapters.tool_servers_http.channel import Heard
from mediator.refusal import Reason, Refused
from mediator.wire.hearing import HearingLimits, Listener
from tests.promises import promise
from tests.simulated.http_calls import CallingSide, answers, asks, calling_side
from tests.simulated.tool_server import SSE_HEAD, Arrived, Wire, sse_event

PRIMING: Final = sse_event(None, "e1", 0)


def cut(*events: bytes) -> Any:
    async def behave(_arrived: Arrived, wire: Wire) -> None:
        await wire.send(SSE_HEAD + b"".join(events))
        wire.close()

    return behave


def test_a_stream_may_bring_the_answer_what_is_told_and_what_is_dropped() -> None:
    """Ours: the sum, so that no part is refused for another."""
    limits = HearingLimits(noise_bytes_max=10, told_bytes_max=100)
    assert stream_bytes_max(Listener(request_id=1, result_bytes_max=1000, limits=limits)) == 1110


async def test_a_server_that_is_down_for_a_while_is_asked_again() -> None:
    """Ours: each attempt counts, and the call is not made again."""
    async with calling_side("legacy") as side:
        side.server.on("tools/call", cut(PRIMING))
        pool, tries = side.voice.channel.pool, 0
        really_open = pool.open

        async def refuse_twice(key: str) -> Any:
            nonlocal tries
            if len(side.server.calls) == 0:
                return await really_open(key)
            tries += 1
            if tries < 3:
                raise Refused(Reason.TOOL_SERVER_UNAVAILABLE, "no connection")
            return await really_open(key)

        side.server.on("GET", side.streams(lambda _: answers(side.server.calls[0])))
        pool.open = refuse_twice  # type: ignore[method-assign]  # a network that fails
        assert await side.result() == {"content": []}
        assert tries == 3
    assert len(side.server.calls) == 1


@promise("P11")
async def test_what_refuses_a_connection_for_another_reason_is_not_asked_again() -> None:
    """Ours: too many connections are ours to mend."""
    async with calling_side("legacy") as side:
        side.server.on("tools/call", cut(PRIMING))
        pool = side.voice.channel.pool
        really_open = pool.open

        async def overloaded(key: str) -> Any:
            if len(side.server.calls) == 0:
                return await really_open(key)
            raise Refused(Reason.OVERLOADED, "too many")

        pool.open = overloaded  # type: ignore[method-assign]  # a network that fails
        with pytest.raises(Refused) as caught:
            await side.call()
        assert caught.value.reason is Reason.OVERLOADED


async def test_a_held_call_whose_stream_was_cut_is_gone_on_with() -> None:
    """MCP 2025-11-25, SEP-1699: a server may close the stream while it waits."""

    async def go_on(arrived: Arrived, wire: Wire) -> None:
        await side.streams(lambda _: answers(side.server.calls[0]))(arrived, wire)

    async with calling_side("legacy") as side:
        side.server.on("tools/call", cut(PRIMING, sse_event(asks(), "e2")))
        side.server.on("GET", go_on)
        calling = await side.out()
        await calling.hear(side.aside, 5)
        calling.hold(60)
        await _lost(side, calling)
        calling.take_up()
        with anyio.fail_after(5):
            await calling.answer({}, lambda: None, 5)
            assert isinstance(await calling.hear(side.aside, 5), Heard)
    assert len(side.server.replies) == 1
    (again,) = [one for one in side.server.arrived if one.verb == "GET"]
    assert again.headers["last-event-id"] == "e2"


async def _lost(side: CallingSide, calling: Any) -> None:
    await side.server.until(lambda: side.server.hang_ups)
    with anyio.fail_after(5):
        while not calling._stream.connection.is_lost:
            await anyio.lowlevel.checkpoint()
