"""Tests of a set of policies, checked as a whole before it may decide anything.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mediator.adapters.engine_cedar import check_policies
from mediator.canonical import JsonObject
from mediator.policy.finding import PolicyFinding, Severity
from mediator.policy.loading import load_policies
from mediator.policy.request import ItemFacts
from tests.promises import promise
from tests.unit.policy.facts import prompt, resource, tool, with_arguments

READ = with_arguments(
    {"path": {"type": "string"}, "encoding": {"type": "string"}, "amount": {"type": "number"}}, required=["path"]
)
WRITE = with_arguments({"path": {"type": "integer"}}, "files/write", required=["path"])
ALLOW = '@id("base") @reason("base") permit(principal, action, resource);'
ON_READ = 'principal, action == Mediator::Action::"files/read", resource'
ON_CALLS = 'principal, action in Mediator::Action::"call_tool", resource'


def check(*texts: str, tools: Sequence[ItemFacts] = (READ, WRITE)) -> list[PolicyFinding]:
    return check_policies({f"{index}.cedar": text for index, text in enumerate((ALLOW, *texts))}, tools)


def named(policy: str, name: str = "p") -> str:
    return f'@id("{name}") @reason("because") {policy}'


def message_of(findings: list[PolicyFinding]) -> str:
    (finding,) = findings
    return finding.message


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        pytest.param(
            f'forbid({ON_READ}) when {{ context.args.encoding like "etc*" }};',
            "unable to guarantee safety of access to optional attribute `args.encoding`",
            id="an optional argument that was not asked for first",
        ),
        pytest.param(
            f'forbid({ON_READ}) when {{ context.args.amount.high.lessThan(decimal("1.0")) }};',
            "unable to guarantee safety of access to optional attribute",
            id="a number that may be absent",
        ),
        pytest.param(f"forbid({ON_READ}) when {{ context.nope == 1 }};", "attribute `nope`", id="no such attribute"),
        pytest.param(
            f"forbid({ON_READ}) when {{ context.args.mode == 1 }};", "attribute `args.mode`", id="no such argument"
        ),
        pytest.param(
            f'forbid({ON_CALLS}) when {{ context.approval.approver == "x" }};',
            "unable to guarantee safety of access to optional attribute `approval`",
            id="an approval that was not asked for first",
        ),
        pytest.param(
            f'forbid({ON_CALLS}) when {{ context.grant.covers == "yes" }};',
            "are not compatible",
            id="types that do not meet",
        ),
        pytest.param(
            f"forbid({ON_CALLS}) when {{ principal.clearance > 1 }};",
            "attribute `clearance`",
            id="no such attribute of agents",
        ),
        pytest.param(
            'forbid(principal == Mediator::User::"x", action, resource);', "applicable action", id="a user for an agent"
        ),
        pytest.param(
            'forbid(principal, action == Mediator::Action::"list", resource) when { context.now > 1 };',
            "attribute `now`",
            id="circumstances in a listing",
        ),
        pytest.param(
            "forbid(principal, action, resource) when { context.now > 1 };", "attribute `now`", id="or in everything"
        ),
        pytest.param(
            f'forbid({ON_CALLS}) when {{ action in Mediator::Action::"effect:send" || context.nope }};',
            "attribute `nope`",
            id="behind an action that no pinned tool has",
        ),
        pytest.param(f'forbid({ON_CALLS}) when {{ Agent::"x" == principal }};', "`Agent`", id="another namespace"),
    ],
)
@promise("P7")
def test_whatever_could_fail_at_a_call_is_found_before(policy: str, message: str) -> None:
    """standards.md 3.3 (1, 2): Cedar skips a forbid that errs, so such a forbid never comes into force."""
    findings = check(named(policy))
    assert findings
    assert {finding.severity for finding in findings} == {Severity.ERROR}
    assert {(finding.file, finding.line, finding.policy_id) for finding in findings} == {("1.cedar", 1, "p")}
    assert any(message in finding.message for finding in findings), findings
    assert all(finding.remedy for finding in findings)


def test_a_well_typed_set_has_no_findings() -> None:
    """Ours: over arguments, over groups, over agents."""
    assert (
        check(
            named(f'forbid({ON_READ}) unless {{ context.args.path like "srv*" }};', "a"),
            named(f"permit({ON_CALLS}) when {{ context has approval && context.approval.at < context.now }};", "b"),
            named(
                'forbid(principal in Mediator::Team::"t", action in Mediator::Action::"effect:send", resource);', "c"
            ),
            named(f'forbid({ON_CALLS}) when {{ action == Mediator::Action::"files/read" }};', "d"),
            named(f'forbid({ON_CALLS}) when {{ principal.owner.name == "eve" && resource.sensitivity > 2 }};', "e"),
        )
        == []
    )


ON_DELEGATION = 'principal, action == Mediator::Action::"delegate", resource'


def test_well_typed_policies_over_delegations_have_no_findings() -> None:
    """Ours: alone, beside calls, and over anything; which agents there are is nothing that is pinned."""
    connectors = 'resource in Mediator::AgentClass::"connector"'
    both = 'principal, action in [Mediator::Action::"delegate", Mediator::Action::"effect:send"], resource'
    limit = "context.delegated has max_calls && context.delegated.max_calls <= 10"
    assert (
        check(
            named(f"permit({ON_DELEGATION}) unless {{ context.delegated.depth > 2 }};", "a"),
            named(
                f'forbid(principal, action == Mediator::Action::"delegate", {connectors}) unless {{ {limit} }};', "b"
            ),
            named(f"forbid({both}) unless {{ context.grant.purpose == context.chain.root }};", "c"),
            named(f"forbid(principal, action, {connectors});", "d"),
            named('forbid(principal, action, resource) when { principal.owner.name == "eve" };', "e"),
            named(
                "forbid(principal, action, resource) "
                'when { action == Mediator::Action::"delegate" && context.delegated.is_connector };',
                "f",
            ),
            named(f"forbid({ON_DELEGATION}) unless {{ principal.owner == resource.owner }};", "g"),
        )
        == []
    )


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (f"forbid({ON_DELEGATION}) when {{ context.delegated.max_calls > 3 }};", "optional attribute"),
        (f"forbid({ON_DELEGATION}) when {{ context.delegated.tools.isEmpty() }};", "attribute `delegated.tools`"),
        (f"permit({ON_DELEGATION}) when {{ context.grant.covers }};", "attribute `grant.covers`"),
        (f"forbid({ON_DELEGATION}) when {{ resource.sensitivity > 2 }};", "attribute `sensitivity`"),
        (f"forbid({ON_DELEGATION}) when {{ context has args && context.args has x }};", "scoped to a group"),
        ('permit(principal, action == Mediator::Action::"delegate", resource is Mediator::Tool);', "applicable action"),
        ('permit(principal, action, resource in Mediator::Team::"t");', "applicable action"),
        (
            (
                'forbid(principal, action in [Mediator::Action::"delegate", Mediator::Action::"effect:send"], resource) '
                "when { context.delegated.is_connector };"
            ),
            "attribute `delegated`",
        ),
        (
            (
                'forbid(principal, action in [Mediator::Action::"delegate", Mediator::Action::"effect:send"], resource) '
                "when { context.justified };"
            ),
            "attribute `justified`",
        ),
        (
            (
                'forbid(principal, action in [Mediator::Action::"delegate", Mediator::Action::"files/read"], '
                'resource in Mediator::AgentClass::"c");'
            ),
            "applicable action",
        ),
        ('forbid(principal, action == Mediator::Action::"delegates", resource);', "there is no action `delegates`"),
    ],
)
@promise("P7")
def test_whatever_could_fail_at_a_delegation_is_found_before(policy: str, message: str) -> None:
    """Ours: a policy that names `delegate` is held to what a delegation is asked with."""
    errors = [finding for finding in check(named(policy)) if finding.severity is Severity.ERROR]
    assert any(message in finding.message for finding in errors), errors
    assert all(finding.remedy for finding in errors)


@promise("P7")
def test_a_forbid_over_anything_that_looks_at_items_is_warned_of() -> None:
    """Ours: a set that was fit before there were delegations stays fit. What fails at a delegation denies it."""
    everything = "principal, action, resource"
    (finding,) = check(named(f"forbid({everything}) when {{ resource.sensitivity > 2 }};"))
    assert finding.severity is Severity.WARNING
    assert finding.message == (
        "attribute `sensitivity` on entity type `Mediator::Agent` not found (checked for delegate)"
    )
    assert "denied" in finding.remedy
    scoped = "principal, action, resource is Mediator::Tool"
    assert check(named(f"forbid({scoped}) when {{ resource.sensitivity > 2 }};")) == []
    assert check(named(f"permit({everything}) when {{ resource.sensitivity > 2 }};")) == []


@promise("P7")
@pytest.mark.parametrize("condition", ["principal.clearance > 1", "principal.owner", "context.nope == 1"])
def test_a_fault_everywhere_is_an_error_though_it_is_a_warning_at_delegations(condition: str) -> None:
    """Ours: told once, and never as the lesser; whichever policy of the set stands first."""
    fine = named('forbid(principal, action, resource) when { principal.owner.name == "eve" };', "fine")
    wrong = named(f"forbid(principal, action, resource) when {{ {condition} }};")
    for texts in ((fine, wrong), (wrong, fine)):
        errors = [finding for finding in check(*texts) if finding.severity is Severity.ERROR]
        assert {finding.policy_id for finding in errors} == {"p"}


def test_a_policy_is_checked_for_every_tool_that_it_names() -> None:
    """Ours: well typed for one is not well typed for the other."""
    both = 'principal, action in [Mediator::Action::"files/read", Mediator::Action::"files/write"], resource'
    found = message_of(check(named(f'forbid({both}) when {{ context.args.path == "x" }};')))
    assert found.endswith("(checked for files/write)")


def test_a_policy_over_items_and_more_is_checked_for_both() -> None:
    """Ours: what is asked in the course of a call has other attributes than the call."""
    both = 'principal, action in [Mediator::Action::"files/read", Mediator::Action::"elicit"], resource'
    assert check(named(f"forbid({both}) unless {{ context.grant.covers }};")) == []
    found = message_of(check(named(f'forbid({both}) when {{ context.ask.mode == "url" }};')))
    assert "attribute `ask`" in found
    assert found.endswith("(checked for files/read)")


@pytest.mark.parametrize(
    "scope",
    [
        'action in Mediator::Action::"server:mail", resource',
        'action in Mediator::Action::"effect:read", resource is Mediator::Prompt',
        'action, resource == Mediator::Tool::"mail/send"',
        'action == Mediator::Action::"elicit", resource',
        'action in Mediator::Action::"read_resource", resource is Mediator::Resource',
    ],
)
def test_a_policy_that_asks_for_the_action_is_checked_for_the_items_that_it_may_apply_to(scope: str) -> None:
    """Ours: for another it would be ill typed for no other reason than that it never applies there."""
    items = [READ, tool("mail/send"), prompt("mail/send"), resource("mail/file:///a")]
    policy = named(f'forbid(principal, {scope}) when {{ action == Mediator::Action::"mail/send" }};')
    assert check(policy, tools=items) == []


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ('action == Mediator::Action::"files/prompt:read", resource) when { context.args.topic == "x"', "optional"),
        ('action == Mediator::Action::"files/prompt:read", resource) when { context.args.path == "x"', "`args.path`"),
        ('action == Mediator::Action::"files/resource:file:///a", resource) when { context.args.id == 1', "`args.id`"),
        ('action == Mediator::Action::"files/prompt:read", resource is Mediator::Tool) when { true', "applicable"),
        ('action in Mediator::Action::"call_tool", resource is Mediator::Resource) when { true', "applicable"),
        ('action == Mediator::Action::"sample", resource) when { context.args.uri == "x"', "scoped to a group"),
        ('action in Mediator::Action::"effect:read", resource) when { context.nope', "attribute `nope`"),
    ],
)
def test_policies_over_prompts_resources_and_asks_are_checked_alike(policy: str, message: str) -> None:
    """Ours: a prompt's arguments may be absent, a resource's URI never is; a fault of all kinds is told once."""
    items = [READ, prompt("files/read", "topic"), resource("files/file:///a")]
    found = check(named(f"forbid(principal, {policy} }};"), tools=items)
    assert len({finding.message for finding in found}) == len(found)
    assert any(message in finding.message for finding in found), found
    good = [
        named('forbid(principal, action == Mediator::Action::"files/resource:file:///a", resource) '
              'unless { context.args.uri like "file:*" };', "a"),
        named('forbid(principal, action == Mediator::Action::"files/prompt:read", resource) '
              'when { context.args has topic && context.args.topic == "x" };', "b"),
        named('forbid(principal, action == Mediator::Action::"elicit", resource) '
              'when { context.ask has url && context.ask.url like "http:*" };', "c"),
        named('forbid(principal, action, resource == Mediator::Prompt::"files/read");', "d"),
    ]  # fmt: skip
    assert check(*good, tools=items) == []


def test_the_same_fault_under_many_tools_is_told_once() -> None:
    """Ours: a policy that asks for the action is checked for each tool; a list of the same sentence helps nobody."""
    policy = named(f'forbid({ON_CALLS}) when {{ action == Mediator::Action::"files/read" || context.nope }};')
    assert len(check(policy)) == len(check(policy, tools=[READ])) == 1


def test_an_id_stands_once_in_the_whole_set() -> None:
    """standards.md 3.3 (8): a record names policies by it."""
    findings = check(f"\n{named(f'permit({ON_CALLS});', 'base')}")
    assert [(finding.file, finding.line) for finding in findings] == [("1.cedar", 2)]
    assert message_of(findings) == "the `@id` is taken by the policy at 0.cedar:1"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("permit(principal, action);", "this is no policy: "),
        ("allow everything", "this is no policy: "),
        (named("permit(principal == ?principal, action, resource);"), "one policy without slots was expected"),
        (named(f"permit({ON_CALLS})"), "unexpected end of input"),
        (named(f'permit({ON_CALLS}) when {{ context.proof == "bearer }};'), "invalid token"),
        (named(f"permit({ON_CALLS}) when {{ {' && '.join(['true'] * 200)} }};"), "nested too deeply"),
        (named(f"permit({ON_CALLS}) when {{ {'(' * 9_999}true{')' * 9_999} }};"), "nested deeper than 32"),
        (named(f"permit({ON_CALLS}) when {{ {' + '.join(['1'] * 99_999)} > 0 }};"), "longer than 8192 characters"),
        (named(f"permit({ON_CALLS}) when {{ {'.a' * 4_000} }};"), "this is no policy"),
        (named(f"permit({ON_CALLS}) when {{ context{'.a' * 4_000} }};"), "nested too deeply"),
        (named(f"permit({ON_CALLS}) when {{ {'if true then ' * 300}true{' else true' * 300} }};"), "nested too deeply"),
        ('@id("a") @id("b") ' + f"permit({ON_CALLS});", "duplicate annotation"),
    ],
)
def test_what_is_no_policy_is_told_where_it_stands(text: str, part: str) -> None:
    """Ours: file and line; the policies around it are still read."""
    findings = check(f"// a comment\n{text}")
    assert all((finding.file, finding.line) == ("1.cedar", 2) for finding in findings)
    assert part in findings[0].message


def test_what_a_policy_lacks_is_told_with_all_else_that_is_wrong() -> None:
    """Ours: one run tells everything."""
    findings = check("permit(principal, action, resource);", named(f"forbid({ON_READ}) when {{ context.nope }};"))
    assert [finding.file for finding in findings] == ["1.cedar", "1.cedar", "2.cedar"]


@pytest.mark.parametrize(
    "scope",
    [
        'principal, action == Mediator::Action::"mail/send", resource',
        'principal, action in Mediator::Action::"server:mail", resource',
        'principal, action in Mediator::Action::"domain:abroad", resource',
        'principal, action, resource == Mediator::Tool::"mail/send"',
        'principal, action, resource == Mediator::Prompt::"files/read"',
        'principal, action == Mediator::Action::"files/prompt:read", resource',
        'principal, action == Mediator::Action::"files/resource:file:///{+path}", resource',
        'principal, action, resource in Mediator::Server::"mail"',
    ],
)
def test_what_is_not_pinned_is_a_warning(scope: str) -> None:
    """Ours: a forbid may be in place before its tool is, and a tool that is gone does not take the set with it."""
    (finding,) = check(named(f"forbid({scope});"))
    assert finding.severity is Severity.WARNING
    assert finding.message.startswith("nothing that is pinned goes by the name `")


def test_what_is_pinned_is_none() -> None:
    """Ours: the same scopes, with names that are known."""
    assert (
        check(
            named('forbid(principal, action in Mediator::Action::"server:files", resource);', "a"),
            named('forbid(principal, action in Mediator::Action::"domain:home", resource);', "b"),
            named('forbid(principal, action, resource in Mediator::Server::"files");', "c"),
            named('forbid(principal, action, resource == Mediator::Tool::"files/read");', "d"),
        )
        == []
    )


@pytest.mark.parametrize("texts", [{}, {"a.cedar": ""}, {"a.cedar": named("forbid(principal, action, resource);")}])
def test_a_set_that_permits_nothing_is_said_to_do_so(texts: dict[str, str]) -> None:
    """Ours: it is fit, for it denies; its author should know."""
    (finding,) = check_policies(texts, [tool()])
    assert finding.severity is Severity.WARNING
    assert finding.message == "no policy permits anything: every call would be denied"


def test_errors_stand_before_warnings() -> None:
    """Ours: what keeps the set from being put in force comes first."""
    findings = check(
        named('forbid(principal, action == Mediator::Action::"mail/send", resource);', "warned"),
        named(f"forbid({ON_CALLS}) when {{ context.nope }};", "wrong"),
    )
    assert [finding.severity for finding in findings] == [Severity.ERROR, Severity.WARNING]


class OneReading:
    """A compiler that finds fault with every policy, in words of its own."""

    def compile(self, text: str) -> JsonObject:
        return {"effect": "permit", "annotations": {"id": text.strip(" ;"), "reason": "r"}}

    def validate(self, texts: Sequence[str], schema: str) -> Sequence[tuple[int, str]]:
        assert schema
        return [(index, f"something\n is wrong with{text}") for index, text in enumerate(texts)]


def test_a_fault_is_told_in_one_line_with_a_remedy() -> None:
    """House style 4: no line break in a message, also where the engine knows more than we do."""
    loaded = load_policies({"a": "x;y;"}, {}, OneReading())
    assert not loaded.is_fit
    assert [(finding.policy_id, finding.message) for finding in loaded.findings] == [
        ("x", "something is wrong withx; (checked for any item)"),
        ("y", "something is wrong withy; (checked for any item)"),
    ]
    assert loaded.findings[0].remedy == "see policies/README.md for what a policy may read"


@promise("P7")
@pytest.mark.parametrize(
    ("condition", "name"),
    [
        ('context.task.labels.contains("untrusted")', "task.labels"),
        ('context.provenance.contains("x")', "provenance"),
    ],
)
def test_a_condition_on_what_nothing_fills_is_warned_of(condition: str, name: str) -> None:
    """Ours: a forbid that cannot fire looks like a guard."""
    (finding,) = check(named(f"forbid({ON_CALLS}) when {{ {condition} }};"))
    assert finding.severity is Severity.WARNING
    assert f"`context.{name}`" in finding.message


def test_a_condition_on_connectors_is_not() -> None:
    """Ours: delegations fill them, in calls and where authority is handed on from a grant that came over one."""
    over = 'context.chain.connectors.contains("mail-plugin")'
    on_sends = 'principal, action in Mediator::Action::"effect:send", resource'
    assert (
        check(
            named(f"forbid({on_sends}) when {{ {over} }};", "a"),
            named(f"forbid({ON_DELEGATION}) when {{ {over} }};", "b"),
        )
        == []
    )


ON_APPROVAL = 'principal, action == Mediator::Action::"approve", resource'


def test_well_typed_policies_over_approvals_have_no_findings() -> None:
    """Ours: people in roles, items in servers, and who asks for what."""
    both = 'principal, action in [Mediator::Action::"approve", Mediator::Action::"effect:send"], resource'
    assert (
        check(
            named(f"permit({ON_APPROVAL}) unless {{ context.chain.depth > 2 }};", "a"),
            named(f"forbid({ON_APPROVAL}) when {{ principal.name == context.requester.owner }};", "b"),
            named(f'forbid({ON_APPROVAL}) when {{ resource.effect == "exec" || context.purpose like "*x*" }};', "c"),
            named(
                'permit(principal in Mediator::Role::"owner", action == Mediator::Action::"approve", '
                'resource is Mediator::Tool in Mediator::Server::"files");',
                "d",
            ),
            named(f"forbid({both}) when {{ resource.sensitivity > 2 }};", "e"),
        )
        == []
    )


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (f"permit({ON_APPROVAL}) when {{ context.grant.covers }};", "attribute `grant`"),
        (f"forbid({ON_APPROVAL}) when {{ principal.owner == principal.owner }};", "attribute `owner`"),
        (
            'permit(principal, action == Mediator::Action::"approve", resource is Mediator::Agent);',
            "applicable action",
        ),
        ('permit(principal is Mediator::Agent, action == Mediator::Action::"approve", resource);', "applicable action"),
        ("forbid(principal is Mediator::Operator, action, resource);", "applicable action"),
    ],
)
def test_whatever_could_fail_at_an_approval_is_found_before(policy: str, message: str) -> None:
    """Ours: a policy that names `approve` is held to what an approval is asked with; one over people must name it."""
    found = check(named(policy))
    assert found
    assert all(message in finding.message and finding.severity is Severity.ERROR for finding in found)
