"""Permits: out of a recorded allow, for exactly that call, once.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

import pytest

from mediator.evidence import Seal
from mediator.mediation.permit import Permit, enforce
from mediator.policy.decision import Decision, Obligation, Verdict
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.judged import a_tool, allowed, denied, on_record
from tests.simulated.permits import a_permit, pass_fence


@promise("P1")
def test_a_permit_carries_what_was_judged_and_nothing_else() -> None:
    """Ours: decided = hashed = approved = forwarded."""
    deliberation = allowed(tool=a_tool(result_bytes_max=100))
    proof = on_record(deliberation)
    permit = enforce(proof)
    assert permit.committed is proof
    assert permit.decision_id == deliberation.ids.decision_id
    assert permit.forwarded.arguments == deliberation.call.arguments_bytes
    assert permit.item is deliberation.item
    assert permit.epoch == deliberation.circumstances.epoch
    assert permit.policy_digest == deliberation.snapshot.policies.digest
    assert (permit.grant, permit.task, permit.agent) == ("g-1", "g-1", "planner")
    assert permit.spans == deliberation.spans
    assert permit.deadline_seconds == deliberation.snapshot.limits.deadline_seconds
    assert permit.result_bytes_max == 100
    assert permit.obligations == frozenset()


@pytest.mark.parametrize(("own", "limit"), [(None, 2**24), (2**30, 2**24), (100, 100)])
def test_the_stricter_limit_of_a_result_holds(own: int | None, limit: int) -> None:
    """Ours: the settings' word or the manifest's."""
    assert a_permit(result_bytes_max=own).result_bytes_max == limit


@promise("P1", "P7")
def test_a_denial_gives_no_permit_but_its_reason_and_its_decision() -> None:
    """Ours: enforce obeys and decides nothing."""
    deliberation = denied(reason=Reason.NOT_COVERED)
    with pytest.raises(Refused) as stop:
        enforce(on_record(deliberation))
    assert stop.value.reason is Reason.NOT_COVERED
    assert stop.value.decision_id == deliberation.ids.decision_id


@promise("P1")
def test_a_permit_is_used_once() -> None:
    """Ours: no adapter retries what may have been done."""
    permit = a_permit()
    before = permit.was_used
    permit.spring(pass_fence)
    assert (before, permit.was_used) == (False, True)
    with pytest.raises(Refused) as stop:
        permit.spring(pass_fence)
    assert stop.value.reason is Reason.INTERNAL


@promise("P1", "P7")
def test_a_permit_that_the_fence_stops_is_not_used() -> None:
    """Ours: nothing was sent, and the record will say so."""
    permit = a_permit()

    def moved(seen: Permit) -> NoReturn:
        assert seen is permit
        raise Refused(Reason.GRANT_REVOKED)

    with pytest.raises(Refused) as stop:
        permit.spring(moved)
    assert stop.value.reason is Reason.GRANT_REVOKED
    assert not permit.was_used


@promise("P1")
def test_a_permit_is_made_nowhere_else_and_not_changed() -> None:
    """House style: evidence."""
    permit = a_permit()
    members = {name: getattr(permit, name) for name in permit.__slots__ if name != "latch"}
    with pytest.raises(TypeError):
        Permit(**members, seal=Seal("mine"))
    with pytest.raises((TypeError, ValueError)):
        replace(permit, agent="mallory")  # type: ignore[call-arg]  # what is tried is what is forbidden
    with pytest.raises(AttributeError):
        permit.agent = "mallory"  # type: ignore[misc]  # as above


def test_obligations_of_the_deciding_policies_go_with_it() -> None:
    """House style, part B: duties that must be done with an allow."""
    duty = Obligation.RECORD_RESULT_DIGEST
    decision = Decision(
        verdict=Verdict.ALLOW, determining=("p",), policy_digest="sha256:0", obligations=frozenset({duty})
    )
    deliberation = allowed()
    object.__setattr__(deliberation, "decision", decision)
    assert enforce(on_record(deliberation)).obligations == frozenset({duty})


@promise("P7")
@pytest.mark.parametrize("missing", ["chain", "item", "decision"])
def test_an_allow_with_a_gap_in_it_is_none(missing: str) -> None:
    """Ours: should a bug ever make one."""
    deliberation = allowed()
    proof = on_record(deliberation)
    object.__setattr__(deliberation, missing, None)
    with pytest.raises(Refused) as stop:
        enforce(proof)
    assert stop.value.reason is Reason.INTERNAL
