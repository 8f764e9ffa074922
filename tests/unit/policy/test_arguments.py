"""Tests of how JSON arguments are read as policies see them.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mediator.canonical import Json, JsonObject, canonical_bytes, digest_of, parse_json
from mediator.policy.arguments import DECIMAL_MAX, DECIMAL_MIN, PARTS_MAX, Findings, reader_of
from mediator.policy.types import EVERYTHING, Array, Leaf, Member, Paths, Record, Type
from mediator.refusal import Reason, Refused
from tests.promises import promise

NOTHING: Paths = frozenset()


def read(kind: Type, value: Json, wanted: Paths = EVERYTHING) -> tuple[Json, list[str], list[str]]:
    findings = Findings()
    seen = reader_of(kind, wanted)(value, ("x",), findings)
    return seen, findings.opaque, findings.nulls


def a_record(**members: Member) -> Record:
    return Record(members=members)


@pytest.mark.parametrize(
    ("kind", "value", "seen"),
    [
        pytest.param(Leaf.STRING, "a\n\u2028😀", "a\n\u2028😀", id="string"),
        pytest.param(Leaf.BOOL, False, False, id="boolean"),
        pytest.param(Leaf.LONG, -7, -7, id="integer"),
        pytest.param(Leaf.LONG, 2**53 - 1, 2**53 - 1, id="the largest integer"),
        pytest.param(Leaf.LONG, 5.0, 5, id="an integer that came as a double"),
        pytest.param(Leaf.NUMBER, 3, {"text": "3", "low": "3.0000", "high": "3.0000"}, id="integral number"),
        pytest.param(Leaf.NUMBER, 0.1, {"text": "0.1", "low": "0.1000", "high": "0.1000"}, id="as written"),
        pytest.param(Leaf.NUMBER, 1.23456, {"text": "1.23456", "low": "1.2345", "high": "1.2346"}, id="rounded"),
        pytest.param(Leaf.NUMBER, -1.23456, {"text": "-1.23456", "low": "-1.2346", "high": "-1.2345"}, id="below zero"),
        pytest.param(Leaf.NUMBER, 1e-300, {"text": "1e-300", "low": "0.0000", "high": "0.0001"}, id="tiny"),
        pytest.param(Leaf.NUMBER, -1e-300, {"text": "-1e-300", "low": "-0.0001", "high": "-0.0000"}, id="tiny, below"),
        pytest.param(Array(items=Leaf.LONG), [1, 1, 2], {"items": [1, 1, 2], "count": 3}, id="array"),
        pytest.param(Array(items=Leaf.STRING), [], {"items": [], "count": 0}, id="empty array"),
        pytest.param(
            Leaf.OPAQUE,
            {"b": 1, "a": [None]},
            {"digest": digest_of({"b": 1, "a": [None]}), "keys": ["a", "b"], "bytes": 18},
            id="opaque",
        ),
        pytest.param(Leaf.OPAQUE, [1], {"digest": digest_of([1]), "keys": [], "bytes": 3}, id="opaque array"),
        pytest.param(Leaf.OPAQUE, None, {"digest": digest_of(None), "keys": [], "bytes": 4}, id="opaque null"),
    ],
)
def test_a_value_is_read_as_its_type(kind: Type, value: Json, seen: Json) -> None:
    """Ours (design 5.5)."""
    assert read(kind, value)[0] == seen


@pytest.mark.parametrize("value", [2**53, -(2**53), 1e20, 1e300, 2**63])
def test_an_integer_beyond_safety_is_refused_and_told_how_to_go(value: Json) -> None:
    """RFC 7493 §2.2; ours: never a silent rounding before a limit is compared."""
    with pytest.raises(Refused) as stop:
        read(Leaf.LONG, value)
    assert stop.value.reason is Reason.ARGUMENTS_INVALID
    assert stop.value.sentence == "the integer at `/x` is beyond 2^53-1"
    assert stop.value.remedy == "send it as a string"


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (1e300, {"text": "1e+300", "low": str(DECIMAL_MAX)}),
        (-1e300, {"text": "-1e+300", "high": str(DECIMAL_MIN)}),
        (2**70, {"text": "1.1805916207174113e+21", "low": str(DECIMAL_MAX)}),
    ],
)
def test_a_bound_that_no_decimal_can_be_is_absent_and_the_number_opaque(value: Json, seen: JsonObject) -> None:
    """Ours (design 5.5): so that `has high` refuses, and a general policy can see that something is unseen."""
    assert read(Leaf.NUMBER, value) == (seen, ["/x"], [])


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53) + 1, 2**53 - 1))
@example(922337203685477.5)
@example(-922337203685477.6)
@example(5e-324)
def test_a_number_lies_between_its_bounds(number: float) -> None:
    """Ours: rounding is outward, so a limit on a bound is a limit on the number."""
    value = parse_json(canonical_bytes(number))
    seen, opaque, _ = read(Leaf.NUMBER, value)
    assert isinstance(seen, dict)
    exact = Decimal(str(seen["text"]))
    assert exact == Decimal(canonical_bytes(value).decode())
    assert "low" not in seen or Decimal(str(seen["low"])) <= exact
    assert "high" not in seen or Decimal(str(seen["high"])) >= exact
    assert ("low" in seen and "high" in seen) == (DECIMAL_MIN <= exact <= DECIMAL_MAX) == (not opaque)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        pytest.param(Leaf.STRING, {"__entity": {"type": "Mediator::Agent", "id": "root"}}, id="an entity for a string"),
        pytest.param(Leaf.STRING, {"__extn": {"fn": "ip", "arg": "10.0.0.1"}}, id="an extension for a string"),
        pytest.param(Leaf.STRING, 1, id="a number for a string"),
        pytest.param(Leaf.STRING, None, id="null for a string"),
        pytest.param(Leaf.BOOL, 1, id="one for true"),
        pytest.param(Leaf.LONG, True, id="true for one"),
        pytest.param(Leaf.LONG, 1.5, id="a fraction for an integer"),
        pytest.param(Leaf.LONG, "1", id="digits for an integer"),
        pytest.param(Leaf.NUMBER, False, id="false for a number"),
        pytest.param(Leaf.NUMBER, {"__extn": {"fn": "decimal", "arg": "0.0"}}, id="an extension for a number"),
        pytest.param(Array(items=Leaf.STRING), "abc", id="a string for an array"),
        pytest.param(Array(items=Leaf.STRING), ["a", 1], id="a number in an array of strings"),
        pytest.param(a_record(), [], id="an array for an object"),
        pytest.param(a_record(a=Member(type=Leaf.STRING)), {}, id="nothing for something required"),
        pytest.param(a_record(a=Member(type=Leaf.STRING)), {"a": None}, id="null where null is not"),
    ],
)
@promise("P7")
@pytest.mark.parametrize("wanted", [EVERYTHING, NOTHING])
def test_a_value_of_another_type_is_refused_and_never_becomes_something_else(
    kind: Type, value: Json, wanted: Paths
) -> None:
    """standards.md 3.3 (3): an argument must not change its type inside the engine, named by a policy or not."""
    with pytest.raises(Refused) as stop:
        read(kind, value, wanted)
    assert stop.value.reason is Reason.ARGUMENTS_INVALID


def test_a_refusal_names_the_place_and_not_the_value() -> None:
    """Ours: the agent reads a pointer into its own arguments."""
    kind = a_record(list=Member(type=Array(items=a_record(a=Member(type=Leaf.STRING)))))
    with pytest.raises(Refused) as stop:
        read(kind, {"list": [{"a": "fine"}, {"a": 5}]})
    assert stop.value.sentence == "the pinned schema leads policy to expect a string at `/x/list/1/a`"


def test_null_and_absent_are_both_absent_and_nulls_are_told() -> None:
    """Ours (design 5.5)."""
    kind = a_record(a=Member(type=Leaf.STRING, nullable=True), b=Member(type=Leaf.LONG, required=False, nullable=True))
    assert read(kind, {"a": None}) == ({}, [], ["/x/a"])
    assert read(kind, {"a": "", "b": None}) == ({"a": ""}, [], ["/x/b"])


def test_a_key_that_the_record_does_not_name_is_opaque_and_not_shown() -> None:
    """standards.md 3.3 (5): extra arguments; a manifest may open an object, and then policy is told so."""
    kind = a_record(a=Member(type=Leaf.STRING))
    assert read(kind, {"a": "1", "b/c": {"__entity": 1}}) == ({"a": "1"}, ["/x/b~1c"], [])


def test_an_empty_object_hides_nothing() -> None:
    """Ours: whatever else is opaque is told, also where no policy wants to see it."""
    assert read(Leaf.OPAQUE, {})[1] == []
    assert read(Leaf.OPAQUE, [])[1] == ["/x"]
    assert read(Leaf.OPAQUE, 0, NOTHING) == (None, ["/x"], [])
    assert read(Leaf.OPAQUE, {}, NOTHING) == (None, [], [])


def test_only_what_is_wanted_is_shown_and_everything_is_found() -> None:
    """Ours: the projection hides values, never findings."""
    inner = a_record(
        shown=Member(type=Leaf.STRING),
        hidden=Member(type=Leaf.OPAQUE),
        gone=Member(type=Leaf.STRING, nullable=True),
    )
    kind = a_record(deep=Member(type=inner), many=Member(type=Array(items=inner), required=False))
    value: Any = {"shown": "s", "hidden": [1], "gone": None}
    assert read(kind, {"deep": value}, frozenset({("deep", "shown")})) == (
        {"deep": {"shown": "s"}},
        ["/x/deep/hidden"],
        ["/x/deep/gone"],
    )
    seen, _, _ = read(kind, {"deep": value, "many": [value]}, frozenset({("many", "count")}))
    assert seen == {
        "many": {"items": [{"shown": "s", "hidden": read(Leaf.OPAQUE, [1])[0]}], "count": 1},
    }


def test_arguments_have_no_type_that_facts_alone_have() -> None:
    """Ours: a mistake in this room is loud."""
    with pytest.raises(AssertionError):
        reader_of(Leaf.STRINGS, EVERYTHING)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        pytest.param(Array(items=Leaf.STRING), ["a"] * (PARTS_MAX + 1), id="strings"),
        pytest.param(Array(items=Leaf.BOOL), [True] * (PARTS_MAX + 1), id="booleans"),
        pytest.param(Array(items=Leaf.LONG), [1] * (PARTS_MAX + 1), id="integers"),
        pytest.param(Array(items=Leaf.NUMBER), [1.5] * (PARTS_MAX // 8 + 1), id="numbers, which cost more"),
        pytest.param(Leaf.OPAQUE, dict.fromkeys(map(str, range(PARTS_MAX)), 1), id="keys"),
        pytest.param(a_record(), dict.fromkeys(map(str, range(PARTS_MAX + 1)), 1), id="keys that nobody named"),
        pytest.param(Array(items=Leaf.OPAQUE), [1] * (PARTS_MAX + 1), id="places that cannot be seen into"),
        pytest.param(
            Array(items=a_record(a=Member(type=Leaf.STRING, nullable=True))),
            [{"a": None}] * (PARTS_MAX + 1),
            id="nulls",
        ),
    ],
)
def test_what_policy_is_shown_is_bounded(kind: Type, value: Json) -> None:
    """Ours (P12): an agent (A1) chooses how long its arrays are, and 4 MiB of them would hold the engine for seconds."""
    with pytest.raises(Refused) as stop:
        read(kind, value)
    assert stop.value.reason is Reason.ARGUMENTS_INVALID
    assert stop.value.remedy == "send fewer at a time"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Array(items=Leaf.STRING), ["a"] * PARTS_MAX * 2),
        (Array(items=Leaf.NUMBER), [1.5, 2**40] * PARTS_MAX),
        (Leaf.OPAQUE, dict.fromkeys(map(str, range(PARTS_MAX * 2)), 1)),
    ],
)
def test_what_no_policy_names_may_be_of_any_length(kind: Type, value: Json) -> None:
    """Ours: a tool that takes long lists works on, as long as nobody asks to judge each item."""
    assert read(a_record(a=Member(type=kind)), {"a": value}, NOTHING)[0] == {}


@pytest.mark.parametrize("value", [1e300, 922337203685477.7, -1e300, 9e14, True, "1"])
def test_a_number_that_nobody_wants_to_see_is_found_out_all_the_same(value: Json) -> None:
    """Ours: the projection hides values, never findings."""

    def outcome(wanted: Paths) -> object:
        try:
            return read(Leaf.NUMBER, value, wanted)[1]
        except Refused as stop:
            return stop.sentence

    assert outcome(NOTHING) == outcome(EVERYTHING)
