"""`mediator approvals`: what agents may do once a person approves it; to see it whole, and to approve or deny it.

What is approved is what was shown: the statement names the hash of the request that was read a moment before.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

import typer

from mediator.canonical import Json, JsonObject
from mediator.cli.asking import ask_owner
from mediator.cli.console import (
    BAD,
    GOOD,
    NAME,
    OUT,
    QUIET,
    WARN,
    fact_text,
    note,
    print_json,
    printable,
    say,
    show_table,
)
from mediator.cli.folder import HERE, FolderOption, JsonOption, SetUp, open_set_up
from mediator.cli.keys import is_at_a_terminal, must_be_wanted
from mediator.cli.statements import WhoOption, put_statement, signed_by
from mediator.identity.statement import Act
from mediator.manifest.lint.visible import visible
from mediator.mediation.approval_acts import approval_subject, denial_subject
from mediator.mediation.approval_shown import shown_lines

group = typer.Typer(no_args_is_help=True, help="What agents may do once a person approves it.")

_STYLES: Final = {"open": WARN, "half approved": WARN, "approved": GOOD, "denied": BAD}
_FACTS: Final = (
    "effect", "agent", "owner", "chain", "purpose", "because", "task", "grant", "method", "requested_ms", "expires_ms", "policies",
    "sentence", "decision", "digest", "request_hash",
)  # fmt: skip
_IdArgument: TypeAlias = Annotated[str, typer.Argument(metavar="ID", help="The request, as `approvals list` names it.")]


def add_to(app: typer.Typer) -> None:
    """Add the group to the command."""
    app.add_typer(group, name="approvals")


@group.command("list")
def list_approvals(
    all_requests: Annotated[bool, typer.Option("--all", help="Those too that nobody can decide any more.")] = False,
    as_json: JsonOption = False,
    folder: FolderOption = HERE,
) -> None:
    """List what waits for a person."""
    listed = _objects(ask_owner(open_set_up(folder), {"op": "approval.list"})["approvals"])
    shown = [one for one in listed if all_requests or one["state"] in {"open", "half approved"}]
    if as_json:
        print_json([*shown])
        return
    for one in shown:
        state = str(one["state"])
        say((str(one["approval"]), NAME), "  ", (state, _STYLES.get(state, QUIET)), "  ", _what(one))
        note(("  ", QUIET), (f"{_of(one, 'agent')}, {_of(one, 'owner')} answers for it: {_of(one, 'purpose')}", QUIET))
    if not shown:
        note("nothing waits for a person; ", ("`mediator approvals list --all` shows what was decided", QUIET))


@group.command("show")
def show_approval(approval: _IdArgument, as_json: JsonOption = False, folder: FolderOption = HERE) -> None:
    """Show one request whole: who wants what, every argument, and who wrote which words."""
    facts = _found(open_set_up(folder), approval)
    if as_json:
        print_json(facts)
        return
    _show(facts)


@group.command("approve")
def approve(
    approval: _IdArgument,
    who: WhoOption,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
    folder: FolderOption = HERE,
) -> None:
    """Approve exactly this request, once: the agent's next call of it is decided again, with the approval."""
    set_up = open_set_up(folder)
    facts = _found(set_up, approval)
    if not as_json:
        _show(facts)
    must_be_wanted(f"Approve {approval}?", yes=yes)
    statement = signed_by(set_up, who, Act.APPROVE, approval_subject(approval, str(facts["request_hash"])))
    answered = put_statement(set_up, "approval.decide", statement)
    if as_json:
        print_json(answered)
    elif answered["state"] == "half approved":
        say(("approved ", WARN), (approval, NAME), "; a second person must approve it, with a key of their own")
    else:
        say(("approved ", GOOD), (approval, NAME), "; ", ("the agent sends exactly this call again", QUIET))


@group.command("deny")
def deny(
    approval: _IdArgument,
    who: WhoOption,
    reason: Annotated[str, typer.Option("--reason", help="Why; the agent reads it.")] = "",
    as_json: JsonOption = False,
    folder: FolderOption = HERE,
) -> None:
    """Deny exactly this request, for as long as its task lives."""
    set_up = open_set_up(folder)
    facts = _found(set_up, approval)
    statement = signed_by(set_up, who, Act.DENY, denial_subject(approval, str(facts["request_hash"]), reason))
    answered = put_statement(set_up, "approval.decide", statement)
    if as_json:
        print_json(answered)
    else:
        say(("denied ", BAD), (approval, NAME), "; ", ("this task cannot make that call", QUIET))


def _found(set_up: SetUp, approval: str) -> JsonObject:
    return ask_owner(set_up, {"op": "approval.show", "approval": approval})


def _show(facts: JsonObject) -> None:
    """Print it; through a pager where it is longer than the terminal."""
    told = (facts["arguments"], facts["answers"])
    lines = sum(len(shown_lines(one)) for one in told if one is not None)
    if is_at_a_terminal() and OUT.is_terminal and lines + len(_FACTS) > OUT.height:
        with OUT.pager(styles=False, links=False):
            _print(facts)
    _print(facts)  # also behind the pager: what is approved stays on the screen above the question


def _print(facts: JsonObject) -> None:
    written = facts["written_by"]
    assert isinstance(written, dict)
    rows: list[tuple[str, tuple[str, str]]] = [
        (name.removesuffix("_ms"), (visible(_fact(name, facts[name])), ""))
        for name in _FACTS
        if facts[name] is not None
    ]
    state = str(facts["state"])
    say((_what(facts), NAME), "  ", (state, _STYLES.get(state, QUIET)))
    show_table(("", ""), [(f"{name} (by {written[name]})" if name in written else name, cell) for name, cell in rows])
    for approver in _objects(facts["approvers"]):
        say(("approved by ", GOOD), _of(approver, "who"), " at ", fact_text("at_ms", approver["at_ms"]))
    if isinstance(denied := facts["denied"], dict):
        say(("denied by ", BAD), _of(denied, "who"), ": ", _of(denied, "reason"))
    for name in ("arguments", "answers"):
        if facts[name] is not None:
            say((f"{name}, in words of ", NAME), (str(written[name]), BAD), (":", NAME))
            for line in shown_lines(facts[name]):
                OUT.print(printable(line), soft_wrap=True)


def _what(facts: JsonObject) -> str:
    return f"{facts['effect']}: {_of(facts, 'server')}/{_of(facts, 'name')}"


def _of(facts: JsonObject, name: str) -> str:
    return visible(str(facts[name]))


def _fact(name: str, value: Json) -> str:
    return " -> ".join(map(str, value)) if name == "chain" and isinstance(value, list) else fact_text(name, value)


def _objects(forms: Json) -> list[JsonObject]:
    assert isinstance(forms, list)
    return [form for form in forms if isinstance(form, dict)]
