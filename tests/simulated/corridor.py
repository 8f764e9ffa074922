"""A corridor that reads and refuses as the real one does, and answers calls by a script: what an edge is tested against.

It believes any credential that does not begin with `bad`, and its holder is the credential itself. Every call is denied
in the end: that is a result, too. What a tool says and asks meanwhile goes by its name.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import assert_never

import anyio

from mediator.canonical import DEFAULT_LIMITS, JsonLimits, JsonObject
from mediator.edge.door import Door
from mediator.edge.list_changes import ListChanges
from mediator.edge.resource_updates import ResourceUpdates
from mediator.inspection.asking import ReleasedAsk, release_ask
from mediator.inspection.notices import release_notice
from mediator.inspection.release import inspect
from mediator.inspection.result import Ask, ToolResult
from mediator.mediation.caller import DEAF
from mediator.mediation.listing import Offering
from mediator.mediation.message import Message, notice_message
from mediator.mediation.ports import Caller
from mediator.mediation.reply import (
    Listening,
    Reply,
    ServerFacts,
    Subscription,
    accepted,
    refuse,
    reply_with,
    reply_with_discovery,
    reply_with_handshake,
    reply_with_level,
    reply_with_list,
    reply_with_listening,
    reply_with_nothing,
)
from mediator.refusal import Reason, Refused
from mediator.wire.arrival import Arrival
from mediator.wire.call import Call
from mediator.wire.jsonrpc import Notification, RequestId, Response
from mediator.wire.methods import LOG_MESSAGE, PROGRESS, AskMethod, CallMethod, LogLevel
from mediator.wire.reading import (
    Discover,
    Initialize,
    Listen,
    ListItems,
    Notice,
    Ping,
    Reading,
    SetLevel,
    frame_of,
    read,
)
from mediator.wire.receiver import Receiver
from tests.simulated.judged import a_resource

FACTS = ServerFacts(version="0", metadata_url="http://127.0.0.1:8080/.well-known/oauth-protected-resource")

DENIED = Refused(Reason.DENIED_BY_POLICY)
NOTHING = Offering(kinds=frozenset(), instructions=None)


def progress(number: int, text: str = "", token: RequestId | None = None) -> Message:
    """Return what a tool says of how far it is."""
    said = Notification(method=PROGRESS, params={"progress": number, "message": text})
    return _told(said, Receiver(progress_token=token or "token"))


def logged(text: str) -> Message:
    """Return what a tool logs."""
    said = Notification(method=LOG_MESSAGE, params={"level": "error", "data": text})
    return _told(said, Receiver(log_level=LogLevel.DEBUG))


def _told(said: Notification, receiver: Receiver) -> Message:
    notice = release_notice(said, receiver, is_asked_for=False)
    assert notice is not None
    return notice_message(notice)


def question() -> ReleasedAsk:
    """Return what a tool asks."""
    params: JsonObject = {"message": "which?", "requestedSchema": {"type": "object", "properties": {}}}
    return release_ask(Ask(method=AskMethod.ELICIT, params=params, size_bytes=1))


def subscription(call: Call, task: str) -> Subscription:
    """Return the subscription that a request is about, at the server `clock`."""
    is_over = call.method is CallMethod.UNSUBSCRIBE
    return Subscription(task=task, server="clock", uri=call.name, is_over=is_over)


@dataclass(slots=True)
class SimulatedCorridor:
    """What arrived, what was read, and what became of calls that take their time (`slow`).

    `slow` is awaited by every call of the tool of that name; `begun` is set when one waits, `ended` when it is over. The
    tool `talks` says how far it is, `says` times, each with `text`; `talks-slow` then waits, and says one thing more; `logs` logs;
    `asks` asks something and keeps the answer in `answers`; `pauses` lets its caller go for a while. `over` are holders whose task
    has ended, `expired` holders
    that are believed no more.
    """

    limits: JsonLimits = DEFAULT_LIMITS
    arrivals: list[Arrival] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    counted: list[tuple[str, Reason]] = field(default_factory=list)
    cancelled: list[object] = field(default_factory=list)
    slow: anyio.Event = field(default_factory=anyio.Event)
    begun: anyio.Event = field(default_factory=anyio.Event)
    ended: anyio.Event = field(default_factory=anyio.Event)
    says: int = 3
    text: str = ""
    told: int = 0
    answers: list[Response | None] = field(default_factory=list)
    answer_seconds: float = 60.0
    expired: set[str] = field(default_factory=set)
    learnt: set[str] = field(default_factory=set)
    over: set[str] = field(default_factory=set)
    list_changes: ListChanges = field(default_factory=lambda: ListChanges(quiet_seconds=0))
    updates: ResourceUpdates = field(default_factory=ResourceUpdates)

    def door(self) -> Door:
        """Return the door that leads here."""
        return Door(
            answers=self,
            facts=FACTS,
            count=lambda source, reason: self.counted.append((source, reason)),
            json_limits=self.limits,
            list_changes=self.list_changes,
            updates=self.updates,
            answer_seconds=self.answer_seconds,
        )

    async def answer(self, arrival: Arrival, caller: Caller = DEAF) -> Reply:
        self.arrivals.append(arrival)
        try:
            reading = read(arrival, self.limits)
            self.readings.append(reading)
            return await self._reply_to(arrival, reading, caller)
        except Refused as stop:
            self.counted.append((arrival.source, stop.reason))
            return refuse(frame_of(arrival, self.limits), stop, FACTS)

    def holder_of(self, arrival: Arrival) -> str:
        if arrival.credential is None:
            raise Refused(Reason.NO_CREDENTIAL)
        holder = arrival.credential.reveal()
        if holder.startswith("bad") or holder in self.expired:
            raise Refused(Reason.BAD_CREDENTIAL)
        return holder

    def listener_of(self, arrival: Arrival) -> str:
        holder = self.holder_of(arrival)
        if holder in self.over:
            raise Refused(Reason.TASK_COMPLETED)
        return holder

    async def learns(self, arrival: Arrival, stop: Refused) -> bool:  # noqa: ARG002 - it knows whose keys moved
        known = self.expired & self.learnt
        self.expired -= known
        return bool(known)

    async def _reply_to(  # noqa: PLR0911 - one for each kind of reading
        self, arrival: Arrival, reading: Reading, caller: Caller
    ) -> Reply:
        holder = self.holder_of(arrival)
        match reading:
            case Call(method=CallMethod.SUBSCRIBE | CallMethod.UNSUBSCRIBE):
                nothing = ToolResult(result={}, error=None, size_bytes=2, noise=0)
                released = inspect(nothing, a_resource(reading.name), reading.method, 1000)
                return reply_with(reading.frame, released, FACTS, subscription(reading, holder))
            case Call():
                await self._work(reading, caller)
                return refuse(reading.frame, DENIED, FACTS)
            case Ping():
                return reply_with_nothing(reading.frame)
            case ListItems():
                return reply_with_list(reading, [b'{"inputSchema":{"type":"object"},"name":"slow"}'], FACTS)
            case Discover():
                return reply_with_discovery(reading.frame, NOTHING, FACTS)
            case Initialize():
                return reply_with_handshake(reading, holder, NOTHING, FACTS)
            case SetLevel():
                return reply_with_level(reading)
            case Listen():
                subscriptions = tuple(subscription(call, holder) for call in reading.calls)
                assert reading.frame.request_id is not None
                listening = Listening(
                    request_id=reading.frame.request_id, lists=reading.lists, subscriptions=subscriptions
                )
                return reply_with_listening(reading, listening, FACTS)
            case Notice():
                return accepted()
            case _:
                assert_never(reading)

    async def _work(self, call: Call, caller: Caller) -> None:
        if call.name.startswith("talks"):
            for number in range(self.says):
                await caller.tell(progress(number, self.text, call.receiver.progress_token))
                self.told += 1
        if call.name.startswith("pauses"):
            await caller.pause()
        if call.name.endswith("slow"):
            await self._wait(call)
        if call.name == "talks-slow":
            await caller.tell(progress(self.says))
        if call.name == "logs":
            await caller.tell(logged("said"))
        if call.name == "asks":
            self.begun.set()
            self.answers.append(await caller.ask(question()) if caller.can_be_asked else None)

    async def _wait(self, call: Call) -> None:
        self.begun.set()
        try:
            await self.slow.wait()
        except anyio.get_cancelled_exc_class():
            self.cancelled.append(call.frame.request_id)
            raise
        finally:
            self.ended.set()
