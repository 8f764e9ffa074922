"""What can stand as a justification: one line that hides nothing.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.because import LENGTH_MAX, is_because


@pytest.mark.parametrize("text", ["x", "der Gast wartet, fünf Minuten", "y" * LENGTH_MAX, " spaced "])
def test_a_line_that_people_can_read_is_one(text: str) -> None:
    """Ours: any language, up to what an approver reads."""
    assert is_because(text)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "   ",
        "y" * (LENGTH_MAX + 1),
        " " * LENGTH_MAX + "x",
        "two\nlines",
        "an escape \x1b[31m",
        "turned \u202e round",
        "\ud800",
        None,
        1,
        ["x"],
        {"text": "x"},
    ],
)
def test_anything_else_is_none(value: object) -> None:
    """Ours: nothing that hides, breaks a line or turns the text round on an approver's screen."""
    assert not is_because(value)
