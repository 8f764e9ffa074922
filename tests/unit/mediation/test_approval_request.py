"""What a person is asked to approve: made from the denial on record, read back whole, noted without a value.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mediator.because import Author, Because
from mediator.canonical import canonical_bytes, parse_object
from mediator.effect import Effect
from mediator.kind import ItemKind
from mediator.mediation.approval import Denial
from mediator.mediation.approval_request import ApprovalRequest, noted_request, parse_request, request_for, request_form
from mediator.mediation.record import committed
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.policies import FOR_BEARERS
from tests.simulated.world import WEATHER_READ, SimulatedWorld, tools_call

NEEDS_APPROVAL = """
@id("needs-approval") @reason("a person looks at the weather first")
forbid (principal, action == Mediator::Action::"weather/read", resource) unless { context has approval };
"""


@pytest.fixture
async def asked() -> ApprovalRequest:
    world = SimulatedWorld()
    world.pin(WEATHER_READ)
    world.activate({**FOR_BEARERS, "more.cedar": NEEDS_APPROVAL})
    task = world.open_task(tools="weather/*")
    await world.answer(tools_call("weather__read", city="Oslo"), bearer=task.token)
    (request,) = world.approvals.requests.values()
    return request


@promise("P6")
async def test_it_is_what_was_judged(asked: ApprovalRequest) -> None:
    """Issue 7: server, tool, arguments, effect, owner, chain, purpose, policy's reason, hash, expiry."""
    assert (asked.kind, asked.server, asked.name, asked.effect) == (ItemKind.TOOL, "weather", "read", Effect.READ)
    assert (asked.arguments, asked.answers, asked.method) == ({"city": "Oslo"}, None, "tools/call")
    assert (asked.agent, asked.owner, asked.chain) == ("planner", "alice@example.com", ("planner",))
    assert (asked.purpose, asked.policies) == ("plan a trip", ("needs-approval",))
    assert asked.sentence == "a person looks at the weather first"
    assert asked.approval.request_hash.startswith("sha256:")
    assert asked.approval.expires_ms == asked.requested_ms + 15 * 60_000
    assert asked.is_open(asked.requested_ms)
    assert not asked.is_open(asked.approval.expires_ms)


@promise("P6")
async def test_it_says_why_and_in_whose_words() -> None:
    """Issue 7: the justification is shown to the approver with who wrote it, and is never trusted."""
    world = SimulatedWorld()
    world.pin(WEATHER_READ)
    world.activate({**FOR_BEARERS, "more.cedar": NEEDS_APPROVAL})
    task = world.open_task(tools="weather/*")
    asked = tools_call("weather__read", city="Oslo")
    params = asked["params"]
    assert isinstance(params, dict)
    meta = params["_meta"]
    assert isinstance(meta, dict)
    meta["org.mcp-mediator/justification"] = "the owner wants to know"
    await world.answer(asked, bearer=task.token)
    (request,) = world.approvals.requests.values()
    assert request.because == Because(text="the owner wants to know", by=Author.AGENT)
    assert parse_request(request_form(request)) == request
    assert b"the owner wants" not in canonical_bytes(noted_request(request))


async def test_it_ends_with_the_shortest_link() -> None:
    """P5: never later than the task."""
    world = SimulatedWorld()
    world.pin(WEATHER_READ)
    world.activate({**FOR_BEARERS, "more.cedar": NEEDS_APPROVAL})
    task = world.open_task(tools="weather/*", minutes=2)
    await world.answer(tools_call("weather__read", city="Oslo"), bearer=task.token)
    (request,) = world.approvals.requests.values()
    assert request.approval.expires_ms == task.grant.expires_ms


async def test_of_what_policy_was_not_asked_about_there_is_no_approval() -> None:
    """Ours: a bug of ours, if it were ever asked for."""
    world = SimulatedWorld()
    await world.answer(tools_call("weather__read"), bearer=world.open_task().token)
    kept = world.ledger.last
    with pytest.raises(Refused) as stop:
        request_for(committed(kept.decision, kept.record), "approval-1", 1)
    assert stop.value.reason is Reason.INTERNAL


@promise("P8")
async def test_what_is_stored_is_read_back_the_same(asked: ApprovalRequest) -> None:
    """Ours: it is under a MAC, and nothing is guessed."""
    denial = Denial(who="eve", at_ms=1, reason="", statement="sha256:d")
    for one in (
        asked,
        replace(asked, answers={"a": 1}, sentence=None, approval=replace(asked.approval, denial=denial)),
    ):
        assert parse_request(parse_object(canonical_bytes(request_form(one)))) == one


@promise("P7")
@pytest.mark.parametrize(
    "broken",
    [
        {"more": 1},
        {"effect": "explode"},
        {"kind": "file"},
        {"arguments": []},
        {"requested": "now"},
        {"approval": {}},
        {"because": "x"},
        {"because": {"text": "", "by": "agent"}},
        {"because": {"text": "x", "by": "eve"}},
    ],
)
async def test_what_was_not_written_like_that_is_refused(asked: ApprovalRequest, broken: Any) -> None:
    """Ours."""
    with pytest.raises(Refused) as stop:
        parse_request(request_form(asked) | broken)
    assert stop.value.reason is Reason.MALFORMED


@promise("P10")
async def test_the_ledger_keeps_no_value_of_it(asked: ApprovalRequest) -> None:
    """Design 5.8: arguments and purpose stand with the values of its decision."""
    noted = noted_request(asked)
    assert (noted["decision"], noted["request_hash"]) == (asked.decision, asked.approval.request_hash)
    assert b"Oslo" not in canonical_bytes(noted)
    assert b"plan a trip" not in canonical_bytes(noted)
