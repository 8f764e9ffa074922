"""Constraints: what one argument of a call may be; how each is written stands in `constraint_form.py`.

Pure. Two questions are asked of one: *holds*, is this value within it; *is_within*, is every value within it also within
that other one. The second may say no where the truth is yes, never the other way round (P4).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never, final

from mediator.canonical import Json, canonical_bytes, parse_json
from mediator.delegation.normal_form import host_of, is_normal_path, is_plain


@final
@dataclass(frozen=True, slots=True)
class OneOf:
    """One of these values, by their RFC 8785 forms; `exact` is one of one."""

    values: frozenset[bytes]


@final
@dataclass(frozen=True, slots=True)
class Prefix:
    """A text that begins so."""

    text: str


@final
@dataclass(frozen=True, slots=True)
class PathBelow:
    """This path, and what is below it."""

    path: str


@final
@dataclass(frozen=True, slots=True)
class HostIs:
    """A URL of this host."""

    host: str


@final
@dataclass(frozen=True, slots=True)
class Within:
    """A number between these, both included."""

    low: int | float | None
    high: int | float | None


@final
@dataclass(frozen=True, slots=True)
class Length:
    """A text, or a list, of a length between these, both included."""

    low: int | float | None
    high: int | float | None


@final
@dataclass(frozen=True, slots=True)
class AllOf:
    """What each of these holds of."""

    parts: tuple[Constraint, ...]


@final
@dataclass(frozen=True, slots=True)
class AnyOf:
    """What one of these holds of."""

    parts: tuple[Constraint, ...]


Constraint: TypeAlias = OneOf | Prefix | PathBelow | HostIs | Within | Length | AllOf | AnyOf


@final
class Reading:
    """One value, read for many constraints: what is costly to find out about a long text is found out once."""

    __slots__ = ("_found", "value")

    def __init__(self, value: Json) -> None:
        self.value: Final = value
        self._found: Final[dict[object, object]] = {}

    def is_text(self, says: Callable[[str], object]) -> bool:
        """Tell whether this is a text of which `says` is true."""
        return isinstance(self.value, str) and bool(self._ask(says, self.value))

    def is_at(self, host: str) -> bool:
        """Tell whether this is a URL of this host."""
        return isinstance(self.value, str) and self._ask(host_of, self.value) == host

    def _ask(self, says: Callable[[str], object], text: str) -> object:
        if says not in self._found:
            self._found[says] = says(text)
        return self._found[says]


def holds(constraint: Constraint, value: Json) -> bool:
    """Tell whether this value is within the constraint."""
    return holds_of(constraint, Reading(value))


def holds_of(constraint: Constraint, reading: Reading) -> bool:
    """Tell whether the value that was read is within the constraint."""
    value = reading.value
    match constraint:
        case OneOf(values=values):
            return _is_among(value, values)
        case Prefix(text=text):
            return isinstance(value, str) and value.startswith(text) and reading.is_text(is_plain)
        case PathBelow(path=path):
            return isinstance(value, str) and _is_below(value, path) and reading.is_text(is_normal_path)
        case HostIs(host=host):
            return reading.is_at(host)
        case Within(low=low, high=high):
            return isinstance(value, int | float) and not isinstance(value, bool) and _is_between(value, low, high)
        case Length(low=low, high=high):
            return isinstance(value, str | list) and _is_between(len(value), low, high)
        case AllOf(parts=parts):
            return all(holds_of(part, reading) for part in parts)
        case AnyOf(parts=parts):
            return any(holds_of(part, reading) for part in parts)
        case _:
            assert_never(constraint)


def is_within(narrow: Constraint, wide: Constraint) -> bool:
    """Tell whether whatever `narrow` holds of, `wide` is sure to hold of."""
    return _Comparison({}).is_within(narrow, wide)


@final
@dataclass(frozen=True, slots=True)
class _Comparison:
    """One question of `is_within`, and what was found on the way: a pair is met by more ways than there are pairs.

    By identity, for no part of a constraint that is asked about goes meanwhile.
    """

    known: dict[tuple[int, int], bool]

    def is_within(self, narrow: Constraint, wide: Constraint) -> bool:
        pair = (id(narrow), id(wide))
        if pair not in self.known:
            self.known[pair] = narrow == wide or self._is_narrower(narrow, wide)
        return self.known[pair]

    def _is_narrower(self, narrow: Constraint, wide: Constraint) -> bool:
        match narrow, wide:
            case OneOf(values=values), _:
                return all(holds(wide, parse_json(value)) for value in values)
            case _, AllOf(parts=parts):
                return all(self.is_within(narrow, part) for part in parts)
            case AnyOf(parts=parts), _:
                return all(self.is_within(part, wide) for part in parts)
            case AllOf(parts=parts), AnyOf(parts=others):
                return any(self.is_within(part, wide) for part in parts) or any(
                    self.is_within(narrow, part) for part in others
                )
            case _, AnyOf(parts=others):
                return any(self.is_within(narrow, part) for part in others)
            case AllOf(parts=parts), _:
                return any(self.is_within(part, wide) for part in parts)
            case _:
                return _is_simply_within(narrow, wide)


def _is_simply_within(narrow: Constraint, wide: Constraint) -> bool:
    match narrow, wide:
        case Prefix(text=text), Prefix(text=other):
            return text.startswith(other)
        case PathBelow(path=path), PathBelow(path=other):
            return _is_below(path, other)
        case PathBelow(path=path), Prefix(text=text):
            return path.startswith(text)
        case Within(low=low, high=high), Within(low=least, high=most):
            return _is_span_within(low, high, least, most)
        case Length(low=low, high=high), Length(low=least, high=most):
            return _is_span_within(low, high, least, most)
        case _:
            return False


def _is_span_within(low: float | None, high: float | None, least: float | None, most: float | None) -> bool:
    is_above = least is None or (low is not None and low >= least)
    return is_above and (most is None or (high is not None and high <= most))


def count_of(constraint: Constraint) -> int:
    """Return of how many constraints this one is made, itself among them."""
    parts = constraint.parts if isinstance(constraint, AllOf | AnyOf) else ()
    return 1 + sum(map(count_of, parts))


def _is_among(value: Json, values: frozenset[bytes]) -> bool:
    longest = max(map(len, values), default=0)
    return _length_so_far(value, longest) <= longest and canonical_bytes(value) in values


def _length_so_far(value: Json, most: int) -> int:
    """Return a length that the value's RFC 8785 form has at least: counted no further than beyond `most`.

    An argument may hold megabytes; only one that could be meant is written out.
    """
    if isinstance(value, str):
        return len(value)
    if not isinstance(value, list | dict):
        return 1
    length = len(value)
    for part in value.values() if isinstance(value, dict) else value:
        if length > most:
            break
        length += _length_so_far(part, most)
    return length


def _is_between(number: float, low: float | None, high: float | None) -> bool:
    return (low is None or number >= low) and (high is None or number <= high)


def _is_below(path: str, top: str) -> bool:
    return top in {path, "/"} or path.startswith(f"{top}/")
