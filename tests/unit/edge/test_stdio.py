"""Unit tests of mediator/edge/stdio.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import inf

import anyio
import pytest
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from mediator.canonical import JsonLimits, JsonObject, canonical_bytes, parse_object
from mediator.edge import stdio
from mediator.edge.stdio import serve_stdio
from mediator.evidence import Secret
from mediator.refusal import Reason
from mediator.wire.arrival import Transport
from mediator.wire.jsonrpc import RequestId, Response
from mediator.wire.methods import Era, LogLevel
from mediator.wire.reading import Notice
from tests.promises import promise
from tests.simulated.arrivals import LEGACY, enveloped, message, notification
from tests.simulated.corridor import SimulatedCorridor

INITIALIZE = message("initialize", {"protocolVersion": LEGACY}, "hello")


def slow(request_id: RequestId) -> JsonObject:
    return enveloped("tools/call", {"name": "slow"}, request_id)


def line(sent: JsonObject) -> bytes:
    return canonical_bytes(sent) + b"\n"


@dataclass(slots=True)
class Host:
    """The other side of the lines."""

    corridor: SimulatedCorridor
    to_us: MemoryObjectSendStream[bytes]
    from_us: MemoryObjectReceiveStream[bytes]

    async def send(self, *sent: JsonObject | bytes) -> None:
        with anyio.fail_after(5):
            for one in sent:
                await self.to_us.send(one if isinstance(one, bytes) else line(one))

    async def receive(self) -> JsonObject:
        with anyio.fail_after(5):
            received = await self.from_us.receive()
        assert received.endswith(b"\n")
        assert received.count(b"\n") == 1
        return parse_object(received)

    def end(self) -> None:
        self.to_us.close()

    def unread(self) -> int:
        return self.from_us.statistics().current_buffer_used


@asynccontextmanager
async def hosting(
    corridor: SimulatedCorridor | None = None, tokens: Sequence[str | None] = ("planner",), room: float = inf
) -> AsyncIterator[Host]:
    """Serve a host for as long as the context is held; each message is asked for a credential of its own."""
    corridor = corridor or SimulatedCorridor()
    given = list(tokens)

    def credential() -> Secret | None:
        token = given[0] if len(given) == 1 else given.pop(0)
        return None if token is None else Secret(token)

    to_us, incoming = anyio.create_memory_object_stream[bytes](0)
    outgoing, from_us = anyio.create_memory_object_stream[bytes](room)
    with to_us, incoming, outgoing, from_us, anyio.fail_after(10):
        async with anyio.create_task_group() as serving:
            serving.start_soon(serve_stdio, corridor.door(), credential, incoming, outgoing)
            yield Host(corridor, to_us, from_us)
            to_us.close()


# --- lines, eras, sessions --------------------------------------------------------------------------------------------


async def test_each_message_is_answered_in_its_era() -> None:
    """MCP 2026-07-28 and 2025-11-25 over one pipe: each message says which."""
    async with hosting() as host:
        await host.send(enveloped("tools/list", request_id=1))
        modern = await host.receive()
        await host.send(INITIALIZE)
        handshake = await host.receive()
        await host.send(notification("notifications/initialized"), message("tools/list", request_id=2))
        legacy = await host.receive()

    assert [modern["id"], handshake["id"], legacy["id"]] == [1, "hello", 2]
    eras = [reading.frame.era for reading in host.corridor.readings]
    assert eras == [Era.MODERN, Era.LEGACY, Era.LEGACY, Era.LEGACY]
    assert [arrival.session and arrival.session.version for arrival in host.corridor.arrivals] == [
        None,
        None,
        LEGACY,
        LEGACY,
    ]


async def test_what_arrives_says_how_it_came() -> None:
    """Ours: no headers, and a source to count stops by."""
    async with hosting() as host:
        await host.send(enveloped("tools/list"))
        await host.receive()

    (arrival,) = host.corridor.arrivals
    assert (arrival.transport, arrival.server, arrival.headers, arrival.source) == (Transport.STDIO, None, (), "stdio")


async def test_a_handshake_is_answered_before_what_is_sent_behind_it() -> None:
    """Ours: a host that does not wait is understood all the same."""
    async with hosting() as host:
        await host.send(line(INITIALIZE) + line(message("tools/list", request_id=2)))

        assert (await host.receive())["id"] == "hello"
        assert "result" in await host.receive()


async def test_a_request_before_any_handshake_is_refused() -> None:
    """MCP 2025-11-25, Lifecycle."""
    async with hosting() as host:
        await host.send(message("tools/list", request_id=3))
        refusal = await host.receive()

    assert refusal["id"] == 3
    assert isinstance(refusal["error"], dict)
    assert refusal["error"]["code"] == -32600


@pytest.mark.parametrize(
    "chunks",
    [
        [line(enveloped("tools/list"))],
        [b"\n\r\n  \n" + line(enveloped("tools/list"))],
        [canonical_bytes(enveloped("tools/list")) + b"\r\n"],
        [bytes([byte]) for byte in line(enveloped("tools/list"))],
    ],
    ids=["whole", "after blank lines", "with a carriage return", "byte by byte"],
)
async def test_a_line_is_a_message_however_it_comes(chunks: list[bytes]) -> None:
    """MCP, stdio: messages are delimited by newlines."""
    async with hosting() as host:
        await host.send(*chunks)

        assert "result" in await host.receive()

    assert len(host.corridor.arrivals) == 1


async def test_the_last_line_needs_no_end() -> None:
    """Ours: `printf` writes none."""
    async with hosting() as host:
        await host.send(canonical_bytes(enveloped("tools/list")))
        host.end()

        assert "result" in await host.receive()


async def test_what_wants_no_answer_gets_none() -> None:
    """JSON-RPC 2.0 §4.1."""
    async with hosting() as host:
        await host.send(
            notification("notifications/initialized"),
            notification("x"),
            {"jsonrpc": "2.0", "id": 1, "result": {}},
            enveloped("tools/list", request_id="last"),
        )

        assert (await host.receive())["id"] == "last"

    assert sum(isinstance(reading, Notice) for reading in host.corridor.readings) == 3


@promise("P11")
@pytest.mark.parametrize("garbage", [b"{\n", b"null\n", b"[]\n", b"\xff\xfe\n", b'{"jsonrpc":"2.0","id":1,"id":2}\n'])
async def test_a_line_that_is_no_message_is_refused_and_the_session_goes_on(garbage: bytes) -> None:
    """JSON-RPC 2.0 §5.1: with no id that could be read, the id is null."""
    async with hosting() as host:
        await host.send(garbage, enveloped("tools/list", request_id="then"))

        assert (await host.receive())["id"] is None
        assert (await host.receive())["id"] == "then"


@promise("P11")
@pytest.mark.parametrize(
    "chunks",
    [[b"x" * 200 + b"\n"], [b"x" * 60, b"x" * 60, b"x" * 60, b"x\n"], [b"x" * 600, b"\n"], [b" " * 200 + b"\n"]],
    ids=["at once", "in pieces", "its end apart", "nothing but blanks"],
)
async def test_a_line_that_is_too_long_is_refused_and_the_session_goes_on(chunks: list[bytes]) -> None:
    """Design 5.2: the same limit as for bodies, and no more of it is kept."""
    async with hosting(SimulatedCorridor(limits=JsonLimits(bytes_max=100))) as host:
        await host.send(*chunks, b'{"jsonrpc":"2.0","id":"then","method":"ping"}\n')

        refusal, after = await host.receive(), await host.receive()

    assert isinstance(refusal["error"], dict)
    assert refusal["error"]["data"] == {"reason": "BODY_TOO_LARGE"}
    assert after["id"] == "then"
    assert host.corridor.counted == [("stdio", Reason.BODY_TOO_LARGE)]


async def test_a_last_line_that_is_too_long_is_refused_too() -> None:
    """Design 5.2."""
    async with hosting(SimulatedCorridor(limits=JsonLimits(bytes_max=100))) as host:
        await host.send(b"x" * 101)
        host.end()

        assert (await host.receive())["id"] is None


# --- credentials ------------------------------------------------------------------------------------------------------


async def test_each_message_is_asked_for_a_credential_of_its_own() -> None:
    """Design 5.6, people's hosts: the credential is renewed while the host lives."""
    async with hosting(tokens=("first", "second", "bad")) as host:
        await host.send(*(enveloped("tools/list", request_id=index) for index in range(3)))
        answers = [await host.receive() for _ in range(3)]

    revealed = [arrival.credential and arrival.credential.reveal() for arrival in host.corridor.arrivals]
    assert revealed == ["first", "second", "bad"]
    assert ["result" in answer for answer in answers] == [True, True, False]


@promise("P9")
async def test_a_session_without_a_credential_is_told_so_in_its_own_code() -> None:
    """Design 5.7: over stdio -31401; there is no anonymous authority."""
    async with hosting(tokens=(None,)) as host:
        await host.send(enveloped("tools/list"))
        refusal = await host.receive()

    assert isinstance(refusal["error"], dict)
    assert refusal["error"]["code"] == -31401


# --- several at once, and cancelling ----------------------------------------------------------------------------------


async def test_requests_are_answered_as_they_finish() -> None:
    """JSON-RPC 2.0: ids tie answers to requests, order does not."""
    async with hosting() as host:
        await host.send(slow(1), enveloped("tools/list", request_id=2))
        first = await host.receive()
        host.corridor.slow.set()
        second = await host.receive()

    assert [first["id"], second["id"]] == [2, 1]


@pytest.mark.parametrize("era", list(Era))
async def test_a_cancelled_request_gets_no_answer(era: Era) -> None:
    """MCP, basic/utilities/cancellation; over stdio in both eras."""
    async with hosting() as host:
        if era is Era.LEGACY:
            await host.send(INITIALIZE)
            await host.receive()
            await host.send(message("tools/call", {"name": "slow"}, 7))
        else:
            await host.send(slow(7))
        with anyio.fail_after(5):
            await host.corridor.begun.wait()
            await host.send(notification("notifications/cancelled", {"requestId": 8}))
            await host.send(notification("notifications/cancelled", {"requestId": 7}))
            await host.corridor.ended.wait()
        await host.send(enveloped("tools/list", request_id="then"))

        assert (await host.receive())["id"] == "then"

    assert host.corridor.cancelled == [7]


async def test_one_request_too_many_at_once_is_told_so() -> None:
    """Design 5.7: overload is `isError` for a call; a notification is not answered even then."""
    async with hosting() as host:
        await host.send(*(slow(index) for index in range(64)), notification("x"), slow("more"))
        refusal = await host.receive()
        host.corridor.slow.set()
        answers = [await host.receive() for _ in range(64)]
        await host.send(enveloped("tools/list", request_id="then"))

        assert (await host.receive())["id"] == "then"

    assert refusal["id"] == "more"
    assert isinstance(refusal["result"], dict)
    assert refusal["result"]["isError"] is True
    assert {answer["id"] for answer in answers} == set(range(64))
    assert host.corridor.counted == [("stdio", Reason.OVERLOADED)] * 2


@promise("P11")
async def test_a_host_that_does_not_read_is_not_read_for_ever() -> None:
    """Ours (A1): answers wait in our memory, so they are bounded by who reads them."""
    async with hosting(room=0) as host:
        taken = 0
        with anyio.move_on_after(0.2):
            while True:
                await host.to_us.send(line(enveloped("tools/list", request_id=taken)))
                taken += 1
        assert taken < 80
        answers = [await host.receive() for _ in range(taken)]

    assert len({answer["id"] for answer in answers}) == taken


# --- what is said and asked beside answers ------------------------------------------------------------------------------


def call(name: str, request_id: RequestId = 7) -> JsonObject:
    return message("tools/call", {"name": name}, request_id)


async def shake_hands(host: Host) -> None:
    await host.send(INITIALIZE)
    await host.receive()


@pytest.mark.parametrize("era", list(Era))
async def test_what_a_tool_says_comes_before_its_answer_in_order(era: Era) -> None:
    """MCP, `basic/utilities/progress`."""
    async with hosting() as host:
        await shake_hands(host)
        await host.send(call("talks") if era is Era.LEGACY else enveloped("tools/call", {"name": "talks"}, 7))
        received = [await host.receive() for _ in range(4)]

    assert [said.get("method", said.get("id")) for said in received] == ["notifications/progress"] * 3 + [7]


@promise("P11")
async def test_a_host_that_does_not_read_is_not_told_for_ever() -> None:
    """Issue 4: progress waits at the tool, not in our memory."""
    corridor = SimulatedCorridor(says=1000)
    async with hosting(corridor, room=0) as host:
        await host.send(enveloped("tools/call", {"name": "talks"}, 7))
        await anyio.wait_all_tasks_blocked()
        assert corridor.told <= 1
        for _ in range(1000):
            assert (await host.receive())["method"] == "notifications/progress"

        assert (await host.receive())["id"] == 7


async def test_a_host_is_asked_and_its_answer_reaches_who_asked() -> None:
    """MCP 2025-11-25, elicitation over stdio."""
    async with hosting() as host:
        await shake_hands(host)
        await host.send(call("asks"))
        asked = await host.receive()
        await host.send(
            {"jsonrpc": "2.0", "id": "mediator-9", "result": {}},
            {"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "decline"}},
        )

        assert (await host.receive())["id"] == 7

    assert (asked["id"], asked["method"]) == ("mediator-1", "elicitation/create")
    assert host.corridor.answers == [Response(id="mediator-1", result={"action": "decline"}, error=None)]


async def test_a_host_of_the_modern_era_is_not_asked() -> None:
    """MCP 2026-07-28: also where it made a handshake before."""
    async with hosting() as host:
        await shake_hands(host)
        await host.send(enveloped("tools/call", {"name": "asks"}, 7))

        assert (await host.receive())["id"] == 7

    assert host.corridor.answers == [None]


async def test_a_call_that_is_cancelled_while_it_is_told_leaves_no_half_of_a_line() -> None:
    """Ours: what was begun is written whole."""
    corridor = SimulatedCorridor(says=1000, text="x" * 1000)
    async with hosting(corridor, room=0) as host:
        await host.send(enveloped("tools/call", {"name": "talks"}, 7))
        assert (await host.receive())["method"] == "notifications/progress"
        await host.send(notification("notifications/cancelled", {"requestId": 7}))
        await host.send(enveloped("tools/list", request_id="then"))
        while (said := await host.receive()).get("id") != "then":
            assert said["method"] == "notifications/progress"

    assert corridor.told < 1000


async def test_a_level_that_was_asked_for_is_that_of_the_session() -> None:
    """MCP 2025-11-25, logging/setLevel."""
    async with hosting() as host:
        await shake_hands(host)
        await host.send(message("logging/setLevel", {"level": "error"}, 2))
        await host.receive()
        await host.send(message("ping", request_id=3))
        await host.receive()

    session = host.corridor.arrivals[-1].session
    assert session is not None
    assert (session.log_level, session.version) == (LogLevel.ERROR, LEGACY)


async def test_a_level_without_a_handshake_is_refused_and_of_no_effect() -> None:
    """MCP 2025-11-25: the modern era says it with each request."""
    async with hosting() as host:
        await host.send(message("logging/setLevel", {"level": "error"}, 2))

        assert "error" in await host.receive()


async def test_a_host_hears_that_lists_changed_and_what_it_subscribed_to() -> None:
    """MCP 2025-11-25: over its line, once it made its handshake."""
    async with hosting() as host:
        host.corridor.list_changes.tell()
        await shake_hands(host)
        await host.send(message("resources/subscribe", {"uri": "test://a"}, 2))
        await host.receive()
        host.corridor.updates.updated("clock", "test://b", None)
        host.corridor.updates.updated("clock", "test://a", None)
        updated = await host.receive()
        host.corridor.list_changes.tell()
        changed = [await host.receive() for _ in range(3)]

    assert (updated["method"], updated["params"]) == ("notifications/resources/updated", {"uri": "test://a"})
    kinds = ("tools", "prompts", "resources")
    assert [said["method"] for said in changed] == [f"notifications/{kind}/list_changed" for kind in kinds]
    assert len(host.corridor.updates) == 0


def listen(request_id: RequestId) -> JsonObject:
    wanted: JsonObject = {"toolsListChanged": True, "resourceSubscriptions": ["test://a"]}
    return enveloped("subscriptions/listen", {"notifications": wanted}, request_id)


@pytest.mark.parametrize("how", ["cancelled", "said all"])
async def test_who_listens_hears_what_it_asked_for_until_it_is_over(how: str) -> None:
    """MCP 2026-07-28, `basic/patterns/subscriptions`: acknowledged first, the result of the request last."""
    async with hosting() as host:
        await host.send(listen("l"))
        acknowledged = await host.receive()
        host.corridor.list_changes.tell()
        changed = await host.receive()
        host.corridor.updates.updated("clock", "test://a", None)
        updated = await host.receive()
        if how == "cancelled":
            await host.send(notification("notifications/cancelled", {"requestId": "l"}))
        else:
            host.end()
        ended = await host.receive()

    meta = {"io.modelcontextprotocol/subscriptionId": "l"}
    assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
    assert (changed["method"], changed["params"]) == ("notifications/tools/list_changed", {"_meta": meta})
    assert updated["params"] == {"uri": "test://a", "_meta": meta}
    assert ended["id"] == "l"
    assert isinstance(ended["result"], dict)
    assert ended["result"]["resultType"] == "complete"
    assert len(host.corridor.updates) == 0


async def test_so_many_requests_listen_and_one_more_is_told_so() -> None:
    """Ours: and they take no place of other requests."""
    async with hosting() as host:
        for number in range(16):
            await host.send(listen(number))
            assert (await host.receive())["method"] == "notifications/subscriptions/acknowledged"
        await host.send(listen("more"))
        refusal = await host.receive()
        await host.send(*(slow(f"slow-{number}") for number in range(64)))
        host.corridor.slow.set()
        answers = {(await host.receive())["id"] for _ in range(64)}
        host.end()

    assert refusal["id"] == "more"
    assert isinstance(refusal["error"], dict)
    assert refusal["error"]["data"] == {"reason": "OVERLOADED", "remedy": "try again later"}
    assert answers == {f"slow-{number}" for number in range(64)}


# --- the end ----------------------------------------------------------------------------------------------------------


async def test_what_is_in_flight_when_the_host_has_said_all_has_a_moment() -> None:
    """Ours: a script that writes and closes still reads its answers."""
    async with hosting() as host:
        await host.send(slow(1))
        host.end()
        with anyio.fail_after(5):
            await host.corridor.begun.wait()
        host.corridor.slow.set()

        assert (await host.receive())["id"] == 1

    assert host.corridor.cancelled == []


async def test_what_does_not_end_in_that_moment_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue 2: who has gone has cancelled."""
    monkeypatch.setattr(stdio, "_GRACE_SECONDS", 0.01)
    async with hosting() as host:
        await host.send(slow(1))
        host.end()
        with anyio.fail_after(5):
            await host.corridor.ended.wait()

    assert host.corridor.cancelled == [1]
    assert host.unread() == 0


async def test_a_host_that_nobody_can_write_to_is_gone() -> None:
    """Ours: what it asked for is cancelled, and nothing more is read."""
    async with hosting() as host:
        await host.send(slow(1))
        host.from_us.close()
        await host.send(enveloped("tools/list"))
        with anyio.fail_after(5):
            await host.corridor.ended.wait()

    assert host.corridor.cancelled == [1]


async def test_a_host_that_breaks_off_ends_its_session() -> None:
    """Ours: a relay whose connection is reset is no bug."""

    class Broken:
        async def receive(self) -> bytes:
            raise anyio.BrokenResourceError

    outgoing, answers = anyio.create_memory_object_stream[bytes](1)
    with outgoing, answers:
        await serve_stdio(SimulatedCorridor().door(), lambda: None, Broken(), outgoing)  # type: ignore[arg-type]
