"""What is pinned: one tool, prompt or family of resources as it was signed and approved. Nothing else exists.

Pure: no I/O, no clock. Whose statement counts, and which manifest, is `pin.py`'s to say; this joins the two. Rules:

- Definition, declarations, server, publisher, owner, instructions and signers are what the reviewer saw, by digest.
- No reviewer's key signed any part of it, nor, where settings ask, did the person; what a reviewer changed is tightened,
  never loosened.
- The definition can be served and checked as it stands.
- A name is never translated: of one kind, server and name there is one item, whatever else has the same definition.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import InitVar, dataclass, field
from typing import ClassVar, Final, TypeAlias, TypedDict, assert_never, final

from mediator.canonical import Digest, JsonObject, canonical_bytes
from mediator.effect import Effect
from mediator.evidence import Seal
from mediator.kind import ItemKind
from mediator.manifest.declaration import must_be_fit, prepare_tool
from mediator.manifest.entry import ManifestEntry, ManifestPrompt, ManifestResource, ManifestTool, Target
from mediator.manifest.family import FamilyForm, ResourceFamily
from mediator.manifest.lock import Approval
from mediator.manifest.schema import PreparedSchema
from mediator.manifest.shown import ShownForms, shown_forms
from mediator.manifest.signature import VerifiedManifest
from mediator.manifest.standing import StandingApproval
from mediator.refusal import Reason, Refused

_SEAL: Final = Seal("mediator.manifest.pinned")


@dataclass(frozen=True, slots=True, kw_only=True)
class _PinnedFacts:
    """What is known of every item that is pinned."""

    server: str
    """The local name."""
    name: str
    digest: Digest
    """Of the definition."""
    definition: JsonObject
    effect: Effect
    sensitivity: int
    reads_from: frozenset[str]
    sends_to: frozenset[str]
    result_labels: frozenset[str]
    server_identity: str
    """The registry-style name."""
    owner: str
    manifest_digest: Digest
    signers: tuple[str, ...]
    reviewer: str
    statement_digest: Digest
    voices: tuple[Digest, ...]
    """The statements behind it, first the one that completed it."""
    pin_serial: int
    expires: int
    """Milliseconds since the epoch: from then on the pin is none."""
    executable_digest: Digest | None
    """What its server's executable must be, where the manifest says; likewise what locks the rest."""
    lock_digest: Digest | None
    stateless: bool
    """Whether its server keeps nothing between two calls, so that one process of it may serve all."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedTool(_PinnedFacts):
    """One tool as it was signed and pinned: the only thing that an agent may see or call."""

    kind: ClassVar = ItemKind.TOOL
    assigned: str
    """Its name on `/mcp`."""
    targets: Mapping[str, Target]
    """By JSON pointer into the arguments."""
    stores: bool
    idempotent: bool
    result_bytes_max: int | None
    calls_per_task_max: int | None
    opens: frozenset[str]
    """JSON pointers into the input schema."""
    schema: PreparedSchema
    shown_forms: ShownForms = field(repr=False)
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)

    def shown(self, *, era_modern: bool, own_name: bool) -> bytes:
        """The RFC 8785 bytes of the definition as an agent sees it (P2)."""
        if era_modern:
            return self.shown_forms.modern if own_name else self.shown_forms.modern_assigned
        return self.shown_forms.legacy if own_name else self.shown_forms.legacy_assigned


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedPrompt(_PinnedFacts):
    """One prompt as it was signed and pinned."""

    kind: ClassVar = ItemKind.PROMPT
    assigned: str
    """Its name on `/mcp`."""
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)

    def shown(self, *, own_name: bool) -> bytes:
        """The RFC 8785 bytes of the definition as an agent sees it (P2)."""
        return canonical_bytes(self.definition if own_name else {**self.definition, "name": self.assigned})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedResource(_PinnedFacts):
    """One family of resources as it was signed and pinned. A URI is a name of its own on `/mcp`, too."""

    kind: ClassVar = ItemKind.RESOURCE
    family: ResourceFamily
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)

    def shown(self) -> bytes:
        """The RFC 8785 bytes of the definition as an agent sees it; of a prefix, a template in its owner's words."""
        if self.family.form is not FamilyForm.PREFIX:
            return canonical_bytes(self.definition)
        title, description = self.definition["title"], self.definition["description"]
        template: JsonObject = {
            "name": self.family.text,
            "title": title,
            "description": description,
            "uriTemplate": f"{self.family.text}{{+path}}",
        }
        if len(self.family.media_types) == 1:
            template["mimeType"] = next(iter(self.family.media_types))
        return canonical_bytes(template)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewRule:
    """How many different persons must approve the same thing, and whether a signer, by name, may be one of them."""

    reviewers: int = 1
    persons_differ: bool = False


PinnedItem: TypeAlias = PinnedTool | PinnedPrompt | PinnedResource


def pin_item(signed: StandingApproval, verified: VerifiedManifest, rule: ReviewRule) -> PinnedItem:
    """Return what a standing approval pins of a verified manifest; raises `Refused` where it does not hold."""
    approval = signed.approval
    entry = verified.manifest.find_entry(approval.kind, approval.tool)
    if entry is None or entry.effect is None:
        raise Refused(Reason.BAD_CREDENTIAL, f"the manifest has no such {approval.kind} any more")
    _must_be_as_reviewed(approval, entry, verified)
    # No key reviews what it signed, not even as one of several signers.
    if signed.keyids & verified.signer_keyids:
        raise Refused(
            Reason.BAD_CREDENTIAL, f"{_named(signed.reviewers)} signed the manifest: another key must review it"
        )
    if rule.persons_differ and (both := {*signed.reviewers} & verified.signer_names):
        raise Refused(Reason.BAD_CREDENTIAL, f"{_named(both)} signed the manifest: another person must review it")
    if entry.effect.is_stricter_than(approval.effect) or approval.sensitivity < entry.sensitivity:
        raise Refused(Reason.BAD_CREDENTIAL, "the approval loosens what its owner declared: a review may only tighten")
    facts = _facts(signed, verified, entry)
    match entry:
        case ManifestTool():
            return PinnedTool(
                **facts,
                assigned=approval.assigned,
                targets=entry.targets,
                stores=entry.stores,
                idempotent=entry.idempotent,
                result_bytes_max=entry.limits.result_bytes,
                calls_per_task_max=entry.limits.calls_per_task,
                opens=entry.opens,
                schema=prepare_tool(entry),
                shown_forms=shown_forms(entry.definition, approval.assigned),
                seal=_SEAL,
            )
        case ManifestPrompt():
            must_be_fit(entry)
            return PinnedPrompt(**facts, assigned=approval.assigned, seal=_SEAL)
        case ManifestResource():
            must_be_fit(entry)
            return PinnedResource(**facts, family=entry.family, seal=_SEAL)
        case _:
            assert_never(entry)


def why_not_beside(server: str, family: ResourceFamily, others: Iterable[PinnedResource]) -> str | None:
    """Say why this server's family cannot stand beside those of other servers, or None."""
    for other in others:
        if other.server != server and other.family.overlaps(family):
            return (
                f"it may name the same resource as `{other.family.text}` of `{other.server}`: revoke the approval of "
                "one of them, or let an owner declare a narrower family"
            )
    return None


class _Facts(TypedDict):
    server: str
    name: str
    digest: Digest
    definition: JsonObject
    effect: Effect
    sensitivity: int
    reads_from: frozenset[str]
    sends_to: frozenset[str]
    result_labels: frozenset[str]
    server_identity: str
    owner: str
    manifest_digest: Digest
    signers: tuple[str, ...]
    reviewer: str
    statement_digest: Digest
    voices: tuple[Digest, ...]
    pin_serial: int
    expires: int
    executable_digest: Digest | None
    lock_digest: Digest | None
    stateless: bool


def _facts(signed: StandingApproval, verified: VerifiedManifest, entry: ManifestEntry) -> _Facts:
    approval, manifest = signed.approval, verified.manifest
    return _Facts(
        server=approval.server,
        name=entry.name,
        digest=entry.digest,
        definition=entry.definition,
        effect=approval.effect,
        sensitivity=approval.sensitivity,
        reads_from=entry.reads_from,
        sends_to=entry.sends_to,
        result_labels=entry.result_labels | approval.result_labels,
        server_identity=manifest.server.name,
        owner=manifest.owner.name,
        manifest_digest=manifest.digest,
        signers=verified.signers,
        reviewer=", ".join(signed.reviewers),
        statement_digest=signed.digest,
        voices=signed.voices,
        pin_serial=signed.serial,
        expires=verified.expires,
        executable_digest=manifest.server.executable_digest,
        lock_digest=manifest.server.lock_digest,
        stateless=manifest.server.stateless,
    )


def _must_be_as_reviewed(approval: Approval, entry: ManifestEntry, verified: VerifiedManifest) -> None:
    seen_and_there = (
        ("the server's registry-style name", approval.server_name, verified.manifest.server.name),
        ("the definition", approval.digest, entry.digest),
        ("what its owner declares", approval.declared, entry.declared_digest),
        (
            "what is said of server, publisher, owner, or the instructions",
            approval.about,
            verified.manifest.about_digest,
        ),
        ("who signed", approval.signers, verified.signer_keyids),
    )
    for what, seen, there in seen_and_there:
        if seen != there:
            raise Refused(Reason.BAD_CREDENTIAL, f"{what} is not as it was reviewed: review and approve it again")


def _named(people: Iterable[str]) -> str:
    return ", ".join(f"`{who}`" for who in sorted(people))
