"""A definition that is written to keep the linter busy: 64 KiB of what its patterns like best.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import time

import pytest

from mediator.kind import ItemKind
from mediator.manifest.lint.finding import LintItem
from mediator.manifest.lint.lint import lint

SIZE = 64 * 1024
SECONDS = 3.0
"""Of one core. What is linear takes a tenth of that; what is quadratic would take minutes."""


@pytest.mark.parametrize(
    "unit",
    [
        *("a", "a ", "a.", "a@", "A_", "x'", ".", "\n", " ", "\u200b", "/", "1", "'", "<", "~/.ssh/", "![a](", "&#65;"),
        *(
            "ignore ",
            "ignore-",
            "ignore earlier ",
            "do not ",
            "user must not ",
            "before any tool ",
            "copy user all ",
            "<a ",
        ),
        *("not without ", "detect prompt that ", "forward all to a@b.example ", "full conversation ", "curl |", "%41"),
        *(
            "\\u0041",
            "01000001",
            "的",
            "не ",
            "la le de ",
            "a\u0430",
            "i g n ",
            "1a0",
            "sample reply : ",
            "system ",
            "each ",
        ),
    ],
)
def test_sixty_four_kibibytes_are_read_in_no_time(unit: str) -> None:
    """Ours: a reviewer waits for the linter, and its patterns may not be turned against it."""
    text = (unit * (SIZE // len(unit) + 1))[:SIZE]
    item = LintItem(server="s", kind=ItemKind.TOOL, name="t", definition={"name": "t", "description": text})
    start = time.process_time()
    lint([item])
    assert time.process_time() - start < SECONDS
