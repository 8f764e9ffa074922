"""Law 5: any bytes get a reply; the tool side sees a call only after a recorded allow; nothing is left unrecorded.

Agents send anything, operators do anything at any moment, ports fail anywhere: these hold all the same.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.evidence import Secret
from mediator.inspection.result import ToolResult
from mediator.mediation.permit import Permit
from mediator.mediation.reply import Reply
from mediator.refusal import Reason, Refused
from mediator.wire.arrival import Arrival, LegacySession, Transport
from mediator.wire.call import Call
from mediator.wire.reading import read
from tests.promises import promise
from tests.simulated.arrivals import enveloped, legacy_arrival, message, modern_arrival, modern_headers
from tests.simulated.pauses import AWAITED, Hook, Point
from tests.simulated.world import (
    FILES_WRITE,
    MAIL_SEND,
    WEATHER_READ,
    SimulatedTask,
    SimulatedWorld,
    raises,
    refusal_of,
    tools_list,
)

Change: TypeAlias = Callable[[SimulatedWorld, SimulatedTask], Hook]


@dataclass(frozen=True)
class Asked:
    """One arrival to be, with the number of the task whose token it bears (nothing: no token; -1: no good one)."""

    arrival: Arrival
    task: int | None


CHANGES: dict[str, Change] = {
    "revoke": lambda world, task: lambda: world.revoke(task),
    "freeze": lambda world, _: lambda: world.freeze("tool:mail/send"),
    "quarantine": lambda world, _: lambda: world.quarantine("weather", "read"),
    "move the epoch": lambda world, _: world.store.move_epoch,
    "let time pass": lambda world, _: lambda: world.clock.advance(minutes=6),
    "fail": lambda _world, _task: raises(Refused(Reason.STORE_UNAVAILABLE, "locked")),
    "break": lambda _world, _task: raises(RuntimeError("bug")),
    "time out": lambda _world, _task: raises(TimeoutError("port")),
}
POINTS: tuple[Point, ...] = ("gather", "trace", "count", *AWAITED)

names = st.sampled_from(["weather__read", "mail__send", "files__write", "weather__gone", "read", ""])
scalars: st.SearchStrategy[Json] = st.text(max_size=5) | st.integers(-9, 9)
arguments = st.dictionaries(st.sampled_from(["city", "to", "body", "path", "PATH", "__proto__"]), scalars, max_size=3)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[bytes, tuple[tuple[str, str], ...]]:
    given_arguments: JsonObject = draw(arguments)
    params: JsonObject = {"name": draw(names), "arguments": given_arguments}
    body = draw(
        st.sampled_from(
            [enveloped("tools/call", params), message("tools/call", params), tools_list(), enveloped("tools/delete")]
        )
    )
    raw = bytearray(canonical_bytes(body))
    if draw(st.integers(0, 3)) == 0:  # every fourth is spoilt: by a byte, or by its end
        at = draw(st.integers(0, len(raw) - 1))
        raw[at : at + draw(st.sampled_from([1, len(raw)]))] = draw(st.binary(max_size=2))
    headers = modern_headers(body) if "_meta" in body["params"] else ()  # type: ignore[operator]  # params is an object
    return bytes(raw), draw(st.sampled_from([headers, headers, headers, (), (*headers, *headers)]))


@st.composite
def asks(draw: st.DrawFn) -> Asked:
    body, headers = draw(bodies())
    legacy = LegacySession(id="5" * 32, version="2025-06-18", holder="whoever")
    return Asked(
        arrival=Arrival(
            body=body,
            transport=draw(st.sampled_from(Transport)),
            server=draw(st.sampled_from([None, None, "weather"])),
            credential=None,
            headers=headers,
            session=draw(st.sampled_from([None, legacy])),
            source="somewhere",
        ),
        task=draw(st.sampled_from([0, 0, 0, 1, 1, -1, None])),
    )


GOOD: list[JsonObject] = [
    {"name": "weather__read", "arguments": {"city": "Oslo"}},
    {"name": "weather__read"},
    {"name": "files__write", "arguments": {"path": "/a", "text": "b"}},
    {"name": "mail__send", "arguments": {"to": "bob@example.com", "body": "hi"}},
]


@st.composite
def good_asks(draw: st.DrawFn) -> Asked:
    """A call as a conforming client makes it; whether it is allowed depends on the task."""
    params, is_modern = draw(st.sampled_from(GOOD)), draw(st.booleans())
    body = enveloped("tools/call", params) if is_modern else message("tools/call", params)
    return Asked(arrival=modern_arrival(body) if is_modern else legacy_arrival(body), task=draw(st.integers(0, 1)))


class Watched:
    """A world whose tool side looks at the ledger at the first byte of each call."""

    def __init__(self) -> None:
        self.world = SimulatedWorld()
        self.world.pin(WEATHER_READ, MAIL_SEND, FILES_WRITE)
        self.tasks = [
            self.world.open_task(tools="*", effects=["read", "write"], max_calls=2),
            self.world.open_task(agent="painter", tools=["mail/send", "weather/*"], effects=["read", "send"]),
        ]
        for key in ("weather/read", "mail/send", "files/write"):
            self.world.tool_server.answer_with(key, self.look)

    def look(self, permit: Permit) -> ToolResult:
        (kept,) = [one for one in self.world.ledger.decisions if one.record is permit.committed.record]
        assert kept.record.entry["verdict"] == "allow"
        assert kept.outcome is None
        assert kept.decision.call.arguments_bytes == permit.forwarded.arguments
        return ToolResult(result={"content": []}, error=None, size_bytes=14, noise=0)

    def with_token(self, asked: Asked) -> Arrival:
        if asked.task is None:
            return asked.arrival
        token = "nonsense" if asked.task < 0 else self.tasks[asked.task].token
        return replace(asked.arrival, credential=Secret(token))

    async def answer(self, asked: Asked) -> tuple[Reply, bool]:
        """Return the reply, and whether this was a call of somebody who was identified when it came."""
        arrival = self.with_token(asked)
        try:
            reading = read(arrival)
            self.world.corridor.holder_of(arrival)
            is_identified_call = isinstance(reading, Call)
        except Refused:
            is_identified_call = False
        return await self.world.corridor.answer(arrival), is_identified_call


@promise("P1", "P7", "P9", "P10", "P11")
@settings(max_examples=100)
@given(
    st.lists(good_asks() | good_asks() | asks(), min_size=1, max_size=6),
    st.lists(st.tuples(st.sampled_from(POINTS), st.sampled_from(sorted(CHANGES)), st.integers(0, 1)), max_size=4),
)
def test_whatever_comes_and_whatever_happens_meanwhile(
    asked: list[Asked], changes: list[tuple[Point, str, int]]
) -> None:
    """House style, law 5."""
    watched = Watched()
    world = watched.world
    for point, change, task in changes:
        world.at(point, CHANGES[change](world, watched.tasks[task]))

    async def conversation() -> list[tuple[Reply, bool]]:
        with anyio.fail_after(5):
            return [await watched.answer(one) for one in asked]

    answered = anyio.run(conversation)

    # Each forwarded call stands on an allow of its own, which `look` found recorded before it.
    forwarded = [call.permit.decision_id for call in world.tool_server.calls]
    assert len(set(forwarded)) == len(forwarded)
    # One decision for each identified call, unless the ledger itself broke; one outcome for each allow, as far as it
    # could be written.
    ledger_broke = any(point in {"commit", "recorded"} for point, _, _ in changes)
    identified = sum(is_identified for _, is_identified in answered)
    decisions = world.ledger.decisions
    assert len(decisions) == identified or (ledger_broke and len(decisions) < identified)
    allowed = [kept for kept in decisions if kept.record.entry["verdict"] == "allow"]
    without_outcome = [kept for kept in allowed if kept.outcome is None]
    assert not without_outcome or any(point in {"close", "recorded"} for point, _, _ in changes)
    assert all(kept.outcome is None for kept in decisions if kept not in allowed)
    # Whoever was refused without a decision was counted, unless counting failed.
    undecided = Counter(
        refusal_of(reply)["reason"]
        for reply, _ in answered
        if reply.body is not None and refusal_of(reply) is not None and "decision_id" not in refusal_of(reply)
    )
    counted = Counter({reason: number for (_, reason), number in world.ledger.stops.items()})
    assert counted == undecided or any(point == "count" for point, _, _ in changes)


@promise("P7", "P11")
@given(
    st.binary(max_size=200),
    st.lists(
        st.tuples(
            st.sampled_from(["mcp-protocol-version", "mcp-method", "mcp-name", "mcp-param-x", "traceparent"]),
            st.text(max_size=20),
        ),
        max_size=4,
    ),
    st.sampled_from(Transport),
    st.none() | st.text(max_size=40),
)
def test_any_bytes_get_a_reply(
    body: bytes, headers: list[tuple[str, str]], transport: Transport, credential: str | None
) -> None:
    """House style, law 5; must show 5."""
    arrival = Arrival(
        body=body,
        transport=transport,
        server=None,
        credential=None if credential is None else Secret(credential),
        headers=tuple(headers),
        session=None,
        source="somewhere",
    )
    reply = anyio.run(EMPTY.corridor.answer, arrival)
    assert 200 <= reply.status < 600
    assert EMPTY.tool_server.calls == []
    assert EMPTY.ledger.decisions == []
    assert EMPTY.alarms == []


EMPTY = SimulatedWorld()


@pytest.mark.parametrize("headers", [(), (("mcp-protocol-version", "2026-07-28"),)])
@pytest.mark.parametrize(
    "body", [b"", b"null", b'{"id":1}', b'{"jsonrpc":"2.0","id":1,"method":"tools/call"}', b"\xff"]
)
async def test_some_bytes_that_were_thought_of(body: bytes, headers: Any) -> None:
    """Ours."""
    arrival = Arrival(
        body=body,
        transport=Transport.HTTP,
        server=None,
        credential=None,
        headers=headers,
        session=None,
        source="somewhere",
    )
    assert (await EMPTY.corridor.answer(arrival)).status in {200, 400, 401}
    assert EMPTY.ledger.decisions == []
