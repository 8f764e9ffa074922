"""Attack: a server offers a prompt under the name of a tool, or a tool under a prompt's, to borrow its decision.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from itertools import permutations

import pytest

from mediator.adapters.engine_cedar import CedarEngine, prepare_engine
from mediator.kind import ItemKind
from mediator.policy.decision import Verdict
from mediator.policy.request import AccessRequest, Action
from mediator.refusal import Reason
from tests.promises import promise
from tests.unit.policy.facts import ask, call, listing, prompt, resource, tool

NAME = "files/read"
OPEN = tool(NAME), prompt(NAME), resource(NAME)
ALL = """
@id("all") @reason("r") permit(principal, action, resource);
@id("asks") @reason("r") permit(
  principal, action in [Mediator::Action::"elicit", Mediator::Action::"sample", Mediator::Action::"list_roots"], resource
);
"""
BUT_PROMPTS = '@id("no-prompts") @reason("r") forbid(principal, action, resource == Mediator::Prompt::"files/read");'


def engine(*policies: str) -> CedarEngine:
    return prepare_engine({"set.cedar": "\n".join(policies)}, OPEN)


def requests(kind: ItemKind) -> list[AccessRequest]:
    asked = [action for action in Action if action.is_ask]
    return [
        call(NAME, {"uri": "x"} if kind is ItemKind.RESOURCE else {}, kind=kind),
        listing(NAME, kind=kind),
        *(ask(action, NAME, kind=kind) for action in asked),
    ]


@promise("P7")
@pytest.mark.parametrize("order", list(permutations(ItemKind)))
def test_a_tool_a_prompt_and_a_resource_of_one_name_never_share_a_decision(order: tuple[ItemKind, ...]) -> None:
    """Ours: whichever is asked about first, what is remembered of it is told of no other."""
    found = engine(ALL, BUT_PROMPTS)
    for kind in (*order, *order):
        expected = Verdict.DENY if kind is ItemKind.PROMPT else Verdict.ALLOW
        assert {found.evaluate(request).verdict for request in requests(kind)} == {expected}, kind


@promise("P7")
@pytest.mark.parametrize("order", list(permutations(ItemKind)))
def test_leave_for_one_by_its_own_action_is_leave_for_no_namesake(order: tuple[ItemKind, ...]) -> None:
    """Ours: `files/read` is the tool, `files/prompt:read` the prompt."""
    found = engine(
        '@id("p") @reason("r") permit(principal, action == Mediator::Action::"files/prompt:read", resource);'
    )
    allowed = {kind for kind in order if found.evaluate(requests(kind)[0]).verdict is Verdict.ALLOW}
    assert allowed == {ItemKind.PROMPT}


@promise("P7")
def test_a_tool_that_calls_itself_as_prompts_are_named_is_no_prompt() -> None:
    """Ours: nothing can be prepared under that name, and a request that bears it finds nothing."""
    with pytest.raises(ValueError, match="no name of a tool"):
        prepare_engine({"a": ALL}, [tool("files/prompt:read")])
    found = engine(ALL)
    assert found.evaluate(call("files/prompt:read")).reason is Reason.POLICY_ERROR
    assert found.evaluate(call(NAME, kind=ItemKind.PROMPT)).verdict is Verdict.ALLOW
    assert found.evaluate(call("files/prompt:read")).reason is Reason.POLICY_ERROR
