"""Quarantine: what is out until somebody approves it anew, and what an operator is told of it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import Digest, Json, JsonObject
from mediator.kind import ItemKind
from mediator.mediation.quarantine import Quarantined, QuarantineKey

KEY = QuarantineKey("mail", ItemKind.TOOL, "send", Digest("sha256:1"))


def fields(*pointers: str) -> list[Json]:
    return [{"pointer": pointer, "old": None, "new": '"x"', "kind": "unclear"} for pointer in pointers]


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ({"how": "no longer offered"}, "no longer offered"),
        ({"how": "changed", "fields": fields("/description", "/annotations")}, "`/description`, `/annotations`"),
        ({"how": "changed", "fields": []}, "changed"),
        ({"how": "changed", "fields": ["?"]}, "changed"),
        ({"how": "changed", "fields": fields("/a\nallowed: \u202eb")}, r"`/a\nallowed: \u202eb`"),
        ({"how": "changed", "fields": fields("/" + "x" * 300)}, f"`/{'x' * 199}...`"),
        (
            {"how": "changed", "fields": fields(*(f"/{number}" for number in range(11)))},
            "`/0`, `/1`, `/2`, `/3`, `/4`, `/5`, `/6`, `/7`, `/8`, `/9`, and more",
        ),
    ],
)
def test_why_names_the_fields_that_moved_and_no_text(found: JsonObject, why: str) -> None:
    """Ours: a record's detail is read in one line; both texts stand in the note and the store."""
    assert Quarantined(key=KEY, since_ms=1, found=found).why == why


def test_its_form_says_what_where_since_when_and_how() -> None:
    """Ours: what status, doctor and `drift check` show."""
    assert Quarantined(key=KEY, since_ms=1, found={"how": "no longer offered"}).form() == {
        "server": "mail",
        "kind": "tool",
        "name": "send",
        "statement": "sha256:1",
        "since": 1,
        "found": {"how": "no longer offered"},
    }
