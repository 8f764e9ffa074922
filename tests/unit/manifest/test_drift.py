"""Drift: what differs is found, whatever it is; what does not differ is not.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.manifest.drift import (
    Added,
    Changed,
    FieldChange,
    Kind,
    Missing,
    OfferComparison,
    Unchanged,
    Unreadable,
    changes_between,
    compare,
)
from tests.promises import promise
from tests.simulated.pins import READ, copied, pins_of

WRITE: JsonObject = {**READ, "name": "write"}
PINS = pins_of(READ, WRITE)


def compared(*offered: Json) -> OfferComparison:
    return compare(PINS, offered)


def test_what_is_offered_as_pinned_is_unchanged() -> None:
    """Design 5.4."""
    comparison = compared(READ, WRITE)
    assert comparison.unchanged == (Unchanged(server="files", tool="read"), Unchanged(server="files", tool="write"))
    assert comparison.quarantined == frozenset()
    assert (comparison.missing, comparison.changed, comparison.added, comparison.unreadable) == ((), (), (), ())


def test_order_of_keys_and_of_tools_is_no_drift() -> None:
    """Design 5.4: a digest survives what does not change meaning."""
    reordered: JsonObject = dict(reversed(copied(READ).items()))
    assert compared(WRITE, reordered).quarantined == frozenset()


@promise("P3")
def test_a_tool_that_is_gone_is_missing() -> None:
    """Promise P3."""
    comparison = compared(WRITE)
    assert comparison.missing == (Missing(server="files", tool="read"),)
    assert comparison.quarantined == {("files", "read")}


@promise("P3")
def test_a_tool_that_was_added_does_not_exist() -> None:
    """Promise P3: what a server adds after review."""
    comparison = compared(READ, WRITE, {"name": "steal"})
    assert comparison.added == (Added(tool="steal"),)
    assert comparison.quarantined == frozenset()


@promise("P3")
def test_a_tool_that_was_renamed_is_missing_and_another_is_added() -> None:
    """Promise P3; a rename in other case is one."""
    comparison = compared({**READ, "name": "Read"}, WRITE)
    assert comparison.missing == (Missing(server="files", tool="read"),)
    assert comparison.added == (Added(tool="Read"),)


@promise("P3")
def test_a_tool_that_was_changed_is_told_field_by_field() -> None:
    """Design 5.4: the report says exactly which field moved."""
    changed: JsonObject = {**READ, "description": "Evil", "x-new": None}
    comparison = compared(changed, WRITE)
    assert comparison.changed == (
        Changed(
            server="files",
            tool="read",
            fields=(
                FieldChange(pointer="/description", old='"Read a file"', new='"Evil"', kind=Kind.REWORDS),
                FieldChange(pointer="/x-new", old=None, new="null", kind=Kind.UNCLEAR),
            ),
        ),
    )
    assert comparison.quarantined == {("files", "read")}


@promise("P3")
@pytest.mark.parametrize(
    "second", [READ, {"name": "read"}, {**READ, "description": "Evil"}], ids=["same", "bare", "evil"]
)
def test_a_name_that_is_offered_twice_is_drift_whatever_stands_under_it(second: JsonObject) -> None:
    """A2: of two definitions nobody can say which one a call would meet."""
    for offered in ([READ, WRITE, second], [second, READ, WRITE]):
        comparison = compared(*offered)
        assert comparison.changed == (Changed(server="files", tool="read", fields=()),)
        assert [one.detail for one in comparison.unreadable] == ["a name that stands in the list before"]
        assert comparison.quarantined == {("files", "read")}


@pytest.mark.parametrize("entry", [None, 5, "read", ["read"], {}, {"name": None}, {"name": ["read"]}], ids=str)
def test_what_is_no_tool_is_told_and_hides_nothing(entry: Json) -> None:
    """A2: a list may hold anything."""
    comparison = compared(entry, READ, WRITE)
    assert comparison.unreadable == (Unreadable(index=0, detail="not an object with a name"),)
    assert comparison.quarantined == frozenset()


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


@given(st.lists(VALUES | OBJECTS, max_size=4))
def test_any_list_is_compared(offered: list[Json]) -> None:
    """A2: whatever a server lists, comparing does not fail."""
    comparison = compare(PINS, offered)
    assert len(comparison.unchanged) + len(comparison.quarantined) == len(PINS)
