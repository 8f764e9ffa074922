"""Which words of a text moved: what a reviewer should look at in two long descriptions that differ in one sentence.

Pure; the texts are foreign, and are only cut, never shown here. Nothing is lost in the cutting: the old sides joined
are the old text and the new sides the new one, white space and invisible characters included.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum, unique
from typing import Final, final

_WORD: Final = re.compile(r"\s+|\w+|[^\w\s]")
WORDS_MAX: Final = 4_000
"""Beyond so many on either side, what the two texts begin and end alike is told, and the rest as a whole: comparing
word by word takes time that grows with the product of both."""


@unique
class Op(StrEnum):
    """What became of a stretch of text."""

    KEPT = "kept"
    ADDED = "added"
    REMOVED = "removed"
    REPLACED = "replaced"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TextChange:
    """One stretch: what it was and what it is; empty where there was or is nothing."""

    op: Op
    old: str
    new: str


def text_changes(old: str, new: str) -> tuple[TextChange, ...]:
    """Return both texts as the stretches that were kept, added, removed and replaced, in order."""
    before, after = _WORD.findall(old), _WORD.findall(new)
    begun = _common(before, after)
    ended = _common(before[begun:][::-1], after[begun:][::-1])
    middle_old, middle_new = before[begun : len(before) - ended], after[begun : len(after) - ended]
    stretches = [
        (before[:begun], after[:begun]),
        *_middle(middle_old, middle_new),
        (before[len(before) - ended :], after[len(after) - ended :]),
    ]
    return tuple(_change("".join(was), "".join(now)) for was, now in stretches if was or now)


def _common(before: Sequence[str], after: Sequence[str]) -> int:
    """How many words both begin with."""
    pairs = zip(before, after, strict=False)
    return next((index for index, (one, other) in enumerate(pairs) if one != other), min(len(before), len(after)))


def _middle(before: Sequence[str], after: Sequence[str]) -> Sequence[tuple[Sequence[str], Sequence[str]]]:
    if max(len(before), len(after)) > WORDS_MAX:
        return [(before, after)]
    codes = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    return [(before[a:b], after[c:d]) for _, a, b, c, d in codes]


def _change(old: str, new: str) -> TextChange:
    if old == new:
        return TextChange(op=Op.KEPT, old=old, new=new)
    if not old:
        return TextChange(op=Op.ADDED, old=old, new=new)
    return TextChange(op=Op.REPLACED if new else Op.REMOVED, old=old, new=new)
