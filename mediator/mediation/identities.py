"""Identities, remembered: this memory is the whole token cache.

No clock and no I/O of its own. `identify` is pure, so its answer holds for the same credential, keys and audience, for
as long as the token lives; what was refused is not remembered.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from mediator.identity.identify import Identified, identify
from mediator.identity.token import digest_of_credential
from mediator.mediation.trust import TrustSnapshot, audiences_of
from mediator.wire.arrival import Arrival

__all__ = ["Identities", "audiences_of"]

_REMEMBERED_MAX: Final = 4096  # each is about 1 kB


class Identities:
    """Says who presents a credential, and remembers it; bounded, the longest unused forgotten first."""

    def __init__(self) -> None:
        self._remembered: OrderedDict[tuple[str, str, frozenset[str]], Identified] = OrderedDict()

    def identify(self, arrival: Arrival, snapshot: TrustSnapshot, now_ms: int) -> Identified:
        """Return who presents this arrival's credential; raises `Refused` as the pure `identify`."""
        audiences, skew = audiences_of(snapshot.audience, arrival.server), snapshot.limits.clock_skew_seconds
        if arrival.credential is None:
            return identify(None, snapshot.keys, audiences, now_ms, skew)
        key = (digest_of_credential(arrival.credential), snapshot.keys.digest, audiences)
        known = self._remembered.get(key)
        if known is not None and now_ms // 1000 < known.claims.expires_at + skew:
            self._remembered.move_to_end(key)
            return known
        identity = identify(arrival.credential, snapshot.keys, audiences, now_ms, skew)
        self._remembered[key] = identity
        if len(self._remembered) > _REMEMBERED_MAX:
            self._remembered.popitem(last=False)
        return identity
