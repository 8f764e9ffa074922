"""Whether every value that one schema takes is taken by another: proven, or not known.

Pure, and no validation. `True` is a proof, `False` says nothing: JSON Schema with `not`, `if` and recursion is beyond a
quick decision, and whoever writes a schema does not decide how long we think about it. Two readings of a schema:

- closed: what an agent may send through us, where the manifest opens nothing (`closed_world.py`);
- open: JSON Schema as it is, in which an object may hold any key that nobody spoke of.

How: each side is, at one place of the value, a set of plain schemas that hold together (`$ref` and `allOf` resolved).
The smaller side is taken apart where branches exclude each other; of the larger side's branches one must do. Then each
keyword of the larger side must follow from one of the smaller. Below, the same for each key and for the items; a pair
of places that is met again one step down is taken as proven, as in a proof by induction over the value.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, final

from mediator.canonical import Json, JsonObject
from mediator.manifest.keywords import SchemaSide, fits, follows, kinds_of, same, values_of

_WORK_MAX: Final = 20_000
_DEPTH_MAX: Final = 60

_Parts: TypeAlias = tuple[str, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Schemas that hold together for one value of one side, and the branches of them that are settled."""

    parts: _Parts
    is_closed: bool
    settled: frozenset[str] = frozenset()


def is_included(small: SchemaSide, large: SchemaSide, *, is_closed: bool) -> bool:
    """Tell whether it is proven that whatever `small` takes is taken by `large`."""
    if small.dialect is not large.dialect and (small.is_of_its_dialect or large.is_of_its_dialect):
        return False
    proof = _Proof(small, large)
    try:
        return proof.holds(
            _Place(parts=small.flat("", is_closed=is_closed), is_closed=is_closed),
            _Place(parts=large.flat("", is_closed=is_closed), is_closed=is_closed),
            _DEPTH_MAX,
        )
    except _TooLong:
        return False


class _TooLong(Exception):  # noqa: N818 - no error: the proof is given up
    pass


class _Proof:
    def __init__(self, small: SchemaSide, large: SchemaSide) -> None:
        self._small = small
        self._large = large
        self._taken: set[tuple[_Place, _Place]] = set()
        self._failed: set[tuple[_Place, _Place]] = set()
        self._work = _WORK_MAX

    def holds(self, small: _Place, large: _Place, depth: int) -> bool:
        """The same for two places that are reached by a step down into the value, or its root."""
        pair = (small, large)
        if pair in self._taken:
            return True
        if pair in self._failed or depth == 0:
            return False
        before = set(self._taken)
        self._taken.add(pair)
        if self._in_cases(small, large, depth):
            return True
        self._taken = before  # what was proven with its help is not proven
        self._failed.add(pair)
        return False

    def _in_cases(self, small: _Place, large: _Place, depth: int) -> bool:
        self._work -= 1
        if self._work < 0:
            raise _TooLong
        if self._is_same(small, large):
            return True
        kinds = kinds_of(self._small, small.parts)
        values = values_of(self._small, small.parts)
        if not kinds or values == ():
            return True
        if values is not None:
            return all(fits(self._large, part, value, large.is_closed) for value in values for part in large.parts)
        for place in self._small.choices(small.parts, small.settled):
            if small.is_closed and not self._small.are_exclusive(place, kinds):
                continue
            branches = self._small.branches(place)
            return all(self._in_cases(self._with(self._small, small, place, one), large, depth) for one in branches)
        for place in self._large.choices(large.parts, large.settled):
            branches = self._large.branches(place)
            return any(
                self._in_cases(small, self._with(self._large, large, place, one), depth)
                for one in branches
                if not place.endswith("/oneOf") or self._large.excludes(one, branches, kinds)
            )
        return self._plainly(small, large, kinds, depth)

    def _is_same(self, small: _Place, large: _Place) -> bool:
        """Tell whether the larger side says only what the smaller says; and where it is closed, names all of it, too."""
        if large.is_closed and not small.is_closed:
            return False
        found = [[same(self._small, one, self._large, other) for one in small.parts] for other in large.parts]
        return all(any(row) for row in found) and (
            not large.is_closed or all(any(row[index] for row in found) for index in range(len(small.parts)))
        )

    def _with(self, side: SchemaSide, place: _Place, choice: str, branch: str) -> _Place:
        added = side.flat(branch, is_closed=place.is_closed)
        parts = (*place.parts, *(one for one in added if one not in place.parts))
        return replace(place, parts=parts, settled=place.settled | {choice})

    def _plainly(self, small: _Place, large: _Place, kinds: frozenset[str], depth: int) -> bool:
        """Neither side has a branch left that can be settled."""
        mine = [self._small.keywords(part, is_closed=small.is_closed) for part in small.parts]
        if self._small.is_loose(small.parts, small.settled):
            small = replace(small, is_closed=False)  # what its branches name is not known: it may be anything
        for part in large.parts:
            if not follows(self._large.keywords(part, is_closed=large.is_closed), mine, kinds):
                return False
        if "object" in kinds and not self._keys(small, large, depth):
            return False
        return "array" not in kinds or self._items(small, large, depth)

    def _keys(self, small: _Place, large: _Place, depth: int) -> bool:
        mine = {part: self._small.keywords(part, is_closed=False) for part in small.parts}
        theirs = {part: self._large.keywords(part, is_closed=False) for part in large.parts}
        my_names = {name for said in mine.values() for name in _names(said)}
        their_names = {name for said in theirs.values() for name in _names(said)}
        if any("patternProperties" in said for said in (*mine.values(), *theirs.values())):
            return False
        if large.is_closed and not (small.is_closed and my_names <= their_names | self._impossible(mine, my_names)):
            return False
        for key in sorted(my_names | their_names) + ([] if small.is_closed else [None]):
            if small.is_closed and key not in my_names:
                continue  # a key that nobody names there
            known = [*self._said_of(self._small, mine, key, is_closed=small.is_closed)]
            for goal in self._said_of(self._large, theirs, key, is_closed=large.is_closed):
                if not any(self.holds(one, goal, depth - 1) for one in known or [_ANYTHING]):
                    return False
        return True

    def _impossible(self, mine: dict[str, JsonObject], names: set[str]) -> set[str]:
        """Names that no value has, since a schema beside them allows no other key, or `false` stands there."""
        return {
            name
            for name in names
            if any(
                not kinds_of(self._small, one.parts) for one in self._said_of(self._small, mine, name, is_closed=True)
            )
        }

    def _said_of(
        self, side: SchemaSide, said: dict[str, JsonObject], key: str | None, *, is_closed: bool
    ) -> Iterator[_Place]:
        """What the schemas of a place say of the value at a key, or at any that none of them names (None)."""
        for part, keywords in said.items():
            if key is not None and key in _names(keywords):
                below = side.below(part, "properties", key)
                yield _Place(parts=side.flat(below, is_closed=is_closed), is_closed=is_closed)
            elif "additionalProperties" in keywords:
                below = side.below(part, "additionalProperties")
                yield _Place(parts=side.flat(below, is_closed=False), is_closed=False)

    def _items(self, small: _Place, large: _Place, depth: int) -> bool:
        known = [*self._said_of_items(self._small, small)]
        goals = [*self._said_of_items(self._large, large)]
        if None in known or None in goals:
            return False
        return all(
            any(self.holds(one, goal, depth - 1) for one in known if one is not None)
            for goal in goals
            if goal is not None
        )

    def _said_of_items(self, side: SchemaSide, place: _Place) -> Iterator[_Place | None]:
        """What the schemas of a place say of each item; None where they tell one item from another."""
        told = False
        for part in place.parts:
            keywords = side.keywords(part, is_closed=False)
            if not keywords.keys().isdisjoint({"prefixItems", "additionalItems"}) or isinstance(
                keywords.get("items"), list
            ):
                yield None
            elif "items" in keywords:
                told = True
                below = side.below(part, "items")
                yield _Place(parts=side.flat(below, is_closed=place.is_closed), is_closed=place.is_closed)
        if not told:
            yield replace(_ANYTHING, is_closed=place.is_closed)


_ANYTHING: Final = _Place(parts=(), is_closed=False)


def _names(keywords: JsonObject) -> JsonObject:
    named: Json = keywords.get("properties")
    return named if isinstance(named, dict) else {}
