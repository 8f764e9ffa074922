"""`mediator policy`: check the policies, run their cases, put them in force. `explain` stands in `policy_explain.py`.

A set of policies is in force when an operator's statement names its digest; an edited file is not, until somebody
activates the set again. A mediator that runs obeys the set that it started with.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from mediator.adapters.engine_cedar import (
    CaseResult,
    PolicyFinding,
    Severity,
    check_policies,
    policy_set_digest,
    run_cases,
)
from mediator.assembly.folder import find_file, read_file, read_operators, replace_file
from mediator.assembly.seen import Signed, read_seen, remember
from mediator.assembly.trust import ACTIVATION_FILE, item_facts, load_pin_set, read_policies
from mediator.canonical import Digest, Json
from mediator.cli.console import BAD, GOOD, NAME, WARN, counted, note, print_json, say, show_table
from mediator.cli.folder import HERE, FolderOption, JsonOption, SetUp, about, next_serial, now_ms, open_set_up
from mediator.cli.keys import operator_key
from mediator.cli.policy_explain import explain_decision
from mediator.cli.renewal import renew_running
from mediator.identity.dsse import SigningKey
from mediator.identity.statement import Act, Operators, sign_statement, verify_statement
from mediator.policy.finding import PolicySetInvalid
from mediator.policy.firing import Roster
from mediator.policy.policy import Policy
from mediator.refusal import Reason, Refused
from mediator.settings.sections import Settings

group = typer.Typer(
    no_args_is_help=True, help="Check the policies, run their cases, explain an answer, put them in force."
)


def add_to(app: typer.Typer) -> None:
    """Add the group to the command."""
    group.command("explain")(explain_decision)
    app.add_typer(group, name="policy")


@group.command("check")
def check(
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 on warnings too.")] = False,
    as_json: JsonOption = False,
    folder: FolderOption = HERE,
) -> None:
    """Check every policy against the pinned tools and the known agents; exit 1 if the set cannot be put in force."""
    set_up = open_set_up(folder)
    texts = read_policies(set_up.policies)
    findings = _findings(set_up, texts)
    in_force = _is_in_force(set_up, policy_set_digest(texts))
    if as_json:
        found = [_finding_form(finding) for finding in findings]
        print_json({"digest": policy_set_digest(texts), "in_force": in_force, "findings": found})
    else:
        _show_findings(findings)
        _say_check(texts, findings, in_force)
    if _errors(findings) or (strict and findings):
        raise typer.Exit(1)


@group.command("test")
def run_policy_cases(
    require_decisive: Annotated[
        bool, typer.Option("--require-decisive", help="Exit 1 also if a policy decides no case.")
    ] = False,
    as_json: JsonOption = False,
    folder: FolderOption = HERE,
) -> None:
    """Run the cases in `cases/` beside the policies; exit 1 if one comes out otherwise than it says."""
    set_up = open_set_up(folder)
    files = sorted((set_up.policies / "cases").glob("*.json"))
    if not files:
        where = set_up.shown(set_up.policies / "cases")
        detail = f"there are no cases in `{where}`"
        raise Refused(Reason.MALFORMED, detail, remedy="write one: `policies/README.md` shows the form")
    try:
        ran = run_cases(read_policies(set_up.policies), {file.name: read_file(file) for file in files})
    except PolicySetInvalid as error:
        raise _invalid(error.findings) from error
    failed = [result for result in ran.results if not result.passed]
    if as_json:
        idle: list[Json] = [_policy_form(policy) for policy in ran.never_decisive]
        print_json({"cases": [_result_form(result) for result in ran.results], "never_decisive": idle})
    else:
        for result in ran.results:
            _show_result(result)
        say((f"{len(ran.results) - len(failed)} of {len(ran.results)} as expected", BAD if failed else GOOD))
        _show_never_decisive(ran.never_decisive)
    if failed or (require_decisive and ran.never_decisive):
        raise typer.Exit(1)


@group.command("activate")
def activate(
    operator: Annotated[str, typer.Option(metavar="WHO", help="The operator who signs.")], folder: FolderOption = HERE
) -> None:
    """Put the policies in force as they stand: an operator's signed statement that names their digest."""
    set_up = open_set_up(folder)
    texts = read_policies(set_up.policies)
    findings = _findings(set_up, texts)
    if _errors(findings):
        raise _invalid(findings)
    operators = read_operators(set_up.folder)
    digest = policy_set_digest(texts)
    path = set_up.policies / ACTIVATION_FILE
    key = operator_key(set_up.folder, operators, operator, Act.POLICY_ACTIVATE)
    seen = read_seen(set_up.folder.state).get(Signed.POLICIES, 0)
    serial = max(seen + 1, next_serial(path, operators, Act.POLICY_ACTIVATE))
    replace_file(path, activation(key, operator, digest, serial))
    remember(set_up.folder.state, policies=serial)
    say(("in force: ", GOOD), f"{counted(len(texts), 'file')}, {digest}")
    say(f"  signed by {operator}, written to {set_up.shown(path)}")
    renew_running(set_up)


def activation(key: SigningKey, who: str, digest: Digest, serial: int) -> bytes:
    """Return an operator's statement that puts the policies of this digest in force."""
    return sign_statement(key, act=Act.POLICY_ACTIVATE, subject={"digest": digest}, who=who, at=now_ms(), serial=serial)


def _findings(set_up: SetUp, texts: Mapping[str, str]) -> list[PolicyFinding]:
    if not texts:
        where = set_up.shown(set_up.policies)
        raise Refused(
            Reason.MALFORMED, f"there is no policy in `{where}`: nothing would be allowed", remedy="add `*.cedar` files"
        )
    operators = read_operators(set_up.folder)
    pins, problems = load_pin_set(set_up.folder, set_up.settings, operators, now_ms())
    for problem in problems:
        tool = f"{problem.server}/{problem.tool}" if problem.tool is not None else problem.server
        note(("warning: ", WARN), f"`{tool}` is not pinned: {problem.detail}")
    return check_policies(texts, [item_facts(item) for item in pins.items], _roster(set_up.settings, operators))


def _roster(settings: Settings, operators: Operators) -> Roster | None:
    """Return everybody whom policies can mean; nothing where tokens of another issuer may name anybody."""
    if any(issuer.opens_tasks for issuer in settings.issuers):
        return None
    agents = settings.agents
    return Roster(
        agents=frozenset(agent.name for agent in agents),
        classes=frozenset(agent.agent_class for agent in agents),
        teams=frozenset(agent.team for agent in agents),
        owners=frozenset(agent.owner for agent in agents) | {operator.name for operator in operators.values()},
    )


def _is_in_force(set_up: SetUp, digest: Digest) -> bool:
    path = set_up.policies / ACTIVATION_FILE
    raw = find_file(path)
    if raw is None:
        return False
    with about(set_up.shown(path), "an operator runs `mediator policy activate`"):
        return _activates(raw, read_operators(set_up.folder), digest)


def _activates(raw: bytes, operators: Operators, digest: Digest) -> bool:
    return verify_statement(raw, operators, Act.POLICY_ACTIVATE).subject == {"digest": digest}


def _errors(findings: Sequence[PolicyFinding]) -> list[PolicyFinding]:
    return [finding for finding in findings if finding.severity is Severity.ERROR]


def _invalid(findings: Sequence[PolicyFinding]) -> Refused:
    first, *more = _errors(findings)
    count = f" (and {len(more)} more)" if more else ""
    return Refused(Reason.POLICY_ERROR, f"{first}{count}", remedy=f"{first.remedy}; `mediator policy check` shows all")


def _show_findings(findings: Sequence[PolicyFinding]) -> None:
    for finding in findings:
        style = BAD if finding.severity is Severity.ERROR else WARN
        say((f"{finding.severity}: ", style), str(finding))
        say((" next: ", NAME), finding.remedy)


def _say_check(texts: Mapping[str, str], findings: Sequence[PolicyFinding], in_force: bool) -> None:
    errors = len(_errors(findings))
    warnings = len(findings) - errors
    found = f"{counted(errors, 'error')}, {counted(warnings, 'warning')}"
    say(f"{counted(len(texts), 'file')}: {found}", "" if errors else "; fit to be put in force")
    if in_force:
        say(("in force as they stand", GOOD))
    else:
        say(("not in force as they stand", WARN), ": an operator runs `mediator policy activate --operator WHO`")


def _show_result(result: CaseResult) -> None:
    say(("ok    ", GOOD) if result.passed else ("FAILED", BAD), f" {result.file}: ", (result.name, NAME))
    if not result.passed:
        say(f"         expected {result.expected}")
        say(f"         got      {result.got}")


def _show_never_decisive(policies: Sequence[Policy]) -> None:
    if not policies:
        return
    rows = [((policy.id, NAME), f"{policy.source.file}:{policy.source.line}") for policy in policies]
    show_table(("never decisive", "where"), rows)
    say((" next: ", NAME), "write a case that comes out otherwise without it")


def _policy_form(policy: Policy) -> Json:
    return {"policy": policy.id, "file": policy.source.file, "line": policy.source.line}


def _finding_form(finding: PolicyFinding) -> Json:
    return {
        "severity": str(finding.severity),
        "file": finding.file,
        "line": finding.line,
        "policy": finding.policy_id,
        "message": finding.message,
        "remedy": finding.remedy,
    }


def _result_form(result: CaseResult) -> Json:
    return {
        "file": result.file,
        "case": result.name,
        "passed": result.passed,
        "expected": result.expected,
        "got": result.got,
    }
