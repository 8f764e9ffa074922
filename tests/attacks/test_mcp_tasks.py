"""Mcp tasks in the wrong hands, and from tool servers that mean harm (A4, A6).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.adapters.handles_aesgcm import SealedHandles
from mediator.canonical import JsonObject
from mediator.evidence import Secret
from mediator.inspection.result import ToolResult
from mediator.mediation.permit import Permit
from mediator.refusal import Reason
from mediator.wire.arrival import Arrival
from mediator.wire.methods import CallMethod
from mediator.wire.receiver import TASKS
from tests.promises import promise
from tests.simulated.arrivals import enveloped
from tests.simulated.world import (
    SimulatedTask,
    SimulatedWorld,
    arrival_of,
    error_of,
    owned,
    refusal,
    result_of,
)

METHODS = ("tasks/get", "tasks/update", "tasks/cancel")
ABLE: JsonObject = {"io.modelcontextprotocol/clientCapabilities": {"extensions": {TASKS: {}}}}
THEIRS = "786512e2-9e0d-44bd-8f29-789f320fe840"
SEED: JsonObject = {
    "taskId": THEIRS,
    "status": "working",
    "createdAt": "2026-11-27T10:00:00Z",
    "lastUpdatedAt": "2026-11-27T10:00:00Z",
    "ttlMs": None,
}
RAIN: JsonObject = {"content": [{"type": "text", "text": "rain"}]}
OUTPUT: JsonObject = {"type": "object", "properties": {"mm": {"type": "number"}}, "required": ["mm"]}


@pytest.fixture
def world() -> SimulatedWorld:
    world = SimulatedWorld()
    world.pin(owned("weather/read", "city", output=OUTPUT), owned("mail/read"))
    stands(world, {"status": "working"})
    return world


def stands(world: SimulatedWorld, how: JsonObject) -> None:
    """Have the server say this of the task, whenever it is asked."""

    def answer(permit: Permit) -> ToolResult:
        is_call = permit.forwarded.method is CallMethod.TOOL
        body: JsonObject = {**SEED, "resultType": "task"} if is_call else {**SEED, "resultType": "complete", **how}
        return ToolResult(result=body, error=None, size_bytes=99, noise=0)

    world.tool_server.answer_with("weather/read", answer)


def asked(task: SimulatedTask, method: str, handle: str, server: str | None = None) -> Arrival:
    params: JsonObject = {"taskId": handle}
    if method == "tasks/update":
        params["inputResponses"] = {}
    return arrival_of(enveloped(method, params, meta=ABLE), bearer=task.token, server=server)


def called(task: SimulatedTask, meta: JsonObject = ABLE, **rounds: str) -> Arrival:
    params: JsonObject = {"name": "weather__read", "arguments": {"city": "Oslo"}, **rounds}
    return arrival_of(enveloped("tools/call", params, meta=meta), bearer=task.token)


async def made(world: SimulatedWorld, task: SimulatedTask) -> str:
    return str(result_of(await world.corridor.answer(called(task)))["taskId"])


@promise("P4", "P7")
@pytest.mark.parametrize("method", METHODS)
async def test_a_task_answers_to_no_other_grant_and_to_no_guess(world: SimulatedWorld, method: str) -> None:
    """Issue 4: handles are sealed, and bound to the grant that received them; each attempt is on record."""
    mine, others = world.open_task(tools="*/*"), world.open_task(agent="painter", tools="*/*")
    handle = await made(world, mine)
    sent = len(world.tool_server.calls)
    for task, shown in ((others, handle), (mine, THEIRS), (others, THEIRS), (mine, f"x{handle}"), (mine, "\u20ac")):
        reply = await world.corridor.answer(asked(task, method, shown))
        assert (error_of(reply)["code"], reply.status) == (-32602, 400)
        assert THEIRS not in str(error_of(reply)["message"])
        assert world.ledger.last.record.entry["verdict"] == "deny"
    assert len(world.tool_server.calls) == sent


def test_a_handle_is_visible_ascii_and_shows_nothing_of_the_servers_id() -> None:
    """Issue 4; it comes back in a header (SEP-2663)."""
    handle = SealedHandles(Secret("k" * 32)).seal(b'{"t":"their-id","x":"' + b"y" * 4096 + b'"}', "g-1")
    assert handle.isascii()
    assert handle.isprintable()
    assert len(handle) < 8192
    assert "their-id" not in handle
    assert SealedHandles(Secret("k" * 32)).open(handle[:-4] + "AAA=", "g-1") is None


@promise("P4", "P7")
async def test_a_poll_after_the_grant_was_revoked_gets_nothing(world: SimulatedWorld) -> None:
    """P4: the result of what was allowed then is not given now."""
    task = world.open_task(tools="weather/*")
    handle = await made(world, task)
    world.revoke(task)
    sent = len(world.tool_server.calls)
    for method in METHODS:
        assert await world.corridor.answer(asked(task, method, handle)) == refusal(Reason.GRANT_REVOKED)
    assert len(world.tool_server.calls) == sent


@promise("P2", "P7")
async def test_a_task_of_a_tool_that_has_drifted_is_gone_with_it(world: SimulatedWorld) -> None:
    """P2: what is quarantined is not asked about either."""
    task = world.open_task(tools="weather/*")
    handle = await made(world, task)
    world.quarantine("weather", "read")
    assert await world.corridor.answer(asked(task, "tasks/get", handle)) == refusal(Reason.UNKNOWN_TOOL)


@promise("P4")
async def test_a_handle_is_good_at_its_servers_endpoint_and_at_no_other(world: SimulatedWorld) -> None:
    """Ours: an endpoint for one server has nothing of another."""
    task = world.open_task(tools="*/*")
    handle = await made(world, task)
    here = asked(task, "tasks/get", handle, server="weather")
    there = asked(task, "tasks/get", handle, server="mail")
    assert result_of(await world.corridor.answer(here))["status"] == "working"
    assert error_of(await world.corridor.answer(there))["code"] == -32602


@promise("P4")
async def test_a_handle_outlives_no_grant_and_serves_as_no_state(world: SimulatedWorld) -> None:
    """Ours: it ends with its grant, and is good for what is asked of an mcp task alone."""
    task = world.open_task(tools="weather/*", minutes=1)
    handle = await made(world, task)
    assert error_of(await world.corridor.answer(called(task, requestState=handle)))["code"] == -32602
    world.clock.advance(ms=61_000)
    assert await world.corridor.answer(asked(task, "tasks/get", handle)) == refusal(Reason.GRANT_EXPIRED)


@promise("P3")
@pytest.mark.parametrize(
    "how",
    [
        {"status": "completed", "result": RAIN},
        {"status": "completed", "result": {**RAIN, "structuredContent": {"mm": "much"}}},
        {"status": "working", "result": {**RAIN, "structuredContent": {"mm": 1}}},
        {"taskId": "another"},
        {"resultType": "input_required", "inputRequests": {}},
    ],
    ids=str,
)
async def test_a_result_that_no_call_could_give_comes_by_no_task_either(world: SimulatedWorld, how: JsonObject) -> None:
    """P3: the pinned output schema holds; nothing hides under another status or another task's name."""
    task = world.open_task(tools="weather/*")
    handle = await made(world, task)
    stands(world, how)
    assert await world.corridor.answer(asked(task, "tasks/get", handle)) == refusal(Reason.TOOL_SERVER_INVALID)


@promise("P3")
@pytest.mark.parametrize("method", ["tasks/update", "tasks/cancel"])
async def test_an_acknowledgement_carries_no_result_and_no_question(world: SimulatedWorld, method: str) -> None:
    """P3: what was not inspected as what it is does not leave."""
    task = world.open_task(tools="weather/*")
    handle = await made(world, task)
    hows: list[JsonObject] = [
        {"status": "completed", "result": RAIN},
        {"resultType": "input_required", "inputRequests": {}},
    ]
    for how in hows:
        stands(world, how)
        assert await world.corridor.answer(asked(task, method, handle)) == refusal(Reason.TOOL_SERVER_INVALID)


@promise("P3")
async def test_a_task_for_who_did_not_ask_for_any_is_withheld(world: SimulatedWorld) -> None:
    """SEP-2663: a server must not; the agent would wait for a result that it cannot fetch."""
    task = world.open_task(tools="weather/*")
    reply = await world.corridor.answer(called(task, meta={}))
    assert reply == refusal(Reason.TOOL_SERVER_INVALID)
    assert THEIRS not in str(result_of(reply))
