"""HttpToolServer: what it keeps of a server, and for how long. What every adapter does stands in `tests/contracts/`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final, Literal, Self

import anyio
import pytest

from mediator.adapters.tool_servers_http.limits import HttpLimits
from mediator.adapters.tool_servers_http.server import HttpToolServer
from mediator.canonical import JsonObject
from mediator.evidence import Secret
from mediator.inspection.result import Came, ToolResult, Waiting
from mediator.kind import ItemKind
from mediator.mediation.instances import InstanceRule
from mediator.mediation.permit import Permit
from mediator.refusal import Reason, Refused
from mediator.wire.methods import CallMethod, Era
from mediator.wire.receiver import ALL_CAPABILITIES, NOBODY, Receiver, read_capabilities
from tests.promises import promise
from tests.simulated.aside import KeptAside
from tests.simulated.http_calls import answers, asks
from tests.simulated.permits import RecordingWatch, a_credential, a_permit, no_credential, pass_fence
from tests.simulated.tool_server import (
    SSE_HEAD,
    Arrived,
    Behaviour,
    SimulatedToolServer,
    Wire,
    hang,
    http_answer,
    raw,
    sse_event,
)


@pytest.fixture
async def server() -> AsyncIterator[SimulatedToolServer]:
    async with SimulatedToolServer(era="legacy") as server:
        yield server


CAN_BE_ASKED: Final = Receiver(capabilities=read_capabilities({"elicitation": {"form": {}}}))
UPDATED: Final = {"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": "x://a"}}
RESOURCE: Final = {"uri": "x://a", "name": "a"}


class KeptUpdates:
    """An `UpdateWatch` that keeps what it was told; empty at first, and false, as the real one."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str | None]] = []

    def __len__(self) -> int:
        return len(self.told)

    def updated(self, server: str, uri: str, task: str | None) -> None:
        self.told.append((server, uri, task))


async def asks_once(arrived: Arrived, wire: Wire) -> None:
    """Ask on the call's own stream, and never answer."""
    del arrived
    await wire.send(SSE_HEAD + sse_event(asks(message="who?")))
    await wire.closed_by_peer()


def asks_and_answers(server: SimulatedToolServer) -> Behaviour:
    """Ask on the call's own stream, and answer with what was answered."""

    async def behave(arrived: Arrived, wire: Wire) -> None:
        await wire.send(SSE_HEAD + sse_event(asks(message="who?")))
        await server.until(lambda: server.replies)
        heard = server.replies[-1].message
        await wire.send(sse_event(answers(arrived, {"heard": heard.get("result", heard.get("error"))})))
        wire.close()

    return behave


def _result(made: Came) -> JsonObject | None:
    assert isinstance(made, ToolResult)
    return made.result


class Adapted:
    """An adapter for that server, ended with its test."""

    def __init__(self, server: SimulatedToolServer, **fields: Any) -> None:
        self.server, self.watch, self.aside = server, RecordingWatch(), KeptAside()
        fields = {"limits": HttpLimits(ending_seconds=0.2, opening_seconds=2)} | fields
        self.updates = KeptUpdates()
        self.adapter = HttpToolServer(
            "clock", server.url, watch=self.watch, fence=pass_fence, updates=self.updates, **fields
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.adapter.aclose()

    async def make(self, permit: Permit, token: str | None = None) -> Came:
        credential = no_credential(permit) if token is None else a_credential(permit, token)
        with anyio.fail_after(5):
            return await self.adapter.call(permit, credential, self.aside)

    async def call(self, token: str | None = None, **fields: Any) -> Any:
        result = await self.make(a_permit(**fields), token)
        assert isinstance(result, ToolResult)
        return result.result

    async def waits(self, **fields: Any) -> Waiting:
        """Make a call that is held open."""
        waiting = await self.make(a_permit(forwarded={"receiver": CAN_BE_ASKED}, **fields))
        assert isinstance(waiting, Waiting)
        return waiting

    async def resume(self, waiting: Waiting, permit: Permit | None = None) -> Came:
        answers: JsonObject = {"input": {"action": "accept", "content": {}}}
        with anyio.fail_after(5):
            return await self.adapter.resume(permit or a_permit(number=2, answers=answers), waiting, self.aside)

    async def refused(self, **fields: Any) -> Reason:
        with pytest.raises(Refused) as caught:
            await self.call(**fields)
        return caught.value.reason


# --- credentials -----------------------------------------------------------------------------------------------------


@promise("P5")
async def test_what_is_shown_to_the_server_is_its_own_credential(server: SimulatedToolServer) -> None:
    """MCP authorization: no token passthrough."""
    server.bearer = "servers-own"
    async with Adapted(server) as adapted:
        await adapted.call("servers-own")
    assert {one.bearer for one in server.arrived} == {"servers-own"}


@promise("P5")
async def test_a_session_is_not_shared_between_credentials(server: SimulatedToolServer) -> None:
    """Ours: within one task too."""
    async with Adapted(server) as adapted:
        await adapted.call("a")
        await adapted.call("b")
        await adapted.call("a")
    assert [(one.bearer, one.headers["mcp-session-id"]) for one in server.calls] == [
        ("a", "session-1"),
        ("b", "session-2"),
        ("a", "session-1"),
    ]


async def test_a_server_that_refuses_our_credential_is_unavailable(server: SimulatedToolServer) -> None:
    """Ours: no agent learns of it, and nothing of the era is believed."""
    server.bearer = "right"
    async with Adapted(server) as adapted:
        assert await adapted.refused(token="wrong") is Reason.TOOL_SERVER_UNAVAILABLE
        assert adapted.adapter._visits.era is None
        assert await adapted.call("right") is not None


async def test_the_offer_is_asked_for_under_the_mediators_own_credential(server: SimulatedToolServer) -> None:
    """Ours: there is no permit, so no credential of a task."""
    server.bearer = "ours"

    async def own() -> Secret | None:
        return Secret(str(server.bearer))

    async with Adapted(server, own_credential=own) as adapted:
        assert len((await adapted.adapter.offered()).tools) == 1
        server.bearer = "another"
        assert len((await adapted.adapter.offered()).tools) == 1
    assert server.sessions == {}


async def test_a_modern_server_is_asked_under_the_own_credential_of_now() -> None:
    """Ours: the visit stays, and what is said in it from now on."""
    async with SimulatedToolServer(era="modern", bearer="ours") as server:

        async def own() -> Secret | None:
            return Secret(str(server.bearer))

        async with Adapted(server, own_credential=own) as adapted:
            await adapted.adapter.offered()
            server.bearer = "another"
            assert len((await adapted.adapter.offered()).tools) == 1


# --- sessions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "stateless", "sessions"),
    [
        (InstanceRule.TASK, True, ["session-1", "session-2", "session-3"]),
        (InstanceRule.AGENT, False, ["session-1", "session-1", "session-2"]),
        (InstanceRule.SHARED, True, ["session-1", "session-1", "session-1"]),
        (InstanceRule.SHARED, False, ["session-1", "session-2", "session-3"]),
    ],
)
async def test_a_session_is_shared_as_the_settings_and_the_manifest_say(
    server: SimulatedToolServer, rule: InstanceRule, stateless: bool, sessions: list[str]
) -> None:
    """Design 5.3: `shared` only where the manifest says `stateless`."""
    async with Adapted(server, instance=rule) as adapted:
        for task, agent in (("t1", "a1"), ("t2", "a1"), ("t3", "a2")):
            await adapted.call(task=task, agent=agent, stateless=stateless)
    assert [one.headers["mcp-session-id"] for one in server.calls] == sessions


@promise("P1")
async def test_a_call_that_finds_its_session_lost_is_not_made_again_but_the_next_one_is(
    server: SimulatedToolServer,
) -> None:
    """Ours: the first byte was out; the offer is looked at again with the new session."""
    async with Adapted(server) as adapted:
        await adapted.call()
        server.forget_sessions()

        assert await adapted.refused() is Reason.TOOL_SERVER_UNAVAILABLE
        assert len(server.calls) == 2

        assert await adapted.call() is not None
        assert len(adapted.watch.seen) == 2


async def test_a_session_whose_offer_cannot_be_read_is_ended_again(server: SimulatedToolServer) -> None:
    """Ours."""
    server.on("tools/list", raw(http_answer(b"nonsense"), then="keep"))
    async with Adapted(server) as adapted:
        assert await adapted.refused() is Reason.TOOL_SERVER_INVALID
        assert server.sessions == {}


# --- eras ------------------------------------------------------------------------------------------------------------


async def test_the_era_is_found_out_once(server: SimulatedToolServer) -> None:
    """Ours: remembered for this server, whatever the task."""
    async with Adapted(server) as adapted:
        await adapted.call(task="a")
        await adapted.call(task="b")
    assert server.methods.count("server/discover") == 1


async def test_an_era_that_is_configured_is_not_asked_for(server: SimulatedToolServer) -> None:
    """Ours: nothing is sent that the server need not hear."""
    async with Adapted(server, era=Era.LEGACY) as adapted:
        await adapted.call()
        await adapted.adapter.introduce()
    assert "server/discover" not in server.methods


@promise("P7")
async def test_a_server_of_another_era_than_configured_is_refused(server: SimulatedToolServer) -> None:
    """Ours: no falling back from what an operator wrote."""
    async with Adapted(server, era=Era.MODERN) as adapted:
        assert await adapted.refused() is Reason.TOOL_SERVER_INVALID
        with pytest.raises(Refused) as caught:
            await adapted.adapter.introduce()
        assert caught.value.reason is Reason.TOOL_SERVER_INVALID
    assert "initialize" not in server.methods


async def test_a_server_that_was_replaced_by_one_of_the_other_era_is_found_out_again(
    server: SimulatedToolServer,
) -> None:
    """Ours: one call fails, the next one asks anew."""
    async with Adapted(server) as adapted:
        await adapted.call(task="a")

        server.script.era = "modern"
        assert await adapted.refused(task="b") is Reason.TOOL_SERVER_INVALID
        assert await adapted.call(task="b") is not None

        server.script.era = "legacy"
        await adapted.call(task="b")  # answered with the server's own error
        assert await adapted.call(task="b") is not None
        assert server.calls[-1].headers["mcp-session-id"] == "session-2"


async def test_a_bare_status_in_the_place_of_an_answer_is_unavailable(server: SimulatedToolServer) -> None:
    """Ours; an outage says nothing of the era, another status may."""
    async with Adapted(server) as adapted:
        await adapted.call()
        server.on("tools/call", raw(http_answer(b"", status="503 Busy"), then="keep"))
        assert await adapted.refused() is Reason.TOOL_SERVER_UNAVAILABLE
        assert adapted.adapter._visits.era is Era.LEGACY
        server.on("tools/call", raw(http_answer(b"", status="400 No"), then="keep"))
        assert await adapted.refused() is Reason.TOOL_SERVER_UNAVAILABLE
        assert adapted.adapter._visits.era is None


@promise("P3", "P11")
async def test_a_modern_server_that_gave_no_answer_is_looked_at_again(server: SimulatedToolServer) -> None:
    """Ours: perhaps another one stands there now; its task begins anew with it."""
    server.script.era = "modern"
    async with Adapted(server) as adapted:
        await adapted.call()
        server.on("tools/call", raw(http_answer(b"", status="400 No"), then="keep"))
        assert await adapted.refused() is Reason.TOOL_SERVER_UNAVAILABLE
        server.on("tools/call", None)
        assert await adapted.call() is not None
        assert len(adapted.watch.seen) == 2
        assert adapted.watch.forgotten == adapted.watch.connections[:1]


# --- the modern era's tasks ------------------------------------------------------------------------------------------


@promise("P3")
async def test_the_tasks_whose_offer_was_looked_at_are_bounded_and_looked_at_again_beyond(
    server: SimulatedToolServer,
) -> None:
    """Ours: forgetting costs a list, never a look."""
    server.script.era = "modern"
    async with Adapted(server, limits=HttpLimits(watched_tasks_max=2)) as adapted:
        for task in ("a", "b", "c", "c", "a"):
            await adapted.call(task=task)
    assert len(adapted.watch.seen) == 4


@promise("P3")
async def test_a_list_that_fails_is_asked_for_again_by_the_next_call(server: SimulatedToolServer) -> None:
    """Ours: no call goes on an offer that was not seen."""
    server.script.era = "modern"
    server.on("tools/list", hang)
    async with Adapted(server, limits=HttpLimits(opening_seconds=0.1)) as adapted:
        assert await adapted.refused() is Reason.TOOL_SERVER_UNAVAILABLE
        assert server.calls == []
        server.on("tools/list", None)
        await adapted.call()
    assert len(adapted.watch.seen) == 1


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_what_was_seen_of_a_server_that_is_ended_is_forgotten(
    server: SimulatedToolServer, era: Literal["legacy", "modern"]
) -> None:
    """Ours: one that is put in its place, elsewhere, is not told from it as from another connection of itself."""
    server.script.era = era
    async with Adapted(server) as adapted:
        await adapted.adapter.offered()
        for task in ("task-1", "task-2"):
            await adapted.call(task=task)
    assert sorted(adapted.watch.forgotten) == sorted(set(adapted.watch.connections))


# --- what can be asked -----------------------------------------------------------------------------------------------


async def test_a_session_is_opened_in_the_same_words_whoever_calls(server: SimulatedToolServer) -> None:
    """Ours: what a server offers must not depend on who calls; what nobody can answer is refused when it is asked."""
    async with Adapted(server) as adapted:
        for receiver in (CAN_BE_ASKED, NOBODY, CAN_BE_ASKED):
            await adapted.call(forwarded={"receiver": receiver})
    opened = [one.params["capabilities"] for one in server.arrived if one.method == "initialize"]
    assert opened == [ALL_CAPABILITIES.form()]
    assert [one.headers["mcp-session-id"] for one in server.calls] == ["session-1"] * 3


async def test_in_the_modern_era_each_call_says_what_its_caller_can_be_asked(server: SimulatedToolServer) -> None:
    """MCP 2026-07-28: in the envelope."""
    server.script.era = "modern"
    async with Adapted(server) as adapted:
        for receiver in (CAN_BE_ASKED, NOBODY):
            await adapted.call(forwarded={"receiver": receiver})
    said = [one.meta["io.modelcontextprotocol/clientCapabilities"] for one in server.calls]
    assert said == [{"elicitation": {"form": {}}}, {}]


# --- calls that are held open ----------------------------------------------------------------------------------------


@promise("P1")
async def test_a_call_that_is_held_open_goes_on_under_another_permit(server: SimulatedToolServer) -> None:
    """Design 4: each retry is a new decision; the call is made once."""
    server.on("tools/call", asks_and_answers(server))
    async with Adapted(server) as adapted:
        waiting = await adapted.waits()
        permit = a_permit(number=2, answers={"input": {"action": "accept", "content": {}}})
        result = await adapted.resume(waiting, permit)
    assert isinstance(result, ToolResult)
    assert result.result == {"heard": {"action": "accept", "content": {}}}
    assert permit.was_used
    assert len(server.calls) == 1


@promise("P1", "P4")
async def test_it_goes_on_once_and_not_after_it_was_abandoned(server: SimulatedToolServer) -> None:
    """Ours: an answer after that goes nowhere."""
    server.on("tools/call", asks_once)
    async with Adapted(server) as adapted:
        waiting = await adapted.waits()
        adapted.adapter.abandon(waiting)
        adapted.adapter.abandon(waiting)
        with pytest.raises(Refused) as caught:
            await adapted.resume(waiting)
        assert caught.value.reason is Reason.TOOL_SERVER_UNAVAILABLE
        await server.until(lambda: "notifications/cancelled" in server.methods)
    assert server.methods.count("notifications/cancelled") == 1
    assert server.replies == []


@promise("P1")
async def test_what_is_not_held_here_does_not_go_on_here(server: SimulatedToolServer) -> None:
    """Ours: our own mistake; another server's call is neither answered nor ended."""
    server.on("tools/call", asks_once)
    async with Adapted(server) as adapted, Adapted(server) as other:
        waiting = await adapted.waits()
        strange = Waiting(ask=waiting.ask, hold=object())
        other.adapter.abandon(waiting)
        other.adapter.abandon(strange)
        elsewhere = a_permit(server="files")
        for side, held, permit in ((other, waiting, None), (adapted, strange, None), (adapted, waiting, elsewhere)):
            with pytest.raises(Refused) as caught:
                await side.resume(held, permit)
            assert caught.value.reason is Reason.INTERNAL
        adapted.adapter.abandon(waiting)
        await server.until(lambda: "notifications/cancelled" in server.methods)


@promise("P11")
async def test_a_tasks_end_ends_what_is_held_open_for_it(server: SimulatedToolServer) -> None:
    """Ours: nothing outlives its task."""
    server.on("tools/call", asks_once)
    async with Adapted(server) as adapted:
        waiting = await adapted.waits(task="a")
        await adapted.adapter.end_task("a")
        with pytest.raises(Refused):
            await adapted.resume(waiting)
        assert server.sessions == {}
        assert adapted.adapter._pool._parked == set()


# --- subscriptions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_what_is_subscribed_to_is_told_to_the_task_that_did(
    server: SimulatedToolServer, era: Literal["legacy", "modern"]
) -> None:
    """MCP, both eras: on the standing stream, or on the one that is listened to."""
    server.script.era, server.script.resources, server.stands = era, [RESOURCE], True
    subscribe = {"method": CallMethod.SUBSCRIBE, "kind": ItemKind.RESOURCE, "name": "x://a"}
    async with Adapted(server) as adapted:
        permit = a_permit(arguments={"uri": "x://a"}, task="a", forwarded=subscribe)
        assert _result(await adapted.make(permit)) == {}
        assert permit.was_used
        await server.until(lambda: server.standing)

        await server.push(UPDATED)
        with anyio.fail_after(5):
            while not adapted.updates.told:
                await anyio.lowlevel.checkpoint()
        assert adapted.updates.told == [("clock", "x://a", "a")]

        again = a_permit(arguments={"uri": "x://a"}, task="a", forwarded=subscribe | {"method": CallMethod.UNSUBSCRIBE})
        assert _result(await adapted.make(again)) == {}
        await adapted.adapter.end_task("a")
        await server.until(lambda: not server.standing)


async def test_of_a_session_that_is_not_one_tasks_updates_are_told_to_all(server: SimulatedToolServer) -> None:
    """Ours: which of them subscribed is the watch's to know."""
    server.script.resources = [RESOURCE]

    async def updates(arrived: Arrived, wire: Wire) -> None:
        await wire.send(SSE_HEAD + sse_event(UPDATED) + sse_event(answers(arrived)))
        wire.close()

    server.on("tools/call", updates)
    async with Adapted(server, instance=InstanceRule.AGENT) as adapted:
        await adapted.call()
    assert adapted.updates.told == [("clock", "x://a", None)]


async def test_where_nobody_can_subscribe_updates_are_told_to_nobody(server: SimulatedToolServer) -> None:
    """Ours: the default."""

    async def updates(arrived: Arrived, wire: Wire) -> None:
        await wire.send(SSE_HEAD + sse_event(UPDATED) + sse_event(answers(arrived)))
        wire.close()

    server.on("tools/call", updates)
    async with Adapted(server) as adapted:
        adapted.adapter = HttpToolServer("clock", server.url, watch=adapted.watch, fence=pass_fence)
        assert await adapted.call() == {"content": []}
