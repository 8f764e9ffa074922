"""Tests of where one policy ends and the next begins.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from mediator.policy.source import split_policies


def texts_of(text: str) -> list[tuple[int, str]]:
    return [(source.line, source.text.strip()) for source in split_policies("a.cedar", text)]


def test_policies_are_found_with_the_line_they_begin_on() -> None:
    """Ours: a finding names a line that an author can go to, past comments and blank lines."""
    text = "// first;\n\npermit(a);\nforbid(\n  b\n); forbid(c);\n// the end;\n"
    assert texts_of(text) == [
        (3, "// first;\n\npermit(a);"),
        (4, "forbid(\n  b\n);"),
        (6, "forbid(c);"),
    ]


def test_a_semicolon_in_a_string_or_a_comment_ends_nothing() -> None:
    """Cedar's grammar: strings with escapes, and comments to the end of the line."""
    text = '@reason("a; \\"b;") permit(x); // no; policy\npermit(y);'
    assert texts_of(text) == [(1, '@reason("a; \\"b;") permit(x);'), (2, "// no; policy\npermit(y);")]


def test_what_follows_the_last_semicolon_is_not_lost() -> None:
    """Ours: it is compiled too, and told to be no policy."""
    assert texts_of('permit(x); forbid(y) "') == [(1, "permit(x);"), (1, 'forbid(y) "')]


def test_a_file_without_policies_has_none() -> None:
    """Ours."""
    assert texts_of("") == texts_of(" // nothing here\n\n") == []


@given(st.text(alphabet='ab ;"\\/\n\r', max_size=40))
@example('"')
@example("/")
def test_no_token_is_lost_on_the_way(text: str) -> None:
    """Ours: a boundary drawn wrongly may make an error, never make text vanish (but blank text at the end)."""
    pieces = split_policies("a.cedar", text)
    joined = "".join(piece.text for piece in pieces)
    assert text.startswith(joined)
    assert split_policies("a.cedar", text[len(joined) :]) == []
