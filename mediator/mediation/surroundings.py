"""Surroundings: what the shell adds to the circumstances of one call, of the agent and of the place where it is judged.

Not pure: it asks two ports. What it adds is of the call itself (in which respects it is new to its agent) and of the
moment (how far the operator's clocks are from UTC). All of it stands in the record, so that a replay asks nobody.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mediator.mediation.circumstances import NOTHING_KNOWN, Circumstances
from mediator.mediation.deliberate import Deliberation, Verdict
from mediator.mediation.novelty import find_marks, marks_of, novel_among, touched_by
from mediator.mediation.ports import Familiarity, Zone
from mediator.mediation.resumption import Resumption
from mediator.mediation.trust import TrustSnapshot
from mediator.wire.call import Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Asks what each agent is familiar with, and where the operator's clocks are."""

    familiarity: Familiarity
    zone: Zone

    def add_to(
        self,
        circumstances: Circumstances,
        call: Call,
        snapshot: TrustSnapshot,
        resumes: Resumption | None,
        lost: frozenset[str],
        now_ms: int,
    ) -> Circumstances:
        """Return the circumstances of this call; `lost` are claims of it that had nothing left."""
        novel = NOTHING_KNOWN
        marks = find_marks(call, snapshot, resumes)
        if marks is not None and circumstances.grants:
            agent = circumstances.grants[-1].agent
            novel = novel_among(marks, self.familiarity.find_known(agent, touched_by(marks), now_ms))
        return replace(
            circumstances,
            spent=circumstances.spent | lost,
            novel=novel,
            utc_offset_seconds=self.zone.utc_offset_seconds(now_ms),
        )

    def remember(self, deliberation: Deliberation) -> None:
        """Take note of what its agent is familiar with from now on, where the call was allowed and that is on record."""
        chain, item = deliberation.chain, deliberation.item
        if deliberation.verdict is Verdict.ALLOW and chain is not None and item is not None:
            touched = touched_by(marks_of(deliberation.call, item))
            self.familiarity.remember(chain.presented.agent, touched, deliberation.now_ms)
