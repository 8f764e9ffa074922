"""`mediator policy`: check, test, activate.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import shutil
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
    """Ours: like any other; which classes there are the settings say."""
    (work / "policies" / "mine.cedar").write_text(CONNECTORS)
    (work / "policies" / "cases" / "mine.json").write_text(CASES)

    found = mediator.well("policy", "check", "--json").printed["findings"]
    assert [one["message"] for one in found] == ["there is no class of agents `connector` here"]
    results = [one for one in mediator.well("policy", "test", "--json").printed["cases"] if one["file"] == "mine.json"]
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


NOW = 'principal, action == Mediator::Action::"clock/now", resource'
ALARM = 'principal, action == Mediator::Action::"clock/set_alarm", resource'
MISTAKES = {
    # what is written, as an error or a warning, a part of what is said, a part of the remedy
    "it is no policy": ("forbid (everybody);", "error", "this is no policy", "the default set for examples"),
    "brackets without end": (f"forbid ({NOW}) when {'(' * 40}true{')' * 40};", "error", "nested deeper", "examples"),
    "an attribute that is not there": (f"forbid ({NOW}) when {{ context.nonsense }};", "error", "`nonsense`", "README"),
    "what may be absent, unasked": (
        f'forbid ({NOW}) when {{ context.approval.approver == "x" }};', "error", "optional attribute", "context has",
    ),
    "types that do not meet": (f'forbid ({NOW}) when {{ context.now == "x" }};', "error", "not compatible", "README"),
    "arguments of a group": (
        'forbid (principal, action in Mediator::Action::"call_tool", resource) when { context.args has x };',
        "error", "reads `context.args`", "name the items in its scope",
    ),
    "equal to a group": (
        'forbid (principal, action == Mediator::Action::"call_tool", resource);',
        "error", "never equal to the group", "write `action in`",
    ),
    "an effect that does not exist": (
        'forbid (principal, action in Mediator::Action::"effect:erase", resource);', "error", "no effect", "effects are",
    ),
    "an action that does not exist": (
        'forbid (principal, action == Mediator::Action::"call", resource);', "error", "no action", "actions are",
    ),
    "a resource of another kind": (
        f"forbid ({NOW} is Mediator::Prompt);", "error", "applicable action", "look at the types",
    ),
    "an unknown annotation": (f'@because("x") forbid ({NOW});', "error", "`@because` is not known", "known are"),
    "an unknown duty": (
        '@obligation("pray") permit (principal, action, resource);', "error", "obligation `pray`", "known are",
    ),
    "a tool that is not pinned": (
        'forbid (principal, action == Mediator::Action::"clock/nwo", resource);',
        "warning", "nothing that is pinned goes by the name `clock/nwo`", "spelling",
    ),
    "a server that is not pinned": (
        'forbid (principal, action, resource in Mediator::Server::"clokc");', "warning", "`clokc`", "spelling",
    ),
    "an agent that is not known": (
        'forbid (principal == Mediator::Agent::"asistant", action, resource);', "warning", "no agent", "`[[agent]]`",
    ),
    "a class that is not known": (
        'forbid (principal in Mediator::AgentClass::"x", action, resource);', "warning", "no class", "`[[agent]]`",
    ),
    "an owner that is not known": (
        'forbid (principal, action, resource) when { principal.owner.name == "me" };',
        "warning", "nobody called `me`", "`[[agent]]`",
    ),
    "a scope that nothing meets": (
        'forbid (principal, action in Mediator::Action::"effect:delete", resource in Mediator::Server::"clock");',
        "warning", "all of it at once", "action and resource together",
    ),
    "conditions that contradict each other": (
        f"forbid ({NOW}) when {{ context.now < 1 && context.now > 1 }};", "warning", "can never be met", "mend",
    ),
    "what nothing fills yet": (f"forbid ({NOW}) when {{ context.task.labels.isEmpty() }};", "warning", "nothing fills", "limits.md"),
    "a pattern that can be escaped": (
        f'forbid ({ALARM}) unless {{ context.args has text && context.args.text like "/srv/*" }};',
        "warning", "can be escaped", '!(context.args.text like "*..*")',
    ),
}  # fmt: skip


@promise("P7")
@pytest.mark.parametrize("kind", MISTAKES)
def test_each_kind_of_mistake_is_told_with_its_place_and_remedy(kind: str, pinned: Path, mediator: Commands) -> None:
    """Issue 7, Must show 7: file, line, policy id and remedy; a warning counts where somebody is strict."""
    policy, severity, said, remedy = MISTAKES[kind]
    (pinned / "policies" / "mine.cedar").write_text(f'// a comment\n\n@id("mine") @reason("r")\n{policy}\n')

    checked, strict = mediator("policy", "check", "--json"), mediator("policy", "check", "--strict")

    (found,) = [one for one in checked.printed["findings"] if said in one["message"]]
    assert (found["file"], found["line"], found["policy"]) == ("mine.cedar", 3, "mine")
    assert found["severity"] == severity
    assert remedy in found["remedy"]
    assert (checked.code, strict.code) == (int(severity == "error"), 1)
    assert f"{severity}: mine.cedar:3: `mine`: " in strict.out


UNNAMED = {
    "no id": ('@reason("r") {}', "a policy needs an `@id`", ""),
    "an id that is none": ('@id("My Policy") @reason("r") {}', "a policy needs an `@id`", "My Policy"),
    "an id twice": ('@id("tools-are-listed") @reason("r") {}', "is taken by the policy at", "tools-are-listed"),
    "no reason": ('@id("mine") {}', "a policy needs a `@reason`", "mine"),
    "an empty reason": ('@id("mine") @reason(" ") {}', "a policy needs a `@reason`", "mine"),
}


@promise("P7")
@pytest.mark.parametrize("kind", UNNAMED)
def test_a_policy_that_does_not_say_what_it_owes_is_told_by_its_place(
    kind: str, work: Path, mediator: Commands
) -> None:
    """Issue 7, Must show 7: under the id that it has, whatever that is."""
    text, said, name = UNNAMED[kind]
    # A name that sorts last: of two policies of one id, the later is told of.
    (work / "policies" / "z.cedar").write_text("\n" + text.format("forbid (principal, action, resource);"))

    (found,) = [one for one in mediator("policy", "check", "--json").printed["findings"] if one["severity"] == "error"]

    assert (found["file"], found["line"], found["policy"]) == ("z.cedar", 2, name)
    assert said in found["message"]
    assert found["remedy"]


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
    results = mediator.well("policy", "test", "--json").printed["cases"]

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


def test_an_example_is_taken_over_as_its_readme_says(work: Path, mediator: Commands) -> None:
    """Ours: a document that lies is a defect; what is not copied is not in force."""
    examples = work / "policies" / "examples"
    assert mediator.well("policy", "check", "--json").printed["in_force"] is True

    shutil.copy(examples / "path-fence.cedar", work / "policies")
    shutil.copy(examples / "cases" / "path-fence.json", work / "policies" / "cases")

    mediator.well("policy", "check")
    assert mediator.well("policy", "test", "--require-decisive", "--json").printed["never_decisive"] == []
    mediator.well("policy", "activate", "--operator", OPERATOR)


def test_a_policy_that_decides_no_case_is_named(work: Path, mediator: Commands) -> None:
    """Issue 7: by id, file and line; a failure only where somebody asks for it."""
    assert "never decisive" not in mediator.well("policy", "test", "--require-decisive").out
    (work / "policies" / "mine.cedar").write_text(FORBID)

    assert mediator.well("policy", "test", "--json").printed["never_decisive"] == [
        {"policy": "no-clock", "file": "mine.cedar", "line": 2}
    ]
    told = mediator("policy", "test", "--require-decisive")
    assert told.code == 1
    assert "no-clock" in told.out
    assert "mine.cedar:2" in told.out
    assert "write a case that comes out otherwise without it" in told.out


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
