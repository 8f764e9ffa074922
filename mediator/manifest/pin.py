"""The pins: which tools exist, exactly as a reviewer approved them.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import InitVar, dataclass
from typing import Final, final

from mediator.canonical import Digest, JsonObject
from mediator.effect import Effect
from mediator.evidence import Seal
from mediator.identity.dsse import SigningKey
from mediator.identity.statement import Keyholders, Operators
from mediator.manifest.manifest import Target
from mediator.manifest.schema import PreparedSchema
from mediator.manifest.signature import SignerTrust, VerifiedManifest

_SEAL: Final = Seal("mediator.manifest.pin")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedTool:
    """One tool as it was signed and pinned: the only thing that an agent may see or call."""

    server: str  # local name
    name: str
    assigned: str  # its name on /mcp
    digest: Digest  # of the definition
    definition: JsonObject
    effect: Effect
    sensitivity: int
    reads_from: frozenset[str]
    sends_to: frozenset[str]
    result_labels: frozenset[str]
    targets: Mapping[str, Target]
    stores: bool
    idempotent: bool
    result_bytes_max: int | None
    calls_per_task_max: int | None
    opens: frozenset[str]
    server_identity: str  # registry-style name
    stateless: bool
    owner: str
    manifest_digest: Digest
    signers: tuple[str, ...]
    reviewer: str
    statement_digest: Digest
    pin_serial: int
    expires: int  # milliseconds since the epoch: from then on the pin is none
    schema: PreparedSchema
    shown_forms: tuple[bytes, bytes, bytes, bytes]
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)

    def shown(self, *, era_modern: bool, own_name: bool) -> bytes:
        """The RFC 8785 bytes of the definition as an agent sees it (P2)."""
        return self.shown_forms[era_modern * 2 + own_name]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PinProblem:
    """A pin that does not exist, and why: for the operator."""

    server: str
    tool: str | None
    detail: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PinSet:
    """All pinned tools at one moment."""

    tools: tuple[PinnedTool, ...]
    digest: Digest
    serial: int
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)

    def __iter__(self) -> Iterator[PinnedTool]:
        return iter(self.tools)

    def __len__(self) -> int:
        return len(self.tools)

    def find(self, server: str, tool: str) -> PinnedTool | None:
        """The pinned tool of that server and name, if there is one."""
        raise NotImplementedError

    def find_assigned(self, name: str) -> PinnedTool | None:
        """The pinned tool that bears this name on /mcp, if there is one."""
        raise NotImplementedError

    def resolve(self, name: str, server: str | None) -> PinnedTool | None:
        """The tool that this name means at the endpoint of `server`, or at /mcp where that is None."""
        return self.find_assigned(name) if server is None else self.find(server, name)

    def of_server(self, server: str) -> tuple[PinnedTool, ...]:
        """That server's pinned tools."""
        raise NotImplementedError

    def instructions(self, server: str) -> str | None:
        """The server's instructions as they were signed and reviewed, if it has any."""
        raise NotImplementedError

    def without(self, quarantined: frozenset[tuple[str, str]]) -> PinSet:
        """The same pins less those `(server, tool)` pairs."""
        raise NotImplementedError


def load_pins(
    pins_lock: bytes | None, envelopes: Mapping[str, bytes], trust: SignerTrust, operators: Keyholders, now_ms: int
) -> tuple[PinSet, tuple[PinProblem, ...]]:
    """Return the pins that exist, and each that does not with the reason.

    `envelopes` are the `manifest.dsse.json` files by local name. Raises `Refused` only when `pins_lock` as a whole
    cannot be read.
    """
    raise NotImplementedError


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Raise:
    """What a reviewer tightens at approval; None: as the owner declared it."""

    effect: Effect | None = None
    sensitivity: int | None = None


def approve_pins(
    pins_lock: bytes | None,
    server: str,
    manifest: VerifiedManifest,
    *,
    tools: frozenset[str] | None,
    reviewer: SigningKey,
    operators: Operators,
    at: int,
    raises: Raise,
    assigned: Mapping[str, str],
) -> bytes:
    """Return `pins.lock` with the reviewer's statements for these tools (None: all of the manifest) added."""
    raise NotImplementedError


def propose_name(server: str, tool: str, taken: frozenset[str]) -> str:
    """Propose a name on /mcp that the rules accept and nobody has."""
    raise NotImplementedError
