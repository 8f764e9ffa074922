"""What comes to the agents' door: bytes, headers, a credential, and what the transport knows. Nothing is believed yet.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique

from mediator.evidence import Secret
from mediator.identity.proof import Shown, VerifiedProof
from mediator.wire.methods import LogLevel
from mediator.wire.receiver import NO_CAPABILITIES, Capabilities


@unique
class Transport(StrEnum):
    """How the message came."""

    HTTP = "http"
    STDIO = "stdio"


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacySession:
    """A handshake that was made (protocol versions before 2026-07-28): its version, and whose it is.

    `capabilities` are what its client declared, `log_level` what it asked for since.
    """

    id: str
    version: str
    holder: str  # the identity that opened it, as `Identified.holder`: anyone else's session is not found
    capabilities: Capabilities = NO_CAPABILITIES
    log_level: LogLevel | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One message, as it came.

    `server` is the endpoint: a server's local name for `/servers/{server}/mcp`, nothing for `/mcp`.
    `headers` holds names in lower case, in the order and number in which they came.
    `shown` is what came beside the credential, still to be verified, or what proves each message of its session.
    `source` says where from, for the count of stops: an address, or `stdio`.
    """

    body: bytes
    transport: Transport
    server: str | None
    credential: Secret | None
    headers: tuple[tuple[str, str], ...]
    session: LegacySession | None
    source: str
    shown: Shown | VerifiedProof | None = None

    def header(self, name: str) -> tuple[str, ...]:
        """Return every value that came under this name (lower case)."""
        return tuple(value for key, value in self.headers if key == name)
