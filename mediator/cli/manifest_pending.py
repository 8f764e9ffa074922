"""`mediator manifest pending` and `take`: the operator's view of what tool owners published.

`take` copies a verified manifest into `tool_manifests/`, under a local name; then it is reviewed and approved as any
other. Nothing is pinned by it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from mediator.assembly.folder import find_file
from mediator.assembly.pending import find_publication, read_publications
from mediator.assembly.trust import ENVELOPE_FILE
from mediator.canonical import Json, JsonObject, parse_object, readable_bytes
from mediator.cli.console import BAD, GOOD, NAME, QUIET, print_json, say, show_table
from mediator.cli.folder import HERE, FolderOption, JsonOption, about, now_ms, open_set_up, replace_together
from mediator.cli.installed import show_installed, with_package
from mediator.cli.manifest_files import manifest_file, read_trust
from mediator.cli.source import (
    Source,
    digests_now,
    found_command,
    server_file,
    source_from_options,
    with_digests,
    write_server,
)
from mediator.identity.dsse import parse_envelope
from mediator.manifest.fields import write_moment
from mediator.manifest.manifest import LOCAL_NAME, ServerIdentity, ToolManifest, parse_manifest
from mediator.manifest.publication import Publication
from mediator.manifest.signature import verify_manifest
from mediator.manifest.trust import SignerTrust
from mediator.refusal import Reason, Refused
from mediator.settings.sections import ToolServerSettings


def pending(as_json: JsonOption = False, folder: FolderOption = HERE) -> None:
    """List what tool owners published here: who, when, and whether it still verifies."""
    set_up = open_set_up(folder)
    trust = read_trust(set_up)
    with about(set_up.shown(set_up.folder.pending), "move that file away; its owner publishes again"):
        found = read_publications(set_up.folder)
    forms = [_form(publication, trust) for publication in found]
    if as_json:
        print_json(list[Json](forms))
        return
    if not forms:
        say("nothing was published here", (" (`mediator manifest publish NAME --to URL`)", QUIET))
        return
    rows = [
        (
            (str(form["server"]), NAME),
            str(form["serial"]),
            str(form["publisher"]),
            str(form["received"]),
            str(form["source"]),
            ("holds", GOOD) if form["wrong"] is None else (str(form["wrong"]), BAD),
        )
        for form in forms
    ]
    show_table(("server", "serial", "publisher", "received", "from", "signature"), rows)
    say(("next: ", NAME), "`mediator manifest take SERVER` puts one into tool_manifests/ for a review")


def take(
    server_name: Annotated[str, typer.Argument(metavar="SERVER", help="The server's registry-style name.")],
    local: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Its local name.", show_default="the end of its name")
    ] = None,
    command: Annotated[
        str | None, typer.Option(metavar="'COMMAND ARG ...'", help="How you run it; no shell reads it.")
    ] = None,
    url: Annotated[str | None, typer.Option(metavar="URL", help="Its address, if it speaks HTTP.")] = None,
    env: Annotated[
        list[str] | None, typer.Option(metavar="NAME=REF", help="What the command may see: `A=env:A`, `A=file:/p`.")
    ] = None,
    credential: Annotated[
        str | None, typer.Option(metavar="REF", help="A bearer token for the address: `env:NAME`, `file:/p`.")
    ] = None,
    folder: FolderOption = HERE,
) -> None:
    """Put a published manifest into tool_manifests/, verified, for a review; say how the server is reached."""
    set_up = open_set_up(folder)
    publication = find_publication(set_up.folder, server_name)
    if publication is None:
        detail = f"nothing was published for `{server_name}`"
        raise Refused(Reason.MALFORMED, detail, remedy="`mediator manifest pending` lists what was")
    with about(f"`{server_name}`", "its owner signs and publishes it anew"):
        verified = verify_manifest(publication.envelope, read_trust(set_up), now_ms())
    name = local or server_name.rpartition("/")[2]
    path = manifest_file(set_up, name)
    envelope = path.with_name(ENVELOPE_FILE)
    _must_follow(find_file(envelope), verified.manifest, name)
    payload = parse_object(parse_envelope(publication.envelope).payload)
    written = {path: readable_bytes(payload), envelope: publication.envelope}
    source = None if command is None and url is None else source_from_options(command, url, env or [], credential)
    if source is not None and source.command:
        source = replace(source, command=found_command(source.command))
    root, signed = set_up.folder.root, verified.manifest.server
    with with_package(source or Source(environment={}), root, name, signed.packages) as installed:
        server = set_up.settings.find_tool_server(name)
        if source is not None:
            text, server = write_server(name, installed.source)
            server = digests_now(root, server, installed.files)
            written = {**installed.files, root / server_file(name): with_digests(text, server).encode(), **written}
        replace_together(written)
    show_installed(installed, root)
    say(("took ", GOOD), (server_name, NAME), f", serial {verified.manifest.serial}, as ", (name, NAME))
    if server is None:
        say(("not reached yet: ", NAME), f"say how with `--command` or `--url`, or write {server_file(name)}")
    elif server.command is not None:
        _show_another(name, signed, server, root)
    say(("next: ", NAME), f"`mediator pin review {name}`, then `mediator pin approve {name} --reviewer WHO`")


def _show_another(name: str, signed: ServerIdentity, server: ToolServerSettings, root: Path) -> None:
    """Say where what is here is not what the owner signed: with another file, such a server is never started."""
    try:
        here = digests_now(root, server)
    except Refused:
        return  # a file is missing: `doctor` says which
    facts: list[tuple[str, str | None, str | None]] = [
        ("executable", signed.executable_digest, here.executable_digest),
        ("lock file", signed.lock_digest, here.lock_digest),
    ]
    if server.installed is not None:
        version = re.sub(r"-[0-9]+$", "", Path(server.installed).name)  # a folder's number, where it has one
        versions = [str(one.get("version")) for one in signed.packages]
        facts.append(("version", next(iter(versions), None), version if version not in versions else versions[0]))
    for what, was, found in facts:
        if was is not None and was != found:
            say(("another here: ", BAD), f"its owner signed the {what} {was}, and here it is {found or 'none'}")
            say(
                ("  next: ", NAME),
                f"take it with `--command`, so that `{name}` has that; or ask its owner to sign anew",
            )


def _must_follow(before: bytes | None, manifest: ToolManifest, name: str) -> None:
    """Refuse to put another server, or an older word of this one, in a local name's place."""
    if before is None:
        return
    stands = parse_manifest(parse_envelope(before).payload)
    if stands.server.name != manifest.server.name:
        detail = f"`{name}` is the local name of `{stands.server.name}` here"
        raise Refused(Reason.MALFORMED, detail, remedy="choose another with `--as`")
    if stands.serial > manifest.serial or (stands.serial == manifest.serial and stands.digest != manifest.digest):
        detail = f"`{name}` stands here with serial {stands.serial}, which is not below {manifest.serial}"
        raise Refused(Reason.MALFORMED, detail, remedy="its owner raises the serial and publishes it anew")


def _form(publication: Publication, trust: SignerTrust) -> JsonObject:
    wrong: str | None = None
    try:
        verify_manifest(publication.envelope, trust, now_ms())
    except Refused as refused:
        wrong = refused.detail or str(refused.reason)
    manifest = publication.manifest
    proposed = publication.name.rpartition("/")[2]
    return {
        "server": publication.name,
        "serial": manifest.serial,
        "digest": manifest.digest,
        "publisher": manifest.publisher,
        "received": write_moment(publication.received),
        "source": publication.source,
        "local": proposed if LOCAL_NAME.fullmatch(proposed) else None,
        "wrong": wrong,
    }
