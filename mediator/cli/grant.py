"""`mediator grant`: who was given what, by whom, and what is left of it; and taking it back, with all below it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import time
from typing import Annotated, Final

import typer

from mediator.canonical import Json, JsonObject
from mediator.cli.asking import ask_owner
from mediator.cli.console import BAD, GOOD, NAME, OUT, QUIET, fact_text, note, print_json, printable, say, show_table
from mediator.cli.folder import HERE, FolderOption, JsonOption, SetUp, open_set_up
from mediator.cli.statements import ReasonOption, WhoOption, put_statement, signed_by
from mediator.identity.statement import Act

group = typer.Typer(no_args_is_help=True, help="Grants: who was given what, by whom; and taking it back.")

_MINUTE_MS: Final = 60_000
_COLOURS: Final = {"open": GOOD, "expired": QUIET, "completed": QUIET, "revoked": BAD}


def add_to(app: typer.Typer) -> None:
    """Add the group to the command."""
    app.add_typer(group, name="grant")


@group.command("list")
def list_grants(
    all_grants: Annotated[bool, typer.Option("--all", help="Those too that have ended or run out.")] = False,
    as_json: JsonOption = False,
    folder: FolderOption = HERE,
) -> None:
    """Draw every task with what was handed on from it."""
    listed = _listed(open_set_up(folder), live=not all_grants)
    if as_json:
        print_json(listed)
        return
    shown = [_with_state(grant) for grant in _objects(listed["grants"])]
    roots = [grant for grant in shown if grant["parent"] not in {one["grant"] for one in shown}]
    for root in roots:
        _draw(root, shown)
    if not roots:
        note("no live grants; ", ("`mediator grant list --all` shows those that have ended", QUIET))
    for name in _texts(listed["frozen"]):
        say(("frozen ", BAD), (name, NAME), "; ", (f"`mediator unfreeze {name}` lets it go", QUIET))


def _listed(set_up: SetUp, *, live: bool) -> JsonObject:
    """Return all grants, page by page."""
    grants: list[Json] = []
    after: Json = None
    while True:
        page = ask_owner(set_up, {"op": "grant.list", "after": after, "live": live})
        grants += _objects(page["grants"])
        after = page["next"]
        if after is None:
            return {"grants": grants, "frozen": page["frozen"]}


@group.command("show")
def show_grant(
    grant: Annotated[str, typer.Argument(help="The grant's id, or a task's.")],
    as_json: JsonOption = False,
    folder: FolderOption = HERE,
) -> None:
    """Show one grant whole: what it covers, under which constraints, until when."""
    facts = ask_owner(open_set_up(folder), {"op": "grant.show", "grant": grant})
    if as_json:
        print_json(facts)
        return
    rows = [
        (name, fact_text(name, value)) for name, value in facts.items() if name not in {"entries", "tools", "effects"}
    ]
    covered = [(_covers(entry), _constraints(entry)) for entry in _objects(facts["entries"])]
    show_table(("", ""), rows, title=grant)
    show_table(("covers", "with arguments"), covered)


@group.command("revoke")
def revoke_grant(
    grant: Annotated[str, typer.Argument(help="The grant's id, or a task's.")],
    who: WhoOption,
    reason: ReasonOption,
    as_json: JsonOption = False,
    folder: FolderOption = HERE,
) -> None:
    """Revoke a grant and all that was handed on from it: dead at the next call, when this returns."""
    set_up = open_set_up(folder)
    statement = signed_by(set_up, who, Act.GRANT_REVOKE, {"id": grant, "reason": reason})
    answered = put_statement(set_up, "grant.revoke", statement)
    if as_json:
        print_json(answered)
        return
    ended = _texts(answered["ended"])
    if not ended:
        note((f"{grant} had ended before", QUIET))
    for one in ended:
        say(("revoked ", BAD), (one, NAME))


def _draw(grant: JsonObject, grants: list[JsonObject], branch: str = "", trunk: str = "") -> None:
    # Each on one line, however narrow the terminal: an id that is broken in two cannot be copied.
    OUT.print(printable(branch + _line(grant), _COLOURS.get(str(grant["state"]), "")), soft_wrap=True)
    below = [one for one in grants if one["parent"] == grant["grant"]]
    for one in below:
        end, stem = ("└── ", "    ") if one is below[-1] else ("├── ", "│   ")
        _draw(one, grants, trunk + end, trunk + stem)


def _line(grant: JsonObject) -> str:
    role = " (connector)" if grant["connector"] is True else ""
    effects, tools = ", ".join(_texts(grant["effects"])), ", ".join(_texts(grant["tools"]))
    left = max(0, int(str(grant["expires_ms"])) - time.time_ns() // 1_000_000) // _MINUTE_MS
    until = f"{left} min left" if grant["state"] == "open" else str(grant["end_reason"] or grant["state"])
    used = "" if grant["calls"] is None else f", {grant['calls']} calls"
    owner = f", {grant['owner']} answers for it" if grant["parent"] is None else ""
    return f"{grant['agent']}{role}  {grant['grant']}  {effects}: {tools}  [{until}{used}{owner}]"


def _with_state(grant: JsonObject) -> JsonObject:
    is_over = grant["state"] == "open" and int(str(grant["expires_ms"])) <= time.time_ns() // 1_000_000
    return {**grant, "state": "expired"} if is_over else grant


def _covers(entry: JsonObject) -> str:
    return f"{', '.join(_texts(entry['effects']))}: {entry['pattern']}"


def _constraints(entry: JsonObject) -> str:
    arguments = entry["arguments"]
    assert isinstance(arguments, dict)
    return "; ".join(f"{pointer} {constraint}" for pointer, constraint in sorted(arguments.items())) or "any"


def _objects(forms: Json) -> list[JsonObject]:
    assert isinstance(forms, list)
    return [form for form in forms if isinstance(form, dict)]


def _texts(forms: Json) -> list[str]:
    assert isinstance(forms, list)
    return [str(form) for form in forms]
