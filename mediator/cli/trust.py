"""`mediator trust`: who may sign manifests, said by the holders of the root key; and the root, accepted by an operator.

The root key belongs offline: each command that changes the file is given it with `--root`, as a path, `file:/path` or
`env:NAME`. A mediator that runs is asked to obey the change at once.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from mediator.assembly.folder import read_file, read_operators, replace_file
from mediator.cli.console import BAD, GOOD, NAME, WARN, print_json, say, show_table
from mediator.cli.folder import HERE, FolderOption, JsonOption, SetUp, about, now_ms, open_set_up
from mediator.cli.keys import ask_new_passphrase, key_of_reference, operator_key, write_key
from mediator.cli.renewal import renew_running
from mediator.cli.trust_files import accept_root, must_be_handed_on, must_be_whole, read_trust_file, write_trust_file
from mediator.identity.dsse import PublicKey, SigningKey
from mediator.identity.statement import Act
from mediator.manifest.fields import write_moment
from mediator.manifest.trust_file import Revocation, RootRole, Signer, SignerRule, TrustFile
from mediator.refusal import Reason, Refused

DAY_MS: Final = 24 * 3600 * 1000

RootOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--root", metavar="KEY", help="A root key: a file or `env:NAME`; again for each.", show_default="the local one"
    ),
]
_Days = Annotated[int, typer.Option(min=1, max=3650, metavar="N", help="How long the file is good.")]

group = typer.Typer(no_args_is_help=True, help="Who may sign manifests: the trust file, its root, and its revocations.")


def add_to(app: typer.Typer) -> None:
    """Add the group to the command."""
    app.add_typer(group, name="trust")


@group.command("show")
def show(as_json: JsonOption = False, folder: FolderOption = HERE) -> None:
    """Show who may sign for whom, until when, and what is revoked."""
    set_up = open_set_up(folder)
    said = read_trust_file(set_up)
    if as_json:
        print_json(said.as_form())
        return
    roots = ", ".join(sorted(said.root.keys))
    say(("trust file ", NAME), f"version {said.version}, good until {write_moment(said.expires)}")
    say(f"  root: {said.root.threshold} of {roots}")
    names = {keyid: signer.name for keyid, signer in said.signers.items()}
    rules = [
        (rule.prefix, f"{rule.threshold} of {', '.join(sorted(names[one] for one in rule.signers))}", *_span(rule))
        for rule in sorted(said.rules, key=lambda rule: rule.prefix)
    ]
    show_table(("servers", "signed by", "from", "until"), rows=rules)
    signers = [
        ((signer.name, NAME), signer.key.text, *_span(signer), _standing(signer))
        for signer in sorted(said.signers.values(), key=lambda signer: signer.name)
    ]
    show_table(("signer", "public key", "from", "until", ""), rows=signers)


@group.command("new-key")
def new_key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; the public half goes to FILE with `.pub`.")],
) -> None:
    """Make a key of a signer or of the root, under a passphrase at a terminal; it is trusted once the root says so."""
    public = file.with_suffix(".pub")
    if public.exists() or file == public:
        detail = f"`{public}` is in the way of the public half"
        raise Refused(Reason.MALFORMED, detail, remedy="name a file such as `ada.pem`, and none that is there")
    made = SigningKey.generate()
    write_key(file, made, ask_new_passphrase(f"`{file.stem}`"))
    replace_file(public, f"{made.public.text}\n".encode())
    say(("made ", GOOD), (str(file), NAME), f" and its public half, {public}")
    say(f"  public key  {made.public.text}")


@group.command("add-signer")
def add_signer(
    name: Annotated[str, typer.Argument(help="Whose key it is: the `publisher` of manifests.")],
    key: Annotated[str, typer.Option(metavar="ed25519:...", help="Their public key, or a file that holds it.")],
    prefix: Annotated[str, typer.Option(metavar="io.example/", help="The servers that they may sign for.")],
    threshold: Annotated[
        int | None, typer.Option(min=1, metavar="K", help="How many of the prefix's signers must sign.")
    ] = None,
    days: _Days = 365,
    root: RootOption = None,
    folder: FolderOption = HERE,
) -> None:
    """Let somebody sign for the servers under a prefix, beside those who may already."""
    set_up = open_set_up(folder)
    said = read_trust_file(set_up)
    at, until = now_ms(), now_ms() + days * DAY_MS
    with about(
        "--key", "a public key is `ed25519:` and 43 characters; `mediator operator list` and the owner's tools show it"
    ):
        public = PublicKey.from_text(_text_of(key))
    known = said.signers.get(public.keyid)
    if known is not None and known.name != name:
        raise Refused(Reason.MALFORMED, f"that key is `{known.name}`'s already", remedy="each signer has one key")
    if known is None and any(signer.name == name for signer in said.signers.values()):
        detail = f"`{name}` has another key here"
        raise Refused(Reason.MALFORMED, detail, remedy=f"revoke it, and add `{name}-2`: a name keeps its key")
    if known is not None and known.revoked is not None:
        detail = f"that key was revoked: {known.revoked.why}"
        raise Refused(Reason.MALFORMED, detail, remedy="make another one: `mediator trust new-key FILE`")
    if known is None:
        signer = Signer(name=name, key=public, valid_from=at, valid_until=until)
    else:
        signer = replace(known, valid_until=max(known.valid_until, until))
    before = next((rule for rule in said.rules if rule.prefix == prefix), None)
    rule = SignerRule(
        prefix=prefix,
        signers=(frozenset() if before is None else before.signers) | {public.keyid},
        threshold=threshold or (1 if before is None else before.threshold),
        valid_from=at if before is None else before.valid_from,
        valid_until=until if before is None else max(before.valid_until, until),
    )
    rules = (*(one for one in said.rules if one.prefix != prefix), rule)
    changed = replace(said, signers={**said.signers, public.keyid: signer}, rules=rules)
    _sign(set_up, changed, root)
    say(("may sign: ", GOOD), (name, NAME), f" for {prefix}, {rule.threshold} of {len(rule.signers)}")


@group.command("revoke-key")
def revoke_key(
    name: Annotated[str, typer.Argument(help="Whose key.")],
    why: Annotated[str, typer.Option(metavar="TEXT", help="The reason; it stands in the trust file.")],
    root: RootOption = None,
    folder: FolderOption = HERE,
) -> None:
    """Take a signer's key out of use: whatever it signed, whenever, counts for nothing from now on."""
    set_up = open_set_up(folder)
    said = read_trust_file(set_up)
    keyid = next((keyid for keyid, signer in said.signers.items() if signer.name == name), None)
    if keyid is None:
        known = ", ".join(f"`{signer.name}`" for signer in said.signers.values()) or "nobody"
        raise Refused(Reason.UNKNOWN_KEY, f"`{name}` is no signer; there is {known}", remedy="`mediator trust show`")
    revoked = replace(said.signers[keyid], revoked=Revocation(at=now_ms(), why=why))
    _sign(set_up, replace(said, signers={**said.signers, keyid: revoked}), root)
    say(("revoked ", BAD), (name, NAME), f": {why}")
    say("  what it signed alone exists for agents no more; sign those manifests with another key, and approve them")


@group.command("renew")
def renew(days: _Days = 365, root: RootOption = None, folder: FolderOption = HERE) -> None:
    """Sign the trust file anew, as it stands, for another time."""
    set_up = open_set_up(folder)
    _sign(set_up, replace(read_trust_file(set_up), expires=now_ms() + days * DAY_MS), root)
    say(("renewed ", GOOD), f"the trust file for {days} days")


@group.command("rotate-root")
def rotate_root(
    new: Annotated[list[str], typer.Option("--new", metavar="KEY", help="A new root key; again for each.")],
    threshold: Annotated[int, typer.Option(min=1, metavar="K", help="How many of the new ones must sign.")] = 1,
    root: RootOption = None,
    folder: FolderOption = HERE,
) -> None:
    """Hand the root on: the trust file names the new root keys, and is signed by the old and by the new."""
    set_up = open_set_up(folder)
    keys = [key_of_reference(reference, "the new root") for reference in new]
    role = RootRole(keys={f"root-{key.public.keyid[:8]}": key.public for key in keys}, threshold=threshold)
    _sign(set_up, replace(read_trust_file(set_up), root=role), root, keys)
    say(("handed on: ", GOOD), f"the root is {threshold} of {len(keys)} new keys")
    say(
        ("next: ", NAME),
        "`mediator trust accept --operator WHO`, at each set-up that uses this file; the old key signs no more",
    )


@group.command("accept")
def accept(
    operator: Annotated[str, typer.Option(metavar="WHO", help="The operator who looked at it, and signs.")],
    replace_root: Annotated[
        bool, typer.Option("--replace-root", help="Take a root that the accepted one did not hand on to.")
    ] = False,
    folder: FolderOption = HERE,
) -> None:
    """Accept the root keys that the trust file names, and the operators file as it stands, by an operator's statement."""
    set_up = open_set_up(folder)
    (must_be_whole if replace_root else must_be_handed_on)(set_up)
    said = read_trust_file(set_up)
    key = operator_key(set_up.folder, read_operators(set_up.folder), operator, Act.TRUST_ACCEPT)
    accept_root(set_up, said.root, key, operator)
    say(("accepted ", GOOD), f"the root ({', '.join(sorted(said.root.keys))}) and the operators, by {operator}")
    for name, public in sorted(said.root.keys.items()):
        say(f"  {name}  {public.text}")
    renew_running(set_up)


def _sign(set_up: SetUp, said: TrustFile, references: list[str] | None, more: list[SigningKey] | None = None) -> None:
    """Raise the version, date it, sign it with the root keys, write it, and have a running mediator obey it."""
    local = set_up.folder.key_file("root")
    if not references and not local.exists():
        raise Refused(
            Reason.NO_CREDENTIAL,
            f"the root key is not here (`{set_up.shown(local)}`)",
            remedy="bring it, and name it with `--root FILE`",
        )
    roots = [key_of_reference(reference, "the root") for reference in references or [str(local)]]
    at = now_ms()
    if said.expires <= at:
        detail = f"the trust file ended at {write_moment(said.expires)}"
        raise Refused(Reason.EXPIRED_CREDENTIAL, detail, remedy="`mediator trust renew` first")
    write_trust_file(set_up, replace(said, version=said.version + 1, issued=at), [*roots, *(more or [])])
    renew_running(set_up)


def _span(span: Signer | SignerRule) -> tuple[str, str]:
    return write_moment(span.valid_from)[:10], write_moment(span.valid_until)[:10]


def _standing(signer: Signer) -> tuple[str, str]:
    why_not = signer.why_not(now_ms())
    if why_not is None:
        return ("good", GOOD)
    return (why_not, WARN if signer.revoked is None else BAD)


def _text_of(key: str) -> str:
    path = Path(key)
    is_file = not key.startswith("ed25519:") and path.is_file()
    return read_file(path).decode("utf-8", "replace").strip() if is_file else key
