"""Tests of the entities of a question.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

import cedarpy
import pytest

from mediator.canonical import canonical_bytes
from mediator.policy.approving import ApproverFacts
from mediator.policy.entities import (
    DELEGATION,
    agent_entity,
    approver_entity,
    entities_of,
    entities_of_approval,
    entities_of_delegation,
    item_entity,
    question_of,
)
from mediator.policy.policy import Uid
from mediator.policy.request import Action
from mediator.policy.schema import prepare_item, text_for_approval, text_for_delegation
from mediator.policy.slicing import Entity
from tests.unit.policy.facts import AGENT, APPROVING, RECEIVER, prompt, resource, tool


def test_an_item_is_in_its_server_in_its_domain() -> None:
    """Ours: of one name, each kind is an entity of its own; one without a domain is in none."""
    assert item_entity(tool("files/read")) == Entity(
        uid=Uid("Mediator::Tool", "files/read"),
        within=frozenset({Uid("Mediator::Server", "files"), Uid("Mediator::Domain", "home")}),
    )
    assert item_entity(tool("files/read", domain="")).within == {Uid("Mediator::Server", "files")}
    assert [item_entity(facts("files/read")).uid.type for facts in (prompt, resource)] == [
        "Mediator::Prompt",
        "Mediator::Resource",
    ]


def test_an_agent_is_in_its_class_and_its_team() -> None:
    """Ours: one that has no team is in none."""
    assert agent_entity(AGENT).within == {Uid("Mediator::AgentClass", "planner"), Uid("Mediator::Team", "research")}


def test_the_entities_of_a_question_are_what_the_schema_declares() -> None:
    """Cedar: entities are checked here, so that asking does not have to."""
    schema = prepare_item(tool(sends_to=frozenset({"b", "a"})))
    entities = entities_of(AGENT, schema.action(Action.CALL), schema.item)
    parsed = cedarpy.Entities.from_json_str(canonical_bytes(entities).decode(), schema.text())
    assert '"sends_to": [\n        "a",\n        "b"\n      ]' in str(parsed)
    bare = entities_of(AGENT, schema.action(Action.LIST), tool(domain=""))
    assert len(bare) == len(entities) - 1


def test_a_delegation_is_an_action_in_no_group_between_two_agents() -> None:
    """Ours: what is said of calls, by effect or by server, is not said of it."""
    assert Entity(uid=Uid("Mediator::Action", "delegate"), within=frozenset()) == DELEGATION
    assert question_of(agent_entity(AGENT), DELEGATION, agent_entity(RECEIVER)) == {
        "principal": {"type": "Mediator::Agent", "id": "planner-1"},
        "action": {"type": "Mediator::Action", "id": "delegate"},
        "resource": {"type": "Mediator::Agent", "id": "worker-1"},
    }


def test_what_two_agents_share_stands_once_among_the_entities() -> None:
    """Cedar: an entity that stands twice is an error. Here owner and team are the same, the classes are not."""
    entities = entities_of_delegation(AGENT, RECEIVER)
    cedarpy.Entities.from_json_str(canonical_bytes(entities).decode(), text_for_delegation())
    uids = [entity["uid"] for entity in entities if isinstance(entity, dict)]
    assert [uid["id"] for uid in uids if isinstance(uid, dict)] == [
        "planner-1",
        "alice@example.com",
        "planner",
        "research",
        "worker-1",
        "worker",
        "delegate",
    ]
    assert entities_of_delegation(AGENT, replace(RECEIVER, id="planner-1", agent_class="planner")) == [
        *entities[:4],
        entities[-1],
    ]


def test_an_agent_of_two_classes_at_once_is_no_question() -> None:
    """Ours: two sets of facts under one id are told to the engine as they are, and it takes neither."""
    entities = entities_of_delegation(AGENT, replace(AGENT, agent_class="worker"))
    with pytest.raises(ValueError, match="duplicate entity"):
        cedarpy.Entities.from_json_str(canonical_bytes(entities).decode())


def test_a_person_is_in_each_of_their_roles() -> None:
    """Ours: so that a policy asks for a role as it asks for an agent's class."""
    approver = ApproverFacts(name="bob", roles=frozenset({"operator", "owner"}))
    assert approver_entity(approver) == Entity(
        uid=Uid("Mediator::Operator", "bob"),
        within=frozenset({Uid("Mediator::Role", "operator"), Uid("Mediator::Role", "owner")}),
    )


def test_the_entities_of_an_approval_are_what_the_schema_declares() -> None:
    """Cedar: person, roles, the action in no group, and the item in its server in its domain."""
    entities = entities_of_approval(APPROVING.principal, tool())
    cedarpy.Entities.from_json_str(canonical_bytes(entities).decode(), text_for_approval())
    uids = [entity["uid"] for entity in entities if isinstance(entity, dict)]
    assert [uid["id"] for uid in uids if isinstance(uid, dict)] == [
        "bob@example.com",
        "operator",
        "approve",
        "files/read",
        "files",
        *([tool().domain] if tool().domain else []),
    ]
