"""Tests of which attributes a policy names.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import cedarpy
import pytest

from mediator.canonical import Json, parse_object
from mediator.policy.projection import Mentions, mentions_of


def mentions(*conditions: str) -> Mentions:
    """What the conditions of a policy mention, compiled by Cedar itself."""
    text = f"permit(principal, action, resource) {' '.join(conditions)};"
    compiled = parse_object(cedarpy.policies_to_json_str(text).encode())
    match compiled:
        case {"staticPolicies": {"policy0": {"conditions": found}}}:
            return mentions_of(found)
        case _:
            raise AssertionError(compiled)


@pytest.mark.parametrize(
    ("condition", "paths"),
    [
        pytest.param("context.grant.covers", {("grant", "covers")}, id="an attribute"),
        pytest.param('context["we ird"]["."]', {("we ird", ".")}, id="names that are no identifiers"),
        pytest.param("context has approval", {("approval",)}, id="presence"),
        pytest.param(
            "context has approval.at && context.approval.at > 1",
            {("approval",), ("approval", "at")},
            id="presence, deep",
        ),
        pytest.param('context.args.path like "/a*"', {("args", "path")}, id="like"),
        pytest.param('context.args.tags.items.contains("a")', {("args", "tags", "items")}, id="a method"),
        pytest.param('context.args.n.low.lessThan(decimal("1.0"))', {("args", "n", "low")}, id="an extension's method"),
        pytest.param("if context.a then context.b else !context.c", {("a",), ("b",), ("c",)}, id="a condition"),
        pytest.param("-context.a + 2 * context.b > 1", {("a",), ("b",)}, id="arithmetic"),
        pytest.param("context.a.isEmpty() || [context.b].contains(1)", {("a",), ("b",)}, id="sets"),
        pytest.param('{"Var": context.a, ".": 1}["."] == 1', {("a",)}, id="a record whose keys look like operators"),
        pytest.param('{"Value": context.a, "Record": context.b} == {}', {("a",), ("b",)}, id="more of these"),
        pytest.param("(if true then context else context).a", {()}, id="the whole, through a condition"),
        pytest.param("context == {}", {()}, id="the whole"),
        pytest.param("principal has a && resource.b == 1", set(), id="nothing of the context"),
        pytest.param("(if context.a then principal else principal) has b", {("a",)}, id="presence of something else"),
        pytest.param('"context" == "a"', set(), id="a word"),
        pytest.param("resource is Mediator::Tool in context.a", {("a",)}, id="is in"),
    ],
)
def test_every_attribute_that_is_named_is_found(condition: str, paths: set[tuple[str, ...]]) -> None:
    """Ours: in Cedar's own compiled form."""
    assert mentions(f"when {{ {condition} }}").paths == paths


def test_all_conditions_are_read() -> None:
    """Ours: `when` and `unless` alike."""
    found = mentions("when { context.a }", "unless { context.b }")
    assert found.paths == {("a",), ("b",)}
    assert mentions().paths == frozenset()


def test_an_attribute_is_read_by_name_or_with_the_whole() -> None:
    """Ours."""
    assert mentions("when { context.args.path == 1 }").reads("args")
    assert mentions("when { context == {} }").reads("args")
    assert not mentions("when { context.arguments }").reads("args")


@pytest.mark.parametrize(
    ("condition", "actions", "asks", "looks"),
    [
        ("true", set(), False, False),
        ('action in Mediator::Action::"effect:read"', {"effect:read"}, True, False),
        ('[Mediator::Action::"a/b"].contains(action)', {"a/b"}, True, False),
        ("principal.owner.name == context.a", set(), False, True),
        ("resource.sensitivity > 1", set(), False, True),
        ('Mediator::Agent::"x" in Mediator::Team::"t"', set(), False, True),
        ('Other::Action::"x" == Other::Action::"y"', set(), False, True),
    ],
)
def test_actions_and_entities_that_are_looked_at_are_known(
    condition: str, actions: set[str], asks: bool, looks: bool
) -> None:
    """Ours: a literal agent counts, for what it is in depends on who asks."""
    found = mentions(f"when {{ {condition} }}")
    assert found.actions == actions
    assert (found.asks_for_action, found.looks_at_entities) == (asks, looks)


@pytest.mark.parametrize("conditions", [None, "x", [1], [{}], [{"body": None}]])
def test_what_is_no_condition_names_nothing(conditions: object) -> None:
    """Ours: read without believing, though Cedar wrote it."""
    assert mentions_of(conditions).paths == frozenset()  # type: ignore[arg-type]  # hostile on purpose


def test_a_node_that_only_looks_like_an_attribute_is_walked_through() -> None:
    """Ours: an access whose parts are not what they must be is not taken for a path."""
    odd: Json = {".": {"left": {"Var": "context"}, "attr": 1}}
    assert mentions_of([{"body": odd}]).paths == {()}
