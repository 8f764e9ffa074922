"""What an edge needs of a running mediator: one door for all of them.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.assembly.mediator import Mediator
from mediator.edge.door import Door
from mediator.mediation.ports import Stop
from mediator.refusal import Reason


def make_door(mediator: Mediator) -> Door:
    """Return what an edge needs of this mediator."""

    def count(source: str, reason: Reason) -> None:
        mediator.ports.ledger.count(Stop(source=source, reason=reason, at_ms=mediator.ports.clock.now_ms()))

    corridor = mediator.corridor
    return Door(
        answers=corridor,
        facts=corridor.facts,
        count=count,
        json_limits=corridor.json_limits,
        list_changes=mediator.list_changes,
        updates=mediator.updates,
        answer_seconds=mediator.settings.limits.input_seconds,
        quarantined=lambda: len(mediator.trust.snapshot().quarantined),
    )
