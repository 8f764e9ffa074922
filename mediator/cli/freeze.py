"""`mediator freeze` and `unfreeze`: stop somebody or something at the next call, or once a rule holds; and let it go again.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from mediator.canonical import JsonObject
from mediator.cli.asking import ask_owner
from mediator.cli.console import BAD, GOOD, NAME, QUIET, note, print_json, say
from mediator.cli.folder import HERE, FolderOption, JsonOption, open_set_up
from mediator.cli.statements import put_statement, signed_by
from mediator.identity.statement import Act
from mediator.mediation.freeze import parse_frozen
from mediator.mediation.freeze_rules import parse_freeze_rule

_NameArgument: TypeAlias = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME",
        show_default=False,
        help="`agent:NAME`, `class:NAME`, `owner:WHO`, `key:ID`, `task:ID`, `server:NAME`, `tool:SERVER/NAME` or `everything`.",
    ),
]


_IfOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--if",
        metavar="RULE",
        help="`denials > 20 in 60s of agent`, `loop of task`, `budget NAME of owner`, `drift of server`.",
    ),
]
_ListOption: TypeAlias = Annotated[bool, typer.Option("--list", help="Print what is frozen, and by which rules.")]
_Who: TypeAlias = Annotated[str | None, typer.Option("--who", metavar="WHO", help="The person whose key signs.")]
_Reason: TypeAlias = Annotated[
    str | None, typer.Option("--reason", help="Why, in a sentence: it stands in the ledger.")
]


def add_to(app: typer.Typer) -> None:
    """Add the two commands."""
    app.command("freeze")(freeze)
    app.command("unfreeze")(unfreeze)


def freeze(
    name: _NameArgument = None,
    rule: _IfOption = None,
    listing: _ListOption = False,
    who: _Who = None,
    reason: _Reason = None,
    as_json: JsonOption = False,
    folder: FolderOption = HERE,
) -> None:
    """Stop somebody or something: every call that it has a part in is refused from the next one on.

    With `--if`, have it stopped by itself once a rule holds; with `--list`, print what is stopped, and the rules.
    """
    if listing:
        _must_stand_alone(name, rule, who, reason)
        return _list(as_json, folder)
    what = _one_of(name, rule)
    answered = _put(what, who, reason, folder, Act.FREEZE if rule is None else Act.FREEZE_RULE)
    if as_json:
        return print_json(answered)
    if rule is not None:
        if answered["changed"]:
            undo = f"`mediator unfreeze --if '{rule}'` takes the rule out"
            return say(("whoever trips it is frozen: ", GOOD), (rule, NAME), "; ", (undo, QUIET))
        return note((f"the rule `{rule}` was kept already", QUIET))
    if answered["changed"]:
        return say(("frozen ", BAD), (what, NAME), "; ", (f"`mediator unfreeze {what}` lets it go", QUIET))
    return note((f"{what} was frozen already", QUIET))


def unfreeze(
    name: _NameArgument = None,
    rule: _IfOption = None,
    who: _Who = None,
    reason: _Reason = None,
    as_json: JsonOption = False,
    folder: FolderOption = HERE,
) -> None:
    """Let it go again. What was revoked or completed meanwhile stays so. With `--if`, take a rule out."""
    what = _one_of(name, rule)
    answered = _put(what, who, reason, folder, Act.UNFREEZE if rule is None else Act.UNFREEZE_RULE)
    if as_json:
        return print_json(answered)
    if not answered["changed"]:
        return note((f"{what} was not frozen" if rule is None else f"the rule `{rule}` was not kept", QUIET))
    return say(("let go " if rule is None else "taken out ", GOOD), (what, NAME))


def _list(as_json: bool, folder: Path) -> None:
    answered = ask_owner(open_set_up(folder), {"op": "freeze.list"})
    if as_json:
        return print_json(answered)
    for word, style in (("frozen", BAD), ("rules", GOOD)):
        named = answered[word]
        assert isinstance(named, list)  # `Desk.frozen`
        for one in named:
            say((f"{word.removesuffix('s')} ", style), (str(one), NAME))
        if not named:
            note((f"{word}: none", QUIET))
    return None


def _one_of(name: str | None, rule: str | None) -> str:
    what = name if rule is None else rule
    if what is None or (name is not None and rule is not None):
        raise typer.BadParameter("name what is frozen, or give a rule with `--if`: one of the two")
    return what


def _must_stand_alone(*others: str | None) -> None:
    if any(other is not None for other in others):
        raise typer.BadParameter("`--list` stands alone")


def _put(what: str, who: str | None, reason: str | None, folder: Path, act: Act) -> JsonObject:
    if who is None or reason is None:
        raise typer.BadParameter("`--who` and `--reason` are needed: a statement says whose it is, and why")
    is_rule = act in {Act.FREEZE_RULE, Act.UNFREEZE_RULE}
    subject: JsonObject = {"rule": parse_freeze_rule(what).text} if is_rule else {"name": parse_frozen(what)}
    set_up = open_set_up(folder)
    statement = signed_by(set_up, who, act, {**subject, "reason": reason})
    return put_statement(set_up, str(act), statement)
