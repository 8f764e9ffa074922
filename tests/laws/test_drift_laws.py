"""The laws of drift: change anything of a definition, anywhere, and it is told, at its place; reorder it, and it is not.

Over what published servers really offered: exhaustive over the 216 definitions, and every upgrade on record.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.canonical import Json, JsonObject, canonical_bytes, parse_object, pointer_to
from mediator.kind import ItemKind
from mediator.manifest.changes import changes_between
from mediator.manifest.drift import compare
from mediator.manifest.offer import Offer
from tests.laws.json_instances import ANYTHING
from tests.promises import promise
from tests.real_tools import Upgrade, definitions, snapshots, upgrades
from tests.simulated.pins import copied, pinned, pins_of

Path: TypeAlias = tuple[str | int, ...]


def changed_once(value: Json, path: Path = ()) -> Iterator[tuple[frozenset[Path], Json]]:
    """Every value that differs from this one in one place, with the fields that moved: a leaf said otherwise, a member
    or an item more, one less, a key spelt otherwise.
    """
    match value:
        case dict(members):
            yield frozenset({(*path, "x-more")}), {**members, "x-more": None}
            for key, child in members.items():
                rest = {name: said for name, said in members.items() if name != key}
                yield frozenset({(*path, key)}), rest
                yield frozenset({(*path, key), (*path, key + "\u200b")}), {**rest, key + "\u200b": child}
                yield from ((where, {**members, key: other}) for where, other in changed_once(child, (*path, key)))
        case list(items):
            yield frozenset({path}), [*items, None]
            for index, child in enumerate(items):
                yield frozenset({path}), [*items[:index], *items[index + 1 :]]
                yield from (
                    (where, [*items[:index], other, *items[index + 1 :]])
                    for where, other in changed_once(child, (*path, index))
                )
        case str(text):
            yield frozenset({path}), text + "\u200b"
        case bool(flag):
            yield frozenset({path}), not flag
        case int(number) | float(number):
            yield frozenset({path}), number - 1 if number > 0 else number + 1
        case None:
            yield frozenset({path}), False


def told_of(definition: JsonObject, where: frozenset[Path]) -> set[str]:
    """How the report names these fields: a list that is a set (`required`, `enum`, `type`) is named as a whole."""
    return {pointer_to(*_whole(definition, path)) for path in where}


def _whole(value: Json, path: Path) -> Path:
    for depth, step in enumerate(path):
        if isinstance(value, list) and depth and path[depth - 1] in {"required", "enum", "type"}:
            return path[:depth]
        if isinstance(value, dict):
            value = value.get(str(step))
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step]
    return path


def reversed_keys(value: Json) -> Json:
    match value:
        case dict(members):
            return {key: reversed_keys(child) for key, child in reversed(members.items())}
        case list(items):
            return [reversed_keys(child) for child in items]
        case _:
            return value


@promise("P2")
@promise("P3")
def test_every_single_change_of_a_tool_quarantines_it() -> None:
    """Issue 2, rug pull: each model-visible field in turn, the invisible ones too."""
    definition: JsonObject = {
        "name": "read",
        "title": "Read",
        "description": "Read a file",
        "inputSchema": {
            "type": "object",
            "properties": {"path": {"type": "string", "description": "Where"}},
            "required": ["path"],
        },
        "outputSchema": {"type": "object", "properties": {"text": {"type": "string"}}},
        "annotations": {"title": "R", "readOnlyHint": True},
        "icons": [{"src": "https://files.example/i.png", "sizes": ["48x48"]}],
        "execution": {"taskSupport": "forbidden"},
        "_meta": {"a": 1.5},
        "x-vendor": None,
    }
    tool = pinned(definition)
    count = 0
    for _, changed in changed_once(definition):
        assert compare([tool], None, Offer(tools=[changed])).quarantined == {("files", ItemKind.TOOL, "read")}, changed
        count += 1
    assert count == 85


@promise("P3")
@pytest.mark.corpus
def test_every_single_change_of_a_real_tool_is_drift_and_names_its_field() -> None:
    """Issue 3, Must show 1: any leaf, any key more or less or spelt otherwise, at any depth, of 216 definitions."""
    count = 0
    for definition in definitions():
        for where, changed in changed_once(definition):
            assert isinstance(changed, dict)
            told = {change.pointer for change in changes_between(definition, changed)}
            assert told == told_of(definition, where)
            count += 1
    assert len(definitions()) == 216
    assert count == 31_218


@promise("P3")
@pytest.mark.corpus
def test_a_change_of_a_real_tool_in_any_release_is_drift() -> None:
    """The same, more lightly, over every snapshot: each 25th change of each definition that no other release has."""
    seen: set[bytes] = set()
    count = 0
    for tools in snapshots().values():
        for definition in tools:
            if (canonical := canonical_bytes(definition)) in seen:
                continue
            seen.add(canonical)
            for number, (where, changed) in enumerate(changed_once(definition)):
                if number % 25 == len(seen) % 25:
                    assert isinstance(changed, dict)
                    told = {change.pointer for change in changes_between(definition, changed)}
                    assert told == told_of(definition, where)
                    count += 1
    assert sum(map(len, snapshots().values())) == 989
    assert count > 2_000


@pytest.mark.corpus
def test_no_order_of_keys_and_no_white_space_is_drift() -> None:
    """RFC 8785 §3.2.3: neither carries meaning, however the definition is written and read again."""
    for definition in (*definitions(), *(tool for tools in snapshots().values() for tool in tools)):
        other = reversed_keys(copied(definition))
        assert isinstance(other, dict)
        assert changes_between(definition, other) == ()
        assert changes_between(definition, parse_object(canonical_bytes(other))) == ()
        indented = json.dumps(other, indent=3, ensure_ascii=True).encode()
        assert changes_between(definition, parse_object(indented)) == ()


@promise("P3")
@given(st.data())
@pytest.mark.corpus
def test_any_edit_of_a_real_tool_is_told_exactly_where_its_bytes_differ(data: st.DataObject) -> None:
    """Design 5.4: several edits at once, to anything; the digest decides, and the report agrees with it."""
    definition = data.draw(st.sampled_from(definitions()))
    edited = copied(definition)
    for _ in range(data.draw(st.integers(1, 3))):
        edited = _edited(edited, data)
    changes = changes_between(definition, edited)
    assert (changes == ()) is (canonical_bytes(definition) == canonical_bytes(edited))
    assert all(change.old != change.new for change in changes)


def _edited(definition: JsonObject, data: st.DataObject) -> JsonObject:
    """The definition with something else at one place of it, or a member more there."""
    here: JsonObject | list[Json] = definition
    while True:
        below = [*here] if isinstance(here, dict) else [*range(len(here))]
        if not below:
            return definition
        step = data.draw(st.sampled_from(below))
        child: Json = here[step]
        if not isinstance(child, (dict, list)) or data.draw(st.booleans()):
            here[step] = data.draw(ANYTHING)
            return definition
        here = child


@promise("P3")
@pytest.mark.corpus
@pytest.mark.parametrize("upgrade", upgrades(), ids=lambda upgrade: upgrade.name)
def test_every_upgrade_on_record_is_reported(upgrade: Upgrade) -> None:
    """Issue 3, Must show 1: all that is on record, field by field, and nothing beside it; none is waved through.

    A definition that can be pinned is; one that cannot (no `type` in its input schema: ten old releases) never exists
    for an agent, so it has no pin to drift from, and only what the reviewer is shown is compared.
    """
    pinnable = [tool for tool in upgrade.old if _is_about_an_object(tool)]
    comparison = compare(pins_of(*pinnable, server="real") if pinnable else (), None, Offer(tools=upgrade.new))
    moved = {one.name: {change.pointer for change in one.fields} for one in comparison.changed}
    unchanged = {one.name for one in comparison.unchanged}
    offered = {str(tool["name"]): tool for tool in upgrade.new}
    names = {str(tool["name"]) for tool in upgrade.old}
    for tool in upgrade.old:
        if tool not in pinnable and (now := offered.get(str(tool["name"]))) is not None:
            if changes := changes_between(tool, now):
                moved[str(tool["name"])] = {one.pointer for one in changes}
            else:
                unchanged.add(str(tool["name"]))

    assert comparison.unreadable == ()
    assert sorted(offered.keys() - names) == upgrade.added
    assert {one.name for one in comparison.missing} <= set(upgrade.removed)
    assert sorted(names - offered.keys()) == upgrade.removed
    assert len(unchanged) == upgrade.unchanged
    assert moved.keys() == upgrade.changed.keys()
    for tool_name, pointers in moved.items():
        assert {pointer.split("/")[1] for pointer in pointers} == upgrade.changed[tool_name]


@pytest.mark.corpus
def test_of_the_upgrades_on_record_45_change_something() -> None:
    """Ours: what the law above runs over is what the corpus says it holds."""
    assert len(upgrades()) == 74
    assert sum(bool(one.added or one.removed or one.changed) for one in upgrades()) == 45


def _is_about_an_object(definition: JsonObject) -> bool:
    schema = definition["inputSchema"]
    return isinstance(schema, dict) and schema.get("type") == "object"
