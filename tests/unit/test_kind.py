"""Unit tests of mediator/kind.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.kind import ItemKind


def test_the_words_of_the_kinds_stand_in_statements_and_never_change() -> None:
    """Design 5.4: what was signed keeps its meaning."""
    assert [*ItemKind] == ["tool", "prompt", "resource"]
