"""`mediator pin review`: every text of a signed manifest that a model will read, and what changed since approval.

Foreign text from end to end: all of it is printed in visible form, line by line. What was approved is told by digest
in `pins.lock`; the texts come from the envelopes that approvals left beside it, and only where their digest is the one
that was approved. How it looks is in `pin_review_shown.py`, what is found in `manifest/review.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from mediator.assembly.folder import find_file, read_operators
from mediator.assembly.trust import PINS_FILE, load_pin_set
from mediator.canonical import Json, canonical_bytes, parse_object
from mediator.cli.console import print_json
from mediator.cli.folder import HERE, FolderOption, JsonOption, SetUp, about, now_ms, open_set_up
from mediator.cli.manifest_files import APPROVED_FILE, NameArgument, read_verified
from mediator.cli.pin_review_shown import review_form, show_review
from mediator.identity.dsse import parse_envelope
from mediator.manifest.floating import floating
from mediator.manifest.lint.finding import Neighbour
from mediator.manifest.lock import Approval, approvals_that_verify, parse_lock
from mediator.manifest.manifest import ToolManifest, parse_manifest
from mediator.manifest.pin import PinProblem, PinSet
from mediator.manifest.review import ServerReview, review_manifest
from mediator.manifest.signature import VerifiedManifest
from mediator.refusal import Reason, Refused


def review(
    name: NameArgument,
    tool: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this one, in full; may be given again.")
    ] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with 1 where there is something to review, else with 0.")
    ] = False,
    as_json: JsonOption = False,
    folder: FolderOption = HERE,
) -> None:
    """Show what a server signed against what is approved: everything that a model will read, and what changed."""
    set_up = open_set_up(folder)
    verified = read_verified(set_up, name)
    found = review_of(set_up, name, verified)
    if tool and (unknown := sorted(set(tool) - {item.name for item in found.items})):
        detail = f"neither the manifest nor an approval has anything named `{unknown[0]}`"
        raise Refused(Reason.UNKNOWN_TOOL, detail, remedy=f"`mediator pin review {name}` shows all that there are")
    server = set_up.settings.find_tool_server(name)
    floats = None if server is None or server.command is None else floating(server.command)
    if as_json:
        print_json(review_form(verified, found, floats))
    else:
        show_review(name, verified, found, frozenset(tool or ()), floats)
    if exit_code and found.is_open:
        raise typer.Exit(1)


def review_of(set_up: SetUp, name: str, verified: VerifiedManifest) -> ServerReview:
    """Return each item of the signed manifest against its approval, and each approval whose item is gone."""
    approvals = newest_approvals(set_up, name, find_file(set_up.manifests / PINS_FILE))
    with about("what is pinned", "`mediator doctor` looks at the whole set-up"):
        pins, problems = load_pin_set(set_up.folder, set_up.settings, read_operators(set_up.folder), now_ms())
    return review_manifest(
        name, verified, approvals, approved_manifests(set_up, name), neighbours_in(pins), _reasons(name, problems)
    )


def neighbours_in(pins: PinSet) -> tuple[Neighbour, ...]:
    """Return all pinned tools, as what names are compared with."""
    return tuple(
        Neighbour(server=pin.server, name=pin.name, description=str(pin.definition.get("description") or ""))
        for pin in pins
    )


def newest_approvals(set_up: SetUp, name: str, lock: bytes | None) -> list[Approval]:
    """Return the newest approval of each item of a server."""
    with about(set_up.shown(set_up.manifests / PINS_FILE), "restore it: only `mediator pin approve` writes this file"):
        signed = approvals_that_verify(parse_lock(lock), read_operators(set_up.folder))
    ordered = sorted(signed, key=lambda one: one.statement.serial)
    return [
        *{
            (one.approval.kind, one.approval.tool): one.approval for one in ordered if one.approval.server == name
        }.values()
    ]


def approved_manifests(set_up: SetUp, name: str) -> list[ToolManifest]:
    """Return the manifests that were approved, as far as copies are kept: pictures for the eye, nothing more."""
    manifests: list[ToolManifest] = []
    for raw in _copies(set_up, name):
        try:
            manifests.append(parse_manifest(parse_envelope(raw).payload))
        except Refused:  # without it, the review says that something changed and not how
            continue
    return manifests


def copies_with(set_up: SetUp, name: str, envelope: bytes, lock: bytes) -> bytes:
    """Return the file of copies with this envelope added, less those of which the lock approves nothing any more."""
    missing = {(one.kind, one.tool, one.declared) for one in newest_approvals(set_up, name, lock)}
    kept: list[Json] = []
    for raw in (envelope, *_copies(set_up, name)):
        try:
            entries = parse_manifest(parse_envelope(raw).payload).entries
            there = {(entry.kind, entry.name, entry.declared_digest) for entry in entries}
        except Refused:
            continue
        if missing & there:
            kept.append(parse_object(raw))
            missing -= there
    return canonical_bytes({"envelopes": kept})


def _copies(set_up: SetUp, name: str) -> list[bytes]:
    raw = find_file(set_up.manifests / name / APPROVED_FILE)
    try:
        envelopes = [] if raw is None else parse_object(raw).get("envelopes")
    except Refused:
        return []
    return [canonical_bytes(one) for one in envelopes] if isinstance(envelopes, list) else []


def _reasons(name: str, problems: Iterable[PinProblem]) -> dict[str, str]:
    return {one.tool: one.detail for one in problems if one.server == name and one.tool is not None}
