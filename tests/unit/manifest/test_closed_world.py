"""The closed world: which keys a schema names, and that nothing else passes.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.canonical import SAFE_INTEGER, Json, JsonObject
from mediator.manifest.closed_world import close, names_argument
from mediator.manifest.schema import prepare
from mediator.refusal import Reason, Refused
from tests.promises import promise

DRAFT_7: JsonObject = {"$schema": "http://json-schema.org/draft-07/schema#"}
STRING: JsonObject = {"type": "string"}
INNER: JsonObject = {"type": "object", "properties": {"x": STRING}}
BRANCHES: JsonObject = {
    "oneOf": [
        {"properties": {"kind": {"const": "file"}, "path": STRING}, "required": ["kind"]},
        {"properties": {"kind": {"const": "link"}, "url": STRING, "more": INNER}, "required": ["kind"]},
    ]
}


def passes(schema: JsonObject, arguments: JsonObject, *opens: str) -> bool:
    try:
        prepare({"type": "object", **schema}, None, frozenset(opens)).check_arguments(arguments)
    except Refused as refusal:
        assert refusal.reason is Reason.ARGUMENTS_INVALID
        return False
    return True


@dataclass(frozen=True, kw_only=True)
class Case:
    """A schema, what it opens, and what passes and does not."""

    schema: JsonObject
    opens: tuple[str, ...] = ()
    good: tuple[JsonObject, ...]
    bad: tuple[JsonObject, ...]


CASES: Mapping[str, Case] = {
    "a schema that names nothing takes nothing": Case(
        schema={},
        good=({},),
        bad=({"a": 1}, {"": None}),
    ),
    "properties name keys, exactly as they are spelt": Case(
        schema={"properties": {"path": STRING}},
        good=({}, {"path": "a"}),
        bad=({"PATH": "a"}, {"path": "a", "PATH": "b"}, {"path ": "a"}, {"other": 1}),
    ),
    "a nested object is as closed as its parent": Case(
        schema={"properties": {"a": INNER}},
        good=({"a": {}}, {"a": {"x": "1"}}),
        bad=({"a": {"y": 1}}, {"a": {"x": "1", "y": 1}}, {"a": {"X": "1"}}),
    ),
    "items of a list are closed": Case(
        schema={"properties": {"a": {"type": "array", "items": INNER}}},
        good=({"a": []}, {"a": [{"x": "1"}]}),
        bad=({"a": [{"x": "1"}, {"y": "1"}]},),
    ),
    "a list without items takes no object that holds anything": Case(
        schema={"properties": {"a": {"type": "array"}}},
        good=({"a": [1, "b", [None], {}]},),
        bad=({"a": [{"x": 1}]}, {"a": [[[{"x": 1}]]]}),
    ),
    "positions of a tuple are closed, and so is what comes after": Case(
        schema={"properties": {"a": {"type": "array", "prefixItems": [INNER]}}},
        good=({"a": [{"x": "1"}, 2]},),
        bad=({"a": [{"y": 1}]}, {"a": [{"x": "1"}, {"x": "1"}]}),
    ),
    "draft-07 writes tuples as a list of items": Case(
        schema={**DRAFT_7, "properties": {"a": {"items": [INNER], "additionalItems": INNER}}},
        good=({"a": [{"x": "1"}, {"x": "2"}]},),
        bad=({"a": [{"y": 1}]}, {"a": [{"x": "1"}, {"y": "2"}]}),
    ),
    "unevaluatedItems describe the rest": Case(
        schema={"properties": {"a": {"prefixItems": [STRING], "unevaluatedItems": INNER}}},
        good=({"a": ["1", {"x": "1"}]},),
        bad=({"a": ["1", {"y": "1"}]},),
    ),
    "contains describes nothing": Case(
        schema={"properties": {"a": {"type": "array", "contains": {"type": "object"}}}},
        good=({"a": [{}]},),
        bad=({"a": [{"x": 1}]},),
    ),
    "a value that nobody describes may not hold an object": Case(
        schema={"properties": {"a": {}, "b": True, "c": {"description": "anything"}}},
        good=({"a": 1, "b": "x", "c": [1]}, {"a": {}, "b": [], "c": None}),
        bad=({"a": {"x": 1}}, {"b": {"x": 1}}, {"c": {"x": 1}}, {"a": [{"x": 1}]}),
    ),
    "opened, it may hold anything": Case(
        schema={"properties": {"a": {}, "b": {"type": "object"}, "c": {}}},
        opens=("/properties/a", "/properties/b"),
        good=({"a": {"x": [{"y": {"z": 1}}]}, "b": {"x": {"y": 1}}}, {"a": [{"x": 1}]}),
        bad=({"c": {"x": 1}}, {"b": 1}),
    ),
    "a map takes no key": Case(
        schema={
            "properties": {"a": {"type": "object", "additionalProperties": STRING}, "b": {"additionalProperties": True}}
        },
        good=({"a": {}, "b": {}},),
        bad=({"a": {"x": "1"}}, {"b": {"x": 1}}),
    ),
    "an opened map takes keys, and its values stay what they must be": Case(
        schema={"properties": {"a": {"type": "object", "additionalProperties": INNER}}},
        opens=("/properties/a",),
        good=({"a": {"k": {"x": "1"}}},),
        bad=({"a": {"k": {"y": 1}}}, {"a": {"k": "1"}}),
    ),
    "an opened map of anything holds anything": Case(
        schema={"properties": {"a": {"additionalProperties": {"title": "Value"}}}},
        opens=("/properties/a",),
        good=({"a": {"k": {"x": {"y": [{}]}}}},),
        bad=({"b": 1},),
    ),
    "unevaluatedProperties is a map as well": Case(
        schema={
            "properties": {
                "a": {"properties": {"n": STRING}, "unevaluatedProperties": INNER},
                "b": {"unevaluatedProperties": INNER},
            }
        },
        opens=("/properties/a",),
        good=({"a": {"n": "1", "k": {"x": "1"}}},),
        bad=({"a": {"k": {"y": 1}}}, {"b": {"k": {"x": "1"}}}),
    ),
    "and so does one of `true`": Case(
        schema={"properties": {"a": {"additionalProperties": True}}},
        opens=("/properties/a",),
        good=({"a": {"k": {"x": 1}}},),
        bad=({"b": 1},),
    ),
    "a branch is found whatever its place is called": Case(
        schema={
            "properties": {"a b%20/~\u00e4#": {"anyOf": [INNER, {"properties": {"y": STRING}, "required": ["y"]}]}}
        },
        good=({"a b%20/~\u00e4#": {"x": "1"}},),
        bad=({"a b%20/~\u00e4#": {"z": "1"}},),
    ),
    "a map closed by its own schema stays closed when opened": Case(
        schema={"properties": {"a": {"properties": {"x": STRING}, "additionalProperties": False}}},
        opens=("/properties/a",),
        good=({"a": {"x": "1"}},),
        bad=({"a": {"y": "1"}},),
    ),
    "opening a list opens the items that nobody describes, and no others": Case(
        schema={"properties": {"a": {"type": "array"}, "b": {"type": "array", "items": {}}}},
        opens=("/properties/a", "/properties/b"),
        good=({"a": [{"x": 1}], "b": [1]},),
        bad=({"b": [{"x": 1}]},),
    ),
    "opening items opens each of them": Case(
        schema={"properties": {"b": {"type": "array", "items": {}}}},
        opens=("/properties/b/items",),
        good=({"b": [{"x": {"y": 1}}]},),
        bad=({"c": 1},),
    ),
    "opening the whole leaves what is described below it closed": Case(
        schema={"properties": {"a": INNER}},
        opens=("",),
        good=({"a": {"x": "1"}, "free": {"y": 1}},),
        bad=({"a": {"y": 1}}, {"A": 1}, {"a": {}, "\uff41": 1}),
    ),
    "in an opened object a name may not be written otherwise": Case(
        schema={"properties": {"o": {"allOf": [{"properties": {"path": STRING}}]}}},
        opens=("/properties/o",),
        good=({"o": {"path": "a", "more": 1}}, {"o": {"pathway": 1}}),
        bad=({"o": {"PATH": "a"}}, {"o": {"\uff50\uff41\uff54\uff48": "a"}}, {"o": {"path": "a", "Path": "a"}}),
    ),
    "patterns name keys": Case(
        schema={"properties": {"path": STRING}, "patternProperties": {"^x-": INNER, "(?i)^path$": True}},
        good=({"x-a": {"x": "1"}}, {"path": "a"}),
        bad=({"x-a": {"y": "1"}}, {"ax-": 1}, {"PATH": "a"}),
    ),
    "a branch names keys where it holds, and nowhere else": Case(
        schema=BRANCHES,
        good=({"kind": "file", "path": "a"}, {"kind": "link", "url": "u", "more": {"x": "1"}}),
        bad=(
            {"kind": "file", "url": "u"},
            {"kind": "link", "path": "a"},
            {"kind": "link", "more": {"y": 1}},
            {"kind": "file", "more": {"x": "1"}},
        ),
    ),
    "so it is below, and with anyOf": Case(
        schema={
            "properties": {
                "o": {
                    "anyOf": [
                        INNER,
                        {"type": "null"},
                        {"type": "object", "properties": {"y": {"type": "integer"}}, "required": ["y"]},
                    ]
                }
            }
        },
        good=({"o": None}, {"o": {"x": "1"}}, {"o": {"y": 1}}, {"o": {"x": "1", "y": 1}}),
        bad=({"o": {"z": 1}}, {"o": {"x": "1", "y": "1"}}, {"o": {"x": 1, "y": 1}}),
    ),
    "allOf names together": Case(
        schema={"allOf": [{"properties": {"a": STRING}}, {"properties": {"b": STRING}}], "properties": {"c": STRING}},
        good=({"a": "1", "b": "2", "c": "3"},),
        bad=({"d": "4"},),
    ),
    "what two schemas describe side by side must satisfy both": Case(
        schema={"allOf": [{"properties": {"o": INNER}}, {"properties": {"o": {"properties": {"y": STRING}}}}]},
        good=({"o": {}},),
        bad=({"o": {"x": "1"}}, {"o": {"y": "1"}}),
    ),
    "references name what they point at": Case(
        schema={
            "$ref": "#/$defs/a%20b",
            "$defs": {"a b": {"properties": {"n": {"$ref": "#/$defs/a%20b"}, "s": STRING}}},
        },
        good=({"n": {"n": {"s": "1"}}},),
        bad=({"n": {"n": {"t": "1"}}}, {"$defs": 1}),
    ),
    "a reference may be opened where it stands, or where it points": Case(
        schema={
            "properties": {"a": {"$ref": "#/$defs/m"}, "b": {"$ref": "#/$defs/m"}},
            "$defs": {"m": {"type": "object"}},
        },
        opens=("/properties/a",),
        good=({"a": {"x": 1}},),
        bad=({"b": {"x": 1}},),
    ),
    "opened where it points, it is open from everywhere": Case(
        schema={
            "properties": {"a": {"$ref": "#/$defs/m"}, "b": {"$ref": "#/$defs/m"}},
            "$defs": {"m": {"type": "object"}},
        },
        opens=("/$defs/m",),
        good=({"a": {"x": 1}, "b": {"x": 1}},),
        bad=({"c": 1},),
    ),
    "a tree names its keys at every depth": Case(
        schema={
            "properties": {"a": {"$ref": "#/$defs/p"}},
            "$defs": {
                "p": {"allOf": [{"$ref": "#/$defs/q"}]},
                "q": {"properties": {"x": {"$ref": "#/$defs/p"}}, "patternProperties": {"^y": STRING}},
            },
        },
        good=({"a": {"x": {"x": {}, "y": "1"}, "y2": "2"}},),
        bad=({"a": {"x": {"z": "1"}}}, {"a": {"x": {"X": {}}}}),
    ),
    "in draft-07 a reference silences what stands beside it": Case(
        schema={
            **DRAFT_7,
            "properties": {"a": {"$ref": "#/definitions/m", "properties": {"y": STRING}}},
            "definitions": {"m": INNER},
        },
        good=({"a": {"x": "1"}},),
        bad=({"a": {"y": "1"}},),
    ),
    "later it does not": Case(
        schema={"properties": {"a": {"$ref": "#/$defs/m", "properties": {"y": STRING}}}, "$defs": {"m": INNER}},
        good=({"a": {"x": "1", "y": "1"}},),
        bad=({"a": {"z": "1"}},),
    ),
    "then and else name keys under their condition; the condition names none": Case(
        schema={
            "properties": {"kind": STRING},
            "if": {"properties": {"kind": {"const": "a"}, "hidden": True}},
            "then": {"properties": {"a": STRING}},
            "else": {"properties": {"b": STRING}},
        },
        good=({"kind": "a", "a": "1"}, {"kind": "b", "b": "1"}, {"a": "1"}),
        bad=({"kind": "a", "b": "1"}, {"kind": "b", "a": "1"}, {"hidden": 1}),
    ),
    "a condition without consequences names nothing": Case(
        schema={"if": {"properties": {"hidden": True}}},
        good=({},),
        bad=({"hidden": 1},),
    ),
    "dependent schemas name keys where their key is there": Case(
        schema={"properties": {"card": STRING}, "dependentSchemas": {"card": {"properties": {"address": STRING}}}},
        good=({"card": "1", "address": "2"},),
        bad=({"address": "2"},),
    ),
    "draft-07 calls them dependencies": Case(
        schema={
            **DRAFT_7,
            "properties": {"card": STRING, "a": STRING},
            "dependencies": {"card": {"properties": {"address": STRING}}, "a": ["card"]},
        },
        good=({"card": "1", "address": "2", "a": "3"},),
        bad=({"address": "2"}, {"a": "3"}),
    ),
    "not, propertyNames and words that a dialect does not know name nothing": Case(
        schema={
            "not": {"properties": {"a": STRING}, "required": ["a"]},
            "propertyNames": {"enum": ["b"]},
            "dependencies": {"b": {"properties": {"b": STRING}}},
            "x-properties": {"b": STRING},
        },
        good=({},),
        bad=({"a": 1}, {"b": "1"}),
    ),
    "a branch of a draft-07 schema holds as draft-07 has it": Case(
        schema={
            **DRAFT_7,
            "anyOf": [
                {"properties": {"a": {"items": [{"type": "integer"}], "additionalItems": False}}, "required": ["a"]},
                {"properties": {"b": STRING}, "required": ["b"]},
            ],
        },
        good=({"a": [1]}, {"b": "1"}, {"a": [1], "b": "1"}),
        bad=({"a": [1, 2], "b": "1"}, {"a": [1], "b": 1}),
    ),
    "in draft-07 the words of later dialects say nothing": Case(
        schema={
            **DRAFT_7,
            "properties": {"a": {"prefixItems": [INNER], "unevaluatedItems": STRING}},
            "dependentSchemas": {"a": {"properties": {"b": STRING}}},
        },
        good=({"a": [1]},),
        bad=({"a": [{"x": "1"}]}, {"a": [1], "b": "1"}),
    ),
    "a boolean schema names nothing": Case(
        schema={"properties": {"a": True, "b": False}, "allOf": [True]},
        good=({"a": 1},),
        bad=({"b": 1}, {"a": {"x": 1}}),
    ),
    "several types are as open as their widest": Case(
        schema={"properties": {"a": {"type": ["string", "null"]}, "b": {"type": ["object", "null"]}}},
        good=({"a": None, "b": None},),
        bad=({"b": {"x": 1}}, {"a": {"x": 1}}),
    ),
    "an integer has an exact number, or is refused": Case(
        schema={"properties": {"n": {"type": "integer"}, "m": {"type": ["integer", "null"]}, "d": {"type": "number"}}},
        good=({"n": SAFE_INTEGER, "m": -SAFE_INTEGER, "d": 1e300}, {"m": None}),
        bad=({"n": 2.0**53}, {"n": -(2.0**53)}, {"m": 1e300}),
    ),
    "where a number would do as well, it is a number": Case(
        schema={"properties": {"n": {"anyOf": [{"type": "integer"}, {"type": "number"}]}}},
        good=({"n": 2.0**53}, {"n": 1}),
        bad=({"n": "1"},),
    ),
}


@promise("P2")
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_only_what_the_schema_names_passes(case: Case) -> None:
    """Design part 4: arguments are a closed world."""
    assert [good for good in case.good if not passes(case.schema, good, *case.opens)] == []
    assert [bad for bad in case.bad if passes(case.schema, bad, *case.opens)] == []


@pytest.mark.parametrize(
    "pointer", ["/properties/b", "properties/a", "/properties", "/properties/a/", "#/properties/a", "/"]
)
def test_opening_what_is_no_schema_is_refused(pointer: str) -> None:
    """Ours: an opening that opens nothing is a mistake of who wrote it."""
    with pytest.raises(Refused) as refusal:
        close({"type": "object", "properties": {"a": {}}}, frozenset({pointer}))
    assert refusal.value.reason is Reason.MALFORMED


def test_an_unfit_schema_is_refused() -> None:
    """`subschemas.py`'s rules hold here too."""
    with pytest.raises(Refused):
        close({"$ref": "http://evil.example/"}, frozenset())


def test_the_same_reference_is_written_once() -> None:
    """Ours: a schema of many references stays small."""
    referring: JsonObject = {"properties": {name: {"$ref": "#/$defs/a"} for name in "xyz"}, "$defs": {"a": INNER}}

    definitions = close(referring, frozenset())["$defs"]

    assert isinstance(definitions, dict)
    assert sorted(definitions) == ["nothing", "target0"]


@pytest.mark.parametrize(
    ("pointer", "named"),
    [
        ("/a", True),
        ("/a/x", True),
        ("/a/y", False),
        ("/b", False),
        ("/kind", True),
        ("/path", True),
        ("/more/x", True),
        ("/a~1b", True),
        ("/free/at/any/depth", True),
        ("/closed/x", False),
        ("/dep", True),
    ],
)
def test_a_pointer_names_an_argument_or_it_does_not(pointer: str, *, named: bool) -> None:
    """Ours: a declared target that is not there protects nothing."""
    schema: JsonObject = {
        **BRANCHES,
        "properties": {"a": {"$ref": "#/$defs/i"}, "a/b": True, "free": {}, "closed": {}},
        "dependentSchemas": {"a": {"properties": {"dep": {}}}},
        "$defs": {"i": INNER},
    }

    assert names_argument(schema, frozenset({"/properties/free"}), pointer) is named


# --- the law: nothing passes that no schema names, by a reading of our own --------------------------------------------

NAMES = st.sampled_from(["a", "b"])
SCALARS: st.SearchStrategy[Json] = st.sampled_from([0, "s"])
VALUES: st.SearchStrategy[Json] = st.recursive(
    SCALARS, lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=2), max_leaves=3
)
LEAVES: st.SearchStrategy[Json] = st.sampled_from([True, {"type": "string"}, {"properties": {"a": {}, "b": {}}}])
REFERENCE: st.SearchStrategy[Json] = st.just({"$ref": "#/$defs/d"})


def schemas(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    maps = st.dictionaries(NAMES, inner, max_size=2)
    lists = st.lists(inner, min_size=1, max_size=2)
    return st.fixed_dictionaries(
        {},
        optional={
            "properties": maps,
            "allOf": lists,
            "anyOf": lists,
            "oneOf": lists,
            "if": inner,
            "then": inner,
            "items": inner,
            "additionalProperties": inner,
            "dependentSchemas": maps,
            "required": st.lists(NAMES, max_size=1),
        },
    )


DEFINITIONS = st.recursive(LEAVES, schemas, max_leaves=6)
SCHEMAS = st.recursive(LEAVES | REFERENCE, schemas, max_leaves=6)


def holds(root: JsonObject, schema: Json, value: Json) -> bool:
    assert isinstance(schema, dict | bool)
    alone: JsonObject = {"allOf": [schema], "$defs": root["$defs"]}
    return jsonschema_rs.Draft202012Validator(alone).is_valid(value)


def naming(root: JsonObject, schema: Json, value: Json) -> list[tuple[str, Json]]:
    """The keys that a schema names for this value, each with the schema of what stands under it."""
    if not isinstance(schema, dict):
        return []
    found = [*members(schema.get("properties"))]
    found += [one for branch in listed(schema.get("allOf")) for one in naming(root, branch, value)]
    if "$ref" in schema:
        found += naming(root, members(root["$defs"])[0][1], value)
    for keyword in ("anyOf", "oneOf"):
        for branch in listed(schema.get(keyword)):
            if holds(root, branch, value):
                found += naming(root, branch, value)
    if "if" in schema and "then" in schema and holds(root, schema["if"], value):
        found += naming(root, schema["then"], value)
    for key, below in members(schema.get("dependentSchemas")):
        if isinstance(value, dict) and key in value:
            found += naming(root, below, value)
    return found


def members(value: Json) -> list[tuple[str, Json]]:
    return list(value.items()) if isinstance(value, dict) else []


def listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


@given(
    a=SCHEMAS, b=SCHEMAS, branch=SCHEMAS, definition=DEFINITIONS, arguments=st.dictionaries(NAMES, VALUES, min_size=1)
)
def test_whatever_passes_was_named(a: Json, b: Json, branch: Json, definition: Json, arguments: JsonObject) -> None:
    """Ours: the closed world against a reading of it that knows no `unevaluatedProperties`."""
    root: JsonObject = {
        "type": "object",
        "properties": {"a": a},
        "anyOf": [{"properties": {"b": b}, "required": ["b"]}, branch],
        "$defs": {"d": definition},
    }
    try:
        prepared = prepare(root, None, frozenset())
        prepared.check_arguments(arguments)
    except Refused:
        return

    named: dict[str, list[Json]] = {}
    for key, below in naming(root, root, arguments):
        named.setdefault(key, []).append(below)
    for key, value in arguments.items():
        assert key in named
        if isinstance(value, dict):
            for inner in value:
                assert any(inner in dict(naming(root, below, value)) for below in named[key])
