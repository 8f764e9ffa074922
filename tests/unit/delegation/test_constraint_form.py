"""The JSON form of constraints: one for each, and what is none.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any

import pytest

from mediator.canonical import Json
from mediator.delegation.constraint import (
    AllOf,
    AnyOf,
    HostIs,
    Length,
    OneOf,
    PathBelow,
    Prefix,
    Within,
)
from mediator.delegation.constraint_form import constraint_form, parse_constraint
from mediator.refusal import Reason, Refused
from tests.promises import promise


def read(form: Json) -> Any:
    return parse_constraint(form, "/c")


@pytest.mark.parametrize(
    ("form", "constraint", "stable"),
    [
        ({"exact": {"b": 1, "a": 2.0}}, OneOf(frozenset({b'{"a":2,"b":1}'})), {"one_of": [{"a": 2, "b": 1}]}),
        ({"one_of": ["b", "a", "b"]}, OneOf(frozenset({b'"a"', b'"b"'})), {"one_of": ["a", "b"]}),
        ({"prefix": "a"}, Prefix("a"), {"prefix": "a"}),
        ({"path_below": "/a"}, PathBelow("/a"), {"path_below": "/a"}),
        ({"host": "h"}, HostIs("h"), {"host": "h"}),
        ({"range": {"max": 1.5, "min": -1}}, Within(-1, 1.5), {"range": {"min": -1, "max": 1.5}}),
        ({"range": {"min": 0}}, Within(0, None), {"range": {"min": 0}}),
        ({"length": {"max": 3}}, Length(None, 3), {"length": {"max": 3}}),
        ({"all": [{"prefix": "a"}]}, AllOf((Prefix("a"),)), {"all": [{"prefix": "a"}]}),
        (
            {"any": [{"all": [{"exact": 1}]}]},
            AnyOf((AllOf((OneOf(frozenset({b"1"})),)),)),
            {"any": [{"all": [{"one_of": [1]}]}]},
        ),
    ],
)
def test_a_constraint_has_one_form(form: Json, constraint: Any, stable: Json) -> None:
    """Ours: what is stored and covered by the MAC."""
    assert read(form) == constraint
    assert constraint_form(constraint) == stable
    assert read(stable) == constraint


KINDS = "one of `exact`, `one_of`, `prefix`, `path_below`, `host`, `range`, `length`, `all`, `any`"
A_TEXT = "a text of 1 to 2048 characters"
A_LIST = "a list of 1 to 64"
NORMAL = "a text in its normal form; of a URL, at least up to the `/` behind its host"
A_PATH = "an absolute path without `.`, `..`, `//`, a closing `/` or encoded separators"
A_HOST = "a host in lower case, with its port where that is not the scheme's own"
SOME = "numbers; whole ones, where it is a length"


def deep(depth: int) -> Json:
    form: Json = {"exact": 1}
    for _ in range(depth):
        form = {"all": [form]}
    return form


BAD: dict[str, tuple[Json, str, str]] = {
    "nothing": ({}, "", f"{KINDS}, and nothing beside it"),
    "null": (None, "", f"{KINDS}, and nothing beside it"),
    "a list": ([{"exact": 1}], "", f"{KINDS}, and nothing beside it"),
    "two kinds": ({"prefix": "a", "length": {"max": 1}}, "", f"{KINDS}, and nothing beside it"),
    "an unknown kind": ({"matches": ".*"}, "", KINDS),
    "a known kind in capitals": ({"EXACT": 1}, "", KINDS),
    "one of none": ({"one_of": []}, "/one_of", A_LIST),
    "one of no list": ({"one_of": "ab"}, "/one_of", A_LIST),
    "one of too many": ({"one_of": list[Json](range(65))}, "/one_of", A_LIST),
    "all of none": ({"all": []}, "/all", A_LIST),
    "any of none": ({"any": []}, "/any", A_LIST),
    "any of no list": ({"any": {"exact": 1}}, "/any", A_LIST),
    "an unknown kind below": ({"any": [{"exact": 1}, {"all": [{"not": {}}]}]}, "/any/1/all/0", KINDS),
    "too deep": (deep(9), "/all/0" * 9, "`all` and `any` at most 8 deep"),
    "an empty prefix": ({"prefix": ""}, "/prefix", A_TEXT),
    "a prefix that is a number": ({"prefix": 1}, "/prefix", A_TEXT),
    "a long prefix": ({"prefix": "a" * 2049}, "/prefix", A_TEXT),
    "a prefix that climbs": ({"prefix": "a/../b"}, "/prefix", NORMAL),
    "a path for a prefix that climbs": ({"prefix": "/a/../b"}, "/prefix", NORMAL),
    "a host that goes on": ({"prefix": "https://h"}, "/prefix", NORMAL),
    "a host that goes on, without a scheme": ({"prefix": "//h/"}, "/prefix", NORMAL),
    "a scheme that goes on": ({"prefix": "https:"}, "/prefix", NORMAL),
    "a user that goes on": ({"prefix": "https://h@"}, "/prefix", NORMAL),
    "a user": ({"prefix": "https://u@h/"}, "/prefix", NORMAL),
    "a URL in capitals": ({"prefix": "https://H/"}, "/prefix", NORMAL),
    "half an encoding": ({"prefix": "https://h/a%"}, "/prefix", NORMAL),
    "a path that closes": ({"path_below": "/a/"}, "/path_below", A_PATH),
    "no absolute path": ({"path_below": "a"}, "/path_below", A_PATH),
    "a path of nothing": ({"path_below": ""}, "/path_below", A_TEXT),
    "a host in capitals": ({"host": "H"}, "/host", A_HOST),
    "a host with a star": ({"host": "*.example"}, "/host", A_HOST),
    "a URL for a host": ({"host": "https://h/"}, "/host", A_HOST),
    "a range of nothing": ({"range": {}}, "/range", "`min`, `max` or both"),
    "a range that is a number": ({"range": 1}, "/range", "`min`, `max` or both"),
    "a range of more": ({"range": {"min": 1, "step": 2}}, "/range", "`min`, `max` or both"),
    "a range of texts": ({"range": {"min": "1"}}, "/range", SOME),
    "a range of truths": ({"range": {"min": False}}, "/range", SOME),
    "a range from nothing": ({"range": {"min": None}}, "/range", SOME),
    "a range beyond": ({"range": {"max": 2**53}}, "/range", "numbers within 2^53-1"),
    "a range far below": ({"range": {"min": -1e300}}, "/range", "numbers within 2^53-1"),
    "a range turned round": (
        {"range": {"min": 2, "max": 1}},
        "/range",
        "a `min` that is no more than `max`: nothing lies between these",
    ),
    "half a length": ({"length": {"min": 0.5}}, "/length", SOME),
    "a length that is a truth": ({"length": {"max": True}}, "/length", SOME),
}


@promise("P7")
@pytest.mark.parametrize("case", BAD)
def test_what_is_no_constraint_is_refused_by_its_place(case: str) -> None:
    """P7: an unknown kind denies; an empty list is neither all nor none."""
    form, place, expected = BAD[case]
    with pytest.raises(Refused) as stop:
        read(form)
    told = f"`/c{place}`: expected {expected}"
    assert (stop.value.reason, stop.value.detail, stop.value.sentence) == (Reason.MALFORMED, told, told)


@pytest.mark.parametrize(
    "form",
    [deep(8), {"one_of": list[Json](range(64))}, {"prefix": ".."}, {"prefix": "https://h/"}, {"prefix": "/a/."}],
    ids=str,
)
def test_what_is_just_within_bounds_is_read(form: Json) -> None:
    """Ours: a prefix may break off where its text goes on."""
    assert read(constraint_form(read(form))) == read(form)
