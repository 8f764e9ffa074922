"""Tests of what the decision point is asked.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import dataclasses

import pytest

from mediator.policy.request import Action
from tests.unit.policy.facts import AGENT, call, listing, tool


def test_a_request_and_its_tool_go_by_the_same_name() -> None:
    """Ours: the tool's own action in policies is `server/tool`."""
    assert tool("mail/send").key == call("mail/send").key == "mail/send"


def test_actions_are_spelt_as_policies_spell_them() -> None:
    """Ours (design 5.5)."""
    assert [str(action) for action in Action] == ["call_tool", "list"]


def test_facts_can_be_remembered_by() -> None:
    """Ours: equal facts hash alike, though schemas and arguments are mutable inside."""
    assert hash(tool()) == hash(tool())
    assert hash(call(arguments={"path": "x"})) == hash(call())
    assert hash(listing()) == hash(listing())


def test_facts_do_not_change() -> None:
    """House style 8."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        AGENT.owner = "mallory@example.com"  # type: ignore[misc]  # the point
