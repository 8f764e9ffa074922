"""Draft: a manifest proposed from what a server offers today, for its owner to correct and sign.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Sequence

from mediator.canonical import Json, JsonObject
from mediator.effect import Effect
from mediator.manifest.manifest import Owner


def draft_manifest(
    local_name: str,
    offered: Sequence[Json],
    *,
    publisher: str,
    owner: Owner,
    issued: int,
    expires: int,
    serial: int = 1,
    title: str | None = None,
    version: str | None = None,
    instructions: str | None = None,
    packages: Sequence[JsonObject] = (),
    remotes: Sequence[JsonObject] = (),
    executable_digest: str | None = None,
) -> JsonObject:
    """Return a manifest of all offered tools, their effects proposed but none declared."""
    raise NotImplementedError


def accept_proposed(manifest: JsonObject) -> JsonObject:
    """Return the manifest with each undeclared effect declared as proposed."""
    raise NotImplementedError


def propose_effect(definition: JsonObject) -> Effect:
    """Propose `read` where the server hints it, `write` where a verb of the name says so, else `exec`."""
    raise NotImplementedError
