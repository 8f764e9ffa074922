"""Rules: what a line takes, and that gaps are bounded.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.manifest.lint.finding import FindingCode
from mediator.manifest.lint.reading import read
from mediator.manifest.lint.rule import book, met, rules


def is_met(line: str, text: str) -> bool:
    (sentence,) = read(text)
    return bool([*met(book(*rules(FindingCode.PRESSES, "", line)), sentence)])


@pytest.mark.parametrize(
    ("line", "text", "expected"),
    [
        ("one two", "one two", True),
        ("one two", "one and two", False),
        ("one ..1 two", "one and two", True),
        ("one ..1 two", "one and then two", False),
        ("one|uno two", "uno two", True),
        ("one and? two", "one two", True),
        ("one and? two", "one and two", True),
        ("one !two", "one two", False),
        ("one !two", "one three", True),
        ("third_party", "a third party", True),
        ("one USER", "one person", True),
        ("one", "someone", False),
        ("one one|two", "two one", False),
    ],
)
def test_a_line_takes_its_words_in_order(line: str, text: str, expected: bool) -> None:
    """Ours."""
    assert is_met(line, text) is expected


def test_rules_are_met_in_their_order() -> None:
    """Ours: findings come out the same whatever a set's order is."""
    (sentence,) = read("one two three")
    written = rules(FindingCode.PRESSES, "", "three", "two", "one", "one two")
    assert [each for each, _ in met(book(*written), sentence)] == [*written]
