"""Mcp tasks (SEP-2663), as the corridor walks through them: made, asked about, answered, cancelled.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mediator.canonical import Json, JsonObject, canonical_bytes, digest_of, parse_object
from mediator.inspection.result import ToolResult
from mediator.mediation.permit import Permit
from mediator.mediation.replay import recorded, replay
from mediator.refusal import Reason
from mediator.wire.arrival import Arrival
from mediator.wire.methods import CallMethod
from mediator.wire.receiver import TASKS
from tests.promises import promise
from tests.simulated.arrivals import enveloped
from tests.simulated.world import (
    WEATHER_READ,
    SimulatedTask,
    SimulatedWorld,
    arrival_of,
    error_of,
    owned,
    refusal,
    result_of,
    text_of,
)

CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
ABLE: JsonObject = {"extensions": {TASKS: {}}, "elicitation": {}}
SEED: JsonObject = {
    "taskId": "their-id",
    "status": "working",
    "createdAt": "2026-11-27T10:00:00Z",
    "lastUpdatedAt": "2026-11-27T10:00:00Z",
    "ttlMs": 60_000,
    "pollIntervalMs": 500,
}
RAIN: JsonObject = {"content": [{"type": "text", "text": "rain"}]}
ASK: JsonObject = {"method": "elicitation/create", "params": {"message": "Which?", "requestedSchema": {}}}
SAMPLE: JsonObject = {"method": "sampling/createMessage", "params": {"messages": []}}


class TaskServer:
    """A tool server that makes an mcp task of each call, and says how it stands as the test wants it."""

    def __init__(self) -> None:
        self.stands: JsonObject = {"status": "working"}
        self.acknowledges: JsonObject = {"resultType": "complete"}

    def __call__(self, permit: Permit) -> ToolResult:
        match permit.forwarded.method:
            case CallMethod.TASK_GET:
                body = {**SEED, "resultType": "complete", **self.stands}
            case CallMethod.TOOL:
                body = {**SEED, "resultType": "task"}
            case _:
                body = self.acknowledges
        return ToolResult(result=body, error=None, size_bytes=len(canonical_bytes(body)), noise=0)


@pytest.fixture
def server() -> TaskServer:
    return TaskServer()


@pytest.fixture
def world(server: TaskServer) -> SimulatedWorld:
    world = SimulatedWorld()
    world.pin(WEATHER_READ)
    world.tool_server.answer_with("weather/read", server)
    return world


@pytest.fixture
def task(world: SimulatedWorld) -> SimulatedTask:
    return world.open_task(tools="weather/*", max_calls=1)


def asked(task: SimulatedTask, method: str, params: JsonObject, able: JsonObject = ABLE) -> Arrival:
    return arrival_of(enveloped(method, params, meta={CAPABILITIES: able}), bearer=task.token)


def called(task: SimulatedTask, city: str = "Oslo", able: JsonObject = ABLE, **rounds: Json) -> Arrival:
    return asked(task, "tools/call", {"name": "weather__read", "arguments": {"city": city}, **rounds}, able)


async def made(world: SimulatedWorld, task: SimulatedTask) -> str:
    """Have a call become an mcp task, and return by what the agent knows it."""
    result = result_of(await world.corridor.answer(called(task)))
    assert result["resultType"] == "task", result
    handle = result["taskId"]
    assert isinstance(handle, str)
    return handle


async def polled(world: SimulatedWorld, task: SimulatedTask, handle: str) -> Any:
    return result_of(await world.corridor.answer(asked(task, "tasks/get", {"taskId": handle})))


def entry_of(world: SimulatedWorld, number: int = -1) -> dict[str, Any]:
    return dict(world.ledger.decisions[number].record.entry)


@promise("P1", "P8")
async def test_a_call_becomes_a_task_that_is_polled_by_decisions_of_their_own(
    world: SimulatedWorld, task: SimulatedTask, server: TaskServer
) -> None:
    """Issue 4: each poll is a new arrival and a new decision; the agent's id is ours, the server's goes to the server."""
    result = result_of(await world.corridor.answer(called(task)))
    handle = result["taskId"]
    assert handle != SEED["taskId"]
    assert (result["ttlMs"], result["pollIntervalMs"], result["status"]) == (60_000, 500, "working")
    assert (await polled(world, task, handle))["status"] == "working"
    server.stands = {"status": "completed", "result": RAIN}
    done = await polled(world, task, handle)
    assert (done["taskId"], done["resultType"], done["result"]) == (handle, "complete", RAIN)

    first, *polls = (call.permit.forwarded for call in world.tool_server.calls)
    assert first.receiver.capabilities.has_mcp_tasks
    assert [(one.method, one.name, one.arguments) for one in polls] == [(CallMethod.TASK_GET, "their-id", b"{}")] * 2
    entries = [entry_of(world, number) for number in range(3)]
    assert [entry["verdict"] for entry in entries] == ["allow"] * 3
    assert [entry["call"]["method"] for entry in entries] == ["tools/call", "tasks/get", "tasks/get"]
    assert [entry["item"] for entry in entries] == [entries[0]["item"]] * 3
    assert entries[0]["resumes"] is None
    for entry in entries[1:]:
        assert entry["resumes"]["decision"] == entries[0]["id"]
        assert entry["call"]["arguments"] == entries[0]["call"]["arguments"]
        assert entry["request_hash"] != entries[0]["request_hash"]
    outcome = world.ledger.last.outcome
    assert outcome is not None
    result_facts = outcome.entry["result"]
    assert isinstance(result_facts, dict)
    assert result_facts["mcp_task"] == {"status": "completed", "asked": []}


async def test_polls_take_nothing_of_what_is_counted(world: SimulatedWorld, task: SimulatedTask) -> None:
    """Ours: the call was counted; this task had one."""
    handle = await made(world, task)
    for _ in range(3):
        await polled(world, task, handle)
    assert await world.corridor.answer(called(task)) == refusal(Reason.BUDGET_SPENT)


@promise("P1")
async def test_what_a_task_asks_is_decided_and_its_answers_are_part_of_a_decision(
    world: SimulatedWorld, task: SimulatedTask, server: TaskServer
) -> None:
    """SEP-2663, `tasks/update`; P1: what the agent answers is bytes that an agent chose."""
    handle = await made(world, task)
    server.stands = {"status": "input_required", "inputRequests": {"a": ASK}}
    assert (await polled(world, task, handle))["inputRequests"] == {"a": ASK}
    (note,) = world.ledger.notes("ask")
    body = note["body"]
    assert isinstance(body, dict)
    assert (body["method"], body["verdict"], body["decision"]) == (
        "elicitation/create",
        "allow",
        entry_of(world)["id"],
    )

    answers: JsonObject = {"a": {"action": "accept", "content": {"city": "Oslo"}}}
    junk: JsonObject = {"x": {"stolen": "x"}, "y": {}}  # SEP-2663: a server ignores it; it gets no further than here
    update = asked(task, "tasks/update", {"taskId": handle, "inputResponses": {**answers, **junk}})
    acknowledged = result_of(await world.corridor.answer(update))
    assert (acknowledged["resultType"], "taskId" in acknowledged) == ("complete", False)
    forwarded = world.tool_server.calls[-1].permit.forwarded
    assert (forwarded.method, forwarded.name) == (CallMethod.TASK_UPDATE, "their-id")
    assert (forwarded.answers, forwarded.state) == (canonical_bytes(answers), None)
    assert entry_of(world)["call"]["answers"] == digest_of(answers)
    assert world.ledger.last.record.values["answers"] == answers


@promise("P1", "P6")
@pytest.mark.usefixtures("server")
async def test_a_task_is_not_answered_what_its_server_may_not_ask(world: SimulatedWorld, task: SimulatedTask) -> None:
    """ADR 11: whether it asked or not."""
    handle = await made(world, task)
    sampled: JsonObject = {"role": "assistant", "content": {"type": "text", "text": "x"}}
    called = len(world.tool_server.calls)
    await world.corridor.answer(asked(task, "tasks/update", {"taskId": handle, "inputResponses": {"a": sampled}}))
    assert len(world.tool_server.calls) == called
    assert entry_of(world)["verdict"] == "deny"


@promise("P7")
async def test_a_task_that_asks_what_no_policy_permits_is_not_told(
    world: SimulatedWorld, task: SimulatedTask, server: TaskServer
) -> None:
    """Issue 4: default deny for sampling, whatever way it is asked."""
    handle = await made(world, task)
    server.stands = {"status": "input_required", "inputRequests": {"a": SAMPLE}}
    able: JsonObject = {**ABLE, "sampling": {}}
    reply = await world.corridor.answer(asked(task, "tasks/get", {"taskId": handle}, able))
    assert reply == refusal(Reason.DENIED_BY_POLICY)


async def test_a_task_is_cancelled_by_a_decision(world: SimulatedWorld, task: SimulatedTask) -> None:
    """SEP-2663, `tasks/cancel`: an empty acknowledgement."""
    handle = await made(world, task)
    acknowledged = result_of(await world.corridor.answer(asked(task, "tasks/cancel", {"taskId": handle})))
    assert acknowledged.keys() == {"resultType", "_meta"}
    assert world.tool_server.calls[-1].permit.forwarded.method is CallMethod.TASK_CANCEL


async def test_a_task_that_its_server_does_not_know_any_more_is_its_servers_error(
    world: SimulatedWorld, task: SimulatedTask
) -> None:
    """SEP-2663: -32602 from the server, passed on."""
    handle = await made(world, task)
    error: JsonObject = {"code": -32602, "message": "Task not found"}
    world.tool_server.answer_with("weather/read", lambda _: ToolResult(result=None, error=error, size_bytes=9, noise=0))
    reply = await world.corridor.answer(asked(task, "tasks/get", {"taskId": handle}))
    assert (error_of(reply), reply.status) == (error, 400)


async def test_a_call_that_was_asked_back_about_may_become_a_task(
    world: SimulatedWorld, task: SimulatedTask, server: TaskServer
) -> None:
    """SEP-2663: rounds first, then the task; its id is not the state of the round."""
    question: JsonObject = {"resultType": "input_required", "inputRequests": {"a": ASK}, "requestState": "theirs"}
    world.tool_server.answer_with("weather/read", question)
    state = result_of(await world.corridor.answer(called(task)))["requestState"]
    world.tool_server.answer_with("weather/read", server)
    other = world.open_task(tools="weather/*")
    round_two = called(task, inputResponses={"a": {"action": "accept"}}, requestState=state)
    task_two = replace(task, token=world.token_for(other.grant))
    assert await world.corridor.answer(round_two) == refusal(Reason.BUDGET_SPENT)  # each round is a call
    state = f"{other.grant.id}|{state.partition('|')[2]}"
    made_now = result_of(await world.corridor.answer(called(task_two, requestState=state)))
    assert (made_now["resultType"], made_now["taskId"] != state) == ("task", True)
    assert (await polled(world, task_two, made_now["taskId"]))["status"] == "working"


async def test_with_arguments_that_a_handle_cannot_hold_a_server_is_not_told_of_tasks(
    world: SimulatedWorld, task: SimulatedTask
) -> None:
    """Ours: what is asked of a task is judged as its call was, with all its arguments, or there is no task."""
    world.tool_server.answer_with("weather/read", RAIN)
    assert text_of(await world.corridor.answer(called(task, city="x" * 4096))) == "rain"
    assert not world.tool_server.calls[-1].permit.forwarded.receiver.capabilities.has_mcp_tasks


async def test_where_the_setting_refuses_tasks_there_are_none(world: SimulatedWorld, task: SimulatedTask) -> None:
    """`[server] extensions = []`: not declared, not forwarded, not served."""
    world.corridor.facts = replace(world.corridor.facts, extensions=())
    assert await world.corridor.answer(called(task)) == refusal(Reason.TOOL_SERVER_INVALID)
    assert not world.tool_server.calls[-1].permit.forwarded.receiver.capabilities.has_mcp_tasks
    reply = await world.corridor.answer(asked(task, "tasks/get", {"taskId": "x"}))
    assert (error_of(reply)["code"], reply.status) == (-32601, 404)
    discovered = result_of(await world.answer(enveloped("server/discover"), bearer=task.token))
    assert "extensions" not in discovered["capabilities"]


async def test_who_did_not_declare_tasks_is_told_what_to_declare(world: SimulatedWorld, task: SimulatedTask) -> None:
    """SEP-2663: -32021, status 400, the extension by name."""
    reply = await world.corridor.answer(asked(task, "tasks/get", {"taskId": "x"}, able={}))
    assert (error_of(reply)["code"], reply.status) == (-32021, 400)
    assert error_of(reply)["data"]["requiredCapabilities"] == {"extensions": {TASKS: {}}}
    assert world.ledger.decisions == []


@promise("P8")
@pytest.mark.parametrize("is_ours", [True, False])
async def test_a_recorded_poll_comes_out_the_same(world: SimulatedWorld, task: SimulatedTask, is_ours: bool) -> None:
    """P8: replay, also of one whose handle did not open."""
    handle = await made(world, task)
    await world.corridor.answer(asked(task, "tasks/get", {"taskId": handle if is_ours else "x"}))
    values = parse_object(canonical_bytes(world.ledger.last.record.values))
    (entry,) = [entry for entry in world.ledger.notes("decision") if entry["id"] == values["id"]]
    assert (entry["verdict"] == "allow") is is_ours
    entry = parse_object(canonical_bytes(entry))
    assert replay(entry, values, world.trust.snapshot()) == recorded(entry)


async def test_policies_tell_polls_from_calls_and_see_the_arguments_of_the_call(world: SimulatedWorld) -> None:
    """Ours: the item's own action, `context.method`, and the arguments that the call had."""
    world.activate(
        """
        @id("all") @reason("all") permit (principal, action, resource);
        @id("no-cancel") @reason("it must finish")
        forbid (principal, action == Mediator::Action::"weather/read", resource)
        when { context.method == "tasks/cancel" && context.args has city && context.args.city == "Oslo" };
        """
    )
    task = world.open_task(tools="weather/*")
    handle = await made(world, task)
    reply = await world.corridor.answer(asked(task, "tasks/cancel", {"taskId": handle}))
    assert reply == refusal(Reason.DENIED_BY_POLICY)
    assert (await polled(world, task, handle))["status"] == "working"


async def test_headers_of_the_arguments_are_no_matter_of_a_poll(server: TaskServer) -> None:
    """MCP 2026-07-28, "Custom Headers": they belong to `tools/call`."""
    world = SimulatedWorld()
    tool = owned("weather/read", "city")
    schema: JsonObject = {"type": "object", "properties": {"city": {"type": "string", "x-mcp-header": "City"}}}
    world.pin(replace(tool, definition={**tool.definition, "inputSchema": schema}))
    world.tool_server.answer_with("weather/read", server)
    task = world.open_task(tools="weather/*")
    call = called(task)
    result = result_of(await world.corridor.answer(replace(call, headers=(*call.headers, ("mcp-param-city", "Oslo")))))
    assert (await polled(world, task, result["taskId"]))["status"] == "working"
