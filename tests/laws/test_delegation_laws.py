"""Laws of authority: a lattice, in which whatever is within another gives nothing more.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from mediator.canonical import JsonObject, canonical_bytes, parse_json
from mediator.delegation.authority import Authority, Entry, Rights
from mediator.delegation.constraint import Constraint, holds, is_within
from mediator.delegation.constraint_form import constraint_form, parse_constraint
from mediator.effect import Effect
from mediator.refusal import Reason, Refused
from tests.laws.rights import (
    LEAVES,
    NAMES,
    PAIRS,
    PATTERNS,
    SERVERS,
    VALUES,
    authorities,
    calls,
    constraints,
    is_nowhere_wider,
    narrowed,
    narrower_rights,
    rights,
)
from tests.promises import promise

# --- constraints -----------------------------------------------------------------------------------------------------


@promise("P4")
def test_no_constraint_is_within_one_that_holds_of_less() -> None:
    """Ours: of a few hundred, each with each, over every value that there is."""
    held = {
        one: frozenset(number for number, value in enumerate(VALUES) if holds(one, value)) for one in (*LEAVES, *PAIRS)
    }
    within = [(narrow, wide) for narrow, wide in product(held, held) if is_within(narrow, wide)]
    assert [pair for pair in within if not held[pair[0]] <= held[pair[1]]] == []
    assert len(within) > 10 * len(held)


@promise("P4")
@given(st.data())
def test_what_a_narrower_constraint_holds_of_the_wider_holds_of(data: st.DataObject) -> None:
    """Ours: `is_within` may say no where the truth is yes, never the other way round."""
    wide = data.draw(constraints)
    narrow = data.draw(narrowed(wide))
    if is_within(narrow, wide):
        event("within")
        assert [value for value in VALUES if holds(narrow, value) and not holds(wide, value)] == []


@promise("P4")
@given(st.data())
def test_within_is_an_order_of_constraints(data: st.DataObject) -> None:
    """Ours: of itself, and from one to the next; or what was handed on twice could not be proven to its root."""
    wide = data.draw(constraints)
    middle = data.draw(narrowed(wide))
    narrow = data.draw(narrowed(middle))
    assert is_within(wide, wide)
    if is_within(narrow, middle) and is_within(middle, wide):
        event("in order")
        assert is_within(narrow, wide)


@given(constraints)
def test_a_constraint_has_one_form_that_comes_back(constraint: Constraint) -> None:
    """Ours: what is stored, under the MAC, is what was granted."""
    form = constraint_form(constraint)
    through = parse_json(canonical_bytes(form))
    assert parse_constraint(through, "/c") == constraint
    assert canonical_bytes(constraint_form(parse_constraint(through, "/c"))) == canonical_bytes(form)


JUNK = st.recursive(
    st.sampled_from(VALUES),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["exact", "one_of", "prefix", "all", "any", "range", "not", "min"]), inner, max_size=2
        )
    ),
    max_leaves=5,
)


@promise("P7")
@given(JUNK)
def test_any_form_is_a_constraint_or_refused(form: Any) -> None:
    """House style 4; and none of them is a list of nothing."""
    try:
        constraint = parse_constraint(form, "/c")
    except Refused as stop:
        assert stop.reason is Reason.MALFORMED
        assert stop.detail.startswith("`/c")
    else:
        (kind,) = form
        assert kind in {"exact", "one_of", "prefix", "all", "any", "range"}
        assert form[kind] or kind == "exact"
        assert is_within(constraint, constraint)


# --- authority -------------------------------------------------------------------------------------------------------


@promise("P4")
@given(authorities, authorities, authorities)
def test_a_meet_knows_no_order(a: Authority, b: Authority, c: Authority) -> None:
    """Ours: a lattice; whichever link is looked at first."""
    assert a.meet(b) == b.meet(a)
    assert a.meet(b).meet(c) == a.meet(b.meet(c))
    assert a.meet(a) == a
    assert a.meet(a.meet(b)) == a.meet(b)


@promise("P4")
@given(authorities, authorities, calls)
def test_a_meet_gives_what_both_give(a: Authority, b: Authority, asked: list[JsonObject]) -> None:
    """P4: and is within each."""
    both = a.meet(b)
    assert both.is_within(a)
    assert both.is_within(b)
    assert is_nowhere_wider(both, a, asked)
    assert is_nowhere_wider(both, b, asked)
    if a.is_within(b):
        assert is_nowhere_wider(a, both, asked)


@promise("P4", "P6")
def test_no_entry_is_within_one_that_names_or_matches_less() -> None:
    """P4: of every pattern with every other, to each effect, over every item that there is."""
    entries_of = {
        (pattern, effect): Entry(pattern=pattern, effects=frozenset({effect}))
        for pattern in PATTERNS
        for effect in Effect
    }
    items = [*product(SERVERS, (*NAMES, "*", "r*"))]
    matched = {key: {item for item in items if entry.matches(*item)} for key, entry in entries_of.items()}
    named = {key: {item for item in items if entry.names(*item, key[1])} for key, entry in entries_of.items()}
    within = [
        (one, other)
        for one, other in product(entries_of, entries_of)
        if one[1] is other[1] and entries_of[one].reaches_no_further(entries_of[other], one[1])
    ]
    assert [pair for pair in within if not (named[pair[0]] <= named[pair[1]])] == []
    assert [pair for pair in within if not (matched[pair[0]] <= matched[pair[1]])] == []
    assert len(within) > len(entries_of)


@promise("P3", "P4")
@given(rights, st.integers(0, 3), st.integers(0, 3))
def test_rights_over_later_pins_are_not_within(some: Rights, mine: int, theirs: int) -> None:
    """P4: closed when they were given."""
    assert replace(some, pin_serial=mine).narrows(replace(some, pin_serial=theirs)) is (mine <= theirs)


@promise("P4")
@given(st.data(), rights, calls)
def test_what_is_within_covers_and_matches_nothing_more(
    data: st.DataObject, wide: Rights, asked: list[JsonObject]
) -> None:
    """P4: asked of every server, name, effect and serial that there is."""
    narrow = data.draw(narrower_rights(wide) | rights)
    if narrow.narrows(wide):
        event("within" if narrow.entries else "within, and nothing")
        one, other = Authority(frozenset({narrow})), Authority(frozenset({wide}))
        assert one.is_within(other)
        assert is_nowhere_wider(one, other, asked)


@promise("P4")
@given(st.data(), rights, authorities)
def test_within_is_an_order_of_authorities(data: st.DataObject, wide: Rights, more: Authority) -> None:
    """Ours."""
    middle = data.draw(narrower_rights(wide))
    narrow = data.draw(narrower_rights(middle))
    a, b, c = (Authority(frozenset({one})) for one in (narrow, middle, wide))
    assert a.is_within(a)
    assert more.is_within(more)
    if a.is_within(b) and b.is_within(c):
        event("in order")
        assert a.is_within(c)
    if a.is_within(b):
        assert a.meet(more).is_within(b.meet(more))
