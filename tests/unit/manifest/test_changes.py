"""Unit tests of mediator/manifest/changes.py: what differs is found, whatever it is; what does not differ is not.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.manifest.changes import Kind, arguments_verdict, changes_between
from mediator.manifest.schema import prepare
from mediator.refusal import Refused
from tests.promises import promise


def kind_of(old: JsonObject, new: JsonObject) -> Kind:
    (change,) = changes_between(old, new)
    return change.kind


def schema(**members: Json) -> JsonObject:
    return {"inputSchema": members}


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        # The example of design 5.4: a schema library that adds `additionalProperties: false`.
        ({}, {"additionalProperties": False}, Kind.NARROWS),
        ({"additionalProperties": False}, {}, Kind.WIDENS),
        ({"additionalProperties": False}, {"additionalProperties": {"type": "string"}}, Kind.WIDENS),
        ({"additionalProperties": {"type": "string"}}, {"additionalProperties": True}, Kind.WIDENS),
        ({"additionalProperties": {"type": "string"}}, {"additionalProperties": False}, Kind.NARROWS),
        ({}, {"additionalProperties": {"type": "string"}}, Kind.NARROWS),
        ({}, {"additionalProperties": True}, Kind.REWORDS),
        ({"additionalProperties": {"type": "string"}}, {"additionalProperties": {"type": "null"}}, Kind.UNCLEAR),
        ({"additionalProperties": 1}, {"additionalProperties": 2}, Kind.UNCLEAR),
        ({"additionalProperties": {"type": "string"}}, {}, Kind.WIDENS),
        ({}, {"x-new": 1}, Kind.UNCLEAR),
        ({"minLength": 1}, {"minLength": "x"}, Kind.UNCLEAR),
        ({"minLength": "x"}, {"minLength": 1}, Kind.UNCLEAR),
        ({"x-list": ["a"]}, {"x-list": ["a", "b"]}, Kind.UNCLEAR),
        ({"properties": {"title": "a"}}, {"properties": {"title": "b"}}, Kind.UNCLEAR),
        ({"properties": {}}, {"properties": {"a": {}}}, Kind.WIDENS),
        ({"properties": {"a": {}}}, {"properties": {}}, Kind.NARROWS),
        ({"properties": {"description": {}}}, {"properties": {"description": {"type": "string"}}}, Kind.NARROWS),
        ({"properties": {"required": True}}, {"properties": {"required": False}}, Kind.UNCLEAR),
        ({}, {"required": ["a"]}, Kind.NARROWS),
        ({"required": ["a"]}, {}, Kind.WIDENS),
        ({"required": ["a"]}, {"required": ["b", "a"]}, Kind.NARROWS),
        ({"required": ["b", "a"]}, {"required": ["a"]}, Kind.WIDENS),
        ({"required": ["b"]}, {"required": ["a"]}, Kind.UNCLEAR),
        ({"enum": ["a"]}, {"enum": ["a", "b"]}, Kind.WIDENS),
        ({"enum": ["a", "b"]}, {"enum": ["a"]}, Kind.NARROWS),
        ({"type": "string"}, {"type": ["string", "null"]}, Kind.WIDENS),
        ({"type": ["string", "null"]}, {"type": "string"}, Kind.NARROWS),
        ({"type": "string"}, {"type": "integer"}, Kind.UNCLEAR),
        ({}, {"minLength": 1}, Kind.NARROWS),
        ({"minLength": 1}, {"minLength": 2}, Kind.NARROWS),
        ({"minLength": 2}, {"minLength": 1}, Kind.WIDENS),
        ({"maximum": 2}, {"maximum": 1.5}, Kind.NARROWS),
        ({"maximum": 1}, {"maximum": 2}, Kind.WIDENS),
        ({"maximum": 2}, {}, Kind.WIDENS),
        ({}, {"pattern": "a"}, Kind.NARROWS),
        ({"pattern": "a"}, {"pattern": "b"}, Kind.UNCLEAR),
        ({"multipleOf": 2}, {"multipleOf": 3}, Kind.UNCLEAR),
        ({"const": 1}, {"const": 2}, Kind.UNCLEAR),
        ({"title": "a"}, {"title": "b"}, Kind.REWORDS),
        ({"title": "a"}, {}, Kind.REWORDS),
        ({"description": "a"}, {"description": {"type": "string"}}, Kind.UNCLEAR),
        ({"anyOf": [{}]}, {"anyOf": [{}, {}]}, Kind.UNCLEAR),
        ({"x-new": 1}, {"x-new": 2}, Kind.UNCLEAR),
    ],
)  # fmt: skip
def test_a_change_narrows_widens_rewords_or_is_unclear(old: JsonObject, new: JsonObject, kind: Kind) -> None:
    """Design 5.4: said for the reviewer's eye; none of it is waved through."""
    assert kind_of(schema(**old), schema(**new)) is kind


def test_a_change_outside_the_schemas_is_words_or_unclear() -> None:
    """Ours: hints are not believed, so they neither narrow nor widen."""
    assert kind_of({"title": "a"}, {"title": "b"}) is Kind.REWORDS
    assert kind_of({"annotations": {"title": "a"}}, {"annotations": {"title": "b"}}) is Kind.REWORDS
    assert kind_of({"annotations": {"readOnlyHint": True}}, {"annotations": {"readOnlyHint": False}}) is Kind.UNCLEAR
    assert kind_of({"annotations": {"required": ["a"]}}, {"annotations": {"required": ["a", "b"]}}) is Kind.UNCLEAR
    assert kind_of({"inputSchema": {}}, {"inputSchema": True}) is Kind.UNCLEAR


def test_a_list_that_is_a_set_is_told_as_a_whole() -> None:
    """JSON Schema: the order of `required` says nothing, and no member of it is a place."""
    (change,) = changes_between(schema(required=["a", "b"]), schema(required=["a", "c"]))
    assert (change.pointer, change.old, change.new) == ("/inputSchema/required", '["a","b"]', '["a","c"]')


def test_a_change_deep_in_a_list_is_told_where_it_is() -> None:
    """Ours."""
    (change,) = changes_between(
        schema(anyOf=[{"type": "string"}, {"items": [{"a/b": 1}]}]),
        schema(anyOf=[{"type": "string"}, {"items": [{"a/b": 2}]}]),
    )
    assert (change.pointer, change.old, change.new) == ("/inputSchema/anyOf/1/items/0/a~1b", "1", "2")


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["type", "required", "properties", "é", "a"]), inner, max_size=2)
    ),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.sampled_from(["name", "inputSchema", "description", "x"]), VALUES, max_size=3)


@promise("P3")
@given(OBJECTS, OBJECTS)
def test_no_change_is_told_exactly_where_the_canonical_bytes_are_equal(old: JsonObject, new: JsonObject) -> None:
    """Design 5.4: the digest decides; the report never disagrees with it."""
    assert (changes_between(old, new) == ()) is (canonical_bytes(old) == canonical_bytes(new))


OPEN = frozenset({""})
DEEP = frozenset({"/properties/a"})
OBJECT: JsonObject = {"type": "object", "properties": {"a": {"type": "object"}, "x": {"type": "integer"}}}
TOLD: JsonObject = {**OBJECT, "description": "Other words."}
LESS: JsonObject = {"type": "object", "properties": {"a": {"type": "object"}}}

MAP: JsonObject = {"type": "object", "additionalProperties": {"type": "object", "properties": {}}}
BESIDE: JsonObject = {"type": "object", "allOf": [{"properties": {"x": {"properties": {"k": {}}}}}, MAP]}


@pytest.mark.parametrize(
    ("old", "new", "old_opens", "new_opens", "kind"),
    [
        (OBJECT, OBJECT, frozenset(), DEEP, Kind.WIDENS),
        (OBJECT, OBJECT, OPEN | DEEP, DEEP, Kind.NARROWS),
        (OBJECT, TOLD, DEEP, OPEN | DEEP, Kind.WIDENS),
        (OBJECT, TOLD, DEEP, DEEP, Kind.REWORDS),
        (OBJECT, TOLD, DEEP, OPEN, Kind.UNCLEAR),
        (OBJECT, LESS, OPEN, OPEN, Kind.UNCLEAR),
        (OBJECT, LESS, frozenset(), OPEN, Kind.UNCLEAR),
        (OBJECT, LESS, frozenset(), frozenset(), Kind.NARROWS),
        (MAP, MAP, frozenset(), OPEN, Kind.WIDENS),
        (BESIDE, BESIDE, frozenset(), frozenset({"/allOf/0"}), Kind.WIDENS),
        # Opened, what it says of a map's values is said of `x`, too, which may hold `k` no more.
        (BESIDE, BESIDE, frozenset(), frozenset({"/allOf/1"}), Kind.UNCLEAR),
        (
            {"$ref": "https://elsewhere.example/"},
            {"$ref": "https://elsewhere.example/"},
            OPEN,
            OPEN | DEEP,
            Kind.UNCLEAR,
        ),
        # The words of a value are no words of the schema.
        ({"const": {"title": "a"}}, {"const": {"title": "b"}}, OPEN, OPEN, Kind.UNCLEAR),
    ],
)
def test_what_is_opened_counts_in_what_a_change_does_to_the_arguments(
    old: JsonObject, new: JsonObject, old_opens: frozenset[str], new_opens: frozenset[str], kind: Kind
) -> None:
    """Ours: a verdict is proven, or it is unclear."""
    assert arguments_verdict(old, new, old_opens, new_opens) is kind


def test_a_property_less_is_one_that_takes_anything_where_the_schema_is_opened() -> None:
    """Ours: why the closed world proves nothing there."""
    prepare(LESS, None, OPEN).check_arguments({"x": "no integer"})
    with pytest.raises(Refused):
        prepare(OBJECT, None, OPEN).check_arguments({"x": "no integer"})
    with pytest.raises(Refused):
        prepare(LESS, None, frozenset()).check_arguments({"x": 1})
    prepare(BESIDE, None, frozenset()).check_arguments({"x": {"k": 1}})
    with pytest.raises(Refused):
        prepare(BESIDE, None, frozenset({"/allOf/1"})).check_arguments({"x": {"k": 1}})
