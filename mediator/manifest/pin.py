"""The pins: which tools exist, exactly as a signer signed and a reviewer approved them. Nothing else is a tool.

Pure: no I/O, no clock. It reads approvals; it writes none (`approval.py`). Rules, each a reason for which a pin does
not exist and is reported:

- The approval stands (`standing.py`): an operator's statement that holds, with as many voices as are asked for, and
  nobody's retraction after it.
- The server's envelope is there and verifies, and its serial is not below any that was ever approved (rollback).
- Definition, declarations, server, publisher, owner, instructions and signers are what the reviewer saw, by digest.
- No reviewer's key signed any part of it, nor, where settings ask, did the person; what a reviewer changed is tightened,
  never loosened.
- The assigned name keeps its rules, and an earlier pin does not have it.
- The definition can be served and checked as it stands.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from types import MappingProxyType
from typing import Final, final

from mediator.canonical import Digest, JsonObject, digest_of
from mediator.effect import Effect
from mediator.evidence import Seal
from mediator.identity.statement import Keyholders
from mediator.manifest.declaration import prepare_tool
from mediator.manifest.kind import ItemKind
from mediator.manifest.lock import Approval, parse_lock
from mediator.manifest.manifest import ManifestTool, Target
from mediator.manifest.names import why_not
from mediator.manifest.schema import PreparedSchema
from mediator.manifest.shown import ShownForms, shown_forms
from mediator.manifest.signature import VerifiedManifest, verify_manifest
from mediator.manifest.standing import StandingApproval, standing
from mediator.manifest.trust import SKEW_MS, SignerTrust
from mediator.refusal import Reason, Refused

_SEAL: Final = Seal("mediator.manifest.pin")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedTool:
    """One tool as it was signed and pinned: the only thing that an agent may see or call."""

    server: str
    """The local name."""
    name: str
    assigned: str
    """Its name on `/mcp`."""
    digest: Digest
    """Of the definition."""
    definition: JsonObject
    effect: Effect
    sensitivity: int
    reads_from: frozenset[str]
    sends_to: frozenset[str]
    result_labels: frozenset[str]
    targets: Mapping[str, Target]
    """By JSON pointer into the arguments."""
    stores: bool
    idempotent: bool
    result_bytes_max: int | None
    calls_per_task_max: int | None
    opens: frozenset[str]
    """JSON pointers into the input schema."""
    server_identity: str
    """The registry-style name."""
    stateless: bool
    owner: str
    manifest_digest: Digest
    signers: tuple[str, ...]
    reviewer: str
    statement_digest: Digest
    pin_serial: int
    expires: int
    """Milliseconds since the epoch: from then on the pin is none."""
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
class PinProblem:
    """A pin that does not exist although somebody wrote it down, and why; `tool` is None where it is several."""

    server: str
    tool: str | None
    detail: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PinSet:
    """All tools that exist, at one moment."""

    tools: tuple[PinnedTool, ...]
    digest: Digest
    serial: int
    """The highest of the pins': a grant made now covers nothing that is pinned later."""
    instructions_by_server: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    _by_own_name: Mapping[tuple[str, str], PinnedTool] = field(init=False, repr=False, compare=False)
    _by_assigned_name: Mapping[str, PinnedTool] = field(init=False, repr=False, compare=False)
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)
        own_names = {(tool.server, tool.name): tool for tool in self.tools}
        object.__setattr__(self, "_by_own_name", MappingProxyType(own_names))
        object.__setattr__(self, "_by_assigned_name", MappingProxyType({tool.assigned: tool for tool in self.tools}))

    def __iter__(self) -> Iterator[PinnedTool]:
        return iter(self.tools)

    def __len__(self) -> int:
        return len(self.tools)

    def find(self, server: str, tool: str) -> PinnedTool | None:
        """The tool of that server and name, if it exists."""
        return self._by_own_name.get((server, tool))

    def find_assigned(self, name: str) -> PinnedTool | None:
        """The tool that bears this name on `/mcp`, if there is one."""
        return self._by_assigned_name.get(name)

    def resolve(self, name: str, server: str | None) -> PinnedTool | None:
        """The tool that this name means at the endpoint of `server`, or at `/mcp` where that is None."""
        return self.find_assigned(name) if server is None else self.find(server, name)

    def of_server(self, server: str) -> tuple[PinnedTool, ...]:
        """That server's tools."""
        return tuple(tool for tool in self.tools if tool.server == server)

    def instructions(self, server: str) -> str | None:
        """The server's instructions as they were signed and reviewed, if it has any and a tool of it exists."""
        return self.instructions_by_server.get(server)

    def without(self, quarantined: frozenset[tuple[str, str]]) -> PinSet:
        """The same pins less those `(server, tool)` pairs; the serial stays, since nothing was pinned."""
        left = tuple(tool for tool in self.tools if (tool.server, tool.name) not in quarantined)
        return _pin_set(left, self.serial, self.instructions_by_server)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewRule:
    """How many different persons must approve the same thing, and whether a signer, by name, may be one of them."""

    reviewers: int = 1
    persons_differ: bool = False


ONE_REVIEWER: Final = ReviewRule()


def load_pins(
    pins_lock: bytes | None,
    envelopes: Mapping[str, bytes],
    trust: SignerTrust,
    operators: Keyholders,
    now_ms: int,
    rule: ReviewRule = ONE_REVIEWER,
) -> tuple[PinSet, tuple[PinProblem, ...]]:
    """Return the pins that exist, and each that does not with the reason.

    `envelopes` are the `manifest.dsse.json` files by local name. Raises `Refused` only when `pins_lock` as a whole
    cannot be read.
    """
    signed, fallen = standing(parse_lock(pins_lock), operators, now_ms, SKEW_MS, rule.reviewers)
    problems = [PinProblem(server=one.server, tool=one.tool, detail=one.detail) for one in fallen]
    tools: list[PinnedTool] = []
    instructions: dict[str, str] = {}
    taken: set[str] = set()
    for server in sorted({one.approval.server for one in signed}):
        approvals = [one for one in signed if one.approval.server == server]
        try:
            manifest = _manifest_of(server, approvals, envelopes, trust, now_ms)
        except Refused as refusal:
            problems.append(PinProblem(server=server, tool=None, detail=refusal.detail))
            continue
        tools.extend(_pinned(approvals, manifest, rule, problems))
        if manifest.manifest.instructions is not None:
            instructions[server] = manifest.manifest.instructions
    existing: list[PinnedTool] = []
    for tool in sorted(tools, key=lambda tool: tool.pin_serial):
        if (wrong := why_not(tool.assigned, tool.server, frozenset(taken))) is not None:
            detail = f"the name `{tool.assigned}` is {wrong}: approve it again with `--as NAME`"
            problems.append(PinProblem(server=tool.server, tool=tool.name, detail=detail))
            continue
        taken.add(tool.assigned.casefold())
        existing.append(tool)
    serial = max((tool.pin_serial for tool in existing), default=0)
    return _pin_set(tuple(existing), serial, instructions), tuple(problems)


def _manifest_of(
    server: str, approvals: Sequence[StandingApproval], envelopes: Mapping[str, bytes], trust: SignerTrust, now_ms: int
) -> VerifiedManifest:
    if server not in envelopes:
        raise Refused(Reason.BAD_CREDENTIAL, "its `manifest.dsse.json` is missing: sign the manifest, or restore it")
    verified = verify_manifest(envelopes[server], trust, now_ms)
    approved = max(one.approval.manifest_serial for one in approvals)
    if verified.manifest.serial < approved:
        told = f"serial {verified.manifest.serial} is below {approved}, which was approved: an old manifest came back"
        raise Refused(Reason.BAD_CREDENTIAL, told)
    return verified


def _pinned(
    approvals: Sequence[StandingApproval], manifest: VerifiedManifest, rule: ReviewRule, problems: list[PinProblem]
) -> Iterator[PinnedTool]:
    for signed in approvals:
        try:
            yield _pin(signed, manifest, rule)
        except Refused as refusal:
            problems.append(_problem(signed, refusal.detail))


def _pin(signed: StandingApproval, verified: VerifiedManifest, rule: ReviewRule) -> PinnedTool:
    approval, manifest = signed.approval, verified.manifest
    tool = manifest.find(approval.tool) if approval.kind is ItemKind.TOOL else None
    if tool is None or tool.effect is None:
        raise Refused(Reason.BAD_CREDENTIAL, "the manifest has no such tool any more")
    _must_be_as_reviewed(approval, tool, verified)
    # No key reviews what it signed, not even as one of several signers.
    if signed.keyids & verified.signer_keyids:
        raise Refused(
            Reason.BAD_CREDENTIAL, f"{_named(signed.reviewers)} signed the manifest: another key must review it"
        )
    if rule.persons_differ and (both := {*signed.reviewers} & {*verified.signers}):
        raise Refused(Reason.BAD_CREDENTIAL, f"{_named(both)} signed the manifest: another person must review it")
    if tool.effect.is_stricter_than(approval.effect) or approval.sensitivity < tool.sensitivity:
        raise Refused(Reason.BAD_CREDENTIAL, "the approval loosens what its owner declared: a review may only tighten")
    return PinnedTool(
        server=approval.server,
        name=tool.name,
        assigned=approval.assigned,
        digest=tool.digest,
        definition=tool.definition,
        effect=approval.effect,
        sensitivity=approval.sensitivity,
        reads_from=tool.reads_from,
        sends_to=tool.sends_to,
        result_labels=tool.result_labels | approval.result_labels,
        targets=tool.targets,
        stores=tool.stores,
        idempotent=tool.idempotent,
        result_bytes_max=tool.limits.result_bytes,
        calls_per_task_max=tool.limits.calls_per_task,
        opens=tool.opens,
        server_identity=manifest.server.name,
        stateless=manifest.server.stateless,
        owner=manifest.owner.name,
        manifest_digest=manifest.digest,
        signers=verified.signers,
        reviewer=", ".join(signed.reviewers),
        statement_digest=signed.digest,
        pin_serial=signed.serial,
        expires=verified.expires,
        schema=prepare_tool(tool),
        shown_forms=shown_forms(tool.definition, approval.assigned),
        seal=_SEAL,
    )


def _must_be_as_reviewed(approval: Approval, tool: ManifestTool, verified: VerifiedManifest) -> None:
    seen_and_there = (
        ("the server's registry-style name", approval.server_name, verified.manifest.server.name),
        ("the definition", approval.digest, tool.digest),
        ("what its owner declares", approval.declared, tool.declared_digest),
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


def _pin_set(tools: tuple[PinnedTool, ...], serial: int, instructions: Mapping[str, str]) -> PinSet:
    ordered = tuple(sorted(tools, key=lambda tool: (tool.server, tool.name)))
    servers = {tool.server for tool in ordered}
    return PinSet(
        tools=ordered,
        digest=digest_of([[tool.server, tool.name, tool.statement_digest, tool.manifest_digest] for tool in ordered]),
        serial=serial,
        instructions_by_server=MappingProxyType({name: text for name, text in instructions.items() if name in servers}),
        seal=_SEAL,
    )


def _named(people: Iterable[str]) -> str:
    return ", ".join(f"`{who}`" for who in sorted(people))


def _problem(signed: StandingApproval, detail: str) -> PinProblem:
    return PinProblem(server=signed.approval.server, tool=signed.approval.tool, detail=detail)
