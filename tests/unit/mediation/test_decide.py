"""Who is asked about: the one who acts for a permit, everybody above for a forbid.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediator.mediation.decide import decide
from mediator.mediation.question import list_question
from mediator.policy.decision import Decision, Verdict
from mediator.policy.request import AccessRequest
from mediator.refusal import Reason
from tests.promises import promise
from tests.simulated.delegations import ROOT, handed_on, proven
from tests.simulated.judged import POLICY_DIGEST, a_tool

ALLOW = Decision(verdict=Verdict.ALLOW, determining=("all",), policy_digest=POLICY_DIGEST)
SILENT = Decision(verdict=Verdict.DENY, determining=(), policy_digest=POLICY_DIGEST, reason=Reason.DENIED_BY_POLICY)
FORBID = replace(SILENT, determining=("no",))
FAILED = replace(SILENT, reason=Reason.POLICY_ERROR)
WORKER = handed_on(ROOT)
CHAIN = proven(ROOT, WORKER, handed_on(ROOT, WORKER, to="specialist"))


def decided(**answers: Decision) -> tuple[Decision, list[str]]:
    """Return what comes of these answers, by agent, `ALLOW` where none is given; and who was asked about, in order."""
    asked: list[AccessRequest] = []

    def evaluate(question: AccessRequest) -> Decision:
        asked.append(question)
        return answers.get(question.principal.id, ALLOW)

    question = list_question(CHAIN.presented, a_tool())
    decision = decide(evaluate, question, CHAIN)
    assert [replace(one, principal=question.principal) for one in asked] == [question] * len(asked)
    return decision, [one.principal.id for one in asked]


@promise("P4")
@pytest.mark.parametrize("answer", [FORBID, FAILED])
@pytest.mark.parametrize("agent", [ROOT.agent, "worker", "specialist"])
def test_a_forbid_and_an_engine_that_fails_stop_it_wherever_in_the_chain(agent: str, answer: Decision) -> None:
    decision, _ = decided(**{agent: answer})
    assert decision == answer


@promise("P4")
def test_a_permit_is_asked_for_the_one_who_acts() -> None:
    decision, asked = decided(**{ROOT.agent: SILENT, "worker": SILENT})
    assert decision == ALLOW
    assert asked == ["specialist", ROOT.agent, "worker"]


def test_of_a_denial_nobody_else_is_asked_about() -> None:
    decision, asked = decided(**{ROOT.agent: FORBID, "specialist": SILENT})
    assert decision == SILENT
    assert asked == ["specialist"]
