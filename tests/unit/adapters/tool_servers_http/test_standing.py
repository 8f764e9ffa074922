"""The stream that stands beside the calls of a legacy session.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Final

import anyio
import pytest

from mediator.adapters.tool_servers_http.channel import Heard
from mediator.adapters.tool_servers_http.standing import StandingStream, prepare_session
from mediator.inspection.result import Ask
from mediator.refusal import Refused
from mediator.wire.methods import CallMethod, LogLevel
from mediator.wire.receiver import NOBODY, Receiver, read_capabilities
from tests.promises import promise
from tests.simulated.http_calls import (
    LIMITS,
    WITH_PROGRESS,
    CallingSide,
    a_forward,
    answers,
    asks,
    calling_side,
    note,
)
from tests.simulated.tool_server import Arrived, Wire, drop, http_answer, raw, sse_event

CHANGED: Final = {"jsonrpc": "2.0", "method": "notifications/prompts/list_changed"}
UPDATED: Final = {"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": "x://a"}}
LOGGED: Final = Receiver(log_level=LogLevel.INFO)


@pytest.fixture
async def side() -> AsyncIterator[CallingSide]:
    async with calling_side("legacy", has_levels=True) as side:
        side.server.stands = True
        yield side


async def prepare(side: CallingSide, receiver: Receiver = NOBODY, **changed: Any) -> None:
    with anyio.fail_after(5):
        await prepare_session(side.voice, side.visit, a_forward(receiver=receiver, **changed).forwarded)


async def stands(side: CallingSide) -> None:
    """Have a stream that stands."""
    await prepare(side, LOGGED)
    await side.server.until(lambda: side.server.standing)


def replies_when(side: CallingSide, holds: Any) -> None:
    """Let calls be answered once that holds."""

    async def behave(arrived: Arrived, wire: Wire) -> None:
        await side.server.until(holds)
        await side.streams(answers)(arrived, wire)

    side.server.on("tools/call", behave)


def gets(side: CallingSide) -> list[Arrived]:
    return [one for one in side.server.arrived if one.verb == "GET"]


# --- when it is opened -----------------------------------------------------------------------------------------------


async def test_it_is_not_opened_for_a_call_that_needs_nothing_of_it(side: CallingSide) -> None:
    """Ours: a connection for each session costs something."""
    await prepare(side)
    await prepare(side, WITH_PROGRESS)
    assert (side.visit.standing, gets(side)) == (None, [])


NEEDS: Final[dict[str, dict[str, Any]]] = {
    "a log level": {"receiver": LOGGED},
    "a subscription": {"method": CallMethod.SUBSCRIBE},
}


@pytest.mark.parametrize("needed", NEEDS.values(), ids=NEEDS.keys())
async def test_it_is_opened_where_it_can_matter_and_once(side: CallingSide, needed: dict[str, Any]) -> None:
    """Ours."""
    for _ in range(2):
        await prepare(side, **needed)
    (get,) = gets(side)
    assert (get.headers["mcp-session-id"], get.headers["mcp-protocol-version"]) == ("session-1", "2025-11-25")


async def test_it_is_opened_for_whoever_can_be_asked(side: CallingSide) -> None:
    """MCP before 2026-07-28: a server may ask there."""
    await prepare(side, Receiver(capabilities=read_capabilities({"roots": {}})))
    assert len(gets(side)) == 1


NONE: Final = {
    "405": raw(http_answer(b"", status="405 Method Not Allowed"), then="keep"),
    "404": raw(http_answer(b"", status="404 Not Found"), then="keep"),
    "no stream": raw(http_answer(b"{}"), then="keep"),
}


@pytest.mark.parametrize("behaviour", NONE.values(), ids=NONE.keys())
async def test_a_server_that_has_none_is_not_asked_again(side: CallingSide, behaviour: Any) -> None:
    """MCP before 2026-07-28: 405; nothing is lost by it."""
    side.server.on("GET", behaviour)
    await prepare(side, LOGGED)
    assert isinstance(side.visit.standing, StandingStream)
    with anyio.fail_after(5):
        await side.visit.standing._task
    assert await side.result(receiver=LOGGED) is not None
    assert len(gets(side)) == 1


async def test_a_server_that_says_nothing_for_a_while_is_not_waited_for_long_and_only_once(side: CallingSide) -> None:
    """Ours: some servers send no head before their first event."""

    async def silent(_arrived: Arrived, wire: Wire) -> None:
        await wire.closed_by_peer()

    side.server.on("GET", silent)
    side.voice.limits = replace(LIMITS, standing_seconds=0.02)
    await prepare(side, LOGGED)
    side.voice.limits = replace(LIMITS, standing_seconds=100)
    await prepare(side, LOGGED)


@promise("P11")
@pytest.mark.parametrize("behaviour", [drop, raw(http_answer(b"", status="503 Busy"), then="keep")], ids=["cut", "503"])
async def test_one_that_breaks_is_opened_again(side: CallingSide, behaviour: Any) -> None:
    """Ours: the server comes back without a restart of ours."""
    side.server.on("GET", behaviour)
    await prepare(side, LOGGED)
    await side.server.until(lambda: len(gets(side)) >= 3)
    side.server.on("GET", None)
    await side.server.until(lambda: side.server.standing)
    await side.server.push(CHANGED)
    with anyio.fail_after(5):
        while not side.changes:
            await anyio.lowlevel.checkpoint()


async def test_one_that_goes_on_says_where(side: CallingSide) -> None:
    """MCP, resumability."""

    async def once(arrived: Arrived, wire: Wire) -> None:
        if "last-event-id" in arrived.headers:
            await side.server.stand(wire)
        else:
            await wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + sse_event(None, "e7"))
            wire.close()

    side.server.on("GET", once)
    await prepare(side, LOGGED)
    await side.server.until(lambda: side.server.standing)
    assert gets(side)[-1].headers["last-event-id"] == "e7"


@promise("P11")
async def test_a_server_that_lost_the_session_is_noticed_before_a_call_fails(side: CallingSide) -> None:
    """MCP before 2026-07-28: 404; the next call begins another session."""
    await stands(side)
    side.server.on("GET", raw(http_answer(b"", status="404 Not Found"), then="keep"))
    for wire in side.server.standing:
        wire._writer.transport.abort()
    with anyio.fail_after(5):
        while not side.lost:
            await anyio.lowlevel.checkpoint()
    assert side.lost == [side.visit]


async def test_it_ends_with_its_session(side: CallingSide) -> None:
    """Ours: nothing outlives it."""
    await stands(side)
    side.visit.end()
    await side.server.until(lambda: not side.server.standing)
    assert side.voice.channel.pool._parked == set()


# --- what comes there ------------------------------------------------------------------------------------------------


async def test_changes_are_told_where_they_concern(side: CallingSide) -> None:
    """MCP: lists and resources."""
    await stands(side)
    await side.server.push(CHANGED)
    await side.server.push(UPDATED)
    with anyio.fail_after(5):
        while not side.updated:
            await anyio.lowlevel.checkpoint()
    assert (side.changes, side.updated) == (1, ["x://a"])


@promise("P11")
async def test_a_server_that_floods_it_is_read_no_faster_than_others_can_bear() -> None:
    """Ours: words that concern somebody are no noise, and may come for as long as the session lasts."""
    async with calling_side("legacy", replace(LIMITS, breath_seconds=60)) as side:
        side.server.stands = True
        await stands(side)
        for _ in range(100):
            await side.server.push(CHANGED)
        with anyio.fail_after(5):
            while side.changes < 60:
                await anyio.lowlevel.checkpoint()
        await anyio.wait_all_tasks_blocked()
        assert side.changes <= 64


async def test_a_message_belongs_to_the_call_under_way_and_progress_to_the_one_it_names(side: CallingSide) -> None:
    """Ours: one session is one task's."""
    await stands(side)
    replies_when(side, lambda: len(side.told()) == 2)
    calling = await side.out(receiver=WITH_PROGRESS)
    for said in (note(1), note(2, 999), note(3, "x"), note(4, calling.request_id)):
        await side.server.push(said)

    async def told() -> None:
        with anyio.fail_after(5):
            while len(side.told()) < 2:
                await anyio.lowlevel.checkpoint()
        side.server._happened.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(told)
        assert isinstance(await calling.hear(side.aside, 5), Heard)
    assert side.told() == [1, 4]


async def test_what_is_asked_there_holds_the_call_open(side: CallingSide) -> None:
    """MCP before 2026-07-28: a server that answers in JSON asks there."""
    await stands(side)

    async def answer_in_json(arrived: Arrived, wire: Wire) -> None:
        await side.server.push(asks("sampling/createMessage", "q7", messages=[]))
        await side.server.until(lambda: side.server.replies)
        body = b'{"jsonrpc":"2.0","id":%d,"result":{"done":true}}' % arrived.message["id"]
        await wire.send(http_answer(body))

    side.server.on("tools/call", answer_in_json)
    calling = await side.out()
    with anyio.fail_after(5):
        ask = await calling.hear(side.aside, 5)
        assert isinstance(ask, Ask)
        calling.hold(60)
        calling.take_up()
        await calling.answer({"role": "assistant"}, lambda: None, 5)
        heard = await calling.hear(side.aside, 5)
    assert isinstance(heard, Heard)
    assert heard.must_answer().result == {"done": True}
    assert side.server.replies[0].message == {"jsonrpc": "2.0", "id": "q7", "result": {"role": "assistant"}}


UNTIED: Final = {
    "no call under way": ("roots/list", {"code": -32601, "message": "Method not found"}),
    "an unknown method": ("x/y", {"code": -32601, "message": "Method not found"}),
    "a ping": ("ping", {}),
}


@promise("P1")
@pytest.mark.parametrize(("method", "said"), UNTIED.values(), ids=UNTIED.keys())
async def test_what_is_asked_of_nobody_is_refused(side: CallingSide, method: str, said: dict[str, Any]) -> None:
    """Ours: there is nobody to ask; a ping is answered."""
    await stands(side)
    await side.server.push(asks(method))
    await side.server.until(lambda: side.server.replies)
    reply = side.server.replies[0].message
    assert reply.get("result", reply.get("error")) == said


@promise("P4")
async def test_in_a_session_that_is_not_one_tasks_nothing_belongs_to_a_call(side: CallingSide) -> None:
    """Design 5.3: what is tied to no call may be another task's."""
    side.visit.is_one_tasks = False
    await stands(side)
    replies_when(side, lambda: side.server.replies)
    calling = await side.out()
    await side.server.push(note(1))
    await side.server.push(asks("roots/list"))
    with anyio.fail_after(5):
        assert isinstance(await calling.hear(side.aside, 5), Heard)
    assert (side.aside.told, side.aside.asked) == ([], [])
    assert side.server.replies[0].message["error"]["code"] == -32601


@promise("P11")
async def test_a_call_that_is_held_takes_no_more_than_there_is_room_for(side: CallingSide) -> None:
    """Ours: and keeps the stream from nobody."""
    await stands(side)
    side.server.on("tools/call", side.streams(asks(), end=False))
    calling = await side.out()
    assert isinstance(await calling.hear(side.aside, 5), Ask)
    calling.hold(60)
    for number in range(LIMITS.mail_max + 2):
        await side.server.push(asks("roots/list", number))
    await side.server.until(lambda: len(side.server.replies) == 2)
    assert len(calling._mail) == LIMITS.mail_max
    calling.end()


@promise("P11")
async def test_a_slow_call_holds_up_the_stream_and_its_end_lets_it_go(side: CallingSide) -> None:
    """Ours: no more is read than is taken; memory stays bounded."""
    await stands(side)
    side.server.on("tools/call", side.streams(end=False))
    calling = await side.out()
    for number in range(LIMITS.mail_max + 3):
        await side.server.push(note(number))
    with anyio.fail_after(5):
        while len(calling._mail) < LIMITS.mail_max or calling._room is None:
            await anyio.lowlevel.checkpoint()
    await side.server.push(CHANGED)
    assert side.changes == 0
    calling.end()
    with anyio.fail_after(5):
        while not side.changes:
            await anyio.lowlevel.checkpoint()


async def test_a_call_under_way_is_asked_before_one_that_is_held(side: CallingSide) -> None:
    """Ours: the server waits for the held one's answer, so it speaks of the other."""
    await stands(side)
    side.server.on("tools/call", side.streams(asks(), end=False))
    held = await side.out()
    await held.hear(side.aside, 5)
    held.hold(60)
    side.server.on("tools/call", side.streams(end=False))
    other = await side.out()
    await side.server.push(asks("roots/list", 2))
    with anyio.fail_after(5):
        ask = await other.hear(side.aside, 5)
    assert isinstance(ask, Ask)
    assert ask.method == "roots/list"


@promise("P11")
@pytest.mark.parametrize(
    "said",
    [sse_event(note(1)) * 101, b"data: what?\n\n", sse_event({"jsonrpc": "2.0", "id": 1, "result": {}}) * 101],
    ids=["too much", "nonsense", "answers that nobody asked for"],
)
async def test_a_stream_of_nonsense_ends_and_costs_no_call(side: CallingSide, said: bytes) -> None:
    """Ours: it is opened again, later and later."""
    await stands(side)
    for wire in tuple(side.server.standing):
        await wire.send(said)
    await side.server.until(lambda: len(gets(side)) >= 2)
    assert await side.result(receiver=LOGGED) is not None


async def test_a_stream_that_brings_a_message_too_large_ends() -> None:
    """Ours."""
    async with calling_side("legacy", replace(LIMITS, standing_bytes_max=1000)) as side:
        side.server.stands = True
        await stands(side)
        await side.server.push(note(1, text="x" * 2000))
        await side.server.until(lambda: len(gets(side)) >= 2)


# --- log levels ------------------------------------------------------------------------------------------------------


def levels(side: CallingSide) -> list[Any]:
    return [one.params["level"] for one in side.server.arrived if one.method == "logging/setLevel"]


async def test_a_level_is_asked_for_where_it_differs(side: CallingSide) -> None:
    """MCP before 2026-07-28, logging."""
    for level in (LogLevel.INFO, LogLevel.INFO, LogLevel.DEBUG):
        await prepare(side, Receiver(log_level=level))
    await prepare(side)
    assert levels(side) == ["info", "debug"]


async def test_a_server_without_log_messages_is_asked_for_none() -> None:
    """MCP: the capability `logging`."""
    async with calling_side("legacy") as side:
        await prepare(side, LOGGED)
        assert levels(side) == []


async def test_a_level_that_is_refused_costs_no_call(side: CallingSide) -> None:
    """Ours: log messages are no part of an answer."""
    side.server.on("logging/setLevel", raw(http_answer(b"", status="400 No"), then="keep"))
    await prepare(side, LOGGED)
    assert await side.result() is not None


async def test_a_session_that_is_lost_meanwhile_is_forgotten(side: CallingSide) -> None:
    """Ours: nothing was done yet; the next call begins another."""
    side.server.forget_sessions()
    with pytest.raises(Refused):
        await prepare(side, LOGGED)
    assert side.lost == [side.visit]
