"""`mediator manifest init-owner` and `new`: a tool owner's folder, and a manifest to fill in.

An owner's folder is a set-up like any other, whose signer bears the publisher's name: so the owner can pin and try the
tools before publishing them. What a mediator elsewhere believes is for the holder of its root to say.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from mediator.assembly.folder import read_operators, replace_file
from mediator.canonical import JsonObject, readable_bytes
from mediator.cli.console import GOOD, NAME, QUIET, say
from mediator.cli.folder import HERE, FolderOption, about, now_ms, open_set_up, replace_together
from mediator.cli.init import init
from mediator.cli.keys import unlock
from mediator.cli.manifest_files import PUBLIC_KEY_FILE, NameArgument, manifest_file
from mediator.cli.trust_files import read_trust_file, write_trust_file
from mediator.manifest.draft import draft_manifest
from mediator.manifest.manifest import Owner
from mediator.refusal import Reason, Refused

_YEAR_MS = 365 * 24 * 3600 * 1000
_EXAMPLE: JsonObject = {
    "name": "example",
    "description": "What it does, as the model reads it. Replace this entry by the tools that your server lists.",
    "inputSchema": {
        "type": "object",
        "properties": {"text": {"type": "string", "description": "what it is for"}},
        "required": ["text"],
        "additionalProperties": False,
    },
}


def init_owner(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="An empty or new folder.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="Your name as a publisher, as operators will know it.")],
    prefix: Annotated[str, typer.Option(metavar="io.example/", help="The server names that are yours.")],
    contact: Annotated[str, typer.Option(metavar="EMAIL", help="The human who answers for the servers.")],
) -> None:
    """Make a tool owner's folder: a set-up whose signer is you, and your public key to give to operators."""
    init(operator=contact, directory=directory)
    set_up = open_set_up(directory)
    said = read_trust_file(set_up)
    [signer], [rule] = said.signers.values(), said.rules
    rules = {one.prefix: one for one in (rule, replace(rule, prefix=prefix))}
    renamed = replace(
        said,
        version=said.version + 1,
        signers={signer.key.keyid: replace(signer, name=name)},
        rules=tuple(sorted(rules.values(), key=lambda one: -len(one.prefix))),
    )
    with about("--name, --prefix", "a name of your own, and a namespace such as `io.example/`"):
        write_trust_file(set_up, renamed, [unlock(set_up.folder.key_file("root"), "the root")])
    public = set_up.folder.root / PUBLIC_KEY_FILE
    replace_file(public, signer.key.text.encode() + b"\n")
    say(("you publish as ", GOOD), (name, NAME), f" for {prefix}; an operator who wants your tools types")
    say(f"  mediator trust add-signer {name} --key {signer.key.text} --prefix {prefix}", ("   # or the file", QUIET))


def new(
    name: NameArgument,
    server_name: Annotated[
        str | None, typer.Option("--server-name", metavar="io.example/files", help="Its registry-style name.")
    ] = None,
    folder: FolderOption = HERE,
) -> None:
    """Write a manifest to fill in, where no server runs yet; `import` fills it in from one that does."""
    set_up = open_set_up(folder)
    path = manifest_file(set_up, name)
    if path.exists():
        detail = f"there is a manifest of `{name}` already (`{set_up.shown(path)}`)"
        raise Refused(Reason.MALFORMED, detail, remedy="edit it, or choose another name")
    at, wanted = now_ms(), server_name or f"local/{name}"
    trust = read_trust_file(set_up)
    rule = next((one for one in trust.rules if one.covers(wanted)), None)
    signers = sorted(trust.signers[keyid].name for keyid in rule.signers) if rule is not None else []
    if not signers:
        detail = f"no rule of the trust file covers `{wanted}`: nobody could sign for it"
        raise Refused(Reason.BAD_CREDENTIAL, detail, remedy="`mediator trust add-signer` adds one")
    who = min(person.name for person in read_operators(set_up.folder).values())
    draft = draft_manifest(
        name,
        [_EXAMPLE],
        publisher=signers[0],
        owner=Owner(name=who, contact=who),
        issued=at,
        expires=at + _YEAR_MS,
    )
    server = draft["server"]
    assert isinstance(server, dict)
    replace_together({path: readable_bytes({**draft, "server": {**server, "name": wanted}})})
    say(("wrote ", GOOD), set_up.shown(path))
    say(("next: ", NAME), f"replace the example by your tools, declare `effect`, then `mediator manifest sign {name}`")
