"""Faces: what each connection of a server was told, so that a server that answers differently to each is found out.

Pure. Kept as digests, equal faces once; the number of connections that are remembered is bounded. Comparing with the
pins is another matter (`manifest/drift.py`): here it is about a server that shows one thing to who looks, and another
to who calls.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from mediator.canonical import Digest, Json, digest_of
from mediator.manifest.offer import Offer

CONNECTIONS_MAX: Final = 256  # of one server: beyond, the one that was looked at longest ago is forgotten
_INSTRUCTIONS: Final = ("instructions", "")
Entry: TypeAlias = "tuple[str, str]"
"""A kind and a name: what two connections may be told differently about."""


class Faces:
    """What the connections of all servers were told when each was last looked at."""

    def __init__(self) -> None:
        self._faces: dict[str, OrderedDict[str, Mapping[Entry, Digest]]] = {}

    def differences(self, server: str, connection: str, offer: Offer) -> tuple[Entry, ...]:
        """Take note of what this connection was told; return that of which another one was told otherwise, or nothing."""
        faces = self._faces.setdefault(server, OrderedDict())
        face = dict(_entries(offer))
        faces.pop(connection, None)
        others = {id(other): other for other in faces.values()}
        differing: set[Entry] = set()
        kept: Mapping[Entry, Digest] = face
        for other in others.values():
            if other == face:
                kept = other
            else:
                differing |= {entry for entry in face.keys() | other.keys() if face.get(entry) != other.get(entry)}
        faces[connection] = kept
        if len(faces) > CONNECTIONS_MAX:
            faces.popitem(last=False)
        return tuple(sorted(differing))

    def forget(self, server: str, connection: str) -> None:
        """Forget a connection that is no more."""
        self._faces.get(server, OrderedDict()).pop(connection, None)


def _entries(offer: Offer) -> Iterator[tuple[Entry, Digest]]:
    if offer.instructions is not None:
        yield _INSTRUCTIONS, digest_of(offer.instructions)
    yield from _named("tool", "name", offer.tools)
    yield from _named("prompt", "name", offer.prompts)
    yield from _named("resource", "uri", offer.resources)
    yield from _named("resource", "uriTemplate", offer.resource_templates)


def _named(kind: str, member: str, entries: Sequence[Json]) -> Iterator[tuple[Entry, Digest]]:
    for entry in entries:
        name = entry.get(member) if isinstance(entry, dict) else None
        yield (kind, name if isinstance(name, str) else ""), digest_of(entry)
