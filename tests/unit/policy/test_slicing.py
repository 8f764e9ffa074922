"""Tests of which policies can matter. That leaving the others out changes no answer is a law: tests/laws.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mediator.policy.policy import Policy, Scope, Uid
from mediator.policy.projection import mentions_of
from mediator.policy.slicing import Entity, PolicyIndex, may_matter, named_or_forbidding
from mediator.policy.source import Source

AGENT, OTHER_AGENT = Uid("Agent", "a"), Uid("Agent", "b")
TEAM, TOOL, SERVER, READ = Uid("Team", "t"), Uid("Tool", "s/x"), Uid("Server", "s"), Uid("Action", "read")
ANY = Scope()
PRINCIPAL = Entity(uid=AGENT, within=frozenset({TEAM}))
ACTION = Entity(uid=Uid("Action", "s/x"), within=frozenset({READ}))
RESOURCE = Entity(uid=TOOL, within=frozenset({SERVER}))


def policy(name: str = "p", principal: Scope = ANY, action: Scope = ANY, resource: Scope = ANY) -> Policy:
    return Policy(
        id=name,
        source=Source(file="a", line=1, text=""),
        forbids=False,
        reason="r",
        obligation=None,
        principal=principal,
        action=action,
        resource=resource,
        mentions=mentions_of([]),
    )


def matters(candidate: Policy) -> bool:
    return PolicyIndex([candidate]).slice_for(PRINCIPAL, ACTION, RESOURCE) == (candidate,)


@pytest.mark.parametrize(
    "scope",
    [
        Scope(),
        Scope(op="==", uids=(AGENT,)),
        Scope(op="in", uids=(AGENT,)),
        Scope(op="in", uids=(TEAM,)),
        Scope(type="Agent"),
        Scope(op="in", uids=(TEAM,), type="Agent"),
    ],
)
def test_a_policy_whose_scope_matches_is_in_the_slice(scope: Scope) -> None:
    """Cedar: `==` is this one, `in` is this one or anything that it is in, `is` is its type."""
    assert matters(policy(principal=scope))


@pytest.mark.parametrize(
    "scope",
    [
        Scope(op="==", uids=(OTHER_AGENT,)),
        Scope(op="==", uids=(TEAM,)),
        Scope(op="in", uids=(OTHER_AGENT,)),
        Scope(type="Tool"),
        Scope(op="in", uids=(TEAM,), type="Tool"),
    ],
)
def test_a_policy_whose_scope_cannot_match_is_left_out(scope: Scope) -> None:
    """Ours: it costs nothing."""
    assert not matters(policy(principal=scope))


def test_all_three_scopes_must_match() -> None:
    """Cedar: a scope is a conjunction."""
    right: dict[str, Any] = {
        "principal": Scope(op="==", uids=(AGENT,)),
        "action": Scope(op="in", uids=(Uid("Action", "write"), READ)),
        "resource": Scope(op="in", uids=(SERVER,)),
    }
    assert matters(replace(policy(), **right))
    for name in right:
        assert not matters(replace(policy(), **(right | {name: Scope(op="==", uids=(Uid("Else", "e"),))})))


def test_whether_a_policy_may_matter_is_told_without_knowing_who_asks() -> None:
    """Ours: by action and resource, which are what a policy is validated for."""
    assert may_matter(policy(principal=Scope(op="==", uids=(OTHER_AGENT,))), ACTION, RESOURCE)
    assert may_matter(policy(action=Scope(op="in", uids=(READ,)), resource=Scope(type="Tool")), ACTION, RESOURCE)
    assert not may_matter(policy(action=Scope(op="==", uids=(READ,))), ACTION, RESOURCE)
    assert not may_matter(policy(resource=Scope(op="==", uids=(SERVER,))), ACTION, RESOURCE)
    assert not may_matter(policy(resource=Scope(type="Prompt")), ACTION, RESOURCE)


def test_a_slice_stands_in_order_and_holds_each_policy_once() -> None:
    """Ours: also one whose list of actions matches twice."""
    twice = policy("b", action=Scope(op="in", uids=(READ, ACTION.uid)))
    index = PolicyIndex([twice, policy("c"), policy("a", principal=Scope(op="==", uids=(OTHER_AGENT,)))])
    assert [found.id for found in index.slice_for(PRINCIPAL, ACTION, RESOURCE)] == ["b", "c"]


def test_a_scope_over_no_action_at_all_is_left_to_the_engine() -> None:
    """Ours: `action in []` never matches; being in the slice is sound."""
    assert matters(policy(action=Scope(op="in")))


def test_leave_for_any_action_is_left_out_where_an_action_must_be_named() -> None:
    """Ours: a forbid over any action counts, a permit over any action does not."""
    over_any, naming = policy("a"), policy("b", action=Scope(op="==", uids=(READ,)))
    forbids = [replace(over_any, id="c", forbids=True), replace(naming, id="d", forbids=True)]
    assert named_or_forbidding((over_any, naming, *forbids)) == (naming, *forbids)
