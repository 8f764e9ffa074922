"""What single keywords of JSON Schema say of the values that fit, for comparing two schemas.

Pure, and on the safe side: what is not known here says nothing where it would help a proof, and all where it would hurt.
`format` is not trusted and says nothing, as everywhere in this house; neither does a keyword that nobody knows.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from mediator.canonical import SAFE_INTEGER, Json, JsonObject, canonical_bytes, pointer_to
from mediator.manifest.recursion import must_not_double
from mediator.manifest.subschemas import Dialect, read_dialect, read_reference, subschemas_of

_NUMBERS: Final = frozenset({"integer", "fraction"})
_KINDS: Final = frozenset({"null", "boolean", "object", "array", "string"}) | _NUMBERS
_OF_OBJECT: Final = frozenset({"object"})
_OF_ARRAY: Final = frozenset({"array"})
_OF_STRING: Final = frozenset({"string"})
_LOWER: Final = {"minLength": _OF_STRING, "minItems": _OF_ARRAY, "minProperties": _OF_OBJECT}
_UPPER: Final = {"maxLength": _OF_STRING, "maxItems": _OF_ARRAY, "maxProperties": _OF_OBJECT}
_BOUNDS: Final = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
# Said again in the same words, or not proven: the kinds of values that they concern, and what else must be the same.
_AS_IT_STANDS: Final = {
    "multipleOf": (_NUMBERS, ()),
    "pattern": (_OF_STRING, ()),
    "uniqueItems": (_OF_ARRAY, ()),
    "contains": (_OF_ARRAY, ("minContains", "maxContains")),
    "propertyNames": (_OF_OBJECT, ()),
    "dependentRequired": (_OF_OBJECT, ()),
    "dependentSchemas": (_OF_OBJECT, ()),
    "dependencies": (_OF_OBJECT, ()),
    "unevaluatedProperties": (_OF_OBJECT, ("unfinished",)),
    "unevaluatedItems": (_OF_ARRAY, ("unfinished",)),
    "not": (_KINDS, ()),
    "then": (_KINDS, ("if", "else")),
    "else": (_KINDS, ("if", "then")),
}
_MEANING: Final = frozenset(
    {"$ref", "additionalProperties", "allOf", "anyOf", "const", "enum", "if", "items", "maxContains", "minContains"}
    | {"oneOf", "patternProperties", "prefixItems", "additionalItems", "properties", "required", "type"}
    | {*_LOWER, *_UPPER, *_BOUNDS, *_AS_IT_STANDS}
)
_SCHEMAS: Final = frozenset(
    {"additionalItems", "additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then"}
    | {"unevaluatedItems", "unevaluatedProperties"}
)
_LISTS: Final = frozenset({"allOf", "anyOf", "items", "oneOf", "prefixItems"})
_BY_NAME: Final = frozenset({"dependentSchemas", "patternProperties", "properties"})
# What dialects read differently, or not at all.
_BY_DIALECT: Final = frozenset(
    {"additionalItems", "dependencies", "dependentRequired", "dependentSchemas", "maxContains"}
    | {"minContains", "prefixItems", "unevaluatedItems", "unevaluatedProperties"}
)


class SchemaSide:
    """One of two schemas that are compared; raises `Refused(MALFORMED)` where it is unfit to be pinned."""

    def __init__(self, root: JsonObject) -> None:
        self._schemas = subschemas_of(root)
        must_not_double(self._schemas)
        self.dialect: Dialect = read_dialect(root)
        self.is_of_its_dialect = any(_depends_on_dialect(schema) for schema in self._schemas.values())

    def keywords(self, part: str, *, is_closed: bool) -> JsonObject:
        """What counts of a schema: `false` is what takes nothing, and closed, integers are exact."""
        schema = self._schemas[part]
        if not isinstance(schema, dict):
            return {} if schema else {"enum": []}
        if self.dialect is Dialect.DRAFT_7 and "$ref" in schema:
            return {"$ref": schema["$ref"]}
        said = {keyword: value for keyword, value in schema.items() if keyword in _MEANING}
        if is_closed and "integer" in _list(said.get("type")):
            said["safe"] = True
        return said

    def flat(self, pointer: str, *, is_closed: bool) -> tuple[str, ...]:  # noqa: ARG002 - the same in both readings
        """The schema and those that hold wherever it holds, by `$ref` and `allOf`."""
        found: list[str] = []
        waiting = [pointer]
        while waiting:
            one = waiting.pop(0)
            if one in found:
                continue
            found.append(one)
            said = self.keywords(one, is_closed=False)
            if "$ref" in said:
                waiting.append(read_reference(said["$ref"], one))
            waiting.extend(self._listed(one, "allOf"))
        return tuple(found)

    def below(self, part: str, *steps: str) -> str:
        """The pointer of a schema inside one."""
        return part + pointer_to(*steps)

    def choices(self, parts: Sequence[str], settled: frozenset[str]) -> Iterator[str]:
        """Each `anyOf` and `oneOf` of these that is not settled, by pointer."""
        for part in parts:
            for keyword in ("anyOf", "oneOf"):
                choice = part + pointer_to(keyword)
                if choice not in settled and self._listed(part, keyword):
                    yield choice

    def branches(self, choice: str) -> Sequence[str]:
        """The schemas that stand in it."""
        part, _, keyword = choice.rpartition("/")
        return self._listed(part, keyword)

    def are_exclusive(self, choice: str, kinds: frozenset[str]) -> bool:
        """Tell whether no value of these kinds holds for two of its branches, or only one is counted."""
        branches = self.branches(choice)
        return choice.endswith("/oneOf") or all(self.excludes(one, branches, kinds) for one in branches)

    def excludes(self, branch: str, branches: Sequence[str], kinds: frozenset[str]) -> bool:
        """Tell whether what holds for this branch holds for no other of them."""
        return all(self._are_disjoint(branch, other, kinds) for other in branches if other != branch)

    def is_loose(self, parts: Sequence[str], settled: frozenset[str]) -> bool:
        """Tell whether something here may name keys or items under a condition that is not settled."""
        conditional = {"dependencies", "dependentSchemas", "else", "then"}
        return any(True for _ in self.choices(parts, settled)) or any(
            not conditional.isdisjoint(self.keywords(part, is_closed=False)) for part in parts
        )

    def _listed(self, part: str, keyword: str) -> list[str]:
        said = self.keywords(part, is_closed=False).get(keyword)
        return [part + pointer_to(keyword, index) for index in range(len(said))] if isinstance(said, list) else []

    def _are_disjoint(self, one: str, other: str, kinds: frozenset[str]) -> bool:
        mine, theirs = self.flat(one, is_closed=False), self.flat(other, is_closed=False)
        common = kinds & kinds_of(self, mine) & kinds_of(self, theirs)
        if not common:
            return True
        if _apart(values_of(self, mine), values_of(self, theirs)):
            return True
        if common != _OF_OBJECT:
            return False
        return any(
            _apart(self._values_at(mine, key), self._values_at(theirs, key))
            for key in self._required(mine) & self._required(theirs)
        )

    def _required(self, parts: Sequence[str]) -> set[str]:
        said = (self.keywords(part, is_closed=False) for part in parts)
        return {name for one in said for name in _list(one.get("required")) if isinstance(name, str)}

    def _values_at(self, parts: Sequence[str], key: str) -> tuple[Json, ...] | None:
        for part in parts:
            named = self.keywords(part, is_closed=False).get("properties")
            if isinstance(named, dict) and key in named:
                values = values_of(self, self.flat(part + pointer_to("properties", key), is_closed=False))
                if values is not None:
                    return values
        return None


def kinds_of(side: SchemaSide, parts: Sequence[str]) -> frozenset[str]:
    """The kinds of values that these schemas may take together; an integer is a number without a fraction."""
    kinds = _KINDS
    for part in parts:
        said = side.keywords(part, is_closed=False)
        if "type" in said:
            kinds &= _kinds_named(said["type"])
    values = values_of(side, parts)
    return kinds if values is None else kinds & {_kind_of(value) for value in values}


def values_of(side: SchemaSide, parts: Sequence[str]) -> tuple[Json, ...] | None:
    """The values, one of which it must be, where these schemas list them."""
    for part in parts:
        said = side.keywords(part, is_closed=False)
        if "const" in said:
            return (said["const"],)
        if isinstance(listed := said.get("enum"), list):
            return tuple(listed)
    return None


def fits(side: SchemaSide, part: str, value: Json, is_closed: bool) -> bool:  # noqa: FBT001 - as the reading is
    """Tell whether a plain value is known to be taken by a schema."""
    said = side.keywords(part, is_closed=is_closed)
    if isinstance(value, (dict, list)) or (is_closed and _kind_of(value) in _NUMBERS and not _is_exact(value)):
        return False
    for keyword, told in said.items():
        match keyword:
            case "type":
                good = _kind_of(value) in _kinds_named(told)
            case "const" | "enum":
                good = _text(value) in {_text(one) for one in (_list(told) if keyword == "enum" else [told])}
            case "$ref" | "allOf":
                good = True  # their schemas are parts of the place, too
            case "anyOf":
                good = any(fits_all(side, one, value, is_closed) for one in side.branches(part + "/anyOf"))
            case "properties" | "required" | "additionalProperties" | "items" | "patternProperties" | "safe":
                good = True
            case _:
                good = False
        if not good:
            return False
    return True


def fits_all(side: SchemaSide, pointer: str, value: Json, is_closed: bool) -> bool:  # noqa: FBT001 - as above
    """The same, with all that holds wherever the schema holds."""
    return all(fits(side, part, value, is_closed) for part in side.flat(pointer, is_closed=is_closed))


def follows(said: JsonObject, known: Sequence[JsonObject], kinds: frozenset[str]) -> bool:
    """Tell whether what one schema says of values of these kinds follows from what others say; not of what is below."""
    return all(_keyword_follows(keyword, told, said, known, kinds) for keyword, told in said.items())


def _keyword_follows(
    keyword: str, told: Json, said: JsonObject, known: Sequence[JsonObject], kinds: frozenset[str]
) -> bool:
    if keyword in {"type", "const", "enum"}:
        return keyword == "type" and kinds <= _kinds_named(told)
    if keyword == "safe":
        return kinds.isdisjoint(_NUMBERS) or any("safe" in one for one in known)
    if keyword == "required":
        there = {_text(name) for one in known for name in _list(one.get("required"))}
        return kinds.isdisjoint(_OF_OBJECT) or {_text(name) for name in _list(told)} <= there
    if keyword in _LOWER or keyword in _UPPER:
        concerned = (_LOWER | _UPPER)[keyword]
        sign = 1 if keyword in _LOWER else -1
        numbers = [number for one in known if (number := _number(one.get(keyword))) is not None]
        limit = _number(told)
        return kinds.isdisjoint(concerned) or (limit is not None and any(sign * one >= sign * limit for one in numbers))
    if keyword in _BOUNDS:
        return kinds.isdisjoint(_NUMBERS) or _bound_follows(keyword, told, known)
    if keyword in _AS_IT_STANDS:
        concerned, others = _AS_IT_STANDS[keyword]
        if kinds.isdisjoint(concerned) or (keyword == "uniqueItems" and told is False):
            return True
        names = (keyword, *others)
        return "unfinished" not in others and any(
            keyword in one
            and all(_member(one, name) == _member(said, name) and '"$ref"' not in _member(said, name) for name in names)
            for one in known
        )
    return True


def _bound_follows(keyword: str, told: Json, known: Sequence[JsonObject]) -> bool:
    limit = _number(told)
    sign = 1 if keyword in {"minimum", "exclusiveMinimum"} else -1
    open_end, end = ("exclusiveMinimum", "minimum") if sign == 1 else ("exclusiveMaximum", "maximum")
    if limit is None:
        return False
    for one in known:
        strict, plain = _number(one.get(open_end)), _number(one.get(end))
        if strict is not None and sign * strict >= sign * limit:
            return True
        if plain is not None and (sign * plain > sign * limit or (keyword == end and plain == limit)):
            return True
    return False


def same(one_side: SchemaSide, one: str, other_side: SchemaSide, other: str) -> bool:
    """Tell whether two schemas say the same, but for words."""
    waiting, seen = [(one, other)], set[tuple[str, str]]()
    while waiting:
        pair = waiting.pop()
        if pair in seen:
            continue
        seen.add(pair)
        mine, theirs = one_side.keywords(pair[0], is_closed=False), other_side.keywords(pair[1], is_closed=False)
        if mine.keys() != theirs.keys():
            return False
        for keyword, told in mine.items():
            below = _below(keyword, told, theirs[keyword])
            if below is None:
                return False
            if keyword == "$ref":
                waiting.append((read_reference(told, pair[0]), read_reference(theirs[keyword], pair[1])))
            waiting.extend((pair[0] + step, pair[1] + step) for step in below)
    return True


def _below(keyword: str, mine: Json, theirs: Json) -> list[str] | None:
    """Where two values of a keyword hold schemas that must say the same; None where the values differ themselves."""
    if keyword == "$ref":
        return []
    if keyword in _SCHEMAS and isinstance(mine, (dict, bool)) and isinstance(theirs, (dict, bool)):
        return [pointer_to(keyword)]
    if keyword in _LISTS and isinstance(mine, list) and isinstance(theirs, list):
        return [pointer_to(keyword, index) for index in range(len(mine))] if len(mine) == len(theirs) else None
    if keyword in _BY_NAME and isinstance(mine, dict) and isinstance(theirs, dict):
        return [pointer_to(keyword, name) for name in mine] if mine.keys() == theirs.keys() else None
    if keyword in {"enum", "required", "type"}:
        return [] if set(map(_text, _list(mine))) == set(map(_text, _list(theirs))) else None
    return [] if _text(mine) == _text(theirs) else None


def _depends_on_dialect(schema: Json) -> bool:
    return isinstance(schema, dict) and (not _BY_DIALECT.isdisjoint(schema) or isinstance(schema.get("items"), list))


def _kinds_named(told: Json) -> frozenset[str]:
    named = {one for one in _list(told) if isinstance(one, str)}
    return frozenset(named & _KINDS) | (_NUMBERS if "number" in named else frozenset())


def _kind_of(value: Json) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case dict():
            return "object"
        case list():
            return "array"
        case _:
            return "integer" if value == int(value) else "fraction"


def _is_exact(value: Json) -> bool:
    return isinstance(value, (int, float)) and abs(value) <= SAFE_INTEGER


def _apart(mine: Sequence[Json] | None, theirs: Sequence[Json] | None) -> bool:
    return mine is not None and theirs is not None and {*map(_text, mine)}.isdisjoint(map(_text, theirs))


def _number(told: Json) -> float | None:
    return told if isinstance(told, (int, float)) and not isinstance(told, bool) else None


def _member(said: JsonObject, keyword: str) -> str:
    return _text(said[keyword]) if keyword in said else ""


def _list(told: Json) -> list[Json]:
    return told if isinstance(told, list) else [told]


def _text(value: Json) -> str:
    return canonical_bytes(value).decode()
