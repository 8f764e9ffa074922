"""The fence: is what we judged under still true, in the loop turn in which the act begins, and again before release?

Pure, over three ports that answer from memory. An unmoved epoch and snapshot pass at the cost of a look. Moved, they are
looked into: what concerns this call refuses it with its own reason, what does not lets it go on.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass

from mediator.delegation.chain import prove_chain
from mediator.mediation.deliberate import unknown_tool
from mediator.mediation.freeze import refuse_if_frozen, refuse_if_tool_frozen
from mediator.mediation.permit import Permit
from mediator.mediation.ports import CircumstancesSource, Claims, Clock, TrustSource
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

        Raises `Refused`: the chain's or a freeze's own reason, `UNKNOWN_TOOL` for a tool that is pinned no longer,
        `TRY_AGAIN` where its pin, policies or keys were replaced; and what the ports raise.
        """
        judged, snapshot = permit.committed.deliberation, self.trust.snapshot()
        # The snapshot as well: one that was swapped while the store could not move its epoch was swapped all the same.
        if self.claims.epoch() == permit.epoch and snapshot is judged.snapshot:
            return
        circumstances = self.circumstances.gather(permit.grant)
        now_ms = self.clock.now_ms()
        # The task is in use by this very call, so it is not idle, however long the call takes.
        chain = prove_chain(judged.identity, circumstances.grants, now_ms, now_ms)
        refuse_if_frozen(chain, circumstances)
        refuse_if_tool_frozen(permit.tool, circumstances)
        tool = snapshot.pins.find(permit.tool.server, permit.tool.name)
        if tool is None or tool.digest != permit.tool.digest or tool.expires <= now_ms:
            why = snapshot.why_quarantined(permit.tool.name, permit.tool.server)
            gone = f"`{permit.tool.server}/{permit.tool.name}` is pinned no longer"
            raise unknown_tool(judged.call.name, gone if why is None else f"quarantined: {why}")
        # The reviewer's statement binds all that was judged of the tool. Another one may have tightened the same
        # definition: what was judged as a read may be an exec now.
        if tool.statement_digest != permit.tool.statement_digest:
            raise Refused(Reason.TRY_AGAIN, f"`{permit.tool.server}/{permit.tool.name}` was pinned anew")
        if snapshot.policies.digest != permit.policy_digest or snapshot.keys.digest != judged.snapshot.keys.digest:
            raise Refused(Reason.TRY_AGAIN, "policies or keys were replaced during the call")
