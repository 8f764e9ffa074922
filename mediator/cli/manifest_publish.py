"""`mediator manifest publish` and `status`: send a signed manifest to a mediator, and ask what became of it.

Both work in any set-up that has the signed envelope and, to ask, the signer's key: nobody need run a mediator there.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import secrets
from typing import Annotated

import typer

from mediator.assembly.folder import read_file
from mediator.assembly.trust import ENVELOPE_FILE
from mediator.canonical import Json, JsonObject
from mediator.cli.console import BAD, GOOD, NAME, WARN, print_json, say, show_table
from mediator.cli.folder import HERE, FolderOption, JsonOption, SetUp, about, now_ms, open_set_up
from mediator.cli.keys import key_of_reference
from mediator.cli.manifest_files import NameArgument, manifest_file
from mediator.cli.publishing_client import ask, origin_of
from mediator.identity.dsse import parse_envelope
from mediator.identity.signed_request import sign_request
from mediator.manifest.manifest import ToolManifest, parse_manifest
from mediator.refusal import Reason, Refused

_To = Annotated[str, typer.Option("--to", metavar="URL", help="The mediator: `https://mediator.example.com`.")]
_NEW = 201
_STYLES = {"pinned": GOOD, "rejected": BAD}


def publish(name: NameArgument, to: _To, as_json: JsonOption = False, folder: FolderOption = HERE) -> None:
    """Send a signed manifest to a mediator, where it waits for a reviewer."""
    set_up, origin = open_set_up(folder), origin_of(to)
    envelope, manifest = _signed(set_up, name)
    status, told = ask(origin, "POST", "/manifests", body=envelope)
    if as_json:
        print_json(told)
        return
    done = "published " if status == _NEW else "known there already: "
    say((done, GOOD), (manifest.server.name, NAME), f", serial {manifest.serial}")
    say(("next: ", NAME), f"a reviewer decides; `mediator manifest status {name} --to {to}` tells")


def status(
    name: NameArgument,
    to: _To,
    key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="A signer's key: a file or `env:NAME`.", show_default="the local signer's"),
    ] = None,
    who: Annotated[
        str | None, typer.Option("--signer", metavar="NAME", help="Whose key it is.", show_default="the publisher's")
    ] = None,
    as_json: JsonOption = False,
    folder: FolderOption = HERE,
) -> None:
    """Ask a mediator what became of a published manifest: pending, pinned, or rejected and why."""
    set_up, origin = open_set_up(folder), origin_of(to)
    _, manifest = _signed(set_up, name)
    signing = key_of_reference(key or str(set_up.folder.key_file("signer")), "the signer")
    path = f"/manifests/{manifest.server.name}"
    token = sign_request(signing, who or manifest.publisher, origin + path, secrets.token_hex(16), now_ms())
    _, told = ask(origin, "GET", path, credential=token)
    if as_json:
        print_json(told)
        return
    _show(told)
    if told.get("serial") != manifest.serial:
        say(("warning: ", WARN), f"here it is signed with serial {manifest.serial}, which was not published there")


def _show(told: JsonObject) -> None:
    state = str(told.get("state"))
    say((str(told.get("server")), NAME), " is ", (state, _STYLES.get(state, WARN)))
    show_table(
        ("", ""),
        [
            ("serial", str(told.get("serial"))),
            ("digest", str(told.get("digest"))),
            ("received", str(told.get("received"))),
            ("pinned", ", ".join(map(str, _items(told, "pinned"))) or "nothing"),
            ("not pinned", ", ".join(map(str, _items(told, "not_pinned"))) or "nothing"),
        ],
    )
    for one in _items(told, "rejected"):
        if isinstance(one, dict):
            what = str(one.get("item") or "the whole manifest")
            say(("rejected ", BAD), (what, NAME), f": {one.get('note') or 'no reason was given'} ({one.get('at')})")


def _items(told: JsonObject, name: str) -> list[Json]:
    value = told.get(name)
    return value if isinstance(value, list) else []


def _signed(set_up: SetUp, name: str) -> tuple[bytes, ToolManifest]:
    """The envelope as it was signed here. Whether the signer may is for the other side to say."""
    path = manifest_file(set_up, name).with_name(ENVELOPE_FILE)
    if not path.exists():
        detail = f"there is no signed manifest of `{name}` (`{set_up.shown(path)}`)"
        raise Refused(Reason.MALFORMED, detail, remedy=f"`mediator manifest sign {name}`")
    raw = read_file(path)
    with about(set_up.shown(path), f"`mediator manifest sign {name}` signs it anew"):
        return raw, parse_manifest(parse_envelope(raw).payload)
