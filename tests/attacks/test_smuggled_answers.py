"""Attack: bytes that an agent chose reach a tool server as answers to what was not asked, or not in this form.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.inspection.asking import ALONE
from mediator.inspection.result import Ask, ToolResult, Waiting
from mediator.mediation.permit import Permit
from mediator.mediation.replay import recorded, replay
from mediator.wire.arrival import Arrival
from mediator.wire.jsonrpc import INVALID_PARAMS
from mediator.wire.methods import AskMethod
from mediator.wire.receiver import read_capabilities
from tests.promises import promise
from tests.simulated.arrivals import SESSION, enveloped, message
from tests.simulated.callers import ScriptedCaller
from tests.simulated.policies import DEFAULT_POLICIES
from tests.simulated.world import WEATHER_READ, SimulatedTask, SimulatedWorld, arrival_of, error_of, result_of, text_of

FORM: Final[JsonObject] = {"message": "Which?", "requestedSchema": {"type": "object"}}
ACCEPTED: Final[JsonObject] = {"action": "accept", "content": {"city": "Oslo"}}
SAMPLED: Final[JsonObject] = {"role": "assistant", "content": {"type": "text", "text": "yes"}, "model": "m"}
ELICIT: Final = Ask(method=AskMethod.ELICIT, params=FORM, size_bytes=60)
SAMPLE: Final = Ask(method=AskMethod.SAMPLE, params={"messages": []}, size_bytes=20)
ASKED: Final[JsonObject] = {"method": "elicitation/create", "params": FORM}
ABLE: Final[JsonObject] = {"elicitation": {}, "sampling": {}, "roots": {}}
RAIN: Final[JsonObject] = {"content": [{"type": "text", "text": "rain"}]}
SAMPLING_PERMITTED: Final = """
@id("samples") @reason("this server may have the model work for it")
permit (principal, action == Mediator::Action::"sample", resource);
"""


@pytest.fixture
def world() -> SimulatedWorld:
    world = SimulatedWorld()
    world.pin(WEATHER_READ)
    world.activate({**DEFAULT_POLICIES, "more.cedar": SAMPLING_PERMITTED})
    world.tool_server.answer_with("weather/read", RAIN)
    return world


@pytest.fixture
def task(world: SimulatedWorld) -> SimulatedTask:
    return world.open_task(tools="weather/*")


def modern_call(task: SimulatedTask, **rounds: Json) -> Arrival:
    params: JsonObject = {"name": "weather__read", "arguments": {"city": "Oslo"}, **rounds}
    meta: JsonObject = {"io.modelcontextprotocol/clientCapabilities": ABLE}
    return arrival_of(enveloped("tools/call", params, meta=meta), bearer=task.token)


def legacy_call(task: SimulatedTask) -> Arrival:
    body = message("tools/call", {"name": "weather__read", "arguments": {"city": "Oslo"}})
    return replace(arrival_of(body, bearer=task.token), session=replace(SESSION, capabilities=read_capabilities(ABLE)))


def answers_in_turn(world: SimulatedWorld, *turns: JsonObject | Ask) -> None:
    """Have the server answer so, or hold the call open with a question, each time that it has a turn."""
    turn = iter(turns)

    def answer(permit: Permit) -> ToolResult | Waiting:
        match next(turn):
            case Ask() as ask:
                return Waiting(ask=ask, hold=permit)
            case result:
                return ToolResult(result=result, error=None, size_bytes=99, noise=0)

    world.tool_server.answer_with("weather/read", answer)


@promise("P1")
async def test_a_question_that_is_not_answered_is_not_answered_with_what_was_said_before(
    world: SimulatedWorld, task: SimulatedTask
) -> None:
    """Ours: who let the model be used once, and then does not, has not let it be used twice."""
    answers_in_turn(world, SAMPLE, SAMPLE, RAIN)
    caller = ScriptedCaller(answers=[SAMPLED, None])
    assert text_of(await world.corridor.answer(legacy_call(task), caller)) == "rain"
    assert [permit.sole_answer for permit in world.tool_server.resumed] == [SAMPLED, None]


@promise("P1")
async def test_a_round_in_which_nothing_is_asked_says_nothing_again(world: SimulatedWorld, task: SimulatedTask) -> None:
    """MCP 2026-07-28, MRTR: a server that gives its state alone is called again with that alone."""
    asked: JsonObject = {"resultType": "input_required", "inputRequests": {"a": ASKED}, "requestState": "1"}
    answers_in_turn(world, asked, {"resultType": "input_required", "requestState": "2"}, RAIN)
    assert text_of(await world.corridor.answer(legacy_call(task), ScriptedCaller(answers=[ACCEPTED]))) == "rain"
    forwarded = [call.permit.forwarded for call in world.tool_server.calls]
    assert [one.answers for one in forwarded] == [None, canonical_bytes({"a": ACCEPTED}), None]
    assert [one.state for one in forwarded] == [None, "1", "2"]


@promise("P1")
async def test_only_the_answer_that_was_looked_at_goes_on(world: SimulatedWorld, task: SimulatedTask) -> None:
    """Ours: an answer under another key is an answer to nothing, whichever comes first."""
    world.tool_server.asks = [ELICIT]
    state = result_of(await world.corridor.answer(modern_call(task)))["requestState"]
    smuggling: JsonObject = {"a": {"anything": "at all"}, ALONE: ACCEPTED}
    told = await world.corridor.answer(modern_call(task, inputResponses=smuggling, requestState=state))
    assert error_of(told)["code"] == INVALID_PARAMS
    answers: JsonObject = {"a": ACCEPTED, ALONE: ACCEPTED}
    assert text_of(await world.corridor.answer(modern_call(task, inputResponses=answers, requestState=state))) == "rain"
    assert [permit.sole_answer for permit in world.tool_server.resumed] == [ACCEPTED]


@promise("P1", "P6")
@pytest.mark.parametrize(
    "volunteered",
    [
        {"sample": SAMPLED},
        {"confirm": ACCEPTED, "sample": SAMPLED},
        {"where": {"roots": []}},
        {"x": {**ACCEPTED, **SAMPLED}},
    ],
    ids=["sample", "beside one that may", "roots", "as one that may"],
)
async def test_answers_to_what_may_not_be_asked_are_refused_with_the_call(
    world: SimulatedWorld, task: SimulatedTask, volunteered: JsonObject
) -> None:
    """ADR 11: whether a server may ask is a decision; an answer beforehand does not go round it."""
    world.activate(DEFAULT_POLICIES)
    told = await world.corridor.answer(modern_call(task, inputResponses=volunteered))
    assert "may not ask" in text_of(told)
    assert "make the call without such an answer in `inputResponses`" in text_of(told)
    assert world.tool_server.calls == []
    assert world.ledger.last.record.entry["verdict"] == "deny"


@promise("P1", "P6")
@pytest.mark.parametrize("smuggled", [{"stolen": "x" * 1000}, {}, 12345, "x", None, ["x"]], ids=str)
async def test_what_answers_nothing_that_mcp_asks_is_refused_with_the_call(
    world: SimulatedWorld, task: SimulatedTask, smuggled: Json
) -> None:
    """Ours: bytes beside the arguments that no policy sees."""
    told = await world.corridor.answer(modern_call(task, inputResponses={"a": ACCEPTED, "b": smuggled}))
    assert error_of(told)["code"] == INVALID_PARAMS
    assert world.tool_server.calls == []


async def test_answers_to_what_the_server_may_ask_go_on_unasked(world: SimulatedWorld, task: SimulatedTask) -> None:
    """MCP 2026-07-28, MRTR: a client may answer beforehand, and a server ignores what it does not know."""
    volunteered: JsonObject = {"confirm": ACCEPTED, "sample": SAMPLED}
    assert text_of(await world.corridor.answer(modern_call(task, inputResponses=volunteered))) == "rain"
    (call,) = world.tool_server.calls
    assert call.permit.forwarded.answers == canonical_bytes(volunteered)


@promise("P1", "P6")
@pytest.mark.parametrize("smuggled", [{"s": SAMPLED}, {"s": {"stolen": "x"}}, {"a": SAMPLED}], ids=str)
async def test_a_handle_lets_nothing_go_on_but_answers_to_what_was_asked(
    world: SimulatedWorld, task: SimulatedTask, smuggled: JsonObject
) -> None:
    """ADR 11: whoever was asked one thing has not been asked another, nor in another form."""
    world.activate(DEFAULT_POLICIES)
    answers_in_turn(world, {"resultType": "input_required", "inputRequests": {"a": ASKED}, "requestState": "1"}, RAIN)
    state = result_of(await world.corridor.answer(modern_call(task)))["requestState"]
    answers: JsonObject = {"a": ACCEPTED, **smuggled}
    await world.corridor.answer(modern_call(task, inputResponses=answers, requestState=state))
    assert len(world.tool_server.calls) == 1
    again = modern_call(task, inputResponses={"a": ACCEPTED}, requestState=state)
    assert text_of(await world.corridor.answer(again)) == "rain"


@promise("P9")
async def test_what_an_agent_calls_its_answers_stands_in_no_record(world: SimulatedWorld, task: SimulatedTask) -> None:
    """Ours: an entry cannot be erased, and a key may be of any length."""
    await world.corridor.answer(modern_call(task, inputResponses={"secret" * 1000: {}}))
    assert b"secret" not in canonical_bytes(world.ledger.last.record.entry)


@promise("P8", "P9")
async def test_what_a_server_calls_its_questions_stands_in_no_entry_and_is_replayed(
    world: SimulatedWorld, task: SimulatedTask
) -> None:
    """Ours: a key is a server's word; it is kept where it can be erased, and the decision still comes out the same."""
    answers_in_turn(
        world, {"resultType": "input_required", "inputRequests": {"secret": ASKED}, "requestState": "1"}, RAIN
    )
    state = result_of(await world.corridor.answer(modern_call(task)))["requestState"]
    again = modern_call(task, inputResponses={"secret": ACCEPTED}, requestState=state)
    assert text_of(await world.corridor.answer(again)) == "rain"
    record = world.ledger.last.record
    assert b"secret" not in canonical_bytes(record.entry)
    assert record.values["asked"] == {"secret": "elicitation/create"}
    assert replay(record.entry, record.values, world.trust.snapshot()) == recorded(record.entry)
