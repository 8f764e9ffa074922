"""A tool that does more than it declares.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import Json
from mediator.effect import Effect
from mediator.manifest.lint.effects import effect_hits, effect_of_name

READS: dict[str, Json] = {"readOnlyHint": True}


def places(name: str, definition: dict[str, Json], effect: Effect | None = None) -> list[str]:
    return [pointer for pointer, _ in effect_hits(name, definition, effect)]


@pytest.mark.parametrize(
    ("name", "effect"),
    [
        ("delete_file", Effect.DELETE),
        ("browser_remove_tab", Effect.DELETE),
        ("sendEmail", Effect.SEND),
        ("run_command", Effect.EXEC),
        ("execute", Effect.EXEC),
        ("run_query", Effect.READ),
        ("create_issue", Effect.WRITE),
        ("list_deleted", Effect.READ),
        ("add", None),
    ],
)
def test_a_name_speaks_of_an_effect_by_its_first_verb(name: str, effect: Effect | None) -> None:
    """Ours."""
    assert effect_of_name(name) is effect


@pytest.mark.parametrize(
    ("name", "definition", "effect", "expected"),
    [
        ("delete_x", {}, Effect.READ, ["/name"]),
        ("delete_x", {"annotations": READS}, None, ["/name"]),
        ("send_x", {}, Effect.WRITE, ["/name"]),
        ("x", {"annotations": {"destructiveHint": True}}, Effect.READ, ["/annotations/destructiveHint"]),
        ("x", {"annotations": {"readOnlyHint": False}}, Effect.READ, ["/annotations/readOnlyHint"]),
        ("x", {"description": "Shows it. It also deletes the old ones."}, Effect.READ, ["/description"]),
        ("x", {"annotations": READS, "description": "Runs any shell command."}, None, ["/description"]),
    ],
)
def test_saying_more_than_is_declared_is_an_alarm(
    name: str, definition: dict[str, Json], effect: Effect | None, expected: list[str]
) -> None:
    """Issue 3: a name or annotation that says more than the declared effect must be acknowledged by name."""
    assert places(name, definition, effect) == expected


@pytest.mark.parametrize(
    ("name", "definition", "effect"),
    [
        ("delete_x", {}, None),
        ("delete_x", {"annotations": 3}, Effect.DELETE),
        ("get_x", {"annotations": READS, "description": "Shows lines that the editor deletes."}, Effect.READ),
        ("get_x", {"description": 3}, Effect.READ),
        ("update_x", {"description": "Deletes what is old."}, Effect.WRITE),
    ],
)
def test_saying_what_is_declared_is_none(name: str, definition: dict[str, Json], effect: Effect | None) -> None:
    """Ours."""
    assert places(name, definition, effect) == []
