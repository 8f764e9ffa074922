"""Tests of the types that policies read.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import cedarpy
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mediator.policy.types import EVERYTHING, Array, Leaf, Member, Record, Type, below, pruned, quoted, text_of

PERSON = Record(
    members={
        "name": Member(type=Leaf.STRING),
        "age": Member(type=Leaf.LONG, required=False),
        "nick": Member(type=Leaf.STRING, nullable=True),
        "home": Member(type=Record(members={"street": Member(type=Leaf.STRING), "no": Member(type=Leaf.NUMBER)})),
    }
)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Leaf.BOOL, "Bool"),
        (Leaf.STRINGS, "Set<String>"),
        (Array(items=Leaf.LONG), "{ items: Set<Long>, count: Long }"),
        (Record(members={}), "{  }"),
        (Record(members={"age": Member(type=Leaf.LONG, required=False)}), '{ "age"?: Long }'),
        (Record(members={"nick": Member(type=Leaf.STRING, nullable=True)}), '{ "nick"?: String }'),
        (Leaf.NUMBER, "{ low?: decimal, high?: decimal, text: String }"),
        (
            Record(members={"a b": Member(type=PERSON, required=False)}),
            f'{{ "a b"?: {text_of(PERSON)} }}',
        ),
    ],
)
def test_a_type_is_written_in_cedars_schema_syntax(kind: Type, text: str) -> None:
    """Ours: what may be null is optional to a policy, even where the JSON value is required."""
    assert text_of(kind) == text


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
@example("")
@example('"} entity Evil; {"')
@example("\\u{41}\n\r\t\x00\x7f\u2028😀")
def test_a_name_is_never_read_as_syntax(name: str) -> None:
    """Ours: whoever chose the name, Cedar reads back exactly that attribute and no other."""
    schema = f"entity A; action x appliesTo {{ principal: [A], resource: [A], context: {{ {quoted(name)}: Long }} }};"
    question = {
        "principal": {"type": "A", "id": "a"},
        "action": {"type": "Action", "id": "x"},
        "resource": {"type": "A", "id": "a"},
        "context": {name: 1},
    }
    policy = "permit(principal, action, resource);"
    answer = cedarpy.is_authorized(question, policy, [], schema)
    assert (answer.allowed, answer.diagnostics.errors) == (True, []) or name in {"__entity", "__extn", "__expr"}


def test_what_is_wanted_is_kept_and_nothing_else() -> None:
    """Ours: pruning keeps flags, follows records, and takes anything else whole."""
    wanted = frozenset({("nick",), ("home", "no", "low"), ("unknown", "x")})
    assert pruned(PERSON, wanted) == Record(
        members={
            "nick": Member(type=Leaf.STRING, nullable=True),
            "home": Member(type=Record(members={"no": Member(type=Leaf.NUMBER)})),
        }
    )
    assert pruned(PERSON, EVERYTHING) == PERSON
    assert pruned(PERSON, frozenset()) == Record(members={})


def test_what_is_beneath_a_wanted_attribute_is_wanted() -> None:
    """Ours."""
    wanted = frozenset({("a", "b"), ("c",)})
    assert below(wanted, "a") == {("b",)}
    assert below(wanted, "c") == EVERYTHING
    assert below(wanted, "d") == frozenset()
    assert below(EVERYTHING, "d") == EVERYTHING
