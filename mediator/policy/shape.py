"""What a tool's pinned input schema says of the types of its arguments: JSON Schema in, a `Record` or `OPAQUE` out.

Validates nothing: arguments are validated against the pinned schema elsewhere, before a policy is asked. This module
only finds out which type each argument then surely has, and calls *opaque* whatever has no single one.

A schema is a conjunction of keywords. Each is read as a `_Shape` (what a valid value may be), and shapes are met; a
keyword that is not known here only narrows, so leaving it out is sound. Rules:

- one type (and perhaps null) is that type; several, or none stated, are opaque; so are maps, free objects and tuples
- `enum` and `const` count as the types of their values; `integer` within `number` is `number`
- a local acyclic `$ref` is what it points to. What stands beside it is not looked at: drafts differ on whether it counts
- `allOf` is met; `oneOf` and `anyOf` are joined if their records agree on types, all optional; else opaque
- `not`, `if` and their kin, recursion, and what lies deeper than 6 are opaque
- a name that Cedar's JSON reserves (`__entity`) makes its record opaque

Reading is bounded, for a signer may lie: a schema that unfolds beyond the bounds is opaque as a whole.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, assert_never, final

from mediator.canonical import Json, JsonObject
from mediator.policy.types import Array, Leaf, Member, Record, Type

RESERVED_NAMES: Final = frozenset({"__entity", "__extn", "__expr"})  # Cedar's JSON escapes
NESTING_MAX: Final = 6
_UNFOLDED_MAX: Final = 10_000  # schemas read, all references followed; the largest of 216 real tools unfolds to 200
_DEPTH_MAX: Final = 100

_KINDS: Final[Mapping[str, frozenset[str]]] = {
    "null": frozenset({"null"}),
    "boolean": frozenset({"boolean"}),
    "integer": frozenset({"integer"}),
    "number": frozenset({"integer", "number"}),  # here `number` alone is one that is no integer
    "string": frozenset({"string"}),
    "array": frozenset({"array"}),
    "object": frozenset({"object"}),
}
_ANY_KIND: Final = frozenset[str]().union(*_KINDS.values())
_BEYOND_US: Final = frozenset({
    "not", "if", "then", "else", "dependentSchemas", "dependencies", "$dynamicRef", "$recursiveRef", "prefixItems",
})  # fmt: skip


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """What a valid value may be: which kinds, and if an object or an array, what is in it."""

    kinds: frozenset[str] = _ANY_KIND
    members: Mapping[str, _Shape] | None = None  # None: no `properties` were stated
    required: frozenset[str] = frozenset()
    items: _Shape | None = None
    is_opaque: bool = False


_ANYTHING: Final = _Shape()
_OPAQUE: Final = _Shape(is_opaque=True)
_Schema: TypeAlias = Json


class _TooLargeError(Exception):
    """The schema unfolds beyond the bounds."""


def type_of_arguments(input_schema: JsonObject) -> Record | Leaf:
    """Return the type of a tool's arguments: a closed record, or `OPAQUE` where the schema gives no single one."""
    try:
        found = _type_of(_Unfolding(input_schema).shape(input_schema, 0, frozenset()), 0)
    except _TooLargeError:
        return Leaf.OPAQUE
    return found if isinstance(found, Record) else Leaf.OPAQUE


# --- JSON Schema to shapes -------------------------------------------------------------------------------------------


class _Unfolding:
    """One reading of one schema; counts what it reads."""

    def __init__(self, root: JsonObject) -> None:
        self._root = root
        self._left = _UNFOLDED_MAX

    def shape(self, schema: _Schema, depth: int, followed: frozenset[str]) -> _Shape:
        self._left -= 1
        if self._left < 0 or depth > _DEPTH_MAX:
            raise _TooLargeError
        if not isinstance(schema, dict):
            return _Shape(kinds=frozenset()) if schema is False else _ANYTHING
        if "$id" in schema and depth:  # it moves the base of every reference beneath it
            return _OPAQUE
        if "$ref" in schema:
            return self._followed(schema["$ref"], depth, followed)
        if not _BEYOND_US.isdisjoint(schema) or isinstance(schema.get("items"), list):
            return _OPAQUE
        shape = self._own_keywords(schema, depth, followed)
        for part in _schemas(schema.get("allOf")):
            shape = _meet(shape, self.shape(part, depth + 1, followed))
        for keyword in ("oneOf", "anyOf"):
            if branches := _schemas(schema.get(keyword)):
                shape = _meet(shape, _join([self.shape(branch, depth + 1, followed) for branch in branches]))
        return shape

    def _own_keywords(self, schema: JsonObject, depth: int, followed: frozenset[str]) -> _Shape:
        shape = _Shape(kinds=_stated_kinds(schema) & _kinds_of_values(schema))
        properties, required = schema.get("properties"), schema.get("required")
        if isinstance(properties, dict) and (properties or not _is_map(schema)):
            members = {name: self.shape(inner, depth + 1, followed) for name, inner in properties.items()}
            shape = replace(shape, members=members)
        if isinstance(required, list):
            shape = replace(shape, required=frozenset(name for name in required if isinstance(name, str)))
        if "items" in schema:
            shape = replace(shape, items=self.shape(schema["items"], depth + 1, followed))
        return shape

    def _followed(self, reference: Json, depth: int, followed: frozenset[str]) -> _Shape:
        if not isinstance(reference, str) or reference in followed:
            return _OPAQUE
        target = _pointed_at(self._root, reference)
        return _OPAQUE if target is None else self.shape(target, depth + 1, followed | {reference})


def _schemas(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _is_map(schema: JsonObject) -> bool:
    return schema.get("additionalProperties", False) is not False or "patternProperties" in schema


def _stated_kinds(schema: JsonObject) -> frozenset[str]:
    if "type" not in schema:
        return _ANY_KIND
    stated = schema["type"]
    names = stated if isinstance(stated, list) else [stated]
    # A type that we do not know could be anything.
    return frozenset[str]().union(
        *(_KINDS.get(name, _ANY_KIND) if isinstance(name, str) else _ANY_KIND for name in names)
    )


def _kinds_of_values(schema: JsonObject) -> frozenset[str]:
    kinds = _ANY_KIND
    if isinstance(values := schema.get("enum"), list):
        kinds &= frozenset(map(_kind_of, values))
    if "const" in schema:
        kinds &= {_kind_of(schema["const"])}
    return kinds


def _kind_of(value: Json) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "integer" if value.is_integer() else "number"
        case str():
            return "string"
        case list():
            return "array"
        case dict():
            return "object"
        case _:
            assert_never(value)


def _pointed_at(root: JsonObject, reference: str) -> Json:
    """Return the schema that a local reference points to; None if it is not local or points nowhere."""
    if reference != "#" and not reference.startswith("#/"):
        return None
    here: Json = root
    for step in reference[2:].split("/") if reference != "#" else ():
        if "%" in step:  # a pointer within a URI may be percent-encoded; nobody's tool does it, and we do not guess
            return None
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(here, dict) and name in here:
            here = here[name]
        elif isinstance(here, list) and name.isascii() and name.isdigit() and int(name) < len(here):
            here = here[int(name)]
        else:
            return None
        if isinstance(here, dict) and "$id" in here:
            return None
    return here


# --- the algebra of shapes -------------------------------------------------------------------------------------------


def _meet(one: _Shape, other: _Shape) -> _Shape:
    """Return what is both."""
    return _Shape(
        kinds=one.kinds & other.kinds,
        members=_met_members(one.members, other.members),
        required=one.required | other.required,
        items=_meet(one.items, other.items) if one.items and other.items else one.items or other.items,
        is_opaque=one.is_opaque or other.is_opaque,
    )


def _met_members(one: Mapping[str, _Shape] | None, other: Mapping[str, _Shape] | None) -> Mapping[str, _Shape] | None:
    if one is None or other is None:
        return one if other is None else other
    both = {name: _meet(shape, other[name]) for name, shape in one.items() if name in other}
    return {**one, **other, **both}


def _join(branches: list[_Shape]) -> _Shape:
    """Return what is one of them, if those that say what is inside agree on it; else what is opaque.

    A member that one branch names and another does not is kept: a value of another type under that name would be
    refused when it is read. All members become optional.
    """
    members: dict[str, _Shape] = {}
    stated, items = False, None
    for branch in branches:
        if branch.is_opaque or not _agree(items, branch.items):
            return _OPAQUE
        items = items or branch.items
        for name, shape in (branch.members or {}).items():
            if not _agree(members.get(name), shape):
                return _OPAQUE
            members.setdefault(name, shape)
        stated = stated or branch.members is not None
    # An array of one branch may hold anything if that branch says nothing of its items.
    if items is not None and any(branch.items is None and "array" in branch.kinds for branch in branches):
        return _OPAQUE
    kinds = frozenset[str]().union(*(branch.kinds for branch in branches))
    return _Shape(kinds=kinds, members=members if stated else None, items=items)


def _agree(one: _Shape | None, other: _Shape | None) -> bool:
    if one is None or other is None:
        return True
    return _member_of(one, required=False, nesting=0) == _member_of(other, required=False, nesting=0)


# --- shapes to types -------------------------------------------------------------------------------------------------


def _type_of(shape: _Shape, nesting: int) -> Type:
    kinds = shape.kinds - {"null"}
    if shape.is_opaque or nesting > NESTING_MAX or not kinds:
        return Leaf.OPAQUE
    if kinds <= _KINDS["number"]:
        return Leaf.LONG if kinds == _KINDS["integer"] else Leaf.NUMBER
    match sorted(kinds):
        case ["string"]:
            return Leaf.STRING
        case ["boolean"]:
            return Leaf.BOOL
        case ["array"]:
            return _array_of(shape, nesting)
        case ["object"]:
            return _record_of(shape, nesting)
        case _:
            return Leaf.OPAQUE


def _array_of(shape: _Shape, nesting: int) -> Type:
    if shape.items is None or "null" in shape.items.kinds:
        return Leaf.OPAQUE
    items = _type_of(shape.items, nesting + 1)
    # A set of opaque things tells a policy nothing that the opaque array does not.
    return Leaf.OPAQUE if items is Leaf.OPAQUE else Array(items=items)


def _record_of(shape: _Shape, nesting: int) -> Type:
    if shape.members is None or not RESERVED_NAMES.isdisjoint(shape.members):
        return Leaf.OPAQUE
    members = {
        name: _member_of(inner, required=name in shape.required, nesting=nesting + 1)
        for name, inner in sorted(shape.members.items())
    }
    return Record(members=members)


def _member_of(shape: _Shape, *, required: bool, nesting: int) -> Member:
    kind = _type_of(shape, nesting)
    # What is opaque shows a null as it shows anything else; only a typed attribute can be missing for being null.
    return Member(type=kind, required=required, nullable="null" in shape.kinds and kind is not Leaf.OPAQUE)
