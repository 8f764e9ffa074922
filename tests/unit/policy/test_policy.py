"""Tests of one policy as its author wrote it: scope, annotations, and what it lacks.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any

import cedarpy
import pytest

from mediator.canonical import Json, JsonObject, parse_object
from mediator.policy.decision import Obligation
from mediator.policy.finding import PolicyFinding
from mediator.policy.policy import Policy, Scope, Uid, is_item_action, policy_from
from mediator.policy.source import Source
from tests.promises import promise

NAMED = '@id("p") @reason("because")'
CALLS = 'principal, action in Mediator::Action::"call_tool", resource'


def read(text: str) -> Policy | list[PolicyFinding]:
    compiled: Any = parse_object(cedarpy.policies_to_json_str(text).encode())
    return policy_from(compiled["staticPolicies"]["policy0"], Source(file="a.cedar", line=4, text=text))


def faults(text: str) -> list[str]:
    found = read(text)
    assert isinstance(found, list)
    assert all((finding.file, finding.line) == ("a.cedar", 4) and finding.remedy for finding in found)
    return [finding.message for finding in found]


def policy(text: str) -> Policy:
    found = read(text)
    assert isinstance(found, Policy), found
    return found


def uid(kind: str, name: str) -> Uid:
    return Uid(f"Mediator::{kind}", name)


def test_a_policy_is_known_by_its_annotations_not_by_its_place() -> None:
    """standards.md 3.3 (8): Cedar's own ids are positions."""
    found = policy(f'@obligation("record-result-digest") {NAMED} permit({CALLS});')
    assert (found.id, found.reason, found.forbids) == ("p", "because", False)
    assert found.obligation is Obligation.RECORD_RESULT_DIGEST
    assert policy(f"{NAMED} forbid({CALLS});").forbids


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("principal", Scope()),
        ('principal == Mediator::Agent::"a"', Scope(op="==", uids=(uid("Agent", "a"),))),
        ('principal in Mediator::Team::"t"', Scope(op="in", uids=(uid("Team", "t"),))),
        ("principal is Mediator::Agent", Scope(type="Mediator::Agent")),
        (
            'principal is Mediator::Agent in Mediator::Team::"t"',
            Scope(op="in", uids=(uid("Team", "t"),), type="Mediator::Agent"),
        ),
    ],
)
def test_a_scope_is_read_as_it_was_written(scope: str, expected: Scope) -> None:
    """Cedar's grammar of scopes."""
    assert policy(f"{NAMED} permit({scope}, action, resource);").principal == expected


@pytest.mark.parametrize(
    ("action", "items"),
    [
        ("action", ()),
        ('action == Mediator::Action::"a/b"', ("a/b",)),
        ('action in [Mediator::Action::"a/b", Mediator::Action::"c/d"]', ("a/b", "c/d")),
        ('action == Mediator::Action::"a/prompt:b"', ("a/prompt:b",)),
        ('action == Mediator::Action::"a/resource:file:///{+b}"', ("a/resource:file:///{+b}",)),
        ('action in Mediator::Action::"domain:http://x/y"', ()),
        ("action in []", ()),
    ],
)
def test_a_scope_names_items_by_their_own_actions(action: str, items: tuple[str, ...]) -> None:
    """Ours: only then are the arguments' types known."""
    found = policy(f"{NAMED} permit(principal, {action}, resource);")
    assert (found.items, found.names_items_only) == (items, bool(items))


@pytest.mark.parametrize("other", ["effect:read", "list", "elicit"])
def test_a_scope_that_names_something_else_too_does_not_name_items_only(other: str) -> None:
    """Ours: of the other the arguments' types are not known, or there are none."""
    found = policy(
        f'{NAMED} permit(principal, action in [Mediator::Action::"a/b", Mediator::Action::"{other}"], resource);'
    )
    assert (found.items, found.names_items_only) == (("a/b",), False)


DELEGATE = 'action == Mediator::Action::"delegate"'
BOTH = 'action in [Mediator::Action::"delegate", Mediator::Action::"effect:send"]'


@pytest.mark.parametrize(
    ("effect", "scope", "names", "names_only", "may_decide"),
    [
        ("permit", f"{DELEGATE}, resource", True, True, True),
        ("permit", 'action in Mediator::Action::"delegate", resource', True, True, True),
        ("permit", f'{DELEGATE}, resource in Mediator::Server::"files"', True, True, True),
        ("forbid", f"{BOTH}, resource", True, False, True),
        ("permit", "action, resource", False, False, False),
        ("forbid", "action, resource", False, False, True),
        ("forbid", "action, resource is Mediator::Agent", False, False, True),
        ("forbid", 'action, resource == Mediator::Agent::"a"', False, False, True),
        ("forbid", 'action, resource in Mediator::Team::"t"', False, False, True),
        ("permit", 'action, resource in Mediator::Team::"t"', False, False, False),
        ("forbid", "action, resource is Mediator::Tool", False, False, False),
        ("forbid", 'action, resource in Mediator::Server::"files"', False, False, False),
        ("forbid", 'action, resource is Mediator::Agent in Mediator::Server::"files"', False, False, False),
        ("forbid", 'action in Mediator::Action::"effect:send", resource', False, False, False),
        ("forbid", "action in [], resource", False, False, False),
    ],
)
def test_delegations_are_decided_by_who_names_them_and_by_who_forbids_anything(
    effect: str, scope: str, names: bool, names_only: bool, may_decide: bool
) -> None:
    """Ours: leave for any action is none for this one."""
    found = policy(f"{NAMED} {effect}(principal, {scope});")
    assert (found.names_delegation, found.names_delegation_only) == (names, names_only)
    assert found.may_decide_delegations is may_decide


def test_a_scope_that_names_no_entity_names_none() -> None:
    """Ours: read without believing, though Cedar wrote it."""
    compiled: JsonObject = {
        "effect": "permit",
        "annotations": {"id": "p", "reason": "r"},
        "action": {"op": "in", "entities": [{"type": 1}]},
    }
    found = policy_from(compiled, Source(file="a", line=1, text=""))
    assert isinstance(found, Policy)
    assert found.action == Scope(op="in")


def test_an_items_action_is_told_from_a_group() -> None:
    """Ours: no server's local name holds a colon, so no item can take a group's name."""
    assert all(map(is_item_action, ["files/read", "files/prompt:read", "files/resource:file:///a"]))
    others = [
        "call_tool",
        "get_prompt",
        "read_resource",
        "list",
        "elicit",
        "delegate",
        "effect:read",
        "domain:a/b",
        "server:x/y",
    ]
    assert not any(map(is_item_action, others))


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        ('@reason("r")', "a policy needs an `@id`"),
        ('@id @reason("r")', "a policy needs an `@id`"),
        ('@id("") @reason("r")', "a policy needs an `@id`"),
        ('@id("Not So") @reason("r")', "a policy needs an `@id`"),
        ('@id("p")', "a policy needs a `@reason`"),
        ('@id("p") @reason', "a policy needs a `@reason`"),
        ('@id("p") @reason("  ")', "a policy needs a `@reason`"),
        ('@id("p") @reason("two\\nlines")', "a policy needs a `@reason`"),
        (f'@id("p") @reason("{"x" * 301}")', "a policy needs a `@reason`"),
        (f'{NAMED} @obligaton("record-result-digest")', "the annotation `@obligaton` is not known"),
        (f'{NAMED} @obligation("dance")', "the obligation `dance` is not known"),
        (f"{NAMED} @obligation", "the obligation `` is not known"),
    ],
)
@promise("P7")
def test_a_policy_owes_its_readers_an_id_a_reason_and_no_surprise(annotations: str, message: str) -> None:
    """Ours (design 5.5): a misspelt annotation would be silence."""
    (found,) = faults(f"{annotations} permit({CALLS});")
    assert found.startswith(message)


def test_an_obligation_on_a_forbid_is_an_error() -> None:
    """Ours: duties come with an allow."""
    assert faults(f'{NAMED} @obligation("record-result-digest") forbid({CALLS});') == [
        "an obligation stands on a forbid, which leaves nothing to do"
    ]


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        ('action in Mediator::Action::"effect:wriet"', "there is no effect `effect:wriet`"),
        ('action in Mediator::Action::"call"', "there is no action `call`"),
        (
            'action == Mediator::Action::"effect:write"',
            "the action is never equal to the group `effect:write`: the policy would never apply",
        ),
        (
            'action == Mediator::Action::"call_tool"',
            "the action is never equal to the group `call_tool`: the policy would never apply",
        ),
    ],
)
@promise("P7")
def test_a_scope_that_would_never_match_is_an_error(scope: str, message: str) -> None:
    """Ours: a forbid that never applies reads like protection."""
    assert faults(f"{NAMED} forbid(principal, {scope}, resource);") == [message]


@pytest.mark.parametrize(
    "action",
    [
        "action",
        'action in Mediator::Action::"call_tool"',
        'action in [Mediator::Action::"a/b", Mediator::Action::"effect:read"]',
        'action == Mediator::Action::"list"',
    ],
)
@pytest.mark.parametrize("condition", ['context.args.path == "x"', "context has args", "context == context"])
def test_a_policy_over_a_group_may_not_read_arguments(action: str, condition: str) -> None:
    """Ours (design 5.5): every tool types them differently."""
    (found,) = faults(f"{NAMED} permit(principal, {action}, resource) when {{ {condition} }};")
    assert found.startswith("a policy that is scoped to a group of actions reads `context.args`")


def test_all_actions_that_are_named_are_known() -> None:
    """Ours: in the scope and in conditions."""
    text = f'{NAMED} permit({CALLS}) when {{ action == Mediator::Action::"a/b" }};'
    assert policy(text).actions == {"call_tool", "a/b"}


@pytest.mark.parametrize("annotations", [None, [], {"id": 1, "reason": {}}])
def test_annotations_that_are_none_are_missing(annotations: Json) -> None:
    """Ours: read without believing, though Cedar wrote it."""
    compiled: JsonObject = {"effect": "permit", "annotations": annotations}
    assert isinstance(policy_from(compiled, Source(file="a", line=1, text="")), list)


@pytest.mark.parametrize(
    ("action", "names", "names_only"),
    [
        ('action == Mediator::Action::"approve"', True, True),
        ('action in [Mediator::Action::"approve"]', True, True),
        ('action in [Mediator::Action::"approve", Mediator::Action::"call_tool"]', True, False),
        ('action in Mediator::Action::"call_tool"', False, False),
        ("action", False, False),
    ],
)
def test_approvals_are_decided_by_who_names_them_alone(action: str, names: bool, names_only: bool) -> None:
    """Ours: whoever forbids anything at all forbids the call itself, which is decided again."""
    found = policy(f"{NAMED} forbid(principal, {action}, resource);")
    assert (found.names_approval, found.names_approval_only) == (names, names_only)


@promise("P7")
@pytest.mark.parametrize("action", ["action", 'action in [Mediator::Action::"approve", Mediator::Action::"call_tool"]'])
def test_two_approvers_are_asked_for_where_they_are_counted(action: str) -> None:
    """Ours: on a permit of a call the duty would look like a guard, and nobody would do it."""
    obliged = f'@obligation("two-approvers") {NAMED} permit(principal'
    (message,) = faults(f"{obliged}, {action}, resource);")
    assert "a duty of who approves" in message
    found = policy(f'{obliged}, action == Mediator::Action::"approve", resource);')
    assert found.obligation is Obligation.TWO_APPROVERS
