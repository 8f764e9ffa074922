"""Tests of the small schema of one tool, and of the context of one call of it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

import cedarpy
import pytest

from mediator.canonical import JsonObject, canonical_bytes
from mediator.policy.policy import Uid
from mediator.policy.schema import (
    agent_entity,
    entities_of,
    prepare_tool,
    question_text,
    schema_text,
)
from mediator.policy.slicing import Entity
from mediator.policy.types import EVERYTHING, Leaf, Record
from tests.unit.policy.facts import AGENT, BASE, tool, with_arguments

PATHS = frozenset({("grant", "covers"), ("args", "path")})


def test_a_tool_is_in_its_effects_its_servers_and_its_domains_group() -> None:
    """Ours (design 5.5)."""
    assert prepare_tool(tool("files/read")).groups == ("call_tool", "effect:read", "server:files", "domain:home")
    assert prepare_tool(tool("files/read", domain="")).groups == ("call_tool", "effect:read", "server:files")


def test_actions_and_tools_know_what_they_are_in() -> None:
    """Ours: slicing relies on exactly what the engine will find."""
    schema = prepare_tool(tool("files/read"))
    groups = frozenset(Uid("Mediator::Action", group) for group in schema.groups)
    assert schema.action("files/read") == Entity(uid=Uid("Mediator::Action", "files/read"), within=groups)
    assert schema.action("list") == Entity(uid=Uid("Mediator::Action", "list"), within=frozenset())
    assert schema.resource() == Entity(
        uid=Uid("Mediator::Tool", "files/read"),
        within=frozenset({Uid("Mediator::Server", "files"), Uid("Mediator::Domain", "home")}),
    )


@pytest.mark.parametrize("key", ["Files/read", "/read", "files/", "a:b/read", "effect:read/x", "a" * 21 + "/read"])
def test_a_tool_whose_name_could_be_taken_for_a_group_cannot_be_prepared(key: str) -> None:
    """Ours: local names only (design 5.4)."""
    with pytest.raises(ValueError, match="no name of a tool"):
        prepare_tool(tool(key))


def test_a_schema_says_what_validates() -> None:
    """Cedar: the schema parses, and a policy over the tool's own arguments is well typed under it."""
    text = prepare_tool(with_arguments({"path": {"type": "string"}}, required=["path"])).text(["mail/send", "list"])
    policy = 'permit(principal, action == Mediator::Action::"files/read", resource) when { context.args.path == "x" };'
    assert cedarpy.validate_policies(policy, text).validation_passed
    assert 'action "mail/send" in ["call_tool"];' in text
    assert text.count('action "list"') == text.count('action "call_tool"') == 1


def test_a_schema_for_no_tool_in_particular_has_no_arguments() -> None:
    """Ours: what group-scoped policies are validated under."""
    text = schema_text("any-tool", ["call_tool", "effect:send"], Record(members={}))
    policy = 'permit(principal, action in Mediator::Action::"effect:send", resource) when { context.args.x == 1 };'
    assert not cedarpy.validate_policies(policy, text).validation_passed


def test_a_question_is_held_to_what_is_wanted_and_to_nothing_else() -> None:
    """Ours: the schema of a question declares the projection."""
    schema = prepare_tool(with_arguments({"path": {"type": "string"}, "count": {"type": "integer"}}))
    assert schema.question_text(PATHS) == (
        'namespace Mediator { entity Agent; entity Tool; action "files/read" appliesTo { principal: [Agent], '
        'resource: [Tool], context: { "grant": { "covers": Bool }, "args": { "path"?: String } } }; }\n'
    )
    assert "count" in schema.question_text()
    assert 'action "list"' in question_text("list", Record(members={}))


def test_a_call_is_read_as_its_question_declares() -> None:
    """Ours: the wanted attributes, no more and no less; whatever was found is told beside them."""
    mailer = with_arguments({"path": {"type": ["string", "null"]}, "free": {"type": "object"}})
    schema = prepare_tool(replace(mailer, digest="sha256:d", targets=("/free/to",)))
    arguments: JsonObject = {"path": None, "free": {"to": 1}}
    seen = schema.reader(PATHS)(BASE, arguments)
    assert seen.attributes == {"grant": {"covers": True}, "args": {}}
    assert seen.opaque == {"/free", "/free/to"}
    found = frozenset({("pin",), ("opaque",), ("nulls",)})
    assert schema.reader(found)(BASE, arguments).attributes == {
        "pin": "sha256:d",
        "opaque": ["/free", "/free/to"],
        "nulls": ["/path"],
    }
    whole = schema.reader(EVERYTHING)(BASE, {}).attributes
    assert whole.keys() == schema.context.members.keys() - {"approval"}


def test_a_tool_of_untyped_arguments_is_prepared_too() -> None:
    """Ours: its arguments are opaque as a whole."""
    schema = prepare_tool(tool(input_schema={"type": "object"}))
    assert schema.arguments is Leaf.OPAQUE
    assert schema.reader(frozenset())(BASE, {"a": 1}) == ({}, frozenset({""}))


def test_an_agent_is_in_its_class_and_its_team() -> None:
    """Ours: one that has no team is in none."""
    assert agent_entity(AGENT).within == {Uid("Mediator::AgentClass", "planner"), Uid("Mediator::Team", "research")}


def test_the_entities_of_a_question_are_what_the_schema_declares() -> None:
    """Cedar: entities are checked here, so that asking does not have to."""
    schema = prepare_tool(tool(sends_to=frozenset({"b", "a"})))
    entities = entities_of(AGENT, schema.action("files/read"), schema.tool)
    parsed = cedarpy.Entities.from_json_str(canonical_bytes(entities).decode(), schema.text())
    assert '"sends_to": [\n        "a",\n        "b"\n      ]' in str(parsed)
    bare = entities_of(AGENT, schema.action("list"), tool(domain=""))
    assert len(bare) == len(entities) - 1
