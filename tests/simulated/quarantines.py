"""Quarantines as somebody who compares would make them.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.canonical import JsonObject
from mediator.kind import ItemKind
from mediator.manifest.pin import PinSet
from mediator.mediation.quarantine import Quarantined, keys_of
from tests.simulated.pins import NOW_MS

CHANGED: JsonObject = {
    "how": "changed",
    "fields": [{"pointer": "/description", "old": '"before"', "new": '"after"', "kind": "rewords"}],
}


def quarantines(
    pins: PinSet, server: str, *tools: str, found: JsonObject | None = None, kind: ItemKind = ItemKind.TOOL
) -> list[Quarantined]:
    """Return the quarantine of each of these tools, or of another kind, as it is pinned."""
    made = []
    for name in tools:
        tool = next((item for item in pins.items if (item.server, item.kind, item.name) == (server, kind, name)), None)
        assert tool is not None, f"`{server}/{name}` is not pinned"
        made.append(Quarantined(key=keys_of(tool)[0], since_ms=NOW_MS, found=CHANGED if found is None else found))
    return made
