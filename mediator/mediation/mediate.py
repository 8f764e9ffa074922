"""The corridor: one `tools/call` from arrival to reply, each step once, in one order.

Read `_mediate` first: it is the whole path of a call. What judges stands in `deliberate.py`; what is asked of the
world stands in `ports.py`; nothing here decides. The one `except Exception` of the house is in this file.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, assert_never

import anyio

from mediator.canonical import JsonLimits
from mediator.identity.identify import Identified, identify
from mediator.identity.token import digest_of_credential
from mediator.inspection.release import Released, inspect
from mediator.mediation.circumstances import Circumstances
from mediator.mediation.deliberate import Deliberation, Ids, deliberate, withdraw
from mediator.mediation.fence import Fence
from mediator.mediation.listing import find_instructions, list_tools, live_chain
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
from mediator.mediation.record import Committed, Ending, Outcome
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
_REMEMBERED_MAX: Final = 4096  # identities; each is about 1 kB


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
    """

    ports: Ports
    facts: ServerFacts
    json_limits: JsonLimits
    close_seconds: float
    alarm: Callable[[str], None]
    fence: Fence
    _remembered: OrderedDict[tuple[str, str, str | None], Identified] = field(default_factory=OrderedDict)

    async def answer(self, arrival: Arrival) -> Reply:
        """Answer one arrival. Whatever goes wrong is a refusal; whatever was begun has an outcome."""
        frame: Frame | None = None
        try:
            reading = read(arrival, self.json_limits)
            frame = reading.frame
            return await self._reply_to(arrival, reading)
        except Refused as stop:
            if stop.decision_id is None:  # never decided: only counted
                self.ports.ledger.count(Stop(source=arrival.source, reason=stop.reason, at_ms=self.ports.clock.now_ms()))
            return refuse(frame or frame_of(arrival), stop, self.facts)
        except Exception as bug:  # noqa: BLE001 - the spine: ours, and the agent learns nothing of it
            self.alarm(f"internal error: {bug!r}")
            return refuse(frame or frame_of(arrival), Refused(Reason.INTERNAL, repr(bug)), self.facts)

    def holder_of(self, arrival: Arrival) -> str:
        """Return whose credential this is: a session belongs to it; raises `Refused` as `identify`."""
        return self._identify(arrival, self.ports.trust.snapshot(), self.ports.clock.now_ms()).holder

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
            with anyio.fail_after(permit.deadline_seconds):
                credential = await self.ports.credentials.obtain(permit)
                result = await self.ports.tool_servers.call(permit, credential)
            released = inspect(result, permit.tool, permit.result_bytes_max)
            self.fence(permit)
            ending = released
        except Refused as stop:
            ending = stop
            raise stop.decided_as(permit.decision_id) from stop
        except TimeoutError as late:
            ending = Refused(Reason.DEADLINE_PASSED, f"no answer within {permit.deadline_seconds} s")
            raise ending.decided_as(permit.decision_id) from late
        except Exception as bug:
            ending = Outcome.FAILED
            self.alarm(f"internal error in decision {permit.decision_id}: {bug!r}")
            raise Refused(Reason.INTERNAL, repr(bug), decision_id=permit.decision_id) from bug
        finally:
            await self._close(permit, ending)
        return released

    async def _decide(self, arrival: Arrival, call: ToolCall) -> Committed:
        """Judge and record; judge again where the epoch moved or a claim was lost meanwhile, and give up on record."""
        ids = self.ports.ids.draw()
        lost: frozenset[str] = frozenset()
        deliberation = self._deliberate(arrival, call, ids, lost)
        for _ in range(_ATTEMPTS):
            match committed := await self.ports.ledger.commit(deliberation):
                case Committed():
                    return self._observed(committed)
                case Lost():
                    lost |= {committed.claim.key}
                case Stale():
                    pass
                case _:
                    assert_never(committed)
            deliberation = self._deliberate(arrival, call, ids, lost)  # no await until `commit` has made its claims
        withdrawn = withdraw(deliberation, Refused(Reason.TRY_AGAIN, "the epoch moved at every attempt"))
        committed = await self.ports.ledger.commit(withdrawn)
        if not isinstance(committed, Committed):  # a denial claims nothing, so it can neither be lost nor stale
            raise Refused(Reason.INTERNAL, "a denial was not recorded")
        return self._observed(committed)

    def _deliberate(self, arrival: Arrival, call: ToolCall, ids: Ids, lost: frozenset[str]) -> Deliberation:
        now_ms = self.ports.clock.now_ms()
        snapshot = self.ports.trust.snapshot()
        identity = self._identify(arrival, snapshot, now_ms)
        circumstances = self.ports.circumstances.gather(identity.claims.grant)
        if lost:
            circumstances = replace(circumstances, spent=circumstances.spent | lost)
        return deliberate(
            call=call, identity=identity, snapshot=snapshot, circumstances=circumstances, now_ms=now_ms, ids=ids
        )

    def _identify(self, arrival: Arrival, snapshot: TrustSnapshot, now_ms: int) -> Identified:
        """Identify, remembering the answer by credential, keys and endpoint: this memory is the whole token cache."""
        skew = snapshot.limits.clock_skew_seconds
        if arrival.credential is None:
            return identify(None, snapshot.keys, frozenset(), now_ms, skew)
        key = (digest_of_credential(arrival.credential), snapshot.keys.digest, arrival.server)
        known = self._remembered.get(key)
        if known is not None and now_ms // 1000 < known.claims.expires_at + skew:
            self._remembered.move_to_end(key)
            return known
        audiences = audiences_of(snapshot.audience, arrival.server)
        identity = identify(arrival.credential, snapshot.keys, audiences, now_ms, skew)
        self._remembered[key] = identity
        if len(self._remembered) > _REMEMBERED_MAX:
            self._remembered.popitem(last=False)
        return identity

    def _observed(self, committed: Committed) -> Committed:
        if committed.deliberation.stop is not None:  # a denial is its own outcome
            self.ports.tracer.observe(committed.record, None)
        return committed

    async def _close(self, permit: Permit, ending: Ending) -> None:
        """Write the outcome, shielded from whoever hangs up; where it cannot be, the call is answered all the same."""
        with anyio.move_on_after(self.close_seconds, shield=True):
            try:
                outcome = await self.ports.ledger.close(permit, ending, self.ports.clock.now_ms())
            except Refused as stop:
                self.alarm(f"decision {permit.decision_id} has no outcome on record: {stop}")
                return
            self.ports.tracer.observe(permit.committed.record, outcome)
            return
        self.alarm(f"decision {permit.decision_id} has no outcome on record: {self.close_seconds} s passed")

    def _list(self, arrival: Arrival, asked: ListTools) -> Reply:
        identity, snapshot, circumstances, now_ms = self._gathered(arrival)
        definitions = list_tools(asked, arrival.server, identity, snapshot, circumstances, now_ms)
        return reply_with_list(asked.frame, definitions, self.facts)

    def _instructions(self, arrival: Arrival) -> tuple[Identified, str | None]:
        identity, snapshot, circumstances, now_ms = self._gathered(arrival)
        live_chain(identity, circumstances, now_ms)
        return identity, find_instructions(arrival.server, identity, snapshot, circumstances, now_ms)

    def _gathered(self, arrival: Arrival) -> tuple[Identified, TrustSnapshot, Circumstances, int]:
        now_ms = self.ports.clock.now_ms()
        snapshot = self.ports.trust.snapshot()
        identity = self._identify(arrival, snapshot, now_ms)
        return identity, snapshot, self.ports.circumstances.gather(identity.claims.grant), now_ms


def audiences_of(base: str, server: str | None) -> frozenset[str]:
    """Return the names under which an endpoint may be addressed by a token (RFC 8707): the base URL, or its own."""
    own = f"{base}/mcp" if server is None else f"{base}/servers/{server}/mcp"
    return frozenset({base, own})
