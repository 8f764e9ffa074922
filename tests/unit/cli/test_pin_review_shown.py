"""How a review looks.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.cli.pin_review_shown import _ADDED, _REMOVED, _sides
from mediator.manifest.changes import FieldChange, Kind


def sides(old: str | None, new: str | None) -> tuple[str, list[str], str, list[str]]:
    before, after = _sides(FieldChange(pointer="/description", old=old, new=new, kind=Kind.REWORDS))
    marked = [
        [side.plain[span.start : span.end] for span in side.spans if str(span.style) in {_ADDED, _REMOVED} and span]
        for side in (before, after)
    ]
    return before.plain, marked[0], after.plain, marked[1]


def test_the_words_that_differ_are_marked_on_both_sides() -> None:
    """Issue 3: old and new text side by side; what an eye would miss is written out."""
    assert sides('"Read a file."', '"Read any file\\u200b."') == (
        "Read a file.",
        ["a"],
        "Read any file\\u{200b}.",
        ["any", "\\u{200b}"],
    )


def test_a_side_that_is_not_there_is_told() -> None:
    """Ours: absent is not empty."""
    assert sides(None, "1")[0] == "(absent)"
    assert sides("1", None)[2] == "(absent)"


def test_a_text_without_end_is_marked_as_a_whole() -> None:
    """P11: a review ends, however long a text is."""
    long = '"' + "a " * 5000 + '"'
    assert len(sides(long, '"b"')[1]) == 1
