"""Ids from the system's randomness. It gives them no meaning and no order.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
from typing import final

from mediator.mediation.deliberate import Ids


@final
class RandomIds:
    """Fresh ids for each arrival. That one of them is all zero (no id, by W3C Trace Context §3.2.2.3) is not awaited."""

    __slots__ = ()

    def draw(self) -> Ids:
        """Return fresh ids: one reading of the system's randomness, cut in five."""
        digits = os.urandom(56).hex()
        return Ids(
            decision_id=digits[:32],
            trace_id=digits[32:64],
            server_span=digits[64:80],
            decision_span=digits[80:96],
            client_span=digits[96:],
        )
