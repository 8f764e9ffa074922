"""Unit tests of mediator/mediation/rounds.py, as the corridor walks through them.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.inspection.asking import ALONE
from mediator.inspection.result import Ask, ToolResult, Waiting
from mediator.mediation.permit import Permit
from mediator.refusal import Reason
from mediator.wire.arrival import Arrival
from mediator.wire.jsonrpc import Notification
from mediator.wire.methods import AskMethod
from mediator.wire.receiver import read_capabilities
from tests.promises import promise
from tests.simulated.arrivals import SESSION, enveloped, message
from tests.simulated.callers import ScriptedCaller
from tests.simulated.policies import DEFAULT_POLICIES
from tests.simulated.world import (
    WEATHER_READ,
    SimulatedTask,
    SimulatedWorld,
    arrival_of,
    error_of,
    refusal,
    result_of,
    text_of,
)

FORM: JsonObject = {"message": "Which?", "requestedSchema": {"type": "object"}}
ACCEPTED: JsonObject = {"action": "accept", "content": {"city": "Oslo"}}
ELICIT = Ask(method=AskMethod.ELICIT, params=FORM, size_bytes=60)
SAMPLE = Ask(method=AskMethod.SAMPLE, params={"messages": []}, size_bytes=20)
ASKED: JsonObject = {"method": "elicitation/create", "params": FORM}
RAIN: JsonObject = {"content": [{"type": "text", "text": "rain"}]}
PERMIT_ASKS = """
@id("asks") @reason("this server may ask for more")
permit (principal, action in [Mediator::Action::"list_roots", Mediator::Action::"sample"], resource);
"""


@pytest.fixture
def world() -> SimulatedWorld:
    world = SimulatedWorld()
    world.pin(WEATHER_READ)
    world.tool_server.answer_with("weather/read", RAIN)
    return world


@pytest.fixture
def task(world: SimulatedWorld) -> SimulatedTask:
    return world.open_task(tools="weather/*")


CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
ABLE: JsonObject = {"elicitation": {}, "sampling": {}, "roots": {}}


def modern_call(task: SimulatedTask, *, able: JsonObject = ABLE, city: str = "Oslo", **rounds: Json) -> Arrival:
    params: JsonObject = {"name": "weather__read", "arguments": {"city": city}, **rounds}
    return arrival_of(enveloped("tools/call", params, meta={CAPABILITIES: able}), bearer=task.token)


def legacy_call(task: SimulatedTask, *, able: JsonObject = ABLE) -> Arrival:
    body = message("tools/call", {"name": "weather__read", "arguments": {"city": "Oslo"}})
    session = replace(SESSION, capabilities=read_capabilities(able))
    return replace(arrival_of(body, bearer=task.token), session=session)


def asks_first(world: SimulatedWorld, *asked: JsonObject, state: str | None = "theirs") -> None:
    """Have a modern server ask this, in turn, and then answer."""
    told: list[JsonObject] = [{"resultType": "input_required", "inputRequests": one} for one in asked]
    bodies = iter([*(one if state is None else {**one, "requestState": state} for one in told), RAIN])

    def answer(_permit: Permit) -> ToolResult:
        return ToolResult(result=next(bodies), error=None, size_bytes=99, noise=0)

    world.tool_server.answer_with("weather/read", answer)


def outcomes(world: SimulatedWorld) -> list[str]:
    return [str(one.outcome.entry["outcome"]) for one in world.ledger.decisions if one.outcome is not None]


def chain_of_decisions(world: SimulatedWorld) -> list[tuple[object, object]]:
    """Return each decision's id, and which it goes on with."""
    found: list[tuple[object, object]] = []
    for kept in world.ledger.decisions:
        resumes = kept.record.entry["resumes"]
        found.append((kept.record.entry["id"], resumes["decision"] if isinstance(resumes, dict) else None))
    return found


# --- a modern agent ---------------------------------------------------------------------------------------------------


@promise("P1", "P8")
async def test_a_modern_servers_question_is_the_answer_and_its_state_comes_back_to_it(
    world: SimulatedWorld, task: SimulatedTask
) -> None:
    """MCP 2026-07-28, MRTR: each round is a call of its own, decided and recorded; the second refers to the first."""
    asks_first(world, {"a": ASKED})
    asked = result_of(await world.corridor.answer(modern_call(task)))
    assert (asked["resultType"], asked["inputRequests"]) == ("input_required", {"a": ASKED})
    assert "theirs" not in asked["requestState"].split("|")
    answers: JsonObject = {"a": ACCEPTED}
    reply = await world.corridor.answer(modern_call(task, inputResponses=answers, requestState=asked["requestState"]))
    assert text_of(reply) == "rain"
    first, second = (call.permit.forwarded for call in world.tool_server.calls)
    assert (first.answers, first.state) == (None, None)
    assert (second.answers, second.state) == (canonical_bytes(answers), "theirs")
    (one, nothing), (_, goes_on_with) = chain_of_decisions(world)
    assert (nothing, goes_on_with) == (None, one)
    assert outcomes(world) == ["ASKED", "RELEASED"]
    assert world.ledger.last.record.values["answers"] == answers


async def test_a_server_without_a_state_gets_answers_without_one(world: SimulatedWorld, task: SimulatedTask) -> None:
    """MCP 2026-07-28, MRTR: a client shows a state where it was given one; the mediator's own is always given."""
    asks_first(world, {"a": ASKED}, state=None)
    state = result_of(await world.corridor.answer(modern_call(task)))["requestState"]
    again = modern_call(task, inputResponses={"a": ACCEPTED}, requestState=state)
    assert text_of(await world.corridor.answer(again)) == "rain"
    assert world.tool_server.calls[-1].permit.forwarded.state is None
    (one, _), (_, goes_on_with) = chain_of_decisions(world)
    assert goes_on_with == one


@promise("P4")
async def test_a_handle_is_good_for_its_grant_and_its_request_alone(world: SimulatedWorld, task: SimulatedTask) -> None:
    """Issue 4: sealed, and bound to the grant that received it, to the request, and to a time."""
    asks_first(world, {"a": ASKED})
    state = result_of(await world.corridor.answer(modern_call(task)))["requestState"]
    other = world.open_task(agent="painter", tools="weather/*")
    for arrival in (
        modern_call(other, requestState=state),
        modern_call(task, city="Bergen", requestState=state),
        modern_call(task, requestState="x" + state),
    ):
        reply = await world.corridor.answer(arrival)
        assert error_of(reply)["code"] == -32602
        assert world.ledger.last.record.entry["verdict"] == "deny"
    world.clock.advance(ms=301_000)
    assert error_of(await world.corridor.answer(modern_call(task, requestState=state)))["code"] == -32602
    assert len(world.tool_server.calls) == 1


@promise("P1")
async def test_a_legacy_server_waits_while_a_modern_agent_is_asked(world: SimulatedWorld, task: SimulatedTask) -> None:
    """Issue 4, era bridging: the agent's retry goes on with the call that is under way, and is no new one."""
    world.tool_server.asks = [ELICIT]
    asked = result_of(await world.corridor.answer(modern_call(task)))
    assert asked["inputRequests"] == {ALONE: ASKED}
    retry = modern_call(task, inputResponses={ALONE: ACCEPTED}, requestState=asked["requestState"])
    assert text_of(await world.corridor.answer(retry)) == "rain"
    assert len(world.tool_server.calls) == 1
    (permit,) = world.tool_server.resumed
    assert permit.sole_answer == ACCEPTED
    assert outcomes(world) == ["ASKED", "RELEASED"]
    again = await world.corridor.answer(retry)
    assert again == refusal(Reason.TOOL_SERVER_UNAVAILABLE)
    assert len(world.tool_server.resumed) == 1


async def test_what_is_no_answer_leaves_the_call_waiting(world: SimulatedWorld, task: SimulatedTask) -> None:
    """P11: an agent that made a mistake can go on."""
    world.tool_server.asks = [ELICIT]
    state = result_of(await world.corridor.answer(modern_call(task)))["requestState"]
    wrongs: list[JsonObject] = [{ALONE: {"action": "maybe"}}, {"b": ACCEPTED}]
    for wrong in wrongs:
        reply = await world.corridor.answer(modern_call(task, inputResponses=wrong, requestState=state))
        assert reply == refusal(Reason.ARGUMENTS_INVALID)
    assert world.tool_server.resumed == []
    right = modern_call(task, inputResponses={ALONE: ACCEPTED}, requestState=state)
    assert text_of(await world.corridor.answer(right)) == "rain"


async def test_a_call_that_goes_on_without_an_answer_says_so_to_its_server(
    world: SimulatedWorld, task: SimulatedTask
) -> None:
    """Ours: the server decides what it does without."""
    world.tool_server.asks = [ELICIT]
    state = result_of(await world.corridor.answer(modern_call(task)))["requestState"]
    assert text_of(await world.corridor.answer(modern_call(task, requestState=state))) == "rain"
    assert world.tool_server.resumed[0].sole_answer is None


# --- an agent that waits on an open line ------------------------------------------------------------------------------


@promise("P1")
@pytest.mark.parametrize("is_modern_server", [True, False])
async def test_a_legacy_agent_is_asked_while_it_waits(
    world: SimulatedWorld, task: SimulatedTask, is_modern_server: bool
) -> None:
    """Issue 4, era bridging: a live request; its answer reaches the server with a decision of its own."""
    if is_modern_server:
        asks_first(world, {"a": ASKED})
    else:
        world.tool_server.asks = [ELICIT]
    caller = ScriptedCaller(answers=[ACCEPTED])
    assert text_of(await world.corridor.answer(legacy_call(task), caller)) == "rain"
    assert [one.form() for one in caller.asked] == [ASKED]
    (one, _), (_, goes_on_with) = chain_of_decisions(world)
    assert goes_on_with == one
    assert outcomes(world) == ["ASKED", "RELEASED"]
    if is_modern_server:
        second = world.tool_server.calls[1].permit.forwarded
        assert (second.answers, second.state) == (canonical_bytes({"a": ACCEPTED}), "theirs")
    else:
        assert world.tool_server.resumed[0].sole_answer == ACCEPTED


async def test_a_legacy_agent_is_sent_to_an_address_with_an_id(world: SimulatedWorld, task: SimulatedTask) -> None:
    """MCP 2025-11-25: `elicitationId` is required there; a modern server gives none, a legacy one its own."""
    there: JsonObject = {"message": "Sign in", "mode": "url", "url": "https://a.example/x"}
    able: JsonObject = {"elicitation": {"url": {}}}
    asks_first(world, {"a": {"method": "elicitation/create", "params": there}})
    caller = ScriptedCaller(answers=[{"action": "accept"}])
    assert text_of(await world.corridor.answer(legacy_call(task, able=able), caller)) == "rain"
    (first, _), _ = chain_of_decisions(world)
    assert [one.params for one in caller.asked] == [{**there, "elicitationId": f"{first}/a"}]

    world.tool_server.asks = [Ask(method=AskMethod.ELICIT, params={**there, "elicitationId": "7"}, size_bytes=60)]
    caller = ScriptedCaller(answers=[{"action": "accept"}])
    await world.corridor.answer(legacy_call(task, able=able), caller)
    assert [one.params for one in caller.asked] == [{**there, "elicitationId": "7"}]


@promise("P7")
async def test_nobody_is_sent_to_an_address_who_has_forms_alone(world: SimulatedWorld, task: SimulatedTask) -> None:
    """MCP 2025-11-25: a legacy server is told of every mode, whoever calls; the question ends here."""
    there: JsonObject = {"message": "Sign in", "mode": "url", "url": "https://a.example/x"}
    world.tool_server.asks = [Ask(method=AskMethod.ELICIT, params=there, size_bytes=60)]
    caller = ScriptedCaller()
    assert text_of(await world.corridor.answer(legacy_call(task), caller)) == "rain"
    assert (caller.asked, [error["code"] for error in world.tool_server.told_errors]) == ([], [-32601])


async def test_a_legacy_agent_that_does_not_answer_is_told_apart(world: SimulatedWorld, task: SimulatedTask) -> None:
    """MCP 2025-11-25: an elicitation is cancelled; a legacy server hears an error; a modern one cannot be told."""
    world.tool_server.asks = [ELICIT]
    caller = ScriptedCaller(answers=[{"action": "nonsense"}])
    assert text_of(await world.corridor.answer(legacy_call(task), caller)) == "rain"
    assert world.tool_server.resumed[0].sole_answer == {"action": "cancel"}
    world.tool_server.asks = [ELICIT]
    assert text_of(await world.corridor.answer(legacy_call(task), ScriptedCaller(answers=[None]))) == "rain"
    assert world.tool_server.resumed[1].sole_answer is None
    asks_first(world, {"a": ASKED})
    reply = await world.corridor.answer(legacy_call(task), ScriptedCaller(answers=[None]))
    assert reply == refusal(Reason.RESULT_WITHHELD)
    assert "did not answer" in text_of(reply)


@promise("P4", "P7")
async def test_what_is_revoked_while_a_person_thinks_is_refused(world: SimulatedWorld, task: SimulatedTask) -> None:
    """P4: the answer is a new decision, under what is true then."""
    world.tool_server.asks = [ELICIT]
    caller = ScriptedCaller(answers=[ACCEPTED], before=lambda: world.revoke(task))
    assert await world.corridor.answer(legacy_call(task), caller) == refusal(Reason.GRANT_REVOKED)
    assert world.tool_server.resumed == []
    assert [server for server, _ in world.tool_server.abandoned] == ["weather"]


async def test_a_call_is_held_open_no_longer_than_its_agent_waits(world: SimulatedWorld, task: SimulatedTask) -> None:
    """Ours: an agent that hangs up while it is asked ends the call at its server."""

    def hang_up() -> None:
        raise RuntimeError("gone")

    world.tool_server.asks = [ELICIT]
    await world.corridor.answer(legacy_call(task), ScriptedCaller(answers=[], before=hang_up))
    assert [server for server, _ in world.tool_server.abandoned] == ["weather"]


async def test_a_server_that_asks_and_asks_is_stopped(world: SimulatedWorld, task: SimulatedTask) -> None:
    """Ours: bounded."""
    question: JsonObject = {"a": ASKED}
    asks_first(world, *[question] * 20)
    reply = await world.corridor.answer(legacy_call(task), ScriptedCaller(answers=[ACCEPTED] * 20))
    assert reply == refusal(Reason.TOOL_SERVER_INVALID)
    assert len(world.tool_server.calls) == 16


async def test_a_legacy_server_that_asks_and_asks_has_its_call_ended(
    world: SimulatedWorld, task: SimulatedTask
) -> None:
    """Ours: nothing is held open for a call that was refused."""
    world.tool_server.answer_with("weather/read", lambda permit: Waiting(ask=ELICIT, hold=permit))
    reply = await world.corridor.answer(legacy_call(task), ScriptedCaller(answers=[ACCEPTED] * 20))
    assert reply == refusal(Reason.TOOL_SERVER_INVALID)
    assert len(world.tool_server.resumed) == 15
    assert len(world.tool_server.abandoned) == 1


async def test_a_legacy_agent_whose_line_is_full_meanwhile_gets_no_answer_of_the_other_era(
    world: SimulatedWorld, task: SimulatedTask
) -> None:
    """MCP before 2026-07-28 knows no `input_required`: the server hears that the client did not answer."""
    turns: Iterator[ToolResult | Waiting] = iter(
        [Waiting(ask=ELICIT, hold=None), ToolResult(result=RAIN, error=None, size_bytes=9, noise=0)]
    )
    world.tool_server.answer_with("weather/read", lambda _: next(turns))
    caller = ScriptedCaller(answers=[None], can_be_asked=False)
    assert text_of(await world.corridor.answer(legacy_call(task), caller)) == "rain"
    assert world.tool_server.resumed[0].sole_answer is None


async def test_a_call_that_was_taken_up_is_not_ended_twice(world: SimulatedWorld, task: SimulatedTask) -> None:
    """Ours: its adapter has it back, and ends it itself."""
    turns: Iterator[ToolResult | Waiting] = iter(
        [Waiting(ask=ELICIT, hold=None), ToolResult(result=None, error=None, size_bytes=9, noise=0)]
    )
    world.tool_server.answer_with("weather/read", lambda _: next(turns))
    reply = await world.corridor.answer(legacy_call(task), ScriptedCaller(answers=[ACCEPTED]))
    assert reply == refusal(Reason.TOOL_SERVER_INVALID)
    assert world.tool_server.abandoned == []


# --- what may be asked ------------------------------------------------------------------------------------------------


@promise("P6", "P7")
@pytest.mark.parametrize("ask", [SAMPLE, Ask(method=AskMethod.ROOTS, params={}, size_bytes=2)])
async def test_sampling_and_roots_are_denied_unless_a_policy_permits(
    world: SimulatedWorld, task: SimulatedTask, ask: Ask
) -> None:
    """Issue 4: Cedar actions of their own, default deny; the server hears it, and the decision is noted."""
    world.tool_server.asks = [ask]
    assert text_of(await world.corridor.answer(modern_call(task))) == "rain"
    assert [error["code"] for error in world.tool_server.told_errors] == [-1]
    (note,) = world.ledger.notes("ask")
    assert (note["body"]["method"], note["body"]["verdict"], note["body"]["decision"]) == (  # type: ignore[index,call-overload]
        str(ask.method),
        "deny",
        world.ledger.last.record.entry["id"],
    )
    world.activate({**DEFAULT_POLICIES, "more.cedar": PERMIT_ASKS})
    world.tool_server.asks = [ask]
    assert result_of(await world.corridor.answer(modern_call(task)))["resultType"] == "input_required"


@promise("P7")
async def test_a_modern_server_that_asks_what_is_denied_is_refused(world: SimulatedWorld, task: SimulatedTask) -> None:
    """Issue 4: default deny for sampling; nobody can tell a modern server so."""
    asks_first(world, {"a": ASKED, "b": {"method": "sampling/createMessage", "params": {"messages": []}}})
    reply = await world.corridor.answer(modern_call(task))
    assert reply == refusal(Reason.DENIED_BY_POLICY)
    assert outcomes(world) == ["REFUSED"]


@promise("P7")
async def test_nobody_is_asked_what_his_client_did_not_declare(world: SimulatedWorld, task: SimulatedTask) -> None:
    """MCP: servers ask for what was declared; one that asks all the same hears that there is no such method."""
    world.tool_server.asks = [ELICIT]
    assert text_of(await world.corridor.answer(modern_call(task, able={}))) == "rain"
    assert [error["code"] for error in world.tool_server.told_errors] == [-32601]
    asks_first(world, {"a": ASKED})
    assert await world.corridor.answer(modern_call(task, able={})) == refusal(Reason.TOOL_SERVER_INVALID)


async def test_a_legacy_agent_without_an_open_line_is_not_asked(world: SimulatedWorld, task: SimulatedTask) -> None:
    """Ours: it has no way to be asked, and no second round."""
    world.tool_server.asks = [ELICIT]
    assert text_of(await world.corridor.answer(legacy_call(task))) == "rain"
    assert [error["code"] for error in world.tool_server.told_errors] == [-32601]
    asks_first(world, {"a": ASKED})
    assert await world.corridor.answer(legacy_call(task)) == refusal(Reason.RESULT_WITHHELD)


@promise("P3")
async def test_what_is_no_question_of_a_legacy_server_is_answered_with_an_error(
    world: SimulatedWorld, task: SimulatedTask
) -> None:
    """Ours: nonsense is put to nobody."""
    world.tool_server.asks = [Ask(method=AskMethod.ELICIT, params={}, size_bytes=2)]
    assert text_of(await world.corridor.answer(modern_call(task))) == "rain"
    assert [error["code"] for error in world.tool_server.told_errors] == [-1]


# --- what is said meanwhile -------------------------------------------------------------------------------------------


async def test_what_a_server_says_meanwhile_is_told_to_who_waits(world: SimulatedWorld, task: SimulatedTask) -> None:
    """MCP: progress under the agent's own token; log messages where a level was named."""
    world.tool_server.notifications = [
        Notification(method="notifications/progress", params={"progressToken": 1, "progress": 1}),
        Notification(method="notifications/message", params={"level": "info", "data": "x"}),
        Notification(method="notifications/tools/list_changed", params={}),
    ]
    world.tool_server.pauses_once = True
    caller = ScriptedCaller(can_be_asked=False)
    call = enveloped("tools/call", {"name": "weather__read", "arguments": {}}, meta={"progressToken": "t"})
    assert text_of(await world.answer(call, bearer=task.token, caller=caller)) == "rain"
    assert [(one["method"], one["params"]) for one in caller.told] == [
        ("notifications/progress", {"progressToken": "t", "progress": 1})
    ]
    assert caller.pauses == 1


@promise("P7")
async def test_a_question_that_may_not_leave_any_more_ends_the_call_at_its_server(
    world: SimulatedWorld, task: SimulatedTask
) -> None:
    """P4: a task that was revoked while the server worked has nobody asked, and nobody waits."""
    world.tool_server.asks = [ELICIT]
    world.at("answer", lambda: world.revoke(task))
    assert await world.corridor.answer(modern_call(task)) == refusal(Reason.GRANT_REVOKED)
    assert [server for server, _ in world.tool_server.abandoned] == ["weather"]
