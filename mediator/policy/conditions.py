"""What a policy's conditions ask, as a formula: which comparisons must hold, and which must not, for them to be met.

Walks the engine's own JSON form (Cedar's), given as plain JSON, as `projection.py` does. Sound rather than sharp: what
is not understood is an atom that says nothing, so that whoever draws a conclusion draws it from what is understood.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias, assert_never, final

from mediator.canonical import Json
from mediator.policy.types import Path

Literal: TypeAlias = str | int | bool
WILDCARD: Final = "\0*"
"""What stands for any run of characters in the pattern of a `like`; no text that an author writes holds it."""

_MIRRORED: Final = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_DECIMAL: Final = {
    "lessThan": "<",
    "lessThanOrEqual": "<=",
    "greaterThan": ">",
    "greaterThanOrEqual": ">=",
}
_OF_SETS: Final = ("contains", "containsAll", "containsAny", "in")


class Term(NamedTuple):
    """A comparison of one attribute with what the author wrote down: `context.args.path like "/srv/*"`.

    `path` begins with the variable. `operator` is Cedar's; `is` stands for a boolean that is asked for by itself, and
    decimals are compared by the signs of longs, their literals as texts.
    """

    path: Path
    operator: str
    values: tuple[Literal, ...] = ()
    entity_type: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Atom:
    """Something that must hold, or must not; `term` is None where it is not understood."""

    holds: bool
    term: Term | None
    node: Json


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class All:
    """Each of these."""

    parts: tuple[Formula, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Either:
    """At least one of these."""

    parts: tuple[Formula, ...]


Formula: TypeAlias = Atom | All | Either


def formula_of(conditions: Json, *, are_met: bool = True) -> Formula:
    """Return under which circumstances these conditions (a list of `{kind, body}`) are met; or are not."""
    parts = tuple(
        _formula(condition.get("body"), holds=are_met is (condition.get("kind") != "unless"))
        for condition in (conditions if isinstance(conditions, list) else [])
        if isinstance(condition, dict)
    )
    if len(parts) == 1:
        return parts[0]
    return All(parts=parts) if are_met else Either(parts=parts)


def conjuncts_of(formula: Formula) -> Iterator[Formula]:
    """Yield what must all be so, without the brackets around it."""
    if isinstance(formula, All):
        for part in formula.parts:
            yield from conjuncts_of(part)
    else:
        yield formula


def terms_of(formula: Formula) -> Iterator[Term]:
    """Yield every comparison that is understood, wherever it stands."""
    match formula:
        case Atom(term=term):
            if term is not None:
                yield term
        case All(parts=parts) | Either(parts=parts):
            for part in parts:
                yield from terms_of(part)
        case _:
            assert_never(formula)


def _formula(node: Json, *, holds: bool) -> Formula:
    match node:
        case {"&&": {"left": left, "right": right}}:
            both = (_formula(left, holds=holds), _formula(right, holds=holds))
            return All(parts=both) if holds else Either(parts=both)
        case {"||": {"left": left, "right": right}}:
            both = (_formula(left, holds=holds), _formula(right, holds=holds))
            return Either(parts=both) if holds else All(parts=both)
        case {"!": {"arg": inner}}:
            return _formula(inner, holds=not holds)
        case _:
            return Atom(holds=holds, term=_term(node), node=node)


def _term(node: Json) -> Term | None:
    if (path := _path_of(node)) is not None:
        return Term(path, "is")
    if not isinstance(node, dict) or len(node) != 1:
        return None
    ((operator, operands),) = node.items()
    match operands:
        case {"left": left, "attr": str(name)} if operator == "has" and (path := _path_of(left)):
            return Term((*path, name), "has")
        case {"left": left, "pattern": [*pattern]} if operator == "like" and (path := _path_of(left)):
            return Term(path, "like", ("".join(map(_piece, pattern)),))
        case {"left": left, "right": right} if operator in _MIRRORED or operator in _OF_SETS:
            return _compared(operator, left, right)
        case [left, right] if operator in _DECIMAL:
            return _compared(_DECIMAL[operator], left, right)
        case _:
            return None


def _compared(operator: str, left: Json, right: Json) -> Term | None:
    for one, other, sign in ((left, right, operator), (right, left, _MIRRORED.get(operator, operator))):
        path, literals = _path_of(one), _literals_of(other)
        if path is not None and literals is not None:
            values, entity_type = literals
            return Term(path, sign, values, entity_type)
    return None


def _path_of(node: Json) -> Path | None:
    """Return the path if the node is a variable, or an attribute of it, or of that, and so on."""
    names: list[str] = []
    while True:
        match node:
            case {"Var": str(variable)}:
                return (variable, *reversed(names))
            case {".": {"left": inner, "attr": str(name)}}:
                names.append(name)
                node = inner
            case _:
                return None


def _literals_of(node: Json) -> tuple[tuple[Literal, ...], str] | None:
    """Return the literals, and of which type they are if they are entities; None for anything else."""
    match node:
        case {"Value": {"__entity": {"type": str(kind), "id": str(name)}}}:
            return (name,), kind
        case {"Value": str() | bool() | int() as value}:
            return (value,), ""
        case {"decimal": [{"Value": str(text)}]}:
            return (text,), ""
        case {"Set": [*members]}:
            values: list[Literal] = []
            for member in members:
                found = _literals_of(member)
                if found is None or found[1]:
                    return None
                values += found[0]
            return tuple(values), ""
        case _:
            return None


def _piece(piece: Json) -> str:
    match piece:
        case {"Literal": str(character)}:
            return character
        case _:
            return WILDCARD
