"""Constraints: what each holds of, and which are within which.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any

import pytest

from mediator.canonical import Json
from mediator.delegation.constraint import (
    AllOf,
    AnyOf,
    Prefix,
    Reading,
    count_of,
    holds,
    is_within,
)
from mediator.delegation.constraint_form import parse_constraint
from tests.promises import promise


def read(form: Json) -> Any:
    return parse_constraint(form, "/c")


# --- holds -----------------------------------------------------------------------------------------------------------

HOLDS: list[tuple[Json, list[Json], list[Json]]] = [
    ({"exact": "a"}, ["a"], ["A", "a ", "", None, ["a"], "a" * 100]),
    ({"exact": 1}, [1, 1.0], [True, "1", 2, 10**6]),
    ({"exact": True}, [True], [1, "true"]),
    ({"exact": None}, [None], [False, 0, "", [], {}]),
    ({"exact": [1, "a"]}, [[1, "a"]], [["a", 1], [1], [1, "a", 2], [[1] * 9, [2] * 9]]),
    ({"exact": {"a": 1, "b": {}}}, [{"b": {}, "a": 1}], [{"a": 1}, {"a": 1, "b": []}, {"a": "x" * 99, "b": {}}]),
    ({"exact": "é"}, ["é"], ["e\u0301"]),
    ({"exact": []}, [[]], [{}, ""]),
    ({"one_of": ["a", 2]}, ["a", 2], ["2", 3]),
    ({"prefix": "re"}, ["re", "read", "re/ad"], ["r", "RE", 1, ["re"], None, "re/../x", "re\x00", "re%2f"]),
    ({"prefix": "/data"}, ["/data", "/data/", "/database", "/data/a"], ["/dat", "/data/../etc", "/data//", "//data"]),
    ({"prefix": "https://h/a"}, ["https://h/a", "https://h/ab?c"], ["https://h/b", "https://h/a/../b", "https://h/a#"]),
    ({"path_below": "/data"}, ["/data", "/data/a/b"], ["/database", "/", "/data/", "/data/../a", "data", 1, None]),
    ({"path_below": "/"}, ["/", "/a"], ["a", "", "//"]),
    (
        {"host": "h"},
        ["https://h/", "http://h/x"],
        ["https://h.evil.example/", "https://h:8443/", "https://h", "h", 1, "https://u@h/", "https://evil.example/h/"],
    ),
    ({"host": "h:8443"}, ["https://h:8443/"], ["https://h/"]),
    ({"range": {"min": 1, "max": 9}}, [1, 9, 4.5], [0, 10, 0.999, True, "5", None, [5]]),
    ({"range": {"min": 0}}, [0, 1e300], [-1, False, -1e-9]),
    ({"range": {"max": 0.5}}, [0.5, -1e300], [0.51, 1]),
    ({"length": {"min": 1, "max": 2}}, ["a", "ab", [1], [1, [2, 3]]], ["", "abc", [], 1, {"a": 1}, None]),
    ({"length": {"max": 0}}, ["", []], ["a"]),
    ({"length": {"min": 2}}, ["ab"], ["a"]),
    ({"all": [{"prefix": "a"}, {"length": {"max": 2}}]}, ["a", "ab"], ["abc", "b"]),
    ({"any": [{"exact": "a"}, {"range": {"max": 2}}]}, ["a", 1], ["b", 3]),
]


@pytest.mark.parametrize(("form", "within", "without"), HOLDS, ids=[str(form) for form, _, _ in HOLDS])
def test_a_constraint_holds_of_what_it_says_and_of_nothing_else(
    form: Json, within: list[Json], without: list[Json]
) -> None:
    """Ours, after draft-niyikiza-oauth-attenuating-agent-tokens, I4."""
    constraint = read(form)
    assert [value for value in within if not holds(constraint, value)] == []
    assert [value for value in without if holds(constraint, value)] == []


@promise("P12")
def test_a_value_is_read_once_for_many_constraints() -> None:
    """Ours: an agent may ask for hundreds of constraints on one text, which is long; the loop waits for it."""
    asked: list[str] = []

    def says(text: str) -> bool:
        asked.append(text)
        return text != "a"

    reading = Reading("ab")
    assert reading.is_text(says)
    assert reading.is_text(says)
    assert asked == ["ab"]
    assert not Reading("a").is_text(says)
    assert not Reading(5).is_text(says)


def test_a_value_that_cannot_be_meant_is_not_written_out() -> None:
    """Ours: an argument may be megabytes and its constraints many; what is far too long has no RFC 8785 form made."""
    no_json: Any = {1, 2}
    assert not holds(read({"exact": "a"}), [*"abcdefgh", no_json])
    assert not holds(read({"exact": "a"}), {"a": ["x" * 99, no_json], "b": no_json})


# --- is_within -------------------------------------------------------------------------------------------------------

WITHIN: list[tuple[Json, Json]] = [
    ({"exact": 1}, {"one_of": [1, 2]}),
    ({"one_of": [1, 2]}, {"one_of": [3, 2, 1]}),
    ({"one_of": ["/d/a", "/d/b"]}, {"path_below": "/d"}),
    ({"exact": "https://h/a"}, {"host": "h"}),
    ({"exact": 5}, {"range": {"min": 1, "max": 9}}),
    ({"exact": "ab"}, {"length": {"min": 2}}),
    ({"prefix": "abc"}, {"prefix": "ab"}),
    ({"path_below": "/a/b"}, {"path_below": "/a"}),
    ({"path_below": "/a"}, {"path_below": "/"}),
    ({"path_below": "/a/b"}, {"prefix": "/a/"}),
    ({"range": {"min": 2, "max": 3}}, {"range": {"min": 2, "max": 3.5}}),
    ({"range": {"min": 2, "max": 3}}, {"range": {"max": 3}}),
    ({"range": {"min": 2}}, {"range": {"min": 2}}),
    ({"length": {"max": 3}}, {"length": {"max": 4}}),
    ({"host": "h"}, {"host": "h"}),
    ({"all": [{"prefix": "ab"}, {"length": {"max": 9}}]}, {"prefix": "a"}),
    ({"prefix": "ab"}, {"any": [{"exact": 1}, {"prefix": "a"}]}),
    ({"any": [{"exact": "ab"}, {"prefix": "ac"}]}, {"prefix": "a"}),
    ({"any": [{"exact": 1}, {"prefix": "b"}]}, {"any": [{"prefix": "b"}, {"one_of": [1, 2]}]}),
    ({"all": [{"prefix": "ab"}, {"length": {"max": 9}}]}, {"all": [{"length": {"max": 9}}, {"prefix": "a"}]}),
    ({"all": [{"any": [{"exact": 1}, {"exact": 2}]}, {"prefix": "a"}]}, {"any": [{"exact": 1}, {"exact": 2}]}),
    ({"all": [{"exact": 1}, {"prefix": "b"}]}, {"any": [{"one_of": [1, 2]}, {"host": "h"}]}),
    ({"all": [{"prefix": "a"}, {"prefix": "b"}]}, {"any": [{"all": [{"prefix": "b"}, {"prefix": "a"}]}, {"exact": 1}]}),
]


@pytest.mark.parametrize(("narrow", "wide"), WITHIN, ids=str)
def test_what_is_narrower_is_within(narrow: Json, wide: Json) -> None:
    """P4: may be handed on."""
    assert is_within(read(narrow), read(wide))


WIDER: list[tuple[Json, Json]] = [
    ({"one_of": [1, 3]}, {"one_of": [1, 2]}),
    ({"one_of": ["/d/a", "/e"]}, {"path_below": "/d"}),
    ({"exact": "/d/../e"}, {"path_below": "/d"}),
    ({"exact": "https://h.evil.example/"}, {"host": "h"}),
    ({"prefix": "a"}, {"prefix": "ab"}),
    ({"prefix": "/a"}, {"path_below": "/a"}),
    ({"prefix": "/a/"}, {"path_below": "/a"}),
    ({"path_below": "/a"}, {"path_below": "/a/b"}),
    ({"path_below": "/ab"}, {"path_below": "/a"}),
    ({"path_below": "/a"}, {"prefix": "/a/"}),
    ({"path_below": "/a"}, {"one_of": ["/a"]}),
    ({"prefix": "https://h/"}, {"host": "h"}),
    ({"host": "h"}, {"host": "h:8443"}),
    ({"range": {"min": 1}}, {"range": {"min": 2}}),
    ({"range": {"max": 3}}, {"range": {"max": 2}}),
    ({"range": {"max": 3}}, {"range": {"min": 1, "max": 3}}),
    ({"range": {"min": 1}}, {"range": {"min": 1, "max": 3}}),
    ({"length": {"max": 3}}, {"range": {"max": 3}}),
    ({"length": {"max": 3}}, {"length": {"max": 2}}),
    ({"any": [{"exact": "ab"}, {"prefix": "b"}]}, {"prefix": "a"}),
    ({"prefix": "a"}, {"all": [{"prefix": "a"}, {"length": {"max": 9}}]}),
    ({"all": [{"prefix": "b"}, {"length": {"max": 9}}]}, {"prefix": "a"}),
    ({"all": [{"prefix": "a"}, {"length": {"max": 9}}]}, {"any": [{"prefix": "b"}, {"length": {"max": 8}}]}),
    ({"prefix": "a"}, {"any": [{"prefix": "b"}, {"exact": "a"}]}),
]


@promise("P4")
@pytest.mark.parametrize(("narrow", "wide"), WIDER, ids=str)
def test_what_is_wider_or_otherwise_is_not_within(narrow: Json, wide: Json) -> None:
    """P4: may not be handed on."""
    assert not is_within(read(narrow), read(wide))


@promise("P12")
def test_constraints_within_each_other_are_compared_pair_by_pair() -> None:
    """Ours: an agent writes both sides. By every way to each pair, these would take the age of the world."""

    def nested(kind: type[AllOf | AnyOf], name: str, depth: int) -> AllOf | AnyOf | Prefix:
        if depth == 0:
            return Prefix(name)
        return kind((nested(kind, f"{name}a", depth - 1), nested(kind, f"{name}b", depth - 1)))

    narrow, wide = nested(AllOf, "n", 6), nested(AnyOf, "w", 6)
    assert count_of(narrow) == count_of(wide) == 127
    assert not is_within(narrow, wide)
    assert is_within(narrow, AnyOf((wide, Prefix("n"))))
