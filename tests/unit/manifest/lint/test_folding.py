"""Folding: a trick of writing reads as the word that it looks like; another language stays what it is.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.manifest.lint.folding import fold, mixed_scripts, skeleton


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Ignore", "ignore"),
        ("\uff29\uff47\uff4e\uff4f\uff52\uff45", "ignore"),  # full width
        ("\U0001d422\U0001d420\U0001d427\U0001d428\U0001d42b\U0001d41e", "ignore"),  # mathematical bold
        ("\u0456gn\u043er\u0435", "ignore"),  # three Cyrillic letters
        ("игнорируй all", "игнорируй all"),
        ("café", "café"),
    ],
)
def test_a_word_is_read_as_it_looks(text: str, folded: str) -> None:
    """Unicode TR 39: confusable letters."""
    assert fold(text) == folded


@pytest.mark.parametrize(
    ("word", "mixed"),
    [("read", False), ("r\u0435ad", True), ("читать", False), ("naïve", False), ("東京abc", False)],
)
def test_one_word_in_two_scripts_is_mixed(word: str, mixed: bool) -> None:
    """Unicode TR 39, part 5: restriction levels, as far as look-alikes go."""
    assert mixed_scripts(word) is mixed


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("send_email", "send-email"),
        ("send_email", "Send_Emai1"),
        ("read_file", "r\u0435\u0430d_file"),
        ("learn", "leam"),
        ("list_items", "llst_ltems"),
        ("zoom_in", "z00m_in"),
        ("e\u0301tude", "etude"),
    ],
)
def test_names_that_look_alike_have_one_skeleton(one: str, other: str) -> None:
    """Issue 3: look-alike names."""
    assert skeleton(one) == skeleton(other)
