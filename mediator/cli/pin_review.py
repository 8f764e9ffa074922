"""What a reviewer is shown: every text of a signed manifest that a model will read, and what changed since approval.

Foreign text from end to end: all of it is printed in visible form, line by line. What was approved is told by digest
in `pins.lock`; the texts come from the envelope that the last approval left beside it, and only where their digest
is the one that was approved.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from mediator.assembly.folder import find_file, read_operators
from mediator.assembly.trust import PINS_FILE
from mediator.canonical import Json, JsonObject, readable_bytes
from mediator.cli.console import BAD, GOOD, NAME, OUT, QUIET, WARN, printable, say, show_table
from mediator.cli.folder import SetUp, about
from mediator.cli.manifest_files import APPROVED_FILE
from mediator.identity.dsse import parse_envelope
from mediator.manifest.changes import FieldChange, changes_between
from mediator.manifest.fields import write_moment
from mediator.manifest.lock import Approval, approvals_that_verify, parse_lock
from mediator.manifest.manifest import ManifestTool, parse_manifest
from mediator.manifest.signature import VerifiedManifest
from mediator.refusal import Refused


@unique
class Standing(StrEnum):
    """How a tool of the manifest stands to what is approved."""

    NEW = "new"
    CHANGED = "changed"
    APPROVED = "approved"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolReview:
    """One tool: as it is signed now, as it was approved, and what moved."""

    name: str
    standing: Standing
    tool: ManifestTool | None
    approval: Approval | None
    changes: tuple[FieldChange, ...] = ()
    declared: tuple[str, ...] = ()


def review_of(set_up: SetUp, name: str, verified: VerifiedManifest) -> tuple[ToolReview, ...]:
    """Return each tool of the signed manifest against its approval, and each approval whose tool is gone."""
    approvals = _approvals(set_up, name)
    before = _approved_tools(set_up, name)
    reviews = [
        _review(tool, approvals.get(tool.name), before.get(tool.name), verified) for tool in verified.manifest.tools
    ]
    there = {tool.name for tool in verified.manifest.tools}
    gone = [
        ToolReview(name=tool, standing=Standing.GONE, tool=None, approval=approval)
        for tool, approval in sorted(approvals.items())
        if tool not in there
    ]
    return (*reviews, *gone)


def _review(
    tool: ManifestTool, approval: Approval | None, before: ManifestTool | None, verified: VerifiedManifest
) -> ToolReview:
    if approval is None:
        return ToolReview(name=tool.name, standing=Standing.NEW, tool=tool, approval=None)
    told: list[str] = []
    if approval.about != verified.manifest.about_digest or approval.server_name != verified.manifest.server.name:
        told.append("what is said of server, publisher, owner, or the instructions")
    if approval.signers != verified.signer_keyids:
        told.append("who signed")
    if before is not None and before.digest != approval.digest:
        before = None  # not what was approved: it says nothing
    changes: tuple[FieldChange, ...] = ()
    if approval.digest != tool.digest:
        changes = () if before is None else changes_between(before.definition, tool.definition)
        told.append("the definition")
    if approval.declared != tool.declared_digest and approval.digest == tool.digest:
        told.append("what its owner declares")
    standing = Standing.CHANGED if told else Standing.APPROVED
    declared = (*told, *_declared_changes(before, tool)) if told else ()
    return ToolReview(
        name=tool.name, standing=standing, tool=tool, approval=approval, changes=changes, declared=declared
    )


def _declared_changes(before: ManifestTool | None, now: ManifestTool) -> Iterable[str]:
    if before is None:
        return
    for fact in ("effect", "sensitivity", "reads_from", "sends_to", "result_labels", "stores", "idempotent", "opens"):
        old, new = _plain(getattr(before, fact)), _plain(getattr(now, fact))
        if old != new:
            yield f"{fact}: {old} -> {new}"
    if dict(before.targets) != dict(now.targets):
        yield f"targets: {_plain(before.targets)} -> {_plain(now.targets)}"


def _plain(value: object) -> str:
    if isinstance(value, frozenset):
        return ", ".join(sorted(value)) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {value[key]}" for key in sorted(value)) or "none"
    return str(value)


def _approvals(set_up: SetUp, name: str) -> dict[str, Approval]:
    path = set_up.manifests / PINS_FILE
    with about(set_up.shown(path), "restore it: only `mediator pin approve` writes this file"):
        signed = approvals_that_verify(parse_lock(find_file(path)), read_operators(set_up.folder))
    ordered = sorted(signed, key=lambda one: one.statement.serial)
    return {one.approval.tool: one.approval for one in ordered if one.approval.server == name}


def _approved_tools(set_up: SetUp, name: str) -> dict[str, ManifestTool]:
    raw = find_file(set_up.manifests / name / APPROVED_FILE)
    if raw is None:
        return {}
    try:
        return {tool.name: tool for tool in parse_manifest(parse_envelope(raw).payload).tools}
    except Refused:  # a picture for the eye: without it, the review says that something changed and not how
        return {}


# --- for a person ----------------------------------------------------------------------------------------------------

_STYLES: Final = {Standing.NEW: WARN, Standing.CHANGED: BAD, Standing.APPROVED: GOOD, Standing.GONE: WARN}


def show_review(name: str, verified: VerifiedManifest, reviews: Sequence[ToolReview]) -> None:
    """Print it all."""
    manifest = verified.manifest
    say((manifest.server.name, NAME), f"  serial {manifest.serial}, signed by {', '.join(verified.signers)}")
    say(f"{manifest.owner.name} ({manifest.owner.contact}) answers for it; good until {write_moment(verified.expires)}")
    if manifest.instructions is not None:
        say(("instructions to every agent of this server:", NAME))
        _say_lines(manifest.instructions)
    for review in reviews:
        say("")
        say((f"{name}/{review.name}", NAME), "  ", (review.standing, _STYLES[review.standing]))
        _show_tool(review)


def _show_tool(review: ToolReview) -> None:
    for told in review.declared:
        say(("  changed: ", BAD), told)
    if review.changes:
        rows = [(one.pointer, one.kind, _side(one.old), _side(one.new)) for one in review.changes]
        show_table(("field", "kind", "approved", "now"), rows)
    tool = review.tool
    if tool is None or review.standing is Standing.APPROVED:
        return
    targets = ", ".join(f"{pointer} names a {target}" for pointer, target in sorted(tool.targets.items()))
    facts = (f"effect {tool.effect}", f"sensitivity {tool.sensitivity}", *sorted(tool.result_labels), targets)
    say("  ", ", ".join(fact for fact in facts if fact))
    description = tool.definition.get("description")
    if isinstance(description, str):
        _say_lines(description)
    rest = {key: value for key, value in tool.definition.items() if key not in {"name", "description"}}
    OUT.print(printable("  everything else that is pinned:", QUIET))
    _say_lines(readable_bytes(rest).decode())


def _say_lines(text: str) -> None:
    for line in text.splitlines():
        say(("  | ", QUIET), line)


def _side(text: str | None) -> str:
    return "(absent)" if text is None else text


# --- for a program ---------------------------------------------------------------------------------------------------


def review_form(verified: VerifiedManifest, reviews: Sequence[ToolReview]) -> JsonObject:
    """Return it as JSON."""
    return {
        "server": verified.manifest.server.name,
        "serial": verified.manifest.serial,
        "signers": list[Json](verified.signers),
        "instructions": verified.manifest.instructions,
        "tools": [_form(review) for review in reviews],
    }


def _form(review: ToolReview) -> Json:
    return {
        "tool": review.name,
        "standing": review.standing.value,
        "declared": list[Json](review.declared),
        "changes": [
            {"pointer": one.pointer, "kind": one.kind.value, "approved": one.old, "now": one.new}
            for one in review.changes
        ],
        "definition": None if review.tool is None else review.tool.definition,
    }
