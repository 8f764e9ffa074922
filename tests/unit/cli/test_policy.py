"""`mediator policy`: check, test, activate.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mediator.assembly.folder import Folder, read_operators
from mediator.identity.statement import Act, verify_statement
from tests.promises import promise
from tests.simulated.commands import OPERATOR, Commands, content_of

FORBID = """
@id("no-clock")
@reason("the clock is out of order")
forbid (principal, action == Mediator::Action::"clock/now", resource);
"""


def test_the_default_set_is_fit_and_in_force(work: Path, mediator: Commands) -> None:
    """Design 5.1: the first hour."""
    ran = mediator.well("policy", "check")

    assert "0 errors, 0 warnings; fit to be put in force\n" in ran.out
    assert "in force as they stand\n" in ran.out
    assert work.is_dir()


@promise("P7")
def test_an_edited_policy_is_not_in_force_until_it_is_activated(work: Path, mediator: Commands) -> None:
    """Design 2a: the mediator obeys statements, not files."""
    (work / "policies" / "mine.cedar").write_text(FORBID)

    ran = mediator.well("policy", "check")
    assert "not in force as they stand: an operator runs `mediator policy activate --operator WHO`" in ran.out

    mediator.well("policy", "activate", "--operator", OPERATOR)

    assert mediator.well("policy", "check", "--json").printed["in_force"] is True
    statement = (work / "policies" / "active.dsse.json").read_bytes()
    assert verify_statement(statement, read_operators(Folder(root=work)), Act.POLICY_ACTIVATE).serial == 2


def test_what_names_nothing_pinned_is_a_warning(work: Path, mediator: Commands) -> None:
    """Ours: a forbid may stand there before its tool is pinned."""
    (work / "policies" / "mine.cedar").write_text(FORBID)

    found = mediator.well("policy", "check", "--json").printed["findings"]

    assert [(one["severity"], one["file"], one["line"], one["policy"]) for one in found] == [
        ("warning", "mine.cedar", 2, "no-clock")
    ]
    assert "warning: mine.cedar:2: `no-clock`:" in mediator.well("policy", "check").out


def test_a_policy_is_checked_against_the_tools_that_are_pinned(pinned: Path, mediator: Commands) -> None:
    """Design 5.5: each against the actions that its scope names."""
    (pinned / "policies" / "mine.cedar").write_text(FORBID)
    assert mediator.well("policy", "check", "--json").printed["findings"] == []

    misspelt = FORBID.replace("resource);", 'resource) when { context.args.txet == "1" };')
    (pinned / "policies" / "mine.cedar").write_text(misspelt)
    assert mediator("policy", "check").code == 1


CONNECTORS = """
@id("not-to-connectors")
@reason("a connector is given nothing that sends")
forbid (principal, action == Mediator::Action::"delegate", resource in Mediator::AgentClass::"connector")
when { context.delegated.effects.contains("send") };
"""
CASES = """{"cases": [
  {"name": "what sends", "delegate": {"class": "connector"}, "context": {"delegated": {"effects": ["read", "send"]}},
   "expect": {"verdict": "deny", "policies": ["not-to-connectors"]}},
  {"name": "what reads", "delegate": {"class": "connector"}, "expect": {"verdict": "allow"}}
]}"""


@promise("P4")
def test_a_policy_over_delegations_is_checked_and_its_cases_are_run(work: Path, mediator: Commands) -> None:
    """Ours: like any other; an agent's class is nothing that could be pinned."""
    (work / "policies" / "mine.cedar").write_text(CONNECTORS)
    (work / "policies" / "cases" / "mine.json").write_text(CASES)

    assert mediator.well("policy", "check", "--json").printed["findings"] == []
    results = [one for one in mediator.well("policy", "test", "--json").printed if one["file"] == "mine.json"]
    assert [(one["case"], one["passed"], one["got"]) for one in results] == [
        ("what sends", True, "deny DENIED_BY_POLICY by not-to-connectors"),
        ("what reads", True, "allow by delegation-narrows"),
    ]

    (work / "policies" / "mine.cedar").write_text(CONNECTORS.replace("delegated.effects", "delegated.tools"))
    checked = mediator("policy", "check")
    assert checked.code == 1
    assert "error: mine.cedar:2: `not-to-connectors`:" in checked.out


@promise("P7")
def test_a_forbid_that_fails_at_delegations_is_a_warning(work: Path, mediator: Commands) -> None:
    """Ours: the set was fit before there were any, and stays so."""
    secret = "forbid (principal, action, resource) when { resource.sensitivity > 2 };"
    (work / "policies" / "mine.cedar").write_text(f'@id("secret") @reason("secret") {secret}')

    ran = mediator.well("policy", "check")

    assert "warning: mine.cedar:1: `secret`:" in ran.out
    assert "(checked for delegate)" in ran.out
    mediator.well("policy", "activate", "--operator", OPERATOR)


BROKEN = {
    "no policy": "permit (principal, action, resource)",
    "no id": "permit (principal, action, resource);",
    "an id twice": FORBID + FORBID,
    "an attribute that is not there": '@id("a") @reason("b") forbid (principal, action, resource) when { context.nonsense };',
}


@promise("P7")
@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_broken_policy_is_named_and_never_put_in_force(text: str, work: Path, mediator: Commands) -> None:
    """The issue: a broken policy has a test."""
    (work / "policies" / "mine.cedar").write_text(text)
    before = content_of(work)

    checked = mediator("policy", "check")
    error = mediator.refused("policy", "activate", "--operator", OPERATOR)

    assert checked.code == 1
    assert "error: mine.cedar:" in checked.out
    assert " next: " in checked.out
    assert "mine.cedar:" in error
    assert "`mediator policy check` shows all" in error
    assert content_of(work) == before


def test_a_policy_file_that_is_not_utf_8_is_named(work: Path, mediator: Commands) -> None:
    """The issue: what, where, and the next step."""
    (work / "policies" / "mine.cedar").write_bytes(b"// \xff")

    assert "mine.cedar` is not UTF-8" in mediator.refused("policy", "check")


def test_without_any_policy_nothing_is_activated(work: Path, mediator: Commands) -> None:
    """P7: empty is never permission."""
    for path in (work / "policies").glob("*.cedar"):
        path.unlink()

    assert "there is no policy in `policies`" in mediator.refused("policy", "check")
    assert "there is no policy in `policies`" in mediator.refused("policy", "activate", "--operator", OPERATOR)


def test_a_missing_statement_is_not_in_force_and_a_forged_one_is_named(work: Path, mediator: Commands) -> None:
    """The issue: a broken statement has a test."""
    path = work / "policies" / "active.dsse.json"
    raw = path.read_bytes()
    path.unlink()
    assert mediator.well("policy", "check", "--json").printed["in_force"] is False

    path.write_bytes(raw.replace(b'"sig":"', b'"sig":"AAAA'))
    error = mediator.refused("policy", "check")
    assert error.startswith("error: policies/active.dsse.json: ")
    assert error.endswith(" next: an operator runs `mediator policy activate`\n")


def test_the_cases_of_the_default_set_come_out_as_they_say(work: Path, mediator: Commands) -> None:
    """Design 5.1: `policy test`."""
    results = mediator.well("policy", "test", "--json").printed

    assert len(results) > 5
    assert {result["passed"] for result in results} == {True}
    assert f"{len(results)} of {len(results)} as expected" in mediator.well("policy", "test").out
    assert work.is_dir()


def test_a_case_that_comes_out_otherwise_fails_the_command(work: Path, mediator: Commands) -> None:
    """Design 5.1: exit code 1."""
    path = work / "policies" / "cases" / "calls.json"
    path.write_text(path.read_text().replace('"allow"', '"deny"', 1))

    ran = mediator("policy", "test")

    assert ran.code == 1
    assert "FAILED calls.json: " in ran.out
    assert "         expected deny" in ran.out
    assert "         got      allow" in ran.out


def test_a_broken_file_of_cases_is_a_failed_case(work: Path, mediator: Commands) -> None:
    """Ours: what could not be tested has not passed."""
    (work / "policies" / "cases" / "mine.json").write_text("{")

    ran = mediator("policy", "test")

    assert ran.code == 1
    assert "FAILED mine.json" in ran.out


def test_without_cases_and_with_broken_policies_there_is_nothing_to_test(work: Path, mediator: Commands) -> None:
    """The issue: what, where, and the next step."""
    (work / "policies" / "mine.cedar").write_text("nonsense;")
    assert "`mediator policy check` shows all" in mediator.refused("policy", "test")

    for path in (work / "policies" / "cases").glob("*.json"):
        path.unlink()
    assert "there are no cases in `policies/cases`" in mediator.refused("policy", "test")


def test_a_pin_that_does_not_hold_is_said_beside_the_check(pinned: Path, mediator: Commands) -> None:
    """Design 2a: what has no valid statement does not exist, and is reported."""
    (pinned / "tool_manifests" / "clock" / "manifest.dsse.json").unlink()

    assert "warning: `clock" in mediator.well("policy", "check").err
