"""The closed world, said as a JSON Schema: which keys a pinned schema names, and nothing beside them.

Pure: it writes a schema for `schema.py` to run beside the pinned one, and validates nothing itself. JSON Schema
lets an object carry any key that nobody spoke of; a server may well read it. So a key passes only where a schema
*that holds for this value* names it. The rules, for the value at any one place:

- A key is named by `properties` or `patternProperties`, in the place's schema or in what that applies to the same
  place: `$ref`, `allOf`, a branch of `anyOf`/`oneOf` that holds, `then`/`else`, `dependentSchemas`. `not`, `if`,
  `contains` and `propertyNames` name nothing.
- A map (`additionalProperties` or `unevaluatedProperties` that is a schema or `true`) names nothing, unless the
  manifest opens that schema; then its values are places of their own.
- Where a schema says nothing of a value (`true`, `{}`, or only words for readers), an object in it must be empty,
  also inside arrays, unless the manifest opens that schema; then everything below is free.
- Opening is by JSON pointer into the input schema, to the very schema: `/properties/headers`. What is below an
  opened schema and described by another schema is closed again, and needs an opening of its own.
- Where more than plain names pass (an opened object, `patternProperties`), a key that differs from one of the names
  only by case or compatibility form is refused: `PATH` is not `path`, and some servers cannot tell.
- A place that two schemas describe side by side must satisfy both: a key below it that only one of them names is
  refused. This is stricter than JSON Schema, on purpose: when in doubt, refuse.
- Where a schema says `integer`, a number beyond 2^53-1 is refused: it has no exact JSON number (RFC 7493 §2.2).

How: every place gets `unevaluatedProperties: false` over the *names* of its schema, and a branch counts only where
the pinned branch itself holds, which a double negation asks without taking over its annotations.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mediator.canonical import SAFE_INTEGER, Json, JsonObject, pointer_to
from mediator.manifest.subschemas import Dialect, read_dialect, read_reference, subschemas_of
from mediator.refusal import Reason, Refused

PINNED_URI: Final = "urn:mediator:pinned"
APART_KEYWORD: Final = "mediatorApartFrom"
"""Our own keyword: the names from which every other key must differ after folding."""

_NOTHING: Final = "nothing"
_2020_12: Final = "https://json-schema.org/draft/2020-12/schema"
# What a dialect does not know says nothing in it, whatever it looks like.
_FOREIGN: Final[Mapping[Dialect, frozenset[str]]] = MappingProxyType(
    {
        Dialect.DRAFT_7: frozenset(
            {"dependentSchemas", "prefixItems", "unevaluatedItems", "unevaluatedProperties"},
        ),
        Dialect.DRAFT_2019_09: frozenset({"dependencies", "prefixItems"}),
        Dialect.DRAFT_2020_12: frozenset({"additionalItems", "dependencies"}),
    }
)
_SCALARS: Final = frozenset({"string", "number", "integer", "boolean", "null"})
# What may stand in a schema that says nothing of the value: words for readers.
_WORDS: Final = frozenset(
    {"$comment", "default", "deprecated", "description", "examples", "readOnly", "title", "writeOnly"},
)


def close(schema: JsonObject, opens: frozenset[str]) -> JsonObject:
    """Return the closed world of the schema, in dialect 2020-12; it refers to the schema itself as `PINNED_URI`.

    Raises `Refused(MALFORMED)` when the schema is unfit to be pinned, or when `opens` names what is no schema in it.
    """
    schemas = subschemas_of(schema)
    for pointer in sorted(opens):
        if pointer not in schemas:
            raise Refused(Reason.MALFORMED, f"`opens`: `{pointer}` is no schema in this input schema")
    return _Closing(schemas, read_dialect(schema), opens).written()


def names_argument(schema: JsonObject, opens: frozenset[str], pointer: str) -> bool:
    """Tell whether arguments can have something at this pointer: a named key, or one below what is opened."""
    reading = _Closing(subschemas_of(schema), read_dialect(schema), opens)
    here = reading.side_by_side("")
    for step in pointer.split("/")[1:]:
        if not here.isdisjoint(opens):
            return True
        key = step.replace("~1", "/").replace("~0", "~")
        named = [below for one in here for name, below in reading.named(one, "properties") if name == key]
        here = {place for below in named for place in reading.side_by_side(below)}
    return bool(here)


class _Closing:
    """One run of `close`: the schemas by pointer, and the targets of `$ref`s met so far."""

    def __init__(self, schemas: Mapping[str, Json], dialect: Dialect, opens: frozenset[str]) -> None:
        self._schemas = schemas
        self._dialect = dialect
        self._opens = opens
        self._targets: dict[str, str] = {}
        self._written: dict[str, JsonObject] = {}

    def written(self) -> JsonObject:
        """The closed world as a schema."""
        closed = self._place("")
        definitions: JsonObject = {_NOTHING: {"maxProperties": 0, "items": {"$ref": f"#/$defs/{_NOTHING}"}}}
        while waiting := [(name, target) for target, name in self._targets.items() if name not in definitions]:
            definitions.update({name: self._names(target) for name, target in waiting})
        return {**closed, "$schema": _2020_12, "$defs": definitions}

    def _place(self, pointer: str) -> JsonObject:
        """The closed form of a schema that describes a value of its own."""
        names = self._names(pointer)
        if _is_scalar(self._effective(pointer)):
            return names
        nothing: JsonObject = {"$ref": f"#/$defs/{_NOTHING}"}
        place: JsonObject = {"unevaluatedProperties": False, "unevaluatedItems": nothing, **names}
        side_by_side = self.side_by_side(pointer)
        if any(one in self._opens or self.named(one, "patternProperties") for one in side_by_side):
            names_here = {name for one in side_by_side for name, _ in self.named(one, "properties")}
            place[APART_KEYWORD] = [*sorted(names_here)]
        return place

    def _names(self, pointer: str) -> JsonObject:
        """What a schema names at the place that it is applied to."""
        if (known := self._written.get(pointer)) is None:
            known = self._written[pointer] = self._write_names(pointer)
        return known

    def _write_names(self, pointer: str) -> JsonObject:
        schema = self._effective(pointer)
        written: JsonObject = {}
        for keyword in ("properties", "patternProperties"):
            if children := self.named(pointer, keyword):
                written[keyword] = {name: self._place(below) for name, below in children}
        if in_place := [names for names in self._in_place(pointer) if names]:
            written["allOf"] = [*in_place]
        written.update(self._items(pointer))
        if "integer" in _types(schema):
            written.update({"minimum": -SAFE_INTEGER, "maximum": SAFE_INTEGER})
        if pointer in self._opens:
            written.update(self._opened(pointer))
        return written

    def _in_place(self, pointer: str) -> list[JsonObject]:
        """The names of the schemas that this one applies to the same place, each under its condition."""
        written: list[JsonObject] = []
        for target in self._referred(pointer):
            name = self._targets.setdefault(target, f"target{len(self._targets)}")
            written.append({"$ref": f"#/$defs/{name}"})
        written.extend(self._by_reference(below) for below in self._listed(pointer, "allOf"))
        for keyword in ("anyOf", "oneOf"):
            branches = [(below, self._by_reference(below)) for below in self._listed(pointer, keyword)]
            if any(names for _, names in branches):
                written.append({"anyOf": [{**_ask_only(below), **names} for below, names in branches]})
        for condition in self._single(pointer, "if"):
            then, otherwise = (self._single(pointer, keyword) for keyword in ("then", "else"))
            written.extend({"if": _ask_only(condition), "then": self._by_reference(below)} for below in then)
            written.extend({"if": _ask_only(condition), "else": self._by_reference(below)} for below in otherwise)
        dependent = [*self.named(pointer, "dependentSchemas"), *self.named(pointer, "dependencies")]
        if dependent:
            written.append({"dependentSchemas": {name: self._by_reference(below) for name, below in dependent}})
        return written

    def _by_reference(self, pointer: str) -> JsonObject:
        """The same, at the end of a `$ref`: there a validator that has looked at a value remembers what it saw.

        It looks at a branch once for itself and once for what it names: without this, in a schema that leads back to
        itself through one, it would look twice as often with each level of the value.
        """
        if not self._names(pointer):
            return {}
        name = self._targets.setdefault(pointer, f"target{len(self._targets)}")
        return {"$ref": f"#/$defs/{name}"}

    def _items(self, pointer: str) -> JsonObject:
        written: JsonObject = {}
        positions = [*self._listed(pointer, "prefixItems"), *self._listed(pointer, "items")]
        if positions:
            written["prefixItems"] = [self._place(below) for below in positions]
        for keyword, ours in (
            ("items", "items"),
            ("additionalItems", "items"),
            ("unevaluatedItems", "unevaluatedItems"),
        ):
            for below in self._single(pointer, keyword):
                written[ours] = self._place(below)
        return written

    def _opened(self, pointer: str) -> JsonObject:
        """What opening a schema adds to its names: the keys and items that it leaves to a map, or to nobody."""
        opened: JsonObject = {"additionalProperties": True}
        for keyword in ("unevaluatedProperties", "additionalProperties"):
            for below in self._single(pointer, keyword):
                opened["additionalProperties"] = _is_silent(self._schemas[below]) or self._place(below)
        if not self._items(pointer):
            opened["items"] = True
        return opened

    def side_by_side(self, pointer: str) -> set[str]:
        """The schemas that may apply to the same place as this one, itself included."""
        found: set[str] = set()
        waiting = [pointer]
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting.extend(self._referred(one))
                waiting.extend(below for keyword in ("allOf", "anyOf", "oneOf") for below in self._listed(one, keyword))
                waiting.extend(below for keyword in ("then", "else") for below in self._single(one, keyword))
                waiting.extend(
                    below for keyword in ("dependentSchemas", "dependencies") for _, below in self.named(one, keyword)
                )
        return found

    def _effective(self, pointer: str) -> JsonObject:
        """The keywords that count: a boolean schema has none, and in draft-07 a `$ref` silences its siblings."""
        schema = self._schemas[pointer]
        if not isinstance(schema, dict):
            return {}
        if self._dialect is Dialect.DRAFT_7 and "$ref" in schema:
            return {"$ref": schema["$ref"]}
        foreign = _FOREIGN[self._dialect]
        return {keyword: said for keyword, said in schema.items() if keyword not in foreign}

    def _referred(self, pointer: str) -> list[str]:
        schema = self._effective(pointer)
        return [read_reference(schema["$ref"], pointer)] if "$ref" in schema else []

    def _single(self, pointer: str, keyword: str) -> list[str]:
        said = self._effective(pointer).get(keyword)
        return [pointer + pointer_to(keyword)] if isinstance(said, (dict, bool)) else []

    def _listed(self, pointer: str, keyword: str) -> list[str]:
        said = self._effective(pointer).get(keyword)
        return [pointer + pointer_to(keyword, index) for index in range(len(said))] if isinstance(said, list) else []

    def named(self, pointer: str, keyword: str) -> list[tuple[str, str]]:
        """The schemas that a keyword holds by name."""
        said = self._effective(pointer).get(keyword)
        if not isinstance(said, dict):
            return []
        # Draft-07's `dependencies` holds lists of names beside schemas.
        return [(name, pointer + pointer_to(keyword, name)) for name in said if not isinstance(said[name], list)]


def _ask_only(pointer: str) -> JsonObject:
    """Whether the pinned schema at this pointer holds, and no more: annotations do not pass a `not`."""
    # RFC 3986 §3.5: what a fragment may not hold is percent-encoded.
    escaped = "".join(
        one if one.isascii() and (one.isalnum() or one in _PLAIN) else "".join(f"%{byte:02X}" for byte in one.encode())
        for one in pointer
    )
    return {"not": {"not": {"$ref": f"{PINNED_URI}#{escaped}"}}}


_PLAIN: Final = frozenset("/-_.~")


def _types(schema: JsonObject) -> list[Json]:
    match schema.get("type"):
        case str(one):
            return [one]
        case list(several):
            return [one for one in several if isinstance(one, str)]  # the validator refuses what is no name
        case _:
            return []


def _is_scalar(schema: JsonObject) -> bool:
    types = _types(schema)
    return bool(types) and all(one in _SCALARS for one in types)


def _is_silent(schema: Json) -> bool:
    return schema is True or (isinstance(schema, dict) and schema.keys() <= _WORDS)
