"""What could be otherwise: for each fact that policies name, the values by which somebody might change the answer.

Candidates alone; whether one does change it the engine is asked. They come from what the policies compare with: the
literals that they name, what lies beside these, presence and absence. A fact that nobody can change for this call (its
pin, its hash, what in it is opaque) has none.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final, NamedTuple, assert_never

from mediator.canonical import Json, JsonObject
from mediator.policy.arguments import Findings, reader_of
from mediator.policy.conditions import WILDCARD, Literal, Term
from mediator.policy.types import EVERYTHING, Array, Leaf, Path, Record, Type

ABSENT: Final = "(absent)"
ANOTHER: Final = "(another value)"
"""Stands for any text that no policy names."""

_BY_WHOM: Final[Mapping[str, str]] = MappingProxyType(
    {
        "approval": "a human, who approves exactly this request",
        "proof": "the agent, by a proof of a key that its token is bound to",
        "grant": "the task's owner, by a task that is opened otherwise",
        "justified": "the task's owner, by an intent that names the call",
        "chain": "the task's owner, by giving the task to the agent itself",
        "task": "the task's owner, by a new task",
        "args": "the agent, by other arguments",
        "destination": "the agent, by a call that goes elsewhere",
        "now": "nobody: it takes time",
    }
)
_NOBODY: Final = frozenset({"pin", "request_hash", "opaque", "nulls", "provenance", "protocol", "method", "ask"})
_PROOFS: Final = ("dpop", "certificate", "profile-key")


class Change(NamedTuple):
    """One fact that is otherwise: its path in the context, the value, by whom; and all attributes with it."""

    path: Path
    value: Json
    by: str
    attributes: JsonObject

    @property
    def is_absence(self) -> bool:
        """Tell whether the fact would not be there at all."""
        return self.value == ABSENT


def changes_of(
    attributes: JsonObject, shape: Record, paths: Iterable[Path], terms: Iterable[Term], known: Mapping[str, Json]
) -> Iterator[Change]:
    """Yield each single change of one of these paths, of a fact that somebody can change.

    `known` says what stands in a record that would be there: an approval's time and hash.
    """
    literals: dict[Path, list[Term]] = {}
    for term in terms:
        if term.path[0] == "context":
            literals.setdefault(term.path[1:], []).append(term)
    wanted = sorted({_fact(shape, path) for path in (*paths, *literals) if path and path[0] not in _NOBODY}, key=_rank)
    for path in wanted:
        kind = _type_at(shape, path)
        if kind is None:
            continue
        compared = [term for other, found in literals.items() if other[: len(path)] == path for term in found]
        now = value_at(attributes, path)
        told: list[Json] = [now]
        for value in _values(kind, now, path, compared, known):
            if value not in told:
                told.append(value)
                by = _BY_WHOM.get(path[0], "whoever can change it")
                yield Change(path, value, by, _changed(attributes, path, value))


def value_at(attributes: JsonObject, path: Path) -> Json:
    """Return the value at this path; `ABSENT` where there is none."""
    here: Json = attributes
    for name in path:
        if not isinstance(here, dict) or name not in here:
            return ABSENT
        here = here[name]
    return here


def _rank(path: Path) -> tuple[int, Path]:
    order = [*_BY_WHOM]
    return (order.index(path[0]) if path[0] in order else len(order), path)


def _fact(shape: Record, path: Path) -> Path:
    """Return the path of what is one fact: an approval, a number or an array is changed as a whole."""
    here: Type = shape
    for index, name in enumerate(path):
        if not isinstance(here, Record):
            return path[:index]
        if name not in here.members:
            return path
        here = here.members[name].type
        if path[: index + 1] == ("approval",):
            return path[:1]
    return path


def _type_at(shape: Record, path: Path) -> Type | None:
    here: Type = shape
    for name in path:
        if not isinstance(here, Record) or name not in here.members:
            return None
        here = here.members[name].type
    return here


def _values(kind: Type, now: Json, path: Path, terms: list[Term], known: Mapping[str, Json]) -> Iterator[Json]:
    is_optional = any(term.operator == "has" for term in terms)
    match kind:
        case Record():
            yield from _records(kind, now, path, terms, known)
        case Array(items=items):
            yield from _arrays(items, now, terms)
        case Leaf.BOOL:
            yield from (True, False)
        case Leaf.LONG:
            yield from (value + step for value in _longs_named(terms) for step in (0, -1, 1))
        case Leaf.NUMBER:
            yield from (_number(Decimal(text) + step) for text in _texts_named(terms) for step in (0, -1, 1))
        case Leaf.STRING:
            yield from _texts(path, terms)
        case Leaf.STRINGS:
            yield from _sets(now, terms)
        case Leaf.OPAQUE:
            pass
        case _:
            assert_never(kind)
    if is_optional:
        yield ABSENT


def _records(kind: Record, now: Json, path: Path, terms: list[Term], known: Mapping[str, Json]) -> Iterator[Json]:
    """Yield the record as it would be if it were there; of one that is, its attributes are changed one by one.

    An approval cannot be changed in part: it is given by somebody, as a whole.
    """
    if now == ABSENT or path == ("approval",):
        yield _filled(kind, known)
        yield from (
            _filled(kind, {**known, term.path[-1]: _written(value)})
            for term in terms
            for value in term.values
            if term.path[1:-1] == path
        )


def _texts(path: Path, terms: list[Term]) -> Iterator[Json]:
    if path == ("proof",):
        yield from _PROOFS
        return
    yield from map(_written, _texts_named(terms))
    yield ANOTHER


def _written(value: Literal) -> Json:
    """Return a value that the author's literal is true of: of a pattern, one that it matches."""
    return value.replace(WILDCARD, "x") if isinstance(value, str) else value


def _sets(now: Json, terms: list[Term]) -> Iterator[Json]:
    words = [word for word in now if isinstance(word, str)] if isinstance(now, list) else []
    named = _texts_named(terms)
    yield [*sorted({*words, *named})]
    yield [*sorted(set(words) - set(named))]
    yield [*sorted(set(words) & set(named))]
    for word in named:
        yield [word]
    yield []


def _arrays(items: Type, now: Json, terms: list[Term]) -> Iterator[Json]:
    if items is Leaf.STRING:
        inner = now["items"] if isinstance(now, dict) else []
        for words in _sets(inner, terms):
            yield {"items": words, "count": len(words) if isinstance(words, list) else 0}


def _number(value: Decimal) -> Json:
    return reader_of(Leaf.NUMBER, EVERYTHING)(float(value), (), Findings())


def _texts_named(terms: Iterable[Term]) -> list[str]:
    return [value for term in terms for value in term.values if isinstance(value, str)]


def _longs_named(terms: Iterable[Term]) -> list[int]:
    return [value for term in terms for value in term.values if type(value) is int]


def _filled(record: Record, known: Mapping[str, Json]) -> JsonObject:
    """Return such a record with everything in it that must be there."""
    return {
        name: known[name] if name in known else _plain(member.type, known)
        for name, member in record.members.items()
        if (member.required and not member.nullable) or name in known
    }


def _plain(kind: Type, known: Mapping[str, Json]) -> Json:
    match kind:
        case Record():
            return _filled(kind, known)
        case Array():
            return {"items": [], "count": 0}
        case Leaf.STRING:
            return ANOTHER
        case Leaf.LONG:
            return 0
        case Leaf.BOOL:
            return True
        case Leaf.STRINGS:
            return []
        case Leaf.NUMBER:
            return _number(Decimal(0))
        case Leaf.OPAQUE:
            return {"digest": ANOTHER, "keys": [], "bytes": 0}
        case _:
            assert_never(kind)


def _changed(attributes: JsonObject, path: Path, value: Json) -> JsonObject:
    name, *rest = path
    if not rest:
        kept = {other: inner for other, inner in attributes.items() if other != name}
        return kept if value == ABSENT else {**kept, name: value}
    inner = attributes.get(name)
    return {**attributes, name: _changed(inner if isinstance(inner, dict) else {}, tuple(rest), value)}
