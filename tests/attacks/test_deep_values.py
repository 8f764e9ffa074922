"""Attack: a small value, nested deeply, that would keep the validator busy for minutes.

A1 with a schema that recurs, and a publisher (A3) who wrote one that branches into itself.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from mediator.canonical import Json, JsonObject
from mediator.manifest.schema import prepare
from mediator.refusal import Reason, Refused
from tests.promises import promise

NODE: JsonObject = {"$ref": "#/$defs/node"}
KEY: JsonObject = {"type": "object", "properties": {"c": NODE}}
DEPTH = 60


def rooted(node: JsonObject) -> JsonObject:
    return {"type": "object", "properties": {"c": NODE}, "$defs": {"node": node}}


@promise("P7")
@pytest.mark.parametrize(
    "node",
    [
        {"anyOf": [{**KEY, "required": ["x"]}, KEY]},
        {"oneOf": [{**KEY, "required": [name]} for name in ("x", "y", "z")]},
        {"properties": {"c": {"allOf": [NODE, NODE]}}},
        {"anyOf": [{"type": "array", "items": NODE, "minItems": 2}, {"type": "array", "items": NODE}]},
        {"anyOf": [NODE, {"type": "null"}]},
    ],
    ids=["any of two", "one of three", "all of twice", "lists", "itself"],
)
def test_a_schema_that_branches_into_itself_cannot_be_pinned(node: JsonObject) -> None:
    """Issue 3: each level of a value doubles the work, so it is refused before there is any value."""
    plain: JsonObject = {"type": "object"}
    for given, output in ((rooted(node), None), (plain, rooted(node))):
        with pytest.raises(Refused) as refused:
            prepare(given, output, frozenset())
        assert refused.value.reason is Reason.MALFORMED
        assert "leads back to itself" in refused.value.detail


RECURSIVE: Mapping[str, JsonObject] = {
    "a tree": KEY,
    "nullable": {"type": "object", "properties": {"c": {"anyOf": [NODE, {"type": "null"}]}}},
    "any JSON": {"anyOf": [KEY, {"type": "array", "items": NODE}, {"type": "integer"}]},
    "nested branches": {"anyOf": [{"anyOf": [{"allOf": [KEY]}, {"type": "null"}]}, {"type": "integer"}]},
    "a condition": {"oneOf": [{"if": {"type": "object"}, "then": {"allOf": [KEY]}}, {"type": "string"}]},
    "unevaluated": {"anyOf": [KEY, {"type": "integer"}], "unevaluatedProperties": False},
    "dependent": {"type": "object", "dependentSchemas": {"c": {"properties": {"c": NODE}}}},
}


@promise("P12")
@pytest.mark.parametrize("node", RECURSIVE.values(), ids=RECURSIVE.keys())
def test_what_may_recur_is_judged_in_linear_time(node: JsonObject) -> None:
    """Ours. If the work doubled with each level, 2^60 steps would not end while this test does."""
    prepared = prepare(rooted(node), rooted(node), frozenset())
    assert prepared.output is not None
    leaves: list[Json] = [{}, {"unnamed": 1}, [{"unnamed": 1}], 1.5]
    for leaf in leaves:
        value = leaf
        for _ in range(DEPTH):
            value = {"c": value}
        assert isinstance(value, dict)
        for check in (prepared.check_arguments, prepared.output.check):
            try:
                check(value)
            except Refused as refused:
                assert refused.reason in {Reason.ARGUMENTS_INVALID, Reason.TOOL_SERVER_INVALID}
