"""The corridor: one call of a tool, a prompt or a resource from arrival to reply, each step once, in one order.

Read `_mediate` first: it is the whole path of a call. What judges stands in `deliberate.py`; what is asked of the
world stands in `ports.py`; nothing here decides. The one place of the house that catches whatever is raised is this file:
a bug of ours, or of a port, is answered and recorded like any other stop.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, assert_never

import anyio
import anyio.lowlevel

from mediator.canonical import JsonLimits
from mediator.identity.identify import Identified
from mediator.identity.token import find_issuer
from mediator.inspection.asking import Asking, asks_back
from mediator.inspection.mcp_task import is_mcp_task
from mediator.inspection.release import Released, inspect
from mediator.inspection.result import Came, LargeResult, Waiting
from mediator.mediation.apart import inspect_apart
from mediator.mediation.caller import DEAF
from mediator.mediation.circumstances import UNKNOWN, Circumstances
from mediator.mediation.deliberate import Deliberation, Ids, Verdict, deliberate, unjudged, withdraw
from mediator.mediation.elsewhere import NOBODY_APPROVES, NOBODY_ELSE
from mediator.mediation.fence import Fence
from mediator.mediation.identities import Identities
from mediator.mediation.listing import Offering, find_offering, list_items, live_chain
from mediator.mediation.opinion import NOBODY_ELSES, Opinion, SecondOpinions
from mediator.mediation.pacing import Exhausted, Meter
from mediator.mediation.people import Come, People
from mediator.mediation.permit import Permit, enforce
from mediator.mediation.ports import (
    Approvals,
    Aside,
    Caller,
    CircumstancesSource,
    Claims,
    Clock,
    CredentialBroker,
    Familiarity,
    Handles,
    IdSource,
    Inspectors,
    Ledger,
    Lost,
    OtherIssuers,
    Stale,
    Stop,
    ToolServers,
    Tracer,
    TrustSource,
    Zone,
)
from mediator.mediation.proofs import Proofs
from mediator.mediation.record import Committed, DecisionRecord, Ending, Outcome, OutcomeRecord
from mediator.mediation.refusals import once_begun
from mediator.mediation.reply import (
    Listening,
    Reply,
    ServerFacts,
    Subscription,
    accepted,
    effect_of,
    refuse,
    reply_with,
    reply_with_approval,
    reply_with_asking,
    reply_with_discovery,
    reply_with_handshake,
    reply_with_level,
    reply_with_list,
    reply_with_listening,
    reply_with_nothing,
    subscription_of,
)
from mediator.mediation.resumption import Resumption
from mediator.mediation.rounds import Beside, Held, Rounds
from mediator.mediation.spending import counted_back
from mediator.mediation.surroundings import Surroundings
from mediator.mediation.trust import TrustSnapshot
from mediator.refusal import Reason, Refused
from mediator.wire.arrival import Arrival
from mediator.wire.call import Call
from mediator.wire.methods import Era
from mediator.wire.reading import (
    Discover,
    Frame,
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

_ROUNDS_MAX: Final = 16  # questions of a tool server in the course of one call
_ATTEMPTS: Final = 3  # once, and again twice at most when the epoch moved meanwhile
_LARGE_BYTES: Final = 64 * 1024  # reading this much costs more than finding out who sent it
_ALARM_MAX: Final = 1000  # characters: an error may quote a whole body


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What the corridor asks of the world, filled by assembly."""

    clock: Clock
    ids: IdSource
    trust: TrustSource
    circumstances: CircumstancesSource
    claims: Claims
    ledger: Ledger
    credentials: CredentialBroker
    tool_servers: ToolServers
    tracer: Tracer
    handles: Handles
    proofs: Proofs
    familiarity: Familiarity
    zone: Zone
    opinions: SecondOpinions = NOBODY_ELSES
    issuers: OtherIssuers = NOBODY_ELSE
    approvals: Approvals = NOBODY_APPROVES
    inspectors: Inspectors | None = None  # none: every answer is read and inspected here


@dataclass(slots=True)
class _Learnt:
    """What was learnt of a call since it was judged first: what it could not take, and what others think of it."""

    lost: frozenset[str] = frozenset()
    exhausted: Mapping[str, int] = field(default_factory=dict)
    opinions: tuple[Opinion, ...] = ()

    def note(self, missed: Exhausted | Lost | Stale) -> None:
        match missed:
            case Lost():
                self.lost |= {missed.claim.key}
            case Exhausted():
                self.exhausted = {missed.key: missed.wait_ms}
            case Stale():
                pass
            case _:
                assert_never(missed)


@dataclass(slots=True, kw_only=True)
class Corridor:
    """The enforcement point.

    `alarm` is told, in one line, what an operator must see now: a bug of ours, an outcome that could not be written.
    `close_seconds` is how long a record may take to be written, whoever has hung up meanwhile.
    """

    ports: Ports
    facts: ServerFacts
    json_limits: JsonLimits
    close_seconds: float
    alarm: Callable[[str], None]
    fence: Fence
    meter: Meter
    _identities: Identities = field(init=False, repr=False)
    _rounds: Rounds = field(init=False, repr=False)
    _people: People = field(init=False, repr=False)
    _surroundings: Surroundings = field(init=False, repr=False)

    def __post_init__(self) -> None:
        ports = self.ports
        abandon = ports.tool_servers.abandon
        self._identities = Identities(ports.proofs)
        self._surroundings = Surroundings(familiarity=ports.familiarity, zone=ports.zone)
        self._rounds = Rounds(clock=ports.clock, ledger=ports.ledger, handles=ports.handles, abandon=abandon)
        self._people = People(approvals=ports.approvals, handles=ports.handles, ledger=ports.ledger, clock=ports.clock)

    async def answer(self, arrival: Arrival, caller: Caller = DEAF) -> Reply:
        """Answer one arrival. Whatever goes wrong is a refusal; whatever was begun has an outcome.

        `caller` is who waits for it: told what a tool server says meanwhile, and asked what it asks.

        When the agent hangs up, cancel this through an anyio scope: what must be recorded is shielded against that,
        and cannot be against a task's own `cancel()`.
        """
        frame: Frame | None = None
        try:
            if len(arrival.body) > _LARGE_BYTES:
                await self._must_be_somebody(arrival)  # who is nobody is not read at length
            reading = read(arrival, self.json_limits, self.facts.extensions)
            frame = reading.frame
            try:
                return await self._reply_to(arrival, reading, caller)
            except Refused as refused:
                if not await self.learns(arrival, refused):
                    raise
                return await self._reply_to(arrival, reading, caller)  # once more, and no more
        except Refused as refused:
            stop = refused
        except BaseException as bug:  # the spine
            if not _is_bug(bug):
                raise
            stop = self._internal(bug)
        if stop.decision_id is None:  # never decided: only counted
            self._count(arrival, stop)
        return refuse(frame or frame_of(arrival, self.json_limits), stop, self.facts)

    def holder_of(self, arrival: Arrival) -> str:
        """Return whose credential this is: a session belongs to it; raises `Refused` as `identify`."""
        return self._identities.identify(arrival, self.ports.trust.snapshot(), self.ports.clock.now_ms()).holder

    async def _must_be_somebody(self, arrival: Arrival) -> None:
        try:
            self.holder_of(arrival)
        except Refused as stop:
            if not await self.learns(arrival, stop):
                raise
            self.holder_of(arrival)

    async def learns(self, arrival: Arrival, stop: Refused) -> bool:
        """Have the issuer's keys looked at once more, where a credential was refused for a key that is not known.

        Tells whether its keys are others now, so that it is worth asking again. Nothing had been decided before.
        """
        if stop.reason is not Reason.UNKNOWN_KEY or stop.decision_id is not None or arrival.credential is None:
            return False
        issuer = find_issuer(arrival.credential)
        return issuer is not None and await self.ports.issuers.learn(issuer)

    def listener_of(self, arrival: Arrival) -> str:
        """Return whose credential this is, where its task goes on: who is told what comes later must have one.

        Raises `Refused` as `holder_of`, and as a listing of the same caller.
        """
        identity, snapshot, circumstances, now_ms = self._gathered(arrival)
        live_chain(identity, arrival.server, snapshot, circumstances, now_ms)
        return identity.holder

    async def _reply_to(self, arrival: Arrival, reading: Reading, caller: Caller) -> Reply:
        match reading:
            case Call():
                return await self._mediate(arrival, reading, caller)
            case ListItems():
                return reply_with_list(reading, self._list(arrival, reading), self.facts)
            case Discover():
                return reply_with_discovery(reading.frame, self._offering(arrival)[1], self.facts)
            case Initialize():
                identity, offering = self._offering(arrival)
                return reply_with_handshake(reading, identity.holder, offering, self.facts)
            case Listen():
                return await self._listen(arrival, reading)
            case SetLevel():
                self.holder_of(arrival)
                return reply_with_level(reading)
            case Ping():
                self.holder_of(arrival)
                return reply_with_nothing(reading.frame)
            case Notice():
                self.holder_of(arrival)
                return accepted()
            case _:
                assert_never(reading)

    async def _mediate(self, arrival: Arrival, call: Call, caller: Caller) -> Reply:
        """Take one call down the corridor, and again for each answer that its tool server asks for in between."""
        resumes: Resumption | None = None
        come = await self._come(arrival, call)
        call = come.call
        try:
            for _ in range(_ROUNDS_MAX):
                committed = await self._decide(arrival, call, resumes)
                if (question := self._people.ask(committed, come.rounds)) is not None:
                    return reply_with_approval(call.frame, question, self.facts)
                permit = enforce(committed)  # a denial stops here, on record
                ending = await self._act(permit, caller)
                if isinstance(ending, Released):
                    handle = self._rounds.mcp_task_handle(permit, ending)
                    return reply_with(call.frame, ending, self.facts, effect_of(permit), handle)
                if call.era is Era.MODERN:
                    return reply_with_asking(call.frame, ending.asking, self._rounds.handle(ending), self.facts)
                call, resumes = await self._rounds.ask(ending, call, caller)
        finally:
            self._rounds.let_go(resumes)  # nothing, where the call went on
        raise Refused(Reason.TOOL_SERVER_INVALID, f"it asked {_ROUNDS_MAX} times, and asks on")

    async def _come(self, arrival: Arrival, call: Call) -> Come:
        """Return the call as it is decided; one that comes back from a person waits for what that decides."""
        if not self._people.is_ours(call):
            return Come(call=call)
        identity = self._identities.identify(arrival, self.ports.trust.snapshot(), self.ports.clock.now_ms())
        return await self._people.wait(call, identity.claims.grant)

    async def _act(self, permit: Permit, caller: Caller) -> Released | Held:
        """Do what is permitted: forward; inspect; close. What was begun has an outcome, whatever comes."""
        ending: Ending = Outcome.ABANDONED  # what stands if the agent hangs up now
        outcome: Came | None = None
        try:
            outcome = await self._forward(permit, Beside(rounds=self._rounds, permit=permit, caller=caller))
            released: Released | Held
            if isinstance(outcome, Waiting):
                released = self._rounds.held_open(permit, outcome)
            elif isinstance(outcome, LargeResult):
                released = await inspect_apart(self.ports.inspectors, permit, outcome, self.facts)
            elif is_mcp_task(outcome, permit.forwarded):
                released = self._rounds.released_mcp_task(permit, outcome)
            elif asks_back(outcome):
                released = self._rounds.held(permit, outcome, caller)
            else:
                released = inspect(outcome, permit.item, permit.forwarded.method, permit.result_bytes_max)
            self.fence(permit)
            ending = released.asking if isinstance(released, Held) else released
        except Refused as stop:
            ending = once_begun(stop) if permit.was_used else stop
            raise ending.decided_as(permit.decision_id) from stop
        except BaseException as bug:
            if not _is_bug(bug):
                raise
            ending = Outcome.FAILED
            raise self._internal(bug, permit.decision_id) from bug
        finally:
            if isinstance(outcome, Waiting) and not isinstance(ending, Asking):
                self.ports.tool_servers.abandon(permit.item.server, outcome)  # nobody will answer
            self.meter.ended(permit, ending)
            self._count_back(permit, ending)
            await self._close(permit, ending)
        return released

    async def _listen(self, arrival: Arrival, asked: Listen) -> Reply:
        """Subscribe to each resource that the caller may subscribe to, each a decision; the rest is not honoured."""
        self._offering(arrival)
        subscriptions: list[Subscription] = []
        for call in asked.calls:
            with contextlib.suppress(Refused):  # on record
                permit = enforce(await self._decide(arrival, call, None))
                ending = await self._act(permit, DEAF)
                if isinstance(ending, Released) and not ending.is_protocol_error:
                    subscriptions.append(subscription_of(permit))
        request_id = asked.frame.request_id
        assert request_id is not None  # a request has one
        listening = Listening(request_id=request_id, lists=asked.lists, subscriptions=tuple(subscriptions))
        return reply_with_listening(asked, listening, self.facts)

    async def _decide(self, arrival: Arrival, call: Call, resumes: Resumption | None) -> Committed:
        """Judge and record; judge again where the epoch moved or a claim was lost meanwhile, and give up on record."""
        ids = self.ports.ids.draw()
        learnt = _Learnt()
        deliberation = self._deliberate(arrival, call, ids, resumes, learnt)
        for _ in range(_ATTEMPTS):
            try:
                if deliberation.awaits:
                    learnt.opinions = await self.ports.opinions.ask(deliberation.awaits, deliberation.opinion_request)
                    deliberation = self._deliberate(arrival, call, ids, resumes, learnt)
                committed = await self._commit(deliberation)
                if isinstance(committed, Committed):
                    self._surroundings.remember(deliberation)
                    return self._observed(committed)
                learnt.note(committed)
                # No await until `commit` made its claims.
                deliberation = self._deliberate(arrival, call, ids, resumes, learnt)
            except Refused as stop:  # claims that could not be made, a credential that ran out: that, too, is recorded
                if stop.reason is Reason.LEDGER_UNAVAILABLE:
                    raise
                deliberation = withdraw(deliberation, stop)
        if deliberation.verdict is Verdict.ALLOW:
            deliberation = withdraw(deliberation, Refused(Reason.TRY_AGAIN, "the epoch moved at every attempt"))
        committed = await self._commit(deliberation)
        if not isinstance(committed, Committed):  # a denial claims nothing, so it can neither be lost nor stale
            raise Refused(Reason.INTERNAL, "a denial was not recorded")
        return self._observed(committed)

    async def _commit(self, deliberation: Deliberation) -> Committed | Exhausted | Lost | Stale:
        """Have it recorded, shielded from whoever hangs up: an allow on record is an allow that gets its outcome."""
        with anyio.move_on_after(self.close_seconds, shield=True):
            if (exhausted := self.meter.take(deliberation)) is not None:
                return exhausted
            committed = await self.ports.ledger.commit(deliberation)  # no await until it made its claims
            if not isinstance(committed, Committed):
                self.meter.give_back(deliberation)
            return committed
        raise Refused(Reason.LEDGER_UNAVAILABLE, f"the record was not written within {self.close_seconds} s")

    async def _forward(self, permit: Permit, aside: Aside) -> Came:
        """Make the call within its deadline; a time-out of a port's own is a bug of that port, not this deadline."""
        with anyio.move_on_after(permit.deadline_seconds):
            await anyio.lowlevel.checkpoint_if_cancelled()  # whoever hung up during the commit wants nothing done
            if (waiting := self._rounds.take(permit)) is not None:
                result = await self.ports.tool_servers.resume(permit, waiting, aside)
            else:
                credential = await self.ports.credentials.obtain(permit)
                result = await self.ports.tool_servers.call(permit, credential, aside)
            if not permit.was_used:
                message = f"`{permit.item.server}` was called past the fence"
                raise RuntimeError(message)
            return result
        raise Refused(Reason.DEADLINE_PASSED, f"no answer within {permit.deadline_seconds} s")

    def _deliberate(
        self,
        arrival: Arrival,
        call: Call,
        ids: Ids,
        resumes: Resumption | None,
        learnt: _Learnt,
    ) -> Deliberation:
        """Judge; raises `Refused` only while nobody is identified, for whoever is leaves a record."""
        now_ms = self.ports.clock.now_ms()
        snapshot = self.ports.trust.snapshot()
        identity = self._identities.identify(arrival, snapshot, now_ms)
        circumstances = UNKNOWN
        try:
            if resumes is None:
                call, resumes = self._rounds.open(call, identity.claims.grant)
            circumstances = self._surroundings.add_to(
                self._gather(identity, now_ms), call, snapshot, resumes, learnt.lost, now_ms
            )
            if learnt.opinions:
                circumstances = replace(circumstances, opinions=learnt.opinions)
            if learnt.exhausted:
                circumstances = circumstances.without(learnt.lost, learnt.exhausted)
            return deliberate(
                call=call,
                identity=identity,
                snapshot=snapshot,
                circumstances=circumstances,
                now_ms=now_ms,
                ids=ids,
                resumes=resumes,
            )
        except Refused as refused:
            stop = refused
        except BaseException as bug:
            if not _is_bug(bug):
                raise
            stop = self._internal(bug, ids.decision_id)
        return unjudged(
            call=call,
            identity=identity,
            snapshot=snapshot,
            circumstances=circumstances,
            now_ms=now_ms,
            ids=ids,
            stop=stop,
            resumes=resumes,
        )

    def _observed(self, committed: Committed) -> Committed:
        if committed.deliberation.stop is not None:  # a denial is its own outcome
            self._trace(committed.record, None)
        self._people.note_use(committed)
        return committed

    async def _close(self, permit: Permit, ending: Ending) -> None:
        """Write the outcome, shielded from whoever hangs up; where it cannot be, the call is answered all the same."""
        why = f"{self.close_seconds} s passed"
        with anyio.move_on_after(self.close_seconds, shield=True):
            try:
                outcome = await self.ports.ledger.close(permit, ending, self.ports.clock.now_ms())
            except Exception as error:  # noqa: BLE001 - what was done is not undone by a ledger that fails
                why = repr(error)
            else:
                self._trace(permit.committed.record, outcome)
                return
        self._warn(f"decision {permit.decision_id} has no outcome on record: {why}")

    def _count_back(self, permit: Permit, ending: Ending) -> None:
        """Count what came back; whoever is given it is given it, counted or not."""
        if isinstance(ending, Released):
            claims = counted_back(permit.committed.deliberation.claims, ending.size_bytes)
            try:
                if claims:
                    self.ports.claims.count(permit.task, claims)
            except Exception as error:  # noqa: BLE001 - as with the outcome
                self._warn(f"the answer of decision {permit.decision_id} was not counted: {error!r}")

    def _trace(self, decision: DecisionRecord, outcome: OutcomeRecord | None) -> None:
        try:
            self.ports.tracer.observe(decision, outcome)
        except Exception as bug:  # noqa: BLE001 - the ledger may stop a call, the tracer may not
            self._warn(f"a record was not traced: {bug!r}")

    def _count(self, arrival: Arrival, stop: Refused) -> None:
        try:
            self.ports.ledger.count(Stop(source=arrival.source, reason=stop.reason, at_ms=self.ports.clock.now_ms()))
        except Exception as bug:  # noqa: BLE001 - whoever was refused is told so, counted or not
            self._warn(f"a stop was not counted: {bug!r}")

    def _internal(self, bug: BaseException, decision_id: str | None = None) -> Refused:
        """Return the stop for a bug of ours: the operator is told of it, the agent learns nothing."""
        self._warn(f"internal error in decision {decision_id}: {bug!r}")
        return Refused(Reason.INTERNAL, repr(bug)[:_ALARM_MAX], decision_id=decision_id)

    def _warn(self, text: str) -> None:
        with contextlib.suppress(Exception):  # nobody is refused because an alarm could not be rung
            self.alarm(" ".join(text.split())[:_ALARM_MAX])

    def _list(self, arrival: Arrival, asked: ListItems) -> list[bytes]:
        identity, snapshot, circumstances, now_ms = self._gathered(arrival)
        return list_items(asked, arrival.server, identity, snapshot, circumstances, now_ms)

    def _offering(self, arrival: Arrival) -> tuple[Identified, Offering]:
        identity, snapshot, circumstances, now_ms = self._gathered(arrival)
        return identity, find_offering(arrival.server, identity, snapshot, circumstances, now_ms)

    def _gathered(self, arrival: Arrival) -> tuple[Identified, TrustSnapshot, Circumstances, int]:
        now_ms = self.ports.clock.now_ms()
        snapshot = self.ports.trust.snapshot()
        identity = self._identities.identify(arrival, snapshot, now_ms)
        return identity, snapshot, self._gather(identity, now_ms), now_ms

    def _gather(self, identity: Identified, now_ms: int) -> Circumstances:
        """Return what is true of the caller's task; one that its token brings is opened at its first use."""
        circumstances = self.ports.circumstances.gather(identity.claims.grant)
        if circumstances.grants or identity.claims.asserted is None:
            return circumstances
        self.ports.issuers.open(identity, now_ms)
        return self.ports.circumstances.gather(identity.claims.grant)


def _is_bug(error: BaseException) -> bool:
    """Tell a bug, also one of a library in Rust (a panic is no `Exception`), from a hang-up or the end of the process."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"
