"""A corridor that reads and refuses as the real one does, and answers calls by a script: what an edge is tested against.

It believes any credential that does not begin with `bad`, and its holder is the credential itself. A result cannot be
made up (only an inspected one is `Released`), so every call is denied in the end: that is a result, too.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import assert_never

import anyio

from mediator.canonical import DEFAULT_LIMITS, JsonLimits
from mediator.edge.door import Door
from mediator.mediation.reply import (
    Reply,
    ServerFacts,
    accepted,
    refuse,
    reply_with_discovery,
    reply_with_handshake,
    reply_with_list,
    reply_with_nothing,
)
from mediator.refusal import Reason, Refused
from mediator.wire.arrival import Arrival
from mediator.wire.reading import Discover, Initialize, ListTools, Notice, Ping, Reading, frame_of, read
from mediator.wire.tool_call import ToolCall

FACTS = ServerFacts(version="0", metadata_url="http://127.0.0.1:8080/.well-known/oauth-protected-resource")

DENIED = Refused(Reason.DENIED_BY_POLICY)


@dataclass(slots=True)
class SimulatedCorridor:
    """What arrived, what was read, and what became of calls that take their time (`slow`).

    `slow` is awaited by every call of the tool of that name; `begun` is set when one waits, `ended` when it is over.
    """

    limits: JsonLimits = DEFAULT_LIMITS
    arrivals: list[Arrival] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    counted: list[tuple[str, Reason]] = field(default_factory=list)
    cancelled: list[object] = field(default_factory=list)
    slow: anyio.Event = field(default_factory=anyio.Event)
    begun: anyio.Event = field(default_factory=anyio.Event)
    ended: anyio.Event = field(default_factory=anyio.Event)

    def door(self) -> Door:
        """Return the door that leads here."""
        return Door(
            answers=self,
            facts=FACTS,
            count=lambda source, reason: self.counted.append((source, reason)),
            json_limits=self.limits,
        )

    async def answer(self, arrival: Arrival) -> Reply:
        self.arrivals.append(arrival)
        try:
            reading = read(arrival, self.limits)
            self.readings.append(reading)
            return await self._reply_to(arrival, reading)
        except Refused as stop:
            self.counted.append((arrival.source, stop.reason))
            return refuse(frame_of(arrival, self.limits), stop, FACTS)

    def holder_of(self, arrival: Arrival) -> str:
        if arrival.credential is None:
            raise Refused(Reason.NO_CREDENTIAL)
        holder = arrival.credential.reveal()
        if holder.startswith("bad"):
            raise Refused(Reason.BAD_CREDENTIAL)
        return holder

    async def _reply_to(self, arrival: Arrival, reading: Reading) -> Reply:
        holder = self.holder_of(arrival)
        match reading:
            case ToolCall(name="slow"):
                await self._wait(reading)
                return refuse(reading.frame, DENIED, FACTS)
            case ToolCall():
                return refuse(reading.frame, DENIED, FACTS)
            case Ping():
                return reply_with_nothing(reading.frame)
            case ListTools():
                return reply_with_list(reading.frame, [b'{"inputSchema":{"type":"object"},"name":"slow"}'], FACTS)
            case Discover():
                return reply_with_discovery(reading.frame, None, FACTS)
            case Initialize():
                return reply_with_handshake(reading.frame, reading.version, holder, None, FACTS)
            case Notice():
                return accepted()
            case _:
                assert_never(reading)

    async def _wait(self, call: ToolCall) -> None:
        self.begun.set()
        try:
            await self.slow.wait()
        except anyio.get_cancelled_exc_class():
            self.cancelled.append(call.request_id)
            raise
        finally:
            self.ended.set()
