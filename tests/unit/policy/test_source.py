"""Tests of where one policy ends and the next begins.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mediator.policy.source import BRACKETS_MAX, CODE_MAX, excess_of, split_policies


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


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("(" * (BRACKETS_MAX + 1), "nested deeper"),
        ("[{(" * BRACKETS_MAX, "nested deeper"),
        ("x" * (CODE_MAX + 1), "longer"),
        ("a && " * CODE_MAX, "longer"),
    ],
)
def test_a_text_that_could_end_the_process_is_measured_before_it_is_compiled(text: str, part: str) -> None:
    """Ours: seen with cedarpy 4.12.2, which overflows the machine's stack; no exception would be caught."""
    assert part in str(excess_of(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "()" * 1_000,
        "(" * BRACKETS_MAX,
        "a" * CODE_MAX,
        '"(((((" ' * CODE_MAX,
        "[" + '"example.com", ' * 2_000 + "]",
        f"// {'(' * CODE_MAX}\n",
    ],
)
def test_a_long_list_is_not_too_much(text: str) -> None:
    """Ours: strings, comments and blanks cost no stack."""
    assert excess_of(text) is None
