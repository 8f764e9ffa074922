"""A pinned JSON Schema, prepared once: what arguments must be, and what results must be.

Pure: nothing is fetched while preparing or checking; the validators' retriever raises. The only file that touches
`jsonschema_rs`. Rules:

- Arguments fit the pinned schema, and the closed world of it (`closed_world.py`).
- At every depth of the arguments no two keys are equal after NFKC and case folding (a server in Go reads `PATH`
  where we read `path`), and none is `__entity`, `__extn`, `__expr` (Cedar's escapes) or `__proto__`.
- Results fit the pinned output schema as JSON Schema has it: an object is closed where it says
  `additionalProperties: false`, else it is open. What a server adds beyond its schema is data like all the rest.
- Patterns run on a linear engine. One that needs look-around or back-references cannot be pinned: it could be made
  to take minutes (ReDoS). `format` says nothing here. Nor can a schema that branches into itself (`recursion.py`).
- What an agent reads of a misfit is a JSON pointer and what the pinned schema expects there, never its own value.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NoReturn, final

import jsonschema_rs

from mediator.canonical import Json, JsonObject, digest_of, pointer_to
from mediator.manifest.closed_world import APART_KEYWORD, PINNED_URI, close
from mediator.manifest.misfit import show, tell
from mediator.manifest.recursion import must_not_double
from mediator.manifest.subschemas import Dialect, read_dialect, subschemas_of
from mediator.refusal import Reason, Refused

_FORBIDDEN: Final = frozenset({"__entity", "__extn", "__expr", "__proto__"})
_VALIDATORS: Final[Mapping[Dialect, type[jsonschema_rs.Validator]]] = MappingProxyType(
    {
        Dialect.DRAFT_7: jsonschema_rs.Draft7Validator,
        Dialect.DRAFT_2019_09: jsonschema_rs.Draft201909Validator,
        Dialect.DRAFT_2020_12: jsonschema_rs.Draft202012Validator,
    }
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ResultSchema:
    """The validator of one tool's structured content."""

    _validator: jsonschema_rs.Validator = field(compare=False, repr=False)

    def check(self, structured: Json) -> None:
        """Raise `Refused(TOOL_SERVER_INVALID)` unless the structured content fits the pinned output schema."""
        if not self._validator.is_valid(structured):
            where, expected = _told(self._validator, structured)
            raise Refused(
                Reason.TOOL_SERVER_INVALID, f"the result misses the pinned outputSchema: `{where}`: {expected}"
            )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedSchema:
    """Validators of one tool's arguments and results; equal where they were made from equal schemas."""

    digest: str
    output: ResultSchema | None = field(compare=False, repr=False)
    _given: jsonschema_rs.Validator = field(compare=False, repr=False)
    _closed: jsonschema_rs.Validator = field(compare=False, repr=False)

    def check_arguments(self, arguments: JsonObject) -> None:
        """Raise `Refused(ARGUMENTS_INVALID)`, with a sentence, unless the arguments fit the pinned schema."""
        # 1. No key that two readers would read differently.
        if not _has_one_reading(arguments):
            raise _bad_key(arguments, ()) or _invalid("/", "a key that is read in more than one way")
        # 2. What the pinned schema says of them.
        if not self._given.is_valid(arguments):
            raise _invalid(*_told(self._given, arguments))
        # 3. Nothing that it does not name.
        if not self._closed.is_valid(arguments):
            raise _invalid(*_told(self._closed, arguments))


def prepare(input_schema: JsonObject, output_schema: JsonObject | None, opens: frozenset[str]) -> PreparedSchema:
    """Return the validators of a tool.

    Raises `Refused(MALFORMED)` for a schema that cannot be pinned: one that is no JSON Schema, is not about an
    object where arguments are meant, refers elsewhere, needs a pattern that is not linear, doubles the time with each
    level of a value, or in which `opens` names nothing.
    """
    if input_schema.get("type") != "object":
        raise Refused(Reason.MALFORMED, "`/inputSchema/type`: expected `object`: arguments are one")
    try:
        must_not_double(subschemas_of(input_schema))
        closed = _validator(Dialect.DRAFT_2020_12, close(input_schema, opens), input_schema)
        given = _validator(read_dialect(input_schema), input_schema, None)
    except Refused as unfit:
        raise _unfit("/inputSchema", unfit.detail) from unfit
    return PreparedSchema(
        digest=digest_of([input_schema, output_schema, [*sorted(opens)]]),
        output=None if output_schema is None else prepare_result(output_schema),
        _given=given,
        _closed=closed,
    )


def prepare_result(output_schema: JsonObject) -> ResultSchema:
    """Return the validator of a tool's structured content; raises `Refused(MALFORMED)` as `prepare`."""
    try:
        must_not_double(subschemas_of(output_schema))
        return ResultSchema(_validator=_validator(read_dialect(output_schema), output_schema, None))
    except Refused as unfit:
        raise _unfit("/outputSchema", unfit.detail) from unfit


def fold(key: str) -> str:
    """The form in which two keys that a lenient reader would take for one are equal."""
    if key.isascii():
        return key.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", key).casefold())


@final
class _ApartFrom:
    """The keyword `mediatorApartFrom`: a key that is none of these names differs from each of them after folding."""

    def __init__(self, _parent: JsonObject, names: list[str], _path: list[str | int]) -> None:
        self._names = frozenset(names)
        self._folded = frozenset(map(fold, names))

    def validate(self, instance: object) -> None:
        """Raise `ValueError` when a key is a name written otherwise."""
        if isinstance(instance, dict) and any(key not in self._names and fold(key) in self._folded for key in instance):
            message = "a key that is a name written otherwise"
            raise ValueError(message)


def _validator(dialect: Dialect, schema: JsonObject, pinned: JsonObject | None) -> jsonschema_rs.Validator:
    # `$id` would give the local references another base; they are local whatever it says.
    resources: list[tuple[str, JsonObject]] = [] if pinned is None else [(PINNED_URI, _without_id(pinned))]
    try:
        return _VALIDATORS[dialect](
            _without_id(schema),
            registry=jsonschema_rs.Registry(resources, retriever=_fetch_nothing),
            retriever=_fetch_nothing,
            validate_formats=False,
            pattern_options=jsonschema_rs.RegexOptions(),
            mask="…",
            keywords={APART_KEYWORD: _ApartFrom},
        )
    except ValueError as error:  # the library's ValidationError is one, and says where
        where = pointer_to(*getattr(error, "instance_path", ()))
        raise Refused(Reason.MALFORMED, f"`{where}`: not a JSON Schema that can be pinned") from error


def _fetch_nothing(uri: str) -> NoReturn:
    message = f"nothing is fetched: {uri}"
    raise ValueError(message)


def _without_id(schema: JsonObject) -> JsonObject:
    return {keyword: said for keyword, said in schema.items() if keyword != "$id"}


def _has_one_reading(value: JsonObject | list[Json]) -> bool:
    """Tell whether no object in it holds a forbidden key, or one key in two spellings. On the way of every call."""
    if isinstance(value, dict):
        folded = {key.lower() if key.isascii() else fold(key) for key in value}
        if len(folded) != len(value) or not folded.isdisjoint(_FORBIDDEN):
            return False
        children: Iterable[Json] = value.values()
    else:
        children = value
    for child in children:
        kind = type(child)
        if (kind is dict or kind is list) and not _has_one_reading(child):  # type: ignore[arg-type]  # by its kind
            return False
    return True


def _bad_key(value: Json, path: tuple[str | int, ...]) -> Refused | None:
    """The refusal of the first key, in order and depth, for which it has not; None where it has."""
    if isinstance(value, list):
        return next(filter(None, (_bad_key(child, (*path, index)) for index, child in enumerate(value))), None)
    seen: set[str] = set()
    for key, child in value.items() if isinstance(value, dict) else ():
        folded, where = fold(key), (*path, key)
        if folded in _FORBIDDEN:
            return _invalid(show(where), "a key that no tool is given")
        if folded in seen:
            return _invalid(show(where), "a key of the same object differs from this one only by its spelling")
        seen.add(folded)
        if (inner := _bad_key(child, where)) is not None:
            return inner
    return None


def _told(validator: jsonschema_rs.Validator, instance: Json) -> tuple[str, str]:
    """Where and how the instance first misses what the validator asks."""
    error = next(iter(validator.iter_errors(instance)))
    # In the closed world a branch that holds but leaves a key unnamed fails as a whole: the key is what to tell.
    unnamed = [inner for inner in _inside(error) if inner.kind.name == "unevaluatedProperties"]
    told = unnamed[0] if unnamed else error
    return tell(told.instance_path, told.kind.name, told.kind.value)


def _inside(error: jsonschema_rs.ValidationError) -> Iterator[jsonschema_rs.ValidationError]:
    if isinstance(
        error.kind, (jsonschema_rs.ValidationErrorKind.AnyOf, jsonschema_rs.ValidationErrorKind.OneOfNotValid)
    ):
        for branch in error.kind.context:
            for inner in branch:
                yield inner
                yield from _inside(inner)


def _invalid(where: str, expected: str) -> Refused:
    return Refused(Reason.ARGUMENTS_INVALID, f"`{where}`: {expected}", sentence=f"`{where}`: {expected}")


def _unfit(where: str, detail: str) -> Refused:
    # The detail begins with a pointer in backticks: the two pointers become one.
    return Refused(Reason.MALFORMED, f"`{where}{detail.removeprefix('`').removeprefix('/`')}")
