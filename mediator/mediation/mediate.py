"""The corridor: one `tools/call` from arrival to reply, each step once, in one order.

Read `_mediate` first: it is the whole path of a call. What judges stands in `deliberate.py`; what is asked of the
world stands in `ports.py`; nothing here decides. The one place of the house that catches whatever is raised is this file:
a bug of ours, or of a port, is answered and recorded like any other stop.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, assert_never

import anyio
import anyio.lowlevel

from mediator.canonical import JsonLimits
from mediator.identity.identify import Identified
from mediator.inspection.release import Released, inspect
from mediator.inspection.result import ToolResult
from mediator.mediation.circumstances import UNKNOWN, Circumstances
from mediator.mediation.deliberate import Deliberation, Ids, Verdict, deliberate, unjudged, withdraw
from mediator.mediation.fence import Fence
from mediator.mediation.identities import Identities
from mediator.mediation.listing import find_instructions, list_tools
from mediator.mediation.permit import Permit, enforce
from mediator.mediation.ports import (
    CircumstancesSource,
    Claims,
    Clock,
    CredentialBroker,
    IdSource,
    Ledger,
    Lost,
    Stale,
    Stop,
    ToolServers,
    Tracer,
    TrustSource,
)
from mediator.mediation.record import Committed, DecisionRecord, Ending, Outcome, OutcomeRecord
from mediator.mediation.refusals import once_begun
from mediator.mediation.reply import (
    Reply,
    ServerFacts,
    accepted,
    refuse,
    reply_with,
    reply_with_discovery,
    reply_with_handshake,
    reply_with_list,
    reply_with_nothing,
)
from mediator.mediation.trust import TrustSnapshot
from mediator.refusal import Reason, Refused
from mediator.wire.arrival import Arrival
from mediator.wire.reading import Discover, Frame, Initialize, ListTools, Notice, Ping, Reading, frame_of, read
from mediator.wire.tool_call import ToolCall

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
    _identities: Identities = field(default_factory=Identities, init=False, repr=False)

    async def answer(self, arrival: Arrival) -> Reply:
        """Answer one arrival. Whatever goes wrong is a refusal; whatever was begun has an outcome.

        When the agent hangs up, cancel this through an anyio scope: what must be recorded is shielded against that,
        and cannot be against a task's own `cancel()`.
        """
        frame: Frame | None = None
        try:
            if len(arrival.body) > _LARGE_BYTES:
                self.holder_of(arrival)  # who is nobody is not read at length
            reading = read(arrival, self.json_limits)
            frame = reading.frame
            return await self._reply_to(arrival, reading)
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

    async def _reply_to(self, arrival: Arrival, reading: Reading) -> Reply:
        match reading:
            case ToolCall():
                return reply_with(reading.frame, await self._mediate(arrival, reading), self.facts)
            case ListTools():
                return self._list(arrival, reading)
            case Discover():
                _, instructions = self._instructions(arrival)
                return reply_with_discovery(reading.frame, instructions, self.facts)
            case Initialize():
                identity, instructions = self._instructions(arrival)
                return reply_with_handshake(reading.frame, reading.version, identity.holder, instructions, self.facts)
            case Ping():
                self.holder_of(arrival)
                return reply_with_nothing(reading.frame)
            case Notice():
                self.holder_of(arrival)
                return accepted()
            case _:
                assert_never(reading)

    async def _mediate(self, arrival: Arrival, call: ToolCall) -> Released:
        """Take one call down the corridor: identify, gather, deliberate, commit; enforce; forward; inspect; close."""
        permit = enforce(await self._decide(arrival, call))  # a denial stops here, on record
        ending: Ending = Outcome.ABANDONED  # what stands if the agent hangs up now
        try:
            result = await self._forward(permit)
            released = inspect(result, permit.tool, permit.result_bytes_max)
            self.fence(permit)
            ending = released
        except Refused as stop:
            ending = once_begun(stop) if permit.was_used else stop
            raise ending.decided_as(permit.decision_id) from stop
        except BaseException as bug:
            if not _is_bug(bug):
                raise
            ending = Outcome.FAILED
            raise self._internal(bug, permit.decision_id) from bug
        finally:
            await self._close(permit, ending)
        return released

    async def _decide(self, arrival: Arrival, call: ToolCall) -> Committed:
        """Judge and record; judge again where the epoch moved or a claim was lost meanwhile, and give up on record."""
        ids = self.ports.ids.draw()
        lost: frozenset[str] = frozenset()
        deliberation = self._deliberate(arrival, call, ids, lost)
        for _ in range(_ATTEMPTS):
            try:
                match committed := await self._commit(deliberation):
                    case Committed():
                        return self._observed(committed)
                    case Lost():
                        lost |= {committed.claim.key}
                    case Stale():
                        pass
                    case _:
                        assert_never(committed)
                deliberation = self._deliberate(arrival, call, ids, lost)  # no await until `commit` made its claims
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

    async def _commit(self, deliberation: Deliberation) -> Committed | Lost | Stale:
        """Have it recorded, shielded from whoever hangs up: an allow on record is an allow that gets its outcome."""
        with anyio.move_on_after(self.close_seconds, shield=True):
            return await self.ports.ledger.commit(deliberation)
        raise Refused(Reason.LEDGER_UNAVAILABLE, f"the record was not written within {self.close_seconds} s")

    async def _forward(self, permit: Permit) -> ToolResult:
        """Make the call within its deadline; a time-out of a port's own is a bug of that port, not this deadline."""
        with anyio.move_on_after(permit.deadline_seconds):
            await anyio.lowlevel.checkpoint_if_cancelled()  # whoever hung up during the commit wants nothing done
            credential = await self.ports.credentials.obtain(permit)
            result = await self.ports.tool_servers.call(permit, credential)
            if not permit.was_used:
                message = f"`{permit.tool.server}` was called past the fence"
                raise RuntimeError(message)
            return result
        raise Refused(Reason.DEADLINE_PASSED, f"no answer within {permit.deadline_seconds} s")

    def _deliberate(self, arrival: Arrival, call: ToolCall, ids: Ids, lost: frozenset[str]) -> Deliberation:
        """Judge; raises `Refused` only while nobody is identified, for whoever is leaves a record."""
        now_ms = self.ports.clock.now_ms()
        snapshot = self.ports.trust.snapshot()
        identity = self._identities.identify(arrival, snapshot, now_ms)
        circumstances = UNKNOWN
        try:
            circumstances = self.ports.circumstances.gather(identity.claims.grant)
            if lost:
                circumstances = replace(circumstances, spent=circumstances.spent | lost)
            return deliberate(
                call=call, identity=identity, snapshot=snapshot, circumstances=circumstances, now_ms=now_ms, ids=ids
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
        )

    def _observed(self, committed: Committed) -> Committed:
        if committed.deliberation.stop is not None:  # a denial is its own outcome
            self._trace(committed.record, None)
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

    def _list(self, arrival: Arrival, asked: ListTools) -> Reply:
        identity, snapshot, circumstances, now_ms = self._gathered(arrival)
        definitions = list_tools(asked, arrival.server, identity, snapshot, circumstances, now_ms)
        return reply_with_list(asked.frame, definitions, self.facts)

    def _instructions(self, arrival: Arrival) -> tuple[Identified, str | None]:
        identity, snapshot, circumstances, now_ms = self._gathered(arrival)
        return identity, find_instructions(arrival.server, identity, snapshot, circumstances, now_ms)

    def _gathered(self, arrival: Arrival) -> tuple[Identified, TrustSnapshot, Circumstances, int]:
        now_ms = self.ports.clock.now_ms()
        snapshot = self.ports.trust.snapshot()
        identity = self._identities.identify(arrival, snapshot, now_ms)
        return identity, snapshot, self.ports.circumstances.gather(identity.claims.grant), now_ms


def _is_bug(error: BaseException) -> bool:
    """Tell a bug, also one of a library in Rust (a panic is no `Exception`), from a hang-up or the end of the process."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"
