"""Principal: who acts now, on whose behalf, vouched by whom.

Pure. `lineage` is what a token's nested `act` says: recorded, never decided upon (RFC 8693 §4.1).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The actor is the agent instance; the subject is on whose behalf it acts; the issuer vouches for both."""

    actor: str
    subject: str
    issuer: str
    lineage: tuple[str, ...]
