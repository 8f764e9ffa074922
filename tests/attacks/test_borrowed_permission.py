"""An agent that policy forbids something has another do it, under authority that it hands on (A1, A4).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tests.promises import promise
from tests.simulated.policies import DEFAULT_POLICIES
from tests.simulated.world import WEATHER_READ, SimulatedWorld, refusal_of, tools_call

CALL: Final = tools_call("weather__read", city="Oslo")
FORBIDDEN: Final = """
@id("planner-calls-nothing")
@reason("the planner calls nothing")
forbid (principal == Mediator::Agent::"planner", action in Mediator::Action::"call_tool", resource);
"""


@promise("P4")
async def test_what_policy_forbids_an_agent_it_has_no_other_do_for_it(world: SimulatedWorld) -> None:
    """P4: what comes of two agents is no more than either may. Of what stands above, policies see names alone."""
    world.pin(WEATHER_READ)
    world.activate({**DEFAULT_POLICIES, "zz.cedar": FORBIDDEN})
    task = world.open_task(tools="weather/read")
    root = replace(task.grant, max_depth=1, keyid="key of planner")
    world.store.grants[root.id] = root
    child = replace(root, id="grant-1", parent=root.id, agent="worker", depth=1)
    world.store.open_grant(child)

    assert refusal_of(await world.answer(CALL, bearer=task.token))["reason"] == "DENIED_BY_POLICY"
    assert refusal_of(await world.answer(CALL, bearer=world.token_for(child)))["reason"] == "DENIED_BY_POLICY"
