"""The pins: what exists, exactly as a signer signed and a reviewer approved it. Nothing else is a tool.

Pure: no I/O, no clock. It reads approvals; it writes none (`approval.py`). Rules, each a reason for which a pin does
not exist and is reported:

- The approval stands (`standing.py`): an operator's statement that holds, with as many voices as are asked for, and
  nobody's retraction after it.
- The server's envelope is there and verifies, and its serial is not below any that was ever approved (rollback).
- The manifest's entry is what was reviewed, and can be served and checked as it stands (`pinned.py`).
- The assigned name of a tool or prompt keeps its rules, and an earlier pin of its kind does not have it.
- A family of resources names no resource that an earlier pinned family of another server may name: at `/mcp` a URI is
  a name, and nobody could say whose it is.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from types import MappingProxyType
from typing import Final, assert_never, final

from mediator.canonical import Digest, Json, digest_of
from mediator.evidence import Seal
from mediator.identity.statement import Keyholders
from mediator.kind import ItemKey, ItemKind
from mediator.manifest.lock import parse_lock
from mediator.manifest.names import why_not
from mediator.manifest.pinned import (
    PinnedItem,
    PinnedPrompt,
    PinnedResource,
    PinnedTool,
    ReviewRule,
    pin_item,
    why_not_beside,
)
from mediator.manifest.signature import VerifiedManifest, verify_manifest
from mediator.manifest.standing import StandingApproval, standing
from mediator.manifest.trust import SKEW_MS, SignerTrust
from mediator.refusal import Reason, Refused

_SEAL: Final = Seal("mediator.manifest.pin")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PinProblem:
    """A pin that does not exist although somebody wrote it down, and why; `tool` is None where it is several."""

    server: str
    tool: str | None
    """Its name, of whichever kind."""
    detail: str
    kind: ItemKind = ItemKind.TOOL
    waits: bool = False
    """Whether it is no fault: too few have approved it yet."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PinSet:
    """All that exists, at one moment. To go through it is to go through its tools."""

    tools: tuple[PinnedTool, ...]
    prompts: tuple[PinnedPrompt, ...] = ()
    resources: tuple[PinnedResource, ...] = ()
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

    def resolve_item(self, kind: ItemKind, name: str, server: str | None) -> PinnedItem | None:
        """The item that this name means there: of a resource, a URI, or the template of a family itself."""
        match kind:
            case ItemKind.TOOL:
                return self.resolve(name, server)
            case ItemKind.PROMPT:
                return self.resolve_prompt(name, server)
            case ItemKind.RESOURCE:
                return self.resolve_resource(name, server)
            case _:
                assert_never(kind)

    def of_server(self, server: str) -> tuple[PinnedTool, ...]:
        """That server's tools."""
        return tuple(tool for tool in self.tools if tool.server == server)

    @property
    def items(self) -> tuple[PinnedItem, ...]:
        """Everything that is pinned, of every kind."""
        return (*self.tools, *self.prompts, *self.resources)

    def items_of_server(self, server: str) -> tuple[PinnedItem, ...]:
        """Everything of that server that is pinned."""
        return tuple(item for item in self.items if item.server == server)

    def find_item(self, server: str, kind: ItemKind, name: str) -> PinnedItem | None:
        """The item of that server, kind and name, if it exists."""
        if kind is ItemKind.TOOL:
            return self.find(server, name)
        return next((one for one in self.items_of_server(server) if (one.kind, one.name) == (kind, name)), None)

    def resolve_prompt(self, name: str, server: str | None) -> PinnedPrompt | None:
        """The prompt that this name means at the endpoint of `server`, or at `/mcp` where that is None."""
        if server is None:
            return next((one for one in self.prompts if one.assigned == name), None)
        return next((one for one in self.prompts if (one.server, one.name) == (server, name)), None)

    def resolve_resource(self, uri: str, server: str | None) -> PinnedResource | None:
        """The family that a URI is of, there; where several of one server cover it, the exact one.

        A family's own text names it, too: templates are completed.
        """
        here = [one for one in self.resources if server in {None, one.server}]
        covering = [one for one in here if one.family.text == uri or one.family.covers(uri)]
        return min(covering, key=lambda one: not one.family.is_exact, default=None)

    def instructions(self, server: str) -> str | None:
        """The server's instructions as they were signed and reviewed, if it has any and something of it exists."""
        return self.instructions_by_server.get(server)

    def without(self, quarantined: frozenset[ItemKey]) -> PinSet:
        """The same pins less those `(server, kind, name)`; the serial stays, since nothing was pinned."""
        left = [one for one in self.items if (one.server, one.kind, one.name) not in quarantined]
        return _pin_set(left, self.serial, self.instructions_by_server)


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
    problems = [
        PinProblem(server=one.server, tool=one.tool, detail=one.detail, kind=one.kind, waits=one.waits)
        for one in fallen
    ]
    items: list[PinnedItem] = []
    instructions: dict[str, str] = {}
    for server in sorted({one.approval.server for one in signed}):
        approvals = [one for one in signed if one.approval.server == server]
        try:
            manifest = _manifest_of(server, approvals, envelopes, trust, now_ms)
        except Refused as refusal:
            problems.append(PinProblem(server=server, tool=None, detail=refusal.detail))
            continue
        items.extend(_pinned(approvals, manifest, rule, problems))
        if manifest.manifest.instructions is not None:
            instructions[server] = manifest.manifest.instructions
    existing = [*_told_apart(items, problems)]
    serial = max((one.pin_serial for one in existing), default=0)
    return _pin_set(existing, serial, instructions), tuple(problems)


def _told_apart(items: Sequence[PinnedItem], problems: list[PinProblem]) -> Iterator[PinnedItem]:
    """Yield each item whose name on `/mcp` is its own, in the order in which they were approved."""
    names: dict[ItemKind, set[str]] = {ItemKind.TOOL: set(), ItemKind.PROMPT: set()}
    resources: list[PinnedResource] = []
    for item in sorted(items, key=lambda item: item.pin_serial):
        if isinstance(item, PinnedResource):
            if (detail := why_not_beside(item.server, item.family, resources)) is None:
                resources.append(item)
        elif (wrong := why_not(item.assigned, item.server, frozenset(names[item.kind]))) is None:
            names[item.kind].add(item.assigned.casefold())
            detail = None
        else:
            detail = f"the name `{item.assigned}` is {wrong}: approve it again with `--as NAME`"
        if detail is None:
            yield item
        else:
            problems.append(PinProblem(server=item.server, tool=item.name, detail=detail, kind=item.kind))


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
) -> Iterator[PinnedItem]:
    for signed in approvals:
        try:
            yield pin_item(signed, manifest, rule)
        except Refused as refusal:
            problems.append(_problem(signed, refusal.detail))


def _pin_set(items: Sequence[PinnedItem], serial: int, instructions: Mapping[str, str]) -> PinSet:
    ordered = sorted(items, key=lambda item: (item.server, item.kind, item.name))
    servers = {item.server for item in ordered}
    forms: list[Json] = [
        [item.server, item.kind.value, item.name, item.statement_digest, item.manifest_digest] for item in ordered
    ]
    return PinSet(
        tools=tuple(item for item in ordered if isinstance(item, PinnedTool)),
        prompts=tuple(item for item in ordered if isinstance(item, PinnedPrompt)),
        resources=tuple(item for item in ordered if isinstance(item, PinnedResource)),
        digest=digest_of(forms),
        serial=serial,
        instructions_by_server=MappingProxyType({name: text for name, text in instructions.items() if name in servers}),
        seal=_SEAL,
    )


def _problem(signed: StandingApproval, detail: str) -> PinProblem:
    approval = signed.approval
    return PinProblem(server=approval.server, tool=approval.tool, detail=detail, kind=approval.kind)
