"""Tests of the members of an object in a file of cases.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mediator.effect import Effect
from mediator.policy.case_fields import Fields, one_of, wrong
from mediator.refusal import Reason, Refused


def test_what_is_absent_has_the_plain_value_that_it_is_asked_for_with() -> None:
    """Ours: a case says only what it is about."""
    fields = Fields({}, "here")
    assert (fields.take("n", 3), fields.words("w", frozenset({"x"})), fields.words("v")) == (
        3,
        frozenset({"x"}),
        frozenset(),
    )
    assert (fields.texts("t"), fields.list_of("l"), fields.object("o")) == ((), [], {})
    fields.fields("f").end()
    fields.end()


def test_what_is_there_is_taken_once() -> None:
    """Ours: what is left at the end was not known."""
    fields = Fields({"n": 3, "w": ["b", "a"], "f": {"x": True}, "left": None}, "here")
    assert (fields.has("n"), fields.take("n", 0), fields.has("n")) == (True, 3, False)
    assert fields.words("w") == {"a", "b"}
    assert fields.fields("f").take("x", default=False) is True
    with pytest.raises(Refused) as stop:
        fields.end()
    assert (stop.value.reason, stop.value.detail) == (Reason.MALFORMED, "here/left is not known")


WRONG: dict[str, Callable[[], Any]] = {
    "here is no object": lambda: Fields(1, "here"),
    "here/n is not of the type of `0`": lambda: Fields({"n": True}, "here").take("n", 0),
    "here/t holds something that is no text": lambda: Fields({"t": ["a", 1]}, "here").texts("t"),
    "here/l is no list": lambda: Fields({"l": {}}, "here").list_of("l"),
    "here/o is no object": lambda: Fields({"o": []}, "here").object("o"),
    "here/f is no object": lambda: Fields({"f": []}, "here").fields("f"),
    "`explode` is none of read, write, delete, send, exec": lambda: one_of(Effect, "explode"),
    "there is wrong": lambda: wrong("there", "is wrong"),
}


@pytest.mark.parametrize("detail", WRONG)
def test_what_is_wrong_is_told_where_it_stands(detail: str) -> None:
    """House style 4: one line, and which member."""
    with pytest.raises(Refused) as stop:
        WRONG[detail]()
    assert (stop.value.reason, stop.value.detail) == (Reason.MALFORMED, detail)


def test_a_word_of_a_closed_list_is_its_member() -> None:
    """Ours."""
    assert one_of(Effect, "send") is Effect.SEND
