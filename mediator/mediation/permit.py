"""Permit: leave to make exactly this call, once.

Pure, but for one latch. A permit is made from a `Committed` that allows, never from a deliberation: no act
without a record. The latch springs before the first byte goes out, and a second spring raises, so that no
adapter can retry what may already have been done.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from typing import Final, final

from mediator.evidence import Seal
from mediator.manifest.pinned import PinnedTool
from mediator.mediation.deliberate import Spans, Verdict
from mediator.mediation.record import Committed
from mediator.policy.decision import Obligation
from mediator.refusal import Reason, Refused

_SEAL: Final = Seal("mediator.mediation.permit")


@dataclass(slots=True)
class _Latch:
    """The one mutable thing in a value: whether this permit was used."""

    sprung: bool = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """Leave to send these arguments to this tool, for this task, once."""

    decision_id: str
    tool: PinnedTool
    arguments_bytes: bytes
    grant: str
    task: str
    agent: str
    epoch: int
    policy_digest: str
    spans: Spans
    obligations: frozenset[Obligation]
    deadline_seconds: float
    result_bytes_max: int
    committed: Committed
    latch: _Latch = field(default_factory=_Latch, repr=False, compare=False)
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)

    def spring(self, fence: Callable[[Permit], None]) -> None:
        """Pass the fence and use the permit up; called in the same loop turn as the first byte, before it.

        Raises `Refused` from the fence when this call's trust has moved, and `Refused(INTERNAL)` on a second use.
        """
        if self.latch.sprung:
            raise Refused(Reason.INTERNAL, f"the permit of decision `{self.decision_id}` was used before")
        fence(self)
        self.latch.sprung = True

    @property
    def was_used(self) -> bool:
        """Tell whether a first byte may have gone out under this permit."""
        return self.latch.sprung


def enforce(committed: Committed) -> Permit:
    """Return the permit of a recorded allow; obey, and decide nothing.

    Raises `Refused` with the recorded reason for a recorded denial.
    """
    deliberation = committed.deliberation
    chain, tool, decision = deliberation.chain, deliberation.tool, deliberation.decision
    if deliberation.verdict is not Verdict.ALLOW or chain is None or tool is None or decision is None:
        raise deliberation.refusal()
    return Permit(
        decision_id=deliberation.ids.decision_id,
        tool=tool,
        arguments_bytes=deliberation.call.arguments_bytes,
        grant=chain.presented.id,
        task=chain.root.id,
        agent=chain.presented.agent,
        epoch=deliberation.circumstances.epoch,
        policy_digest=deliberation.policy_digest,
        spans=deliberation.spans,
        obligations=decision.obligations,
        deadline_seconds=deliberation.deadline_seconds,
        result_bytes_max=deliberation.result_bytes_max,
        committed=committed,
        seal=_SEAL,
    )
