"""Authority for the laws of delegation: few names, few values, so that whatever can collide does.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from itertools import product
from typing import Final

from hypothesis import strategies as st

from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.delegation.authority import Authority, Entry, Rights
from mediator.delegation.constraint import (
    AllOf,
    AnyOf,
    Constraint,
    HostIs,
    Length,
    OneOf,
    PathBelow,
    Prefix,
    Within,
)
from mediator.effect import Effect

PATHS: Final = (
    "/",
    "/d",
    "/d/a",
    "/d/a/b",
    "/da",
    "/d/",
    "/d/../e",
    "/d//a",
    "/d/%2e%2e/e",
    "/d/.",
    "d/a",
    "../d",
    "/e",
)
URLS: Final = (
    "https://h/", "https://h/d", "http://h/d/a", "https://h:8443/", "https://h.e/", "https://u@h/", "https://h",
    "https://h/d/../e", "HTTPS://h/", "//h/d", "https://hd/",
)  # fmt: skip
VALUES: Final[tuple[Json, ...]] = (
    None, True, False, -1, 0, 0.5, 1, 2, 3, 1e20, "", "1", "a", "ab", "abc", "b", [], ["a"], [1, 2], [[], {}, "a"], {},
    {"a": 1}, *PATHS, *URLS,
)  # fmt: skip
SERVERS: Final = ("a", "b", "ab")
NAMES: Final = ("r", "re", "ore", "prompt:r")
SERIALS: Final = (0, 1, 2)
EFFECTS: Final = tuple(Effect)
POINTERS: Final = ("/p", "/q", "/p/0")

SPANS: Final = tuple(pair for pair in product((None, 0, 0.5, 1), (None, 1, 2, 3)) if pair != (None, None))
LEAVES: Final[tuple[Constraint, ...]] = (
    *(
        OneOf(frozenset(some))
        for some in ((b"1",), (b"1", b"2"), (b'"/d/a"', b'"/d"'), (b'"a"', b"1"), (b'"/d/../e"',))
    ),
    *map(Prefix, ("a", "ab", "/d", "/d/", "/d/a", "/", "https://h/", "https://h/d", "..")),
    *map(PathBelow, ("/", "/d", "/d/a", "/da")),
    *map(HostIs, ("h", "h:8443", "h.e")),
    *(Within(low, high) for low, high in SPANS),
    *(Length(low, high) for low, high in SPANS if 0.5 not in {low, high}),
)
FEW: Final = LEAVES[1:3] + LEAVES[5:8] + LEAVES[14:16] + LEAVES[18:19] + LEAVES[24:27]
PAIRS: Final = tuple(kind(pair) for kind in (AllOf, AnyOf) for pair in product(FEW, FEW))
"""Every one of these is compared with every other: what is drawn hardly ever meets."""

values = st.sampled_from(VALUES)
leaves: st.SearchStrategy[Constraint] = st.sampled_from(LEAVES) | st.builds(
    lambda some: OneOf(frozenset(map(canonical_bytes, some))), st.lists(values, min_size=1, max_size=3)
)


def _compound(inner: st.SearchStrategy[Constraint]) -> st.SearchStrategy[Constraint]:
    parts = st.lists(inner, min_size=1, max_size=3).map(tuple)
    return st.builds(AllOf, parts) | st.builds(AnyOf, parts)


constraints = st.recursive(leaves, _compound, max_leaves=5)


@st.composite
def narrowed(draw: st.DrawFn, wide: Constraint) -> Constraint:
    """Return a constraint that is mostly within this one, by one step of the ways in which there are."""
    other = draw(constraints)
    steps: list[Constraint] = [wide, AllOf((wide, other)), AllOf((other, wide)), AnyOf((wide, other)), other]
    match wide:
        case OneOf(values=some):
            steps.append(OneOf(frozenset({draw(st.sampled_from(sorted(some)))})))
        case Prefix(text=text):
            steps += [Prefix(f"{text}a"), OneOf(frozenset({canonical_bytes(f"{text}a")}))]
        case PathBelow(path=path):
            steps += [PathBelow(f"{path.rstrip('/')}/a"), OneOf(frozenset({canonical_bytes(path)}))]
        case AllOf(parts=parts):
            steps += [AllOf(tuple(draw(narrowed(part)) for part in parts)), parts[0]]
        case AnyOf(parts=parts):
            steps += [draw(narrowed(part)) for part in parts]
        case _:
            pass
    return draw(st.sampled_from(steps))


HALVES: Final = ((*SERVERS, "*", "a*", "*b"), (*NAMES, "*", "r*", "*re", "*r*", "prompt:*"))
PATTERNS: Final = tuple(map("/".join, product(*HALVES)))
patterns = st.sampled_from(PATTERNS)
effects = st.frozensets(st.sampled_from(EFFECTS), min_size=1, max_size=3)
constrained = st.dictionaries(st.sampled_from(POINTERS), constraints, max_size=2)
entries: st.SearchStrategy[Entry] = st.builds(Entry, pattern=patterns, effects=effects, arguments=constrained)
rights = st.builds(Rights, entries=st.lists(entries, max_size=3).map(tuple), pin_serial=st.sampled_from(SERIALS))
authorities = st.builds(Authority, st.frozensets(rights, min_size=1, max_size=2))


@st.composite
def narrower_entries(draw: st.DrawFn, wide: Rights) -> tuple[Entry, ...]:
    """Return entries that are mostly within these rights: some of theirs, each closer in one way or another."""
    if not wide.entries:
        return draw(st.lists(entries, max_size=1).map(tuple))
    made = []
    for entry in draw(st.lists(st.sampled_from(wide.entries), min_size=1, max_size=2)):
        some = frozenset(draw(st.lists(st.sampled_from(sorted(entry.effects)), min_size=1, max_size=2)))
        kept = {pointer: draw(narrowed(constraint)) for pointer, constraint in entry.arguments.items()}
        pattern = entry.pattern.replace("*", draw(st.sampled_from(["*", "a", "", "r*"])))
        pattern = pattern if "" not in pattern.split("/") else entry.pattern
        made.append(Entry(pattern=pattern, effects=some, arguments={**draw(constrained), **kept}))
    return tuple(made)


@st.composite
def narrower_rights(draw: st.DrawFn, wide: Rights) -> Rights:
    """Return rights that are mostly within these."""
    serial = draw(st.integers(0, wide.pin_serial) | st.sampled_from(SERIALS))
    return Rights(entries=draw(narrower_entries(wide)), pin_serial=serial)


arguments: st.SearchStrategy[JsonObject] = st.fixed_dictionaries({}, optional={"p": values, "q": values})
calls = st.lists(arguments, min_size=1, max_size=4)


def is_nowhere_wider(narrow: Authority, wide: Authority, asked: list[JsonObject]) -> bool:
    """Tell whether nothing that there is, is seen or covered by the one and not by the other: asked of everything."""
    for server, name, serial in product(SERVERS, NAMES, SERIALS):
        if narrow.matches(server, name, serial) and not wide.matches(server, name, serial):
            return False
        for effect, told in product(EFFECTS, asked):
            if narrow.covers(server, name, effect, told, serial) and not wide.covers(
                server, name, effect, told, serial
            ):
                return False
    return True
