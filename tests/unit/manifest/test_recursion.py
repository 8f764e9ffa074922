"""Which schemas would cost a validator time that doubles with each level of a value.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from mediator.canonical import Json, JsonObject
from mediator.manifest import recursion
from mediator.manifest.recursion import BRANCHES_DEEP_MAX, must_not_double
from mediator.manifest.subschemas import subschemas_of
from mediator.refusal import Reason, Refused

NODE: JsonObject = {"$ref": "#/$defs/node"}
C: JsonObject = {"properties": {"c": NODE}}
NULL: JsonObject = {"type": "null"}
AND: JsonObject = {"properties": {"and": {"items": NODE}}}
OR: JsonObject = {"properties": {"or": {"items": NODE}}}


def node(**members: Json) -> JsonObject:
    return {"properties": {"tree": NODE}, "$defs": {"node": members}}


def refusal_of(schema: JsonObject) -> str | None:
    try:
        must_not_double(subschemas_of(schema))
    except Refused as refusal:
        assert refusal.reason is Reason.MALFORMED
        return refusal.detail
    return None


ORDINARY: Mapping[str, JsonObject] = {
    "nothing": {},
    "a tree": node(properties={"c": NODE}),
    "itself": {"properties": {"c": {"$ref": "#"}}},
    "left and right": node(properties={"left": NODE, "right": NODE}),
    "nullable": node(properties={"c": {"anyOf": [NODE, NULL]}}),
    "nullable itself": {"properties": {"c": {"oneOf": [{"$ref": "#"}, NULL]}}},
    "any JSON": node(anyOf=[{"type": "string"}, {"additionalProperties": NODE}, {"items": NODE}]),
    "and or": node(oneOf=[AND, OR, {"type": "string"}]),
    "a name and the rest": node(properties={"c": NODE}, additionalProperties=NODE),
    "a pattern and the rest": node(patternProperties={"^c": NODE}, unevaluatedProperties=NODE),
    "a place and the rest": node(prefixItems=[NODE], items=NODE),
    "draft-07, a place and the rest": {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **node(items=[NODE, NODE], additionalItems=NODE, dependencies={"a": ["b"], "d": {"properties": {"d": NODE}}}),
    },
    "keys and items": node(properties={"c": NODE}, items=NODE),
    "one way back, others out": node(properties={"c": NODE}, allOf=[{"properties": {"c": {"type": "object"}}}]),
    "branches inside one another, not too deep": {"anyOf": [{"properties": {"a": {"if": True, "then": {}}}}]},
    "all of all of": {"allOf": [{"allOf": [{"allOf": [{}]}]}] * 20},
}
DOUBLING: Mapping[str, JsonObject] = {
    "a branch twice": node(properties={"c": {"anyOf": [NODE, NODE]}}),
    "two branches, one key": node(anyOf=[{**C, "required": ["x"]}, C]),
    "beside all of": node(**C, allOf=[C]),
    "a condition": node(properties={"c": {"if": NODE, "then": NODE}}),
    "by turns": {
        "properties": {"c": {"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}]}},
        "$defs": {name: {"properties": {"c": {"$ref": "#/properties/c"}}} for name in "ab"},
    },
    "not, and": node(**C, **{"not": C}),
    "dependent": node(**C, dependentSchemas={"c": C}),
    "a pattern that may meet the name": node(patternProperties={"^c": NODE}, **C),
    "two maps": node(allOf=[{"additionalProperties": NODE}, {"unevaluatedProperties": NODE}]),
    "a map and a name beside it in another schema": node(**C, allOf=[{"additionalProperties": NODE}]),
    "contains looks at what items look at": node(items=NODE, contains=NODE),
    "contains looks at what has a place": node(prefixItems=[NODE], contains=NODE),
    "two lists": node(anyOf=[{"items": NODE, "minItems": 3}, {"items": NODE}]),
}


@pytest.mark.parametrize("schema", ORDINARY.values(), ids=ORDINARY.keys())
def test_ordinary_recursion_passes(schema: JsonObject) -> None:
    """Ours: one way back for each part of a value, however many parts and branches there are."""
    assert refusal_of(schema) is None


@pytest.mark.parametrize("schema", DOUBLING.values(), ids=DOUBLING.keys())
def test_two_ways_back_for_one_part_of_a_value_are_refused(schema: JsonObject) -> None:
    """Measured: what `jsonschema-rs` needs, to judge or to say what misses, doubles with each level."""
    refusal = refusal_of(schema)
    assert refusal is not None
    assert "leads back to itself in two ways" in refusal


@pytest.mark.parametrize(
    ("schema", "where"),
    [
        ({"$ref": "#"}, "/"),
        ({"allOf": [{"$ref": "#"}]}, "/"),
        (node(anyOf=[NODE, NULL]), "/$defs/node"),
        (node(**{"not": NODE}), "/$defs/node"),
    ],
    ids=["itself", "all of", "a branch", "not"],
)
def test_a_schema_that_is_its_own_condition_is_refused(schema: JsonObject, where: str) -> None:
    """JSON Schema core §9.4.1: it should not be, and what comes of it is undefined."""
    assert refusal_of(schema) == f"`{where}`: leads back to itself at the same place of a value"


def nested(levels: int, inmost: JsonObject) -> JsonObject:
    for _ in range(levels):
        inmost = {"anyOf": [{"properties": {"c": inmost}}, NULL]}
    return inmost


def test_branches_inside_one_another_have_an_end() -> None:
    """Measured: without recursion, a closed schema costs three times as much with each level that is a branch."""
    assert refusal_of(nested(BRANCHES_DEEP_MAX, {})) is None
    assert refusal_of(nested(BRANCHES_DEEP_MAX + 1, {})) == "`/`: more than 8 branches inside one another"
    turning = nested(BRANCHES_DEEP_MAX, {"$ref": "#/$defs/node"})
    assert refusal_of({**turning, "$defs": {"node": {"properties": {"n": NODE, "b": nested(1, {})}}}}) is not None
    around: JsonObject = {"properties": {"n": NODE, "b": nested(BRANCHES_DEEP_MAX + 1, {})}}
    assert refusal_of({"properties": {"n": NODE}, "$defs": {"node": around}}) is not None


def test_a_circle_that_holds_too_many_branches_is_named() -> None:
    """Ours: where the branches begin inside of what leads back to itself, the refusal names a schema of it."""
    inner = nested(BRANCHES_DEEP_MAX, {})
    schema = node(properties={"n": NODE}, anyOf=[inner])
    assert refusal_of(schema) == "`/$defs/node`: more than 8 branches inside one another"


def test_more_ways_than_can_be_followed_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: whoever signs a schema does not decide how long we look at it."""
    monkeypatch.setattr(recursion, "_WORK_MAX", 3)
    refusal = refusal_of(node(allOf=[{}, {}, {}, {"properties": {"c": NODE}}]))
    assert refusal == "`/$defs/node/allOf/3/properties/c`: leads back to itself in more ways than can be followed"
