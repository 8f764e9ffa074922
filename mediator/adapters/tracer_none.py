"""The tracer of whoever wants no traces: the records are kept all the same, and spans can be made of them later.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import final

from mediator.mediation.record import DecisionRecord, OutcomeRecord


@final
class NoTracer:
    """Fills the port `Tracer`, and draws nothing."""

    def observe(self, decision: DecisionRecord, outcome: OutcomeRecord | None) -> None:
        """Take no note."""
