"""What could be otherwise: candidates from what policies compare with, each one fact away from what is.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import Json, JsonObject
from mediator.policy.changes import ABSENT, ANOTHER, changes_of, value_at
from mediator.policy.conditions import formula_of, terms_of
from mediator.policy.request import Action
from mediator.policy.schema import prepare_item
from mediator.policy.types import Member, Record
from tests.unit.policy.facts import with_arguments
from tests.unit.policy.read import ON_READ, policies_of

ITEM = prepare_item(
    with_arguments(
        {
            "path": {"type": "string"},
            "count": {"type": "integer"},
            "amount": {"type": "number"},
            "deep": {"type": "boolean"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "sizes": {"type": "array", "items": {"type": "integer"}},
            "free": {"type": "object"},
            "opts": {
                "type": "object",
                "properties": {
                    "mode": {"type": "string"},
                    "size": {"type": "integer"},
                    "rate": {"type": "number"},
                    "fast": {"type": "boolean"},
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "free": {"type": "object"},
                    "inner": {"type": "object", "properties": {}},
                    "more": {"type": "string"},
                },
                "required": ["mode", "size", "rate", "fast", "tags", "free", "inner"],
            },
        }
    )
)
SHAPE = ITEM.question_context(Action.CALL)
KNOWN: JsonObject = {"approver": "(an approver)", "at": 9, "request_hash": "h"}


def changes(condition: str, attributes: JsonObject, shape: Record = SHAPE) -> dict[str, list[Json]]:
    """The candidate values, by fact."""
    (policy,) = policies_of(f"forbid({ON_READ}) when {{ {condition} }};")
    found: dict[str, list[Json]] = {}
    for one in changes_of(
        attributes, shape, policy.mentions.paths, list(terms_of(formula_of(policy.conditions))), KNOWN
    ):
        found.setdefault(".".join(one.path), []).append(one.value)
        assert value_at(one.attributes, one.path) == one.value
        assert one.is_absence is (one.value == ABSENT)
        assert one.by
    return found


def number(text: str, decimal: str) -> JsonObject:
    return {"text": text, "low": decimal, "high": decimal}


NO_ARGS: JsonObject = {"args": {}}
CASES: dict[str, tuple[str, JsonObject, dict[str, list[Json]]]] = {
    "a truth": ("context.grant.covers", {"grant": {"covers": True}}, {"grant.covers": [False]}),
    "a long, and what lies beside it": ("context.task.calls > 3", {"task": {"calls": 4}}, {"task.calls": [3, 2]}),
    "a text": ('context.grant.purpose == "a"', {"grant": {"purpose": "b"}}, {"grant.purpose": ["a", ANOTHER]}),
    "a pattern": (
        'context.args has path && context.args.path like "/srv/*"',
        {"args": {"path": "/srv/x"}},
        {"args.path": [ANOTHER, ABSENT]},
    ),
    "a proof": ('context.proof == "bearer"', {"proof": "bearer"}, {"proof": ["dpop", "certificate", "profile-key"]}),
    "a set": (
        'context.destination.contains("a")',
        {"destination": ["a", "b"]},
        {"destination": [["b"], ["a"], []]},
    ),
    "a set that is not there": (
        '["a", "c"].containsAll(context.destination)',
        {},
        {"destination": [["a", "c"], [], ["a"], ["c"]]},
    ),
    "a number, as a whole": (
        'context.args has amount && context.args.amount has high && context.args.amount.high.lessThan(decimal("2.5"))',
        NO_ARGS,
        {"args.amount": [number("2.5", "2.5000"), number("1.5", "1.5000"), number("3.5", "3.5000")]},
    ),
    "an array, as a whole": (
        'context.args has tags && context.args.tags.items.contains("a")',
        {"args": {"tags": {"items": ["b"], "count": 1}}},
        {
            "args.tags": [
                {"items": ["a", "b"], "count": 2},
                {"items": [], "count": 0},
                {"items": ["a"], "count": 1},
                ABSENT,
            ]
        },
    ),
    "an array that is not there": (
        'context.args has tags && context.args.tags.items.contains("a")',
        NO_ARGS,
        {"args.tags": [{"items": ["a"], "count": 1}, {"items": [], "count": 0}]},
    ),
    "an array of what is no text": (
        "context.args has sizes && context.args.sizes.items.contains(3)",
        {"args": {"sizes": {"items": [], "count": 0}}},
        {"args.sizes": [ABSENT]},
    ),
    "what nobody can see into": ("context.args has free && context.args.free.bytes > 5", NO_ARGS, {}),
    "an approval": (
        'context has approval && context.approval.approver == "bob"',
        {},
        {
            "approval": [
                {"approver": "(an approver)", "at": 9, "request_hash": "h"},
                {"approver": "bob", "at": 9, "request_hash": "h"},
            ]
        },
    ),
    "another approval": (
        "context has approval && context.approval.at > 5",
        {"approval": {"approver": "eve", "at": 1, "request_hash": "h"}},
        {
            "approval": [
                {"approver": "(an approver)", "at": 9, "request_hash": "h"},
                {"approver": "(an approver)", "at": 5, "request_hash": "h"},
                ABSENT,
            ]
        },
    ),
    "a record that would be there": (
        'context.args has opts && context.args.opts.mode like "a*"',
        NO_ARGS,
        {
            "args.opts": [
                {
                    "mode": mode,
                    "size": 0,
                    "rate": number("0", "0.0000"),
                    "fast": True,
                    "tags": {"items": [], "count": 0},
                    "free": {"digest": ANOTHER, "keys": [], "bytes": 0},
                    "inner": {},
                }
                for mode in (ANOTHER, "ax")
            ],
            "args.opts.mode": ["ax", ANOTHER],
        },
    ),
    "a record that is there": (
        'context.args has opts && context.args.opts.mode == "a"',
        {"args": {"opts": {"mode": "b"}}},
        {"args.opts": [ABSENT], "args.opts.mode": ["a", ANOTHER]},
    ),
    "what nobody can change": (
        'context.opaque.isEmpty() && context.pin == "a" && context.method == "b" && context.request_hash == "c"',
        {},
        {},
    ),
    "facts in their order": (
        "context.args has deep && context.justified && context.grant.covers",
        {"grant": {"covers": True}, "justified": True, "args": {"deep": True}},
        {"grant.covers": [False], "justified": [False], "args.deep": [False, ABSENT]},
    ),
    "a fact of the agent": ('principal.owner.name == "x"', {}, {}),
}


@pytest.mark.parametrize("case", CASES)
def test_each_candidate_is_one_fact_away(case: str) -> None:
    """Ours: from the literals that policies name, what lies beside them, presence and absence."""
    condition, attributes, expected = CASES[case]
    found = changes(condition, attributes)
    assert found == expected
    assert list(found) == list(expected)


def test_a_required_set_of_a_record_that_would_be_there_is_empty() -> None:
    """Ours: total over every type."""
    record = Record(members={"inner": SHAPE.members["task"]})
    shape = Record(members={"opts": Member(type=record, required=False)})
    assert changes("context has opts", {}, shape)["opts"] == [
        {"inner": {"id": ANOTHER, "labels": [], "calls": 0, "denials": 0, "age": 0, "novel": []}}
    ]


def test_what_the_shape_does_not_hold_is_left_out() -> None:
    """Ours: total, though no policy that is fit names such a thing."""
    assert changes('context.nope == "x"', {}, SHAPE) == {}
