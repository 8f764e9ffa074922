"""Characters that a reviewer does not see and a model reads: which of them stand where they have no business.

Pure. What is in order: an emoji's joiner, variation selector and skin tone, the tags of a regional flag, the selector
of a CJK variant, joiners between letters of scripts that need them, direction marks in text that is written from right
to left, tab and line break. Everything else that prints as nothing, turns the direction or steers a terminal is a hit.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Final

from mediator.manifest.lint.finding import FindingCode

_SUSPECT: Final = re.compile(
    # Latin, Greek, Cyrillic, Hebrew, Arabic letters, general punctuation and CJK pass at once; the rest is looked at.
    "[^\\t\\n\\r\\x20-\\x7e\u00a0-\u00ac\u00ae-\u034e\u0350-\u0603\u0620-\u06dc\u2010-\u2027\u2030-\u205e"
    "\u20a0-\u27ff\u2900-\u2bff\u3000-\u3163\u3165-\ud7ff\uf900-\ufdcf\ufdf0-\ufdff\uff01-\uff9f]"
)
_BIDI: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_DIRECTION_MARKS: Final = frozenset("\u200e\u200f\u061c")
_JOINERS: Final = frozenset("\u200c\u200d")
_BLANKS: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u180f\u2800\u3164\uffa0\ufffc")
"""They count as letters or marks, and print as nothing."""
_FLAG: Final = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
_EMOJI_END: Final = re.compile("[\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff\ufe0f\u20e3\U000e007f]")
_KEYCAP: Final = frozenset("#*0123456789")
_SCRIPTS_WITH_JOINERS: Final = (
    (0x0600, 0x08FF),  # Arabic, Syriac, Thaana, NKo
    (0x0900, 0x0DFF),  # the scripts of India and Sri Lanka
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x1800, 0x18AF),  # Mongolian
    (0xFB50, 0xFEFC),  # Arabic forms
)
_RIGHT_TO_LEFT: Final = re.compile("[\u0590-\u08ff\ufb1d-\ufdfd\ufe70-\ufefc]")


def hidden_at(text: str) -> Mapping[int, FindingCode]:
    """Return the places of hidden characters and what each is. Linear."""
    if text.isascii() and text.isprintable():
        return {}
    return dict(_hidden(text))


def _hidden(text: str) -> Iterator[tuple[int, FindingCode]]:
    flags = {place for flag in _FLAG.finditer(text) for place in range(*flag.span())}
    for match in _SUSPECT.finditer(text):
        place, one = match.start(), match.group()
        if place not in flags and (code := _judge(one, place, text)) is not None:
            yield place, code


def _judge(one: str, place: int, text: str) -> FindingCode | None:
    if one in _BIDI:
        return FindingCode.BIDI_CONTROL
    match unicodedata.category(one):
        case "Cc" | "Zl" | "Zp":
            return FindingCode.CONTROL_CHARACTER
        case "Co" | "Cs":
            return FindingCode.HIDDEN_TEXT
        case "Cn":
            # An emoji newer than our tables prints; a noncharacter or an unused place does not.
            return None if "\U0001f000" <= one <= "\U0001fbff" else FindingCode.HIDDEN_TEXT
        case "Cf":
            return None if _format_in_order(one, place, text) else FindingCode.HIDDEN_TEXT
        case _:
            in_order = one not in _BLANKS and (not _is_selector(one) or _selector_in_order(one, place, text))
            return None if in_order else FindingCode.HIDDEN_TEXT


def _format_in_order(one: str, place: int, text: str) -> bool:
    if one in _DIRECTION_MARKS:
        return _RIGHT_TO_LEFT.search(text[max(0, place - 40) : place + 40]) is not None
    before, after = text[place - 1 : place], text[place + 1 : place + 2]
    if one in _JOINERS:
        if _needs_joiners(before) and (_needs_joiners(after) or one == "\u200c"):
            return True
        return one == "\u200d" and bool(_EMOJI_END.match(before) and _EMOJI_END.match(after))
    # Prepended marks of Arabic and Syriac numbers are written.
    return one in "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u08e2"


def _needs_joiners(one: str) -> bool:
    return bool(one) and any(first <= ord(one) <= last for first, last in _SCRIPTS_WITH_JOINERS)


def _is_selector(one: str) -> bool:
    return "\ufe00" <= one <= "\ufe0f" or "\U000e0100" <= one <= "\U000e01ef"


def _selector_in_order(one: str, place: int, text: str) -> bool:
    before = text[place - 1 : place]
    if not before or _is_selector(before):
        return False
    if one in "\ufe0e\ufe0f":
        return before in _KEYCAP or _EMOJI_END.match(before) is not None
    return unicodedata.name(before, "").startswith(("CJK", "MONGOLIAN", "PHAGS-PA", "MYANMAR"))
