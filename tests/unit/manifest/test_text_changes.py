"""Which words of a text moved.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.manifest.text_changes import WORDS_MAX, Op, TextChange, text_changes


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("", "", []),
        ("same words", "same words", [("kept", "same words", "same words")]),
        ("", "all new", [("added", "", "all new")]),
        ("all gone", "", [("removed", "all gone", "")]),
        (
            "Read a file.",
            "Read any file.",
            [("kept", "Read ", "Read "), ("replaced", "a", "any"), ("kept", " file.", " file.")],
        ),
        (
            "Read a file",
            "Read a file now",
            [("kept", "Read a file", "Read a file"), ("added", "", " now")],
        ),
        (
            "one two three four five",
            "one 2 three 4 five",
            [
                ("kept", "one ", "one "),
                ("replaced", "two", "2"),
                ("kept", " three ", " three "),
                ("replaced", "four", "4"),
                ("kept", " five", " five"),
            ],
        ),
        ("a\u200bb", "ab", [("replaced", "a\u200bb", "ab")]),
    ],
)
def test_each_stretch_is_told(old: str, new: str, told: list[tuple[str, str, str]]) -> None:
    """Issue 3, review: the reviewer sees the words that moved."""
    assert text_changes(old, new) == tuple(TextChange(op=Op(op), old=was, new=now) for op, was, now in told)


TEXTS = st.lists(st.sampled_from(["a", "b", " ", "\n", "é", "\u200b", ".", "\ud7ff", "word"]), max_size=12).map("".join)


@given(TEXTS, TEXTS)
def test_nothing_is_lost_and_what_is_kept_is_the_same(old: str, new: str) -> None:
    """Ours: joined again, the sides are the texts."""
    changes = text_changes(old, new)
    assert "".join(one.old for one in changes) == old
    assert "".join(one.new for one in changes) == new
    assert all((one.op is Op.KEPT) is (one.old == one.new) for one in changes)


def test_long_texts_are_told_roughly_and_at_once() -> None:
    """A3: whoever writes a description does not decide how long a review takes."""
    old = "x " + "a b " * WORDS_MAX + "y"
    new = "x " + "c d " * WORDS_MAX + "y"
    assert [one.op for one in text_changes(old, new)] == [Op.KEPT, Op.REPLACED, Op.KEPT]
