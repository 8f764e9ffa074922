"""`mediator operator`: the people whose keys sign what operators do.

The operators file says whose statements are obeyed, so a change of it is a statement too: somebody who is an
operator already signs that the trust file and the operators file are these.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from mediator.assembly.folder import Folder, read_operators, replace_file
from mediator.canonical import Json
from mediator.cli.console import GOOD, NAME, QUIET, WARN, print_json, say
from mediator.cli.folder import HERE, FolderOption, JsonOption, SetUp, about, open_set_up
from mediator.cli.keys import ask_new_passphrase, is_locked, operator_key, unlock, write_key
from mediator.cli.trust_files import accept_operators
from mediator.evidence import Secret
from mediator.identity.dsse import PublicKey, SigningKey
from mediator.identity.statement import Act, Operator, Operators, Role, parse_operators, write_operators
from mediator.refusal import Reason, Refused

_STYLES: Final = {"here, unlocked": WARN, "here, locked": GOOD}

group = typer.Typer(no_args_is_help=True, help="The people whose keys sign: add them, list them, lock their keys.")


def add_to(app: typer.Typer) -> None:
    """Add the group to the command."""
    app.add_typer(group, name="operator")


@group.command("add")
def add(
    name: Annotated[str, typer.Argument(help="The person, by mail address.")],
    role: Annotated[
        list[Role] | None,
        typer.Option(help="What they are trusted with: everything, pins, or tasks.", show_default="reviewer, owner"),
    ] = None,
    key: Annotated[
        str | None, typer.Option(metavar="ed25519:...", help="Their public key, if the private one is elsewhere.")
    ] = None,
    by: Annotated[
        str | None, typer.Option(metavar="WHO", help="The operator who vouches for them.", show_default="the only one")
    ] = None,
    folder: FolderOption = HERE,
) -> None:
    """Add a person: make their key (under a passphrase, at a terminal), and let an operator vouch for them."""
    set_up = open_set_up(folder)
    operators = read_operators(set_up.folder)
    if operators.find_named(name) is not None:
        raise Refused(Reason.MALFORMED, f"`{name}` is an operator already", remedy="`mediator operator list` shows all")
    voucher = by or _only_operator(set_up.folder, operators)
    signer = operator_key(set_up.folder, operators, voucher, Act.TRUST_ACCEPT)
    roles = frozenset(role or (Role.REVIEWER, Role.OWNER))
    if key is not None:
        with about("--key", "let them run `mediator operator list`, and copy the key from there"):
            public = PublicKey.from_text(key)
        _write(set_up, operators, Operator(name=name, public=public, roles=roles), signer, voucher)
    else:
        made = SigningKey.generate()
        public = made.public
        _write_made(set_up, operators, Operator(name=name, public=public, roles=roles), signer, voucher, made)
    say(("added ", GOOD), (name, NAME), f" as {', '.join(sorted(roles))}; {voucher} vouches for them")
    say(f"  public key  {public.text}")
    say(("a mediator that runs knows them once it is started again", QUIET))


@group.command("list")
def list_operators(as_json: JsonOption = False, folder: FolderOption = HERE) -> None:
    """List the people whose statements are obeyed, and whether their private key is here."""
    set_up = open_set_up(folder)
    people = sorted(read_operators(set_up.folder).values(), key=lambda person: person.name)
    if as_json:
        print_json([_form(person, _where(set_up.folder, person.name)) for person in people])
        return
    for person in people:
        where = _where(set_up.folder, person.name)
        say((person.name, NAME), f"  {', '.join(sorted(person.roles))}; private key ", (where, _STYLES.get(where, "")))
        say(f"  {person.public.text}")


@group.command("lock")
def lock(
    name: Annotated[str, typer.Argument(help="Whose key; `signer` and `root` for the local ones.")],
    folder: FolderOption = HERE,
) -> None:
    """Put an unlocked key under a passphrase, asked for at a terminal."""
    set_up = open_set_up(folder)
    is_local = name in {"signer", "root"}
    path = set_up.folder.key_file(name) if is_local else set_up.folder.key_file("operator", name)
    if is_locked(path):
        raise Refused(Reason.MALFORMED, f"`{set_up.shown(path)}` is locked already")
    key = unlock(path, f"`{name}`")
    passphrase = ask_new_passphrase(f"`{name}`")
    if passphrase is None:
        detail = "no passphrase was given, and the key stays unlocked"
        raise Refused(Reason.NO_CREDENTIAL, detail, remedy="run the command in a terminal, and give one")
    replace_file(path, key.to_pem(passphrase).reveal().encode(), private=True)
    say(("locked ", GOOD), (set_up.shown(path), NAME))


def _write_made(
    set_up: SetUp, operators: Operators, person: Operator, signer: SigningKey, voucher: str, made: SigningKey
) -> None:
    path = set_up.folder.key_file("operator", person.name)
    with_person = _with(operators, person)  # a name that the file cannot hold is refused before anything is written
    passphrase = ask_new_passphrase(f"`{person.name}`")
    write_key(path, made, passphrase)
    try:
        accept_operators(set_up, with_person, signer, voucher)
    except BaseException:
        path.unlink()
        raise
    _say_key(set_up, path, passphrase)


def _write(set_up: SetUp, operators: Operators, person: Operator, signer: SigningKey, voucher: str) -> None:
    accept_operators(set_up, _with(operators, person), signer, voucher)


def _with(operators: Operators, person: Operator) -> bytes:
    if person.public.keyid in operators:
        known = operators[person.public.keyid].name
        raise Refused(Reason.MALFORMED, f"that key is `{known}`'s already", remedy="each person has a key of their own")
    written = write_operators({**operators, person.public.keyid: person})
    with about(f"`{person.name}` cannot be added", "correct the name"):
        parse_operators(written)
    return written


def _say_key(set_up: SetUp, path: Path, passphrase: Secret | None) -> None:
    unlocked = () if passphrase is not None else ((" (unlocked: whoever reads it can sign)", WARN),)
    say(f"wrote {set_up.shown(path)}", *unlocked)


def _where(folder: Folder, name: str) -> str:
    path = folder.key_file("operator", name)
    if not path.exists():
        return "elsewhere"
    return "here, locked" if is_locked(path) else "here, unlocked"


def _form(person: Operator, where: str) -> Json:
    return {
        "name": person.name,
        "roles": list[Json](sorted(person.roles)),
        "key": person.public.text,
        "private_key": where,
    }


def _only_operator(folder: Folder, operators: Operators) -> str:
    able = [person.name for person in operators.values() if person.may(Act.TRUST_ACCEPT)]
    here = [name for name in able if folder.key_file("operator", name).exists()]
    if len(here) != 1:
        found = ", ".join(f"`{name}`" for name in here) or "none"
        detail = f"an operator has to vouch for a new one, and the keys here are of: {found}"
        raise Refused(Reason.NO_CREDENTIAL, detail, remedy="name one with `--by`")
    return here[0]
