r"""Hidden characters are written out, so that a reviewer sees that they are there.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.manifest.lint.hidden import hidden_at
from mediator.manifest.lint.visible import EXCERPT_MAX, excerpt, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("café 東京 \U0001f44d\U0001f3fd", "café 東京 \U0001f44d\U0001f3fd"),
        ("a\u200bb", r"a\u{200b}b"),
        ("a\U000e0041", r"a\u{e0041}"),
        ("\x1b[8m", r"\u{1b}[8m"),
        ("one\ntwo\tthree", r"one\u{a}two\u{9}three"),
        ("שלום\u200f", r"שלום\u{200f}"),
        (r"\u{200b}", r"\\u{200b}"),
        (r"C:\users", r"C:\users"),
        ("\\\u200b", r"\\u{200b}"[1:]),
    ],
)
def test_what_does_not_show_is_written_out(text: str, shown: str) -> None:
    """Issue 3: with invisible characters made visible."""
    assert visible(text) == (shown if text != "\\\u200b" else "\\" + r"\u{200b}")


@given(st.text())
def test_whatever_is_shown_hides_nothing(text: str) -> None:
    """Ours: what a reviewer reads has no second reading, and is one line."""
    shown = visible(text)
    assert not hidden_at(shown)
    assert len(shown.splitlines()) <= 1


def test_an_excerpt_is_short_and_says_that_there_is_more() -> None:
    """Ours."""
    assert excerpt("short", 0, 5) == "short"
    middle = excerpt("x" * 1000, 500, 900)
    assert middle.startswith("…x")
    assert middle.endswith("x…")
    assert len(middle) < EXCERPT_MAX + 40
    assert len(excerpt("\U000e0041" * 1000, 0, 1000)) <= 2 * EXCERPT_MAX + 2
