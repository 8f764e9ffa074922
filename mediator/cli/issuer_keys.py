"""`mediator keys`: the keys that sign tokens here: see them, and rotate the one in use by an operator's statement.

Where a mediator runs, it is asked over its control socket; where none does, the command is the owner of the folder for as
long as it takes. The operator's key stays here, and the new key is made where the old one is.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Annotated

import typer

from mediator.assembly.folder import read_operators
from mediator.assembly.issuer_files import read_issuer_keys, retiring_form
from mediator.canonical import Json
from mediator.cli.asking import ask_owner
from mediator.cli.console import GOOD, NAME, QUIET, WARN, note, print_json, say
from mediator.cli.folder import HERE, FolderOption, JsonOption, now_ms, open_set_up
from mediator.cli.keys import operator_key
from mediator.identity.statement import Act, sign_statement
from mediator.manifest.fields import write_moment

group = typer.Typer(no_args_is_help=True, help="The keys that sign tokens here: list them, rotate the one in use.")


def add_to(app: typer.Typer) -> None:
    """Add the group to the command."""
    app.add_typer(group, name="keys")


@group.command("list")
def list_keys(as_json: JsonOption = False, folder: FolderOption = HERE) -> None:
    """List the key that signs tokens, and those that did and are believed a little longer."""
    home = open_set_up(folder).folder
    keys = read_issuer_keys(home, read_operators(home), now_ms()).keys
    if as_json:
        retired: list[Json] = [
            {"key": key.public.keyid, "retired_ms": key.retirement.retired_ms, "until_ms": key.retirement.until_ms}
            for key in keys.retired
        ]
        print_json({"in_use": keys.signing_key.public.keyid, "retired": retired})
        return
    say((keys.signing_key.public.keyid, NAME), ("  signs tokens", GOOD))
    for key in keys.retired:
        times = f"retired {_moment(key.retirement.retired_ms)}, verifies until {_moment(key.retirement.until_ms)}"
        say((key.public.keyid, NAME), (f"  {times}", QUIET))


@group.command("rotate")
def rotate(
    operator: Annotated[str, typer.Option(metavar="WHO", help="The operator who signs.")],
    as_json: JsonOption = False,
    folder: FolderOption = HERE,
) -> None:
    """Retire the key that signs tokens: a new one signs from now on, and no token that is valid is refused."""
    set_up = open_set_up(folder)
    operators, at = read_operators(set_up.folder), now_ms()
    in_use = read_issuer_keys(set_up.folder, operators, at).keys.signing_key.public
    key = operator_key(set_up.folder, operators, operator, Act.ISSUER_ROTATE)
    at = now_ms()  # once more: a passphrase may have taken its time
    statement = sign_statement(
        key, act=Act.ISSUER_ROTATE, subject=retiring_form(in_use), who=operator, at=at, serial=at
    )
    rotated = ask_owner(set_up, {"op": "issuer.rotate", "statement": statement.decode()})
    if as_json:
        print_json(rotated)
    else:
        say(("rotated: ", GOOD), (str(rotated["new"]), NAME), " signs tokens from now on")
        say(f"  {rotated['old']} signs no more; what it signed is good until {_moment(rotated['until_ms'])} at most")
    if rotated["erased"] is not True:
        note(("warning: ", WARN), "the old private key has no name any more, but its bytes could not be written over")


def _moment(ms: Json) -> str:
    return write_moment(ms) if isinstance(ms, int) else str(ms)
