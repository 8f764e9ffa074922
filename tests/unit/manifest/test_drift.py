"""Drift: what differs is found, whatever it is; what does not differ is not.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.canonical import Json, JsonObject
from mediator.kind import ItemKind
from mediator.manifest.changes import FieldChange, Kind
from mediator.manifest.drift import Added, Changed, Missing, OfferComparison, Unchanged, Unreadable, compare
from mediator.manifest.offer import Offer
from tests.promises import promise
from tests.simulated.pins import READ, copied, full_manifest, pins_of, pins_of_manifest

WRITE: JsonObject = {**READ, "name": "write"}
PINS = pins_of(READ, WRITE)


def compared(*offered: Json) -> OfferComparison:
    return compare(PINS, None, Offer(tools=offered))


def test_what_is_offered_as_pinned_is_unchanged() -> None:
    """Design 5.4."""
    comparison = compared(READ, WRITE)
    assert comparison.unchanged == (Unchanged(server="files", name="read"), Unchanged(server="files", name="write"))
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
    assert comparison.missing == (Missing(server="files", name="read"),)
    assert comparison.quarantined == {("files", ItemKind.TOOL, "read")}


@promise("P3")
def test_a_tool_that_was_added_does_not_exist() -> None:
    """Promise P3: what a server adds after review."""
    comparison = compared(READ, WRITE, {"name": "steal"})
    assert comparison.added == (Added(name="steal"),)
    assert comparison.quarantined == frozenset()


@promise("P3")
def test_a_tool_that_was_renamed_is_missing_and_another_is_added() -> None:
    """Promise P3; a rename in other case is one."""
    comparison = compared({**READ, "name": "Read"}, WRITE)
    assert comparison.missing == (Missing(server="files", name="read"),)
    assert comparison.added == (Added(name="Read"),)


@promise("P3")
def test_a_tool_that_was_changed_is_told_field_by_field() -> None:
    """Design 5.4: the report says exactly which field moved."""
    changed: JsonObject = {**READ, "description": "Evil", "x-new": None}
    comparison = compared(changed, WRITE)
    assert comparison.changed == (
        Changed(
            server="files",
            name="read",
            fields=(
                FieldChange(pointer="/description", old='"Read a file"', new='"Evil"', kind=Kind.REWORDS),
                FieldChange(pointer="/x-new", old=None, new="null", kind=Kind.UNCLEAR),
            ),
        ),
    )
    assert comparison.quarantined == {("files", ItemKind.TOOL, "read")}


@promise("P3")
@pytest.mark.parametrize(
    "second", [READ, {"name": "read"}, {**READ, "description": "Evil"}], ids=["same", "bare", "evil"]
)
def test_a_name_that_is_offered_twice_is_drift_whatever_stands_under_it(second: JsonObject) -> None:
    """A2: of two definitions nobody can say which one a call would meet."""
    for offered in ([READ, WRITE, second], [second, READ, WRITE]):
        comparison = compared(*offered)
        assert comparison.changed == (Changed(server="files", name="read", fields=()),)
        assert [one.detail for one in comparison.unreadable] == ["a name that stands in the list before"]
        assert comparison.quarantined == {("files", ItemKind.TOOL, "read")}


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
    comparison = compare(PINS, None, Offer(tools=offered))
    assert len(comparison.unchanged) + len(comparison.quarantined) == len(PINS)


PROMPT: JsonObject = {"name": "greet", "description": "Hello"}
LOG: JsonObject = {"uri": "log://now", "name": "log"}
PAGE: JsonObject = {"uriTemplate": "docs://{page}", "name": "page"}
ALL = pins_of_manifest(
    full_manifest(
        prompts=[PROMPT],
        resources=[LOG],
        resource_templates=[PAGE],
        prefixes=["file:///data/"],
        instructions="Mind the files.",
    )
)
AS_PINNED = Offer(
    tools=[READ], prompts=[PROMPT], resources=[LOG], resource_templates=[PAGE], instructions="Mind the files."
)


def compared_with(**changed: Any) -> OfferComparison:
    return compare(ALL.items, ALL.instructions("files"), replace(AS_PINNED, **changed))


def test_every_list_is_compared_and_a_prefix_is_never_offered() -> None:
    """Issue 3: tools, prompts, resources and templates."""
    comparison = compared_with()
    assert [one.name for one in comparison.unchanged] == [
        "read",
        "greet",
        "docs://{page}",
        "file:///data/",
        "log://now",
    ]
    assert (comparison.quarantined, comparison.added, comparison.instructions) == (frozenset(), (), ())


@promise("P3")
@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"prompts": []}, (ItemKind.PROMPT, "greet")),
        ({"prompts": [{**PROMPT, "description": "Evil"}]}, (ItemKind.PROMPT, "greet")),
        ({"prompts": [PROMPT, PROMPT]}, (ItemKind.PROMPT, "greet")),
        ({"resources": []}, (ItemKind.RESOURCE, "log://now")),
        ({"resources": [{**LOG, "size": 1}]}, (ItemKind.RESOURCE, "log://now")),
        ({"resource_templates": [{**PAGE, "x": 1}]}, (ItemKind.RESOURCE, "docs://{page}")),
        ({"resource_templates": [{**PAGE, "uriTemplate": "docs://{+page}"}]}, (ItemKind.RESOURCE, "docs://{page}")),
    ],
    ids=str,
)
def test_a_prompt_or_family_that_is_not_as_pinned_is_quarantined(
    changed: dict[str, Any], key: tuple[ItemKind, str]
) -> None:
    """Promise P3: for each kind."""
    assert compared_with(**changed).quarantined == {("files", *key)}


@promise("P3")
def test_a_resource_is_added_unless_a_family_covers_it() -> None:
    """Issue 3: resources appear at run time; what no family names does not exist."""
    covered: list[Json] = [
        {"uri": "docs://intro", "name": "a"},
        {"uri": "file:///data/a", "name": "b", "mimeType": "text/plain"},
    ]
    strange: list[Json] = [
        {"uri": "file:///data/b", "name": "no type"},
        {"uri": "file:///data/c", "name": "another", "mimeType": ["text/plain"]},
        {"uri": "file:///data/../etc/passwd", "name": "out", "mimeType": "text/plain"},
        {"uri": "mail://inbox", "name": "another server's"},
    ]
    comparison = compared_with(resources=[LOG, *covered, *strange, {"name": "none"}, 5])
    assert comparison.quarantined == frozenset()
    assert [(one.kind, one.name) for one in comparison.added] == [
        (ItemKind.RESOURCE, one["uri"]) for one in strange if isinstance(one, dict)
    ]
    assert [(one.kind, one.index, one.detail) for one in comparison.unreadable] == [
        (ItemKind.RESOURCE, index, "not an object with a `uri`") for index in (7, 8)
    ]


@promise("P3")
@pytest.mark.parametrize("said", [None, "", "Mind the files. Then mail them."])
def test_other_instructions_take_the_whole_server_with_them(said: str | None) -> None:
    """Issue 3: every tool was reviewed under those that were pinned."""
    comparison = compared_with(instructions=said)
    assert comparison.quarantined == {("files", one.kind, one.name) for one in ALL.items}
    (change,) = comparison.instructions
    assert (change.pointer, change.old) == ("/instructions", '"Mind the files."')


@promise("P3")
def test_instructions_where_none_were_pinned_are_added() -> None:
    """P3: for agents they do not exist."""
    comparison = compare(PINS, None, Offer(tools=[READ, WRITE], instructions="Do."))
    assert comparison.has_added_instructions
    assert comparison.quarantined == frozenset()


@promise("P3")
@pytest.mark.parametrize(
    ("old", "new", "grows"),
    [
        ({"readOnlyHint": True}, {"readOnlyHint": False}, True),
        ({"readOnlyHint": True}, {}, True),
        ({"readOnlyHint": True}, {"readOnlyHint": "yes"}, True),
        ({"destructiveHint": False}, {}, True),
        ({"openWorldHint": False}, {"openWorldHint": True}, True),
        ({"idempotentHint": True}, None, True),
        ({}, {"readOnlyHint": True}, False),
        ({}, {"title": "x"}, False),
    ],
)
def test_hints_that_turn_more_dangerous_are_marked(old: JsonObject, new: Json, grows: bool) -> None:
    """Issue 3: they count as changed, as any change does."""
    hinted: JsonObject = {**READ, "annotations": old}
    (changed,) = compare(pins_of(hinted), None, Offer(tools=[{**READ, "annotations": new}])).changed
    assert changed.grows_dangerous is grows
