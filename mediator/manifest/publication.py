"""Publication: a signed manifest that its owner sent, waiting for a reviewer; whether it is taken in, and what became of it.

Pure: no I/O, no clock. Nothing that is published exists for an agent: that takes a reviewer's `pin approve` (`pin.py`).
Rules:

- What is taken in was verified first (`signature.py`). It is kept as it was signed, and verified anew by who uses it.
- Of each server the newest is kept. A serial says one thing once: with other content it is refused, and so is a serial
  below one that was published, signed here or approved.
- Each publisher has room for so many that nobody has decided about yet, and for so many bytes of them: one who floods
  takes nobody else's.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final, final

from mediator.canonical import Digest, Json, JsonObject, canonical_bytes, parse_object
from mediator.identity.dsse import parse_envelope
from mediator.kind import ItemKind
from mediator.manifest.fields import read_fields, write_moment
from mediator.manifest.manifest import ToolManifest, parse_manifest
from mediator.manifest.signature import VerifiedManifest

_MEMBERS: Final = ("version", "received", "source", "envelope")


@unique
class Receipt(StrEnum):
    """What a publisher is told of what was sent."""

    NEW = "new"
    KNOWN = "known"
    OTHER_CONTENT = "other content"
    OLDER = "older"
    FULL = "full"


@unique
class State(StrEnum):
    """What became of a published manifest."""

    PENDING = "pending"
    PINNED = "pinned"
    PARTLY_PINNED = "partly pinned"
    REJECTED = "rejected"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One manifest as it was published: verified when it was taken in, and to be verified anew by whoever uses it."""

    manifest: ToolManifest
    received: int
    """Milliseconds since the epoch."""
    source: str
    """The address that it came from: whoever holds a signed manifest can send it."""
    envelope: bytes

    @property
    def name(self) -> str:
        """The server's registry-style name."""
        return self.manifest.server.name


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is remembered of a publication while it waits."""

    publisher: str
    serial: int
    digest: Digest
    size: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A serial of a server that stands somewhere already; its digest where the whole manifest is known."""

    serial: int
    digest: Digest | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How many undecided manifests a publisher may have here, and how many bytes of them."""

    count_max: int
    bytes_max: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A reviewer's no: to one item, as `item_text`, or to the whole manifest."""

    item: str | None
    note: str | None
    at: int


def read_publication(raw: bytes) -> Publication:
    """Read what `write_publication` wrote; raises `Refused(MALFORMED)`."""
    top = read_fields(parse_object(raw), "", _MEMBERS)
    top.count("version", 1, 1)
    envelope = canonical_bytes(top.object("envelope"))
    return Publication(
        manifest=parse_manifest(parse_envelope(envelope).payload),
        received=top.moment("received"),
        source=top.text("source"),
        envelope=envelope,
    )


def write_publication(envelope: bytes, source: str, received: int) -> bytes:
    """Return what is kept of a manifest that was taken in."""
    return canonical_bytes(
        {"version": 1, "received": write_moment(received), "source": source, "envelope": parse_object(envelope)}
    )


def entry_of(manifest: ToolManifest, size: int) -> Entry:
    """Return what is remembered of a published manifest."""
    return Entry(publisher=manifest.publisher, serial=manifest.serial, digest=manifest.digest, size=size)


def receive(
    verified: VerifiedManifest,
    size: int,
    *,
    published: Entry | None,
    elsewhere: Iterable[Known],
    waiting: Sequence[Entry],
    quota: Quota,
) -> Receipt:
    """Say whether this manifest is taken in.

    `published` is what its owner published last, `elsewhere` what else is known of this server's serials, `waiting` the
    same publisher's manifests of other servers that nobody has decided about.
    """
    if published is not None and published.digest == verified.digest:
        return Receipt.KNOWN
    known = list(elsewhere)
    if published is not None:
        known.append(Known(serial=published.serial, digest=published.digest))
    serial = verified.manifest.serial
    if any(serial < one.serial for one in known):
        return Receipt.OLDER
    if any(serial == one.serial and one.digest not in {None, verified.digest} for one in known):
        return Receipt.OTHER_CONTENT
    if len(waiting) >= quota.count_max or sum(one.size for one in waiting) + size > quota.bytes_max:
        return Receipt.FULL
    return Receipt.NEW


def item_text(kind: ItemKind, name: str) -> str:
    """Return what a publisher reads of an item: a tool's name as it is, before others their kind."""
    return name if kind is ItemKind.TOOL else f"{kind} {name}"


def standing(publication: Publication, pinned: Collection[str], rejections: Iterable[Rejection]) -> JsonObject:
    """Return what its publisher is told became of it; `pinned` are its items that are, as `item_text`."""
    manifest = publication.manifest
    names = [item_text(entry.kind, entry.name) for entry in manifest.entries]
    there = [name for name in names if name in pinned]
    is_left = len(there) < len(names)  # what was approved after all was turned down before
    refused = [one for one in rejections if is_left and (one.item is None or one.item not in pinned)]
    rejected: list[Json] = [
        {"item": one.item, "note": one.note, "at": write_moment(one.at)}
        for one in sorted(refused, key=lambda one: (one.at, one.item or ""))
    ]
    if there:
        state = State.PARTLY_PINNED if is_left else State.PINNED
    else:
        state = State.REJECTED if rejected else State.PENDING
    return {
        "server": publication.name,
        "state": state.value,
        "serial": manifest.serial,
        "digest": manifest.digest,
        "received": write_moment(publication.received),
        "pinned": list[Json](there),
        "not_pinned": [name for name in names if name not in pinned],
        "rejected": rejected,
    }
