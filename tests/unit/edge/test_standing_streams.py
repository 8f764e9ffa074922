"""Unit tests of mediator/edge/standing_streams.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest

from mediator.canonical import JsonObject
from mediator.edge.sessions import SessionLimits
from tests.promises import promise
from tests.simulated.arrivals import LEGACY, MODERN, message
from tests.simulated.asgi_client import Wire, request
from tests.simulated.asgi_edge import Edge, patient, running, wait_until

OLDER = "2025-06-18"


def methods_of(wire: Wire) -> list[object]:
    return [said["method"] for said in wire.response.messages]


async def subscribe(edge: Edge, session: str, uri: str = "test://a") -> None:
    await edge.legacy(message("resources/subscribe", {"uri": uri}), session).run()


async def open_stream(wire: Wire) -> None:
    with anyio.fail_after(5):
        await wire.response.begun.wait()


# --- who gets one -----------------------------------------------------------------------------------------------------


async def test_a_session_has_a_stream_of_its_own() -> None:
    """MCP 2025-11-25, Streamable HTTP: `GET`; kept by nobody on the way."""
    edge = Edge()
    wire = edge.get(await edge.open_session())

    async with running(wire):
        await open_stream(wire)

    headers = wire.response.headers
    assert (wire.response.status, headers["content-type"]) == (200, "text/event-stream")
    assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-store", "no")
    assert [(event.data, event.retry) for event in wire.response.events] == [(b"", b"1000")]


@pytest.mark.parametrize(
    ("token", "session", "accept", "version", "status"),
    [
        ("planner", "own", "text/event-stream", MODERN, 405),
        (None, "none", "text/html", LEGACY, 401),
        ("bad", "own", "text/event-stream", LEGACY, 401),
        ("planner", "own", "application/json", LEGACY, 406),
        ("planner", "own", "*/*", LEGACY, 406),
        ("planner", "none", "text/event-stream", LEGACY, 400),
        ("planner", "unknown", "text/event-stream", LEGACY, 404),
        ("thief", "own", "text/event-stream", LEGACY, 404),
    ],
)
async def test_others_get_none(token: str | None, session: str, accept: str, version: str, status: int) -> None:
    """MCP 2025-11-25: 401 first, 406 without the type, 400 without a session, 404 for what is not theirs; and the
    modern era has none.
    """
    edge = Edge()
    ids = {"own": [await edge.open_session()], "none": [], "unknown": ["f" * 32]}[session]
    headers = [("accept", accept), ("mcp-protocol-version", version), *(("mcp-session-id", one) for one in ids)]

    response = await request(edge.app, b"", headers, method="GET", token=token, plain=True).run()

    assert response.status == status
    assert response.error["data"]
    assert (response.headers.get("allow") == "POST") is (status == 405)


@promise("P11")
async def test_so_many_streams_has_a_session_and_no_more() -> None:
    """Ours (A1)."""
    edge = Edge()
    session, other = await edge.open_session(), await edge.open_session()
    wires = [edge.get(session) for _ in range(8)]

    async with running(*wires):
        for wire in wires:
            await open_stream(wire)
        more, theirs = await edge.get(session).run(), edge.get(other)
        async with running(theirs):
            await open_stream(theirs)

    assert (more.status, more.reason, more.headers["retry-after"]) == (503, "OVERLOADED", "1")
    assert theirs.response.status == 200


# --- what it carries --------------------------------------------------------------------------------------------------


async def test_it_is_told_that_lists_changed_and_what_it_subscribed_to() -> None:
    """MCP 2025-11-25: list changed, and resources updated."""
    edge = Edge()
    session = await edge.open_session()
    await subscribe(edge, session)
    wire = edge.get(session)

    async with running(wire):
        await open_stream(wire)
        edge.corridor.list_changes.tell()
        await wait_until(lambda: len(wire.response.messages) == 3)
        edge.corridor.updates.updated("clock", "test://b", None)
        edge.corridor.updates.updated("clock", "test://a", "planner")
        await wait_until(lambda: len(wire.response.messages) == 4)

    assert methods_of(wire) == [
        "notifications/tools/list_changed",
        "notifications/prompts/list_changed",
        "notifications/resources/list_changed",
        "notifications/resources/updated",
    ]
    assert wire.response.messages[-1]["params"] == {"uri": "test://a"}


async def test_what_happened_before_a_stream_was_there_is_told_on_the_first() -> None:
    """Ours: once, however often."""
    edge = Edge()
    session = await edge.open_session()
    await subscribe(edge, session)
    for _ in range(100):
        edge.corridor.updates.updated("clock", "test://a", None)
    wire = edge.get(session)

    async with running(wire):
        await wait_until(lambda: len(wire.response.messages) == 1)

    assert methods_of(wire) == ["notifications/resources/updated"]


async def test_a_message_goes_over_one_stream_of_a_session() -> None:
    """MCP 2025-11-25: never over several; and to no other session."""
    edge = Edge()
    session, other = await edge.open_session(), await edge.open_session()
    for number in range(10):
        await subscribe(edge, session, f"test://{number}")
    wires = [edge.get(session), edge.get(session), edge.get(other)]

    async with running(*wires):
        for wire in wires:
            await open_stream(wire)
        for number in range(10):
            edge.corridor.updates.updated("clock", f"test://{number}", None)
        await wait_until(lambda: sum(len(wire.response.messages) for wire in wires) == 10)

    uris = [said["params"] for wire in wires[:2] for said in wire.response.messages]
    assert sorted(map(str, uris)) == sorted(str({"uri": f"test://{number}"}) for number in range(10))
    assert wires[2].response.messages == []


@promise("P11")
async def test_a_slow_reader_is_not_written_to_and_misses_nothing_that_it_subscribed_to() -> None:
    """Issue 4: what changes meanwhile is one message for each resource."""
    edge = Edge()
    session = await edge.open_session(version=OLDER)
    await subscribe(edge, session)
    wire = edge.get(session)
    wire.reads = anyio.Semaphore(0)

    async with running(wire):
        await open_stream(wire)
        edge.corridor.updates.updated("clock", "test://a", None)
        await wait_until(lambda: len(wire.response.messages) == 1)
        for _ in range(10_000):
            edge.corridor.updates.updated("clock", "test://a", None)
        await anyio.wait_all_tasks_blocked()
        assert len(wire.response.messages) == 1
        for _ in range(5):
            wire.reads.release()
        await wait_until(lambda: len(wire.response.messages) == 2)
        await anyio.wait_all_tasks_blocked()

    assert methods_of(wire) == ["notifications/resources/updated"] * 2


async def test_a_silent_stream_is_kept_alive_and_its_session_with_it() -> None:
    """Ours: who listens uses its session."""
    edge = Edge(patient(alive=0.001), SessionLimits(idle_seconds=10))
    session = await edge.open_session()
    wire = edge.get(session)

    async with running(wire):
        await open_stream(wire)
        for _ in range(3):
            edge.now += 9.0
            so_far = len(wire.response.chunks)
            await wait_until(lambda: len(wire.response.chunks) > so_far + 1)  # noqa: B023 - awaited here
        assert edge.opened(session).session.id == session

    assert b": waiting\r\n\r\n" in wire.response.chunks


# --- how it ends ------------------------------------------------------------------------------------------------------


@promise("P4", "P5")
@pytest.mark.parametrize("how", ["session", "mediator", "credential", "task", "idle"])
async def test_it_ends_with_what_it_stands_on(how: str) -> None:
    """Ours: its session, its credential and its task (P4, P5), the mediator."""
    alive = 60.0 if how in {"session", "mediator"} else 0.001
    edge = Edge(patient(alive=alive))
    session = await edge.open_session()
    wire = edge.get(session)

    async with anyio.create_task_group() as answering:
        answering.start_soon(wire.run)
        await open_stream(wire)
        if how == "session":
            await request(edge.app, b"", [("mcp-session-id", session)], method="DELETE", plain=True).run()
        elif how == "mediator":
            edge.app.end_streams()
        elif how == "credential":
            edge.corridor.expired.add("planner")
        elif how == "task":
            edge.corridor.over.add("planner")
        else:
            edge.sessions.end(session, "planner")

    assert wire.response.is_complete
    assert methods_of(wire) == []


@promise("P4")
async def test_nothing_is_told_any_more_to_whose_task_has_ended() -> None:
    """Ours: it is looked at before anything is told, not only with the next sign of life."""
    edge = Edge()
    session = await edge.open_session()
    wire = edge.get(session)

    async with anyio.create_task_group() as answering:
        answering.start_soon(wire.run)
        await open_stream(wire)
        edge.corridor.over.add("planner")
        edge.corridor.list_changes.tell()

    assert wire.response.is_complete
    assert methods_of(wire) == []


@promise("P4")
async def test_who_comes_back_after_his_task_has_ended_is_told_nothing_of_it() -> None:
    """Ours: what was kept for a session is no use to a credential that is dead."""
    edge = Edge()
    session = await edge.open_session()
    wire = edge.get(session)
    async with running(wire):
        await open_stream(wire)
        edge.corridor.list_changes.tell()
        await wait_until(lambda: len(wire.response.events) > 1)
    edge.corridor.over.add("planner")

    response = await edge.get(session, wire.response.events[0].id).run()

    assert response.status == 403
    assert b"TASK_COMPLETED" in b"".join(response.chunks)


async def test_it_ends_when_its_agent_goes() -> None:
    """Ours: and what comes then waits for the next."""
    edge = Edge()
    session = await edge.open_session()
    await subscribe(edge, session)
    wire = edge.get(session)
    async with running(wire):
        await open_stream(wire)

    edge.corridor.updates.updated("clock", "test://a", None)
    again = edge.get(session)
    async with running(again):
        await wait_until(lambda: len(again.response.messages) == 1)

    assert methods_of(wire) == []


# --- coming back ------------------------------------------------------------------------------------------------------


async def test_what_was_missed_is_told_again_and_then_what_comes() -> None:
    """MCP 2025-11-25, resumability and redelivery."""
    edge = Edge()
    session = await edge.open_session()
    for uri in ("test://a", "test://b", "test://c"):
        await subscribe(edge, session, uri)
    wire = edge.get(session)
    async with running(wire):
        await open_stream(wire)
        for uri in ("test://a", "test://b"):
            edge.corridor.updates.updated("clock", uri, None)
        await wait_until(lambda: len(wire.response.messages) == 2)

    back = edge.get(session, wire.response.events[1].id)
    async with running(back):
        await wait_until(lambda: back.response.begun.is_set() and len(back.response.messages) == 1)
        edge.corridor.updates.updated("clock", "test://c", None)
        await wait_until(lambda: len(back.response.messages) == 2)

    uris: list[JsonObject] = [{"uri": "test://b"}, {"uri": "test://c"}]
    assert [said["params"] for said in back.response.messages] == uris
    assert back.response.events[0].id == wire.response.events[2].id


async def test_an_event_that_is_not_kept_any_more_gives_a_new_stream() -> None:
    """Ours: an agent that was away for long hears again; of a standing stream nothing else is lost."""
    edge = Edge()
    session = await edge.open_session()
    wire = edge.get(session)
    async with running(wire):
        await open_stream(wire)
    event_id = wire.response.events[0].id
    edge.now = 61.0

    back = edge.get(session, event_id)
    async with running(back):
        await open_stream(back)
        edge.corridor.list_changes.tell()
        await wait_until(lambda: len(back.response.messages) == 3)

    assert back.response.events[0].id != event_id


@pytest.mark.parametrize("event_id", ["", "x", "a0000000000000000-1", "\xff", "a" * 10_000])
async def test_an_event_that_never_was_is_refused(event_id: str) -> None:
    """Ours: whatever an agent sends."""
    edge = Edge()

    response = await edge.get(await edge.open_session(), event_id).run()

    assert (response.status, response.reason) == (400, "MALFORMED")


async def test_two_events_to_go_on_behind_are_none() -> None:
    """Ours: a reader of the first and a reader of the last would disagree."""
    edge = Edge()
    session = await edge.open_session()
    wire = edge.get(session, "a-1")
    wire.scope["headers"] = [*wire.scope["headers"], (b"last-event-id", b"a-2")]

    assert (await wire.run()).status == 400


async def test_hundreds_of_sessions_hear_at_once() -> None:
    """Issue 4: hundreds of open streams."""
    edge = Edge(limits=SessionLimits(sessions_per_holder_max=300))
    wires = [edge.get(await edge.open_session()) for _ in range(200)]

    async with running(*wires):
        for wire in wires:
            await open_stream(wire)
        edge.corridor.list_changes.tell()
        await wait_until(lambda: all(len(wire.response.messages) == 3 for wire in wires))


async def test_an_older_agent_is_sent_no_event_without_data() -> None:
    """MCP 2025-06-18: such an event would be an error to it."""
    edge = Edge(replace(patient()))
    wire = edge.get(await edge.open_session(version=OLDER), version=OLDER)

    async with running(wire):
        await open_stream(wire)
        edge.corridor.list_changes.tell()
        await wait_until(lambda: len(wire.response.messages) == 3)

    assert all(event.data and event.id for event in wire.response.events)
