"""Hidden characters: what no eye sees is a hit, what languages and emoji need is not.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.manifest.lint.finding import FindingCode
from mediator.manifest.lint.hidden import hidden_at

HIDDEN, BIDI, CONTROL = FindingCode.HIDDEN_TEXT, FindingCode.BIDI_CONTROL, FindingCode.CONTROL_CHARACTER


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a\u200bb", HIDDEN),  # zero width space
        ("a\u200db", HIDDEN),  # a joiner between Latin letters
        ("a\u200cb", HIDDEN),
        ("\u200d", HIDDEN),
        ("a\u2060b", HIDDEN),  # word joiner
        ("a\u2063b", HIDDEN),  # invisible separator
        ("a\ufeffb", HIDDEN),  # byte order mark
        ("a\u00adb", HIDDEN),  # soft hyphen
        ("a\u200eb", HIDDEN),  # a direction mark where nothing runs from the right
        ("\U000e0041", HIDDEN),  # the tags block
        ("\U0001f600\U000e0067\U000e0062", HIDDEN),  # tags after something that is no flag
        ("a\ufe0f", HIDDEN),  # a selector after a letter
        ("\ufe0f", HIDDEN),
        ("\u2764\ufe0f\ufe0f", HIDDEN),  # the second
        ("a\U000e0100", HIDDEN),
        ("\ue000", HIDDEN),  # private use
        ("\U000f0000", HIDDEN),
        ("\ufdd0", HIDDEN),  # a noncharacter
        ("\u3164", HIDDEN),  # fillers and blanks that count as letters
        ("\u2800", HIDDEN),
        ("\u034f", HIDDEN),
        ("\ud800", HIDDEN),  # half of a pair
        ("a\u202eb", BIDI),
        ("\u2066", BIDI),
        ("\x1b[8m", CONTROL),
        ("\x00", CONTROL),
        ("\x9b31m", CONTROL),
        ("a\x7f", CONTROL),
        ("a\u2028b", CONTROL),
    ],
)
def test_what_no_eye_sees_is_a_hit(text: str, code: FindingCode) -> None:
    """Issue 3; Unicode TR 36 and 39; Trojan Source (CVE-2021-42574)."""
    assert code in hidden_at(text).values()


@pytest.mark.parametrize(
    "text",
    [
        "plain\ttext\nand\r\nmore",
        "café, naïve, Zürich, São Paulo — “quoted”… 5\u00a0€",
        "東京 北京 서울 ドラッグ 、。",
        "Ελληνικά, русский, עברית, العربية، हिन्दी, ไทย, ქართული, አማርኛ",
        "שלום\u200f!",
        "کتاب\u200cها را می\u200cکند",
        "क\u094d\u200dष",
        "\U0001f600 \U0001f44d\U0001f3fd \u2764\ufe0f \u26a0\ufe0f \u2194\ufe0f 1\ufe0f\u20e3 ©\ufe0f",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f\u200d\U0001f525",
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "葛\U000e0100城",
        "∑ ∫ ℕ ≥ → ⇒ ☑ ⠗",
        "\U0001faff",  # an emoji, perhaps, that our tables do not know yet
        "\u0601",
    ],
)
def test_what_languages_and_emoji_need_is_in_order(text: str) -> None:
    """Issue 3: normal emoji, CJK, accents and joiners inside emoji are fine."""
    assert not hidden_at(text)


def test_the_place_of_each_is_told() -> None:
    """Ours."""
    assert hidden_at("a\u200bb\u202ec\x00") == {1: HIDDEN, 3: BIDI, 5: CONTROL}
