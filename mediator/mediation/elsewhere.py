"""Where nobody else issues tokens: no key is ever learnt, and no token opens a task.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final, final

from mediator.identity.identify import Identified
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
