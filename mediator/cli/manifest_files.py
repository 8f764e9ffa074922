"""The files of a server's manifest, as the commands read them; each refusal names the file and the next step.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from mediator.assembly.folder import read_file, read_operators
from mediator.assembly.trust import ENVELOPE_FILE, read_signer_trust
from mediator.cli.console import BAD, NAME, note, print_refusal
from mediator.cli.folder import SetUp, about, now_ms
from mediator.manifest.manifest import LOCAL_NAME
from mediator.manifest.signature import VerifiedManifest, verify_manifest
from mediator.manifest.trust import SignerTrust
from mediator.refusal import Reason, Refused

NameArgument: TypeAlias = Annotated[str, typer.Argument(metavar="NAME", help="The server's local name.")]
NamesArgument: TypeAlias = Annotated[
    list[str], typer.Argument(metavar="NAME...", help="The servers' local names; one, or several.")
]

MANIFEST_FILE: Final = "manifest.json"
PARTLY_SIGNED_FILE: Final = "manifest.partly.dsse.json"
"""An envelope that needs more signatures: it counts for nothing until it has them."""
PUBLIC_KEY_FILE: Final = "publisher.pub"
"""A tool owner's public key: where it lies, the folder is an owner's."""
APPROVED_FILE: Final = "approved.json"
"""Copies of the envelopes that were approved: nothing is decided by them, a review shows with them what changed."""


def manifest_file(set_up: SetUp, name: str) -> Path:
    """Return where a server's manifest is; raises `Refused` for a name that is none."""
    if not LOCAL_NAME.fullmatch(name):
        detail = f"`{name}` is no local name: 1 to 20 of `a-z`, `0-9`, `-`, and no `-` at the start"
        raise Refused(Reason.MALFORMED, detail, remedy="choose one, such as `clock`")
    return set_up.manifests / name / MANIFEST_FILE


def each_of(names: Sequence[str], act: Callable[[str], None]) -> None:
    """Do this for each name; of several, one that is refused is told, the others go on, and the command ends with 1."""
    if len(names) == 1:
        act(names[0])
        return
    refused_any = False
    for name in dict.fromkeys(names):
        try:
            act(name)
        except Refused as refused:
            note(("refused: ", BAD), (name, NAME))
            print_refusal(refused)
            refused_any = True
    if refused_any:
        raise typer.Exit(1)


def read_trust(set_up: SetUp) -> SignerTrust:
    """Return who may sign for whom, as the accepted root says."""
    operators = read_operators(set_up.folder)
    with about("who may sign manifests", "`mediator trust show` shows what the file says; `mediator doctor` the rest"):
        return read_signer_trust(set_up.folder, set_up.settings, operators, now_ms())


def read_verified(set_up: SetUp, name: str) -> VerifiedManifest:
    """Return a server's signed manifest, verified now."""
    path = manifest_file(set_up, name).with_name(ENVELOPE_FILE)
    if not path.exists():
        detail = f"there is no signed manifest of `{name}` (`{set_up.shown(path)}`)"
        raise Refused(Reason.MALFORMED, detail, remedy=f"`mediator manifest sign {name}`, once it is imported")
    trust = read_trust(set_up)
    with about(set_up.shown(path), f"`mediator manifest sign {name}` signs it anew"):
        return verify_manifest(read_file(path), trust, now_ms())
