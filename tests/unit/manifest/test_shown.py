"""What agents see of a pinned definition, byte for byte (P2).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.manifest.shown import shown_forms
from tests.promises import promise

FULL: JsonObject = {
    "name": "read",
    "title": "Read",
    "description": "Read a file",
    "inputSchema": {"type": "object"},
    "outputSchema": {"type": "object"},
    "annotations": {"readOnlyHint": True},
    "icons": [{"src": "https://files.example/icon.png"}],
    "execution": {"taskSupport": "optional"},
    "_meta": {"x": 1},
    "x-vendor": [1, {"unknown": None}],
}


def without(*names: str, **changed: Json) -> bytes:
    return canonical_bytes({name: said for name, said in (FULL | changed).items() if name not in names})


@promise("P2")
def test_agents_see_the_pin_but_for_the_assigned_name_and_what_an_era_has_not() -> None:
    """Promise P2: the three differences, and no other."""
    forms = shown_forms(FULL, "files__read")

    assert forms.legacy == canonical_bytes(FULL)
    assert forms.legacy_assigned == without(name="files__read")
    assert forms.modern == without("execution")
    assert forms.modern_assigned == without("execution", name="files__read")


@promise("P2")
@pytest.mark.parametrize("output", [{"type": "array"}, {"type": ["object", "null"]}, {}, {"$ref": "#/$defs/a"}, True])
def test_a_result_that_is_no_object_is_not_announced_to_legacy_clients(output: Json) -> None:
    """MCP up to 2025-11-25: outputSchema is about an object."""
    forms = shown_forms({**FULL, "outputSchema": output}, "files__read")

    assert forms.legacy == without("outputSchema")
    assert forms.legacy_assigned == without("outputSchema", name="files__read")
    assert forms.modern == without("execution", outputSchema=output)


def test_without_an_output_schema_there_is_none() -> None:
    """MCP: it is optional."""
    definition: JsonObject = {"name": "read", "inputSchema": {"type": "object"}}
    forms = shown_forms(definition, "files__read")
    assert forms.legacy == forms.modern == canonical_bytes(definition)
