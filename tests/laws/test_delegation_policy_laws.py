"""Laws of policies over delegations: what a set answers is what a naive model says, and less never permits more.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from hypothesis import assume, given
from hypothesis import strategies as st

from mediator.adapters.engine_cedar import prepare_engine
from mediator.effect import Effect
from mediator.policy.decision import Verdict
from mediator.policy.request import AgentFacts, ChainFacts, DelegationRequest
from mediator.refusal import Reason
from tests.promises import promise
from tests.unit.policy.facts import AGENT, DELEGATION, RECEIVER, delegation, tool

AGENTS: Final = (
    AGENT,
    RECEIVER,
    replace(RECEIVER, id="worker-2", owner="bob@example.com"),
    AgentFacts(id="mail-plugin", owner="bob@example.com", agent_class="connector", team=""),
)


@dataclass(frozen=True)
class Model:
    """A policy in Cedar without its effect, and the same in Python. `names`: its scope names the action."""

    cedar: str
    applies: Callable[[DelegationRequest], bool]
    names: bool = True


IT: Final = 'action == Mediator::Action::"delegate"'
MODELS: Final = (
    Model("(principal, action, resource)", lambda _: True, names=False),
    Model(
        '(principal in Mediator::Team::"research", action, resource)', lambda r: r.principal.team == "research", False
    ),
    Model(
        f"(principal, action, resource) when {{ {IT} && context.delegated.is_connector }}",
        lambda r: r.delegated.is_connector,
        names=False,
    ),
    Model("(principal, action, resource is Mediator::Tool)", lambda _: False, names=False),
    Model('(principal, action in Mediator::Action::"effect:send", resource)', lambda _: False, names=False),
    Model(f"(principal, {IT}, resource)", lambda _: True),
    Model(
        '(principal, action in [Mediator::Action::"delegate", Mediator::Action::"effect:send"], resource) '
        "when { context.chain.depth < 2 }",
        lambda r: r.chain.depth < 2,
    ),
    Model(
        f'(principal in Mediator::AgentClass::"worker", {IT}, resource)',
        lambda r: r.principal.agent_class == "worker",
    ),
    Model(
        f'(principal, {IT}, resource in Mediator::AgentClass::"connector")',
        lambda r: r.receiver.agent_class == "connector",
    ),
    Model(
        f'(principal, {IT}, resource is Mediator::Agent in Mediator::Team::"research")',
        lambda r: r.receiver.team == "research",
    ),
    Model(f'(principal, {IT}, resource == Mediator::Agent::"worker-2")', lambda r: r.receiver.id == "worker-2"),
    Model(
        f"(principal, {IT}, resource) unless {{ principal.owner == resource.owner }}",
        lambda r: r.principal.owner != r.receiver.owner,
    ),
    Model(
        f'(principal, {IT}, resource) unless {{ ["read"].containsAll(context.delegated.effects) }}',
        lambda r: not r.delegated.effects <= {Effect.READ},
    ),
    Model(
        f'(principal, {IT}, resource) when {{ context.delegated.servers.contains("mail") }}',
        lambda r: "mail" in r.delegated.servers,
    ),
    Model(
        f"(principal, {IT}, resource) unless {{ context.delegated has max_calls && context.delegated.max_calls <= 3 }}",
        lambda r: r.delegated.max_calls is None or r.delegated.max_calls > 3,
    ),
    Model(
        f'(principal, {IT}, resource) when {{ context.chain.connectors.contains("mail-plugin") }}',
        lambda r: "mail-plugin" in r.chain.connectors,
    ),
)


class Ruled(NamedTuple):
    """A model that permits, or one that forbids."""

    forbids: bool
    model: Model

    def counts(self, request: DelegationRequest) -> bool:
        """A delegation is permitted by name alone: leave for any action is none."""
        return (self.forbids or self.model.names) and self.model.applies(request)


def text_of(rules: Sequence[Ruled]) -> dict[str, str]:
    return {
        f"{index}.cedar": f'@id("p{index}") @reason("r") {"forbid" if rule.forbids else "permit"} {rule.model.cedar};'
        for index, rule in enumerate(rules)
    }


rules = st.lists(st.builds(Ruled, st.booleans(), st.sampled_from(MODELS)), max_size=7)
requests: st.SearchStrategy[DelegationRequest] = st.builds(
    lambda two, chain, delegated: delegation(
        replace(DELEGATION, principal=two[0], receiver=two[1], chain=chain), **delegated
    ),
    st.permutations(AGENTS),
    st.builds(
        ChainFacts,
        depth=st.integers(0, 3),
        root=st.just("planner-1"),
        members=st.just(frozenset({"planner-1"})),
        connectors=st.sampled_from([frozenset[str](), frozenset({"mail-plugin"})]),
    ),
    st.fixed_dictionaries(
        {
            "effects": st.frozensets(st.sampled_from(Effect), min_size=1),
            "servers": st.frozensets(st.sampled_from(["files", "mail"]), min_size=1),
            "max_calls": st.none() | st.integers(0, 6),
            "is_connector": st.booleans(),
        }
    ),
)


def naively(policies: Sequence[Ruled], request: DelegationRequest) -> tuple[Verdict, tuple[str, ...]]:
    """Deny overrides: what forbids outweighs, silence denies."""
    applying = [(f"p{index}", rule.forbids) for index, rule in enumerate(policies) if rule.counts(request)]
    forbidding = tuple(name for name, forbids in applying if forbids)
    permitting = tuple(name for name, forbids in applying if not forbids)
    return (Verdict.ALLOW, permitting) if permitting and not forbidding else (Verdict.DENY, forbidding)


@promise("P7", "P8")
@given(rules, requests)
def test_a_delegation_is_answered_as_a_naive_model_says(policies: list[Ruled], request: DelegationRequest) -> None:
    """Ours: slicing leaves out nothing that matters, whatever else the set is about."""
    engine = prepare_engine(text_of(policies), [tool()])
    found = engine.evaluate_delegation(request)
    assert found.reason is not Reason.POLICY_ERROR
    assert (found.verdict, found.determining) == naively(policies, request)
    assert engine.evaluate_delegation(request) == found


@promise("P4")
@given(rules, st.integers(0, 6), st.sampled_from(MODELS), requests)
def test_one_permit_less_or_one_forbid_more_never_allows_a_delegation(
    policies: list[Ruled], dropped: int, added: Model, request: DelegationRequest
) -> None:
    """Ours (house style law 2), of sets that evaluate without error."""
    assume(prepare_engine(text_of(policies), [tool()]).evaluate_delegation(request).verdict is Verdict.DENY)
    fewer = [rule for index, rule in enumerate(policies) if rule.forbids or index != dropped]
    for changed in (fewer, [*policies, Ruled(forbids=True, model=added)]):
        assert prepare_engine(text_of(changed), [tool()]).evaluate_delegation(request).verdict is Verdict.DENY
