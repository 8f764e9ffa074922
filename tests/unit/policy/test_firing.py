"""Policies that can never fire are told of; those that can, somewhere and some day, are left alone.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.effect import Effect
from mediator.policy.finding import Severity
from mediator.policy.firing import Roster, never_firing
from mediator.policy.schema import prepare_items
from tests.promises import promise
from tests.unit.policy.facts import tool, with_arguments
from tests.unit.policy.read import CALLS, policies_of

ROSTER = Roster(
    agents=frozenset({"assistant"}),
    classes=frozenset({"planner"}),
    teams=frozenset({"research"}),
    owners=frozenset({"alice@example.com"}),
)
ITEMS = prepare_items(
    [with_arguments({"path": {"type": "string"}}), tool("mail/send", effect=Effect.SEND, domain="office")]
)
ACTION = "Mediator::Action::"


def found(text: str, roster: Roster | None = ROSTER) -> list[str]:
    findings = list(never_firing(policies_of(text), ITEMS, roster))
    assert {(one.file, one.line, one.policy_id, one.severity) for one in findings} <= {
        ("0.cedar", 1, "p0", Severity.WARNING)
    }
    assert all(one.remedy for one in findings)
    return [one.message for one in findings]


UNKNOWN = {
    'principal == Mediator::Agent::"asistant", action, resource': "there is no agent `asistant` here",
    'principal in Mediator::AgentClass::"x", action, resource': "there is no class of agents `x` here",
    'principal is Mediator::Agent in Mediator::Team::"x", action, resource': "there is no team `x` here",
    f'principal, action == {ACTION}"delegate", resource == Mediator::Agent::"x"': "there is no agent `x` here",
}


@promise("P7")
@pytest.mark.parametrize("scope", UNKNOWN)
def test_a_scope_that_names_nobody_is_told_of(scope: str) -> None:
    """Ours: a forbid on a misspelt agent forbids nothing."""
    assert found(f"forbid({scope});") == [UNKNOWN[scope]]
    assert found(f"forbid({scope});", None) == []


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ('principal in Mediator::Team::"x"', ["there is no team `x` here"]),
        ('principal.owner.name == "bob@example.com"', ["nobody called `bob@example.com` answers for any agent here"]),
        ('principal.owner.name == "alice@example.com"', []),
        ('principal.owner.name != "bob@example.com"', []),
        ('!(principal in Mediator::Team::"x")', []),
        ('principal in Mediator::Team::"x" || context.justified', []),
        ('principal == Mediator::User::"x"', []),
        ("context.justified && 1 + 1 == 2", []),
    ],
)
def test_a_condition_that_asks_for_nobody_is_told_of(condition: str, told: list[str]) -> None:
    """Ours: only where it must be so for the policy to fire."""
    assert found(f"forbid({CALLS}) when {{ {condition} }};") == told


NOWHERE = "everything that its scope names is here, and nothing that is pinned is all of it at once"


@pytest.mark.parametrize(
    ("scope", "told"),
    [
        (f'action in {ACTION}"server:files", resource in Mediator::Server::"mail"', [NOWHERE]),
        (f'action == {ACTION}"files/read", resource == Mediator::Tool::"mail/send"', [NOWHERE]),
        (f'action in {ACTION}"effect:delete", resource in Mediator::Server::"mail"', [NOWHERE]),
        (f'action in {ACTION}"effect:send", resource in Mediator::Server::"mail"', []),
        # For whatever will be pinned; what is not pinned is told of elsewhere, by its name; and what all items share.
        (f'action in {ACTION}"effect:delete", resource', []),
        (f'action in {ACTION}"server:nowhere", resource in Mediator::Server::"mail"', []),
        (f'action in {ACTION}"server:files", resource in Mediator::Server::"nowhere"', []),
        (f'action == {ACTION}"list", resource in Mediator::Server::"mail"', []),
        ('action, resource in Mediator::Server::"mail"', []),
    ],
)
def test_a_scope_that_no_pinned_item_meets_is_told_of(scope: str, told: list[str]) -> None:
    """Ours: each part of it exists, and together they are nothing."""
    assert found(f"forbid(principal, {scope});") == told


NEVER = {
    'context.proof == "a" && context.proof == "b"': "`context.proof` is asked to be two things at once",
    'context.proof == "a" && "b" == context.proof': "`context.proof` is asked to be two things at once",
    'context.proof == "a" && context.proof != "a"': None,  # two different questions: not told
    "context.now > 5 && context.now < 6": "`context.now` is asked to be at least 6 and at most 5",
    "context.now == 5 && context.now >= 6": "`context.now` is asked to be at least 6 and at most 5",
    "!(context.now < 6) && context.now <= 5": "`context.now` is asked to be at least 6 and at most 5",
    "context.now >= 5 && context.now <= 5": None,
    "context.grant.covers && !context.grant.covers": "`context.grant.covers` is asked to be so, and not to be so",
    "1 + 1 == 2 && !(1 + 1 == 2)": "a condition is asked to be so, and not to be so",
    "false": "`false` is asked to be otherwise",
    "!true && context.justified": "`true` is asked to be otherwise",
    "true": None,
    "(false || context.now < 1 && context.now > 1) && context.justified": "`false` is asked to be otherwise",
    "false || context.justified": None,
    '["a"].contains(context.proof) && context.proof == "b"': None,
    '(context.proof == "a" || context.proof == "b") && context.proof == "c"': None,
}


@pytest.mark.parametrize("condition", NEVER)
def test_conditions_that_contradict_each_other_are_told_of(condition: str) -> None:
    """Ours: where it is certain, and nowhere else."""
    why = NEVER[condition]
    assert found(f"forbid({CALLS}) when {{ {condition} }};") == (
        [] if why is None else [f"its conditions can never be met: {why}"]
    )


def test_what_is_asked_and_what_is_excepted_are_read_together() -> None:
    """Ours: `unless` is an `and not`."""
    assert found(
        f"forbid({CALLS}) when {{ context.justified }} unless {{ context.justified || context.now > 1 }};"
    ) == ["its conditions can never be met: `context.justified` is asked to be so, and not to be so"]
