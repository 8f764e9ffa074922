"""The HTTP edge over ASGI in the same process, with a simulated corridor behind it; and agents' clients of both eras.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

import anyio

from mediator.canonical import JsonObject, canonical_bytes
from mediator.edge.event_store import EventLimits
from mediator.edge.http_facts import HttpFacts, http_facts
from mediator.edge.sessions import OpenSession, SessionLimits, Sessions
from mediator.edge.streamable_http import StreamableHttp
from mediator.settings.sections import LimitSettings, ServerSettings
from mediator.wire.reading import Reading
from tests.simulated.arrivals import LEGACY, message, modern_headers
from tests.simulated.asgi_client import Wire, request
from tests.simulated.corridor import SimulatedCorridor

SETTLED: Final = http_facts(ServerSettings(), LimitSettings(), 8080, ["http://127.0.0.1:8080"])
FACTS: Final = replace(SETTLED, body=replace(SETTLED.body, linger_seconds=0.01))


class Edge:
    """The application, and the simulated corridor behind it."""

    def __init__(
        self, facts: HttpFacts = FACTS, limits: SessionLimits | None = None, *, events: EventLimits | None = None
    ) -> None:
        self.corridor = SimulatedCorridor()
        self.now = 0.0
        self.is_ready = True
        ids = (f"{index:032x}" for index in range(1000))
        self.sessions = Sessions(
            lambda: self.now, limits, lambda: next(ids), new_outbox=self.corridor.door().new_outbox, event_limits=events
        )
        self._facts = facts
        self.app = self.made()

    def made(self) -> StreamableHttp:
        """Return the application, anew."""
        return StreamableHttp(self.corridor.door(), self.sessions, self._facts, lambda: self.is_ready)

    @property
    def outliving(self) -> int:
        """How many calls run on without their connection."""
        return len(self.app._posts._outliving)

    def modern(self, body: JsonObject, **more: str) -> Wire:
        return request(self.app, canonical_bytes(body), modern_headers(body), **more)  # type: ignore[arg-type]

    def legacy(
        self, body: JsonObject, session: str | None, token: str = "planner", version: str = LEGACY, **more: str
    ) -> Wire:
        headers = [("mcp-protocol-version", version)]
        if session is not None:
            headers.append(("mcp-session-id", session))
        return request(self.app, canonical_bytes(body), headers, token=token, **more)  # type: ignore[arg-type]

    async def open_session(self, token: str = "planner", version: str = LEGACY) -> str:
        hello = message("initialize", {"protocolVersion": version, "capabilities": {"elicitation": {}}})
        response = await request(self.app, canonical_bytes(hello), token=token).run()
        return response.headers["mcp-session-id"]

    @property
    def last(self) -> Reading:
        return self.corridor.readings[-1]

    def get(
        self, session: str | None, after: str | None = None, *, token: str | None = "planner", version: str = LEGACY
    ) -> Wire:
        """Return a `GET` for a stream; `after` is the event to go on behind."""
        headers = [("mcp-protocol-version", version), ("accept", "text/event-stream")]
        headers += [] if session is None else [("mcp-session-id", session)]
        headers += [] if after is None else [("last-event-id", after)]
        return request(self.app, b"", headers, method="GET", token=token, plain=True)

    def opened(self, session: str, holder: str = "planner") -> OpenSession:
        """Return the session as the edge holds it."""
        found = self.sessions.find(session, holder)
        assert found is not None
        return found


@asynccontextmanager
async def running(*wires: Wire) -> AsyncIterator[None]:
    """Let the application answer these for as long as the context is held; then every agent hangs up."""
    async with anyio.create_task_group() as answering:
        for wire in wires:
            answering.start_soon(wire.run)
        yield
        for wire in wires:
            wire.hang_up()


def patient(after: float = 0.0, alive: float = 60.0) -> HttpFacts:
    return replace(FACTS, sse_after_seconds=after, sse_keep_alive_seconds=alive)


async def wait_until(is_so: Callable[[], bool]) -> None:
    with anyio.fail_after(5):
        while not is_so():
            await anyio.lowlevel.checkpoint()
