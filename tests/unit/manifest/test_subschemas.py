"""What is inside a schema, and which schemas could mean something else elsewhere.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import Json, JsonObject
from mediator.manifest.subschemas import Dialect, find_at, read_dialect, read_reference, subschemas_of
from mediator.refusal import Reason, Refused


@pytest.mark.parametrize(
    ("named", "dialect"),
    [
        ("http://json-schema.org/draft-07/schema#", Dialect.DRAFT_7),
        ("http://json-schema.org/draft-07/schema", Dialect.DRAFT_7),
        ("https://json-schema.org/draft/2019-09/schema", Dialect.DRAFT_2019_09),
        ("https://json-schema.org/draft/2020-12/schema", Dialect.DRAFT_2020_12),
    ],
)
def test_the_dialects_that_servers_use_are_known(named: str, dialect: Dialect) -> None:
    """MCP 2026-07-28: a declared dialect is honoured, or an error is given."""
    assert read_dialect({"$schema": named}) is dialect


def test_without_a_dialect_it_is_2020_12() -> None:
    """MCP 2026-07-28: the default."""
    assert read_dialect({}) is Dialect.DRAFT_2020_12


@pytest.mark.parametrize(
    "named", ["https://evil.example/schema", "http://json-schema.org/draft-04/schema#", "", 5, None]
)
def test_a_foreign_dialect_is_refused(named: Json) -> None:
    """Design 5.4."""
    with pytest.raises(Refused) as refusal:
        subschemas_of({"$schema": named})
    assert refusal.value.reason is Reason.MALFORMED
    assert refusal.value.detail.startswith("`/$schema`")


def test_every_place_where_a_schema_may_stand_is_found() -> None:
    """JSON Schema 2020-12 core §10, validation; draft-07 for `dependencies`, `additionalItems` and lists of `items`."""
    a: JsonObject = {"type": "string"}
    schema: JsonObject = {
        "properties": {"p/1": a},
        "patternProperties": {"^x": a},
        "$defs": {"d": a},
        "definitions": {"d": a},
        "dependentSchemas": {"d": a},
        "dependencies": {"d": a, "names": ["x"]},
        "allOf": [a],
        "anyOf": [a, True],
        "oneOf": [a],
        "prefixItems": [a],
        "items": a,
        **dict.fromkeys(("additionalItems", "additionalProperties", "contains", "contentSchema"), a),
        **dict.fromkeys(("else", "if", "not", "propertyNames", "then"), a),
        **dict.fromkeys(("unevaluatedItems", "unevaluatedProperties"), a),
        "enum": [{"$ref": "http://evil.example/"}],
        "default": {"$ref": "http://evil.example/"},
    }

    assert set(subschemas_of(schema)) == {
        *("", "/properties/p~11", "/patternProperties/^x", "/$defs/d", "/definitions/d", "/dependentSchemas/d"),
        *("/dependencies/d", "/allOf/0", "/anyOf/0", "/anyOf/1", "/oneOf/0", "/prefixItems/0", "/items"),
        *("/additionalItems", "/additionalProperties", "/contains", "/contentSchema", "/else", "/if", "/not"),
        *("/propertyNames", "/then", "/unevaluatedItems", "/unevaluatedProperties"),
    }
    assert set(subschemas_of({"items": [a, a]})) == {"", "/items/0", "/items/1"}


def test_what_only_a_reference_reaches_is_found_too() -> None:
    """Ours: a schema may hide under a keyword that nobody knows."""
    hidden: JsonObject = {"$ref": "#/x-hidden", "x-hidden": {"properties": {"a": {}}}}

    assert set(subschemas_of(hidden)) == {"", "/x-hidden", "/x-hidden/properties/a"}


@pytest.mark.parametrize(
    "reference",
    [
        "http://evil.example/schema.json",
        "file:///etc/passwd",
        "other.json",
        "other.json#/a",
        "#anchor",
        "",
        5,
        None,
        "urn:x",
    ],
)
@pytest.mark.parametrize("where", ["", "properties", "$defs", "not", "allOf", "hidden"])
def test_a_reference_to_elsewhere_is_refused_wherever_it_stands(reference: Json, where: str) -> None:
    """Design 5.4: nothing is fetched, so nothing can be fetched that changes."""
    inner: JsonObject = {"$ref": reference}
    schema: JsonObject = {
        "": inner,
        "properties": {"properties": {"a": inner}},
        "$defs": {"$defs": {"a": inner}},
        "not": {"not": inner},
        "allOf": {"allOf": [inner]},
        "hidden": {"$ref": "#/x", "x": inner},
    }[where]  # type: ignore[assignment]  # each of them is an object

    with pytest.raises(Refused) as refusal:
        subschemas_of(schema)
    assert refusal.value.reason is Reason.MALFORMED
    assert "/$ref`: not local" in refusal.value.detail


def test_a_property_that_bears_the_name_of_a_keyword_is_no_keyword() -> None:
    """JSON Schema: names under `properties` are the author's."""
    named: JsonObject = {"$ref": {"type": "string"}, "$schema": {}, "$id": {}, "$dynamicRef": {}, "properties": {}}

    assert len(subschemas_of({"properties": named})) == 6


@pytest.mark.parametrize(
    "schema",
    [
        {"$dynamicRef": "#a"},
        {"$recursiveRef": "#"},
        {"properties": {"a": {"$dynamicRef": "#a"}}},
        {"properties": {"a": {"$id": "http://evil.example/"}}},
        {"properties": {"a": {"$schema": "http://json-schema.org/draft-07/schema#"}}},
        {"properties": {"a": 5}},
        {"allOf": ["x"]},
        {"not": None},
        {"$ref": "#/$defs/none"},
        {"$ref": "#/allOf/1", "allOf": [{}]},
        {"$ref": "#/allOf/00", "allOf": [{}]},
        {"$ref": "#/allOf/-", "allOf": [{}]},
        {"$ref": "#/type/0", "type": "object"},
        {"$ref": "#/type/o", "type": "object"},
        {"$ref": "#/minLength/0", "minLength": 5},
        {"$ref": "#/type", "type": "object"},
        {"$ref": "#/%ff"},
    ],
    ids=str,
)
def test_a_schema_that_two_readers_could_take_otherwise_is_refused(schema: JsonObject) -> None:
    """Ours: one meaning, from everywhere, now and later."""
    with pytest.raises(Refused) as refusal:
        subschemas_of(schema)
    assert refusal.value.reason is Reason.MALFORMED


def test_an_id_at_the_root_is_only_a_name() -> None:
    """JSON Schema core §8.2.1: it moves nothing where every reference is a local pointer."""
    assert set(subschemas_of({"$id": "https://tools.example/read"})) == {""}


@pytest.mark.parametrize(
    ("reference", "pointer"),
    [
        ("#", ""),
        ("#/", "/"),
        ("#/$defs/a%20b", "/$defs/a b"),
        ("#/a~1b", "/a~1b"),
        ("#/%C3%A4", "/ä"),
        ("#/ä%2fb", "/ä/b"),
    ],
)
def test_a_local_reference_is_a_json_pointer_in_a_fragment(reference: str, pointer: str) -> None:
    """RFC 6901 §6."""
    assert read_reference(reference, "") == pointer


def test_a_pointer_finds_members_and_items() -> None:
    """RFC 6901 §4."""
    assert find_at({"a/b": [{"c~d": 5}]}, "/a~1b/0/c~0d", "") == 5
    assert find_at({"": 1}, "/", "") == 1
    assert find_at({"a": 1}, "", "") == {"a": 1}


def test_references_in_a_circle_end() -> None:
    """Ours: a recursive schema is a finite one."""
    schema: JsonObject = {
        "properties": {"child": {"$ref": "#"}},
        "$ref": "#/$defs/a",
        "$defs": {"a": {"$ref": "#/$defs/a"}},
    }

    assert set(subschemas_of(schema)) == {"", "/properties/child", "/$defs/a"}
