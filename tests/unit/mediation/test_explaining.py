"""A recorded decision, explained: what policy was asked is heard, and what is not as it was then is not guessed at.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mediator.canonical import JsonObject, canonical_bytes, parse_object
from mediator.kind import ItemKind
from mediator.mediation import explaining
from mediator.mediation.explaining import recall
from mediator.mediation.trust import TrustSnapshot
from mediator.policy.decision import Decision, Verdict
from mediator.policy.request import Action
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.forged_tokens import KEYS
from tests.simulated.world import FILES_WRITE, WEATHER_READ, SimulatedWorld, tools_call
from tests.unit.policy.facts import DELEGATION, ask, call

FORBID_OSLO = """
@id("no-oslo") @reason("not of Oslo")
forbid (principal, action == Mediator::Action::"weather/read", resource) when { context.args has city && context.args.city == "Oslo" };
@id("hidden") @reason("not for the planner")
forbid (principal, action == Mediator::Action::"list", resource == Mediator::Tool::"files/write");
"""


@pytest.fixture
def world() -> SimulatedWorld:
    world = SimulatedWorld()
    world.pin(WEATHER_READ, FILES_WRITE)
    return world


async def kept(world: SimulatedWorld, asked: JsonObject, **task: Any) -> tuple[JsonObject, JsonObject, TrustSnapshot]:
    """Return entry and values of one call as they were written, and the snapshot."""
    await world.answer(asked, bearer=world.open_task(**task).token)
    values = parse_object(canonical_bytes(world.ledger.last.record.values))
    (entry,) = [entry for entry in world.ledger.notes("decision") if entry["id"] == values["id"]]
    return parse_object(canonical_bytes(entry)), values, world.trust.snapshot()


@promise("P8")
async def test_an_allow_turned_on_the_question_of_the_call(world: SimulatedWorld) -> None:
    """Ours: with all that policy was shown then."""
    entry, values, snapshot = await kept(world, tools_call("weather__read", city="Oslo"))
    found = recall(entry, values, snapshot)
    assert found.is_the_same
    assert found.question is not None
    assert (found.question.action, found.question.key) == (Action.CALL, "weather/read")
    assert found.question.arguments == {"city": "Oslo"}


@promise("P8")
@pytest.mark.parametrize(
    ("tool", "arguments", "action"),
    [("weather__read", {"city": "Oslo"}, Action.CALL), ("files__write", {"path": "/a", "text": "b"}, Action.LIST)],
)
async def test_a_denial_turned_on_the_question_that_was_denied(
    world: SimulatedWorld, tool: str, arguments: Any, action: Action
) -> None:
    """Ours: be it whether the tool may be seen."""
    world.activate({**world.policies, "mine.cedar": FORBID_OSLO})
    entry, values, snapshot = await kept(world, tools_call(tool, **arguments))
    found = recall(entry, values, snapshot)
    assert entry["verdict"] == "deny"
    assert found.question is not None
    assert (found.question.action, found.is_the_same) == (action, True)


async def test_what_was_stopped_before_policy_turned_on_no_question(world: SimulatedWorld) -> None:
    """Ours: an unknown tool is asked about by nobody."""
    entry, values, snapshot = await kept(world, tools_call("weather__write"))
    found = recall(entry, values, snapshot)
    assert (found.question, found.is_the_same) == (None, True)


async def test_other_keys_play_no_part_and_another_address_is_that_of_the_grant(world: SimulatedWorld) -> None:
    """Ours: keys are rotated, and a command is not told where the mediator listened."""
    entry, values, snapshot = await kept(world, tools_call("weather__read", city="Oslo"))
    assert KEYS.digest != snapshot.keys.digest
    elsewhere = replace(snapshot, keys=KEYS, audience="http://127.0.0.1:1")
    assert recall(entry, values, elsewhere).is_the_same


async def test_a_decision_that_comes_out_otherwise_says_so(world: SimulatedWorld) -> None:
    """Ours: as where a pin was approved again, or a record is not what was written."""
    entry, values, snapshot = await kept(world, tools_call("weather__read", city="Oslo"))
    assert not recall({**entry, "verdict": "deny", "reason": "FROZEN"}, values, snapshot).is_the_same


@promise("P8")
async def test_without_the_values_or_the_trust_of_then_nothing_is_guessed(world: SimulatedWorld) -> None:
    """Issue 7: says so plainly."""
    entry, values, snapshot = await kept(world, tools_call("weather__read", city="Oslo"))
    with pytest.raises(Refused) as erased:
        recall(entry, None, snapshot)
    assert erased.value.reason is Reason.MALFORMED
    assert "erased" in str(erased.value.detail)

    world.activate({**world.policies, "mine.cedar": FORBID_OSLO})
    with pytest.raises(Refused) as other_policies:
        recall(entry, values, world.trust.snapshot())
    assert other_policies.value.reason is Reason.SNAPSHOT_TOO_OLD
    assert "policies" in str(other_policies.value.detail)

    gone = replace(snapshot, pins=snapshot.pins.without(frozenset({("weather", ItemKind.TOOL, "read")})))
    with pytest.raises(Refused) as unpinned:
        recall(entry, values, gone)
    assert unpinned.value.reason is Reason.SNAPSHOT_TOO_OLD
    assert "`weather/read` is no longer pinned" in str(unpinned.value.detail)


@promise("P7")
@pytest.mark.parametrize("grants", [[], None, [1], "x"])
async def test_what_cannot_be_read_is_malformed(world: SimulatedWorld, grants: Any) -> None:
    """Ours: total over any entry."""
    entry, values, snapshot = await kept(world, tools_call("weather__read", city="Oslo"))
    circumstances = entry["circumstances"]
    assert isinstance(circumstances, dict)
    broken = {**entry, "circumstances": {**circumstances, "grants": grants}, "item": None}
    if grants == []:
        assert not recall(broken, values, snapshot).is_the_same
    else:
        with pytest.raises(Refused) as malformed:
            recall(broken, values, snapshot)
        assert malformed.value.reason is Reason.MALFORMED


async def test_who_listens_answers_as_the_engine_does(world: SimulatedWorld) -> None:
    """Ours: a delegation, which no recorded call asks about, too."""
    engine = world.trust.snapshot().policies
    listening = explaining._Listening(engine)
    assert listening.digest == engine.digest
    assert listening.evaluate_delegation(DELEGATION) == engine.evaluate_delegation(DELEGATION)
    assert listening.heard == []


def test_an_allow_turned_on_its_call_though_one_way_of_asking_was_denied() -> None:
    """Ours: of an answer that nobody asked for it is enough that the server may ask in one way."""
    allow = Decision(verdict=Verdict.ALLOW, determining=("a",), policy_digest="d")
    deny = Decision(verdict=Verdict.DENY, determining=(), policy_digest="d", reason=Reason.DENIED_BY_POLICY)
    asked = ask(Action.ELICIT)
    heard = [(call(), allow), (asked, deny), (asked, allow)]
    assert explaining._turned_on(heard, "allow") == call()
    assert explaining._turned_on(heard, "deny") == asked
    assert explaining._turned_on([], "deny") is None


@promise("P6", "P8")
async def test_an_approved_decision_is_judged_again_with_its_approvers(world: SimulatedWorld) -> None:
    """Ours: who may approve is asked of the same policies; the question is that of the call, with the approval in it."""
    rule = FORBID_OSLO.split("when {", maxsplit=1)[0] + "unless { context has approval };"
    world.activate({**world.policies, "mine.cedar": rule})
    task = world.open_task(tools="weather/*")
    await world.answer(tools_call("weather__read", city="Oslo"), bearer=task.token)
    (approval_id,) = world.approvals.requests
    world.approvals.approve(approval_id)
    await world.answer(tools_call("weather__read", city="Oslo"), bearer=task.token)
    record = world.ledger.last.record
    found = recall(record.entry, record.values, world.trust.snapshot())
    assert record.entry["verdict"] == "allow"
    assert found.is_the_same
    assert found.question is not None
    assert found.question.base is not None
    assert found.question.base.approval is not None
