"""Tests of the small schema of one item, and of the context of one call of it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

import cedarpy
import pytest

from mediator.canonical import JsonObject
from mediator.policy.policy import Uid
from mediator.policy.request import Action, ItemFacts, TargetFacts
from mediator.policy.schema import prepare_item, prepare_items, text_for_any_item, text_for_delegation
from mediator.policy.slicing import Entity
from mediator.policy.types import EVERYTHING, Leaf
from tests.unit.policy.facts import BASE, prompt, resource, tool, with_arguments

PATHS = frozenset({("grant", "covers"), ("args", "path")})


def test_an_item_is_in_its_kinds_its_effects_its_servers_and_its_domains_group() -> None:
    """Ours (design 5.5)."""
    assert prepare_item(tool("files/read")).groups == ("call_tool", "effect:read", "server:files", "domain:home")
    assert prepare_item(tool("files/read", domain="")).groups == ("call_tool", "effect:read", "server:files")
    assert prepare_item(prompt("files/read")).groups == ("get_prompt", "effect:read", "server:files", "domain:home")
    assert prepare_item(resource()).groups == ("read_resource", "effect:read", "server:files", "domain:home")


def test_actions_and_tools_know_what_they_are_in() -> None:
    """Ours: slicing relies on exactly what the engine will find."""
    schema = prepare_item(tool("files/read"))
    groups = frozenset(Uid("Mediator::Action", group) for group in schema.groups)
    assert schema.action(Action.CALL) == Entity(uid=Uid("Mediator::Action", "files/read"), within=groups)
    for action in (Action.LIST, Action.ELICIT, Action.SAMPLE, Action.LIST_ROOTS):
        assert schema.action(action) == Entity(uid=Uid("Mediator::Action", action.value), within=frozenset())
    assert schema.resource() == Entity(
        uid=Uid("Mediator::Tool", "files/read"),
        within=frozenset({Uid("Mediator::Server", "files"), Uid("Mediator::Domain", "home")}),
    )


def test_items_of_one_name_are_different_actions_and_entities() -> None:
    """Ours: a prompt, a tool and a family of resources may be named alike."""
    schemas = [prepare_item(facts("files/read")) for facts in (tool, prompt, resource)]
    assert [schema.action(Action.CALL).uid.id for schema in schemas] == [
        "files/read",
        "files/prompt:read",
        "files/resource:read",
    ]
    assert [schema.resource().uid for schema in schemas] == [
        Uid(f"Mediator::{kind}", "files/read") for kind in ("Tool", "Prompt", "Resource")
    ]


@pytest.mark.parametrize("name", ["prompt:read", "resource:read", "prompt:"])
def test_a_tool_that_is_named_as_other_kinds_are_cannot_be_prepared(name: str) -> None:
    """Ours: its own action would be theirs. Of the other kinds, a name may begin as it likes."""
    with pytest.raises(ValueError, match="no name of a tool"):
        prepare_item(tool(f"files/{name}"))
    assert prepare_item(prompt(f"files/{name}")).item.key == f"files/prompt:{name}"


@pytest.mark.parametrize("key", ["Files/read", "/read", "files/", "a:b/read", "effect:read/x", "a" * 21 + "/read"])
def test_a_tool_whose_name_could_be_taken_for_a_group_cannot_be_prepared(key: str) -> None:
    """Ours: local names only (design 5.4)."""
    with pytest.raises(ValueError, match="no name of a tool"):
        prepare_item(tool(key))


def test_a_schema_says_what_validates() -> None:
    """Cedar: the schema parses, and a policy over the tool's own arguments is well typed under it."""
    text = prepare_item(with_arguments({"path": {"type": "string"}}, required=["path"])).text(["mail/send", "list"])
    policy = 'permit(principal, action == Mediator::Action::"files/read", resource) when { context.args.path == "x" };'
    assert cedarpy.validate_policies(policy, text).validation_passed
    assert 'action "mail/send";' in text
    assert text.count('action "list"') == text.count('action "call_tool"') == 1


@pytest.mark.parametrize(
    ("item", "policy"),
    [
        (
            prompt("files/read", "topic"),
            'action == Mediator::Action::"files/prompt:read", resource) when { context.args has topic',
        ),
        (
            resource("files/file:///{+path}"),
            'action == Mediator::Action::"files/resource:file:///{+path}", resource) when { context.args.uri like "file:*"',
        ),
    ],
)
def test_so_it_does_for_prompts_and_resources(item: ItemFacts, policy: str) -> None:
    """Cedar: a URI and a template are names like any other; a resource's URI is always there."""
    text = prepare_item(item).text()
    assert cedarpy.validate_policies(f"permit(principal, {policy} }};", text).validation_passed
    assert not cedarpy.validate_policies(
        f"permit(principal, {policy} && context.args.x == 1 }};", text
    ).validation_passed


@pytest.mark.parametrize(
    ("policy", "is_well_typed"),
    [
        ('action in Mediator::Action::"effect:send", resource) when { context.args.x == 1', False),
        ('action in Mediator::Action::"effect:send", resource is Mediator::Prompt) when { context.grant.covers', True),
        ('action in Mediator::Action::"get_prompt", resource) when { context.method == "prompts/get"', True),
        ('action in Mediator::Action::"get_prompt", resource is Mediator::Tool) when { true', False),
        ('action in Mediator::Action::"read_resource", resource) when { resource.sensitivity > 1', True),
        ('action == Mediator::Action::"list", resource is Mediator::Resource) when { true', True),
        ('action == Mediator::Action::"elicit", resource) when { context.ask.mode == "form"', True),
        ('action == Mediator::Action::"elicit", resource) when { context.ask.url like "https:*"', False),
        ('action == Mediator::Action::"elicit", resource) when { context.opaque.isEmpty()', False),
        ('action == Mediator::Action::"sample", resource) when { context.ask.mode == "form"', False),
        ('action == Mediator::Action::"list_roots", resource is Mediator::Prompt) when { context.grant.covers', True),
    ],
)
def test_a_schema_for_all_items_has_every_kind_and_no_arguments(policy: str, is_well_typed: bool) -> None:
    """Ours: what group-scoped policies are validated under, and those over what servers ask."""
    text = text_for_any_item(["effect:send"], ["effect:send", "files/read"])
    assert cedarpy.validate_policies(f"permit(principal, {policy} }};", text).validation_passed is is_well_typed


@pytest.mark.parametrize(
    ("policy", "is_well_typed"),
    [
        ("action, resource) when { true", True),
        ('action == Mediator::Action::"delegate", resource) when { context.delegated.effects.contains("send")', True),
        ('action == Mediator::Action::"delegate", resource) unless { principal.owner == resource.owner', True),
        ('action, resource in Mediator::AgentClass::"connector") when { context.delegated.is_connector', True),
        ('action, resource) when { action == Mediator::Action::"files/read" && resource.sensitivity > 2', True),
        ('action, resource) when { action in Mediator::Action::"effect:send"', True),
        ("action, resource) when { context.delegated.max_calls > 3", False),
        ("action, resource) when { context.grant.covers", False),
        ("action, resource) when { resource.sensitivity > 2", False),
        ('action == Mediator::Action::"list", resource) when { true', False),
        ("action, resource is Mediator::Tool) when { true", False),
        ('action, resource in Mediator::Server::"files") when { true', False),
    ],
)
def test_the_schema_of_a_delegation_is_over_agents_alone(policy: str, is_well_typed: bool) -> None:
    """Ours: the receiver is an agent as the principal is; other actions are known by name and apply to nothing."""
    text = text_for_delegation(["files/read", "effect:send", "list"])
    assert cedarpy.validate_policies(f"forbid(principal, {policy} }};", text).validation_passed is is_well_typed


def test_items_are_prepared_by_the_name_of_their_action() -> None:
    """Ours: two schemas for one action would be validated by chance."""
    assert [*prepare_items([tool("files/read"), prompt("files/read")])] == ["files/read", "files/prompt:read"]
    with pytest.raises(ValueError, match="the tool `files/read` stands twice"):
        prepare_items([tool("files/read"), tool("files/read")])


def test_a_question_is_held_to_what_is_wanted_and_to_nothing_else() -> None:
    """Ours: the schema of a question declares the projection."""
    schema = prepare_item(with_arguments({"path": {"type": "string"}, "count": {"type": "integer"}}))
    assert schema.question_text(Action.CALL, PATHS) == (
        'namespace Mediator { entity Agent; entity Tool; action "files/read" appliesTo { principal: [Agent], '
        'resource: [Tool], context: { "grant": { "covers": Bool }, "args": { "path"?: String } } }; }\n'
    )
    assert "count" in schema.question_text(Action.CALL)
    assert schema.question_text(Action.LIST) == (
        'namespace Mediator { entity Agent; entity Tool; action "list" appliesTo { principal: [Agent], '
        "resource: [Tool], context: {  } }; }\n"
    )
    asked = frozenset({("ask", "mode"), ("now",)})
    assert prepare_item(prompt()).question_text(Action.ELICIT, asked) == (
        'namespace Mediator { entity Agent; entity Prompt; action "elicit" appliesTo { principal: [Agent], '
        'resource: [Prompt], context: { "now": Long, "ask": { "mode": String } } }; }\n'
    )
    assert '"ask"' not in prepare_item(resource()).question_text(Action.SAMPLE)


def test_a_call_is_read_as_its_question_declares() -> None:
    """Ours: the wanted attributes, no more and no less; whatever was found is told beside them."""
    mailer = with_arguments({"path": {"type": ["string", "null"]}, "free": {"type": "object"}})
    schema = prepare_item(replace(mailer, digest="sha256:d", targets=("/free/to",)))
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
    assert whole.keys() == schema.context.members.keys() - {"approval", "justification"}


def test_secrets_are_looked_for_only_where_a_policy_asks() -> None:
    """P12: it is the one look that grows with the length of a text."""
    schema = prepare_item(with_arguments({"path": {"type": "string"}}))
    arguments: JsonObject = {"path": "postgres://app:" + "Xk3pQ9vLm2@db.example/main"}
    assert schema.reader(frozenset({("pin",)}))(BASE, arguments).secrets == ()
    found = schema.reader(frozenset({("secrets",)}))(BASE, arguments)
    assert (found.attributes, found.secrets) == ({"secrets": ["/path"]}, ("/path",))


def test_a_target_that_is_no_text_is_opaque_although_its_type_is_known() -> None:
    """Ours: where data goes was not read from it, so a policy over `destination` has not seen it."""
    schema = prepare_item(tool(targets=("/path",)))
    unread = replace(BASE, targets=TargetFacts(unread=frozenset({"/path"})))
    assert schema.reader(frozenset())(unread, {"path": "x"}).opaque == {"/path"}


def test_a_tool_of_untyped_arguments_is_prepared_too() -> None:
    """Ours: its arguments are opaque as a whole."""
    schema = prepare_item(tool(input_schema={"type": "object"}))
    assert schema.arguments is Leaf.OPAQUE
    assert schema.reader(frozenset())(BASE, {"a": 1}) == ({}, frozenset({""}), ())
