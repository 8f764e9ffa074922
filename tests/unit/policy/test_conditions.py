"""Conditions as formulas: what is understood is read rightly, and what is not says nothing.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.policy.conditions import WILDCARD, All, Atom, Either, Formula, Term, conjuncts_of, formula_of, terms_of
from tests.unit.policy.read import ON_READ, policies_of

NOW = ("context", "now")
PATH = ("context", "args", "path")
TERMS: dict[str, Term | None] = {
    "context.justified": Term(("context", "justified"), "is"),
    "context.now > 5": Term(NOW, ">", (5,)),
    "5 > context.now": Term(NOW, "<", (5,)),
    'context.proof != "bearer"': Term(("context", "proof"), "!=", ("bearer",)),
    "context.justified == true": Term(("context", "justified"), "==", (True,)),
    "context has approval": Term(("context", "approval"), "has"),
    'context.args.path like "/srv/*"': Term(PATH, "like", (f"/srv/{WILDCARD}",)),
    r'context.args.path like "\**"': Term(PATH, "like", (f"*{WILDCARD}",)),
    'context.args.amount.high.lessThan(decimal("1.5"))': Term(("context", "args", "amount", "high"), "<", ("1.5",)),
    'decimal("1.5").lessThanOrEqual(context.args.amount.low)': Term(
        ("context", "args", "amount", "low"), ">=", ("1.5",)
    ),
    'context.destination.contains("a")': Term(("context", "destination"), "contains", ("a",)),
    '["a", "b"].containsAll(context.destination)': Term(("context", "destination"), "containsAll", ("a", "b")),
    'principal in Mediator::Team::"t"': Term(("principal",), "in", ("t",), "Mediator::Team"),
    # Not understood: two attributes, arithmetic, a set with an entity or an attribute in it, a choice.
    "context.now == context.task.age": None,
    "context.now + 1 == 5": None,
    '[Mediator::Team::"t"].contains(principal)': None,
    "[context.proof].contains(context.method)": None,
    "if context.justified then true else false": None,
    "(context.now - 1).lessThan(2)": None,
}


def condition(text: str, *, are_met: bool = True) -> Formula:
    (policy,) = policies_of(f"forbid({ON_READ}) {text};")
    return formula_of(policy.conditions, are_met=are_met)


@pytest.mark.parametrize("text", TERMS)
def test_a_comparison_with_what_the_author_wrote_is_a_term(text: str) -> None:
    """Ours: and anything else is an atom that says nothing."""
    found = condition(f"when {{ {text} }}")
    assert isinstance(found, Atom)
    assert (found.holds, found.term) == (True, TERMS[text])


def shape(formula: Formula) -> object:
    match formula:
        case Atom(holds=holds, term=term):
            assert term is not None
            return term.path[-1] if holds else f"not {term.path[-1]}"
        case All(parts=parts):
            return ("all", *map(shape, parts))
        case Either(parts=parts):
            return ("either", *map(shape, parts))


A, B, C = "context.a", "context.b", "context.c"


@pytest.mark.parametrize(
    ("text", "met", "unmet"),
    [
        (f"when {{ {A} }}", "a", "not a"),
        (f"unless {{ {A} }}", "not a", "a"),
        (f"when {{ {A} && !{B} }}", ("all", "a", "not b"), ("either", "not a", "b")),
        (f"unless {{ {A} || {B} }}", ("all", "not a", "not b"), ("either", "a", "b")),
        (f"when {{ !({A} || {B}) }}", ("all", "not a", "not b"), ("either", "a", "b")),
        (f"when {{ {A} }} unless {{ {B} }}", ("all", "a", "not b"), ("either", "not a", "b")),
        ("", ("all",), ("either",)),
    ],
)
def test_negations_reach_the_atoms(text: str, met: object, unmet: object) -> None:
    """Ours: `when` must be met and `unless` must not; of their contrary it is the other way round."""
    assert shape(condition(text)) == met
    assert shape(condition(text, are_met=False)) == unmet


def test_what_must_all_be_so_is_told_without_brackets_and_terms_wherever_they_stand() -> None:
    """Ours: an `or` is one thing that must be so."""
    found = condition(f"when {{ {A} && ({B} || 1 + 1 == 2) && {C} }}")
    assert [type(part) for part in conjuncts_of(found)] == [Atom, Either, Atom]
    assert [term.path[-1] for term in terms_of(found)] == ["a", "b", "c"]


def test_what_is_no_list_of_conditions_asks_nothing() -> None:
    """Ours: total over any JSON."""
    assert formula_of(None) == All(parts=())
    assert formula_of(["x"]) == All(parts=())
    assert formula_of([{"kind": "when", "body": 1}]) == Atom(holds=True, term=None, node=1)
