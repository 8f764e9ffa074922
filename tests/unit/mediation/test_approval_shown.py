"""Arguments as a person reads them: all of them, and nothing that an eye misses.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mediator.mediation.approval_shown import shown_lines
from tests.promises import promise


def test_every_member_has_its_line() -> None:
    """Ours: in the order of the keys, as they are hashed."""
    assert shown_lines({"b": [1, None], "a": "x"}) == ["{", '  "a": "x",', '  "b": [', "    1,", "    null", "  ]", "}"]


@promise("P6")
def test_what_an_eye_misses_is_written_out() -> None:
    """A1: controls, escapes, zero width, tags, and text that is turned round."""
    (_, line, _) = shown_lines({"a": "pay\u202e 001$\u200b\x1b[2J\U000e0041\n"})
    assert line == '  "a": "pay\\u{202e} 001$\\u{200b}\\u001b[2J\\u{e0041}\\n"'


def test_what_is_written_from_right_to_left_is_given_in_order_too() -> None:
    """A1: around such letters a screen may show another order than there is."""
    (_, line, in_order, _) = shown_lines({"to": "\u05d0 100"})
    assert (line, in_order) == ('  "to": "\u05d0 100"', '  (in order)   "to": "\\u{5d0} 100"')


@promise("P6")
@given(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=4))
def test_no_argument_draws_a_line_of_its_own(arguments: dict[str, str]) -> None:
    """Ours: what is shown is printable, whatever it is, and as long as what is in it."""
    try:
        lines = shown_lines({**arguments})
    except ValueError:  # lone surrogates have no canonical form, and never came so far
        return
    assert all("\n" not in line and "\x1b" not in line and "\u202e" not in line for line in lines)
    assert len([line for line in lines if not line.startswith("  (in order)")]) == (
        len(arguments) + 2 if arguments else 1
    )
