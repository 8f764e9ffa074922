"""Where nobody else issues tokens: no key is ever learnt, and no token opens a task. And where nobody approves anything.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final, final

from mediator.identity.identify import Identified
from mediator.mediation.record import Committed
from mediator.refusal import Reason, Refused


@final
class NobodyElse:
    """Fills `OtherIssuers` where there are none."""

    async def learn(self, issuer: str) -> bool:  # noqa: ARG002 - there is nobody to ask
        """Nothing is learnt."""
        return False

    def open(self, identity: Identified, now_ms: int) -> None:  # noqa: ARG002 - whoever it is
        """Nothing is opened."""
        raise Refused(Reason.GRANT_UNKNOWN, f"no token of `{identity.claims.issuer}` opens a task here")


NOBODY_ELSE: Final = NobodyElse()


@final
class NobodyApproves:
    """Fills `Approvals` where there are none: what needs an approval is denied, and nobody is asked."""

    def request(self, committed: Committed) -> str | None:
        """Nothing is kept."""
        raise committed.deliberation.refusal()

    async def until_decided(self, approval_id: str) -> None:
        """Nobody will."""

    def url(self, approval_id: str) -> str:
        """There is no page."""
        raise NotImplementedError(approval_id)


NOBODY_APPROVES: Final = NobodyApproves()
