"""An agent that policy forbids something has another do it, under authority that it hands on (A1, A4).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from mediator.canonical import Json, JsonObject
from mediator.delegation.grant import Grant
from mediator.inspection.result import ToolResult
from mediator.mediation.permit import Permit
from mediator.wire.arrival import Arrival
from tests.promises import promise
from tests.simulated.arrivals import enveloped
from tests.simulated.policies import DEFAULT_POLICIES
from tests.simulated.world import (
    WEATHER_READ,
    SimulatedTask,
    SimulatedWorld,
    arrival_of,
    refusal_of,
    result_of,
    text_of,
    tools_call,
    tools_list,
)

CALL: Final = tools_call("weather__read", city="Oslo")
ACCEPTED: Final[JsonObject] = {"action": "accept", "content": {"city": "Oslo"}}
RAIN: Final[JsonObject] = {"content": [{"type": "text", "text": "rain"}]}
ASKED: Final[JsonObject] = {
    "method": "elicitation/create",
    "params": {"message": "Which?", "requestedSchema": {"type": "object"}},
}
AGENTS: Final = ("planner", "middleman", "worker")


def handed_down(world: SimulatedWorld) -> tuple[SimulatedTask, Grant]:
    """Return the planner's task, and what came of it to the worker by way of a middleman."""
    task = world.open_task(tools="weather/read")
    root = replace(task.grant, max_depth=2, keyid="key of planner")
    middle = replace(root, id="grant-1", parent=root.id, agent="middleman", depth=1)
    last = replace(middle, id="grant-2", parent=middle.id, agent="worker", depth=2)
    world.store.grants[root.id] = root
    world.store.open_grant(middle)
    world.store.open_grant(last)
    return task, last


def forbid(world: SimulatedWorld, action: str, agent: str) -> None:
    """Forbid one agent one action, whatever the item."""
    policy = f"""
    @id("not-{agent}")
    @reason("{agent} is not to")
    forbid (principal == Mediator::Agent::"{agent}", action in Mediator::Action::"{action}", resource);
    """
    world.activate({**DEFAULT_POLICIES, "zz.cedar": policy})


def call_of(world: SimulatedWorld, grant: Grant, **rounds: Json) -> Arrival:
    """Return the worker's call, by a client that can be asked."""
    meta: JsonObject = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}
    params: JsonObject = {"name": "weather__read", "arguments": {"city": "Oslo"}, **rounds}
    return arrival_of(enveloped("tools/call", params, meta=meta), bearer=world.token_for(grant))


@pytest.fixture
def world() -> SimulatedWorld:
    world = SimulatedWorld()
    world.pin(WEATHER_READ)
    world.tool_server.answer_with("weather/read", RAIN)
    return world


@promise("P4")
@pytest.mark.parametrize("agent", AGENTS)
async def test_what_policy_forbids_an_agent_it_has_no_other_do_for_it(world: SimulatedWorld, agent: str) -> None:
    """P4: what comes of several agents is no more than each may. Of what stands above, policies see names alone."""
    task, last = handed_down(world)
    assert text_of(await world.answer(CALL, bearer=world.token_for(last))) == "rain"
    forbid(world, "call_tool", agent)

    told = await world.answer(CALL, bearer=world.token_for(last))

    assert refusal_of(told)["reason"] == "DENIED_BY_POLICY"
    assert f"{agent} is not to" in text_of(told)
    own = await world.answer(CALL, bearer=task.token)
    assert refusal_of(own)["reason"] == "DENIED_BY_POLICY" if agent == "planner" else text_of(own) == "rain"


@promise("P3", "P4")
@pytest.mark.parametrize("agent", AGENTS)
async def test_what_an_agent_may_not_see_nobody_sees_for_it(world: SimulatedWorld, agent: str) -> None:
    """P3: neither in a list nor by its name."""
    _, last = handed_down(world)
    assert result_of(await world.answer(tools_list(), bearer=world.token_for(last)))["tools"]
    forbid(world, "list", agent)

    listed = await world.answer(tools_list(), bearer=world.token_for(last))

    assert result_of(listed)["tools"] == []
    assert refusal_of(await world.answer(CALL, bearer=world.token_for(last)))["reason"] == "UNKNOWN_TOOL"
    assert world.tool_server.calls == []


@promise("P4", "P8")
@pytest.mark.parametrize("agent", AGENTS)
async def test_what_no_server_may_ask_under_an_agent_it_asks_of_nobody_below(world: SimulatedWorld, agent: str) -> None:
    """P8: neither is the question put, nor an answer to it taken that nobody asked for."""
    _, last = handed_down(world)

    def asks(_permit: Permit) -> ToolResult:
        told: JsonObject = {"resultType": "input_required", "inputRequests": {"a": ASKED}}
        return ToolResult(result=told, error=None, size_bytes=99, noise=0)

    world.tool_server.answer_with("weather/read", asks)
    assert "inputRequests" in result_of(await world.corridor.answer(call_of(world, last)))
    forbid(world, "elicit", agent)

    asked = await world.corridor.answer(call_of(world, last))
    assert refusal_of(asked)["reason"] == "DENIED_BY_POLICY"
    noted = world.ledger.notes("ask")[-1]["body"]
    assert isinstance(noted, dict)
    assert (noted["verdict"], noted["policies"]) == ("deny", [f"not-{agent}"])
    reached = len(world.tool_server.calls)
    volunteered = await world.corridor.answer(call_of(world, last, inputResponses={"a": ACCEPTED}))
    assert refusal_of(volunteered)["reason"] == "DENIED_BY_POLICY"
    assert len(world.tool_server.calls) == reached
