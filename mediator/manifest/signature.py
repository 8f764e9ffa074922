"""Manifest envelopes: who signed a manifest, and whether that key may speak for that server.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass
from typing import Final, final

from mediator.canonical import Digest, JsonObject
from mediator.evidence import Seal
from mediator.identity.dsse import PublicKey, SigningKey
from mediator.identity.statement import Operators
from mediator.manifest.manifest import ToolManifest

_SEAL: Final = Seal("mediator.manifest.signature")

PAYLOAD_TYPE: Final = "application/vnd.mcp-mediator.manifest+json"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SignerRule:
    """Who may sign for the servers under one prefix, how many of them must, and from when until when."""

    prefix: str
    signers: frozenset[str]  # key ids
    threshold: int
    valid_from: int
    valid_until: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SignerTrust:
    """The trust file: which key may sign for which server-name prefix."""

    names: Mapping[str, str]  # key id -> name
    keys: Mapping[str, PublicKey]
    rules: tuple[SignerRule, ...]
    digest: Digest


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedManifest:
    """That accepted signers signed exactly this manifest, for a server that they may speak for."""

    manifest: ToolManifest
    digest: Digest
    signers: tuple[str, ...]  # names, as the trust file has them
    signer_keyids: frozenset[str]
    expires: int  # the manifest's or the rule's end, whichever comes first
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)


def parse_trust(raw: bytes) -> SignerTrust:
    """Read the trust file; raises `Refused(MALFORMED)` naming the place."""
    raise NotImplementedError


def trust_subject(trust_raw: bytes, operators_raw: bytes) -> JsonObject:
    """Return what a `trust.accept` statement is about: the digests of the trust file and the operators file."""
    raise NotImplementedError


def accept_trust(raw: bytes, statement: bytes, operators: Operators) -> SignerTrust:
    """Return the trust file's content once an operator's statement names its digest and that of the operators."""
    raise NotImplementedError


def sign_manifest(manifest: JsonObject, keys: Sequence[SigningKey]) -> bytes:
    """Return the envelope; raises `Refused` while an effect is undeclared or a definition cannot be pinned."""
    raise NotImplementedError


def verify_manifest(raw_envelope: bytes, trust: SignerTrust, now_ms: int) -> VerifiedManifest:
    """Return the manifest once signed by whoever may speak for its server; raises `Refused`, nothing else."""
    raise NotImplementedError
