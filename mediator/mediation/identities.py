"""Identities: who presents an arrival's credential. What it says is remembered: this memory is the whole token cache.

No clock and no I/O of its own. Verification is pure, so its answer holds for the same credential, keys and audience, for
as long as the token lives; what was refused is not remembered. What is shown beside a credential is looked at each time.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from mediator.identity.identify import Identified, presented, verify_credential
from mediator.identity.proof import Shown
from mediator.identity.token import VerifiedClaims, digest_of_credential
from mediator.mediation.proofs import Proofs
from mediator.mediation.trust import TrustSnapshot, audiences_of
from mediator.wire.arrival import Arrival

__all__ = ["Identities", "audiences_of"]

_REMEMBERED_MAX: Final = 4096  # each is about 1 kB


class Identities:
    """Says who presents a credential; remembers what it says, bounded, the longest unused forgotten first."""

    def __init__(self, proofs: Proofs) -> None:
        self._proofs: Final = proofs
        self._remembered: OrderedDict[tuple[str, str, frozenset[str]], tuple[VerifiedClaims, Identified | None]] = (
            OrderedDict()
        )

    def identify(self, arrival: Arrival, snapshot: TrustSnapshot, now_ms: int) -> Identified:
        """Return who presents this arrival's credential; raises `Refused` as the pure `identify`, and as `Proofs.present`."""
        claims, bearer = self._claims(arrival, snapshot, now_ms)
        if arrival.shown is None:
            return presented(claims, None) if bearer is None else bearer
        if not isinstance(arrival.shown, Shown):
            return presented(claims, arrival.shown)
        credential, skew = arrival.credential, snapshot.limits.clock_skew_seconds
        assert credential is not None  # its claims were verified
        return self._proofs.present(claims, credential, arrival.shown, now_ms, skew)

    def _claims(
        self, arrival: Arrival, snapshot: TrustSnapshot, now_ms: int
    ) -> tuple[VerifiedClaims, Identified | None]:
        """Return what the credential says, and who presents it as a bearer, where it is bound to no key."""
        audiences, skew = audiences_of(snapshot.audience, arrival.server), snapshot.limits.clock_skew_seconds
        if arrival.credential is None:
            return verify_credential(None, snapshot.keys, audiences, now_ms, skew), None
        key = (digest_of_credential(arrival.credential), snapshot.keys.digest, audiences)
        known = self._remembered.get(key)
        if known is not None and now_ms // 1000 < known[0].expires_at + skew:
            self._remembered.move_to_end(key)
            return known
        claims = verify_credential(arrival.credential, snapshot.keys, audiences, now_ms, skew)
        known = (claims, presented(claims, None) if claims.confirmation is None else None)
        self._remembered[key] = known
        if len(self._remembered) > _REMEMBERED_MAX:
            self._remembered.popitem(last=False)
        return known
