"""`mediator freeze` and `unfreeze`: stop somebody or something at the next call, and let it go again.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from mediator.canonical import JsonObject
from mediator.cli.console import BAD, GOOD, NAME, QUIET, note, print_json, say
from mediator.cli.folder import HERE, FolderOption, JsonOption, open_set_up
from mediator.cli.statements import ReasonOption, WhoOption, put_statement, signed_by
from mediator.identity.statement import Act
from mediator.mediation.freeze import parse_frozen

_NameArgument: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="`agent:NAME`, `class:NAME`, `owner:WHO`, `key:ID`, `task:ID`, `server:NAME`, `tool:SERVER/NAME` or `everything`.",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the two commands."""
    app.command("freeze")(freeze)
    app.command("unfreeze")(unfreeze)


def freeze(
    name: _NameArgument, who: WhoOption, reason: ReasonOption, as_json: JsonOption = False, folder: FolderOption = HERE
) -> None:
    """Stop somebody or something: every call that it has a part in is refused from the next one on."""
    answered = _put(name, who, reason, Act.FREEZE, folder)
    if as_json:
        print_json(answered)
    elif answered["changed"]:
        say(("frozen ", BAD), (name, NAME), "; ", (f"`mediator unfreeze {name}` lets it go", QUIET))
    else:
        note((f"{name} was frozen already", QUIET))


def unfreeze(
    name: _NameArgument, who: WhoOption, reason: ReasonOption, as_json: JsonOption = False, folder: FolderOption = HERE
) -> None:
    """Let it go again. What was revoked or completed meanwhile stays so."""
    answered = _put(name, who, reason, Act.UNFREEZE, folder)
    if as_json:
        print_json(answered)
    elif answered["changed"]:
        say(("let go ", GOOD), (name, NAME))
    else:
        note((f"{name} was not frozen", QUIET))


def _put(name: str, who: str, reason: str, act: Act, folder: Path) -> JsonObject:
    set_up = open_set_up(folder)
    statement = signed_by(set_up, who, act, {"name": parse_frozen(name), "reason": reason})
    return put_statement(set_up, str(act), statement)
