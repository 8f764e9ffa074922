"""Whether all that one schema takes is taken by another: what is proven, and what is left open.

That nothing false is proven is a law (`laws/test_schema_verdicts.py`); here stands what must be proven.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import Json, JsonObject
from mediator.manifest import inclusion
from mediator.manifest.changes import Kind, result_verdict, schema_verdict
from mediator.manifest.inclusion import is_included
from mediator.manifest.keywords import SchemaSide

TEXT: JsonObject = {"type": "string"}
NULL: JsonObject = {"type": "null"}
NUMBER: JsonObject = {"type": "number"}
FILE: JsonObject = {"type": "object", "properties": {"kind": {"const": "file"}, "path": TEXT}, "required": ["kind"]}
LINK: JsonObject = {"type": "object", "properties": {"kind": {"const": "link"}, "url": TEXT}, "required": ["kind"]}
TREE: JsonObject = {"type": "object", "properties": {"c": {"$ref": "#/$defs/n"}}}
DRAFT_7: JsonObject = {"$schema": "http://json-schema.org/draft-07/schema#"}


def of(a: Json, **more: Json) -> JsonObject:
    return {"type": "object", "properties": {"a": a}, **more}


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        (of(TEXT), of({**TEXT, "title": "A", "default": "", "format": "uri", "x-new": 1}), Kind.REWORDS),
        (of(TEXT), {"type": "object", "properties": {"a": TEXT, "b": TEXT}}, Kind.WIDENS),
        (of(TEXT), of(TEXT, additionalProperties=False), Kind.NARROWS),
        (of(TEXT), of(TEXT, additionalProperties={}), Kind.REWORDS),
        (of(TEXT), of(TEXT, required=["a"]), Kind.NARROWS),
        (of(TEXT, required=["a"]), of(TEXT, required=[]), Kind.WIDENS),
        (of(TEXT), of({"anyOf": [TEXT, NULL]}), Kind.WIDENS),
        (of({"oneOf": [TEXT, NULL]}), of(TEXT), Kind.NARROWS),
        (of({"oneOf": [TEXT, NULL]}), of({"type": ["null", "string"]}), Kind.WIDENS),
        (of({"const": "x"}), of({"enum": ["x", "y"]}), Kind.WIDENS),
        (of({"enum": [1, None, "x"]}), of({"anyOf": [TEXT, NULL, {"type": "integer"}]}), Kind.WIDENS),
        (of({"enum": [{"x": 1}]}), of({"enum": [{"x": 1}, 2]}), Kind.UNCLEAR),
        (of({"const": 3}), of({"minimum": 1}), Kind.UNCLEAR),
        (of({"type": "integer"}), of(NUMBER), Kind.WIDENS),
        (of({"type": "integer", "enum": [True]}), of({"type": "integer", "enum": [True, 1.5]}), Kind.REWORDS),
        (of({**NUMBER, "minimum": 1}), of({**NUMBER, "exclusiveMinimum": 1}), Kind.NARROWS),
        (of({**NUMBER, "maximum": 1}), of({**NUMBER, "exclusiveMaximum": 2}), Kind.WIDENS),
        (of({**NUMBER, "maximum": 1}), of({**NUMBER, "exclusiveMaximum": 1}), Kind.NARROWS),
        (of({**TEXT, "minimum": 1}), of(TEXT), Kind.REWORDS),
        (of(TEXT), of({**TEXT, "maxLength": 5}), Kind.NARROWS),
        (of({**TEXT, "maxLength": 4}), of({**TEXT, "maxLength": 5}), Kind.WIDENS),
        (of({**TEXT, "pattern": "a"}), of({**TEXT, "pattern": "b"}), Kind.UNCLEAR),
        (of({**TEXT, "pattern": "a"}), of({**TEXT, "pattern": "a", "minLength": 1}), Kind.NARROWS),
        (of({"type": "array"}), of({"type": "array", "items": TEXT}), Kind.NARROWS),
        (of({"type": "array", "items": TEXT}), of({"type": "array", "items": {"type": ["string", "null"]}}), Kind.WIDENS),
        (of({"type": "array", "uniqueItems": True}), of({"type": "array", "uniqueItems": False}), Kind.WIDENS),
        (of({"type": "array", "prefixItems": [TEXT]}), of({"type": "array", "prefixItems": [NULL]}), Kind.UNCLEAR),
        (of({"oneOf": [FILE]}), of({"oneOf": [FILE, LINK]}), Kind.WIDENS),
        (of({"anyOf": [FILE, LINK]}), of({"anyOf": [LINK]}), Kind.NARROWS),
        (of({"anyOf": [TREE, {"type": "object"}]}), of({"anyOf": [TREE, {"type": "object"}, TEXT]}), Kind.UNCLEAR),
        (of({"anyOf": [FILE, {"type": "object"}]}), of({"anyOf": [FILE, {"type": "object"}, TEXT]}), Kind.UNCLEAR),
        (of({"oneOf": [TEXT, {"minLength": 1}]}), of({"oneOf": [TEXT, {"minLength": 2}]}), Kind.UNCLEAR),
        (of({"$ref": "#/definitions/t"}, definitions={"t": TEXT}), of(TEXT), Kind.REWORDS),
        (of({"allOf": [TEXT, {"minLength": 1}]}), of({**TEXT, "minLength": 1}), Kind.REWORDS),
        (of({"not": NULL}), of({"not": NULL, "type": "string"}), Kind.NARROWS),
        (of({"not": NULL}), of({"not": TEXT}), Kind.UNCLEAR),
        (of({"if": TEXT, "then": {"minLength": 1}}), of({"if": TEXT, "then": {"minLength": 2}}), Kind.UNCLEAR),
        (of({"if": TEXT, "then": FILE}), of({"if": TEXT, "then": FILE, "type": "string"}), Kind.NARROWS),
        (of(TEXT, patternProperties={"^x": TEXT}), of(NULL, patternProperties={"^x": TEXT}), Kind.UNCLEAR),
        (of(TEXT, patternProperties={"^x": TEXT}), of(TEXT, patternProperties={"^x": {**TEXT, "title": "X"}}), Kind.REWORDS),
        (of(TEXT, patternProperties={"^x": TEXT}), of(TEXT, patternProperties={"^y": TEXT}), Kind.UNCLEAR),
        ({**of(TREE), "$defs": {"n": TREE}}, {**of(TREE), "$defs": {"n": {**TREE, "title": "N"}}}, Kind.REWORDS),
        ({**of(TREE), "$defs": {"n": TREE}}, {**of(TREE), "$defs": {"n": {**TREE, "type": ["object", "null"]}}}, Kind.WIDENS),
        ({**DRAFT_7, **of(TEXT)}, of(TEXT), Kind.REWORDS),
        ({**DRAFT_7, **of({"$ref": "#/definitions/t", "minLength": 2}, definitions={"t": TEXT})}, of(TEXT), Kind.REWORDS),
        ({**DRAFT_7, **of({"contains": TEXT})}, of({"contains": TEXT}), Kind.REWORDS),
        ({**DRAFT_7, **of({"contains": TEXT, "minContains": 2})}, of({"contains": TEXT, "minContains": 2}), Kind.UNCLEAR),
        (of(True), of(False), Kind.NARROWS),
        (of({"minLength": True}), of({"minLength": False}), Kind.UNCLEAR),
        (of({"minimum": "1"}), of({"minimum": "2"}), Kind.UNCLEAR),
        (of(TEXT), of({"$ref": "http://elsewhere.example/"}), Kind.UNCLEAR),
        (of({"type": "array", "items": [TEXT]}), of({"type": "array", "items": [TEXT, TEXT]}), Kind.UNCLEAR),
        (of({"allOf": [{"$ref": "#/definitions/t"}] * 2}, definitions={"t": TEXT}), of(TEXT), Kind.REWORDS),
        (of({"anyOf": [{"enum": [1]}, {"enum": [2]}]}), of({"anyOf": [{"enum": [1]}]}), Kind.NARROWS),
        (of({"anyOf": [FILE, {**LINK, "properties": {"kind": TEXT}}]}), of({"anyOf": [FILE]}), Kind.NARROWS),
        (of({"anyOf": [FILE, {**LINK, "properties": {}}]}), of({"anyOf": [LINK]}), Kind.UNCLEAR),
        (of({"const": "x"}), of({"$ref": "#/definitions/t"}, definitions={"t": TEXT}), Kind.WIDENS),
        (of({"type": "integer", "minimum": 0}), of({"type": "integer", "minimum": 1}), Kind.NARROWS),
        (of({"enum": [[1], {}]}), of({"enum": [[1], {}, 2]}), Kind.UNCLEAR),
        (of({"allOf": [{"properties": {"b": TEXT}}, {"additionalProperties": TEXT}]}), of(TEXT), Kind.NARROWS),
        ({"type": "object", "allOf": [of(TEXT), {"additionalProperties": TEXT}]}, of({**TEXT, "minLength": 1}), Kind.NARROWS),
        (of({"anyOf": []}), of({"enum": []}), Kind.NARROWS),
    ],
)  # fmt: skip
def test_what_a_change_of_arguments_does_is_proven(old: JsonObject, new: JsonObject, kind: Kind) -> None:
    """Issue 3: said of the values that an agent may send."""
    assert schema_verdict(old, new) is kind
    assert schema_verdict(old, old) in {Kind.REWORDS, Kind.UNCLEAR}


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        (of(TEXT), {"type": "object", "properties": {"a": TEXT, "b": TEXT}}, Kind.NARROWS),
        (of(TEXT, additionalProperties=False), of(TEXT), Kind.WIDENS),
        (of(TEXT, additionalProperties=TEXT), of(TEXT, additionalProperties={"type": ["string", "null"]}), Kind.WIDENS),
        (of({"anyOf": [FILE, {"type": "object"}]}), of({"anyOf": [FILE, {"type": "object"}, TEXT]}), Kind.WIDENS),
        ({"type": "array", "items": TEXT}, {"type": "array"}, Kind.WIDENS),
    ],
)
def test_results_are_read_as_they_are(old: JsonObject, new: JsonObject, kind: Kind) -> None:
    """Ours: what a server adds beyond its schema is data like all the rest."""
    assert result_verdict(old, new) is kind


def test_a_proof_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A3: whoever writes a schema does not decide how long a review takes."""
    monkeypatch.setattr(inclusion, "_WORK_MAX", 0)
    assert not is_included(SchemaSide(of(TEXT)), SchemaSide(of(NULL)), is_closed=True)


def test_a_proof_that_goes_too_deep_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same."""
    monkeypatch.setattr(inclusion, "_DEPTH_MAX", 0)
    assert not is_included(SchemaSide(of(TEXT)), SchemaSide(of(NULL)), is_closed=True)
