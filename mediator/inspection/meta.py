"""`_meta` of what a tool server sends: what only the mediator may say is taken out.

Pure. Taken out are our own prefix, trace context and the server's name of itself; everything else stays as it is.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final

from mediator.canonical import Json, JsonObject

OUR_PREFIX: Final = "org.mcp-mediator/"
_OURS: Final = frozenset(
    {
        "traceparent",
        "tracestate",
        "baggage",
        "io.modelcontextprotocol/serverInfo",
        "io.modelcontextprotocol/subscriptionId",
    }
)


def without_our_meta(holder: JsonObject) -> tuple[JsonObject, int]:
    """Return the object without what is ours to say in its `_meta`, and how many keys were taken out."""
    meta = holder.get("_meta")
    if not isinstance(meta, dict):
        return holder, 0
    kept = {key: value for key, value in meta.items() if key not in _OURS and not key.startswith(OUR_PREFIX)}
    rest = {key: value for key, value in holder.items() if key != "_meta"}
    return ({**rest, "_meta": kept} if kept else rest), len(meta) - len(kept)


def without_our_metas(blocks: list[Json]) -> tuple[list[Json], int]:
    """Do so for each block of content, and for a resource that one embeds."""
    if not any("_meta" in block or "resource" in block for block in blocks if isinstance(block, dict)):
        return blocks, 0
    cleaned: list[Json] = []
    removed = 0
    for block in blocks:
        if not isinstance(block, dict):
            cleaned.append(block)
            continue
        clean, count = without_our_meta(block)
        resource = clean.get("resource")
        if isinstance(resource, dict):
            clean_resource, more = without_our_meta(resource)
            clean, count = {**clean, "resource": clean_resource}, count + more
        removed += count
        cleaned.append(clean)
    return cleaned, removed
