"""Tests of what a pinned input schema says of the types of its arguments: the table of design 5.5, row by row.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any

import pytest

from mediator.canonical import Json, JsonObject
from mediator.policy.shape import type_of_arguments
from mediator.policy.types import Array, Leaf, Member, Record, Type, text_of

OPAQUE = Leaf.OPAQUE
STRING: JsonObject = {"type": "string"}
INTEGER: JsonObject = {"type": "integer"}


def type_of(schema: Any, **definitions: Json) -> Type:
    """The type of one argument of this schema."""
    found = type_of_arguments({"type": "object", "properties": {"x": schema}, "$defs": definitions})
    assert isinstance(found, Record)
    return found.members["x"].type


def member_of(schema: Any) -> Member:
    found = type_of_arguments({"type": "object", "properties": {"x": schema}, "required": ["x"]})
    assert isinstance(found, Record)
    return found.members["x"]


def an_object(**properties: Any) -> JsonObject:
    return {"type": "object", "properties": properties}


def record(**types: Type) -> Record:
    return Record(members={name: Member(type=kind, required=False) for name, kind in types.items()})


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        pytest.param(STRING, Leaf.STRING, id="string"),
        pytest.param({"type": "string", "format": "uri", "minLength": 1}, Leaf.STRING, id="formats are not trusted"),
        pytest.param({"enum": ["a", "b"]}, Leaf.STRING, id="enum of strings"),
        pytest.param({"const": "a"}, Leaf.STRING, id="const"),
        pytest.param({"type": "string", "enum": ["a", 1]}, Leaf.STRING, id="enum beside a type"),
        pytest.param({"enum": ["a", 1]}, OPAQUE, id="enum of two types"),
        pytest.param({"enum": [1, 2.0]}, Leaf.LONG, id="enum of integers, however written"),
        pytest.param({"enum": [1, 2.5]}, Leaf.NUMBER, id="enum of numbers"),
        pytest.param({"enum": [True, False]}, Leaf.BOOL, id="enum of booleans"),
        pytest.param({"enum": [[1]]}, OPAQUE, id="enum of arrays"),
        pytest.param({"enum": [{"a": 1}]}, OPAQUE, id="enum of objects"),
        pytest.param({"enum": []}, OPAQUE, id="enum of nothing"),
        pytest.param(INTEGER, Leaf.LONG, id="integer"),
        pytest.param({"type": "number"}, Leaf.NUMBER, id="number"),
        pytest.param({"type": ["integer", "number"]}, Leaf.NUMBER, id="integer or number"),
        pytest.param({"type": "number", "const": 1}, Leaf.LONG, id="a number that is always this integer"),
        pytest.param({"type": "boolean"}, Leaf.BOOL, id="boolean"),
        pytest.param({"type": ["string", "integer"]}, OPAQUE, id="two types"),
        pytest.param({"type": "null"}, OPAQUE, id="only null"),
        pytest.param({"type": []}, OPAQUE, id="no type at all"),
        pytest.param({"type": "file"}, OPAQUE, id="a type that nobody knows"),
        pytest.param({"type": [1]}, OPAQUE, id="a type that is no name"),
        pytest.param({}, OPAQUE, id="untyped"),
        pytest.param(True, OPAQUE, id="true"),
        pytest.param(False, OPAQUE, id="false"),
        pytest.param({"type": "array", "items": STRING}, Array(items=Leaf.STRING), id="array"),
        pytest.param(
            {"type": "array", "items": {"type": "array", "items": INTEGER}},
            Array(items=Array(items=Leaf.LONG)),
            id="array of arrays",
        ),
        pytest.param({"type": "array"}, OPAQUE, id="array of anything"),
        pytest.param({"type": "array", "items": {}}, OPAQUE, id="array of the untyped"),
        pytest.param({"type": "array", "items": {"type": ["string", "integer"]}}, OPAQUE, id="mixed array"),
        pytest.param({"type": "array", "items": {"type": ["string", "null"]}}, OPAQUE, id="array that may hold null"),
        pytest.param({"type": "array", "items": [STRING]}, OPAQUE, id="tuple, drafts before 2020-12"),
        pytest.param({"type": "array", "prefixItems": [STRING]}, OPAQUE, id="tuple"),
        pytest.param(an_object(a=STRING), record(a=Leaf.STRING), id="object"),
        pytest.param(an_object(), record(), id="object without any property"),
        pytest.param({"type": "object"}, OPAQUE, id="free object"),
        pytest.param({"type": "object", "additionalProperties": STRING}, OPAQUE, id="map"),
        pytest.param(an_object() | {"additionalProperties": True}, OPAQUE, id="map that names nothing"),
        pytest.param(an_object() | {"patternProperties": {"^x": STRING}}, OPAQUE, id="map by pattern"),
        pytest.param(an_object() | {"additionalProperties": False}, record(), id="closed and empty"),
        pytest.param(
            an_object(a=STRING) | {"additionalProperties": True}, record(a=Leaf.STRING), id="object that is open"
        ),
        pytest.param({"properties": {"a": STRING}}, OPAQUE, id="properties, if it is an object"),
        pytest.param(an_object(__entity=STRING), OPAQUE, id="a name that Cedar reserves"),
        pytest.param(an_object(a=an_object(__extn=STRING)), record(a=OPAQUE), id="such a name further in"),
        pytest.param(STRING | {"not": {"const": "a"}}, OPAQUE, id="not"),
        pytest.param(an_object(a=STRING) | {"if": {}, "then": {}}, OPAQUE, id="if"),
        pytest.param(an_object(a=STRING) | {"dependentSchemas": {"a": {}}}, OPAQUE, id="dependent schemas"),
        pytest.param({"$ref": "#/$defs/text"}, Leaf.STRING, id="reference"),
        pytest.param({"$ref": "#/$defs/text", "type": "integer"}, Leaf.STRING, id="what stands beside is not read"),
        pytest.param({"$ref": "#/$defs/a~1b~0c"}, Leaf.LONG, id="reference with escapes"),
        pytest.param({"$ref": "#/$defs/pair/anyOf/1"}, Leaf.LONG, id="reference into a list"),
        pytest.param({"$ref": "#/$defs/pair/anyOf/9"}, OPAQUE, id="reference beyond a list"),
        pytest.param({"$ref": "#/$defs/pair/anyOf/x"}, OPAQUE, id="reference to no index"),
        pytest.param({"$ref": "#/$defs/nowhere"}, OPAQUE, id="reference to nowhere"),
        pytest.param({"$ref": "#/$defs/te%78t"}, OPAQUE, id="reference with percent-encoding"),
        pytest.param({"$ref": "https://example.com/schema"}, OPAQUE, id="reference elsewhere"),
        pytest.param({"$ref": "#text"}, OPAQUE, id="reference to an anchor"),
        pytest.param({"$ref": 1}, OPAQUE, id="reference that is no text"),
        pytest.param({"$ref": "#/$defs/named"}, OPAQUE, id="reference to a schema with an id"),
        pytest.param({"$dynamicRef": "#x"}, OPAQUE, id="dynamic reference"),
        pytest.param({"$id": "x", "type": "string"}, OPAQUE, id="an id, which moves references"),
    ],
)
def test_an_argument_has_the_type_of_the_table(schema: Json, expected: Type) -> None:
    """Ours (design 5.5): one row each; whatever has no single type is opaque."""
    definitions: JsonObject = {
        "text": STRING,
        "a/b~c": INTEGER,
        "pair": {"anyOf": [STRING, INTEGER]},
        "named": {"$id": "https://example.com/n", "type": "string"},
    }
    assert type_of(schema, **definitions) == expected


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        pytest.param(
            {"allOf": [an_object(a=STRING), an_object(b=INTEGER)]},
            record(a=Leaf.STRING, b=Leaf.LONG),
            id="allOf without conflict",
        ),
        pytest.param(
            an_object(a={}) | {"allOf": [{"properties": {"a": STRING}}]}, record(a=Leaf.STRING), id="allOf that narrows"
        ),
        pytest.param({"allOf": [{"type": "number"}, INTEGER]}, Leaf.LONG, id="allOf of number and integer"),
        pytest.param({"allOf": [STRING, INTEGER]}, OPAQUE, id="allOf with a conflict"),
        pytest.param(
            {"type": "array", "items": {}, "allOf": [{"items": STRING}]}, Array(items=Leaf.STRING), id="allOf of items"
        ),
        pytest.param({"allOf": [STRING, {"not": {}}]}, OPAQUE, id="allOf with what is beyond us"),
        pytest.param({"allOf": "x", "type": "string"}, Leaf.STRING, id="allOf that is no list"),
        pytest.param(
            {"oneOf": [an_object(k={"const": "a"}, a=STRING), an_object(k={"const": "b"}, b=INTEGER)]},
            Record(
                members={
                    "a": Member(type=Leaf.STRING, required=False),
                    "b": Member(type=Leaf.LONG, required=False),
                    "k": Member(type=Leaf.STRING, required=False),
                }
            ),
            id="oneOf of records that agree",
        ),
        pytest.param({"anyOf": [an_object(a=STRING), an_object(a=INTEGER)]}, OPAQUE, id="records that disagree"),
        pytest.param(
            {"anyOf": [an_object(a=STRING), an_object(a={"type": ["string", "null"]})]},
            OPAQUE,
            id="records that disagree on null",
        ),
        pytest.param({"anyOf": [an_object(a=STRING), {"not": {}}]}, OPAQUE, id="a branch beyond us"),
        pytest.param({"anyOf": [an_object(a=STRING), STRING]}, OPAQUE, id="a record or a string"),
        pytest.param({"anyOf": [STRING, {"enum": ["a"]}]}, Leaf.STRING, id="strings"),
        pytest.param({"anyOf": [STRING, INTEGER]}, OPAQUE, id="a string or an integer"),
        pytest.param({"anyOf": [STRING, False]}, Leaf.STRING, id="a branch that is never valid"),
        pytest.param(
            an_object(a=STRING, b=STRING) | {"anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
            record(a=Leaf.STRING, b=Leaf.STRING),
            id="one or the other, of one record",
        ),
        pytest.param(
            {"anyOf": [{"type": "array", "items": STRING}, {"type": "array", "items": {"enum": ["a"]}}]},
            Array(items=Leaf.STRING),
            id="arrays that agree",
        ),
        pytest.param(
            {"anyOf": [{"type": "array", "items": STRING}, {"type": "array", "items": INTEGER}]},
            OPAQUE,
            id="arrays that disagree",
        ),
        pytest.param(
            {"anyOf": [{"type": "array", "items": STRING}, {"type": "array"}]}, OPAQUE, id="an array of anything"
        ),
        pytest.param({"anyOf": []}, OPAQUE, id="no branch"),
    ],
)
def test_schemas_of_schemas_come_to_one_type_or_are_opaque(schema: Json, expected: Type) -> None:
    """Ours (design 5.5): `allOf` is met, `oneOf` and `anyOf` are joined, all optional."""
    assert type_of(schema) == expected


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (STRING, Member(type=Leaf.STRING)),
        ({"type": ["string", "null"]}, Member(type=Leaf.STRING, nullable=True)),
        ({"anyOf": [STRING, {"type": "null"}]}, Member(type=Leaf.STRING, nullable=True)),
        ({"enum": ["a", None]}, Member(type=Leaf.STRING, nullable=True)),
        ({}, Member(type=OPAQUE)),
    ],
)
def test_what_may_be_null_is_known_as_such(schema: JsonObject, expected: Member) -> None:
    """Ours (design 5.5): a nullable T is an optional T; what is opaque shows its null as it shows anything else."""
    assert member_of(schema) == expected


def test_a_required_argument_is_required() -> None:
    """Ours: and a name that is required without being described is not made up."""
    found = type_of_arguments(an_object(a=STRING, b=STRING) | {"required": ["a", "ghost", 7]})
    assert found == Record(
        members={"a": Member(type=Leaf.STRING), "b": Member(type=Leaf.STRING, required=False)},
    )


def nested(levels: int) -> JsonObject:
    schema = an_object(leaf=STRING)
    for _ in range(levels):
        schema = an_object(x=schema)
    return schema


def test_six_records_deep_is_seen_and_the_seventh_is_opaque() -> None:
    """Ours (design 5.5): the arguments themselves are none of the six."""
    assert "digest" not in text_of(type_of_arguments(nested(5)))
    assert text_of(type_of_arguments(nested(6))).count("digest") == 1
    assert "leaf" not in text_of(type_of_arguments(nested(7)))


def test_recursion_is_opaque_where_it_begins_again() -> None:
    """Ours (design 5.5): by name, by the whole, and through a second name."""
    tree = an_object(value=STRING, below={"$ref": "#/$defs/tree"})
    assert type_of({"$ref": "#/$defs/tree"}, tree=tree) == record(below=OPAQUE, value=Leaf.STRING)
    assert type_of_arguments(an_object(x={"$ref": "#"})) == record(x=record(x=OPAQUE))
    other: JsonObject = {"$ref": "#/$defs/one"}
    assert type_of({"$ref": "#/$defs/one"}, one={"$ref": "#/$defs/other"}, other=other) is OPAQUE


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param({"type": "object"}, id="a free object"),
        pytest.param({}, id="nothing said"),
        pytest.param({"type": "array", "items": STRING}, id="an array, which arguments never are"),
        pytest.param({"type": "object", "properties": {"__expr": STRING}}, id="a reserved name"),
    ],
)
def test_arguments_without_a_type_are_opaque_as_a_whole(schema: JsonObject) -> None:
    """Ours: `context.args` then is a digest, its keys and its size."""
    assert type_of_arguments(schema) is OPAQUE


def test_a_schema_that_unfolds_without_end_is_opaque() -> None:
    """Ours: a signer may lie (A3). Each name refers twice to the next: 2^40 schemas in 2 kB."""
    laughs: JsonObject = {
        f"l{i}": an_object(a={"$ref": f"#/$defs/l{i + 1}"}, b={"$ref": f"#/$defs/l{i + 1}"}) for i in range(40)
    }
    laughs["l40"] = STRING
    assert type_of_arguments(an_object(x={"$ref": "#/$defs/l0"}) | {"$defs": laughs}) is OPAQUE


def test_a_chain_of_references_is_followed_only_so_far() -> None:
    """Ours: deeper than any real schema, and never a RecursionError."""
    chain: JsonObject = {f"c{i}": {"$ref": f"#/$defs/c{i + 1}"} for i in range(5_000)}
    assert type_of_arguments(an_object(x={"$ref": "#/$defs/c0"}) | {"$defs": chain}) is OPAQUE
