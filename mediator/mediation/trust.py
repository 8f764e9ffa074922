"""TrustSnapshot: everything that operators change, believed at one moment. Immutable, swapped whole.

Pure. A record names its digests, so that "same call, same snapshot, same answer" can be checked later.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from mediator.canonical import Digest, JsonObject, digest_of
from mediator.delegation.chain import DelegationChain
from mediator.identity.keys import KeySet
from mediator.kind import ItemKind
from mediator.manifest.pin import PinSet
from mediator.mediation.opinion import DecisionPoint
from mediator.mediation.quarantine import Quarantined, QuarantineKey, keys_of
from mediator.policy.engine import PolicyEngine
from mediator.refusal import Reason, Refused
from mediator.settings.quotas import Quotas


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLimits:
    """Limits of one call. From `[limits]`; units in the names."""

    deadline_seconds: float
    result_bytes_max: int
    clock_skew_seconds: int
    input_seconds: float = 300.0  # how long a call that was asked back about can be gone on with
    quotas: Quotas = field(default_factory=Quotas)


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
    quarantined: Mapping[QuarantineKey, Quarantined] = field(default_factory=lambda: MappingProxyType({}))
    decision_points: tuple[DecisionPoint, ...] = ()
    """Who is to be heard, beside our own policies, about calls of which effects."""
    reviewed: PinSet | None = None
    """The pins with what is quarantined, where that is anything: what offers are compared with."""

    @property
    def all_pins(self) -> PinSet:
        """Every pin, quarantined or not."""
        return self.pins if self.reviewed is None else self.reviewed

    def why_quarantined(self, kind: ItemKind, name: str, server: str | None) -> str | None:
        """Return what moved of the item that this name would mean at that endpoint, if it is quarantined."""
        item = self.all_pins.resolve_item(kind, name, server)
        held = None if item is None else self.quarantined.get(keys_of(item)[0])
        return None if held is None else held.why

    def digests(self) -> JsonObject:
        """Return what a record says of the trust that it was judged under; of budgets and decision points, where there are any."""
        digests: JsonObject = {"keys": self.keys.digest, "pins": self.pins.digest, "policies": self.policies.digest}
        if (budgets := self.limits.quotas.budgets_digest) is not None:
            digests["budgets"] = budgets
        if self.decision_points:
            digests["decision_points"] = digest_of(
                {point.name: [*sorted(map(str, point.effects))] for point in self.decision_points}
            )
        return digests

    @property
    def digest(self) -> Digest:
        """Return the one digest over all of them."""
        return digest_of(self.digests())


def with_quarantine(snapshot: TrustSnapshot, quarantined: Iterable[Quarantined]) -> TrustSnapshot:
    """Return the snapshot without what is quarantined; what is approved by another statement stays."""
    reviewed = snapshot.all_pins
    pinned = {keys_of(item)[0] for item in reviewed.items}
    held = {one.key: one for one in quarantined if one.key in pinned}
    left = reviewed.without(frozenset((key.server, key.kind, key.name) for key in held)) if held else reviewed
    return replace(snapshot, pins=left, reviewed=reviewed, quarantined=MappingProxyType(held))


def audiences_of(base: str, server: str | None) -> frozenset[str]:
    """Return the names under which an endpoint may be addressed by a token (RFC 8707): the base URL, or its own."""
    own = f"{base}/mcp" if server is None else f"{base}/servers/{server}/mcp"
    return frozenset({base, own})


def refuse_if_elsewhere(chain: DelegationChain, base: str, server: str | None) -> None:
    """Raise `Refused(WRONG_AUDIENCE)` where the stored grant is not for this endpoint, whatever its token says.

    Another issuer may write a wider audience into a token than the grant has that it names.
    """
    if chain.presented.audience not in audiences_of(base, server):
        raise Refused(Reason.WRONG_AUDIENCE, f"grant `{chain.presented.id}` is for `{chain.presented.audience}`")
