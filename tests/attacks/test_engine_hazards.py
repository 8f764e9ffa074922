"""The hazards of the policy engine, each of them tried through the whole mediator: none lets a call by (A1).

Each was reproduced on Cedar alone, where the answer is Allow, or no answer at all.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import Json, JsonObject
from mediator.policy.finding import PolicySetInvalid
from mediator.refusal import Reason
from tests.promises import promise
from tests.simulated.policies import FOR_BEARERS
from tests.simulated.replies import refusal_of, tools_call
from tests.simulated.world import OwnedTool, SimulatedWorld, refusal

SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "path": {"type": "string"},
        "note": {"type": ["string", "null"]},
        "n": {"type": "integer"},
        "ratio": {"type": "number"},
        "free": {"type": "object"},
    },
}
TOOL = OwnedTool(
    server="files",
    definition={"name": "fetch", "description": "Fetch.", "inputSchema": SCHEMA},
    declared={"effect": "read", "targets": {"/path": "path"}},
)
SCOPE = 'principal, action == Mediator::Action::"files/fetch", resource'


def policy(name: str, text: str) -> str:
    return f'@id("{name}") @reason("{name}") {text}'


@pytest.fixture
def fetching(world: SimulatedWorld) -> SimulatedWorld:
    world.pin(TOOL)
    return world


def with_policies(*texts: str) -> dict[str, str]:
    return {**FOR_BEARERS, "zz.cedar": "\n".join(texts)}


UNSAFE = {
    "1 an attribute that is not there": policy("p", f"forbid ({SCOPE}) when {{ context.nope == 1 }};"),
    "2 an argument that may be absent": policy("p", f'forbid ({SCOPE}) when {{ context.args.path like "/etc*" }};'),
    "2 a justification that may be absent": policy("p", f'forbid ({SCOPE}) when {{ context.justification.by == "agent" }};'),
    "2 a number's bound that may be absent": policy(
        "p", f'forbid ({SCOPE}) when {{ context.args has ratio && context.args.ratio.high.greaterThan(decimal("1.0")) }};'
    ),
    "8 no id": f'@reason("r") forbid ({SCOPE});',
    "8 an id twice": policy("p", f"forbid ({SCOPE});") + policy("p", f"permit ({SCOPE});"),
    "8 the engine's own name for another": policy("calls-that-the-grant-covers", f"forbid ({SCOPE});"),
}  # fmt: skip


@promise("P7")
@pytest.mark.parametrize("name", UNSAFE)
def test_a_policy_that_the_engine_would_skip_is_never_in_force(fetching: SimulatedWorld, name: str) -> None:
    """Hazards 1, 2 and 8: a forbid whose evaluation fails is skipped, so such a set is refused as a whole."""
    before = fetching.trust.snapshot()
    with pytest.raises(PolicySetInvalid):
        fetching.activate(with_policies(UNSAFE[name]))
    assert fetching.trust.snapshot() is before


UNLESS_TMP = policy("only-tmp", f'forbid ({SCOPE}) unless {{ context.args has path && context.args.path == "/tmp" }};')
SMUGGLED: dict[str, JsonObject] = {
    "3 an entity for a path": {"path": {"__entity": {"type": "Mediator::User", "id": "x"}}},
    "3 an extension for a path": {"path": {"__extn": {"fn": "ip", "arg": "127.0.0.1"}}},
    "3 an entity in what is free": {"path": "/tmp", "free": {"x": {"__entity": {"type": "Mediator::User", "id": "x"}}}},
    "3 an extension as a free object": {"path": "/tmp", "free": {"__extn": {"fn": "decimal", "arg": "1.0"}}},
    "5 an argument that is not pinned": {"path": "/tmp", "target": "/etc"},
    "5 the context's own words": {"path": "/tmp", "grant": {"covers": True}},
}


@promise("P1", "P7")
@pytest.mark.parametrize("name", SMUGGLED)
async def test_nothing_that_an_agent_sends_becomes_something_else_inside_the_engine(
    fetching: SimulatedWorld, name: str
) -> None:
    """Hazards 3 and 5: refused before the engine, with the place; arguments are a closed world."""
    fetching.activate(with_policies(UNLESS_TMP))
    task = fetching.open_task(tools="files/*")
    assert (await fetching.answer(tools_call("files__fetch", **SMUGGLED[name]), bearer=task.token)) == refusal(
        Reason.ARGUMENTS_INVALID
    )
    assert fetching.tool_server.calls == []


WHOLE = policy(
    "sees-all", f"permit ({SCOPE}) when {{ context.args == context.args && context.nulls == context.nulls }};"
)
FITTING: dict[str, dict[str, Json]] = {
    "4 a float": {"ratio": 0.1},
    "4 a float without end": {"ratio": 1.0e300},
    "4 a tiny float": {"ratio": -5e-324},
    "4 null": {"note": None},
    "4 the largest integer": {"n": 2**53 - 1},
    "4 a large number": {"ratio": 2.0**70},
    "4 a large number in what is free": {"ratio": 1, "path": "/tmp"},
}


@promise("P7")
@pytest.mark.parametrize("name", FITTING)
async def test_no_number_and_no_null_leaves_the_engine_without_an_answer(fetching: SimulatedWorld, name: str) -> None:
    """Hazard 4: a float, null and 2^63 leave Cedar without a decision for the whole request."""
    fetching.activate(with_policies(WHOLE))
    task = fetching.open_task(tools="files/*")
    await fetching.answer(tools_call("files__fetch", **FITTING[name]), bearer=task.token)
    decision = fetching.ledger.last.decision.decision
    assert decision is not None
    assert "sees-all" in decision.determining


@promise("P7", "P11")
async def test_an_integer_that_is_none_exactly_is_refused_in_words(fetching: SimulatedWorld) -> None:
    """Hazard 4, RFC 7493: beyond 2^53-1 two readers may take it for two numbers."""
    task = fetching.open_task(tools="files/*")
    for number in (2.0**53, 2.0**63, -(2.0**64)):  # each written as an integer is
        reply = await fetching.answer(tools_call("files__fetch", n=number), bearer=task.token)
        assert reply == refusal(Reason.ARGUMENTS_INVALID)
    assert fetching.tool_server.calls == []


@promise("P1", "P7")
@pytest.mark.parametrize(
    "path",
    [
        "/srv/data/../../etc/passwd",
        "/srv/data/%2e%2e/x",
        "/srv/data//x",
        "/srv/data/./x",
        "/srv/data/..\\x",
        "srv/data/x",
    ],
)
async def test_a_pattern_is_not_climbed_out_of(fetching: SimulatedWorld, path: str) -> None:
    """Hazard 6: `like "/srv/data/*"` matches `/srv/data/../../etc/passwd`. A declared target has one form, or is refused."""
    fence = policy(
        "fence", f'forbid ({SCOPE}) unless {{ context.args has path && context.args.path like "/srv/data/*" }};'
    )
    fetching.activate(with_policies(fence))
    task = fetching.open_task(tools="files/*")
    assert (await fetching.answer(tools_call("files__fetch", path=path), bearer=task.token)) == refusal(
        Reason.ARGUMENTS_INVALID
    )
    assert fetching.tool_server.calls == []
    await fetching.answer(tools_call("files__fetch", path="/srv/data/x"), bearer=task.token)
    assert [call.arguments for call in fetching.tool_server.calls] == [{"path": "/srv/data/x"}]


@promise("P5", "P7", "P11")
async def test_what_the_engine_says_of_its_errors_goes_nowhere(fetching: SimulatedWorld) -> None:
    """Hazard 7: its texts echo the whole context. A code is told and recorded."""
    overflow = policy(
        "over", f"forbid ({SCOPE}) when {{ context.args has n && context.args.n * 9223372036854775807 > 0 }};"
    )
    fetching.activate(with_policies(overflow))
    task = fetching.open_task(tools="files/*", purpose="the plugh of the maze")
    reply = await fetching.answer(tools_call("files__fetch", n=7777, path="/tmp/xyzzy"), bearer=task.token)
    assert reply == refusal(Reason.POLICY_ERROR)
    assert set(refusal_of(reply)) == {"reason", "decision_id", "remedy"}
    for told in (str(reply.body), str(fetching.ledger.last.record.entry), str(fetching.alarms)):
        for value in ("xyzzy", "plugh", "7777", "overflow"):
            assert value not in told
