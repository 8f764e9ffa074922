"""Drift: what differs is found, whatever it is; what does not differ is not.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.canonical import Json, JsonObject
from mediator.manifest.changes import FieldChange, Kind
from mediator.manifest.drift import Added, Changed, Missing, OfferComparison, Unchanged, Unreadable, compare
from tests.promises import promise
from tests.simulated.pins import READ, copied, pins_of

WRITE: JsonObject = {**READ, "name": "write"}
PINS = pins_of(READ, WRITE)


def compared(*offered: Json) -> OfferComparison:
    return compare(PINS, offered)


def test_what_is_offered_as_pinned_is_unchanged() -> None:
    """Design 5.4."""
    comparison = compared(READ, WRITE)
    assert comparison.unchanged == (Unchanged(server="files", tool="read"), Unchanged(server="files", tool="write"))
    assert comparison.quarantined == frozenset()
    assert (comparison.missing, comparison.changed, comparison.added, comparison.unreadable) == ((), (), (), ())


def test_order_of_keys_and_of_tools_is_no_drift() -> None:
    """Design 5.4: a digest survives what does not change meaning."""
    reordered: JsonObject = dict(reversed(copied(READ).items()))
    assert compared(WRITE, reordered).quarantined == frozenset()


@promise("P3")
def test_a_tool_that_is_gone_is_missing() -> None:
    """Promise P3."""
    comparison = compared(WRITE)
    assert comparison.missing == (Missing(server="files", tool="read"),)
    assert comparison.quarantined == {("files", "read")}


@promise("P3")
def test_a_tool_that_was_added_does_not_exist() -> None:
    """Promise P3: what a server adds after review."""
    comparison = compared(READ, WRITE, {"name": "steal"})
    assert comparison.added == (Added(tool="steal"),)
    assert comparison.quarantined == frozenset()


@promise("P3")
def test_a_tool_that_was_renamed_is_missing_and_another_is_added() -> None:
    """Promise P3; a rename in other case is one."""
    comparison = compared({**READ, "name": "Read"}, WRITE)
    assert comparison.missing == (Missing(server="files", tool="read"),)
    assert comparison.added == (Added(tool="Read"),)


@promise("P3")
def test_a_tool_that_was_changed_is_told_field_by_field() -> None:
    """Design 5.4: the report says exactly which field moved."""
    changed: JsonObject = {**READ, "description": "Evil", "x-new": None}
    comparison = compared(changed, WRITE)
    assert comparison.changed == (
        Changed(
            server="files",
            tool="read",
            fields=(
                FieldChange(pointer="/description", old='"Read a file"', new='"Evil"', kind=Kind.REWORDS),
                FieldChange(pointer="/x-new", old=None, new="null", kind=Kind.UNCLEAR),
            ),
        ),
    )
    assert comparison.quarantined == {("files", "read")}


@promise("P3")
@pytest.mark.parametrize(
    "second", [READ, {"name": "read"}, {**READ, "description": "Evil"}], ids=["same", "bare", "evil"]
)
def test_a_name_that_is_offered_twice_is_drift_whatever_stands_under_it(second: JsonObject) -> None:
    """A2: of two definitions nobody can say which one a call would meet."""
    for offered in ([READ, WRITE, second], [second, READ, WRITE]):
        comparison = compared(*offered)
        assert comparison.changed == (Changed(server="files", tool="read", fields=()),)
        assert [one.detail for one in comparison.unreadable] == ["a name that stands in the list before"]
        assert comparison.quarantined == {("files", "read")}


@pytest.mark.parametrize("entry", [None, 5, "read", ["read"], {}, {"name": None}, {"name": ["read"]}], ids=str)
def test_what_is_no_tool_is_told_and_hides_nothing(entry: Json) -> None:
    """A2: a list may hold anything."""
    comparison = compared(entry, READ, WRITE)
    assert comparison.unreadable == (Unreadable(index=0, detail="not an object with a name"),)
    assert comparison.quarantined == frozenset()


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["type", "required", "properties", "é", "a"]), inner, max_size=2)
    ),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.sampled_from(["name", "inputSchema", "description", "x"]), VALUES, max_size=3)


@given(st.lists(VALUES | OBJECTS, max_size=4))
def test_any_list_is_compared(offered: list[Json]) -> None:
    """A2: whatever a server lists, comparing does not fail."""
    comparison = compare(PINS, offered)
    assert len(comparison.unchanged) + len(comparison.quarantined) == len(PINS)
