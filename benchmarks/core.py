"""A whole core on its real adapters, in a temporary folder: what the benchmark takes apart, and what it also runs whole.

Keys, statements, pins and the judgement come from `tests/simulated/world.py`, where they are real; store, ledger,
engine, identity, ids and tracer are the ones that `mediator serve` uses. Only the tool server is simulated.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from mediator.adapters.clock_system import elapsed_ms
from mediator.adapters.credentials_references import ReferencedCredentials
from mediator.adapters.handles_aesgcm import SealedHandles
from mediator.adapters.ids_random import RandomIds
from mediator.adapters.ledger_segments.ledger import SegmentLedger
from mediator.adapters.store_sqlite.store import SqliteStore
from mediator.adapters.tool_servers_http.server import HttpToolServer
from mediator.adapters.tool_servers_routed import RoutedToolServers
from mediator.adapters.tracer_otel.tracer import OtlpTracer
from mediator.adapters.trust_held import HeldTrust
from mediator.adapters.zone_system import SystemZone
from mediator.canonical import DEFAULT_LIMITS, Json, JsonObject, canonical_bytes
from mediator.evidence import Secret
from mediator.mediation.fence import Fence
from mediator.mediation.holding import Holding
from mediator.mediation.key_holders import KeyHolders
from mediator.mediation.mediate import Corridor, Ports
from mediator.mediation.pacing import Meter
from mediator.mediation.ports import Inspectors, ToolServers
from mediator.mediation.proofs import Proofs
from mediator.mediation.reply import ServerFacts
from mediator.settings.quotas import DEFAULT_RATE, BreakerSettings, LoopSettings, Quotas
from mediator.wire.arrival import Arrival, Transport
from mediator.wire.methods import Era
from tests.simulated.arrivals import enveloped, modern_headers
from tests.simulated.pins import NOW_MS
from tests.simulated.world import BASE_URL, DEFAULT_POLICIES, OwnedTool, SimulatedWorld

SERVER: Final = "files"
TOOL: Final = "search"
NAME: Final = f"{SERVER}__{TOOL}"
CALL_BYTES: Final = 400
SMALL_MATCHES: Final = 2
LARGE_BYTES: Final = 16 * 1024

COUNTED: Final = Quotas(  # as by default, but wide enough for calls that are all the same
    rates=(DEFAULT_RATE.model_copy(update={"calls": 1_000_000, "burst": 1_000_000}),),
    loop=LoopSettings(calls_max=1_000_000, window_seconds=1),
)

_TEXT: Final[JsonObject] = {"type": "string"}
DEFINITION: Final[JsonObject] = {
    "name": TOOL,
    "title": "Search files",
    "description": "Search the text of the files below a folder, and return each line that matches with its place.",
    "inputSchema": {
        "type": "object",
        "properties": {
            "path": {"type": "string", "minLength": 1, "maxLength": 4096},
            "query": {"type": "string", "minLength": 1},
            "limit": {"type": "integer", "minimum": 1, "maximum": 1000},
            "kinds": {"type": "array", "items": {"enum": ["text", "code", "data"]}, "maxItems": 3},
            "exact": {"type": "boolean"},
        },
        "required": ["path", "query"],
        "additionalProperties": False,
    },
    "outputSchema": {
        "type": "object",
        "properties": {
            "matches": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"file": _TEXT, "line": {"type": "integer"}, "text": _TEXT},
                    "required": ["file", "line", "text"],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["matches"],
        "additionalProperties": False,
    },
}
SEARCH: Final = OwnedTool(
    server=SERVER, definition=DEFINITION, declared={"effect": "read", "targets": {"/path": "path"}}
)


def a_result(matches: int) -> JsonObject:
    """Return what the tool answers: the matches once as data and once as text, as MCP advises."""
    found: list[Json] = [
        {
            "file": f"/srv/reports/2026/q{n % 4 + 1}/summary-{n}.md",
            "line": 17 * n + 3,
            "text": f"revenue, part {n} of it",
        }
        for n in range(matches)
    ]
    data: JsonObject = {"matches": found}
    return {"content": [{"type": "text", "text": canonical_bytes(data).decode()}], "structuredContent": data}


def large_result() -> JsonObject:
    """Return a result of just under 16 kB."""
    matches = SMALL_MATCHES
    while len(canonical_bytes(a_result(matches + 1))) <= LARGE_BYTES:
        matches += 1
    return a_result(matches)


def a_body() -> bytes:
    """Return a call of the modern era, as long as it is to be: what is searched for fills it up."""
    arguments: JsonObject = {"path": "/srv/reports/2026", "limit": 50, "kinds": ["text", "data"], "exact": False}
    empty = canonical_bytes(enveloped("tools/call", {"name": NAME, "arguments": {**arguments, "query": ""}}))
    query = ("revenue by quarter and region, " * CALL_BYTES)[: CALL_BYTES - len(empty)].ljust(1)
    return canonical_bytes(enveloped("tools/call", {"name": NAME, "arguments": {**arguments, "query": query}}))


def head_of(token: str) -> tuple[tuple[str, str], ...]:
    """Return the headers that an agent's client sends: the protocol's, and what every HTTP client adds."""
    body = enveloped("tools/call", {"name": NAME})
    return (
        ("host", "127.0.0.1:8080"),
        ("accept", "application/json, text/event-stream"),
        ("accept-encoding", "gzip, deflate"),
        ("connection", "keep-alive"),
        ("user-agent", "python-httpx/0.28.1"),
        ("content-type", "application/json"),
        *modern_headers(body),
        ("authorization", f"Bearer {token}"),
        ("content-length", str(CALL_BYTES)),
    )


def an_arrival(token: str) -> Arrival:
    """Return the call as the edge hands it over."""
    return Arrival(
        body=a_body(),
        transport=Transport.HTTP,
        server=None,
        credential=Secret(token),
        headers=head_of(token),
        session=None,
        source="127.0.0.1",
    )


def more_policies(count: int = 50) -> Mapping[str, str]:
    """Return the default set and so many policies more, as a company would write them.

    A fifth of them concern this very tool and read its arguments; the rest is about others' teams, servers and tools.
    """
    texts = []
    for n in range(count):
        match n % 5:
            case 0:
                scope = f'principal, action == Mediator::Action::"{SERVER}/{TOOL}", resource'
                when = f'when {{ context.args.path like "/srv/secret-{n}/*" }}'
            case 1:
                scope = f'principal in Mediator::Team::"team-{n}", action in Mediator::Action::"call_tool", resource'
                when = "when { context.task.calls > 1000 }"
            case 2:
                scope = f'principal, action in Mediator::Action::"server:server-{n}", resource'
                when = "unless { context.chain.depth == 0 }"
            case 3:
                scope = f'principal in Mediator::AgentClass::"class-{n}", action in Mediator::Action::"effect:read", resource'
                when = f'when {{ context.task.labels.contains("confidential:{n}") }}'
            case _:
                scope = f'principal == Mediator::Agent::"agent-{n}", action in Mediator::Action::"call_tool", resource'
                when = f'when {{ context.protocol == "{n}" }}'
        texts.append(f'@id("extra-{n}")\n@reason("policy {n} of a company")\nforbid ({scope})\n{when};\n')
    return {**DEFAULT_POLICIES, "extra.cedar": "\n".join(texts)}


class ShiftedClock:
    """The machine's clock, set to the time in which the simulated world's statements are good: it begins when it is made."""

    def __init__(self) -> None:
        self._started_ms = time.time_ns() // 1_000_000

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 - self._started_ms + NOW_MS


class _NoCollector(SpanExporter):
    """Where spans go: they are made, and then nobody encodes them (an exporter process will, elsewhere)."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:  # noqa: ARG002 - dropped
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        return


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """A corridor and what it rests on. `counted` is the token of a task whose calls are counted (`max_calls`)."""

    world: SimulatedWorld
    store: SqliteStore
    ledger: SegmentLedger
    fence: Fence
    ports: Ports
    corridor: Corridor
    token: str
    counted: str


@asynccontextmanager
async def open_core(
    folder: Path,
    tool_servers: ToolServers | None = None,
    tool_url: str = "",
    inspectors: Inspectors | None = None,
) -> AsyncIterator[Core]:
    """Open a core in this folder; its tool server is the one given, or the one at this address."""
    clock, world = ShiftedClock(), SimulatedWorld(result_bytes_max=1 << 24, quotas=COUNTED)
    world.pin(SEARCH)
    task = world.open_task(tools=f"{SERVER}/*", minutes=240)
    counted = world.open_task(tools=f"{SERVER}/*", minutes=240, max_calls=1_000_000)
    alarms: list[str] = []
    with (
        SqliteStore(folder / "state.sqlite", Secret("0" * 32)) as store,
        OtlpTracer(alarms.append, exporter=_NoCollector()) as tracer,
    ):
        for one in (task, counted):
            store.open_grant(one.grant, one.grant.id.encode())
        trust = HeldTrust(world.trust.snapshot(), store.bump_epoch, book=store)
        async with SegmentLedger(folder / "ledger", claims=store, streams=store, clock=clock) as ledger:
            fence = Fence(claims=store, trust=trust, circumstances=store, clock=clock)
            holding = Holding(trust=trust, quarantine=trust, ledger=ledger, clock=clock)
            if tool_servers is None:
                server = HttpToolServer(
                    SERVER, tool_url, watch=holding, fence=fence, era=Era.MODERN, inspectors=inspectors
                )
                tool_servers = RoutedToolServers({SERVER: server})
            ports = Ports(
                clock=clock,
                ids=RandomIds(),
                trust=trust,
                circumstances=store,
                claims=store,
                ledger=ledger,
                credentials=ReferencedCredentials({}),
                tool_servers=tool_servers,
                tracer=tracer,
                handles=SealedHandles(Secret("0" * 32)),
                proofs=Proofs(store, KeyHolders({}, lambda *_: None)),
                familiarity=store,
                zone=SystemZone("Europe/Oslo"),
                inspectors=inspectors,
            )
            corridor = Corridor(
                ports=ports,
                facts=ServerFacts(version="0.1.0", metadata_url=f"{BASE_URL}/.well-known/oauth-protected-resource"),
                json_limits=DEFAULT_LIMITS,
                close_seconds=5,
                alarm=alarms.append,
                fence=fence,
                meter=Meter(elapsed_ms=elapsed_ms, breaker=BreakerSettings()),
            )
            yield Core(
                world=world,
                store=store,
                ledger=ledger,
                fence=fence,
                ports=ports,
                corridor=corridor,
                token=world.token_for(task.grant, seconds=14_000),
                counted=counted.token,
            )
            if alarms:
                message = f"the benchmark rang alarms: {alarms[:3]}"
                raise RuntimeError(message)
