"""What is subscribed to at a modern server: one stream for each visit.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import anyio
import pytest

from mediator.adapters.tool_servers_http.listening import Subscriptions
from mediator.canonical import JsonObject
from mediator.kind import ItemKind
from mediator.mediation.permit import Permit
from mediator.refusal import Reason, Refused
from mediator.wire.methods import CallMethod
from tests.promises import promise
from tests.simulated.http_calls import LIMITS, CallingSide, calling_side
from tests.simulated.permits import a_permit
from tests.simulated.tool_server import SSE_HEAD, Arrived, Wire, drop, hang, http_answer, raw, sse_event

RESOURCES: Final = [{"uri": f"x://{name}", "name": name} for name in "abc"]
SUBSCRIPTION: Final = "io.modelcontextprotocol/subscriptionId"


def updated(uri: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": uri}}


@dataclass
class Listener:
    """An agent that subscribes, and trust that can move under it."""

    side: CallingSide
    gone: set[str] = field(default_factory=set)  # of which the fence says that the grant is revoked
    subscriptions: Subscriptions = field(init=False)
    permits: list[Permit] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.subscriptions = Subscriptions(self.side.voice, self.side.visit, self.fence)
        self.side.visit.standing = self.subscriptions

    def fence(self, permit: Permit) -> None:
        if permit.forwarded.name in self.gone:
            raise Refused(Reason.GRANT_REVOKED)

    async def ask(self, uri: str, method: CallMethod = CallMethod.SUBSCRIBE) -> JsonObject | None:
        """Return the result; None: the server said no."""
        permit = a_permit(forwarded={"method": method, "kind": ItemKind.RESOURCE, "name": uri})
        self.permits.append(permit)
        with anyio.fail_after(5):
            heard = await self.subscriptions.ask(permit, lambda: permit.spring(self.fence))
        return heard.must_answer().result

    async def drops(self, uri: str) -> JsonObject | None:
        return await self.ask(uri, CallMethod.UNSUBSCRIBE)

    @property
    def listens(self) -> list[list[str]]:
        """The URIs of each stream that was asked for."""
        asked = [one for one in self.side.server.arrived if one.method == "subscriptions/listen"]
        return [one.params["notifications"]["resourceSubscriptions"] for one in asked]

    async def heard(self, *uris: str) -> None:
        with anyio.fail_after(5):
            while self.side.updated != list(uris):
                await anyio.lowlevel.checkpoint()

    async def one_stream(self) -> None:
        await self.side.server.until(lambda: len(self.side.server.standing) == 1)


@pytest.fixture
async def agent() -> AsyncIterator[Listener]:
    async with calling_side("modern", resources=RESOURCES) as side:
        yield Listener(side)


async def test_a_subscription_is_answered_once_the_stream_is_acknowledged_and_updates_are_told(agent: Listener) -> None:
    """MCP 2026-07-28, subscriptions."""
    assert await agent.ask("x://a") == {}
    assert agent.listens == [["x://a"]]
    assert agent.permits[0].was_used
    await agent.side.server.push(updated("x://a"))
    await agent.heard("x://a")


async def test_lists_that_change_are_told_too(agent: Listener) -> None:
    """Ours: what is offered is looked at again."""
    await agent.ask("x://a")
    await agent.side.server.push({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
    await agent.side.server.push(updated("x://a"))
    await agent.heard("x://a")
    assert agent.side.changes == 1


async def test_the_stream_is_replaced_when_the_set_changes(agent: Listener) -> None:
    """Ours: the new one is acknowledged before the old one ends; with the last URI the stream ends."""
    await agent.ask("x://a")
    await agent.ask("x://b")
    await agent.one_stream()
    assert await agent.drops("x://a") == {}
    await agent.one_stream()
    assert agent.listens == [["x://a"], ["x://a", "x://b"], ["x://b"]]

    assert await agent.drops("x://b") == {}
    await agent.side.server.until(lambda: not agent.side.server.standing)
    assert len(agent.listens) == 3
    assert all(permit.was_used for permit in agent.permits)


async def test_what_was_not_subscribed_to_is_dropped_without_a_word(agent: Listener) -> None:
    """Ours: the permit is used up all the same."""
    assert await agent.drops("x://a") == {}
    await agent.ask("x://a")
    assert await agent.drops("x://b") == {}
    assert agent.listens == [["x://a"]]
    assert all(permit.was_used for permit in agent.permits)
    await agent.side.server.push(updated("x://a"))
    await agent.heard("x://a")


async def test_what_the_server_does_not_honour_is_an_error_and_the_rest_stands(agent: Listener) -> None:
    """MCP 2026-07-28: the honoured subset."""
    await agent.ask("x://a")
    assert await agent.ask("x://unknown") is None
    await agent.one_stream()
    await agent.side.server.push(updated("x://a"))
    await agent.heard("x://a")


@promise("P1", "P7")
async def test_what_the_fence_refuses_is_not_said(agent: Listener) -> None:
    """Ours: in the loop turn of the first byte."""
    agent.gone.add("x://a")
    with pytest.raises(Refused) as caught:
        await agent.ask("x://a")
    assert caught.value.reason is Reason.GRANT_REVOKED
    assert (agent.listens, agent.permits[0].was_used) == ([], False)


@promise("P1", "P4")
async def test_what_no_grant_stands_behind_any_more_is_not_said_again(agent: Listener) -> None:
    """Ours: every subscription passes the fence whenever a stream is opened."""
    await agent.ask("x://a")
    agent.gone.add("x://a")
    await agent.ask("x://b")
    assert agent.listens == [["x://a"], ["x://b"]]


@promise("P11")
async def test_a_stream_that_breaks_is_opened_again(agent: Listener) -> None:
    """Ours: the server comes back without a restart of ours."""
    await agent.ask("x://a")
    agent.side.server.on("subscriptions/listen", drop)
    (wire,) = agent.side.server.standing
    wire._writer.transport.abort()
    await agent.side.server.until(lambda: len(agent.listens) >= 3)
    agent.side.server.on("subscriptions/listen", None)
    await agent.one_stream()
    await agent.side.server.push(updated("x://a"))
    await agent.heard("x://a")


@promise("P1", "P4")
async def test_one_that_breaks_is_not_opened_again_for_what_no_grant_stands_behind(agent: Listener) -> None:
    """Ours."""
    await agent.ask("x://a")
    agent.gone.add("x://a")
    (wire,) = agent.side.server.standing
    wire._writer.transport.abort()
    task = agent.subscriptions._task
    assert task is not None
    with anyio.fail_after(5):
        await task
    assert len(agent.listens) == 1


async def test_one_that_its_server_ends_is_opened_again(agent: Listener) -> None:
    """MCP 2026-07-28: a graceful end is a result."""
    await agent.ask("x://a")
    request_id = agent.side.server.arrived[-1].message["id"]
    await agent.side.server.push({"jsonrpc": "2.0", "id": request_id, "result": {"resultType": "complete"}})
    await agent.side.server.until(lambda: len(agent.listens) == 2)


async def test_it_ends_with_its_visit(agent: Listener) -> None:
    """Ours: nothing outlives its task."""
    await agent.ask("x://a")
    agent.side.visit.end()
    await agent.side.server.until(lambda: not agent.side.server.standing)


async def test_a_stream_that_is_acknowledged_after_the_end_ends_too(agent: Listener) -> None:
    """Ours: whatever the order."""

    async def late(arrived: Arrived, wire: Wire) -> None:
        agent.side.visit.end()
        await agent.side.server.stand(wire, agent.side.server.script.acknowledge(arrived.message["id"], arrived.params))

    agent.side.server.on("subscriptions/listen", late)
    await agent.ask("x://a")
    await agent.side.server.until(lambda: agent.side.server.hang_ups)
    assert agent.subscriptions._task is None


ERROR: Final = b'{"jsonrpc":"2.0","id":{id},"error":{"code":-32601,"message":"m"}}'


async def answers_error(arrived: Arrived, wire: Wire) -> None:
    body = ERROR.replace(b"{id}", b"%d" % arrived.message["id"])
    await wire.send(http_answer(body, status="404 Not Found"))


async def streams_error(arrived: Arrived, wire: Wire) -> None:
    body = {"jsonrpc": "2.0", "id": arrived.message["id"], "error": {"code": -32601, "message": "m"}}
    await wire.send(SSE_HEAD + sse_event(body))
    wire.close()


@pytest.mark.parametrize("behaviour", [answers_error, streams_error])
async def test_a_server_that_has_no_such_stream_says_so(agent: Listener, behaviour: Any) -> None:
    """MCP 2026-07-28: -32601."""
    agent.side.server.on("subscriptions/listen", behaviour)
    assert await agent.ask("x://a") is None


UNFIT: Final = {
    "an end before the acknowledgement": (raw(SSE_HEAD), Reason.TOOL_SERVER_INVALID),
    "nonsense": (raw(SSE_HEAD + b"data: ?\n\n"), Reason.TOOL_SERVER_INVALID),
    "a flood": (raw(SSE_HEAD + sse_event(updated("x://a")) * 101), Reason.TOOL_SERVER_INVALID),
    "silence": (hang, Reason.DEADLINE_PASSED),
    "nothing": (drop, Reason.TOOL_SERVER_UNAVAILABLE),
}


@promise("P11")
@pytest.mark.parametrize(("behaviour", "reason"), UNFIT.values(), ids=UNFIT.keys())
async def test_a_stream_that_does_not_come_about_costs_its_caller_alone(behaviour: Any, reason: Reason) -> None:
    """Ours: what is subscribed to already stands."""
    async with calling_side("modern", replace(LIMITS, opening_seconds=0.1), resources=RESOURCES) as side:
        agent = Listener(side)
        await agent.ask("x://a")
        side.server.on("subscriptions/listen", behaviour)
        with pytest.raises(Refused) as caught:
            await agent.ask("x://b")
        assert caught.value.reason is reason
        await side.server.push(updated("x://a"))
        await agent.heard("x://a")


@promise("P11")
async def test_the_streams_that_stand_are_bounded() -> None:
    """Ours."""
    async with calling_side("modern", replace(LIMITS, parked_max=0), resources=RESOURCES) as side:
        with pytest.raises(Refused) as caught:
            await Listener(side).ask("x://a")
        assert caught.value.reason is Reason.OVERLOADED


@promise("P11")
async def test_a_server_that_floods_its_stream_is_read_no_faster_than_others_can_bear() -> None:
    """Ours: words that concern somebody are no noise, and may come for as long as the task lasts."""
    async with calling_side("modern", replace(LIMITS, breath_seconds=60), resources=RESOURCES) as side:
        await Listener(side).ask("x://a")
        for _ in range(100):
            await side.server.push(updated("x://a"))
        with anyio.fail_after(5):
            while len(side.updated) < 64:
                await anyio.lowlevel.checkpoint()
        await anyio.wait_all_tasks_blocked()
        assert len(side.updated) == 64


@promise("P11")
async def test_what_is_subscribed_to_is_bounded_and_the_oldest_makes_room() -> None:
    """Ours: each change says the whole set once more, so a set without end would cost without end."""
    async with calling_side("modern", replace(LIMITS, subscribed_max=2), resources=RESOURCES) as side:
        agent = Listener(side)
        for uri in ("x://a", "x://b", "x://c"):
            assert await agent.ask(uri) == {}
        assert agent.listens[-1] == ["x://b", "x://c"]


async def test_what_honours_no_list_of_uris_honours_nothing(agent: Listener) -> None:
    """Ours: total."""
    said = {"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": {"notifications": 1}}
    agent.side.server.on("subscriptions/listen", raw(SSE_HEAD + sse_event(said), then="hang"))
    assert await agent.ask("x://a") is None


async def test_a_call_needs_nothing_of_it(agent: Listener) -> None:
    """Ours: `opened` is for the streams of sessions."""
    await agent.subscriptions.opened()
    assert agent.listens == []
