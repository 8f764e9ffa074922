"""Calls to a simulated tool server in either era, below the port: for the tests of what happens while one is under way.

    async with calling_side("legacy") as side:
        outcome = await side.call()                 # Heard, or Ask
        side.aside.told, side.aside.asked           # what came beside
        side.limits                                 # HttpLimits, waits of nothing between two connections

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import anyio

from mediator.adapters.tool_servers_http.address import parse_address
from mediator.adapters.tool_servers_http.calling import Calling, Forward, begin_call
from mediator.adapters.tool_servers_http.channel import Channel, Heard
from mediator.adapters.tool_servers_http.eras import Voice
from mediator.adapters.tool_servers_http.limits import HttpLimits
from mediator.adapters.tool_servers_http.pool import Pool
from mediator.adapters.tool_servers_http.visit import Visit
from mediator.canonical import JsonObject, digest_of
from mediator.inspection.result import Ask
from mediator.kind import ItemKind
from mediator.wire.hearing import HearingLimits
from mediator.wire.methods import CallMethod
from mediator.wire.receiver import Receiver
from mediator.wire.speech import Forwarded, modern
from tests.simulated.aside import KeptAside
from tests.simulated.tool_server import SSE_HEAD, Arrived, Behaviour, SimulatedToolServer, Wire, sse_event, tool

LIMITS: Final = HttpLimits(
    hearing=HearingLimits(noise_max=100, told_max=5000),
    ending_seconds=0.5,
    reopen_seconds=0,
    reconnects_max=3,
    refusals_max=3,
)
RESULT: Final[JsonObject] = {"content": []}
TRACEPARENT: Final = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


def a_forward(definition: dict[str, Any] | None = None, arguments: bytes = b'{"text":"hi"}', **changed: Any) -> Forward:
    """Return a call of that tool to be made; further keywords are fields of `Forward` or of `Forwarded`."""
    definition = definition or tool("echo")
    forwarded = Forwarded(
        method=CallMethod.TOOL,
        kind=ItemKind.TOOL,
        name=str(definition.get("name")),
        arguments=arguments,
        traceparent=TRACEPARENT,
    )
    own = {name: changed.pop(name) for name in ("result_bytes_max", "spring") if name in changed}
    made = Forward(
        forwarded=replace(forwarded, **changed),
        definition=definition,
        digest=digest_of(definition),
        result_bytes_max=100_000,
        spring=lambda: None,
    )
    return replace(made, **own)


def note(number: int, token: object = None, **params: Any) -> dict[str, Any]:
    """Return a progress notification, or a log message where there is no token."""
    if token is None:
        method, params = "notifications/message", {"level": "info", "data": number, **params}
    else:
        method, params = "notifications/progress", {"progressToken": token, "progress": number, **params}
    return {"jsonrpc": "2.0", "method": method, "params": params}


def asks(method: str = "elicitation/create", request_id: object = "q1", **params: Any) -> dict[str, Any]:
    """Return what a server asks."""
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}


def answers(arrived: Arrived, result: JsonObject = RESULT) -> dict[str, Any]:
    """Return the answer to what arrived."""
    return {"jsonrpc": "2.0", "id": arrived.message["id"], "result": result}


@dataclass
class CallingSide:
    """See the top of the file."""

    server: SimulatedToolServer
    limits: HttpLimits
    aside: KeptAside = field(default_factory=KeptAside)
    voice: Voice = field(init=False)
    visit: Visit = field(init=False)
    lost: list[Visit] = field(default_factory=list)
    changes: int = 0
    updated: list[str] = field(default_factory=list)

    async def begin(self, era: Literal["modern", "legacy", "both"]) -> None:
        address = parse_address(self.server.url)
        channel = Channel(address, Pool(address, self.limits, None), self.limits, "9")
        self.voice = Voice(channel=channel, limits=self.limits, client_version="9", lost=self.lost.append)
        if era == "legacy":
            _, self.visit = await self.voice.initialize(None)
        else:
            self.visit = Visit(tongue=modern("9"), credential=None)
        self.visit.changed = self._changed
        self.visit.updated = self.updated.append

    async def end(self) -> None:
        self.visit.end()
        await self.voice.background.aclose(self.limits.ending_seconds)
        await self.voice.channel.pool.aclose()

    async def out(self, **fields: Any) -> Calling:
        with anyio.fail_after(5):
            return await begin_call(self.voice, self.visit, a_forward(**fields))

    async def call(self, within_seconds: float = 5, **fields: Any) -> Heard | Ask:
        with anyio.fail_after(5):
            return await (await self.out(**fields)).hear(self.aside, within_seconds)

    async def result(self, **fields: Any) -> JsonObject | None:
        heard = await self.call(**fields)
        assert isinstance(heard, Heard), heard
        return heard.must_answer().result

    def streams(self, *said: dict[str, Any] | Callable[[Arrived], dict[str, Any]], end: bool = True) -> Behaviour:
        """Return a behaviour: an event stream of these, which ends with its connection."""

        async def behave(arrived: Arrived, wire: Wire) -> None:
            await wire.send(SSE_HEAD)
            for one in said:
                await wire.send(sse_event(one(arrived) if callable(one) else one))
            if end:
                wire.close()
            else:
                await wire.closed_by_peer()

        return behave

    def told(self) -> list[Any]:
        """The numbers of what was told, in order."""
        return [one.params.get("data", one.params.get("progress")) for one in self.aside.told]

    def _changed(self) -> None:
        self.changes += 1


@asynccontextmanager
async def calling_side(
    era: Literal["modern", "legacy", "both"], limits: HttpLimits = LIMITS, **script: Any
) -> AsyncIterator[CallingSide]:
    async with SimulatedToolServer(era=era, **script) as server:
        side = CallingSide(server, limits)
        await side.begin(era)
        try:
            yield side
        finally:
            await side.end()


WITH_PROGRESS: Final = Receiver(progress_token="agent's")
