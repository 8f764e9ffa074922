"""How an explanation is told: nothing of it is cut off, and what foreign text it holds is harmless.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediator.adapters.engine_cedar import prepare_engine
from mediator.canonical import JsonObject
from mediator.cli.policy_explain_shown import Told, show_told, told_form, words_of
from mediator.policy.explanation import explain
from tests.unit.policy.facts import call, with_arguments
from tests.unit.policy.read import ON_READ

RULE = f"""@id("cheap") @reason("at most ten") permit({ON_READ})
when {{ context.args has amount && context.args.amount has high && context.args.amount.high.lessThan(decimal("10.0")) }};"""
EXPLANATION = explain(
    prepare_engine({"a.cedar": RULE}, [with_arguments({"amount": {"type": "number"}})]),
    call(arguments={"amount": 12.5}),
)
ENTRY: JsonObject = {"id": "d-1", "at": 5, "verdict": "deny", "reason": "DENIED_BY_POLICY", "step": "decide"}


def told(capsys: pytest.CaptureFixture[str], what: Told) -> str:
    show_told(what)
    return capsys.readouterr().out


def test_a_number_is_told_as_it_was_sent(capsys: pytest.CaptureFixture[str]) -> None:
    """Ours: an interval of decimals is the engine's business."""
    out = told(capsys, Told(explanation=EXPLANATION, entry=None, is_the_same=True))
    lines = [line.split() for line in out.splitlines()]
    assert ["context.args.amount", "12.5"] in lines
    assert ["context.args.amount", "9", "allow", "the", "agent,", "by", "other", "arguments"] in lines
    assert "team research; alice@example.com answers for it" in out


def test_what_was_not_tried_and_what_comes_out_otherwise_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Ours: an explanation that is not whole says so."""
    cut = replace(EXPLANATION, is_cut=True)
    out = told(capsys, Told(explanation=cut, entry=ENTRY, is_the_same=False))
    assert out.startswith("decision d-1, recorded: deny DENIED_BY_POLICY\n")
    assert "warning: judged again it comes out otherwise" in out
    assert "warning: not all changes were tried" in out

    form = told_form(Told(explanation=cut, entry=ENTRY, is_the_same=False))
    assert form["decision"] == {**ENTRY, "policies": None, "comes_out_the_same": False}
    assert isinstance(form["explanation"], dict)
    assert form["explanation"]["all_changes_tried"] is False


@pytest.mark.parametrize("verdict", ["allow", "deny"])
def test_a_denial_that_policy_did_not_make_is_told_as_that(verdict: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Ours: a budget that was spent, a decision point elsewhere."""
    out = told(capsys, Told(explanation=EXPLANATION, entry={**ENTRY, "verdict": verdict}, is_the_same=True))
    assert EXPLANATION.decision.verdict == "deny"
    assert ("policy was asked, and is not what it turned on" in out) is (verdict == "allow")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"verdict": "allow", "reason": None, "policies": {"determining": ["a", "b"]}}, "allow by a, b"),
        ({"verdict": "deny", "reason": "FROZEN", "policies": None}, "deny FROZEN"),
        ({"verdict": "deny", "reason": "POLICY_ERROR", "policies": {"determining": []}}, "deny POLICY_ERROR"),
    ],
)
def test_a_recorded_decision_in_words(entry: JsonObject, words: str) -> None:
    """Ours: verdict, reason, and which policies."""
    assert words_of(entry) == words


def test_foreign_text_obeys_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """House style: an argument that an agent sent is shown, and does nothing."""
    rule = f'@id("a") @reason("r") forbid({ON_READ}) when {{ context.args has path && context.args.path == "x" }};'
    engine = prepare_engine({"a": rule}, [with_arguments({"path": {"type": "string"}})])
    found = explain(engine, call(arguments={"path": "\x1b[31m[conceal]"}))
    out = told(capsys, Told(explanation=found, entry=None, is_the_same=True))
    assert "\\x1b[31m[conceal]" in out
    assert "\x1b" not in out
