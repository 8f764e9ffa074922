"""What is printed, and what foreign text becomes before it is.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mediator.cli import console
from mediator.cli.console import (
    bug_id,
    counted,
    print_bug,
    print_json,
    print_refusal,
    print_usage,
    printable,
    printable_lines,
    say,
    show_lines,
    show_table,
)
from mediator.refusal import Reason, Refused
from tests.promises import promise

HOSTILE = {
    "an escape": ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
    "an operating system command": ("\x1b]8;;http://a\x07", "\\x1b]8;;http://a\\x07"),
    "a line break": ("a\nb\rc", "a\\nb\\rc"),
    "a line separator": ("a\u2028b", "a\\u2028b"),
    "right to left": ("a\u202eb", "a\\u202eb"),
    "zero width": ("a\u200bb", "a\\u200bb"),
    "a tag": ("a\U000e0041b", "a\\U000e0041b"),
    "C1": ("a\x9bb", "a\\x9bb"),
    "a lone surrogate": ("a\ud800b", "a\\ud800b"),
    "markup": ("[conceal]x[/conceal][link=http://a]y", "[conceal]x[/conceal][link=http://a]y"),
    "plain": ("täglich ☂ 東京", "täglich ☂ 東京"),
}


def printed(width: int = 200) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, force_terminal=True, color_system="truecolor", width=width, markup=False, emoji=False), out


@pytest.mark.parametrize(("text", "shown"), HOSTILE.values(), ids=HOSTILE)
def test_foreign_text_is_shown_and_not_obeyed(text: str, shown: str) -> None:
    """House style 4: rich obeys `[conceal]` and `[link=]` in data, and escape bytes pass."""
    screen, out = printed()

    screen.print(printable(text))

    assert out.getvalue() == shown + "\n"


@promise("P11")
@given(st.text(max_size=60))
def test_no_text_at_all_reaches_the_terminal_with_a_control_in_it(text: str) -> None:
    """House style 4, for any text: what is printed is one line of printable characters."""
    assert printable(text).plain.isprintable()


def test_lines_stay_lines_and_each_of_them_is_made_printable() -> None:
    """Ours: for a description of several lines."""
    assert printable_lines("a\x1b\nb\u2028c\n").plain == "a\\x1b\nb\nc"


def test_whatever_is_said_is_made_printable(capsys: pytest.CaptureFixture[str]) -> None:
    """Ours: nobody has to remember it."""
    say("a\x1b", ("b\n", "bold"))
    show_table(("c\x1b",), [("d\x07",)], title="e\x1b")

    assert "\x1b" not in (out := capsys.readouterr().out)
    assert out.startswith("a\\x1bb\\n\n")
    assert "c\\x1b" in out
    assert "d\\x07" in out
    assert "e\\x1b" in out


def test_a_long_cell_goes_on_in_the_next_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: nothing that a reviewer must see is cut off."""
    screen, out = printed(width=30)
    monkeypatch.setattr(console, "OUT", screen)

    show_table(("name",), [("x" * 50,)])

    assert out.getvalue().count("x") == 50


def test_facts_have_no_head(capsys: pytest.CaptureFixture[str]) -> None:
    """Ours: columns without names are a list of facts."""
    show_table(("", ""), [("serial", "1")])

    assert capsys.readouterr().out.split() == ["serial", "1"]


def test_one_thing_is_not_several() -> None:
    """Ours."""
    assert [counted(0, "error"), counted(1, "error"), counted(2, "error")] == ["0 errors", "1 error", "2 errors"]


def test_json_stands_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Design 5.1: `--json` where data is printed."""
    print_json({"b": [1, None], "a": "\x1b"})

    assert capsys.readouterr().out == '{"a":"\\u001b","b":[1,null]}\n'


def test_a_refusal_says_what_is_wrong_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    """The issue: what, where, and the next step."""
    print_refusal(Refused(Reason.MALFORMED, "a.toml: unknown key `x\x1b`", remedy="remove it"))
    print_refusal(Refused(Reason.OVERLOADED))

    out, err = capsys.readouterr()
    assert out == ""
    assert err == "error: a.toml: unknown key `x\\x1b`\n next: remove it\nerror: OVERLOADED\n"


def test_a_usage_error_says_how_to_see_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """Design 5.1: exit code 2."""
    print_usage("No such option: --x", "mediator pin")

    assert capsys.readouterr().err == "error: No such option: --x\n next: `mediator pin --help` shows what it takes\n"


def raised(message: str) -> ValueError:
    try:
        raise ValueError(message)  # noqa: TRY301 - with a place to it
    except ValueError as error:
        return error


def test_a_bug_is_told_by_an_id_and_without_its_data(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The issue: never a traceback."""
    monkeypatch.delenv(console.DEBUG, raising=False)

    print_bug(raised("hunter2"))

    err = capsys.readouterr().err
    assert "this is a bug of the mediator" in err
    assert "hunter2" not in err
    assert Path(__file__).name not in err


def test_the_id_of_a_bug_hangs_on_its_place_and_not_on_its_data() -> None:
    """Ours: two people with the same fault see the same id."""
    assert bug_id(raised("a")) == bug_id(raised("b"))
    assert bug_id(raised("a")) != bug_id(ValueError("a"))
    assert len(bug_id(ValueError())) == 8


def test_who_asks_for_the_place_is_shown_it_in_printable_form(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: for whoever mends it."""
    monkeypatch.setenv(console.DEBUG, "1")

    print_bug(raised("\x1b[31m"))

    err = capsys.readouterr().err
    assert "test_console.py" in err
    assert "\x1b" not in err


def test_lines_stay_lines_with_their_cells_below_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    """Ours: each can be found with grep, however long; a wide character takes two places."""
    show_lines([("a", ("bb", "bold"), 100 * "c"), ("東京", "b"), ("x", "", "y\x1b")])
    show_lines([])

    assert capsys.readouterr().out == f"a     bb  {100 * 'c'}\n東京  b\nx         y\\x1b\n"
