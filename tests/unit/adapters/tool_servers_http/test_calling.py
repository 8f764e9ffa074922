"""One call over HTTP, from its first byte to its answer.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, Literal

import anyio
import pytest

from mediator.adapters.tool_servers_http.calling import Calling
from mediator.adapters.tool_servers_http.channel import Heard
from mediator.canonical import JsonObject
from mediator.inspection.result import Ask
from mediator.kind import ItemKind
from mediator.refusal import Reason, Refused
from mediator.wire.hearing import HearingLimits
from mediator.wire.jsonrpc import Notification
from mediator.wire.methods import AskMethod, CallMethod
from tests.promises import promise
from tests.simulated.http_calls import (
    LIMITS,
    RESULT,
    WITH_PROGRESS,
    CallingSide,
    answers,
    asks,
    calling_side,
    note,
)
from tests.simulated.tool_server import SSE_HEAD, Arrived, Wire, hang, http_answer, raw, sse_event, tool

ERAS: Final = ("modern", "legacy")
Era = Literal["modern", "legacy"]


async def refused(side: CallingSide, **fields: Any) -> Reason:
    with pytest.raises(Refused) as caught:
        await side.call(**fields)
    return caught.value.reason


# --- what goes out ---------------------------------------------------------------------------------------------------


async def test_a_modern_call_repeats_in_headers_what_its_pinned_schema_declares() -> None:
    """MCP 2026-07-28, "Request Metadata": made anew of what was judged."""
    schema = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}
    declaring = tool("écho", inputSchema=schema)
    async with calling_side("modern", tools=[declaring]) as side:
        side.server.on("tools/call", raw(http_answer(b"", status="400 No"), then="keep"))
        for region in ("eu", "us\\n"):
            await side.call(definition=declaring, arguments=f'{{"region":"{region}"}}'.encode())

    first, second = side.server.calls
    assert first.headers["mcp-name"] == "=?base64?w6ljaG8=?="
    assert first.headers["mcp-param-region"] == "eu"
    assert second.headers["mcp-param-region"] == "=?base64?dXMK?="
    assert "mcp-session-id" not in first.headers


async def test_a_definition_without_a_schema_declares_nothing() -> None:
    """Ours: total."""
    async with calling_side("modern") as side:
        await side.call(definition={"name": "echo", "inputSchema": True})
    assert not [name for name in side.server.calls[0].headers if name.startswith("mcp-param-")]


async def test_what_is_known_of_definitions_is_bounded() -> None:
    """Ours."""
    async with calling_side("modern", replace(LIMITS, hearing=HearingLimits(items_max=1))) as side:
        for name in ("echo", "two"):
            await side.call(definition=tool(name))
        assert len(side.voice._declared) == 1
    assert len(side.server.calls) == 2


async def test_a_legacy_call_has_no_modern_headers() -> None:
    """MCP before 2026-07-28."""
    async with calling_side("legacy") as side:
        assert await side.result() is not None
    assert not {"mcp-method", "mcp-name"} & set(side.server.calls[0].headers)
    assert side.server.calls[0].headers["mcp-session-id"] == "session-1"


OTHERS: Final[dict[str, tuple[dict[str, Any], JsonObject]]] = {
    "a prompt": (
        {"method": CallMethod.PROMPT, "kind": ItemKind.PROMPT, "name": "greet", "arguments": b'{"who":"you"}'},
        {"messages": [{"role": "user", "content": {"type": "text", "text": '{"who":"you"}'}}]},
    ),
    "a resource": (
        {"method": CallMethod.RESOURCE, "kind": ItemKind.RESOURCE, "name": "x://a", "arguments": b'{"uri":"x://a"}'},
        {"contents": [{"uri": "x://a", "text": "x://a"}]},
    ),
    "a completion": (
        {
            "method": CallMethod.COMPLETE,
            "kind": ItemKind.PROMPT,
            "name": "greet",
            "arguments": b'{"argument":{"name":"who","value":"y"}}',
        },
        {"completion": {"values": ['{"name":"who","value":"y"}']}},
    ),
}


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(("asked", "result"), OTHERS.values(), ids=OTHERS.keys())
async def test_every_kind_of_item_is_asked_in_either_era(era: Era, asked: dict[str, Any], result: JsonObject) -> None:
    """MCP, both eras; the simulated modern server compares headers with the body."""
    async with calling_side(era, prompts=[{"name": "greet"}], resources=[{"uri": "x://a", "name": "a"}]) as side:
        answer = await side.result(**asked)
    assert answer is not None
    assert {key: answer[key] for key in result} == result


# --- what is told meanwhile ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("era", ERAS)
async def test_progress_and_log_messages_are_told_in_order_and_before_the_answer(era: Era) -> None:
    """MCP, progress and logging: under our own token, which is the request's id."""
    async with calling_side(era) as side:
        said = [lambda arrived, number=number: note(number, arrived.message["id"]) for number in range(3)]
        side.server.on("tools/call", side.streams(*said, note(3), answers))
        assert await side.result(receiver=WITH_PROGRESS) == RESULT
        assert side.told() == [0, 1, 2, 3]
    assert side.server.calls[0].meta["progressToken"] == side.server.calls[0].message["id"]


NOBODYS: Final = {
    "another's progress": note(1, 999),
    "progress without a token": {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": 1}},
    "progress of true": note(1, True),
    "what nobody knows": {"jsonrpc": "2.0", "method": "notifications/x"},
}


@pytest.mark.parametrize("said", NOBODYS.values(), ids=NOBODYS.keys())
async def test_what_is_not_this_calls_is_dropped_and_counted(said: dict[str, Any]) -> None:
    """Ours: nothing of another call, and nothing unknown, is told."""
    async with calling_side("legacy") as side:
        side.server.on("tools/call", side.streams(said, answers))
        calling = await side.out(receiver=WITH_PROGRESS)
        await calling.hear(side.aside, 5)
        assert (side.aside.told, calling.noise) == ([], 1)


async def test_progress_that_was_not_asked_for_is_dropped() -> None:
    """MCP, progress: only under a token that was given."""
    async with calling_side("modern") as side:
        side.server.on("tools/call", side.streams(lambda arrived: note(1, arrived.message["id"]), answers))
        await side.result()
        assert side.aside.told == []


async def test_changes_are_told_where_they_concern() -> None:
    """Ours: a changed list is looked at again, a changed resource is told to whoever subscribed."""
    changed = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
    updated = {"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": "x://a"}}
    async with calling_side("legacy") as side:
        side.server.on("tools/call", side.streams(changed, updated, answers))
        await side.result()
        assert (side.changes, side.updated, side.aside.told) == (1, ["x://a"], [])


@promise("P11")
async def test_thousands_of_notifications_and_a_slow_consumer_cost_no_memory() -> None:
    """The issue: what is not taken is not read; the server is held up by its own connection."""
    count, padding = 4000, "x" * 2000
    sent = 0
    largest = 0

    class Slow:
        async def tell(self, notification: Notification) -> None:
            nonlocal largest
            reader = calling._stream._exchange._reader
            largest = max(largest, reader._unread_bytes + sum(map(len, calling._stream.came)))
            await anyio.lowlevel.checkpoint()
            side.aside.told.append(notification)

        async def pause(self) -> None:
            raise AssertionError

        def judge(self, ask: Ask) -> JsonObject | None:
            raise AssertionError(ask)

    async def flood(arrived: Arrived, wire: Wire) -> None:
        nonlocal sent
        await wire.send(SSE_HEAD)
        for number in range(count):
            await wire.send(sse_event(note(number, arrived.message["id"], message=padding)))
            sent += 1
        await wire.send(sse_event(answers(arrived)))
        wire.close()

    async with calling_side("legacy") as side:
        side.server.on("tools/call", flood)
        calling = await side.out(receiver=WITH_PROGRESS, result_bytes_max=4096)
        with anyio.fail_after(20):
            heard = await calling.hear(Slow(), 20)
        assert isinstance(heard, Heard)
        assert side.told() == list(range(count))
    assert 0 < largest < 1024 * 1024 < count * len(padding)


async def test_one_that_talks_for_ever_is_refused() -> None:
    """Ours: told ones have a limit of their own."""
    async with calling_side("legacy", replace(LIMITS, hearing=HearingLimits(told_max=10))) as side:
        side.server.on("tools/call", side.streams(*[note(1)] * 11, answers))
        assert await refused(side) is Reason.TOOL_SERVER_INVALID
        assert len(side.aside.told) == 10


async def test_too_much_that_is_dropped_is_refused() -> None:
    """Ours: as ever."""
    async with calling_side("modern") as side:
        side.server.on("tools/call", side.streams(*[note(1, 999)] * 101, answers))
        assert await refused(side) is Reason.TOOL_SERVER_INVALID


# --- what is asked ---------------------------------------------------------------------------------------------------

ASKED: Final = {AskMethod.ELICIT: {"message": "who?"}, AskMethod.SAMPLE: {"messages": []}, AskMethod.ROOTS: {}}


async def asked(side: CallingSide, **fields: Any) -> tuple[Calling, Ask]:
    calling = await side.out(**fields)
    with anyio.fail_after(5):
        ask = await calling.hear(side.aside, 5)
    assert isinstance(ask, Ask), ask
    calling.hold(60)
    return calling, ask


def asks_first(side: CallingSide, method: str = "elicitation/create", *before_answer: dict[str, Any]) -> Any:
    """Let the server ask, and answer the call once it has a reply to that."""

    async def behave(arrived: Arrived, wire: Wire) -> None:
        await wire.send(SSE_HEAD + sse_event(asks(method, "q1", message="who?")))
        await side.server.until(lambda: side.server.replies)
        await wire.send(b"".join(map(sse_event, before_answer)))
        reply = side.server.replies[-1].message
        await wire.send(sse_event(answers(arrived, {"heard": reply.get("result", reply.get("error"))})))
        wire.close()

    return behave


@promise("P1")
@pytest.mark.parametrize("method", AskMethod)
async def test_what_is_put_to_the_agent_holds_the_call_open_until_it_answers(method: AskMethod) -> None:
    """MCP before 2026-07-28: the answer is a message of its own, in the session; the call goes on where it was."""
    sprung: list[int] = []
    async with calling_side("legacy") as side:
        side.server.on("tools/call", asks_first(side, method, note(7)))
        calling, ask = await asked(side)
        assert (ask.method, ask.params) == (method, {"message": "who?"})
        assert side.server.replies == []

        calling.take_up()
        with anyio.fail_after(5):
            await calling.answer({"action": "decline"}, lambda: sprung.append(1), 5)
            heard = await calling.hear(side.aside, 5)

        assert isinstance(heard, Heard)
        assert heard.must_answer().result == {"heard": {"action": "decline"}}
        assert side.told() == [7]
    (reply,) = side.server.replies
    assert reply.message == {"jsonrpc": "2.0", "id": "q1", "result": {"action": "decline"}}
    assert reply.headers["mcp-session-id"] == "session-1"
    assert (sprung, len(side.server.calls)) == ([1], 1)


async def test_no_answer_is_an_error_to_the_server() -> None:
    """Ours: it waits for something."""
    async with calling_side("legacy") as side:
        side.server.on("tools/call", asks_first(side))
        calling, _ = await asked(side)
        calling.take_up()
        await calling.answer(None, lambda: None, 5)
        heard = await calling.hear(side.aside, 5)
        assert isinstance(heard, Heard)
        assert heard.must_answer().result == {"heard": {"code": -1, "message": "the client did not answer"}}


REFUSED: Final = {
    "by policy": ("elicitation/create", {"code": -1, "message": "no"}, {"code": -1, "message": "no"}),
    "unknown": ("tasks/get", None, {"code": -32601, "message": "Method not found"}),
    "a ping": ("ping", None, {}),
}


@pytest.mark.parametrize(("method", "error", "said"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_is_not_put_to_the_agent_is_answered_at_once(
    method: str, error: JsonObject | None, said: JsonObject
) -> None:
    """Ours (closed world): what may not be asked is refused, `ping` is answered, nothing else is known."""
    async with calling_side("legacy") as side:
        side.aside.error = error
        side.server.on("tools/call", asks_first(side, method))
        assert await side.result() == {"heard": said}
        assert [one.method for one in side.aside.asked] == ([] if error is None else [method])


@pytest.mark.parametrize("method", ["ping", "sampling/createMessage", "x/y"])
async def test_a_server_that_asks_and_asks_is_refused(method: str) -> None:
    """Ours: each answer to it costs us a request."""
    async with calling_side("legacy") as side:
        side.aside.error = {"code": -1, "message": "no"}
        side.server.on("tools/call", side.streams(*[asks(method, n) for n in range(4)], answers))
        assert await refused(side) is Reason.TOOL_SERVER_INVALID
    assert len(side.server.replies) == 3


@promise("P1")
async def test_a_modern_server_asks_nothing_by_request() -> None:
    """MCP 2026-07-28: no server requests; it has no way to hear an answer."""
    async with calling_side("modern") as side:
        side.server.on("tools/call", side.streams(asks("sampling/createMessage"), asks("ping", 2), answers))
        calling = await side.out()
        heard = await calling.hear(side.aside, 5)
        assert isinstance(heard, Heard)
        assert (calling.noise, side.aside.asked, side.server.replies) == (2, [], [])


async def test_two_questions_are_put_one_after_the_other() -> None:
    """Ours: the second waits until the first is answered."""

    async def both(arrived: Arrived, wire: Wire) -> None:
        await wire.send(SSE_HEAD + sse_event(asks(request_id=1)) + sse_event(asks("roots/list", 2)))
        await side.server.until(lambda: len(side.server.replies) == 2)
        await wire.send(sse_event(answers(arrived)))
        wire.close()

    async with calling_side("legacy") as side:
        side.server.on("tools/call", both)
        calling, first = await asked(side)
        calling.take_up()
        await calling.answer({}, lambda: None, 5)
        second = await calling.hear(side.aside, 5)
        assert isinstance(second, Ask)
        assert (first.method, second.method) == (AskMethod.ELICIT, AskMethod.ROOTS)
        calling.hold(60)
        calling.take_up()
        await calling.answer({}, lambda: None, 5)
        assert isinstance(await calling.hear(side.aside, 5), Heard)
    assert [one.message["id"] for one in side.server.replies] == [1, 2]


# --- calls that are held open ----------------------------------------------------------------------------------------


def cancelled(side: CallingSide) -> list[Any]:
    return [one.params["requestId"] for one in side.server.arrived if one.method == "notifications/cancelled"]


@promise("P11")
async def test_a_held_call_that_is_abandoned_is_cancelled_and_cannot_be_gone_on_with() -> None:
    """Ours: its server hears of it, its connection ends, an answer that comes later goes nowhere."""
    async with calling_side("legacy") as side:
        side.server.on("tools/call", asks_first(side))
        calling, _ = await asked(side)
        calling.end()
        calling.end()
        await side.server.until(lambda: cancelled(side))
        with pytest.raises(Refused) as caught:
            calling.take_up()
        assert caught.value.reason is Reason.TOOL_SERVER_UNAVAILABLE
        assert side.visit.calls == []
    assert cancelled(side) == [calling.request_id]
    assert side.server.replies == []


@promise("P11")
async def test_a_held_call_ends_by_itself() -> None:
    """Ours: nobody answers."""
    async with calling_side("legacy") as side:
        side.server.on("tools/call", asks_first(side))
        calling = await side.out()
        await calling.hear(side.aside, 5)
        calling.hold(0)
        await side.server.until(lambda: cancelled(side))
        assert side.voice.channel.pool._parked == set()


async def test_a_call_is_gone_on_with_once() -> None:
    """Ours: it is held no longer."""
    async with calling_side("legacy") as side:
        side.server.on("tools/call", asks_first(side))
        calling, _ = await asked(side)
        calling.take_up()
        with pytest.raises(Refused) as caught:
            calling.take_up()
        assert caught.value.reason is Reason.TOOL_SERVER_UNAVAILABLE
        calling.end()


@promise("P1", "P7")
async def test_what_the_fence_refuses_is_not_said_and_ends_the_call() -> None:
    """Ours (the fence): in the loop turn of the answer's first byte."""

    def refuse() -> None:
        raise Refused(Reason.GRANT_REVOKED)

    async with calling_side("legacy") as side:
        side.server.on("tools/call", asks_first(side))
        calling, _ = await asked(side)
        calling.take_up()
        with pytest.raises(Refused) as caught:
            await calling.answer({}, refuse, 5)
        assert caught.value.reason is Reason.GRANT_REVOKED
        await side.server.until(lambda: cancelled(side))
    assert side.server.replies == []


async def test_a_server_that_went_meanwhile_is_unavailable_and_nothing_is_said_to_it() -> None:
    """Ours: the permit of the answer is not used up."""
    sprung: list[int] = []
    async with calling_side("legacy") as side:
        side.server.on("tools/call", side.streams(asks()))
        calling, _ = await asked(side)
        await side.server.until(lambda: side.server.hang_ups)
        with anyio.fail_after(5):
            while not calling._stream.connection.is_lost:
                await anyio.lowlevel.checkpoint()
        calling.take_up()
        with pytest.raises(Refused) as caught:
            await calling.answer({}, lambda: sprung.append(1), 5)
        assert caught.value.reason is Reason.TOOL_SERVER_UNAVAILABLE
    assert (sprung, side.server.replies) == ([], [])


@pytest.mark.parametrize("status", ["404 Not Found", "400 Bad Request", "500 Broken"])
async def test_an_answer_that_the_server_does_not_take_ends_the_call(status: str) -> None:
    """Ours: 404 says that the session is lost."""
    async with calling_side("legacy") as side:
        side.server.on("tools/call", asks_first(side))
        side.server.on("POST", raw(http_answer(b"", status=status), then="keep"))
        calling, _ = await asked(side)
        calling.take_up()
        with pytest.raises(Refused) as caught:
            await calling.answer({}, lambda: None, 5)
        assert caught.value.reason is Reason.TOOL_SERVER_UNAVAILABLE
        assert side.lost == ([side.visit] if status.startswith("404") else [])


@promise("P11")
async def test_the_calls_that_are_held_are_bounded_and_keep_no_other_from_being_made() -> None:
    """Ours: they are not counted among the connections at work."""
    async with calling_side("legacy", replace(LIMITS, parked_max=2, connections_max=2)) as side:
        side.server.on("tools/call", asks_first(side))
        for _ in range(2):
            await asked(side)
        with pytest.raises(Refused) as caught:
            await asked(side)
        assert caught.value.reason is Reason.OVERLOADED
        side.server.on("tools/call", None)
        assert await side.result() is not None


# --- streams that end too soon ---------------------------------------------------------------------------------------


def cut(*events: bytes) -> Any:
    """Return a behaviour: an event stream that ends after these."""

    async def behave(_arrived: Arrived, wire: Wire) -> None:
        await wire.send(SSE_HEAD + b"".join(events))
        wire.close()

    return behave


PRIMING: Final = sse_event(None, "e1", 0)


async def test_a_stream_with_ids_is_gone_on_with_and_the_call_is_not_made_again() -> None:
    """MCP 2025-11-25, SEP-1699 (`server-sse-polling`)."""
    async with calling_side("legacy") as side:

        async def go_on(_arrived: Arrived, wire: Wire) -> None:
            (call,) = side.server.calls
            said = sse_event(note(2), "e3") + sse_event(answers(call), "e4")
            await wire.send(SSE_HEAD + said)
            wire.close()

        side.server.on("tools/call", cut(PRIMING, sse_event(note(1), "e2")))
        side.server.on("GET", go_on)
        assert await side.result() == RESULT
        assert side.told() == [1, 2]
    (again,) = [one for one in side.server.arrived if one.verb == "GET"]
    assert (again.headers["last-event-id"], again.headers["mcp-session-id"]) == ("e2", "session-1")
    assert len(side.server.calls) == 1


async def test_a_stream_is_gone_on_with_so_often_and_no_more() -> None:
    """Ours: bounded."""
    async with calling_side("legacy") as side:
        side.server.on("tools/call", cut(PRIMING))
        side.server.on("GET", cut())
        assert await refused(side) is Reason.TOOL_SERVER_UNAVAILABLE
    again = [one.headers["last-event-id"] for one in side.server.arrived if one.verb == "GET"]
    assert again == ["e1"] * 3


@pytest.mark.parametrize(
    "behaviour",
    [raw(http_answer(b"", status="405 No"), then="keep"), raw(http_answer(b"{}"), then="keep")],
    ids=["none", "no stream"],
)
async def test_a_stream_that_cannot_be_gone_on_with_is_an_outage(behaviour: Any) -> None:
    """Ours."""
    async with calling_side("legacy") as side:
        side.server.on("tools/call", cut(PRIMING))
        side.server.on("GET", behaviour)
        assert await refused(side) is Reason.TOOL_SERVER_UNAVAILABLE


async def test_a_server_that_restarts_meanwhile_is_asked_again() -> None:
    """Ours: each attempt counts."""
    async with calling_side("legacy") as side:
        tries = 0

        async def go_on(arrived: Arrived, wire: Wire) -> None:
            nonlocal tries
            tries += 1
            if tries < 3:
                wire.close()
            else:
                await side.streams(answers(side.server.calls[0]))(arrived, wire)

        side.server.on("tools/call", cut(PRIMING))
        side.server.on("GET", go_on)
        assert await side.result() == RESULT


@pytest.mark.parametrize("era", ERAS)
async def test_a_stream_without_ids_and_one_of_the_modern_era_is_not_gone_on_with(era: Era) -> None:
    """MCP 2026-07-28: a broken stream is a lost request; ours: nor is any that gave no ids."""
    async with calling_side(era) as side:
        side.server.on("tools/call", cut(PRIMING if era == "modern" else sse_event(note(1))))
        assert await refused(side) is Reason.TOOL_SERVER_INVALID
    assert [one.verb for one in side.server.arrived if one.verb == "GET"] == []


async def test_the_deadline_is_not_put_off_by_going_on() -> None:
    """Ours: one deadline for the leg, over every stream of it."""
    async with calling_side("legacy") as side:
        side.server.on("tools/call", cut(PRIMING))
        side.server.on("GET", side.streams(note(1), end=False))
        assert await refused(side, within_seconds=0.1) is Reason.DEADLINE_PASSED


async def test_an_id_that_no_header_can_carry_is_none() -> None:
    """Ours: nothing ends its line."""
    async with calling_side("legacy") as side:
        side.server.on("tools/call", cut(b"id: a b\nretry: 0\ndata: \n\n"))
        assert await refused(side) is Reason.TOOL_SERVER_INVALID


# --- cancellation ----------------------------------------------------------------------------------------------------


@promise("P11")
async def test_a_call_that_is_cancelled_is_cancelled_at_its_server() -> None:
    """MCP before 2026-07-28: a disconnection is no cancellation."""
    async with calling_side("legacy") as side:
        side.server.on("tools/call", hang)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(side.call)
            await side.server.until(lambda: side.server.calls)
            tasks.cancel_scope.cancel()
        await side.server.until(lambda: cancelled(side))
        assert side.visit.calls == []


async def test_a_call_whose_spring_refuses_leaves_no_word() -> None:
    """Ours: the server never heard of it."""

    def refuse() -> None:
        raise Refused(Reason.GRANT_REVOKED)

    async with calling_side("legacy") as side:
        assert await refused(side, spring=refuse) is Reason.GRANT_REVOKED
        assert side.visit.calls == []
    assert cancelled(side) == []
    assert side.server.calls == []


async def test_the_answers_connection_is_used_again_unless_something_followed_it() -> None:
    """Design 5.2: nothing left over is met by another call."""

    async def more(arrived: Arrived, wire: Wire) -> None:
        body = sse_event(answers(arrived)) + sse_event(note(1))
        await wire.send(http_answer(body, content_type="text/event-stream"))

    async def exact(arrived: Arrived, wire: Wire) -> None:
        await wire.send(http_answer(sse_event(answers(arrived)), content_type="text/event-stream"))

    async with calling_side("modern") as side:
        for behaviour in (exact, more, exact):
            side.server.on("tools/call", behaviour)
            assert await side.result() == RESULT
            await anyio.lowlevel.checkpoint()
    assert [one.number for one in side.server.calls] == [1, 1, 2]
