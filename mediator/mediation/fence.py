"""The fence: is what we judged under still true, in the loop turn in which the act begins, and again before release?

Pure, over three ports that answer from memory. An unmoved epoch and snapshot pass at the cost of a look, in time. Moved, they are
looked into: what concerns this call refuses it with its own reason, what does not lets it go on.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass

from mediator.delegation.chain import prove_chain
from mediator.mediation.deliberate import Deliberation, unknown_item
from mediator.mediation.freeze import refuse_if_frozen, refuse_if_item_frozen
from mediator.mediation.permit import Permit
from mediator.mediation.ports import CircumstancesSource, Claims, Clock, TrustSource
from mediator.mediation.trust import TrustSnapshot
from mediator.refusal import Reason, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """Looks once more at what a permit rests on."""

    claims: Claims
    trust: TrustSource
    circumstances: CircumstancesSource
    clock: Clock

    def __call__(self, permit: Permit) -> None:
        """Return if nothing that concerns this permit has moved.

        Raises `Refused`: the chain's or a freeze's own reason, `UNKNOWN_TOOL` and its kin for what is pinned no longer,
        `TRY_AGAIN` where its pin or policies were replaced, or the key that vouched for the caller is gone; and what
        the ports raise.
        """
        judged, snapshot = permit.committed.deliberation, self.trust.snapshot()
        # The snapshot as well: one that was swapped while the store could not move its epoch was swapped all the same.
        # And the time: a permit may stand for hours (a subscription), and what runs out moves no epoch.
        now_ms = self.clock.now_ms()
        if self.claims.epoch() == permit.epoch and snapshot is judged.snapshot and now_ms < permit.until_ms:
            return
        circumstances = self.circumstances.gather(permit.grant)
        # The task is in use by this very call, so it is not idle, however long the call takes.
        chain = prove_chain(judged.identity.claims, circumstances.grants, now_ms, now_ms)
        refuse_if_frozen(chain, circumstances)
        refuse_if_item_frozen(permit.item, circumstances)
        held = permit.item
        item = snapshot.pins.find_item(held.server, held.kind, held.name)
        if item is None or item.digest != held.digest or item.expires <= now_ms:
            why = snapshot.why_quarantined(judged.call.kind, held.name, held.server)
            gone = f"`{held.server}/{held.name}` is pinned no longer"
            raise unknown_item(judged.call, gone if why is None else f"quarantined: {why}")
        # The reviewer's statement binds all that was judged of the item. Another one may have tightened the same
        # definition: what was judged as a read may be an exec now.
        if item.statement_digest != held.statement_digest:
            raise Refused(Reason.TRY_AGAIN, f"`{held.server}/{held.name}` was pinned anew")
        if snapshot.policies.digest != permit.policy_digest:
            raise Refused(Reason.TRY_AGAIN, "policies were replaced during the call")
        if snapshot.keys.digest != judged.snapshot.keys.digest:
            _must_vouch_still(judged, snapshot)


def _must_vouch_still(judged: Deliberation, snapshot: TrustSnapshot) -> None:
    """Return if the key that vouched for this caller is trusted still; raises `Refused(TRY_AGAIN)`.

    One that was retired since is, for what it signed before: a rotation breaks no call that is under way. That its time
    may be over by now is not asked, as it is not of the token: both were good when the call was judged.
    """
    claims = judged.identity.claims
    before = judged.snapshot.keys.find_key(claims.issuer, claims.key_id)
    now = snapshot.keys.find_key(claims.issuer, claims.key_id)
    if before is None or now is None or not now.is_same_as(before):
        raise Refused(Reason.TRY_AGAIN, "the key that vouched for the caller was taken away during the call")
    if not now.vouches_for(claims.issued_at, claims.expires_at, snapshot.limits.clock_skew_seconds):
        raise Refused(Reason.TRY_AGAIN, "the key that vouched for the caller was retired before it can have done so")
