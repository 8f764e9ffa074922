"""A pinned definition as agents see it, as bytes made once (P2).

Pure. What an agent sees differs from the pin in this alone: the assigned name on `/mcp`; `execution` left out in the
modern era, which has no such member; an `outputSchema` that is not about an object left out in the legacy era, whose
clients stumble over it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from mediator.canonical import JsonObject, canonical_bytes


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ShownForms:
    """The RFC 8785 bytes by era, under the tool's own name and under the assigned one."""

    legacy: bytes
    legacy_assigned: bytes
    modern: bytes
    modern_assigned: bytes


def shown_forms(definition: JsonObject, assigned: str) -> ShownForms:
    """Return every form in which agents see the definition."""
    modern = {name: said for name, said in definition.items() if name != "execution"}
    output = definition.get("outputSchema")
    if isinstance(output, dict) and output.get("type") == "object":
        legacy = definition
    else:
        legacy = {name: said for name, said in definition.items() if name != "outputSchema"}
    return ShownForms(
        legacy=canonical_bytes(legacy),
        legacy_assigned=canonical_bytes({**legacy, "name": assigned}),
        modern=canonical_bytes(modern),
        modern_assigned=canonical_bytes({**modern, "name": assigned}),
    )
