"""How a misfit is told: places that print, and words of the schema alone.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import jsonschema_rs
import pytest

from mediator.canonical import Json, JsonObject
from mediator.manifest.misfit import show, tell


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ([], "/"),
        (["a", 0, "b/c~d"], "/a/0/b~1c~0d"),
        (["\x1b[2J\n"], "/\\u001b[2J\\u000a"),
        (["x" * 300], "/" + "x" * 199 + "…"),
        (["Ä"], "/Ä"),
    ],
    ids=ascii,
)
def test_a_place_is_a_json_pointer_that_prints(path: list[str | int], pointer: str) -> None:
    """RFC 6901 §3; house style, 4: escape bytes pass nowhere."""
    assert show(path) == pointer


@pytest.mark.parametrize(
    ("schema", "value", "words"),
    [
        ({"type": ["null", "string"]}, 5, "expected null or string"),
        ({"const": {"a": 1}}, 5, 'expected {"a":1}'),
        ({"enum": ["x" * 300]}, 5, 'expected one of ["' + "x" * 198 + "…"),
        ({"exclusiveMaximum": 3}, 5, "expected a number below 3"),
        ({"exclusiveMinimum": 7.5}, 5, "expected a number above 7.5"),
        ({"maximum": 1e20}, 1e21, "expected at most 100000000000000000000"),
        ({"multipleOf": 2}, 5, "expected a multiple of 2"),
        ({"maxLength": 2}, "abc", "expected at most 2 characters"),
        ({"maxItems": 1}, [1, 2], "expected at most 1 items"),
        ({"minItems": 3}, [1, 2], "expected at least 3 items"),
        ({"uniqueItems": True}, [1, 1], "expected items that all differ"),
        ({"contains": {"const": 1}}, [2], "expected an item of the kind that the schema asks for"),
        ({"maxProperties": 1}, {"a": 1, "b": 2}, "expected at most 1 keys"),
        ({"minProperties": 1}, {}, "expected at least 1 keys"),
        (
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
            5,
            "expected one of the alternatives that the schema gives",
        ),
        ({"oneOf": [{}, {}]}, 5, "expected exactly one of the alternatives that the schema gives"),
        ({"not": {}}, 5, "expected what the schema says"),
        ({"propertyNames": {"maxLength": 0}}, {"a": 1}, "expected what the schema says"),
        (False, 5, "expected what the schema says"),
    ],
    ids=str,
)
def test_each_keyword_is_told_in_words(schema: JsonObject, value: Json, words: str) -> None:
    """Ours: what was expected, in the schema's own values."""
    validator = jsonschema_rs.Draft202012Validator({"properties": {"a": schema}})
    error = next(iter(validator.iter_errors({"a": value})))

    assert tell(error.instance_path, error.kind.name, error.kind.value) == ("/a", words)


def test_a_missing_member_is_told_at_its_own_place() -> None:
    """Ours: the place that must be filled."""
    assert tell(["a"], "required", "b") == ("/a/b", "required, but missing")


def test_the_first_unnamed_key_is_told_at_its_own_place() -> None:
    """Ours."""
    assert tell([], "additionalProperties", ["b", "c"])[0] == "/b"


def test_an_object_that_nobody_describes_is_told() -> None:
    """Ours: see `closed_world.py`."""
    assert tell(["a", 0], "maxProperties", 0) == (
        "/a/0",
        "an object that the tool's schema does not describe: expected none here, or an empty one",
    )
