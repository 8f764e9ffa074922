"""`mediator manifest`: the tool owner's side. Import proposes, the owner declares, the signer signs.

`import` is in `manifest_import.py`. Nothing that is done here lets an agent see a tool: that is the reviewer's act,
`mediator pin approve`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final

import typer

from mediator.assembly.folder import find_file, read_file
from mediator.assembly.trust import ENVELOPE_FILE
from mediator.canonical import Json, JsonObject, parse_object, readable_bytes
from mediator.cli.console import GOOD, NAME, WARN, print_json, say, show_table
from mediator.cli.folder import HERE, FolderOption, JsonOption, SetUp, about, now_ms, open_set_up, replace_together
from mediator.cli.keys import key_of_reference
from mediator.cli.manifest_diff import diff
from mediator.cli.manifest_files import (
    PARTLY_SIGNED_FILE,
    NameArgument,
    NamesArgument,
    each_of,
    manifest_file,
    read_trust,
    read_verified,
)
from mediator.cli.manifest_import import import_manifest
from mediator.cli.manifest_owner import init_owner, new
from mediator.cli.manifest_pending import pending, take
from mediator.cli.manifest_publish import publish, status
from mediator.identity.dsse import SigningKey
from mediator.manifest.draft import accept_proposed
from mediator.manifest.fields import write_moment
from mediator.manifest.manifest import ToolManifest, read_manifest
from mediator.manifest.signature import (
    VerifiedManifest,
    count_signatures,
    gather_signatures,
    sign_manifest,
    verify_manifest,
)
from mediator.manifest.trust import SignerTrust
from mediator.refusal import Reason, Refused

SCHEMA_FILE: Final = "manifest.schema.json"

group = typer.Typer(no_args_is_help=True, help="The tool owner's side: import, sign, verify and publish manifests.")
group.command("import")(import_manifest)
group.command("new")(new)
group.command("diff")(diff)
group.command("publish")(publish)
group.command("status")(status)
group.command("pending")(pending)
group.command("take")(take)
group.command("init-owner")(init_owner)


def add_to(app: typer.Typer) -> None:
    """Add the group to the command."""
    app.add_typer(group, name="manifest")


@group.command("sign")
def sign(
    names: NamesArgument,
    accept: Annotated[
        bool, typer.Option("--accept-proposed", help="Declare each effect that is still open as it was proposed.")
    ] = False,
    key: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help="A signer's key: a file or `env:NAME`.", show_default="the local signer's"),
    ] = None,
    add: Annotated[bool, typer.Option("--add-signature", help="Add to the signatures that others have made.")] = False,
    folder: FolderOption = HERE,
) -> None:
    """Sign a server's manifest, or several: that its tools are these, and do what is declared."""
    set_up = open_set_up(folder)
    trust = read_trust(set_up)
    references = key or [str(set_up.folder.key_file("signer"))]
    signers = [key_of_reference(reference, "the signer") for reference in references]
    each_of(names, lambda name: _sign(set_up, name, trust, signers, accept=accept, add=add))


@group.command("schema")
def schema() -> None:
    """Print the JSON Schema of manifests (draft 2020-12), for an editor or a pipeline."""
    sys.stdout.write(files("mediator.manifest").joinpath(SCHEMA_FILE).read_text(encoding="utf-8"))


@group.command("verify")
def verify(name: NameArgument, as_json: JsonOption = False, folder: FolderOption = HERE) -> None:
    """Verify a server's signed manifest: who signed it, whether they may, and until when it is good."""
    set_up = open_set_up(folder)
    verified = read_verified(set_up, name)
    path = manifest_file(set_up, name)
    is_as_signed = _is_as_signed(set_up, path, verified)
    if as_json:
        print_json(_form(verified, is_as_signed=is_as_signed))
        return
    say(("verified ", GOOD), (verified.manifest.server.name, NAME))
    show_table(
        ("", ""),
        [
            ("signed by", ", ".join(verified.signers)),
            ("owner", f"{verified.manifest.owner.name}, {verified.manifest.owner.contact}"),
            ("serial", str(verified.manifest.serial)),
            ("good until", write_moment(verified.expires)),
            ("digest", verified.digest),
        ],
    )
    show_declared(verified.manifest)
    if not is_as_signed:
        say(("warning: ", WARN), f"{set_up.shown(path)} was edited since; what counts is what was signed")


def show_declared(manifest: ToolManifest) -> None:
    """Print what is declared of each tool."""
    rows = [
        (
            (tool.name, NAME),
            str(tool.effect or f"? ({tool.proposed_effect} proposed)"),
            str(tool.sensitivity),
            ", ".join(sorted(tool.result_labels)),
            ", ".join(f"{pointer} {target}" for pointer, target in sorted(tool.targets.items())),
        )
        for tool in manifest.tools
    ]
    show_table(("tool", "effect", "sensitivity", "result labels", "targets"), rows)


def _sign(
    set_up: SetUp, name: str, trust: SignerTrust, signers: Sequence[SigningKey], *, accept: bool, add: bool
) -> None:
    path = manifest_file(set_up, name)
    with about(set_up.shown(path), "correct it there, or declare what was proposed: `--accept-proposed`"):
        manifest = parse_object(read_file(path))
        if accept:
            manifest = accept_proposed(manifest)
        read = read_manifest(manifest)
        partly = path.with_name(PARTLY_SIGNED_FILE)
        _must_not_fall(set_up, name, read, trust)
        envelope = sign_manifest(manifest, signers)
        if add:
            envelope = gather_signatures(_signed_before(partly), envelope)
        count, needed = count_signatures(envelope, trust, now_ms())
        if 0 < count < needed:
            replace_together({path: readable_bytes(manifest), partly: envelope})
            say(("signed in part: ", WARN), (read.server.name, NAME), f" has {count} of {needed} signatures")
            say(("next: ", NAME), f"another signer runs `mediator manifest sign {name} --add-signature --key KEY`")
            return
        verified = verify_manifest(envelope, trust, now_ms())
    replace_together({path: readable_bytes(manifest), path.with_name(ENVELOPE_FILE): envelope})
    partly.unlink(missing_ok=True)
    say(("signed ", GOOD), (verified.manifest.server.name, NAME), f" by {', '.join(verified.signers)}")
    show_declared(verified.manifest)
    say(("next: ", NAME), f"`mediator pin review {name}`, then `mediator pin approve {name} --reviewer WHO`")


def _signed_before(partly: Path) -> bytes:
    before = find_file(partly) or find_file(partly.with_name(ENVELOPE_FILE))
    if before is None:
        detail = "nobody has signed it yet: there is nothing to add to"
        raise Refused(Reason.MALFORMED, detail, remedy="leave `--add-signature` out")
    return before


def _must_not_fall(set_up: SetUp, name: str, manifest: ToolManifest, trust: SignerTrust) -> None:
    """Refuse a serial below the one that stands signed: whoever reads it would take it for an old manifest."""
    raw = find_file(manifest_file(set_up, name).with_name(ENVELOPE_FILE))
    if raw is None:
        return
    try:
        before = verify_manifest(raw, trust, now_ms()).manifest
    except Refused:  # what does not hold is replaced
        return
    if manifest.serial < before.serial:
        detail = f"`/serial`: {manifest.serial} is below {before.serial}, which was signed before"
        raise Refused(Reason.MALFORMED, detail, remedy=f"raise it to {before.serial + 1}")


def _is_as_signed(set_up: SetUp, path: Path, verified: VerifiedManifest) -> bool:
    raw = find_file(path)
    if raw is None:
        return False
    with about(set_up.shown(path), "restore it, or sign anew"):
        return read_manifest(parse_object(raw)).digest == verified.manifest.digest


def _form(verified: VerifiedManifest, *, is_as_signed: bool) -> JsonObject:
    return {
        "server": verified.manifest.server.name,
        "signers": list[Json](verified.signers),
        "serial": verified.manifest.serial,
        "expires": write_moment(verified.expires),
        "digest": verified.digest,
        "manifest_json_is_as_signed": is_as_signed,
        "tools": [
            {"name": tool.name, "digest": tool.digest, "effect": str(tool.effect), "sensitivity": tool.sensitivity}
            for tool in verified.manifest.tools
        ],
    }
