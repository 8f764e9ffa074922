"""Approving: a reviewer's statements about tools of a verified manifest, added to `pins.lock`.

Pure: it returns the file's new bytes; the command writes them. What it writes is what `pin.py` will accept: a tool
that would not load is refused here, with the next step. Rules:

- The reviewer is an operator whose key signed no part of the manifest; a review may tighten and never loosen.
- Serials rise over the whole file. A tool's newer statement takes the place of its older one.
- A name on `/mcp` that breaks the rules, or is taken, must be assigned by hand; a proposal is made.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import final

from mediator.effect import Effect
from mediator.identity.dsse import SigningKey
from mediator.identity.statement import Act, Operators, sign_statement
from mediator.kind import EntryKey, ItemKind
from mediator.manifest.declaration import must_be_fit
from mediator.manifest.entry import ManifestEntry, ManifestResource
from mediator.manifest.lock import Approval, SignedApproval, parse_lock, words_that_verify, write_lock
from mediator.manifest.manifest import LOCAL_NAME
from mediator.manifest.names import natural_name, propose_name, why_not
from mediator.manifest.pinned import PinnedResource, why_not_beside
from mediator.manifest.signature import VerifiedManifest
from mediator.manifest.standing import is_of_the_same, item_of
from mediator.refusal import Reason, Refused


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Raise:
    """What a reviewer tightens at approval; None: as the owner declared it."""

    effect: Effect | None = None
    sensitivity: int | None = None
    labels: frozenset[str] = frozenset()
    """Added to those that its owner declares."""


AS_DECLARED = Raise()


def approve_pins(
    pins_lock: bytes | None,
    server: str,
    manifest: VerifiedManifest,
    *,
    tools: frozenset[str] | None,
    reviewer: SigningKey,
    operators: Operators,
    at: int,
    raises: Raise = AS_DECLARED,
    prompts: frozenset[str] = frozenset(),
    resources: frozenset[str] = frozenset(),
    assigned: Mapping[str, str] = MappingProxyType({}),
    acknowledged: Mapping[EntryKey, frozenset[str]] = MappingProxyType({}),
    note: str | None = None,
    seen_serial: int = 0,
    beside: Sequence[PinnedResource] = (),
) -> bytes:
    """Return `pins.lock` with the reviewer's statements for these tools, prompts and resources added.

    `tools` None means all of the manifest, of every kind.

    `server` is the local name, `assigned` the names on `/mcp` by tool where one is assigned by hand, `acknowledged` the
    codes of the findings that the reviewer accepts; `seen_serial` is the highest serial that this set-up ever saw; `beside` are
    the families of resources that are pinned, of every server. Raises `Refused` for whatever `load_pins` would not accept.
    """
    # 1. Who approves may approve, and does not approve their own work.
    who = operators.get(reviewer.public.keyid)
    if who is None or not who.may(Act.PIN_APPROVE):
        raise Refused(Reason.UNKNOWN_KEY, "the reviewer's key is no operator's who may approve pins: add the operator")
    if reviewer.public.keyid in manifest.signer_keyids:
        raise Refused(Reason.BAD_CREDENTIAL, f"`{who.name}` signed this manifest: another key must review it")
    if not LOCAL_NAME.fullmatch(server):
        raise Refused(Reason.MALFORMED, "a server's local name is 1 to 20 of lower-case letters, digits and `-`")
    # 2. What is approved is there, and newer than what was approved before.
    chosen = _chosen(manifest, tools, prompts, resources, assigned)
    statements = parse_lock(pins_lock)
    words = words_that_verify(statements, operators)
    existing = [word for word in words if isinstance(word, SignedApproval)]
    _must_not_roll_back(server, manifest, existing)
    chosen_items = {(server, entry.kind, entry.name) for entry in chosen}
    for entry in chosen:
        _must_stand_apart(server, entry, beside)
    taken = {
        (one.approval.kind, one.approval.assigned.casefold())
        for one in existing
        if item_of(one.approval) not in chosen_items
    }
    # 3. One statement a tool of this reviewer, each with a serial of its own; what it supersedes goes.
    serial = max((word.statement.serial for word in words), default=0)
    serial = max(serial, seen_serial)
    added: list[bytes] = []
    superseded: set[bytes] = set()
    for entry in chosen:
        of_kind = frozenset(name for kind, name in taken if kind is entry.kind)
        name = _name(server, entry, assigned.get(entry.name), of_kind)
        taken.add((entry.kind, name.casefold()))
        accepted = acknowledged.get((entry.kind, entry.name), frozenset())
        approval = replace(_approval(server, manifest, entry, name, raises), acknowledged=accepted, note=note)
        superseded |= {one.statement.raw for one in existing if _is_superseded(one, approval, who.name)}
        serial += 1
        subject = approval.as_subject()
        added.append(sign_statement(reviewer, act=Act.PIN_APPROVE, subject=subject, who=who.name, at=at, serial=serial))
    return write_lock([*(raw for raw in statements if raw not in superseded), *added])


def _is_superseded(before: SignedApproval, now: Approval, who: str) -> bool:
    """Tell whether a newer approval takes this one's place: the same person's, or one of something else under that name."""
    if item_of(before.approval) != item_of(now):
        return False
    return before.statement.who == who or not is_of_the_same(before.approval, now)


def _chosen(
    manifest: VerifiedManifest,
    tools: frozenset[str] | None,
    prompts: frozenset[str],
    resources: frozenset[str],
    assigned: Mapping[str, str],
) -> Sequence[ManifestEntry]:
    there = {(entry.kind, entry.name): entry for entry in manifest.manifest.entries}
    wanted = {
        *((ItemKind.TOOL, name) for name in tools or ()),
        *((ItemKind.PROMPT, name) for name in prompts),
        *((ItemKind.RESOURCE, name) for name in resources),
    }
    chosen = frozenset(there) if tools is None and not wanted else frozenset(wanted)
    if not chosen:
        raise Refused(Reason.MALFORMED, "nothing to approve: the manifest has no tool")
    for kind, name in sorted(chosen):
        if (kind, name) not in there:
            raise Refused(Reason.UNKNOWN_TOOL, f"the manifest has no {kind} `{name}`")
    for name in sorted(assigned):
        if not any(known == name and kind is not ItemKind.RESOURCE for kind, known in there):
            raise Refused(Reason.UNKNOWN_TOOL, f"the manifest has no tool `{name}`")
    return [there[key] for key in sorted(chosen)]


def _must_not_roll_back(server: str, manifest: VerifiedManifest, existing: Sequence[SignedApproval]) -> None:
    approved = max((one.approval.manifest_serial for one in existing if one.approval.server == server), default=0)
    if manifest.manifest.serial < approved:
        told = f"serial {manifest.manifest.serial} is below {approved}, which was approved: an old manifest came back"
        raise Refused(Reason.BAD_CREDENTIAL, told)


def _must_stand_apart(server: str, entry: ManifestEntry, beside: Sequence[PinnedResource]) -> None:
    if isinstance(entry, ManifestResource) and (detail := why_not_beside(server, entry.family, beside)) is not None:
        raise Refused(Reason.MALFORMED, f"`{entry.name}` cannot be pinned: {detail}")


def _name(server: str, entry: ManifestEntry, by_hand: str | None, taken: frozenset[str]) -> str:
    tool = entry.name
    if entry.kind is ItemKind.RESOURCE:
        return tool  # a URI is a name everywhere: it is not translated
    name = natural_name(server, tool) if by_hand is None else by_hand
    if (wrong := why_not(name, server, taken)) is not None:
        proposal = propose_name(server, tool, taken)
        detail = f"the name `{name}` for `{tool}` is {wrong}: assign one with `--as`, for example `{proposal}`"
        raise Refused(Reason.MALFORMED, detail)
    return name


def _approval(server: str, manifest: VerifiedManifest, tool: ManifestEntry, name: str, raises: Raise) -> Approval:
    assert tool.effect is not None  # a verified manifest leaves none open
    effect = tool.effect if raises.effect is None else raises.effect
    sensitivity = tool.sensitivity if raises.sensitivity is None else raises.sensitivity
    if tool.effect.is_stricter_than(effect) or not tool.sensitivity <= sensitivity <= 3:  # noqa: PLR2004 - the scale's end
        declared = f"`{tool.effect}`, sensitivity {tool.sensitivity}"
        raise Refused(Reason.MALFORMED, f"`{tool.name}` is declared {declared}: a review may only tighten it")
    try:
        must_be_fit(tool)
    except Refused as unfit:
        raise Refused(Reason.MALFORMED, f"`{tool.name}` cannot be pinned: {unfit.detail}") from unfit
    return Approval(
        server=server,
        server_name=manifest.manifest.server.name,
        kind=tool.kind,
        tool=tool.name,
        digest=tool.digest,
        declared=tool.declared_digest,
        about=manifest.manifest.about_digest,
        manifest_serial=manifest.manifest.serial,
        signers=manifest.signer_keyids,
        assigned=name,
        effect=effect,
        sensitivity=sensitivity,
        result_labels=raises.labels,
        acknowledged=frozenset(),
        note=None,
    )
