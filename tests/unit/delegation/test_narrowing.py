"""Narrowing: a child that is wider in one dimension is named by it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mediator.delegation.authority import Entry, Rights
from mediator.delegation.constraint import PathBelow
from mediator.delegation.narrowing import find_wider_dimension, is_audience_within, may_act_narrows
from mediator.effect import Effect
from tests.promises import promise
from tests.simulated.forged_tokens import AUDIENCE
from tests.simulated.grants import a_grant, authority

PARENT = a_grant(
    rights=authority("files/read_* read", "files/save read,write"), max_depth=2, max_calls=5, may_act=("a", "b")
)
CHILD = replace(PARENT, id="g-2", parent="g-1", agent="worker", depth=1)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"rights": authority("files/read_a read", "files/save write")},
        {"rights": authority("files/read_* read", pin_serial=6)},
        {"rights": authority()},
        {"audience": f"{AUDIENCE}/servers/files/mcp"},
        {"expires_ms": PARENT.expires_ms - 1, "opened_ms": PARENT.opened_ms + 1},
        {"max_depth": 1},
        {"max_calls": 1},
        {"max_calls": None},
        {"may_act": ("b",)},
        {"may_act": ()},
        {"purpose": "another", "agent_class": "x", "team": "y", "is_connector": True, "idle_ms": 1, "keyid": "k"},
    ],
    ids=lambda one: ", ".join(one) if isinstance(one, dict) else str(one),
)
def test_a_child_that_says_what_its_parent_says_or_less_is_wider_in_nothing(changed: dict[str, Any]) -> None:
    """P4; one without a number of calls of its own has its parent's, counted there."""
    assert find_wider_dimension(replace(CHILD, **changed), PARENT) is None


@promise("P4")
@pytest.mark.parametrize(
    ("changed", "dimension"),
    [
        ({"rights": authority("files/read* read")}, "tools, effects or arguments"),
        ({"rights": authority("files/read_a write")}, "tools, effects or arguments"),
        ({"rights": authority("files/save read,write,delete")}, "tools, effects or arguments"),
        ({"rights": authority("files/save read", pin_serial=8)}, "tools, effects or arguments"),
        ({"rights": Rights(entries=(Entry(pattern="files/save", effects=frozenset()),), pin_serial=7)}, "tools, effects or arguments"),
        ({"audience": "https://elsewhere.example"}, "audience"),
        ({"audience": ""}, "audience"),
        ({"expires_ms": PARENT.expires_ms + 1}, "expiry"),
        ({"opened_ms": PARENT.opened_ms - 1}, "expiry"),
        ({"max_depth": 3}, "depth"),
        ({"max_calls": 6}, "calls"),
        ({"may_act": None}, "who may act"),
        ({"may_act": ("a", "c")}, "who may act"),
        ({"owner": "bob@example.com"}, "owner"),
    ],
    ids=lambda one: ", ".join(one) if isinstance(one, dict) else str(one),
)  # fmt: skip
def test_a_child_that_is_wider_in_one_dimension_is_named_by_it(changed: dict[str, Any], dimension: str) -> None:
    """P4: tools, arguments, effects, audience, time, count, depth; and ours: who may act, and for whom."""
    assert find_wider_dimension(replace(CHILD, **changed), PARENT) == dimension


@promise("P4")
def test_a_parent_without_a_limit_of_its_own_leaves_it_to_its_child() -> None:
    """Ours: None is no limit of this link, and the links above it keep theirs."""
    parent = replace(PARENT, max_calls=None, may_act=None)
    assert find_wider_dimension(replace(CHILD, max_calls=10**6), parent) is None
    assert find_wider_dimension(replace(CHILD, may_act=None, max_calls=None), parent) is None


def constrained(path: str) -> Rights:
    entry = Entry(pattern="files/read", effects=frozenset({Effect.READ}), arguments={"/path": PathBelow(path)})
    return Rights(entries=(entry,), pin_serial=7)


@promise("P4", "P12")
def test_rights_that_differ_in_their_constraints_alone_are_told_apart() -> None:
    """Ours: what was found is remembered; a fleet of grants for one tool is found by as many hashes."""
    wide = replace(PARENT, rights=constrained("/data"))
    for number in range(100):
        assert find_wider_dimension(replace(CHILD, rights=constrained(f"/data/{number}")), wide) is None
    assert find_wider_dimension(replace(CHILD, rights=constrained("/database")), wide) == "tools, effects or arguments"
    assert len({hash(constrained(f"/data/{number}")) for number in range(100)}) == 100


@pytest.mark.parametrize(
    ("narrow", "wide", "is_within"),
    [
        ("https://m", "https://m", True),
        ("https://m/servers/x/mcp", "https://m", True),
        ("https://m.evil.example", "https://m", False),
        ("https://m", "https://m/servers/x/mcp", False),
        ("https://m/servers/xy/mcp", "https://m/servers/x", False),
        ("", "https://m", False),
        ("https://m", "", False),
    ],
)
def test_a_base_url_names_all_endpoints_below_it(narrow: str, wide: str, is_within: bool) -> None:
    """Design 5.6."""
    assert is_audience_within(narrow, wide) is is_within


@promise("P7")
@pytest.mark.parametrize(
    ("narrow", "wide", "narrows"),
    [
        (None, None, True),
        (("a",), None, True),
        ((), None, True),
        (("a",), ("b", "a"), True),
        ((), (), True),
        (("a",), (), False),
        (None, (), False),
        (None, ("a",), False),
        (("a", "b"), ("a",), False),
    ],
)
def test_nobody_may_act_who_might_not_before(
    narrow: tuple[str, ...] | None, wide: tuple[str, ...] | None, narrows: bool
) -> None:
    """RFC 8693 §4.4; empty is nobody, never everybody."""
    assert may_act_narrows(narrow, wide) is narrows
