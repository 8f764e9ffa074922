"""Tests of the policy engine in Cedar: its answers, its hazards (standards.md 3.3), its tooling.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cedarpy
import pytest

from mediator.adapters import engine_cedar
from mediator.adapters.engine_cedar import (
    CedarEngine,
    PolicySetInvalid,
    check_policies,
    policy_set_digest,
    prepare_engine,
    run_cases,
)
from mediator.canonical import Json, JsonObject, digest_of, parse_json
from mediator.effect import Effect
from mediator.kind import ItemKind
from mediator.policy.approving import ApprovalQuestion
from mediator.policy.decision import Decision, Obligation, Verdict
from mediator.policy.request import (
    AccessRequest,
    Action,
    AskFacts,
    DelegationRequest,
    ItemFacts,
    JustificationFacts,
)
from mediator.refusal import Reason
from tests.promises import promise
from tests.unit.policy.facts import (
    AGENT,
    APPROVING,
    BASE,
    DELEGATION,
    RECEIVER,
    approved,
    base,
    call,
    delegation,
    listing,
    prompt,
    resource,
    tool,
    uncovered,
    with_arguments,
)
from tests.unit.policy.facts import ask as asking

POLICIES = Path(__file__).parents[3] / "policies"
ALLOW = '@id("covered") @reason("covered") permit(principal, action, resource);'
CALLS = 'principal, action in Mediator::Action::"call_tool", resource'
ON_READ = 'principal, action == Mediator::Action::"files/read", resource'
PATH = with_arguments({"path": {"type": "string"}, "mode": {"type": "string"}}, required=["path"])


def engine(*policies: str, tools: tuple[ItemFacts, ...] = (PATH,)) -> CedarEngine:
    return prepare_engine({"set.cedar": "\n".join(policies)}, tools)


def named(name: str, policy: str) -> str:
    return f'@id("{name}") @reason("{name}, says its author") {policy}'


def ask(*policies: str, request: AccessRequest | None = None, tools: tuple[ItemFacts, ...] = (PATH,)) -> Decision:
    return engine(*policies, tools=tools).evaluate(request or call(arguments={"path": "/srv/a"}))


# --- answers ---------------------------------------------------------------------------------------------------------


def test_an_allow_names_the_policies_that_made_it_and_their_duties() -> None:
    """Ours: every permit that applies, by `@id`, in order."""
    duty = '@obligation("record-result-digest")'
    found = ask(named("b", f"permit({CALLS});"), f"{duty} {named('a', f'permit({CALLS});')}")
    assert found == Decision(
        verdict=Verdict.ALLOW,
        determining=("a", "b"),
        policy_digest=found.policy_digest,
        obligations=frozenset({Obligation.RECORD_RESULT_DIGEST}),
    )


def test_a_duty_comes_only_with_the_policy_that_allows() -> None:
    """XACML's rule: obligations of the determining policies."""
    duty = '@obligation("record-result-digest")'
    found = ask(ALLOW, f"{duty} {named('a', f'permit({CALLS}) when {{ context.justified }};')}")
    assert (found.verdict, found.obligations) == (Verdict.ALLOW, frozenset())


def test_a_forbid_outweighs_every_permit_and_says_why() -> None:
    """Cedar: deny overrides. The agent reads the author's sentence."""
    found = ask(ALLOW, named("z", f"forbid({CALLS});"), named("y", f"forbid({CALLS});"))
    assert found == Decision(
        verdict=Verdict.DENY,
        determining=("y", "z"),
        policy_digest=found.policy_digest,
        reason=Reason.DENIED_BY_POLICY,
        sentence="y, says its author",
    )


@promise("P7")
@pytest.mark.parametrize("policies", [(), (named("a", f"permit({CALLS}) when {{ context.justified }};"),)])
def test_silence_is_a_denial(policies: tuple[str, ...]) -> None:
    """Ours (fail-safe default)."""
    found = ask(*policies)
    assert (found.verdict, found.reason, found.determining) == (Verdict.DENY, Reason.DENIED_BY_POLICY, ())
    assert found.sentence == "no policy allows this call"


def test_the_order_of_files_and_policies_is_no_answer() -> None:
    """standards.md 3.3 (8): ids are not positions."""
    a, b = named("a", f"permit({CALLS});"), named("b", f'forbid({ON_READ}) when {{ context.args.path == "x" }};')
    one = prepare_engine({"1": a, "2": b}, [PATH])
    other = prepare_engine({"1": b, "2": a}, [PATH])
    for path in ("x", "y"):
        request = call(arguments={"path": path})
        assert replace(one.evaluate(request), policy_digest="") == replace(other.evaluate(request), policy_digest="")


def test_policies_may_look_at_agent_tool_and_circumstances() -> None:
    """Ours (design 5.5): everything that the README lists, at once."""
    condition = """
      principal == Mediator::Agent::"planner-1" && principal.owner.name == "alice@example.com"
      && principal in Mediator::AgentClass::"planner" && principal in Mediator::Team::"research"
      && action in Mediator::Action::"effect:read" && action in Mediator::Action::"server:files"
      && action in Mediator::Action::"domain:home" && action in Mediator::Action::"call_tool"
      && resource in Mediator::Server::"files" && resource in Mediator::Domain::"home"
      && resource.server == "files" && resource.name == "read" && resource.domain == "home" && resource.effect == "read"
      && resource.sensitivity == 1 && resource.reads_from == ["disk"] && resource.sends_to.isEmpty()
      && resource.result_labels.isEmpty() && resource.targets.isEmpty() && resource.digest == context.pin
      && context.chain.depth == 0 && context.chain.root == "planner-1" && context.chain.members == ["planner-1"]
      && context.chain.connectors.isEmpty() && context.grant.id == "grant-1" && context.grant.covers
      && context.grant.purpose == "tests" && context.grant.expires == 2000 && context.task.id == "task-1"
      && context.task.labels.isEmpty() && context.task.calls == 0 && context.task.age == 10
      && context.task.novel.isEmpty() && context.destination.isEmpty() && context.proof == "bearer"
      && !(context has approval) && !(context has justification) && !context.justified
      && context.targets.domains.isEmpty() && context.targets.paths.isEmpty() && context.targets.folders.isEmpty()
      && context.calendar.utc.year == 1970 && context.calendar.local.hour == 1 && context.now == 1000 && context.protocol == "2026-07-28"
      && context.request_hash == "sha256:this" && context.provenance.isEmpty()
      && context.opaque.isEmpty() && context.nulls.isEmpty() && context.secrets.isEmpty()
      && context.args.path == "/srv/a" && !(context.args has mode)
    """
    assert ask(named("all", f"permit({ON_READ}) when {{ {condition} }};")).verdict is Verdict.ALLOW


def test_a_listing_is_decided_on_stable_facts() -> None:
    """Ours (design 5.7): agent, tool, server, domain; listings are cached by them."""
    policies = (
        named("listed", 'permit(principal, action == Mediator::Action::"list", resource);'),
        named(
            "hidden", 'forbid(principal in Mediator::Team::"interns", action == Mediator::Action::"list", resource);'
        ),
        named(
            "secret",
            'forbid(principal, action == Mediator::Action::"list", resource) when { resource.sensitivity > 2 };',
        ),
    )
    tools = (PATH, tool("files/keys", sensitivity=3))
    found = engine(*policies, tools=tools)
    assert found.evaluate(listing()).determining == ("listed",)
    assert found.evaluate(listing(principal=replace(AGENT, team="interns"))).determining == ("hidden",)
    assert found.evaluate(listing("files/keys")).determining == ("secret",)
    assert found.evaluate(call()).verdict is Verdict.DENY


def test_the_same_question_of_another_agent_is_another_question() -> None:
    """Ours: what is remembered for one agent or tool is never told to another that a condition can tell apart."""
    by_owner = named("own", f'permit({CALLS}) when {{ principal.owner.name == "alice@example.com" }};')
    by_literal = named("lit", f'permit({CALLS}) when {{ Mediator::Agent::"planner-1" in Mediator::Team::"research" }};')
    by_scope = named("one", 'permit(principal == Mediator::Agent::"planner-1", action, resource);')
    eve = replace(AGENT, id="planner-2", owner="eve@example.com")
    request = call(arguments={"path": "x"})
    for policy in (by_owner, by_literal, by_scope):
        found = engine(policy)
        assert found.evaluate(request).verdict is Verdict.ALLOW
        assert found.evaluate(replace(request, principal=eve)).verdict is Verdict.DENY
        assert found.evaluate(request).verdict is Verdict.ALLOW


# --- prompts, resources, and what servers ask ------------------------------------------------------------------------

NAMESAKES = (PATH, prompt("files/read", "topic"), resource("files/read"))
ARGUMENTS: dict[ItemKind, JsonObject] = {
    ItemKind.TOOL: {"path": "a"},
    ItemKind.PROMPT: {"topic": "a"},
    ItemKind.RESOURCE: {"uri": "a"},
}


def call_of(kind: ItemKind, **changes: Any) -> AccessRequest:
    return call(kind=kind, arguments=ARGUMENTS[kind], **changes)


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ('action in Mediator::Action::"call_tool", resource', {ItemKind.TOOL}),
        ('action in Mediator::Action::"get_prompt", resource', {ItemKind.PROMPT}),
        ('action in Mediator::Action::"read_resource", resource', {ItemKind.RESOURCE}),
        ('action in Mediator::Action::"effect:read", resource', {*ItemKind}),
        ('action in Mediator::Action::"server:files", resource', {*ItemKind}),
        ('action in Mediator::Action::"domain:home", resource', {*ItemKind}),
        ('action, resource in Mediator::Server::"files"', {*ItemKind}),
        ("action, resource is Mediator::Prompt", {ItemKind.PROMPT}),
        ('action == Mediator::Action::"files/prompt:read", resource', {ItemKind.PROMPT}),
        ('action == Mediator::Action::"files/resource:read", resource', {ItemKind.RESOURCE}),
        ('action == Mediator::Action::"files/read", resource', {ItemKind.TOOL}),
        ('action, resource == Mediator::Resource::"files/read"', {ItemKind.RESOURCE}),
    ],
)
def test_policies_speak_of_one_kind_or_of_all(scope: str, allowed: set[ItemKind]) -> None:
    """Ours: each kind has a group and a type; effects, servers and domains are groups of every kind."""
    found = engine(named("p", f"permit(principal, {scope});"), tools=NAMESAKES)
    assert {kind for kind in ItemKind if found.evaluate(call_of(kind)).verdict is Verdict.ALLOW} == allowed


def test_policies_read_what_is_asked_of_prompts_and_resources() -> None:
    """Ours: typed arguments, and the method that tells getting from completing, reading from subscribing."""
    found = engine(
        named(
            "a",
            'permit(principal, action == Mediator::Action::"files/prompt:read", resource) '
            'when { context.args has topic && context.args.topic == "a" && context.method == "prompts/get" };',
        ),
        named(
            "b",
            'permit(principal, action == Mediator::Action::"files/resource:read", resource) '
            'when { context.args.uri == "a" && context.method != "resources/subscribe" };',
        ),
        tools=NAMESAKES,
    )
    of_prompt = call_of(ItemKind.PROMPT, base=base(method="prompts/get"))
    of_resource = call_of(ItemKind.RESOURCE, base=base(method="resources/read"))
    assert found.evaluate(of_prompt).verdict is Verdict.ALLOW
    assert found.evaluate(replace(of_prompt, base=base(method="completion/complete"))).verdict is Verdict.DENY
    assert found.evaluate(replace(of_prompt, arguments={})).verdict is Verdict.DENY
    assert found.evaluate(replace(of_prompt, arguments={"topic": 1})).reason is Reason.ARGUMENTS_INVALID
    assert found.evaluate(replace(of_prompt, arguments={"other": "x"})).opaque == {"/other"}
    assert found.evaluate(of_resource).verdict is Verdict.ALLOW
    assert found.evaluate(replace(of_resource, base=base(method="resources/subscribe"))).verdict is Verdict.DENY
    assert found.evaluate(replace(of_resource, arguments={})).reason is Reason.ARGUMENTS_INVALID


ASKS = [action for action in Action if action.is_ask]


@pytest.mark.parametrize("action", ASKS)
@pytest.mark.parametrize("kind", ItemKind)
def test_what_a_server_asks_is_an_action_of_its_own(action: Action, kind: ItemKind) -> None:
    """Ours: on the item that was called; leave to call is no leave to ask."""
    found = engine(
        named("calls", 'permit(principal, action in Mediator::Action::"effect:read", resource);'),
        named(
            "asks", f'permit(principal, action == Mediator::Action::"{action}", resource in Mediator::Server::"files");'
        ),
        tools=NAMESAKES,
    )
    determining = {one: found.evaluate(asking(one, kind=kind)).determining for one in ASKS}
    assert determining == {one: ("asks",) if one is action else () for one in ASKS}


@promise("P6", "P7")
@pytest.mark.parametrize("action", ASKS)
def test_leave_for_any_action_is_no_leave_to_ask(action: Action) -> None:
    """Ours: sampling and roots are denied unless a policy names them, also under a set that was written before they were."""
    anything = named("anything", "permit(principal, action, resource) when { resource.sensitivity < 3 };")
    never = named("never", "forbid(principal, action, resource) when { resource.sensitivity < 3 };")
    named_one = named("asks", f'permit(principal, action == Mediator::Action::"{action}", resource);')
    assert ask(anything, request=asking(action)).determining == ()
    assert ask(anything, request=asking(action)).verdict is Verdict.DENY
    assert ask(anything, named_one, request=asking(action)).determining == ("asks",)
    assert ask(anything, named_one, never, request=asking(action)).determining == ("never",)


def test_what_a_server_asks_is_decided_on_item_and_circumstances() -> None:
    """Ours: the item that was called, what the grant covers, where a human would be sent."""
    found = engine(
        named(
            "covered",
            'permit(principal, action == Mediator::Action::"elicit", resource) when { context.grant.covers };',
        ),
        named(
            "secret",
            'forbid(principal, action == Mediator::Action::"elicit", resource) when { resource.sensitivity > 2 };',
        ),
        named(
            "where",
            'forbid(principal, action == Mediator::Action::"elicit", resource) '
            'when { context.ask.mode != "form" } unless { context.ask has url && context.ask.url like "https://a.example/*" };',
        ),
        tools=(PATH, tool("files/keys", sensitivity=3)),
    )
    form = asking(Action.ELICIT)
    away = replace(form, ask=AskFacts(mode="url", url="https://b.example/"))
    assert found.evaluate(form).determining == ("covered",)
    assert found.evaluate(replace(form, name="keys")).determining == ("secret",)
    assert found.evaluate(replace(form, base=uncovered())).verdict is Verdict.DENY
    assert found.evaluate(away).determining == ("where",)
    assert found.evaluate(replace(away, ask=AskFacts(mode="url"))).determining == ("where",)
    assert found.evaluate(replace(away, ask=AskFacts(mode="url", url="https://a.example/x"))).verdict is Verdict.ALLOW


def test_a_denial_of_what_a_server_asks_is_plain() -> None:
    """Ours: nobody is asked for an approval in the middle of a call; one that the call had is there to be read."""
    policy = named(
        "human", 'permit(principal, action == Mediator::Action::"sample", resource) when { context has approval };'
    )
    assert ask(policy, request=asking(Action.SAMPLE)).reason is Reason.DENIED_BY_POLICY
    assert ask(policy, request=asking(Action.SAMPLE, base=base(approval=approved()))).verdict is Verdict.ALLOW


@promise("P7")
@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(asking(Action.SAMPLE, base=None), id="no circumstances"),
        pytest.param(asking(Action.ELICIT, ask=None), id="a human, and not how"),
        pytest.param(asking(Action.SAMPLE, ask=AskFacts(mode="form")), id="a model, and how a human"),
        pytest.param(asking(Action.LIST_ROOTS, "files/unknown"), id="of what is not pinned"),
        pytest.param(asking(Action.ELICIT, kind=ItemKind.PROMPT), id="of a prompt that is a tool"),
    ],
)
def test_what_a_server_asks_with_a_fact_missing_is_denied(request_: AccessRequest) -> None:
    """Ours: not guessed at, whatever is permitted."""
    assert ask(ALLOW, request=request_).reason is Reason.POLICY_ERROR


# --- delegations -----------------------------------------------------------------------------------------------------

DELEGATE = 'principal, action == Mediator::Action::"delegate", resource'
MAY_DELEGATE = named("may", f"permit({DELEGATE});")


def hand_on(*policies: str, request: DelegationRequest = DELEGATION) -> Decision:
    return engine(*policies).evaluate_delegation(request)


def test_a_delegation_is_allowed_by_who_names_it() -> None:
    """Ours: with the policies that made it, as of a call."""
    found = hand_on(MAY_DELEGATE)
    assert found == Decision(verdict=Verdict.ALLOW, determining=("may",), policy_digest=found.policy_digest)


@promise("P4", "P7")
@pytest.mark.parametrize(
    "policy",
    [
        pytest.param("permit(principal, action, resource);", id="any action"),
        pytest.param(
            'permit(principal, action, resource) when { action == Mediator::Action::"delegate" };',
            id="any action, and the name in a condition",
        ),
        pytest.param(f"permit({CALLS});", id="calls"),
        pytest.param('permit(principal, action in Mediator::Action::"effect:read", resource);', id="an effect"),
        pytest.param('permit(principal == Mediator::Agent::"planner-1", action, resource);', id="one agent"),
        pytest.param('permit(principal, action == Mediator::Action::"elicit", resource);', id="what a server asks"),
    ],
)
def test_leave_for_anything_else_is_no_leave_to_delegate(policy: str) -> None:
    """Ours: a set that was written before there were delegations permits none."""
    found = hand_on(named("p", policy))
    assert (found.verdict, found.reason, found.determining) == (Verdict.DENY, Reason.DENIED_BY_POLICY, ())
    assert found.sentence == "no policy allows this delegation"
    assert hand_on(named("p", policy), MAY_DELEGATE).determining == ("may",)


@promise("P4", "P7")
@pytest.mark.parametrize(
    "policy",
    [
        "forbid(principal, action, resource);",
        'forbid(principal in Mediator::Team::"research", action, resource);',
        'forbid(principal, action, resource in Mediator::AgentClass::"worker");',
        'forbid(principal, action, resource is Mediator::Agent in Mediator::Team::"research");',
        f'forbid({DELEGATE}) when {{ resource.owner.name == "alice@example.com" }};',
        f'forbid({DELEGATE}) when {{ resource in Mediator::AgentClass::"worker" }};',
        f"forbid({DELEGATE}) when {{ principal.owner == resource.owner }};",
        f"forbid({DELEGATE}) unless {{ context.delegated has max_calls }};",
    ],
)
def test_a_forbid_that_reaches_a_delegation_outweighs_every_permit(policy: str) -> None:
    """Ours: over anything, over one side, over both."""
    found = hand_on(MAY_DELEGATE, named("never", policy))
    assert (found.verdict, found.reason, found.determining) == (Verdict.DENY, Reason.DENIED_BY_POLICY, ("never",))
    assert (found.sentence, found.remedy) == ("never, says its author", None)


@pytest.mark.parametrize(
    "policy",
    [
        "forbid(principal, action, resource is Mediator::Tool);",
        'forbid(principal, action, resource in Mediator::Server::"files");',
        'forbid(principal, action in Mediator::Action::"effect:read", resource);',
        'forbid(principal, action in Mediator::Action::"server:files", resource);',
        'forbid(principal in Mediator::AgentClass::"worker", action, resource);',
        'forbid(principal, action == Mediator::Action::"delegate", resource in Mediator::AgentClass::"planner");',
    ],
)
def test_a_forbid_over_something_else_leaves_delegations_alone(policy: str) -> None:
    """Ours: the classes are of who hands on and of who receives, each on its own side."""
    assert hand_on(MAY_DELEGATE, named("other", policy)).determining == ("may",)


def test_policies_may_look_at_everything_of_a_delegation() -> None:
    """Ours: what the README lists, at once."""
    condition = """
      principal == Mediator::Agent::"planner-1" && resource == Mediator::Agent::"worker-1"
      && principal in Mediator::AgentClass::"planner" && resource in Mediator::AgentClass::"worker"
      && principal in Mediator::Team::"research" && resource in Mediator::Team::"research"
      && principal.owner == resource.owner && resource.owner.name == "alice@example.com"
      && context.chain.depth == 0 && context.chain.root == "planner-1" && context.chain.members == ["planner-1"]
      && context.chain.connectors.isEmpty() && context.grant.id == "grant-1" && context.grant.purpose == "tests"
      && context.grant.expires == 2000 && context.delegated.effects == ["read"]
      && context.delegated.servers == ["files"] && context.delegated.depth == 1 && context.delegated.max_depth == 2
      && context.delegated.minutes == 5 && !(context.delegated has max_calls) && !context.delegated.is_connector
      && context.now == 1000 && context.proof == "bearer"
    """
    policy = named("all", f"permit({DELEGATE}) when {{ {condition} }};")
    assert hand_on(policy).verdict is Verdict.ALLOW
    others = (
        replace(DELEGATION, principal=replace(AGENT, id="planner-2")),
        replace(DELEGATION, receiver=replace(RECEIVER, owner="bob@example.com")),
        replace(DELEGATION, receiver=replace(RECEIVER, team="")),
        replace(DELEGATION, chain=replace(BASE.chain, connectors=frozenset({"mail-plugin"}))),
        replace(DELEGATION, proof="dpop"),
        delegation(effects=frozenset({Effect.READ, Effect.SEND})),
        delegation(servers=frozenset({"files", "mail"})),
        delegation(max_calls=1),
        delegation(is_connector=True),
    )
    assert {hand_on(policy, request=other).verdict for other in others} == {Verdict.DENY}


@promise("P4", "P7")
@pytest.mark.parametrize(
    "policies", [(), (named("a", f"permit({DELEGATE}) when {{ context.delegated.is_connector }};"),)]
)
def test_silence_permits_no_delegation(policies: tuple[str, ...]) -> None:
    """Ours (fail-safe default)."""
    found = hand_on(*policies)
    assert (found.verdict, found.reason, found.determining) == (Verdict.DENY, Reason.DENIED_BY_POLICY, ())


@promise("P7")
def test_a_policy_that_errs_denies_a_delegation_even_beside_an_allow() -> None:
    """standards.md 3.3 (1): an overflow, and a forbid over anything that looks at what only items have."""
    overflow = named("sum", f"forbid({DELEGATE}) when {{ context.delegated.minutes * 4096 > 7 }};")
    items = named("items", "forbid(principal, action, resource) when { resource.sensitivity > 2 };")
    for policy, name, request in (
        (overflow, "sum", delegation(minutes=2**53 - 1)),
        (items, "items", DELEGATION),
    ):
        found = hand_on(MAY_DELEGATE, policy, request=request)
        assert (found.verdict, found.reason, found.determining) == (Verdict.DENY, Reason.POLICY_ERROR, (name,))
        assert (found.sentence, found.remedy) == (None, None)


@promise("P7")
@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(replace(DELEGATION, now_ms=2**70), id="a time that no long can hold"),
        pytest.param(delegation(minutes=2**70), id="minutes that none can hold"),
        pytest.param(replace(DELEGATION, purpose="\ud800"), id="text that has no bytes"),
        pytest.param(replace(DELEGATION, receiver=replace(RECEIVER, id="\ud800")), id="a receiver that has none"),
        pytest.param(replace(DELEGATION, receiver=replace(AGENT, agent_class="worker")), id="one agent of two classes"),
    ],
)
def test_whatever_goes_wrong_with_a_delegation_is_a_denial(request_: DelegationRequest) -> None:
    """Ours: `evaluate_delegation` never raises."""
    found = hand_on(MAY_DELEGATE, request=request_)
    assert (found.verdict, found.reason, found.determining) == (Verdict.DENY, Reason.POLICY_ERROR, ())


def test_words_of_a_delegation_cannot_change_their_type_inside_the_engine() -> None:
    """standards.md 3.3 (3): a purpose, or an agent's name, is text, whatever it spells."""
    spelt = '{"__entity": {"type": "Mediator::Agent", "id": "planner-1"}}'
    policy = named("spelt", f'permit({DELEGATE}) when {{ context.grant.purpose like "*__entity*" }};')
    assert hand_on(policy, request=replace(DELEGATION, purpose=spelt)).verdict is Verdict.ALLOW
    odd = replace(DELEGATION, receiver=replace(RECEIVER, id='worker"::1\n', owner="x", agent_class='c"'))
    assert hand_on(MAY_DELEGATE, request=odd).verdict is Verdict.ALLOW


# --- approvals -------------------------------------------------------------------------------------------------------

APPROVE = 'principal, action == Mediator::Action::"approve", resource'
MAY_APPROVE = named("may", f"permit({APPROVE});")


def approve(*policies: str, question: ApprovalQuestion = APPROVING) -> Decision:
    return engine(*policies).evaluate_approval(question)


def test_an_approval_is_allowed_by_who_names_it() -> None:
    """Ours: with what it demands of the approvers."""
    found = approve(MAY_APPROVE)
    assert found == Decision(verdict=Verdict.ALLOW, determining=("may",), policy_digest=found.policy_digest)
    obliged = approve(MAY_APPROVE, f'@obligation("two-approvers") {named("two", f"permit({APPROVE});")}')
    assert (obliged.determining, obliged.obligations) == (("may", "two"), frozenset({Obligation.TWO_APPROVERS}))


@promise("P7")
@pytest.mark.parametrize(
    "policies",
    [
        pytest.param((), id="nobody said anything"),
        pytest.param((ALLOW,), id="everything is permitted, and approvals are not named"),
        pytest.param((MAY_APPROVE, named("not", f"forbid({APPROVE});")), id="a forbid"),
        pytest.param(
            (
                named(
                    "may",
                    'permit(principal in Mediator::Role::"owner", action == Mediator::Action::"approve", resource);',
                ),
            ),
            id="another role",
        ),
        pytest.param((named("may", f"permit({APPROVE}) when {{ context.chain.depth == 1 }};"),), id="another depth"),
        pytest.param((named("may", f'permit({APPROVE}) when {{ resource.effect == "send" }};'),), id="another effect"),
    ],
)
def test_whoever_is_not_named_approves_nothing(policies: tuple[str, ...]) -> None:
    """Ours: an approval is permitted by name, or not at all."""
    found = approve(*policies)
    assert (found.verdict, found.reason) == (Verdict.DENY, Reason.DENIED_BY_POLICY)


def test_a_forbid_over_any_action_is_no_answer_to_who_approves() -> None:
    """Ours: it forbids the call, which is decided again; its condition may be of what only calls have."""
    anything = named("not", "forbid(principal, action, resource);")
    assert approve(MAY_APPROVE, anything).verdict is Verdict.ALLOW
    assert engine(MAY_APPROVE, anything).evaluate(call(arguments={"path": "a"})).verdict is Verdict.DENY


@promise("P7")
@pytest.mark.parametrize(
    "question",
    [
        pytest.param(replace(APPROVING, name="nope"), id="an item that is not pinned"),
        pytest.param(replace(APPROVING, kind=ItemKind.PROMPT), id="another kind"),
        pytest.param(replace(APPROVING, purpose="\ud800"), id="a purpose that has no bytes"),
    ],
)
def test_whatever_goes_wrong_with_an_approval_is_a_denial(question: ApprovalQuestion) -> None:
    """Ours: `evaluate_approval` never raises."""
    found = approve(MAY_APPROVE, question=question)
    assert (found.verdict, found.reason, found.determining) == (Verdict.DENY, Reason.POLICY_ERROR, ())


def test_leave_to_approve_is_leave_for_nothing_else() -> None:
    """Ours: it calls nothing, lists nothing and hands nothing on."""
    found = engine(MAY_APPROVE)
    assert found.evaluate(call(arguments={"path": "a"})).verdict is Verdict.DENY
    assert found.evaluate(listing()).verdict is Verdict.DENY
    assert found.evaluate_delegation(DELEGATION).verdict is Verdict.DENY


def test_the_examples_beside_the_default_policy_of_approvals_work() -> None:
    """Ours: a document that lies is a defect. The examples stand in a comment, indented."""
    lines = (POLICIES / "approvals.cedar").read_text(encoding="utf-8").splitlines()
    example = "\n".join(line.removeprefix("//") for line in lines if line.startswith("//   "))
    files = default_set() | {"more.cedar": example}
    paying = tool(domain="payments")
    assert check_policies(files, [paying]) == []
    found = prepare_engine(files, [paying])
    assert found.evaluate_approval(APPROVING).obligations == {Obligation.TWO_APPROVERS}
    owner = replace(APPROVING, principal=replace(APPROVING.principal, name="alice@example.com"))
    assert found.evaluate_approval(owner).determining == ("owners-do-not-approve-for-their-own-agents",)


def test_a_panic_in_the_engine_denies_a_delegation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: as of a call."""

    def panic(*_: object) -> None:
        raise PanicException

    found = engine(MAY_DELEGATE)
    monkeypatch.setattr(cedarpy, "is_authorized", panic)
    assert found.evaluate_delegation(DELEGATION).reason is Reason.POLICY_ERROR


def test_a_delegation_is_no_call_and_a_call_no_delegation() -> None:
    """Ours: leave to delegate calls nothing, and lists nothing."""
    found = engine(MAY_DELEGATE)
    assert found.evaluate(call(arguments={"path": "a"})).verdict is Verdict.DENY
    assert found.evaluate(listing()).verdict is Verdict.DENY
    assert found.evaluate(asking(Action.ELICIT)).verdict is Verdict.DENY


# --- connectors ------------------------------------------------------------------------------------------------------


@promise("P4")
def test_a_send_that_came_over_a_connector_is_forbidden_and_the_same_send_without_it_is_not() -> None:
    """Ours: beside the shipped set, which says nothing of connectors; other connectors and other effects are not meant."""
    policy = (
        'forbid(principal, action in Mediator::Action::"effect:send", resource) '
        'when { context.chain.connectors.contains("mail-plugin") };'
    )
    files = default_set() | {"connectors.cedar": named("not-over-mail-plugin", policy)}
    found = prepare_engine(files, [tool("mail/send", effect=Effect.SEND), PATH])

    def over(key: str, *connectors: str) -> Decision:
        chain = replace(BASE.chain, depth=1, connectors=frozenset(connectors))
        why = JustificationFacts(by="owner", size_bytes=3)
        return found.evaluate(
            call(key, arguments={"path": "/srv/a"}, base=base(chain=chain, proof="dpop", justification=why))
        )

    assert over("mail/send").determining == ("calls-that-the-grant-covers",)
    assert over("mail/send", "other-plugin").verdict is Verdict.ALLOW
    assert over("files/read", "mail-plugin").verdict is Verdict.ALLOW
    for connectors in (("mail-plugin",), ("other-plugin", "mail-plugin")):
        denied = over("mail/send", *connectors)
        assert (denied.verdict, denied.reason) == (Verdict.DENY, Reason.DENIED_BY_POLICY)
        assert denied.determining == ("not-over-mail-plugin",)


# --- approval --------------------------------------------------------------------------------------------------------

NEEDS_PROOF = named("proven", f'forbid({CALLS}) when {{ context.proof == "bearer" }};')
NEEDS_APPROVAL = named("human", f"forbid({CALLS}) unless {{ context has approval }};")


@promise("P11")
def test_a_denial_that_a_proof_would_turn_says_so() -> None:
    """Ours (design 4): asked once more, with a proof; and what it takes both for names the proof, which comes first."""

    def asked(*policies: str, **facts: Any) -> Decision:
        return ask(*policies, request=call(arguments={"path": "/srv/a"}, base=base(**facts)))

    approval = approved(BASE.request_hash)
    assert asked(ALLOW, NEEDS_PROOF).reason is Reason.PROOF_REQUIRED
    assert "proof" in (asked(ALLOW, NEEDS_PROOF).remedy or "")
    assert asked(ALLOW, NEEDS_PROOF, proof="dpop").verdict is Verdict.ALLOW
    both = (ALLOW, NEEDS_PROOF, NEEDS_APPROVAL)
    assert asked(*both).reason is Reason.PROOF_REQUIRED
    assert asked(*both, approval=approval).reason is Reason.PROOF_REQUIRED
    assert asked(*both, proof="dpop").reason is Reason.APPROVAL_REQUIRED
    assert asked(*both, proof="dpop", approval=approval).verdict is Verdict.ALLOW
    assert asked(*both, named("never", f"forbid({CALLS});")).reason is Reason.DENIED_BY_POLICY
    either = named("either", f'forbid({CALLS}) unless {{ context.proof == "dpop" || context has approval }};')
    assert asked(ALLOW, either).reason is Reason.PROOF_REQUIRED
    only = named("only", f'permit({CALLS}) when {{ context.proof == "bearer" && context has approval }};')
    assert asked(only).reason is Reason.APPROVAL_REQUIRED


NEEDS_WHY = named("why", f"forbid({CALLS}) unless {{ context has justification }};")
NEEDS_OWNERS_WHY = named(
    "owners-why", f'forbid({CALLS}) unless {{ context has justification && context.justification.by == "owner" }};'
)


@promise("P6", "P11")
def test_a_denial_that_a_justification_would_turn_says_so() -> None:
    """Issue 7: and how to give one. A proof comes before it, an approval after it, since that would be used up."""

    def asked(*policies: str, **facts: Any) -> Decision:
        return ask(ALLOW, *policies, request=call(arguments={"path": "/srv/a"}, base=base(**facts)))

    by_agent = JustificationFacts(by="agent", size_bytes=3)
    approval = approved(BASE.request_hash)
    found = asked(NEEDS_WHY)
    assert (found.verdict, found.reason, found.determining) == (Verdict.DENY, Reason.JUSTIFICATION_REQUIRED, ("why",))
    assert "org.mcp-mediator/justification" in (found.remedy or "")
    assert "--because" in (found.remedy or "")
    assert asked(NEEDS_WHY, justification=by_agent).verdict is Verdict.ALLOW

    for justification in (None, by_agent):
        found = asked(NEEDS_OWNERS_WHY, justification=justification)
        assert found.reason is Reason.JUSTIFICATION_REQUIRED
        assert "org.mcp-mediator/justification" not in (found.remedy or "")  # the agent's own would not do
        assert "--because" in (found.remedy or "")

    all_three = (NEEDS_WHY, NEEDS_PROOF, NEEDS_APPROVAL)
    assert asked(*all_three).reason is Reason.PROOF_REQUIRED
    assert asked(*all_three, proof="dpop").reason is Reason.JUSTIFICATION_REQUIRED
    assert asked(*all_three, proof="dpop", approval=approval).reason is Reason.JUSTIFICATION_REQUIRED
    assert asked(*all_three, proof="dpop", justification=by_agent).reason is Reason.APPROVAL_REQUIRED
    assert asked(*all_three, proof="dpop", justification=by_agent, approval=approval).verdict is Verdict.ALLOW
    assert asked(*all_three, named("never", f"forbid({CALLS});")).reason is Reason.DENIED_BY_POLICY
    at_length = named(
        "length", f"forbid({CALLS}) unless {{ context has justification && context.justification.bytes >= 900 }};"
    )
    assert asked(at_length).reason is Reason.DENIED_BY_POLICY  # nobody can write so much: no false promise


def test_a_denial_that_an_approval_would_turn_says_so() -> None:
    """Ours (design 4): asked once more, with an approval of exactly this request."""
    found = ask(ALLOW, NEEDS_APPROVAL)
    assert (found.verdict, found.reason, found.determining) == (Verdict.DENY, Reason.APPROVAL_REQUIRED, ("human",))
    assert found.sentence == "human, says its author"
    assert found.remedy is not None
    assert "approval" in found.remedy


@promise("P6")
def test_an_approval_counts_for_exactly_its_request() -> None:
    """Ours: with it the call is allowed; with another's it stands where it stood."""
    request = call(arguments={"path": "x"}, base=base(approval=approved()))
    assert ask(ALLOW, NEEDS_APPROVAL, request=request).verdict is Verdict.ALLOW
    other = call(arguments={"path": "x"}, base=base(approval=approved("sha256:other")))
    assert ask(ALLOW, NEEDS_APPROVAL, request=other).reason is Reason.APPROVAL_REQUIRED


@pytest.mark.parametrize(
    "policies",
    [
        pytest.param((NEEDS_APPROVAL,), id="nothing else permits"),
        pytest.param((ALLOW, NEEDS_APPROVAL, named("never", f"forbid({CALLS});")), id="something else forbids"),
        pytest.param((ALLOW, named("never", f"forbid({CALLS});")), id="no policy speaks of approvals"),
        pytest.param(
            (
                ALLOW,
                named(
                    "bob", f'forbid({CALLS}) unless {{ context has approval && context.approval.approver == "bob" }};'
                ),
            ),
            id="only one person's would do",
        ),
    ],
)
def test_a_denial_that_an_approval_would_not_turn_is_plain(policies: tuple[str, ...]) -> None:
    """Ours: no false promise."""
    found = ask(*policies)
    assert (found.reason, found.remedy) == (Reason.DENIED_BY_POLICY, None)


def test_an_approval_that_did_not_help_is_not_asked_for_again() -> None:
    """Ours: it is there already."""
    request = call(arguments={"path": "x"}, base=replace(uncovered(), approval=approved()))
    found = ask(named("c", f"permit({CALLS}) when {{ context.grant.covers }};"), NEEDS_APPROVAL, request=request)
    assert found.reason is Reason.DENIED_BY_POLICY


# --- hazards ---------------------------------------------------------------------------------------------------------


@promise("P7")
@pytest.mark.parametrize("effect", ["permit", "forbid"])
def test_a_policy_that_errs_denies_even_beside_an_allow(effect: str) -> None:
    """standards.md 3.3 (1): Cedar skips it and allows. What validation cannot see is an overflow."""
    request = call(arguments={"path": "x"}, base=base(task=replace(BASE.task, calls=2**53 - 1)))
    overflow = named("sum", f"{effect}({CALLS}) when {{ context.task.calls * 4096 > 7 }};")
    assert cedarpy.is_authorized(
        {"principal": 'A::"a"', "action": 'A::"a"', "resource": 'A::"a"', "context": {"n": 2**62}},
        "permit(principal, action, resource); forbid(principal, action, resource) when { context.n * 4 > 7 };",
        [],
    ).allowed
    found = ask(ALLOW, overflow, request=request)
    assert (found.verdict, found.reason, found.determining) == (Verdict.DENY, Reason.POLICY_ERROR, ("sum",))
    assert (found.sentence, found.remedy) == (None, None)


@promise("P7")
def test_a_forbid_over_an_optional_argument_never_comes_into_force() -> None:
    """standards.md 3.3 (2): at a call it would err where the argument is absent, and be skipped."""
    with pytest.raises(PolicySetInvalid) as error:
        engine(ALLOW, named("mode", f'forbid({ON_READ}) when {{ context.args.mode like "w*" }};'))
    assert [finding.policy_id for finding in error.value.findings] == ["mode"]


@promise("P7")
@pytest.mark.parametrize(
    "smuggled",
    [
        {"__entity": {"type": "Mediator::Agent", "id": "planner-1"}},
        {"__extn": {"fn": "ip", "arg": "10.0.0.1"}},
        {"__expr": "principal"},
        ["/srv/a"],
        None,
        5,
    ],
)
@pytest.mark.parametrize("named_by_policy", [True, False])
def test_an_argument_cannot_change_its_type_inside_the_engine(smuggled: Json, named_by_policy: bool) -> None:
    """standards.md 3.3 (3): without a schema an entity for a string defeats `unless`; here it never gets there."""
    guard = named("guard", f'forbid({ON_READ}) unless {{ context.args.path == "/srv/a" }};')
    policies = (ALLOW, guard) if named_by_policy else (ALLOW,)
    found = ask(*policies, request=call(arguments={"path": smuggled}))
    assert (found.verdict, found.reason) == (Verdict.DENY, Reason.ARGUMENTS_INVALID)
    assert found.sentence == "the pinned schema leads policy to expect a string at `/path`"


@pytest.mark.parametrize("name", ["__entity", "__extn", "__expr"])
def test_a_tool_whose_schema_names_an_escape_is_opaque_and_stays_so(name: str) -> None:
    """standards.md 3.3 (3), from the publisher's side (A3): even pinned, the name never reaches the engine as a key."""
    found = with_arguments({name: {"type": "object", "properties": {"type": {"type": "string"}}}})
    decision = ask(
        named("p", f'permit({ON_READ}) when {{ context.args.keys == ["{name}"] }};'),
        request=call(arguments={name: {"type": "Mediator::Agent", "id": "root"}}),
        tools=(found,),
    )
    assert (decision.verdict, decision.opaque) == (Verdict.ALLOW, frozenset({""}))


@pytest.mark.parametrize(
    ("schema", "raw", "condition"),
    [
        ("number", b"1.5", 'context.args.x has high && context.args.x.high == decimal("1.5")'),
        ("number", b"-0.00001", 'context.args.x has low && context.args.x.low == decimal("-0.0001")'),
        ("number", b"-0.00001", 'context.args.x has high && context.args.x.high == decimal("0.0")'),
        ("number", b"1e300", "!(context.args.x has high) && context.args.x has low"),
        ("number", b"9223372036854775808", 'context.args.x.text == "9223372036854776000"'),
        ("integer", b"1e2", "context.args.x == 100"),
        ("integer", b"9007199254740991", "context.args.x == 9007199254740991"),
        ("boolean", b"true", "context.args.x"),
        ("string", b'"\\u0000\\ud83d\\ude00\\n\\"\\\\"', 'context.args.x == "\\0😀\\n\\"\\\\"'),
    ],
)
def test_numbers_and_text_arrive_as_what_they_are(schema: str, raw: bytes, condition: str) -> None:
    """standards.md 3.3 (4): a float, or an integer beyond 64 bits, would leave the whole request without an answer."""
    found = with_arguments({"x": {"type": schema}}, required=["x"])
    request = call(arguments={"x": parse_json(raw)})
    policy = named("p", f"permit({ON_READ}) when {{ {condition} }};")
    assert ask(policy, request=request, tools=(found,)).verdict is Verdict.ALLOW


def test_null_is_absent_and_told_apart() -> None:
    """standards.md 3.3 (4): null, as above."""
    found = with_arguments({"x": {"type": ["string", "null"]}}, required=["x"])
    policy = named("p", f'permit({ON_READ}) when {{ !(context.args has x) && context.nulls.contains("/x") }};')
    assert ask(policy, request=call(arguments={"x": None}), tools=(found,)).verdict is Verdict.ALLOW
    assert ask(policy, request=call(arguments={"x": ""}), tools=(found,)).verdict is Verdict.DENY


def test_an_integer_beyond_safety_is_the_callers_to_mend() -> None:
    """Ours (design 5.5): whether a policy names it or not."""
    found = ask(ALLOW, request=call(arguments={"x": 1e300}), tools=(with_arguments({"x": {"type": "integer"}}),))
    assert found == Decision(
        verdict=Verdict.DENY,
        determining=(),
        policy_digest=found.policy_digest,
        reason=Reason.ARGUMENTS_INVALID,
        sentence="the integer at `/x` is beyond 2^53-1",
        remedy="send it as a string",
    )


def test_extra_arguments_are_opaque_and_no_error() -> None:
    """standards.md 3.3 (5): the closed world refuses them before; where a manifest opens an object, policy is told."""
    request = call(arguments={"path": "/srv/a", "extra": {"__entity": {"type": "x", "id": "y"}}})
    found = ask(named("p", f'permit({ON_READ}) when {{ context.args.path == "/srv/a" }};'), request=request)
    assert (found.verdict, found.opaque) == (Verdict.ALLOW, frozenset({"/extra"}))
    closed = named("p", f"permit({ON_READ}) when {{ context.opaque.isEmpty() }};")
    assert ask(closed, request=request).verdict is Verdict.DENY


def test_a_default_is_not_filled_in() -> None:
    """Ours (design 5.5): a constraint on an absent argument refuses."""
    found = with_arguments({"x": {"type": "string", "default": "safe"}})
    policy = named("p", f'permit({ON_READ}) when {{ context.args has x && context.args.x == "safe" }};')
    assert ask(policy, request=call(), tools=(found,)).verdict is Verdict.DENY


@promise("P7")
@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(call("files/unknown"), id="a tool that the engine was not prepared with"),
        pytest.param(listing("files/unknown"), id="to see such a tool"),
        pytest.param(call(base=None), id="no circumstances"),
        pytest.param(replace(call(), arguments=None), id="no arguments"),
        pytest.param(call(base=base(now_ms=2**70)), id="a time that no long can hold"),
        pytest.param(call(base=base(proof="\ud800")), id="text that has no bytes"),
        pytest.param(call(principal=replace(AGENT, id="\ud800")), id="an agent that has none"),
    ],
)
def test_whatever_goes_wrong_is_a_denial(request_: AccessRequest) -> None:
    """Ours: `evaluate` never raises."""
    lenient = tool(input_schema={"type": "object", "properties": {}})
    policy = named("p", f'permit({CALLS}) when {{ context.now > 0 && context.proof != "" && principal has owner }};')
    found = ask(
        policy,
        named("l", 'permit(principal, action == Mediator::Action::"list", resource);'),
        request=request_,
        tools=(lenient,),
    )
    assert (found.verdict, found.reason, found.determining) == (Verdict.DENY, Reason.POLICY_ERROR, ())


class PanicException(BaseException):
    """What a panic in Rust looks like from here: no `Exception`."""


def test_a_panic_in_the_engine_is_a_denial_and_an_interrupt_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: one bad call does not end the process; the operator's Ctrl-C still does."""
    found = engine(ALLOW)

    def fail(error: BaseException) -> None:
        def raise_it(*_: object) -> None:
            raise error

        monkeypatch.setattr(cedarpy, "is_authorized", raise_it)

    fail(PanicException())
    assert found.evaluate(call(arguments={"path": "a"})).reason is Reason.POLICY_ERROR
    fail(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        found.evaluate(call(arguments={"path": "b"}))


def test_no_answer_is_a_denial(monkeypatch: pytest.MonkeyPatch) -> None:
    """standards.md 3.1: NoDecision is a third answer. The engine's words, which echo the context, go nowhere."""
    answer = {"decision": "NoDecision", "diagnostics": {"errors": ["failed to build request: policy `policy0` secret"]}}
    monkeypatch.setattr(cedarpy, "is_authorized", lambda *_: cedarpy.AuthzResult(answer))
    found = ask(ALLOW)
    assert (found.verdict, found.reason, found.determining) == (Verdict.DENY, Reason.POLICY_ERROR, ())
    assert "secret" not in str(found)


@pytest.mark.parametrize("reasons", [["policy7"], ["policy"], ["nonsense"]])
def test_an_answer_that_names_no_policy_of_ours_is_a_denial(
    monkeypatch: pytest.MonkeyPatch, reasons: list[str]
) -> None:
    """Ours: an allow is believed only with the policies that made it."""
    answer = {"decision": "Allow", "diagnostics": {"reason": reasons}}
    monkeypatch.setattr(cedarpy, "is_authorized", lambda *_: cedarpy.AuthzResult(answer))
    assert ask(ALLOW).reason is Reason.POLICY_ERROR


# --- remembering -----------------------------------------------------------------------------------------------------


class Counted:
    """Cedar, and how often it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.questions = 0
        self._ask = cedarpy.is_authorized
        monkeypatch.setattr(cedarpy, "is_authorized", self)

    def __call__(self, *question: Any) -> cedarpy.AuthzResult:
        self.questions += 1
        return self._ask(*question)


def test_equal_questions_are_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours (design 5.5): what no policy names does not make a question another one."""
    counted = Counted(monkeypatch)
    found = engine(named("c", f"permit({CALLS}) when {{ context.grant.covers }};"), tools=(PATH, tool("files/stat")))
    for path in ("a", "b", "c"):
        for agent in ("planner-1", "planner-2"):
            request = call(arguments={"path": path}, base=base(request_hash=path), principal=replace(AGENT, id=agent))
            assert found.evaluate(request).verdict is Verdict.ALLOW
    assert counted.questions == 1
    assert found.evaluate(call(arguments={"path": "a"}, base=uncovered())).verdict is Verdict.DENY
    assert counted.questions == 2
    assert found.evaluate(call("files/stat")).verdict is Verdict.ALLOW
    assert counted.questions == 3


def test_a_listing_of_many_tools_is_one_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours (P12): unless a policy tells tools apart."""
    counted = Counted(monkeypatch)
    tools = tuple(tool(f"files/t{index}", sensitivity=index % 3) for index in range(30))
    found = engine(ALLOW, tools=tools)
    assert {found.evaluate(listing(one.key)).verdict for one in tools} == {Verdict.ALLOW}
    assert counted.questions == 1
    secret = named(
        "s", 'forbid(principal, action == Mediator::Action::"list", resource) when { resource.sensitivity > 1 };'
    )
    found = engine(ALLOW, secret, tools=tools)
    assert sum(found.evaluate(listing(one.key)).verdict is Verdict.ALLOW for one in tools) == 20
    assert counted.questions == 31


def test_a_long_question_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: an agent chooses how long its arguments are, and not how much we remember."""
    counted = Counted(monkeypatch)
    found = engine(named("p", f'permit({ON_READ}) when {{ context.args.path like "*a" }};'))
    request = call(arguments={"path": "a" * engine_cedar.ANSWER_CONTEXT_MAX_BYTES})
    assert [found.evaluate(request).verdict for _ in range(2)] == [Verdict.ALLOW] * 2
    assert counted.questions == 2


def test_only_so_many_slices_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: bounded, and the answer is the same after one was let go."""
    monkeypatch.setattr(engine_cedar, "SLICES_MAX", 2)
    tools = tuple(tool(f"files/t{index}") for index in range(5))
    found = engine(ALLOW, tools=tools)
    for _ in range(2):
        assert {found.evaluate(call(one.key)).verdict for one in tools} == {Verdict.ALLOW}
        found._sliced_for.cache_clear()
    assert len(found._slices) == 2


# --- tooling ---------------------------------------------------------------------------------------------------------


def test_the_digest_is_over_the_files_as_they_are() -> None:
    """Ours: what an activation statement names; a byte more is another set."""
    files = {"a.cedar": ALLOW, "b.cedar": "// nothing"}
    assert policy_set_digest(files) == digest_of({"b.cedar": "// nothing", "a.cedar": ALLOW})
    assert prepare_engine(files, [PATH]).digest == policy_set_digest(files)
    assert policy_set_digest(files) != policy_set_digest(files | {"b.cedar": "// nothing "})
    assert ask(ALLOW).policy_digest == policy_set_digest({"set.cedar": ALLOW})


def test_a_tool_that_stands_twice_is_our_mistake() -> None:
    """Ours: two schemas for one action would be validated by chance."""
    with pytest.raises(ValueError, match="stands twice"):
        prepare_engine({}, [PATH, PATH])


def test_warnings_do_not_keep_a_set_from_being_prepared() -> None:
    """Ours: a forbid waits for its tool."""
    files = {"a": named("later", 'forbid(principal, action == Mediator::Action::"mail/send", resource);')}
    assert len(check_policies(files, [PATH])) == 2
    assert prepare_engine(files, [PATH]).evaluate(call(arguments={"path": "a"})).verdict is Verdict.DENY


def files_in(folder: Path, pattern: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob(pattern))}


def default_set() -> dict[str, str]:
    return {name: raw.decode() for name, raw in files_in(POLICIES, "*.cedar").items()}


def test_the_default_set_is_sound_and_does_what_its_cases_say() -> None:
    """Ours: cases run here and in `mediator policy test`."""
    assert check_policies(default_set(), []) == []
    ran = run_cases(default_set(), files_in(POLICIES / "cases", "*.json"))
    assert len(ran.results) > 10
    assert [result for result in ran.results if not result.passed] == []
    assert ran.never_decisive == ()


def fenced(text: str, language: str) -> list[str]:
    """The code blocks of a language in a Markdown text."""
    return [block.split("```")[0] for block in text.split(f"```{language}\n")[1:]]


def test_the_worked_example_of_the_readme_works() -> None:
    """Ours: a document that lies is a defect."""
    text = (POLICIES / "README.md").read_text(encoding="utf-8")
    (policy,), (cases,) = fenced(text, "cedar"), fenced(text, "json")
    results = run_cases(default_set() | {"interns.cedar": policy}, {"interns.json": cases.encode()}).results
    assert [result.passed for result in results] == [True] * 3
    assert not any(result.passed for result in run_cases(default_set(), {"interns.json": cases.encode()}).results[1:])


@pytest.mark.parametrize(
    ("raw", "got"),
    [
        (b"{", "not JSON"),
        (
            b'{"tools": [{"server": "Not Local"}], "cases": [{"name": "x", "expect": {"verdict": "deny"}}]}',
            "`Not Local/read`",
        ),
        (
            b'{"tools": [{}, {}], "cases": [{"name": "x", "expect": {"verdict": "deny"}}]}',
            "the tool `files/read` stands twice",
        ),
    ],
)
def test_a_file_of_cases_that_cannot_be_run_is_a_case_that_fails(raw: bytes, got: str) -> None:
    """Ours: and the other files are run."""
    good = b'{"tools": [{}], "cases": [{"name": "fine", "expect": {"verdict": "allow"}}]}'
    broken, fine = run_cases({"a": ALLOW}, {"a.json": raw, "b.json": good}).results
    assert (broken.file, broken.passed, broken.got[: len(got)]) == ("a.json", False, got)
    assert (fine.name, fine.passed) == ("fine", True)


def test_cases_under_a_set_that_is_wrong_are_not_run() -> None:
    """Ours: the set is to be mended first."""
    good = b'{"tools": [{}], "cases": [{"name": "fine", "expect": {"verdict": "allow"}}]}'
    with pytest.raises(PolicySetInvalid):
        run_cases({"a": "permit(principal, action, resource);"}, {"b.json": good})


def test_the_default_set_lets_an_agent_hand_on_what_narrows() -> None:
    """Ours: the core looked whether it does; who receives is nobody's business until a policy says so."""
    found = prepare_engine(default_set(), []).evaluate_delegation(DELEGATION)
    assert (found.verdict, found.determining) == (Verdict.ALLOW, ("delegation-narrows",))


def test_the_example_beside_the_default_policy_works() -> None:
    """Ours: a document that lies is a defect. The example stands in a comment, indented."""
    lines = (POLICIES / "delegation.cedar").read_text(encoding="utf-8").splitlines()
    example = "\n".join(line.removeprefix("//") for line in lines if line.startswith("//   "))
    files = default_set() | {"connectors.cedar": example}
    assert check_policies(files, []) == []
    found = prepare_engine(files, [])
    to_connector = replace(DELEGATION, receiver=replace(RECEIVER, agent_class="connector"))
    assert found.evaluate_delegation(to_connector).verdict is Verdict.ALLOW
    sending = delegation(to_connector, effects=frozenset({Effect.READ, Effect.SEND}))
    assert found.evaluate_delegation(sending).determining == ("connectors-only-read",)
    assert found.evaluate_delegation(replace(sending, receiver=RECEIVER)).verdict is Verdict.ALLOW


def decide(effect: Effect, *, covers: bool, arguments: Mapping[str, Json], schema: Mapping[str, Json]) -> Decision:
    facts = tool("files/do", effect=effect, targets=("/to",), input_schema=dict(schema))
    why = JustificationFacts(by="owner", size_bytes=3)
    facts_of_call = replace(BASE if covers else uncovered(), proof="dpop", justification=why)
    request = call("files/do", arguments=dict(arguments), base=facts_of_call)
    return prepare_engine(default_set(), [facts]).evaluate(request)


TYPED: Mapping[str, Json] = {"type": "object", "properties": {"to": {"type": "string"}}}
FREE: Mapping[str, Json] = {"type": "object"}


@pytest.mark.parametrize("effect", list(Effect))
@promise("P6")
def test_the_default_set_wants_every_effect_granted(effect: Effect) -> None:
    """Ours: under the shipped policies, for each effect."""
    assert decide(effect, covers=True, arguments={"to": "x"}, schema=TYPED).verdict is Verdict.ALLOW
    assert decide(effect, covers=False, arguments={"to": "x"}, schema=TYPED).reason is Reason.DENIED_BY_POLICY
    unseen = decide(effect, covers=True, arguments={"to": "x"}, schema=FREE)
    assert unseen.reason is (Reason.APPROVAL_REQUIRED if effect.is_privileged else None)


def test_a_policy_that_is_not_valid_for_no_stated_reason_is_not_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: the verdict of the validator counts, not the length of its list."""
    monkeypatch.setattr(cedarpy, "validate_policies", lambda *_: cedarpy.ValidationResult({"validation_passed": False}))
    assert [finding.message for finding in check_policies({"a": ALLOW}, [])] == ["not valid (checked for any item)"]
