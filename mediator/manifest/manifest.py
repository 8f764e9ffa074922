"""What a server's tools say they are, and what their owner says they do.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import final

from mediator.canonical import Digest, JsonObject
from mediator.effect import Effect


@unique
class Target(StrEnum):
    """What a target argument names."""

    PATH = "path"
    URL = "url"
    ADDRESS = "address"
    ACCOUNT = "account"
    AMOUNT = "amount"
    DESTINATION = "destination"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How often in a task, and how large a result; None: no limit of its own."""

    calls_per_task: int | None = None
    result_bytes: int | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestTool:
    """One tool: its definition exactly as the server offers it, and what its owner declares."""

    name: str
    definition: JsonObject
    digest: Digest
    declared_digest: Digest  # over the whole entry: definition and declarations
    effect: Effect | None  # None: not declared yet; such a manifest cannot be signed
    proposed_effect: Effect | None
    sensitivity: int
    reads_from: frozenset[str]
    sends_to: frozenset[str]
    result_labels: frozenset[str]
    targets: Mapping[str, Target]  # JSON pointers into the arguments
    stores: bool
    idempotent: bool
    limits: Limits
    opens: frozenset[str]  # JSON pointers into the input schema


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ServerIdentity:
    """Which server it is, in the registry's words."""

    name: str
    title: str | None
    version: str | None
    packages: tuple[JsonObject, ...]
    remotes: tuple[JsonObject, ...]
    executable_digest: Digest | None
    stateless: bool


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The human who answers for the server."""

    name: str
    contact: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ToolManifest:
    """What a server's tools say they are, and what their owner says they do. Nothing in it has been verified."""

    server: ServerIdentity
    publisher: str
    owner: Owner
    issued: int  # milliseconds since the epoch
    expires: int
    serial: int
    instructions: str | None
    tools: tuple[ManifestTool, ...]
    about_digest: Digest  # over server, publisher, owner and instructions: what a pin binds beside the tool
    digest: Digest

    def find(self, tool: str) -> ManifestTool | None:
        """The tool of that name, if there is one."""
        return next((entry for entry in self.tools if entry.name == tool), None)


def parse_manifest(raw: bytes) -> ToolManifest:
    """Read a manifest; raises `Refused(MALFORMED)` naming the place, what was expected and what to do."""
    raise NotImplementedError
