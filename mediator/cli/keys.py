"""Who sits at a command, and private keys there: found by whose they are, unlocked where locked, made where there is none.

A passphrase is asked for at a terminal and nowhere else: it stands in no argument, no variable and no file.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

import typer

from mediator.assembly.folder import Folder, read_key, read_secret, replace_file
from mediator.cli.folder import about
from mediator.evidence import Secret
from mediator.identity.dsse import SigningKey
from mediator.identity.statement import Act, Operator, Operators
from mediator.refusal import Reason, Refused

_PASSPHRASE_MIN = 8  # NIST SP 800-63B §5.1.1: the least for a secret that a person remembers


def is_at_a_terminal() -> bool:
    """Tell whether a person can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def must_be_wanted(question: str, *, yes: bool) -> None:
    """Ask whether what was shown is to be done; a refusal where nobody can be asked, and `--yes` was not said."""
    if yes:
        return
    if not is_at_a_terminal():
        detail = "nobody is here to ask whether that is wanted"
        raise Refused(Reason.MALFORMED, detail, remedy="look at it, and say `--yes`")
    typer.confirm(question, abort=True, err=True)


def is_locked(path: Path) -> bool:
    """Tell whether a private key stands under a passphrase."""
    return "-----BEGIN ENCRYPTED" in read_secret(path).reveal()


def unlock(path: Path, whose: str) -> SigningKey:
    """Return the key in this file, asking for its passphrase where it has one."""
    with about(str(path), "`mediator operator list` shows whose keys are here"):
        if not is_locked(path):
            return read_key(path)
        if not is_at_a_terminal():
            raise Refused(
                Reason.BAD_CREDENTIAL,
                f"the key of {whose} is locked, and there is no terminal to ask for its passphrase",
                remedy="run the command in a terminal",
            )
        return read_key(path, Secret(getpass.getpass(f"passphrase of {whose}: ", stream=sys.stderr)))


def key_of_reference(reference: str, whose: str) -> SigningKey:
    """Return the key that is named as `env:NAME`, `file:/path` or a path; a passphrase is asked for at a terminal."""
    kind, _, name = reference.partition(":")
    if kind != "env":
        return unlock(Path(name if kind == "file" else reference), whose)
    pem = os.environ.get(name, "")
    with about(f"`{reference}`", "put the key's PEM text there, or name its file"):
        if not pem:
            raise Refused(Reason.NO_CREDENTIAL, "there is nothing")
        return SigningKey.from_pem(Secret(pem), None)


def operator_key(folder: Folder, operators: Operators, name: str, act: Act) -> SigningKey:
    """Return the key of the operator of this name, who may do this act."""
    operator = find_operator(operators, name)
    if not operator.may(act):
        able = ", ".join(f"`{other.name}`" for other in operators.values() if other.may(act)) or "nobody"
        raise Refused(
            Reason.BAD_CREDENTIAL, f"`{name}` has no role that covers `{act}`", remedy=f"who may here: {able}"
        )
    path = folder.key_file("operator", name)
    if not path.exists():
        raise Refused(
            Reason.NO_CREDENTIAL,
            f"the private key of `{name}` is not here (`{path}`)",
            remedy=f"let `{name}` sign where that key is, or name somebody else",
        )
    key = unlock(path, f"`{name}`")
    if key.public != operator.public:
        raise Refused(
            Reason.BAD_CREDENTIAL,
            f"`{path}` is not the key that the operators file names for `{name}`",
            remedy="put the right key back, or add the person anew with `mediator operator add`",
        )
    return key


def find_operator(operators: Operators, name: str) -> Operator:
    """Return the operator of this name; raises `Refused` naming those there are."""
    operator = operators.find_named(name)
    if operator is None:
        known = ", ".join(f"`{other.name}`" for other in operators.values()) or "nobody"
        raise Refused(
            Reason.UNKNOWN_KEY,
            f"`{name}` is no operator of this set-up; known: {known}",
            remedy=f"name one of them, or `mediator operator add {name}`",
        )
    return operator


def ask_new_passphrase(whose: str) -> Secret | None:
    """Return a new passphrase, asked for twice; nothing where there is no terminal, or where the person wants none."""
    if not is_at_a_terminal():
        return None
    first = getpass.getpass(f"a passphrase for the key of {whose} (empty: leave it unlocked): ", stream=sys.stderr)
    if not first:
        return None
    if len(first) < _PASSPHRASE_MIN:
        raise Refused(
            Reason.BAD_CREDENTIAL, f"a passphrase has at least {_PASSPHRASE_MIN} characters", remedy="try again"
        )
    if getpass.getpass("the same again: ", stream=sys.stderr) != first:
        raise Refused(Reason.BAD_CREDENTIAL, "the two passphrases differ", remedy="try again")
    return Secret(first)


def write_key(path: Path, key: SigningKey, passphrase: Secret | None) -> None:
    """Write a private key that only its owner can read; never over another."""
    if path.exists():
        raise Refused(
            Reason.MALFORMED,
            f"there is a key already: `{path}`",
            remedy="move it away first, if it is really not needed",
        )
    replace_file(path, key.to_pem(passphrase).reveal().encode(), private=True)
