"""What a reviewer has to look at: a signed manifest against what was approved, with the linter's findings.

Pure. It shows and asks, and pins nothing. Rules:

- The old text of a tool is shown only where it is the text that was approved, by digest.
- The dangerous comes first: alarms, then what grew or changed, then what is new; what is as it was approved comes last.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum, unique
from typing import Final, final

from mediator.canonical import Digest, JsonObject, canonical_bytes
from mediator.kind import ItemKind
from mediator.manifest.acknowledgement import findings_in
from mediator.manifest.changes import FieldChange, Kind, arguments_verdict, changes_between, result_verdict
from mediator.manifest.entry import ManifestEntry, ManifestTool
from mediator.manifest.lint.finding import Finding, Neighbour, Severity
from mediator.manifest.lock import Approval
from mediator.manifest.manifest import ToolManifest
from mediator.manifest.signature import VerifiedManifest


@unique
class Standing(StrEnum):
    """How an item of the manifest stands to what is approved."""

    NEW = "new"
    CHANGED = "changed"
    APPROVED = "approved"
    GONE = "gone"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One fact that its owner declares otherwise than it was approved; `grew` where it may now do more."""

    fact: str
    old: str
    new: str
    grew: bool


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ItemReview:
    """One item: as it is signed now, how it stands to what was approved, what moved, and what was found in it."""

    kind: ItemKind
    name: str
    standing: Standing
    entry: ManifestEntry | None
    why: tuple[str, ...] = ()
    """What is not as it was approved, in words."""
    changes: tuple[FieldChange, ...] = ()
    verdicts: Mapping[str, Kind] = field(default_factory=dict)
    """What the change of each schema that differs does to the values that fit it."""
    moved: tuple[Moved, ...] = ()
    findings: tuple[Finding, ...] = ()
    problem: str | None = None
    """Why it is not pinned although somebody approved it."""

    @property
    def is_open(self) -> bool:
        """Tell whether somebody should look at it."""
        return self.standing is not Standing.APPROVED or self.problem is not None

    @property
    def has_alarm(self) -> bool:
        """Tell whether something in it must be acknowledged."""
        return any(one.severity is Severity.ALARM for one in self.findings)

    @property
    def grew(self) -> bool:
        """Tell whether it may now do more than was approved."""
        return any(one.grew for one in self.moved)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ServerReview:
    """A server's manifest as a reviewer sees it: what is said of the server, and each item, the dangerous first."""

    items: tuple[ItemReview, ...]
    moved: tuple[Moved, ...]
    """What is said of server, publisher, owner and instructions, and who signed."""
    findings: tuple[Finding, ...]
    """In the instructions."""

    @property
    def is_open(self) -> bool:
        """Tell whether somebody should look at anything of it."""
        return any(item.is_open for item in self.items)


def review_manifest(
    server: str,
    verified: VerifiedManifest,
    approvals: Sequence[Approval],
    before: Sequence[ToolManifest],
    neighbours: Iterable[Neighbour],
    problems: Mapping[str, str],
) -> ServerReview:
    """Return a review of all of it.

    `approvals` are the newest of this server by item, `before` the manifests that were approved, as far as they are kept,
    `problems` the reasons, by name, why approved items are not pinned.
    """
    findings = findings_in(server, verified, neighbours)
    approved = {(one.kind, one.tool): one for one in approvals}
    texts = {(entry.kind, entry.name, entry.declared_digest): entry for one in before for entry in one.entries}
    items = [
        _of_entry(entry, approved.get((entry.kind, entry.name)), texts, verified) for entry in verified.manifest.entries
    ]
    there = {(item.kind, item.name) for item in items}
    items.extend(
        ItemReview(kind=kind, name=name, standing=Standing.GONE, entry=None)
        for kind, name in sorted(approved)
        if (kind, name) not in there
    )
    whole = [
        replace(
            item,
            findings=tuple(one for one in findings if (one.kind, one.name) == (item.kind, item.name)),
            problem=problems.get(item.name) if item.standing is Standing.APPROVED else None,
        )
        for item in items
    ]
    return ServerReview(
        items=tuple(sorted(whole, key=_dangerous_first)),
        moved=_moved_about(approvals, before, verified),
        findings=tuple(one for one in findings if one.kind is None),
    )


def verdicts_on(
    old: JsonObject, new: JsonObject, old_opens: frozenset[str] = frozenset(), new_opens: frozenset[str] = frozenset()
) -> Mapping[str, Kind]:
    """Return of each schema that differs what that does to the values that fit: proven of arguments, or of results.

    Of the arguments' schema also where it is the same, and the manifest opens other places of it.
    """
    verdicts: dict[str, Kind] = {}
    for member in ("inputSchema", "outputSchema"):
        before, now = old.get(member), new.get(member)
        is_input = member == "inputSchema"
        if before == now and not (is_input and old_opens != new_opens):
            continue
        verdicts[member] = Kind.UNCLEAR
        if isinstance(before, dict) and isinstance(now, dict):
            verdicts[member] = (
                arguments_verdict(before, now, old_opens, new_opens) if is_input else result_verdict(before, now)
            )
    return verdicts


def written_out(one: JsonObject) -> str:
    """Return a package or remote in words: each member, what is no text as JSON."""
    values = {key: value if isinstance(value, str) else canonical_bytes(value).decode() for key, value in one.items()}
    return ", ".join(f"{key} {values[key]}" for key in sorted(values))


def _of_entry(
    entry: ManifestEntry,
    approval: Approval | None,
    texts: Mapping[tuple[ItemKind, str, Digest], ManifestEntry],
    verified: VerifiedManifest,
) -> ItemReview:
    if approval is None:
        return ItemReview(kind=entry.kind, name=entry.name, standing=Standing.NEW, entry=entry)
    before = texts.get((entry.kind, entry.name, approval.declared))
    why: list[str] = []
    if (approval.about, approval.server_name) != (verified.manifest.about_digest, verified.manifest.server.name):
        why.append("what is said of server, publisher, owner, or the instructions")
    if approval.signers != verified.signer_keyids:
        why.append("who signed")
    if approval.digest != entry.digest:
        why.append("the definition")
    elif approval.declared != entry.declared_digest:
        why.append("what its owner declares")
    if not why:
        return ItemReview(kind=entry.kind, name=entry.name, standing=Standing.APPROVED, entry=entry)
    return ItemReview(
        kind=entry.kind,
        name=entry.name,
        standing=Standing.CHANGED,
        entry=entry,
        why=tuple(why),
        changes=() if before is None else changes_between(before.definition, entry.definition),
        verdicts={}
        if before is None
        else verdicts_on(before.definition, entry.definition, _opened(before), _opened(entry)),
        moved=() if before is None else tuple(_moved_facts(before, entry)),
    )


def _opened(entry: ManifestEntry) -> frozenset[str]:
    return entry.opens if isinstance(entry, ManifestTool) else frozenset()


_FACTS: Final = ("effect", "sensitivity", "reads_from", "sends_to", "result_labels")
_FACTS_OF_TOOLS: Final = ("opens", "stores", "idempotent")


def _moved_facts(before: ManifestEntry, now: ManifestEntry) -> Iterator[Moved]:
    are_tools = isinstance(before, ManifestTool) and isinstance(now, ManifestTool)
    for fact in (*_FACTS, *(_FACTS_OF_TOOLS if are_tools else ())):
        old, new = getattr(before, fact), getattr(now, fact)
        if old != new:
            yield Moved(fact=fact, old=_plain(old), new=_plain(new), grew=_grew(before, now, fact))
    if isinstance(before, ManifestTool) and isinstance(now, ManifestTool):
        if dict(before.targets) != dict(now.targets):
            yield Moved(fact="targets", old=_plain(before.targets), new=_plain(now.targets), grew=False)
        if before.limits != now.limits:
            yield Moved(fact="limits", old=_limits(before), new=_limits(now), grew=True)


def _grew(before: ManifestEntry, now: ManifestEntry, fact: str) -> bool:
    match fact:
        case "effect":
            return before.effect is not None and now.effect is not None and now.effect.is_stricter_than(before.effect)
        case "stores" | "idempotent":
            return bool(getattr(now, fact))
        case "result_labels":
            return bool(before.result_labels - now.result_labels)  # a label less is less that is held back
        case "sensitivity":
            return now.sensitivity > before.sensitivity
        case _:
            return bool(getattr(now, fact) - getattr(before, fact))


def _moved_about(
    approvals: Sequence[Approval], before: Sequence[ToolManifest], verified: VerifiedManifest
) -> tuple[Moved, ...]:
    if not approvals:
        return ()
    newest, now = max(approvals, key=lambda one: one.manifest_serial), verified.manifest
    moved: list[Moved] = []
    old = next((one for one in before if one.about_digest == newest.about), None)
    if old is not None:
        facts = (
            ("server", old.server.name, now.server.name),
            ("title", str(old.server.title), str(now.server.title)),
            ("version", str(old.server.version), str(now.server.version)),
            ("executable", str(old.server.executable_digest), str(now.server.executable_digest)),
            ("lock", str(old.server.lock_digest), str(now.server.lock_digest)),
            ("stateless", str(old.server.stateless), str(now.server.stateless)),
            ("packages", *(_objects(one.server.packages) for one in (old, now))),
            ("remotes", *(_objects(one.server.remotes) for one in (old, now))),
            ("publisher", old.publisher, now.publisher),
            ("owner", *(f"{one.owner.name} ({one.owner.contact})" for one in (old, now))),
            ("instructions", old.instructions or "", now.instructions or ""),
        )
        moved.extend(Moved(fact=fact, old=was, new=is_, grew=False) for fact, was, is_ in facts if was != is_)
    if newest.signers != verified.signer_keyids:
        signers = (", ".join(sorted(keyid[:16] for keyid in ids)) for ids in (newest.signers, verified.signer_keyids))
        moved.append(Moved(fact="signers", old=next(signers), new=next(signers), grew=False))
    return tuple(moved)


def _objects(objects: Sequence[JsonObject]) -> str:
    return "; ".join(map(written_out, objects)) or "none"


def _limits(tool: ManifestTool) -> str:
    return f"calls_per_task {tool.limits.calls_per_task}, result_bytes {tool.limits.result_bytes}"


def _plain(value: object) -> str:
    if isinstance(value, frozenset):
        return ", ".join(sorted(value)) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {value[key]}" for key in sorted(value)) or "none"
    return str(value)


_ORDER: Final = (Standing.CHANGED, Standing.NEW, Standing.GONE, Standing.APPROVED)


def _dangerous_first(item: ItemReview) -> tuple[bool, bool, bool, int, bool, int, str]:
    # Annotations are hints that the mediator does not trust: a change of nothing else comes after changes of texts and schemas.
    has_hints_only = bool(item.changes) and all(one.pointer.startswith("/annotations") for one in item.changes)
    order = _ORDER.index(item.standing)
    return not item.is_open, not item.has_alarm, not item.grew, order, has_hints_only, -len(item.findings), item.name
