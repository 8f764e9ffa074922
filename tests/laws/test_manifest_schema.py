"""The published JSON Schema of manifests and our parser say the same, but for what a schema cannot say.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

import jsonschema_rs
import pytest

from mediator.canonical import Json, JsonObject, digest_of, parse_object
from mediator.manifest.manifest import read_manifest
from mediator.refusal import Refused
from tests.simulated.pins import copied, full_manifest, manifest_of

SCHEMA: Final = parse_object(files("mediator.manifest").joinpath("manifest.schema.json").read_bytes())
VALIDATOR: Final = jsonschema_rs.Draft202012Validator(SCHEMA)
EXAMPLE: Final = Path(__file__).parents[2] / "tool_manifests" / "example" / "manifest.json"
PROMPT: JsonObject = {"name": "greet", "arguments": []}
LOG: JsonObject = {"uri": "log://now", "name": "log"}
PAGE: JsonObject = {"uriTemplate": "docs://{page}", "name": "page"}
FULL: Final = full_manifest(
    prompts=[PROMPT], resources=[LOG], resource_templates=[PAGE], prefixes=["file:///data/"], instructions="Mind."
)


def is_accepted(manifest: JsonObject) -> bool:
    try:
        read_manifest(manifest)
    except Refused:
        return False
    return True


@pytest.mark.parametrize(
    "manifest",
    [FULL, manifest_of(), {**FULL, "$schema": "../manifest.schema.json"}, parse_object(EXAMPLE.read_bytes())],
    ids=["full", "tools", "with a schema", "example"],
)
def test_what_the_parser_accepts_validates(manifest: JsonObject) -> None:
    """Issue 3: published in the package and used by editors."""
    assert is_accepted(manifest)
    assert VALIDATOR.is_valid(manifest)


def _places(value: Json, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place that is the form's own: not what stands in a definition."""
    found = [path]
    if path and path[-1] == "definition":
        return found
    if isinstance(value, dict):
        return found + [place for key in value for place in _places(value[key], (*path, key))]
    if isinstance(value, list):
        return found + [place for index, one in enumerate(value) for place in _places(one, (*path, index))]
    return found


OTHERS: Final[dict[str, Json]] = {"a number": -7, "an object": {"x": 1}, "a list": [5], "a text": "\u0007 #"}


def changed(path: tuple[str | int, ...], how: str) -> JsonObject:
    """The full manifest with one place dropped, or holding something else."""
    manifest = copied(FULL)
    holder: Json = manifest
    for step in path[:-1]:
        assert isinstance(holder, (dict, list))
        holder = holder[step]  # type: ignore[index]  # the path is of the value
    assert isinstance(holder, (dict, list))
    last = path[-1]
    if how == "dropped":
        del holder[last]  # type: ignore[arg-type]  # as above
    else:
        holder[last] = OTHERS[how]  # type: ignore[index]  # as above
    return manifest


PLACES: Final = [place for place in _places(FULL) if place]


@pytest.mark.parametrize("how", ["dropped", "a number", "an object", "a list", "a text"])
def test_what_is_of_another_form_both_refuse(how: str) -> None:
    """Ours: no place of the form is checked by one of them alone."""
    for path in PLACES:
        manifest = changed(path, how)
        if is_accepted(manifest):
            assert VALIDATOR.is_valid(manifest), (how, path)
        elif not _is_digested(path):
            assert not VALIDATOR.is_valid(manifest), (how, path)


def _is_digested(path: tuple[str | int, ...]) -> bool:
    """A prefix family's own words are digested: the schema sees other words, no other form."""
    return path[-1] in {"description", "title"} and path[0] == "resources"


def _resource(**said: Json) -> JsonObject:
    entries = FULL["resources"]
    assert isinstance(entries, list)
    entry = entries[0]
    assert isinstance(entry, dict)
    return {**FULL, "resources": [{**entry, **said}]}


@pytest.mark.parametrize("name", ["../files", "io.example/..", "./x", "io.example/.", "../..", ".../..."])
def test_a_name_with_a_part_of_dots_alone_is_refused_by_both(name: str) -> None:
    """Ours: as a part of a path or an address it would be a step up."""
    server = FULL["server"]
    assert isinstance(server, dict)
    manifest: JsonObject = {**FULL, "server": {**server, "name": name}}
    assert not is_accepted(manifest)
    assert not VALIDATOR.is_valid(manifest)
    assert is_accepted({**FULL, "server": {**server, "name": "..a/b.."}})
    assert VALIDATOR.is_valid({**FULL, "server": {**server, "name": "..a/b.."}})


ONLY_THE_PARSER: Final[dict[str, JsonObject]] = {
    "a digest that is of something else": {**FULL, "tools": [{**manifest_of()["tools"][0], "digest": digest_of("x")}]},  # type: ignore[index, dict-item]  # a list of objects
    "an end before the beginning": {**FULL, "expires": FULL["issued"]},
    "a day that is none": {**FULL, "expires": "2027-02-30T00:00:00Z"},
    "two tools of one name": {**FULL, "tools": [*FULL["tools"], *FULL["tools"]]},  # type: ignore[misc]  # a list
    "a family that the definition does not name": _resource(family={"template": "docs://{other}"}),
    "a URI that is not in normal form": _resource(
        family={"uri": "file:///a/../b"}, definition={"uri": "file:///a/../b", "name": "b"}
    ),
}


@pytest.mark.parametrize("name", ONLY_THE_PARSER)
def test_what_a_schema_cannot_say_the_parser_says(name: str) -> None:
    """Ours: each difference by its name."""
    manifest = ONLY_THE_PARSER[name]
    assert not is_accepted(manifest)
    assert VALIDATOR.is_valid(manifest)


def test_the_schema_is_one_and_names_no_host() -> None:
    """Ours: it is found in the package, not on a network."""
    jsonschema_rs.meta.validate(SCHEMA)
    assert SCHEMA["$id"] == "urn:mcp-mediator:manifest:1"
