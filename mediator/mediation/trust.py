"""TrustSnapshot: everything that operators change, believed at one moment. Immutable, swapped whole.

Pure. A record names its digests, so that "same call, same snapshot, same answer" can be checked later.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass

from mediator.canonical import Digest, JsonObject, digest_of
from mediator.identity.keys import KeySet
from mediator.manifest.pin import PinSet
from mediator.policy.engine import PolicyEngine


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLimits:
    """Limits of one call. From `[limits]`; units in the names."""

    deadline_seconds: float
    result_bytes_max: int
    clock_skew_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustSnapshot:
    """Keys, pins (less what is quarantined), policies and limits.

    `audience` is the mediator's base URL, the one that tokens are made for. `tenant` is `default` so far.
    """

    keys: KeySet
    pins: PinSet
    policies: PolicyEngine
    limits: CallLimits
    audience: str
    tenant: str

    def digests(self) -> JsonObject:
        """Return what a record says of the trust that it was judged under."""
        return {"keys": self.keys.digest, "pins": self.pins.digest, "policies": self.policies.digest}

    @property
    def digest(self) -> Digest:
        """Return the one digest over all of them."""
        return digest_of(self.digests())
