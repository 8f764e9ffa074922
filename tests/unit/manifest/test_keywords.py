"""What single keywords say of the values that fit.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.manifest.keywords import SchemaSide, follows, kinds_of, same, values_of
from mediator.refusal import Refused

TEXT = frozenset({"string"})


def test_a_schema_that_cannot_be_pinned_is_not_compared() -> None:
    """Ours."""
    with pytest.raises(Refused):
        SchemaSide({"$ref": "#"})


def test_kinds_and_values_are_those_of_all_that_holds_together() -> None:
    """JSON Schema: an integer is a number without a fraction."""
    side = SchemaSide({"type": ["number", "string"], "allOf": [{"type": "integer"}, {"enum": [1, 2, "x"]}]})
    parts = side.flat("", is_closed=False)
    assert kinds_of(side, parts[:2]) == {"integer"}
    assert kinds_of(side, parts) == {"integer"}
    assert values_of(side, parts) == (1, 2, "x")


def test_a_limit_follows_from_a_stricter_one() -> None:
    """JSON Schema validation §6.3."""
    assert follows({"maxLength": 5}, [{"maxLength": 4}], TEXT)
    assert not follows({"maxLength": 5}, [{"maxLength": 6}], TEXT)
    assert not follows({"maxLength": "5"}, [{"maxLength": 4}], TEXT)
    assert follows({"maxItems": 5}, [], TEXT)


def test_sameness_looks_through_references() -> None:
    """Ours: a definition that moved is another, however the reference to it is spelt."""
    one = SchemaSide({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}})
    assert same(one, "", SchemaSide({"$ref": "#/$defs/b", "$defs": {"b": {"type": "string"}}}), "")
    assert not same(one, "", SchemaSide({"$ref": "#/$defs/a", "$defs": {"a": {"type": "null"}}}), "")
