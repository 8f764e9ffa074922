r"""Text with everything that an eye would miss written out, for reviewers.

Pure. What is written out: whatever does not print (controls, separators, zero width, bidirectional, tags, private use,
unassigned), and the marks that print as nothing (variation selectors, Hangul fillers, Braille blank). Each becomes
`\\u{200b}`; a backslash that stands before such a brace in the text itself is doubled, so that no text can pretend.
Letters of any language, accents and emoji stay as they are.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mediator.manifest.lint.finding import FindingCode
from mediator.manifest.lint.hidden import hidden_at

EXCERPT_MAX: Final = 160
_ELLIPSIS: Final = "…"


def visible(text: str) -> str:
    """Return the text with hidden characters written out; line breaks and tabs too, so it is always one line."""
    if text.isascii() and text.isprintable() and "\\u{" not in text:
        return text
    hidden = hidden_at(text)
    return "".join(_shown(one, place, text, hidden) for place, one in enumerate(text))


def excerpt(text: str, start: int, end: int) -> str:
    """Return what stands from `start` to `end` with a little around it, visible, and never long."""
    first, last = max(0, start - 30), min(len(text), max(end, start + 1) + 30, start + EXCERPT_MAX)
    shown = visible(text[first:last])
    if len(shown) > 2 * EXCERPT_MAX:
        shown, last = shown[: 2 * EXCERPT_MAX], 0
    return (_ELLIPSIS if first else "") + shown + (_ELLIPSIS if last < len(text) else "")


def _shown(one: str, place: int, text: str, hidden: Mapping[int, FindingCode]) -> str:
    if one == "\\" and text.startswith("u{", place + 1):
        return "\\\\"
    # A joiner or selector in order inside an emoji or a word is part of what is seen; a direction mark never is.
    if place in hidden or one in "\t\n\r\u200e\u200f\u061c":
        return f"\\u{{{ord(one):x}}}"
    return one
