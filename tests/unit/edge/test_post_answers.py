"""Unit tests of mediator/edge/post_answers.py: answers that are streams, what they carry, and agents that come back.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import anyio
import pytest

from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.edge.event_store import EventLimits
from mediator.wire.jsonrpc import Response
from mediator.wire.methods import LogLevel
from tests.promises import promise
from tests.simulated.arrivals import MODERN, enveloped, message, modern_headers, notification
from tests.simulated.asgi_client import Wire, request
from tests.simulated.asgi_edge import Edge, patient, running, wait_until

OLDER = "2025-06-18"
ACCEPTED: JsonObject = {"action": "accept", "content": {}}


def call(name: str, request_id: Json = 7) -> JsonObject:
    return message("tools/call", {"name": name}, request_id)


def answer(question_id: Json, result: JsonObject | None = None) -> JsonObject:
    return {"jsonrpc": "2.0", "id": question_id, "result": ACCEPTED if result is None else result}


def progress_of(wire: Wire) -> list[object]:
    told = (said.get("params") for said in wire.response.messages)
    return [params["progress"] for params in told if isinstance(params, dict)]


async def in_flight(edge: Edge, wire: Wire) -> None:
    with anyio.fail_after(5):
        await edge.corridor.begun.wait()
        await wire.response.begun.wait()


# --- what is told -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("era", ["modern", "legacy", "older"])
async def test_what_a_tool_says_comes_before_its_answer_in_order(era: str) -> None:
    """MCP, `basic/transports`: notifications of a request on its own stream, the response last."""
    edge = Edge()
    if era == "modern":
        wire = edge.modern(enveloped("tools/call", {"name": "talks"}, 7))
    else:
        session = await edge.open_session(version=OLDER if era == "older" else "2025-11-25")
        wire = edge.legacy(call("talks"), session)

    response = await wire.run()

    assert response.headers["content-type"] == "text/event-stream"
    assert progress_of(wire) == [0, 1, 2]
    assert (response.messages[-1]["id"], response.is_complete) == (7, True)
    primed = [event.data == b"" for event in response.events]
    assert primed == ([True, False, False, False, False] if era == "legacy" else [False] * 4)
    assert all(bool(event.id) is (era != "modern") for event in response.events)


async def test_who_takes_json_alone_is_told_nothing_beside_the_answer() -> None:
    """Ours: tolerant of clients that accept no stream."""
    edge = Edge()
    body = enveloped("tools/call", {"name": "talks"})
    headers = [*modern_headers(body), ("content-type", "application/json"), ("accept", "application/json")]

    response = await request(edge.app, canonical_bytes(body), headers, plain=True).run()

    assert response.headers["content-type"] == "application/json"
    assert edge.corridor.told == 3


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_who_names_streams_first_gets_one_in_a_session(era: str) -> None:
    """RFC 9110 §12.5.1 leaves ties to us; `server-sse-multiple-streams` of the conformance suite asks like this."""
    edge = Edge()
    body = message("tools/list") if era == "legacy" else enveloped("tools/list")
    session = ("mcp-session-id", await edge.open_session())
    headers = [session] if era == "legacy" else list(modern_headers(body))
    headers += [("content-type", "application/json"), ("accept", "text/event-stream, application/json")]

    response = await request(edge.app, canonical_bytes(body), headers, plain=True).run()

    assert response.status == 200
    assert response.headers["content-type"] == ("text/event-stream" if era == "legacy" else "application/json")
    assert (response.messages[0] if era == "legacy" else response.message)["id"] == 1


@promise("P11")
async def test_a_slow_reader_is_not_written_to() -> None:
    """Issue 4: thousands of progress notifications wait at the tool, not in our memory."""
    edge = Edge()
    edge.corridor.says = 5000
    wire = edge.modern(enveloped("tools/call", {"name": "talks"}))
    wire.reads = anyio.Semaphore(0)

    async with anyio.create_task_group() as answering:
        answering.start_soon(wire.run)
        await wait_until(lambda: len(wire.response.chunks) == 1)
        await anyio.wait_all_tasks_blocked()
        assert (len(wire.response.chunks), edge.corridor.told) == (1, 0)
        for _ in range(10):
            wire.reads.release()
        await wait_until(lambda: edge.corridor.told == 10)
        wire.reads = None
        answering.cancel_scope.cancel()


async def test_a_silent_stream_that_began_early_is_kept_alive() -> None:
    """Design 5.7."""
    edge = Edge(patient(after=60, alive=0.001))
    edge.corridor.says = 1
    wire = edge.modern(enveloped("tools/call", {"name": "talks-slow"}))

    async with running(wire):
        await in_flight(edge, wire)
        edge.corridor.slow.set()
        with anyio.fail_after(5):
            await wire.response.complete.wait()

    assert progress_of(wire) == [0, 1]


# --- what is asked ----------------------------------------------------------------------------------------------------


async def test_an_agent_is_asked_on_the_stream_of_its_call_and_answers_in_its_session() -> None:
    """MCP 2025-11-25, elicitation: a request on the stream, its response in a POST that is answered 202."""
    edge = Edge()
    session = await edge.open_session()
    wire = edge.legacy(call("asks"), session)

    async with running(wire):
        await wait_until(lambda: edge.corridor.begun.is_set() and len(wire.response.events) == 2)
        asked = wire.response.messages[0]
        told = await edge.legacy(answer(asked["id"]), session).run()
        with anyio.fail_after(5):
            await wire.response.complete.wait()

    assert (asked["method"], asked["id"]) == ("elicitation/create", "mediator-1")
    assert (told.status, told.body) == (202, b"")
    assert edge.corridor.answers == [Response(id="mediator-1", result=ACCEPTED, error=None)]
    assert wire.response.messages[-1]["id"] == 7


@promise("P9")
@pytest.mark.parametrize(
    ("token", "is_same_session", "question_id"),
    [("thief", True, "mediator-1"), ("planner", False, "mediator-1"), ("planner", True, "mediator-2")],
    ids=["another holder", "another session", "another id"],
)
async def test_nobody_else_answers_what_a_session_was_asked(
    token: str, is_same_session: bool, question_id: str
) -> None:
    """Ours (A4): an answer is looked for in the session that was asked, of its own holder, under its id."""
    edge = Edge()
    session, other = await edge.open_session(), await edge.open_session()
    wire = edge.legacy(call("asks"), session)

    async with running(wire):
        await wait_until(lambda: len(edge.opened(session).questions) == 1)
        theirs = edge.legacy(answer(question_id), session if is_same_session else other, token=token)
        told = await theirs.run()
        await edge.modern({**enveloped("ping"), **answer("mediator-1"), "method": "ping"}).run()
        assert len(edge.opened(session).questions) == 1
        await edge.legacy(answer("mediator-1", {"action": "decline"}), session).run()
        with anyio.fail_after(5):
            await wire.response.complete.wait()

    assert told.status == (404 if token == "thief" else 202)
    assert [said and said.result for said in edge.corridor.answers] == [{"action": "decline"}]


@pytest.mark.parametrize("how", ["modern", "json alone", "no session"])
async def test_who_has_no_open_line_cannot_be_asked(how: str) -> None:
    """MCP 2026-07-28: nobody is asked live; and an agent that takes no stream has nothing to be asked on."""
    edge = Edge()
    session = await edge.open_session()
    headers = [("content-type", "application/json"), ("accept", "application/json"), ("mcp-session-id", session)]
    wire = {
        "modern": edge.modern(enveloped("tools/call", {"name": "asks"}, 7)),
        "json alone": request(edge.app, canonical_bytes(call("asks")), headers, plain=True),
        "no session": edge.modern(enveloped("tools/call", {"name": "asks"}, 7), path="/servers/clock/mcp"),
    }[how]

    response = await wire.run()

    assert edge.corridor.answers == [None]
    assert response.headers["content-type"] == "application/json"


async def test_an_agent_that_does_not_answer_in_time_is_waited_for_no_more() -> None:
    """Ours: every wait has a deadline."""
    edge = Edge()
    edge.corridor.answer_seconds = 0.05
    session = await edge.open_session()
    edge.app = edge.made()

    response = await edge.legacy(call("asks"), session).run()

    assert edge.corridor.answers == [None]
    assert response.messages[-1]["id"] == 7
    assert len(edge.opened(session).questions) == 0


# --- what a reply wants done ------------------------------------------------------------------------------------------


async def test_a_level_that_was_asked_for_is_that_of_the_session() -> None:
    """MCP 2025-11-25, logging/setLevel: from now on, and in this session alone."""
    edge = Edge()
    session, other = await edge.open_session(), await edge.open_session()

    response = await edge.legacy(message("logging/setLevel", {"level": "warning"}), session).run()
    await edge.legacy(message("ping"), session).run()

    assert response.message["result"] == {}
    assert edge.corridor.arrivals[-1].session == edge.opened(session).session
    assert [edge.opened(one).session.log_level for one in (session, other)] == [LogLevel.WARNING, None]


async def test_what_a_session_subscribed_to_is_told_to_it() -> None:
    """MCP 2025-11-25, resources/subscribe and unsubscribe."""
    edge = Edge()
    session, other = await edge.open_session(), await edge.open_session()

    for uri in ("test://a", "test://b"):
        await edge.legacy(message("resources/subscribe", {"uri": uri}), session).run()
    await edge.legacy(message("resources/unsubscribe", {"uri": "test://b"}), session).run()
    for uri in ("test://a", "test://b"):
        edge.corridor.updates.updated("clock", uri, None)

    assert [len(edge.opened(one).outbox) for one in (session, other)] == [1, 0]


# --- an agent that comes back ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("era", ["modern", "older"])
async def test_hanging_up_cancels_the_call_of_an_agent_that_cannot_come_back(era: str) -> None:
    """MCP 2026-07-28: closing the stream is cancelling; before 2025-11-25 nobody was told of coming back."""
    edge = Edge(patient())
    session = await edge.open_session(version=OLDER)
    wire = edge.modern(enveloped("tools/call", {"name": "slow"}, 7)) if era == "modern" else None
    wire = wire or edge.legacy(call("slow"), session, version=OLDER)

    async with anyio.create_task_group() as answering:
        answering.start_soon(wire.run)
        await in_flight(edge, wire)
        wire.hang_up()

    assert edge.corridor.cancelled == [7]


async def test_hanging_up_before_the_stream_began_cancels_the_call() -> None:
    """Ours: who was told of no event id has nothing to come back for."""
    edge = Edge()
    session = await edge.open_session()
    wire = edge.legacy(call("slow"), session)

    async with anyio.create_task_group() as answering:
        answering.start_soon(wire.run)
        with anyio.fail_after(5):
            await edge.corridor.begun.wait()
        wire.hang_up()

    assert edge.corridor.cancelled == [7]


async def test_a_call_whose_agent_can_come_back_runs_on_and_its_answer_waits() -> None:
    """MCP 2025-11-25, `basic/transports`: disconnection is no cancellation; the stream is gone on with by `GET`."""
    edge = Edge(patient())
    session = await edge.open_session()
    wire = edge.legacy(call("slow"), session)

    async with anyio.create_task_group() as answering:
        answering.start_soon(wire.run)
        await in_flight(edge, wire)
        wire.hang_up()
        await wait_until(lambda: edge.outliving == 1)
        edge.corridor.slow.set()
    (primed,) = wire.response.events
    back = await edge.get(session, primed.id).run()

    assert (primed.data, primed.retry) == (b"", b"1000")
    assert edge.corridor.cancelled == []
    assert [event.id for event in back.events] == [primed.id.replace("-0", "-1")]
    assert (back.messages[0]["id"], back.is_complete) == (7, True)
    assert edge.outliving == 0


async def test_a_stream_is_gone_on_with_while_its_call_is_under_way() -> None:
    """MCP 2025-11-25: first what was missed, then what comes; over the new connection alone."""
    edge = Edge(patient())
    session = await edge.open_session()
    wire = edge.legacy(call("talks-slow"), session)

    async with running(wire):
        await in_flight(edge, wire)
        second = wire.response.events[1]
        back = edge.get(session, second.id)
        async with running(back):
            await wait_until(lambda: back.response.begun.is_set() and len(back.response.events) == 2)
            edge.corridor.slow.set()
            with anyio.fail_after(5):
                await back.response.complete.wait()

    assert progress_of(wire) == [0, 1, 2]
    assert progress_of(back) == [1, 2, 3]
    assert back.response.messages[-1]["id"] == 7
    assert wire.response.is_complete
    assert edge.corridor.cancelled == []


async def test_an_agent_comes_back_as_often_as_it_wants() -> None:
    """Ours: also from the stream with which it came back."""
    edge = Edge(patient())
    session = await edge.open_session()
    wire = edge.legacy(call("talks-slow"), session)

    async with running(wire):
        await in_flight(edge, wire)
        first = edge.get(session, wire.response.events[-1].id)
        async with running(first):
            await wait_until(first.response.begun.is_set)
        second = edge.get(session, wire.response.events[-1].id)
        async with running(second):
            await wait_until(second.response.begun.is_set)
            edge.corridor.slow.set()
            with anyio.fail_after(5):
                await second.response.complete.wait()

    assert progress_of(first) == []
    assert progress_of(second) == [3]
    assert second.response.messages[-1]["id"] == 7


async def test_a_question_reaches_an_agent_that_comes_back_for_it() -> None:
    """MCP 2025-11-25: requests on a stream are events of it like any other."""
    edge = Edge()
    session = await edge.open_session()
    wire = edge.legacy(call("asks"), session)

    async with running(wire):
        await wait_until(lambda: len(wire.response.events) == 2)
        back = edge.get(session, wire.response.events[0].id)
        async with running(back):
            await wait_until(lambda: back.response.begun.is_set() and len(back.response.messages) == 1)
            await edge.legacy(answer(back.response.messages[0]["id"]), session).run()
            with anyio.fail_after(5):
                await back.response.complete.wait()

    assert back.response.messages[-1]["id"] == 7


@pytest.mark.parametrize("how", ["cancellation", "end of the session"])
async def test_a_call_that_runs_on_is_cancelled_like_any_other(how: str) -> None:
    """MCP 2025-11-25: `notifications/cancelled`; and nothing of a session outlives it."""
    edge = Edge(patient())
    session = await edge.open_session()
    wire = edge.legacy(call("slow"), session)

    async with anyio.create_task_group() as answering:
        answering.start_soon(wire.run)
        await in_flight(edge, wire)
        wire.hang_up()
        await wait_until(lambda: edge.outliving == 1)
        if how == "cancellation":
            await edge.legacy(notification("notifications/cancelled", {"requestId": 7}), session).run()
        else:
            await request(edge.app, b"", [("mcp-session-id", session)], method="DELETE", plain=True).run()

    assert edge.corridor.cancelled == [7]


async def test_so_many_calls_run_on_and_one_more_is_cancelled() -> None:
    """Ours (A1): the limit of connections would not bound them."""
    edge = Edge(patient())
    session = await edge.open_session()
    wires = [edge.legacy(call("slow", number), session) for number in range(17)]

    async with anyio.create_task_group() as answering:
        for wire in wires:
            answering.start_soon(wire.run)
        await wait_until(lambda: all(wire.response.begun.is_set() for wire in wires))
        for wire in wires:
            wire.hang_up()
        await wait_until(lambda: len(edge.corridor.cancelled) == 1)
        edge.corridor.slow.set()

    assert edge.corridor.cancelled == [16]


@promise("P4")
async def test_nobody_comes_back_for_the_stream_of_another_session() -> None:
    """MCP, Security Best Practices, session hijacking (A4): neither another holder, nor another session of the same."""
    edge = Edge(patient())
    session, other = await edge.open_session(), await edge.open_session()
    theirs = await edge.open_session(token="thief")
    wire = edge.legacy(call("talks-slow"), session)

    async with running(wire):
        await in_flight(edge, wire)
        event_id = wire.response.events[0].id
        refused = [
            await edge.get(session, event_id, token="thief").run(),
            await edge.get(theirs, event_id, token="thief").run(),
            await edge.get(other, event_id).run(),
        ]
        edge.corridor.slow.set()
        with anyio.fail_after(5):
            await wire.response.complete.wait()

    assert [response.status for response in refused] == [404, 400, 400]
    assert wire.response.messages[-1]["id"] == 7


@promise("P11")
async def test_a_flood_of_events_that_nobody_reads_costs_bounded_memory_and_not_the_answer() -> None:
    """Issue 4: the oldest are dropped; the answer is the newest."""
    edge = Edge(patient(), events=EventLimits(events_per_session_max=10))
    edge.corridor.says = 3000
    session = await edge.open_session()
    wire = edge.legacy(call("talks"), session)
    wire.reads = anyio.Semaphore(2)

    async with anyio.create_task_group() as answering:
        answering.start_soon(wire.run)
        await wait_until(lambda: len(wire.response.chunks) == 3)
        wire.hang_up()
    back = await edge.get(session, wire.response.events[0].id).run()

    assert len(edge.opened(session).events) == 10
    assert len(back.messages) == 10
    assert back.messages[-1]["id"] == 7


async def test_what_is_not_kept_any_more_cannot_be_gone_on_with() -> None:
    """Ours: a plain refusal, and not a stream without end."""
    edge = Edge(patient())
    session = await edge.open_session()
    wire = edge.legacy(call("talks"), session)
    await wire.run()
    event_id = wire.response.events[0].id
    assert (await edge.get(session, event_id).run()).messages[-1]["id"] == 7

    edge.now = 60.0

    assert (await edge.get(session, event_id).run()).status == 400


async def test_an_agent_is_let_go_and_its_answer_waits_where_the_tool_server_does_so() -> None:
    """SEP-1699, `server-sse-polling` of the conformance suite: primed, closed before the answer, and gone on with."""
    edge = Edge()
    session = await edge.open_session()
    wire = edge.legacy(call("pauses-slow"), session)

    async with anyio.create_task_group() as answering:
        answering.start_soon(wire.run)
        with anyio.fail_after(5):
            await wire.response.complete.wait()
        assert [event.data for event in wire.response.events] == [b""]
        back = edge.get(session, wire.response.events[0].id)
        answering.start_soon(back.run)
        await wait_until(back.response.begun.is_set)
        edge.corridor.slow.set()

    assert back.response.messages[-1]["id"] == 7
    assert edge.corridor.cancelled == []


@pytest.mark.parametrize("version", [MODERN, OLDER])
async def test_who_cannot_come_back_is_not_let_go(version: str) -> None:
    """Ours: an answer that nobody could fetch would be lost."""
    edge = Edge()
    session = await edge.open_session(version=OLDER)
    body = enveloped("tools/call", {"name": "pauses"}, 7)
    wire = edge.modern(body) if version == MODERN else edge.legacy(call("pauses"), session, version=OLDER)

    response = await wire.run()

    assert response.headers["content-type"] == "application/json"
    assert response.message["id"] == 7


async def test_a_mediator_that_stops_ends_calls_that_run_on() -> None:
    """Ours: nothing is left running."""
    edge = Edge(patient())
    session = await edge.open_session()
    wire = edge.legacy(call("slow"), session)

    async with anyio.create_task_group() as answering:
        answering.start_soon(wire.run)
        await in_flight(edge, wire)
        wire.hang_up()
        await wait_until(lambda: edge.outliving == 1)
        edge.app.stop()

    assert edge.corridor.cancelled == [7]


# --- streams that listen ------------------------------------------------------------------------------------------------


def listen(edge: Edge, *uris: str, request_id: Json = "listen", token: str = "planner", tools: bool = True) -> Wire:
    wanted: JsonObject = {"toolsListChanged": tools, "resourceSubscriptions": [*uris]}
    return edge.modern(enveloped("subscriptions/listen", {"notifications": wanted}, request_id), token=token)


async def test_who_listens_hears_what_it_asked_for_until_it_hangs_up() -> None:
    """MCP 2026-07-28, `basic/patterns/subscriptions`: first what is honoured; each message under the request's id."""
    edge = Edge()
    wire = listen(edge, "test://a")

    async with running(wire):
        await wait_until(lambda: wire.response.begun.is_set() and len(wire.response.events) == 1)
        edge.corridor.list_changes.tell()
        await wait_until(lambda: len(wire.response.events) == 2)
        edge.corridor.updates.updated("clock", "test://a", "planner")
        edge.corridor.updates.updated("clock", "test://b", "planner")
        await wait_until(lambda: len(wire.response.events) == 3)

    meta = {"io.modelcontextprotocol/subscriptionId": "listen"}
    assert [(said["method"], said["params"]) for said in wire.response.messages] == [
        (
            "notifications/subscriptions/acknowledged",
            {"notifications": {"toolsListChanged": True, "resourceSubscriptions": ["test://a"]}, "_meta": meta},
        ),
        ("notifications/tools/list_changed", {"_meta": meta}),
        ("notifications/resources/updated", {"uri": "test://a", "_meta": meta}),
    ]
    assert len(edge.corridor.updates) == 0
    assert not wire.response.is_complete


async def test_a_stream_that_listens_ends_in_order_when_the_mediator_stops() -> None:
    """MCP 2026-07-28: the result of the request is its last event."""
    edge = Edge()
    wire = listen(edge)

    async with anyio.create_task_group() as answering:
        answering.start_soon(wire.run)
        await wait_until(lambda: wire.response.begun.is_set() and len(wire.response.events) == 1)
        edge.app.end_streams()

    last = wire.response.messages[-1]
    assert last["id"] == "listen"
    assert isinstance(last["result"], dict)
    assert last["result"]["resultType"] == "complete"
    assert wire.response.is_complete


@promise("P5")
async def test_a_stream_that_listens_ends_with_its_credential() -> None:
    """Ours: it is looked at again with each sign of life."""
    edge = Edge(patient(alive=0.001))
    wire = listen(edge, token="planner")

    async with anyio.create_task_group() as answering:
        answering.start_soon(wire.run)
        await wait_until(lambda: wire.response.begun.is_set() and len(wire.response.chunks) > 3)
        edge.corridor.expired.add("planner")

    assert wire.response.is_complete


async def test_a_listener_that_takes_no_stream_is_told_that_it_is_over() -> None:
    """Ours: tolerant of clients that accept JSON alone."""
    edge = Edge()
    body = enveloped("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    headers = [*modern_headers(body), ("content-type", "application/json"), ("accept", "application/json")]

    response = await request(edge.app, canonical_bytes(body), headers, plain=True).run()

    assert isinstance(response.message["result"], dict)
    assert response.message["result"]["resultType"] == "complete"


@promise("P11")
async def test_hundreds_listen_at_once_and_nobody_takes_the_places_of_others() -> None:
    """Issue 4: hundreds of open streams; ours (A1): so many for each, with the refusal of overload."""
    edge = Edge()
    wires = [listen(edge, f"test://{number}") for number in range(256)]

    async with running(*wires):
        await wait_until(lambda: all(wire.response.begun.is_set() for wire in wires))
        more = await listen(edge).run()
        other = listen(edge, token="other")
        async with running(other):
            await wait_until(other.response.begun.is_set)
        for number in range(256):
            for _ in range(10):
                edge.corridor.updates.updated("clock", f"test://{number}", None)
        await wait_until(lambda: all(len(wire.response.events) >= 2 for wire in wires))

    assert (more.status, more.reason) == (503, "OVERLOADED")
    assert len(edge.corridor.updates) == 0
