"""Which schemas cost a validator time that doubles with each level of a value: those are not pinned.

Pure. A schema may lead back to itself: a tree of nodes, a JSON value. It does so below a property or an item, and each
value in a tree is then checked once for each way that leads to it. Where two ways lead from one place of the value to
the same part of it, and both back to the schema, a value 20 levels deep is checked a million times. So refused is

- a schema that leads back to itself without a step down into the value: it never ends;
- one of which two schemas that apply to the same place lead, for the same key or item, both back to that place. Which
  keys a pattern or a map meets is not worked out: it may be any, but for what stands beside it;
- one in which more than `BRANCHES_DEEP_MAX` branches (`anyOf`, `oneOf`, `if`, `dependentSchemas`) stand inside one
  another, since each is looked at for itself and for what it names.

Ordinary recursion passes: one way back for each key (`left` and `right` are two keys), however many branches there are
(`anyOf: [{"$ref": "#"}, {"type": "null"}]`).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Final, final

from mediator.canonical import Json, pointer_to
from mediator.manifest.subschemas import read_reference
from mediator.refusal import Reason, Refused

_WORK_MAX: Final = 200_000
"""In-place steps that are followed for one schema; the largest real one needs a few hundred."""

BRANCHES_DEEP_MAX: Final = 8
"""At 8, a value that fits costs some milliseconds, and each further level triples it; real schemas have 3."""

_HERE_ONE: Final = ("else", "if", "not", "then")
_HERE_LIST: Final = ("allOf", "anyOf", "oneOf")
_HERE_NAMED: Final = ("dependencies", "dependentSchemas")
_BRANCH: Final = re.compile("/(anyOf|oneOf|if|then|else|dependencies|dependentSchemas)(/[^/]*)?")
_ANYWHERE: Final = (
    ("additionalProperties", "key", True),
    ("unevaluatedProperties", "key", True),
    ("additionalItems", "item", True),
    ("contains", "item", False),
    ("items", "item", True),
    ("unevaluatedItems", "item", True),
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """A step down into a value: to a key or an item, from a schema to another; `which` is None where it may be any."""

    source: str
    target: str
    of: str
    which: str | int | None = None
    is_rest: bool = False  # only what nothing beside it names

    def meets(self, other: _Way) -> bool:
        """Tell whether both may lead to the same part of a value, where one of them may lead anywhere."""
        if self.of != other.of:
            return False
        if self.source != other.source or self == other or not (self.is_rest or other.is_rest):
            return True
        # Beside each other in one schema: `contains` looks at every item, whatever `items` leaves.
        return self.of == "item" and any(way.which is None and not way.is_rest for way in (self, other))


def must_not_double(schemas: Mapping[str, Json]) -> None:
    """Raise `Refused(MALFORMED)`, naming the place, where checking a value would take time exponential in its depth.

    `schemas` is every schema in the schema, by pointer, as `subschemas_of` returns it.
    """
    # What stands where a schema should and is none (a list) is for the validator to refuse.
    here = {pointer: [to for to in _here(pointer, schema) if to in schemas] for pointer, schema in schemas.items()}
    below = {
        pointer: [way for way in _below(pointer, schema) if way.target in schemas]
        for pointer, schema in schemas.items()
    }
    if endless := _circles(here):
        raise _unfit(min(endless), "leads back to itself at the same place of a value")
    circles = _circles({pointer: [*here[pointer], *(way.target for way in below[pointer])] for pointer in schemas})
    _must_not_meet(here, below, circles)
    _must_be_shallow(here, below, circles)


def _must_not_meet(
    here: Mapping[str, Sequence[str]], below: Mapping[str, Sequence[_Way]], circles: Mapping[str, int]
) -> None:
    work = _WORK_MAX
    for place in sorted({"", *(way.target for ways in below.values() for way in ways)} & circles.keys()):
        ways: list[_Way] = []
        waiting = [place]
        while waiting:
            pointer = waiting.pop()
            ways.extend(way for way in below[pointer] if circles.get(way.target) == circles[place])
            waiting.extend(to for to in here[pointer] if circles.get(to) == circles[place])
            work -= 1 + len(here[pointer]) + len(below[pointer])
            if work < 0:
                raise _unfit(place, "leads back to itself in more ways than can be followed")
        if _any_meet(ways):
            raise _unfit(
                place,
                "leads back to itself in two ways for the same part of a value, and checking one would take time that "
                "doubles with each level: let one schema name the part, or bound the depth",
            )


def _must_be_shallow(
    here: Mapping[str, Sequence[str]], below: Mapping[str, Sequence[_Way]], circles: Mapping[str, int]
) -> None:
    steps: dict[str | int, dict[str | int, int]] = {}
    for pointer in here:
        weights = steps.setdefault(circles.get(pointer, pointer), {})
        for to in here[pointer]:
            node = circles.get(to, to)
            weights[node] = max(weights.get(node, 0), 1 if _BRANCH.fullmatch(to.removeprefix(pointer)) else 0)
        for way in below[pointer]:
            weights.setdefault(circles.get(way.target, way.target), 0)
    for one, weights in steps.items():
        weights.pop(one, None)  # inside a circle a validator remembers what it saw
    deep: dict[str | int, int] = {}
    for one in TopologicalSorter(steps).static_order():
        deep[one] = max((weight + deep[to] for to, weight in steps[one].items()), default=0)
        if deep[one] > BRANCHES_DEEP_MAX:
            where = one if isinstance(one, str) else min(node for node, number in circles.items() if number == one)
            raise _unfit(where, f"more than {BRANCHES_DEEP_MAX} branches inside one another")


def _any_meet(ways: Sequence[_Way]) -> bool:
    named = [(way.of, way.which) for way in ways if way.which is not None]
    if len(set(named)) < len(named):
        return True
    # Of those that may lead anywhere, two from two schemas meet at once: so there are few of them, or it ends early.
    anywhere = [(index, way) for index, way in enumerate(ways) if way.which is None]
    return any(way.meets(other) for index, way in anywhere for number, other in enumerate(ways) if number != index)


def _here(pointer: str, schema: Json) -> Iterator[str]:
    """The schemas that a schema applies to the same place of the value, as often as it does."""
    if not isinstance(schema, dict):
        return
    if "$ref" in schema:
        yield read_reference(schema["$ref"], pointer)
    for keyword in _HERE_ONE:
        if isinstance(schema.get(keyword), dict):
            yield pointer + pointer_to(keyword)
    for keyword in _HERE_LIST:
        if isinstance(listed := schema.get(keyword), list):
            yield from (pointer + pointer_to(keyword, index) for index in range(len(listed)))
    for keyword in _HERE_NAMED:
        if isinstance(named := schema.get(keyword), dict):
            # Draft-07's `dependencies` holds lists of names beside schemas.
            yield from (pointer + pointer_to(keyword, name) for name in named if not isinstance(named[name], list))


def _below(pointer: str, schema: Json) -> Iterator[_Way]:
    """The steps down that a schema takes. (Names of keys, for `propertyNames`, are texts, and lead no further.)"""
    if not isinstance(schema, dict):
        return
    for keyword in ("properties", "patternProperties"):
        if isinstance(named := schema.get(keyword), dict):
            for name in named:
                which = name if keyword == "properties" else None
                yield _Way(source=pointer, target=pointer + pointer_to(keyword, name), of="key", which=which)
    for keyword in ("prefixItems", "items"):
        if isinstance(listed := schema.get(keyword), list):
            for index in range(len(listed)):
                yield _Way(source=pointer, target=pointer + pointer_to(keyword, index), of="item", which=index)
    for keyword, of, is_rest in _ANYWHERE:
        if isinstance(schema.get(keyword), dict):
            yield _Way(source=pointer, target=pointer + pointer_to(keyword), of=of, is_rest=is_rest)


def _circles(edges: Mapping[str, Sequence[str]]) -> Mapping[str, int]:
    """The number of the circle that each node lies on, two on the same where each leads to the other; no node else.

    Tarjan's strongly connected components, without recursion: a schema may be deeper than Python's stack.
    """
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    open_nodes: list[str] = []
    opened_at: dict[str, int] = {}
    is_open: set[str] = set()
    found: dict[str, int] = {}
    for root in edges:
        path = [] if root in order else [(root, iter(edges[root]))]
        while path:
            node, rest = path[-1]
            if node not in order:
                order[node] = low[node] = len(order)
                opened_at[node] = len(open_nodes)
                open_nodes.append(node)
                is_open.add(node)
            for to in rest:
                if to not in order:
                    path.append((to, iter(edges[to])))
                    break
                if to in is_open:
                    low[node] = min(low[node], order[to])
            else:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[node])
                if low[node] == order[node]:
                    first = opened_at[node]
                    component, open_nodes[first:] = open_nodes[first:], []
                    is_open.difference_update(component)
                    if len(component) > 1 or node in edges[node]:
                        found.update(dict.fromkeys(component, order[node]))
    return found


def _unfit(pointer: str, detail: str) -> Refused:
    return Refused(Reason.MALFORMED, f"`{pointer or '/'}`: {detail}")
