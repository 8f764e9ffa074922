"""Tests of what the decision point is asked.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import dataclasses

import pytest

from mediator.kind import ItemKind
from mediator.policy.request import CALL_GROUPS, DELEGATE, KIND_PREFIXES, Action, prompt_input_schema
from tests.unit.policy.facts import AGENT, ask, call, delegation, listing, prompt, resource, tool


def test_a_request_and_its_item_go_by_the_same_name() -> None:
    """Ours: the item's own action in policies; of one name, each kind has its own."""
    assert tool("mail/send").key == call("mail/send").key == "mail/send"
    assert prompt("mail/send").key == call("mail/send", kind=ItemKind.PROMPT).key == "mail/prompt:send"
    assert (
        resource("files/file:///a").key
        == call("files/file:///a", kind=ItemKind.RESOURCE).key
        == ("files/resource:file:///a")
    )
    assert KIND_PREFIXES == ("prompt:", "resource:")


def test_actions_are_spelt_as_policies_spell_them() -> None:
    """Ours (design 5.5)."""
    assert [str(action) for action in Action] == ["call", "list", "elicit", "sample", "list_roots"]
    assert DELEGATE == "delegate"
    assert [*CALL_GROUPS.values()] == ["call_tool", "get_prompt", "read_resource"]


def test_kinds_are_those_of_manifests() -> None:
    """Ours: two rooms that do not know each other mean the same by them."""
    assert [ItemKind(kind) for kind in ItemKind] == [*ItemKind]


def test_what_servers_ask_is_told_from_what_agents_do() -> None:
    """Ours."""
    assert {action for action in Action if action.is_ask} == {Action.ELICIT, Action.SAMPLE, Action.LIST_ROOTS}


def test_a_prompts_arguments_are_strings_and_none_must_be_there() -> None:
    """MCP, prompts: arguments are strings. Ours: optional, since one may be completed before the others are given."""
    assert prompt_input_schema(["topic"]) == {"type": "object", "properties": {"topic": {"type": "string"}}}


def test_facts_can_be_remembered_by() -> None:
    """Ours: equal facts hash alike, though schemas and arguments are mutable inside."""
    assert hash(tool()) == hash(tool())
    assert hash(call(arguments={"path": "x"})) == hash(call())
    assert hash(listing()) == hash(listing())
    assert hash(ask(Action.ELICIT)) == hash(ask(Action.ELICIT))
    assert hash(delegation()) == hash(delegation())


def test_facts_do_not_change() -> None:
    """House style 8."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        AGENT.owner = "mallory@example.com"  # type: ignore[misc]  # the point
