"""What narrows trust between a decision and its first byte stops the call; between that and release, its answer (A4).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import pytest

from mediator.canonical import JsonObject
from mediator.delegation.grant import GrantState
from mediator.effect import Effect
from mediator.kind import ItemKind
from mediator.refusal import Reason
from tests.promises import promise
from tests.simulated.pauses import Point
from tests.simulated.replies import tools_call
from tests.simulated.running import Running, reason_in, running
from tests.simulated.tool_server import Arrived, SimulatedToolServer, Wire, tool
from tests.simulated.world import (
    DEFAULT_POLICIES,
    LIST_ONLY,
    MAIL_SEND,
    WEATHER_READ,
    SimulatedTask,
    SimulatedWorld,
    owned,
    refusal,
    refusal_of,
    result_of,
)

CALL = tools_call("weather__read", city="Oslo")
SECRET = "the weather is secret"
Change: TypeAlias = "Callable[[SimulatedWorld, SimulatedTask], None]"

FORBID_CALLS = '@id("zz")\n@reason("no")\nforbid (principal, action in Mediator::Action::"call_tool", resource);'
CALLS_FORBIDDEN = {**DEFAULT_POLICIES, "zz.cedar": FORBID_CALLS}
"""Each change, what it is told as when it is seen at the fence, and when the call is judged again."""
CONCERNS: dict[str, tuple[Change, Reason, Reason]] = {
    "revoked": (lambda world, task: world.revoke(task), Reason.GRANT_REVOKED, Reason.GRANT_REVOKED),
    "completed": (lambda world, task: world.complete(task), Reason.TASK_COMPLETED, Reason.TASK_COMPLETED),
    "agent frozen": (lambda world, _: world.freeze("agent:planner"), Reason.FROZEN, Reason.FROZEN),
    "owner frozen": (lambda world, _: world.freeze("owner:alice@example.com"), Reason.FROZEN, Reason.FROZEN),
    "task frozen": (lambda world, task: world.freeze(f"task:{task.grant.id}"), Reason.FROZEN, Reason.FROZEN),
    "server frozen": (lambda world, _: world.freeze("server:weather"), Reason.FROZEN, Reason.FROZEN),
    "tool frozen": (lambda world, _: world.freeze("tool:weather/read"), Reason.FROZEN, Reason.FROZEN),
    "all frozen": (lambda world, _: world.freeze("everything"), Reason.FROZEN, Reason.FROZEN),
    "quarantined": (
        lambda world, _: world.quarantine("weather", "read"),
        Reason.UNKNOWN_TOOL,
        Reason.UNKNOWN_TOOL,
    ),
    "pinned stricter": (
        lambda world, _: world.tighten("weather", "read", Effect.WRITE),
        Reason.TRY_AGAIN,
        Reason.UNKNOWN_TOOL,  # what is pinned later is not covered
    ),
    "policies replaced": (
        lambda world, _: world.activate(CALLS_FORBIDDEN),
        Reason.TRY_AGAIN,
        Reason.DENIED_BY_POLICY,
    ),
    "policies taken away": (lambda world, _: world.activate(LIST_ONLY), Reason.TRY_AGAIN, Reason.DENIED_BY_POLICY),
}
ELSEWHERE: dict[str, Change] = {
    "another task revoked": lambda world, _: world.revoke(world.open_task()),
    "another agent frozen": lambda world, _: world.freeze("agent:painter"),
    "another server frozen": lambda world, _: world.freeze("server:mail"),
    "another tool quarantined": lambda world, _: world.quarantine("mail", "send"),
    "another tool pinned": lambda world, _: world.pin(owned("clock/now")),
    "nothing at all": lambda world, _: world.store.move_epoch(),
}


@pytest.fixture
def task(world: SimulatedWorld) -> SimulatedTask:
    world.pin(WEATHER_READ, MAIL_SEND)
    world.tool_server.answer_with("weather/read", {"content": [{"type": "text", "text": SECRET}]})
    return world.open_task(tools="weather/*")


@promise("P1", "P5", "P7")
@pytest.mark.parametrize("name", CONCERNS)
@pytest.mark.parametrize("point", ["recorded", "credential", "call"])
async def test_trust_that_moved_after_the_decision_stops_the_call(
    world: SimulatedWorld, task: SimulatedTask, point: Point, name: str
) -> None:
    """Design 4, the fence: in the loop turn of the first byte. The allow stays on record, with what became of it."""
    change, reason, _ = CONCERNS[name]
    world.at(point, lambda: change(world, task))
    reply = await world.answer(CALL, bearer=task.token)
    assert reply == refusal(reason)
    assert world.tool_server.calls == []
    kept = world.ledger.last
    assert kept.record.entry["verdict"] == "allow"
    assert kept.outcome is not None
    assert (kept.outcome.entry["outcome"], kept.outcome.entry["reason"], kept.outcome.entry["forwarded"]) == (
        "REFUSED",
        str(reason),
        False,
    )


@promise("P1", "P5", "P7", "P8")
@pytest.mark.parametrize("name", CONCERNS)
async def test_trust_that_moved_before_the_record_is_judged_anew(
    world: SimulatedWorld, task: SimulatedTask, name: str
) -> None:
    """Design 4, commit: stale. What is recorded is a denial under what is trusted now, and no allow."""
    change, _, reason = CONCERNS[name]
    world.at("commit", lambda: change(world, task))
    reply = await world.answer(CALL, bearer=task.token)
    assert reply == refusal(reason)
    assert world.tool_server.calls == []
    (kept,) = world.ledger.decisions
    assert (kept.record.entry["verdict"], kept.record.entry["reason"]) == ("deny", str(reason))
    assert kept.outcome is None


@promise("P5", "P7", "P11")
@pytest.mark.parametrize("name", CONCERNS)
async def test_trust_that_moved_while_the_tool_worked_withholds_its_answer(
    world: SimulatedWorld, task: SimulatedTask, name: str
) -> None:
    """Design 4, step 11: fence again. The agent is told that what was done stands, and sees nothing of the answer."""
    change, reason, _ = CONCERNS[name]
    expected = Reason.RESULT_WITHHELD if reason in {Reason.UNKNOWN_TOOL, Reason.TRY_AGAIN} else reason
    world.at("answer", lambda: change(world, task))
    reply = await world.answer(CALL, bearer=task.token)
    assert reply == refusal(expected)
    assert SECRET.encode() not in (reply.body or b"")
    assert "check what it did" in refusal_of(reply)["remedy"]
    assert len(world.tool_server.calls) == 1
    outcome = world.ledger.last.outcome
    assert outcome is not None
    assert (outcome.entry["outcome"], outcome.entry["reason"], outcome.entry["forwarded"]) == (
        "REFUSED",
        str(expected),
        True,
    )
    assert outcome.entry["result"] is None


@promise("P11")
@pytest.mark.parametrize("name", ELSEWHERE)
@pytest.mark.parametrize("point", ["commit", "recorded", "credential", "call", "answer", "close"])
async def test_what_happens_elsewhere_stops_nobody(
    world: SimulatedWorld, task: SimulatedTask, point: Point, name: str
) -> None:
    """Design 4: a moved epoch is looked into, and is no reason by itself."""
    world.at(point, lambda: ELSEWHERE[name](world, task))
    reply = await world.answer(CALL, bearer=task.token)
    assert result_of(reply)["content"][0]["text"] == SECRET
    assert len(world.tool_server.calls) == 1
    assert len(world.ledger.decisions) == 1
    outcome = world.ledger.last.outcome
    assert outcome is not None
    assert outcome.entry["outcome"] == "RELEASED"


@promise("P7", "P11")
async def test_an_epoch_that_is_moved_at_every_turn_is_refused_and_never_waved_through(
    world: SimulatedWorld, task: SimulatedTask
) -> None:
    """Design 4: twice again at most, then `TRY_AGAIN`; an agent that revokes its own tasks in a loop gains nothing."""
    world.at("commit", *[world.store.move_epoch] * 3)
    assert await world.answer(CALL, bearer=task.token) == refusal(Reason.TRY_AGAIN)
    assert world.tool_server.calls == []
    (kept,) = world.ledger.decisions
    assert (kept.record.entry["verdict"], kept.record.entry["reason"]) == ("deny", "TRY_AGAIN")


# --- a whole mediator, and a tool server that is slow on purpose ------------------------------------------------------


async def revoke(mediator: Running) -> None:
    mediator.mediator.store.end_grant(mediator.task, GrantState.REVOKED, "a test")


async def complete(mediator: Running) -> None:
    await mediator.complete_task()


async def unpin(mediator: Running) -> None:
    trust = mediator.mediator.trust
    pins = trust.snapshot().pins.without(frozenset({("a", ItemKind.TOOL, "echo")}))
    trust.renew(replace(trust.snapshot(), pins=pins, reviewed=None))


WAYS = {
    "modern": ["server/discover", "tools/list"],
    "legacy": ["initialize", "notifications/initialized", "tools/list"],
}


@promise("P1", "P5", "P7")
@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_trust_that_moves_while_the_way_to_the_server_is_made_stops_the_call(tmp_path: Path, era: str) -> None:
    """Over real sockets: during each request that comes before a first call, and during the call itself."""
    server = SimulatedToolServer(tools=[tool("echo")], era="modern" if era == "modern" else "legacy")
    asked: JsonObject = tools_call("a__echo", text="x")
    async with running(tmp_path, {"a": server}) as mediator:
        for change, reason in ((revoke, "GRANT_REVOKED"), (complete, "TASK_COMPLETED"), (unpin, "UNKNOWN_TOOL")):
            for method in [*WAYS[era], "tools/call"]:
                if method == "server/discover" and change is not revoke:
                    continue  # it is asked once, and remembered
                trust = mediator.mediator.trust.snapshot()
                await mediator.open_task()
                seen: list[str] = []

                async def step_in(arrived: Arrived, wire: Wire) -> None:
                    server.on(method, None)  # noqa: B023 - of this round
                    seen.append(method)  # noqa: B023
                    await change(mediator)  # noqa: B023
                    await server._answer(arrived, wire)

                server.on(method, step_in)
                before = len(server.calls)
                answer = await mediator.post(asked)
                begun = method == "tools/call"
                expected = "RESULT_WITHHELD" if begun and reason == "UNKNOWN_TOOL" else reason
                if begun and era == "legacy" and change is complete:
                    expected = "TOOL_SERVER_UNAVAILABLE"  # completing ended the session that would have answered
                assert (method, seen, reason_in(answer)) == (method, [method], expected)
                assert len(server.calls) == before + begun
                outcome = mediator.entries("outcome")[-1]
                assert (outcome["id"], outcome["outcome"], outcome["reason"], outcome["forwarded"]) == (
                    mediator.decisions[-1]["id"],
                    "REFUSED",
                    expected,
                    begun,
                )
                mediator.mediator.trust._snapshot = trust  # as after a review, without a restart
                mediator.mediator.store.bump_epoch()
        await mediator.open_task()
        assert reason_in(await mediator.post(asked)) is None
        assert all(verdict == ("allow", None) for verdict in mediator.verdicts)
