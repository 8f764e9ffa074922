"""Door: what every edge needs of the house behind it.

An edge hands each arrival to the corridor and sends what comes back. Whom the corridor never saw (a message too large,
a path that does not exist, a connection too many) is turned away here, in the same words and counted like any other.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Protocol

from mediator.canonical import DEFAULT_LIMITS, JsonLimits
from mediator.edge.list_changes import ListChanges
from mediator.edge.outbox import CHANGING, Outbox
from mediator.edge.resource_updates import ResourceUpdates
from mediator.mediation.ports import Caller
from mediator.mediation.reply import Reply, ServerFacts, refuse
from mediator.refusal import Reason, Refused
from mediator.wire.arrival import Arrival
from mediator.wire.jsonrpc import RequestId
from mediator.wire.methods import ListMethod
from mediator.wire.reading import Frame


class Answers(Protocol):
    """The corridor, as an edge sees it."""

    async def answer(self, arrival: Arrival, caller: Caller) -> Reply:
        """Answer one arrival; raises nothing but cancellation."""
        ...

    def holder_of(self, arrival: Arrival) -> str:
        """Return whose credential came with it; raises `Refused`."""
        ...

    def listener_of(self, arrival: Arrival) -> str:
        """Return whose credential came with it, where its task goes on; raises `Refused`."""
        ...

    async def learns(self, arrival: Arrival, stop: Refused) -> bool:
        """Tell whether it is worth asking again whose credential this is: its issuer's keys are others now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """The corridor, what the mediator says of itself, and who counts those that never came so far.

    `count` is told the source and the reason, and never raises. `list_changes` says when to list again, `updates` which
    resources changed, `quarantined` how many tools are out. An agent has `answer_seconds` for what it is asked.
    """

    answers: Answers
    facts: ServerFacts
    count: Callable[[str, Reason], None]
    json_limits: JsonLimits = DEFAULT_LIMITS
    list_changes: ListChanges = field(default_factory=ListChanges)
    updates: ResourceUpdates = field(default_factory=ResourceUpdates)
    answer_seconds: float = 300.0
    quarantined: Callable[[], int] = int

    def new_outbox(self, lists: Collection[ListMethod] = CHANGING, subscription: RequestId | None = None) -> Outbox:
        """Return where what is to be told to one session or stream waits; whoever has it closes it."""
        return Outbox(self.list_changes, lists, subscription, self.updates.forget)

    def quarantine_line(self) -> bytes:
        """Return what is said of quarantines to anybody who asks: how many, and not which; nothing where there are none."""
        count = self.quarantined()
        return b"quarantined: %d\n" % count if count else b""

    def turn_away(
        self,
        source: str,
        frame: Frame,
        stop: Refused,
        status: int | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Reply:
        """Return the refusal of what the corridor is not asked about, and count it."""
        self.count(source, stop.reason)
        return self.tell(frame, stop, status, headers)

    def tell(
        self, frame: Frame, stop: Refused, status: int | None = None, headers: tuple[tuple[str, str], ...] = ()
    ) -> Reply:
        """Return the refusal alone: of what a well-behaved client asks too, so that it is nothing to count.

        Where the transport demands a status, clients read a JSON-RPC error beside it, and no result of a tool.
        """
        if status is not None:
            frame = replace(frame, method=None)
        return refuse(frame, stop, self.facts, status=status, headers=headers)
