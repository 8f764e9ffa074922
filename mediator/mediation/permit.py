"""Permit: leave to make exactly this call, once.

Pure, but for one latch. A permit is made from a `Committed` that allows, never from a deliberation: no act
without a record. The latch springs before the first byte goes out, and a second spring raises, so that no
adapter can retry what may already have been done.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import InitVar, dataclass, field, replace
from typing import Final, final

from mediator.canonical import JsonObject, canonical_bytes
from mediator.evidence import Seal
from mediator.inspection.asking import ALONE
from mediator.manifest.pinned import PinnedItem
from mediator.mediation.deliberate import Deliberation, Spans, Verdict
from mediator.mediation.record import Committed
from mediator.policy.decision import Obligation
from mediator.refusal import Reason, Refused
from mediator.wire.call import Call
from mediator.wire.receiver import Receiver
from mediator.wire.speech import Forwarded, traceparent_of

_SEAL: Final = Seal("mediator.mediation.permit")

_TASK_ARGUMENTS_BYTES_MAX: Final = (
    4096  # ours: they come back in a handle, which is a header too, and those end at 8 KiB
)


@dataclass(slots=True)
class _Latch:
    """The one mutable thing in a value: whether this permit was used."""

    sprung: bool = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """Leave to ask this of this item with these arguments, for this task, once.

    `until_ms`: from then on (ms since the epoch) a grant of its chain, or its pin, has run out, though nothing moved.
    """

    decision_id: str
    item: PinnedItem
    forwarded: Forwarded
    grant: str
    task: str
    agent: str
    epoch: int
    until_ms: int
    policy_digest: str
    spans: Spans
    obligations: frozenset[Obligation]
    deadline_seconds: float
    input_seconds: float
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
    def sole_answer(self) -> JsonObject | None:
        """The agent's one answer to what a legacy server asked; None: it gave none. Under any other key nothing is."""
        answers = self.committed.deliberation.call.answers
        answer = None if answers is None else answers.get(ALONE)
        return answer if isinstance(answer, dict) else None

    @property
    def was_used(self) -> bool:
        """Tell whether a first byte may have gone out under this permit."""
        return self.latch.sprung


def enforce(committed: Committed) -> Permit:
    """Return the permit of a recorded allow; obey, and decide nothing.

    Raises `Refused` with the recorded reason for a recorded denial.
    """
    deliberation = committed.deliberation
    chain, item, decision = deliberation.chain, deliberation.item, deliberation.decision
    if deliberation.verdict is not Verdict.ALLOW or chain is None or item is None or decision is None:
        raise deliberation.refusal()
    return Permit(
        decision_id=deliberation.ids.decision_id,
        item=item,
        forwarded=_forwarded(deliberation, item),
        grant=chain.presented.id,
        task=chain.root.id,
        agent=chain.presented.agent,
        epoch=deliberation.circumstances.epoch,
        until_ms=min(item.expires, *(link.expires_ms for link in chain.links)),
        policy_digest=deliberation.policy_digest,
        spans=deliberation.spans,
        obligations=decision.obligations,
        deadline_seconds=deliberation.deadline_seconds,
        input_seconds=deliberation.snapshot.limits.input_seconds,
        result_bytes_max=deliberation.result_bytes_max,
        committed=committed,
        seal=_SEAL,
    )


def _forwarded(deliberation: Deliberation, item: PinnedItem) -> Forwarded:
    """Return what goes out: the item's own name, and the bytes that were judged."""
    call, resumes, spans = deliberation.call, deliberation.resumes, deliberation.spans
    name, arguments = call.name if call.is_at_uri else item.name, call.arguments_bytes
    if call.is_of_mcp_task:
        assert resumes is not None  # `item_of`
        assert resumes.mcp_task_id is not None  # such a handle alone opens for it
        name, arguments = resumes.mcp_task_id, b"{}"
    return Forwarded(
        method=call.method,
        kind=call.kind,
        name=name,
        arguments=arguments,
        traceparent=traceparent_of(spans.trace_id, spans.client_span),
        receiver=_receiver(call),
        answers=None if call.answers is None else canonical_bytes(call.answers),
        state=None if resumes is None else resumes.state,
    )


def _receiver(call: Call) -> Receiver:
    """Return what the server is told of the agent: that a call may become an mcp task only where its handle holds it all."""
    receiver = call.receiver
    if len(call.arguments_bytes) <= _TASK_ARGUMENTS_BYTES_MAX or not receiver.capabilities.extensions:
        return receiver
    return replace(receiver, capabilities=replace(receiver.capabilities, extensions=()))
