"""A whole mediator core in memory: real keys, statements, pins, policies and judgement; the world around it simulated.

    world = SimulatedWorld()                                       # or the fixture `world`
    world.pin(WEATHER_READ, MAIL_SEND)                             # really signed, reviewed, loaded
    world.activate(LIST_ONLY)                                      # other policies than `policies/` without `proof.cedar`
    task = world.open_task(agent="planner", owner="alice@example.com", tools="weather/*", effects=["read"])
    reply = await world.answer(tools_call("weather__read", city="Oslo"), bearer=task.token)

    reply == refusal(Reason.DENIED_BY_POLICY)                      # told in the way that the reply's era has
    result_of(reply)                                               # or error_of(reply)
    world.tool_server.calls                                        # each call that got there: .tool .arguments .bearer
    world.tool_server.answer_with("weather/read", {...})           # or a function of the permit, or an error to raise
    world.ledger.last.decision, .record, .outcome                  # the last decision, and what became of it
    world.ledger.stops                                             # what stopped before that, counted
    world.trace                                                    # (decision record, outcome record or None)
    world.alarms                                                   # what the operator was told
    world.at("call", lambda: world.revoke(task))                   # steps in at any await: see pauses.py
    world.approvals.approve(approval_id), .deny(approval_id)         # what a person says of a request that waits
    world.revoke(task), .complete(task), .freeze("agent:planner"), .quarantine("weather", "read"), .clock.advance(...)

The tool side springs each permit as an adapter must. No socket, file or clock is touched but `policies/`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mediator.adapters.minter_jwt import jwk_set, mint
from mediator.adapters.trust_held import HeldTrust
from mediator.canonical import DEFAULT_LIMITS, Json, JsonObject
from mediator.delegation.constraint import Constraint
from mediator.delegation.grant import Grant, GrantState
from mediator.effect import Effect
from mediator.identity.keys import key_set
from mediator.identity.statement import Act, Keyholder, Operator, Role, sign_statement, verify_statement
from mediator.kind import ItemKind
from mediator.manifest.approval import Raise
from mediator.manifest.pin import PinSet
from mediator.mediation.caller import DEAF
from mediator.mediation.fence import Fence
from mediator.mediation.mediate import Corridor, Ports
from mediator.mediation.pacing import Meter
from mediator.mediation.ports import Caller
from mediator.mediation.record import DecisionRecord, OutcomeRecord
from mediator.mediation.reply import Reply, ServerFacts
from mediator.mediation.tasks import Opening, TaskRequest, open_task, task_form
from mediator.mediation.trust import CallLimits, TrustSnapshot
from mediator.settings.quotas import BreakerSettings, Quotas
from mediator.settings.sections import AgentSettings, DelegationSettings
from mediator.wire.arrival import Arrival
from tests.simulated.clock import FixedClock, FixedZone
from tests.simulated.ids import CountingIds
from tests.simulated.memory import MemoryLedger, MemoryStore
from tests.simulated.memory_approvals import MemoryApprovals
from tests.simulated.open_handles import OpenHandles
from tests.simulated.owned_tools import FILES_WRITE, MAIL_SEND, WEATHER_READ, OwnedTool, owned
from tests.simulated.pauses import Gate, Hook, Pauses, Point, raises
from tests.simulated.people import key_of
from tests.simulated.pins import NOW_MS, approved, entries, loaded, manifest_of, signed
from tests.simulated.policies import DEFAULT_POLICIES, FOR_BEARERS, LIST_ONLY, engine_of
from tests.simulated.proofs import proofs_of
from tests.simulated.quarantines import quarantines
from tests.simulated.replies import (
    arrival_of,
    error_of,
    message,
    refusal,
    refusal_of,
    result_of,
    text_of,
    tools_call,
    tools_list,
)
from tests.simulated.world_ports import PausingPorts, ScriptedToolServers

__all__ = [
    "BASE_URL",
    "DEFAULT_POLICIES",
    "FILES_WRITE",
    "LIST_ONLY",
    "MAIL_SEND",
    "WEATHER_READ",
    "Gate",
    "OwnedTool",
    "SimulatedTask",
    "SimulatedWorld",
    "arrival_of",
    "error_of",
    "message",
    "owned",
    "raises",
    "refusal",
    "refusal_of",
    "result_of",
    "text_of",
    "tools_call",
    "tools_list",
]

BASE_URL: Final = "http://127.0.0.1:8080"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedTask:
    """An open task and a token that names it."""

    grant: Grant
    token: str


class SimulatedWorld:
    """See the top of the file."""

    def __init__(
        self,
        *,
        deadline_seconds: float = 5,
        result_bytes_max: int = 1 << 20,
        close_seconds: float = 5,
        quotas: Quotas = Quotas(),  # noqa: B008 - frozen
        breaker: BreakerSettings = BreakerSettings(failures=0),  # noqa: B008 - frozen
    ) -> None:
        self.clock = FixedClock(NOW_MS)
        self.zone = FixedZone()
        self.pauses = Pauses()
        self.store = MemoryStore()
        self.ledger = MemoryLedger(self.store)
        self.alarms: list[str] = []
        self.issuer_key = key_of("issuer")
        self.profiles: dict[str, AgentSettings] = {}
        self.policies: Mapping[str, str] = FOR_BEARERS
        self.limits = CallLimits(
            deadline_seconds=deadline_seconds,
            result_bytes_max=result_bytes_max,
            clock_skew_seconds=30,
            quotas=quotas,
        )
        self._operators: dict[str, Operator] = {}
        self._lock: bytes | None = None
        self._envelopes: dict[str, bytes] = {}
        self._owned: dict[str, dict[str, OwnedTool]] = {}
        self._tasks = 0
        self.trust = HeldTrust(self._snapshot(loaded(None, {})[0]), self.store.move_epoch, book=self.store)
        self.fence = Fence(claims=self.store, trust=self.trust, circumstances=self.store, clock=self.clock)
        self.tool_server = ScriptedToolServers(self.pauses, self.fence)
        self.ports = PausingPorts(self.pauses, self.store, self.ledger)
        self.meter = Meter(elapsed_ms=lambda: float(self.clock.now_ms()), breaker=breaker)
        self.approvals = MemoryApprovals(self.store, self.clock)
        self.corridor = Corridor(
            ports=Ports(
                clock=self.clock,
                ids=CountingIds(),
                trust=self.trust,
                circumstances=self.ports,
                claims=self.store,
                ledger=self.ports,
                credentials=self.ports,
                tool_servers=self.tool_server,
                tracer=self.ports,
                handles=OpenHandles(),
                proofs=proofs_of(),
                approvals=self.approvals,
                familiarity=self.store,
                zone=self.zone,
            ),
            facts=ServerFacts(version="0.1.0", metadata_url=f"{BASE_URL}/.well-known/oauth-protected-resource"),
            json_limits=DEFAULT_LIMITS,
            close_seconds=close_seconds,
            alarm=self.alarms.append,
            fence=self.fence,
            meter=self.meter,
        )

    @property
    def trace(self) -> list[tuple[DecisionRecord, OutcomeRecord | None]]:
        """What the tracer saw: each denial alone, each allow with its outcome."""
        return self.ports.trace

    # --- what operators do -------------------------------------------------------------------------------------------

    def pin(self, *tools: OwnedTool) -> None:
        """Have these tools published, signed, reviewed and put in force, beside those that are; a name again: anew."""
        for server in sorted({tool.server for tool in tools}):
            named = {str(tool.definition["name"]): tool for tool in tools if tool.server == server}
            own = self._owned[server] = self._owned.get(server, {}) | named
            manifest = manifest_of(*(tool.definition for tool in own.values()), server=server)
            declared = zip(entries(manifest), own.values(), strict=True)
            forms: list[Json] = [{**entry, **tool.declared} for entry, tool in declared]
            self._envelopes[server] = signed({**manifest, "tools": forms})
            self._lock = approved(self._envelopes[server], server, self._lock, tools=frozenset(named))
        self._put_pins_in_force()

    def publish(self, manifest: JsonObject, server: str) -> None:
        """Have a whole manifest signed, every item of it reviewed, and put in force beside what is."""
        self._envelopes[server] = signed(manifest)
        self._lock = approved(self._envelopes[server], server, self._lock)
        self._put_pins_in_force()

    def tighten(self, server: str, tool: str, effect: Effect) -> None:
        """Have a reviewer approve the same tool again, to a stricter effect."""
        raises = Raise(effect=effect)
        tools = frozenset({tool})
        self._lock = approved(self._envelopes[server], server, self._lock, tools=tools, raises=raises)
        self._put_pins_in_force()

    def activate(self, policies: str | Mapping[str, str] = FOR_BEARERS) -> None:
        """Put these policies in force instead of those that are."""
        self.policies = {"policies.cedar": policies} if isinstance(policies, str) else policies
        self._put_in_force(self.trust.snapshot().all_pins)

    def open_task(
        self,
        *,
        agent: str = "planner",
        owner: str = "alice@example.com",
        tools: str | Sequence[str] = "*",
        effects: Sequence[str] = ("read",),
        purpose: str = "plan a trip",
        minutes: int = 15,
        idle_minutes: int | None = None,
        max_calls: int | None = None,
        server: str | None = None,
        arguments: Mapping[str, Constraint] | None = None,
        because: str | None = None,
    ) -> SimulatedTask:
        """Open a task by its owner's statement, and mint a token; with `server`, one that is good at its endpoint alone."""
        self._tasks += 1
        request = TaskRequest(
            id=f"task-{self._tasks:032x}",
            agent=agent,
            owner=owner,
            purpose=purpose,
            tools=(tools,) if isinstance(tools, str) else tuple(tools),
            effects=tuple(map(Effect, effects)),
            minutes=minutes,
            idle_minutes=idle_minutes,
            max_calls=max_calls,
            issuer=None,
            arguments=arguments or {},
            because=because,
        )
        self.profiles.setdefault(agent, AgentSettings(name=agent, owner=owner))
        self._operator(owner, Role.OWNER)
        raw = sign_statement(
            key_of(owner),
            act=Act.TASK_OPEN,
            subject=task_form(request),
            who=owner,
            at=self.clock.now_ms(),
            serial=self._tasks,
        )
        keyholders: dict[str, Keyholder] = dict(self._operators)
        grant = open_task(
            verify_statement(raw, keyholders, Act.TASK_OPEN),
            Opening(
                profiles=tuple(self.profiles.values()),
                limits=DelegationSettings(),
                pin_serial=self.trust.snapshot().pins.serial,
                issuer=BASE_URL,
                audience=BASE_URL if server is None else f"{BASE_URL}/servers/{server}/mcp",
                salt=f"{self._tasks:032x}",
                now_ms=self.clock.now_ms(),
            ),
        )
        self.store.open_grant(grant)
        return SimulatedTask(grant=grant, token=self.token_for(grant))

    def token_for(self, grant: Grant, *, seconds: int = 900) -> str:
        """Return a fresh token that names this grant."""
        return mint(grant, self.issuer_key, now_ms=self.clock.now_ms(), seconds=seconds).reveal()

    def revoke(self, task: SimulatedTask) -> None:
        self.store.end_grant(task.grant.id, GrantState.REVOKED)

    def complete(self, task: SimulatedTask) -> None:
        self.store.end_grant(task.grant.id, GrantState.COMPLETED)

    def freeze(self, name: str) -> None:
        self.store.freeze(name)

    def quarantine(self, server: str, tool: str, kind: ItemKind = ItemKind.TOOL) -> None:
        self.trust.quarantine(quarantines(self.trust.snapshot().all_pins, server, tool, kind=kind))

    # --- what arrives ------------------------------------------------------------------------------------------------

    async def answer(
        self,
        asked: JsonObject | bytes | Arrival,
        *,
        bearer: str | None = None,
        server: str | None = None,
        caller: Caller = DEAF,
    ) -> Reply:
        """Answer what an agent sends: over HTTP, modern if it has the envelope, else in a legacy session."""
        return await self.corridor.answer(arrival_of(asked, bearer=bearer, server=server), caller)

    def at(self, point: Point, *hooks: Hook) -> None:
        """Step in, once each, at this point of the calls to come."""
        self.pauses.at(point, *hooks)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _operator(self, name: str, role: Role) -> None:
        person = Operator(name=name, public=key_of(name).public, roles=frozenset({role}))
        self._operators[person.public.keyid] = person

    def _snapshot(self, pins: PinSet) -> TrustSnapshot:
        return TrustSnapshot(
            keys=key_set({BASE_URL: (jwk_set(self.issuer_key.public), ("EdDSA",))}),
            pins=pins,
            policies=engine_of(self.policies, pins),
            limits=self.limits,
            audience=BASE_URL,
            tenant="default",
        )

    def _put_pins_in_force(self) -> None:
        pins, problems = loaded(self._lock, self._envelopes)
        assert problems == (), problems
        self._put_in_force(pins)

    def _put_in_force(self, pins: PinSet) -> None:
        self.trust.renew(self._snapshot(pins))
