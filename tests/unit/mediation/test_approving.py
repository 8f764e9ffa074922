"""Does an approval count? Of exactly this request, by whom the policies of now let, each with a key of their own.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from mediator.kind import ItemKind
from mediator.mediation.approval import Approval, Approver, Denial, claim_key
from mediator.mediation.approving import (
    Approved,
    Subject,
    approval_question,
    count_approvers,
    find_approved,
    is_of_the_chain,
)
from mediator.mediation.circumstances import UNKNOWN, Circumstances
from mediator.policy.approving import ApprovalQuestion, ApproverFacts
from mediator.policy.decision import Decision, Obligation, Verdict
from mediator.policy.request import ApprovalFacts, ChainFacts
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.grants import a_grant

THIS, NOW_MS = "sha256:this", 1_000
ROOT = a_grant(id="g-1")
LINK = replace(
    a_grant(id="g-2"), parent="g-1", root="g-1", depth=1, agent="worker", is_connector=True, keyid="worker's"
)
SUBJECT = Subject(kind=ItemKind.TOOL, server="mail", name="send", links=(ROOT, LINK))
BOB = Approver(who="bob", keyid="bob's", roles=frozenset({"operator"}), at_ms=900, statement="sha256:b")
EVE = replace(BOB, who="eve", keyid="eve's", at_ms=950)
APPROVED = Approval(id="approval-1", grant="g-2", request_hash=THIS, expires_ms=NOW_MS + 1, approvers=(BOB,))


class Engine:
    """Lets these approve, each with what it demands."""

    def __init__(self, let: Mapping[str, frozenset[Obligation]]) -> None:
        self.let = let
        self.asked: list[ApprovalQuestion] = []

    def evaluate(self, question: ApprovalQuestion) -> Decision:
        self.asked.append(question)
        demands = self.let.get(question.principal.name)
        if demands is None:
            return Decision(
                verdict=Verdict.DENY, determining=(), policy_digest="sha256:p", reason=Reason.DENIED_BY_POLICY
            )
        return Decision(verdict=Verdict.ALLOW, determining=("p",), policy_digest="sha256:p", obligations=demands)


ANYBODY = {"bob": frozenset[Obligation](), "eve": frozenset[Obligation]()}
TWO = frozenset({Obligation.TWO_APPROVERS})


def of(*approvals: Approval, spent: frozenset[str] = frozenset()) -> Circumstances:
    return replace(UNKNOWN, approvals=approvals, spent=spent)


def found(circumstances: Circumstances, let: Mapping[str, frozenset[Obligation]] | None = None) -> Approved | None:
    return find_approved(SUBJECT, THIS, circumstances, Engine(ANYBODY if let is None else let).evaluate, NOW_MS)


def test_an_approval_of_exactly_this_request_counts() -> None:
    """Design part 4: it is a fact, and the call takes it."""
    assert found(of(APPROVED)) == Approved(
        facts=ApprovalFacts(approver="bob", at_ms=900, request_hash=THIS), claim="approval:approval-1"
    )


@promise("P6", "P7")
@pytest.mark.parametrize(
    "circumstances",
    [
        pytest.param(of(), id="none"),
        pytest.param(of(replace(APPROVED, request_hash="sha256:other")), id="of another request"),
        pytest.param(of(replace(APPROVED, grant="g-1")), id="of the agent above"),
        pytest.param(of(replace(APPROVED, expires_ms=NOW_MS)), id="run out this moment"),
        pytest.param(of(APPROVED, spent=frozenset({claim_key("approval-1")})), id="taken by another call"),
        pytest.param(of(replace(APPROVED, approvers=())), id="approved by nobody"),
        pytest.param(of(replace(APPROVED, approvers=(replace(BOB, keyid="worker's"),))), id="by a key of the chain"),
        pytest.param(of(replace(APPROVED, approvers=(replace(BOB, who="mallory"),))), id="by who may not"),
    ],
)
def test_any_other_is_none(circumstances: Circumstances) -> None:
    """Issue 7, must-show 2: in each way in which it could be another."""
    assert found(circumstances) is None


def test_of_several_one_that_counts_is_enough() -> None:
    """Ours: what ran out or was taken before is no bar."""
    old = replace(APPROVED, id="approval-0", expires_ms=1)
    taken = replace(APPROVED, id="approval-2")
    one = found(of(old, taken, APPROVED, spent=frozenset({claim_key("approval-2")})))
    assert one is not None
    assert one.claim == claim_key("approval-1")


@promise("P6")
@pytest.mark.parametrize("reason", ["", "not to them"])
def test_a_denial_holds_whoever_asks_again(reason: str) -> None:
    """Issue 7: for the task, whichever agent of it; also where somebody had approved."""
    denial = Denial(who="eve", at_ms=990, reason=reason, statement="sha256:d")
    with pytest.raises(Refused) as stop:
        found(of(APPROVED, replace(APPROVED, id="approval-3", grant="g-1", expires_ms=1, denial=denial)))
    assert (stop.value.reason, stop.value.detail) == (Reason.DENIED_BY_POLICY, "`approval-3` was denied by `eve`")
    assert stop.value.sentence is not None
    assert stop.value.sentence.endswith(": not to them" if reason else "denied it")


@promise("P6")
def test_two_are_two_keys_of_who_may() -> None:
    """Issue 7: dual control, demanded by whichever permit let one of them."""
    both = replace(APPROVED, approvers=(BOB, EVE))
    for let in ({"bob": TWO, "eve": TWO}, {**ANYBODY, "eve": TWO}):
        one = found(of(both), let)
        assert one is not None
        assert (one.facts.approver, one.facts.at_ms) == ("eve", 950)
    assert found(of(APPROVED), {"bob": TWO}) is None
    assert found(of(both), {"bob": TWO}) is None
    assert found(of(replace(APPROVED, approvers=(BOB, replace(BOB, who="eve")))), {"bob": TWO, "eve": TWO}) is None


def test_each_approver_is_asked_about_as_policies_read_it() -> None:
    """Ours: who acts is the requester, through the chain; the roles are those at the time of the approval."""
    engine = Engine(ANYBODY)
    counted, needed = count_approvers([BOB], SUBJECT, THIS, engine.evaluate, NOW_MS)
    assert (counted, needed) == ([BOB], 1)
    assert engine.asked == [approval_question("bob", frozenset({"operator"}), SUBJECT, THIS, NOW_MS)]
    (asked,) = engine.asked
    assert asked.principal == ApproverFacts(name="bob", roles=frozenset({"operator"}))
    assert asked.chain == ChainFacts(
        depth=1, root=ROOT.agent, members=frozenset({ROOT.agent, "worker"}), connectors=frozenset({"worker"})
    )
    assert (asked.requester.id, asked.key, asked.purpose, asked.request_hash) == (
        "worker",
        "mail/send",
        LINK.purpose,
        THIS,
    )


def test_a_key_of_the_chain_is_known() -> None:
    """Ours: at whichever link."""
    assert is_of_the_chain("worker's", (ROOT, LINK))
    assert not is_of_the_chain("bob's", (ROOT, LINK))
