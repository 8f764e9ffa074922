"""What moved between two definitions, field by field.

Pure. The kinds are there for the reviewer's eye, never for waving a change through: any change is drift (P3).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Final, TypeAlias, final

from mediator.canonical import Json, JsonObject, canonical_bytes, pointer_to
from mediator.manifest.inclusion import is_included
from mediator.manifest.keywords import SchemaSide
from mediator.manifest.subschemas import subschemas_of
from mediator.refusal import Refused


@unique
class Kind(StrEnum):
    """What a change does to the values that fit, or to the words; a best effort, for the reviewer."""

    NARROWS = "narrows"
    WIDENS = "widens"
    REWORDS = "rewords"
    UNCLEAR = "unclear"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field that differs, with both sides as RFC 8785 text; None where it is absent."""

    pointer: str
    old: str | None
    new: str | None
    kind: Kind


def changes_between(old: JsonObject, new: JsonObject) -> tuple[FieldChange, ...]:
    """Return each field in which two definitions differ; none exactly where their RFC 8785 bytes are equal."""
    return tuple(_differences(old, new, ()))


def schema_verdict(old: JsonObject, new: JsonObject) -> Kind:
    """Return what a change of an input schema does to the arguments that an agent may send through us.

    That is the closed world of the schema where the manifest opens nothing: a property more widens. Where nothing
    moves in it, the schema as its server reads it counts, in which unnamed keys pass: `additionalProperties: false`
    more narrows. A verdict is proven: with `narrows`, whatever the new schema takes the old one took; with `rewords`,
    both take the same. `unclear` is what widens here and narrows there, or is beyond the proof.
    """
    closed = _verdict(old, new, is_closed=True)
    return result_verdict(old, new) if closed is Kind.REWORDS else closed


def arguments_verdict(old: JsonObject, new: JsonObject, old_opens: frozenset[str], new_opens: frozenset[str]) -> Kind:
    """Return the same where the manifest opens places of the schema, before or now.

    A place that is opened takes keys that nobody named: there a property less is one whose value may be anything. So it is
    proven only for a schema that is the same but for its words: with more places opened it widens, with fewer it narrows.
    """
    if not old_opens and not new_opens:
        return schema_verdict(old, new)
    moved = changes_between({"inputSchema": old}, {"inputSchema": new})
    is_the_same = not moved or (
        all(one.kind is Kind.REWORDS for one in moved) and schema_verdict(old, new) is Kind.REWORDS
    )
    if not is_the_same:
        return Kind.UNCLEAR
    if old_opens == new_opens:
        return Kind.REWORDS
    if not (old_opens < new_opens or new_opens < old_opens) or not _adds_alone(new, old_opens ^ new_opens):
        return Kind.UNCLEAR
    return Kind.WIDENS if old_opens < new_opens else Kind.NARROWS


def _adds_alone(schema: JsonObject, opened: frozenset[str]) -> bool:
    """Tell whether opening these places refuses nothing: what a map says of its values holds for a name beside it, too."""
    try:
        schemas = subschemas_of(schema)
    except Refused:
        return False
    stand_beside = any(isinstance(one, dict) and not one.keys().isdisjoint(_IN_PLACE) for one in schemas.values())
    places = (schemas.get(pointer) for pointer in opened)
    maps = (isinstance(one, dict) and any(isinstance(one.get(said), dict) for said in _MAPS) for one in places)
    return not (stand_beside and any(maps))


def result_verdict(old: JsonObject, new: JsonObject) -> Kind:
    """Return what a change of an output schema does to the results that fit: as JSON Schema has it, no closed world."""
    return _verdict(old, new, is_closed=False)


def _verdict(old: JsonObject, new: JsonObject, *, is_closed: bool) -> Kind:
    try:
        before, after = SchemaSide(old), SchemaSide(new)
    except Refused:
        return Kind.UNCLEAR  # one of them cannot be pinned
    narrows = is_included(after, before, is_closed=is_closed)
    widens = is_included(before, after, is_closed=is_closed)
    if narrows and widens:
        return Kind.REWORDS
    if narrows:
        return Kind.NARROWS
    return Kind.WIDENS if widens else Kind.UNCLEAR


@final
class _Absent:
    """What stands where a member is not there, since JSON's null is a value."""


_ABSENT: Final = _Absent()
_Side: TypeAlias = "Json | _Absent"
# Lists that are sets: their order says nothing, and they are compared as wholes.
_SETS: Final[frozenset[str | int]] = frozenset({"enum", "required", "type"})
# Maps from names that authors choose: what is below them is a schema, not a keyword.
_BY_NAME: Final = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})
_WORDS: Final[frozenset[str | int]] = frozenset({"$comment", "description", "examples", "title"})
_LOWER_BOUNDS: Final[frozenset[str | int]] = frozenset(
    {"exclusiveMinimum", "minItems", "minLength", "minProperties", "minimum"}
)
_UPPER_BOUNDS: Final[frozenset[str | int]] = frozenset(
    {"exclusiveMaximum", "maxItems", "maxLength", "maxProperties", "maximum"}
)
_CONSTRAINTS: Final[frozenset[str | int]] = frozenset(
    {"const", "enum", "multipleOf", "pattern", "required", "type", "uniqueItems"}
)
_OPENNESS: Final[frozenset[str | int]] = frozenset({"additionalProperties"})
_MAPS: Final = ("additionalProperties", "unevaluatedProperties")
# What applies a schema to the place where it stands itself.
_IN_PLACE: Final = frozenset(
    {"$ref", "allOf", "anyOf", "dependencies", "dependentSchemas", "else", "if", "oneOf", "then"}
)
_OPPOSITE: Final[Mapping[Kind, Kind]] = MappingProxyType({Kind.NARROWS: Kind.WIDENS, Kind.WIDENS: Kind.NARROWS})


def _differences(old: _Side, new: _Side, path: tuple[str | int, ...]) -> Iterator[FieldChange]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _differences(old.get(key, _ABSENT), new.get(key, _ABSENT), (*path, key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new) and not _is_keyword(path, _SETS):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _differences(before, after, (*path, index))
    elif _text(old) != _text(new):
        yield FieldChange(pointer=pointer_to(*path), old=_text(old), new=_text(new), kind=_kind(path, old, new))


def _kind(path: tuple[str | int, ...], old: _Side, new: _Side) -> Kind:
    if _is_keyword(path, _WORDS) and all(isinstance(side, (str, list, _Absent)) for side in (old, new)):
        return Kind.REWORDS
    if path[0] not in {"inputSchema", "outputSchema"}:
        return Kind.UNCLEAR
    if len(path) > 1 and path[-2] == "properties" and isinstance(old, _Absent):
        return Kind.WIDENS  # in a closed world a new name is a key that may now be sent
    if len(path) > 1 and path[-2] == "properties" and isinstance(new, _Absent):
        return Kind.NARROWS
    return _kind_of_constraint(path, old, new)


def _kind_of_constraint(path: tuple[str | int, ...], old: _Side, new: _Side) -> Kind:
    if _is_keyword(path, _OPENNESS):
        return _kind_of_openness(old, new)
    if _is_keyword(path, _CONSTRAINTS | _LOWER_BOUNDS | _UPPER_BOUNDS):
        if isinstance(old, _Absent):
            return Kind.NARROWS
        if isinstance(new, _Absent):
            return Kind.WIDENS
    if isinstance(old, (int, float)) and isinstance(new, (int, float)):
        if _is_keyword(path, _LOWER_BOUNDS):
            return Kind.NARROWS if new > old else Kind.WIDENS
        if _is_keyword(path, _UPPER_BOUNDS):
            return Kind.NARROWS if new < old else Kind.WIDENS
    if _is_keyword(path, _SETS):
        before, after = _elements(old), _elements(new)
        larger = Kind.NARROWS if path[-1] == "required" else Kind.WIDENS
        if before < after:
            return larger
        return _OPPOSITE[larger] if after < before else Kind.UNCLEAR
    return Kind.UNCLEAR


def _kind_of_openness(old: _Side, new: _Side) -> Kind:
    match (True if isinstance(old, _Absent) else old, True if isinstance(new, _Absent) else new):
        case True, True:
            return Kind.REWORDS
        case (_, False) | (True, _):
            return Kind.NARROWS
        case (False, _) | (_, True):
            return Kind.WIDENS
        case _:
            return Kind.UNCLEAR


def _is_keyword(path: tuple[str | int, ...], keywords: frozenset[str | int]) -> bool:
    """Tell whether the path ends in one of these keywords, and not in a property that bears its name."""
    return path[-1] in keywords and not (len(path) > 1 and path[-2] in _BY_NAME)


def _elements(side: _Side) -> frozenset[str | None]:
    return frozenset(map(_text, side)) if isinstance(side, list) else frozenset({_text(side)})


def _text(side: _Side) -> str | None:
    return None if isinstance(side, _Absent) else canonical_bytes(side).decode()
