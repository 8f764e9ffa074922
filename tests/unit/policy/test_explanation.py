"""Why an answer came out as it did: the slice, its facts, and every single change that turns it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from mediator.adapters.engine_cedar import prepare_engine
from mediator.canonical import JsonObject
from mediator.policy import explanation
from mediator.policy.decision import Decision, Verdict
from mediator.policy.explanation import Explanation, Sight, explain
from mediator.policy.request import AccessRequest, Action
from mediator.policy.schema import prepare_item
from mediator.refusal import Reason
from tests.promises import promise
from tests.unit.policy.facts import BASE, approved, ask, base, call, listing, uncovered, with_arguments
from tests.unit.policy.read import CALLS, ON_READ, policies_of

PATH = with_arguments({"path": {"type": "string"}}, required=["path"])
COVERED = f"permit({CALLS}) when {{ context.grant.covers }};"
FENCE = f'forbid({ON_READ}) unless {{ context.args.path == "/srv" }};'


def explained(*policies: str, request: AccessRequest) -> Explanation:
    texts = {f"{index}.cedar": f'@id("p{index}") @reason("r") {text}' for index, text in enumerate(policies)}
    return explain(prepare_engine(texts, [PATH]), request)


def turnings(found: Explanation) -> list[tuple[str, object, Verdict]]:
    return [(".".join(one.change.path), one.change.value, one.decision.verdict) for one in found.turnings]


def test_a_denial_names_what_decided_what_did_not_the_facts_and_what_turns_it() -> None:
    """Issue 7: which policies, which facts, what would change it."""
    found = explained(COVERED, FENCE, request=call(arguments={"path": "/etc"}))

    assert [policy.id for policy in found.decisive] == ["p1"]
    assert [policy.id for policy in found.considered] == ["p0"]
    assert [(fact.path, fact.value, fact.is_there) for fact in found.facts] == [
        (("args", "path"), "/etc", True),
        (("grant", "covers"), True, True),
    ]
    assert turnings(found) == [("args.path", "/srv", Verdict.ALLOW)]
    assert (found.decision.reason, found.is_cut) == (Reason.DENIED_BY_POLICY, False)
    assert found.item == PATH


@promise("P8")
@pytest.mark.parametrize("path", ["/srv", "/etc"])
@pytest.mark.parametrize("facts", [BASE, uncovered()])
def test_each_change_that_is_told_does_turn_it(path: str, facts: object) -> None:
    """Ours: each was asked, none is guessed."""
    request = call(arguments={"path": path}, base=facts)
    texts = {"a.cedar": f'@id("a") @reason("r") {COVERED}', "b.cedar": f'@id("b") @reason("r") {FENCE}'}
    engine = prepare_engine(texts, [PATH])
    found = explain(engine, request)
    for one in found.turnings:
        again = engine.evaluate_with(request, one.change.attributes)
        assert again.verdict is one.decision.verdict is not found.decision.verdict


def test_two_things_that_are_missing_are_no_single_change() -> None:
    """Ours: neither alone turns it, so neither is told."""
    assert explained(COVERED, FENCE, request=call(arguments={"path": "/etc"}, base=uncovered())).turnings == ()


def test_an_approval_that_somebody_else_must_give_is_told() -> None:
    """Issue 7: the two-person rule; the owner's own approval is none."""
    rule = f"forbid({CALLS}) unless {{ context has approval && context.approval.approver != principal.owner.name }};"
    own = base(approval=approved())
    for facts, verdict in ((BASE, Verdict.DENY), (own, Verdict.ALLOW)):
        found = explained(COVERED, rule, request=call(arguments={"path": "x"}, base=facts))
        assert found.decision.verdict is verdict
        assert "approval" in {path for path, _, _ in turnings(found)}


def test_listings_and_what_servers_ask_are_explained_too() -> None:
    """Ours: a listing has no facts that could be otherwise."""
    listed = explained('permit(principal, action == Mediator::Action::"list", resource);', request=listing())
    assert (listed.decision.verdict, listed.facts, listed.turnings) == (Verdict.ALLOW, (), ())

    rule = 'permit(principal, action == Mediator::Action::"elicit", resource) when { context.grant.covers };'
    asked = explained(rule, request=ask(Action.ELICIT))
    assert turnings(asked) == [("grant.covers", False, Verdict.DENY)]


@dataclass
class Obstinate:
    """An engine that always says the same of what is, and another thing of everything else."""

    otherwise: Decision
    asked: int = 0
    sight: Sight = field(
        default_factory=lambda: Sight(
            item=PATH,
            policies=policies_of(
                f"forbid({ON_READ}) when {{ {' || '.join(f'context.now == {9 * n}' for n in range(90))} }};"
            ),
            attributes={"now": 1_000_000},
            shape=prepare_item(PATH).question_context(Action.CALL),
        )
    )

    def evaluate(self, request: AccessRequest) -> Decision:
        assert request.action is Action.CALL
        return Decision(verdict=Verdict.ALLOW, determining=("x",), policy_digest="d")

    def sight_of(self, request: AccessRequest) -> Sight:
        assert request.action is Action.CALL
        return self.sight

    def evaluate_with(self, request: AccessRequest, attributes: JsonObject) -> Decision:
        assert request.action is Action.CALL
        assert attributes
        self.asked += 1
        return self.otherwise


@pytest.mark.parametrize(("reason", "is_told"), [(Reason.DENIED_BY_POLICY, True), (Reason.POLICY_ERROR, False)])
def test_its_questions_are_bounded_and_an_error_turns_nothing(reason: Reason, is_told: bool) -> None:
    """Ours: an answer that the engine could not give is not what would happen."""
    engine = Obstinate(Decision(verdict=Verdict.DENY, determining=(), policy_digest="d", reason=reason))
    found = explain(engine, call())
    assert engine.asked == explanation.QUESTIONS_MAX
    assert found.is_cut
    assert bool(found.turnings) is is_told
