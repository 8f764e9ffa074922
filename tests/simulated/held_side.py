"""An agent, the core, and one tool server behind its real adapter: for conversations about a server that changes.

    async with held_side("stdio-legacy", tmp_path, tools=[tool("echo")]) as side:   # pinned as it offers them
        await side.call("echo")                   # None, or the reason for which it was refused
        side.offers(tools=[...])                  # from now on, also in processes that run already
        side.announces()                          # it says so beside the answer to each call
        side.later(61)                            # the adapter's clock; nothing sleeps
        side.listed, side.calls, side.notes       # how often its tools were listed, what was called, what was noted

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import anyio

from mediator.adapters.tool_servers_http.limits import HttpLimits
from mediator.adapters.tool_servers_http.server import HttpToolServer
from mediator.adapters.tool_servers_routed import RoutedToolServers
from mediator.adapters.tool_servers_stdio.limits import StdioLimits
from mediator.adapters.tool_servers_stdio.server import StdioToolServer
from mediator.mediation.holding import Holding
from mediator.wire.hearing import HearingLimits
from tests.simulated.tool_server import SimulatedToolServer
from tests.simulated.tool_server_arrivals import Arrived
from tests.simulated.tool_server_stdio import SimulatedStdioServer
from tests.simulated.world import (
    OwnedTool,
    SimulatedTask,
    SimulatedWorld,
    refusal_of,
    result_of,
    tools_call,
    tools_list,
)

KINDS: Final = ("http-modern", "http-legacy", "stdio-modern", "stdio-legacy")
LIST_CHANGED: Final = "notifications/tools/list_changed"
_HEARING: Final = HearingLimits(pages_max=5)


class HeldSide:
    """See the top of the file."""

    def __init__(self, server: SimulatedToolServer | SimulatedStdioServer) -> None:
        self.server = server
        self.world = SimulatedWorld()
        self.seconds = 0.0
        self.holding = Holding(
            trust=self.world.trust,
            quarantine=self.world.trust,
            ledger=self.world.ledger,
            clock=self.world.clock,
            alarm=self.world.alarms.append,
        )
        fields: dict[str, Any] = {
            "watch": self.holding,
            "fence": self.world.fence,
            "freshness_seconds": 60,
            "now": lambda: self.seconds,
        }
        if isinstance(server, SimulatedToolServer):
            http = HttpLimits(hearing=_HEARING, opening_seconds=3, ending_seconds=0.5)
            self.adapter: Any = HttpToolServer("clock", server.url, limits=http, **fields)
        else:
            stdio = StdioLimits(hearing=_HEARING, opening_seconds=3, eof_seconds=0.5, term_seconds=0.2)
            self.adapter = StdioToolServer("clock", server.command, limits=stdio, **fields)
        routed = RoutedToolServers({"clock": self.adapter})
        self.world.corridor = replace(
            self.world.corridor, ports=replace(self.world.corridor.ports, tool_servers=routed)
        )
        self.pin(*server.script.tools)
        self.task = self.world.open_task()

    # --- what the server does

    def offers(self, **fields: Any) -> None:
        """Let it offer this from now on (fields of `Script`)."""
        for name, value in fields.items():
            setattr(self.server.script, name, value)
        if isinstance(self.server, SimulatedStdioServer):
            self.server.save()

    def announces(self, method: str = LIST_CHANGED) -> None:
        """Let it say, beside the answer to each call, that its list has changed."""
        if isinstance(self.server, SimulatedToolServer):
            self.server.announces = [method]
        else:
            said = json.dumps({"jsonrpc": "2.0", "method": method}) + "\n"
            self.server.misbehave(on={"tools/call": [said, "answer"]})

    def goes_down(self) -> None:
        """Let it lose whatever it had: its sessions, its processes (in the middle of the next call)."""
        if isinstance(self.server, SimulatedToolServer):
            self.server.forget_sessions()
        else:
            self.server.misbehave(on={"tools/call": ["exit"]})

    def comes_back(self) -> None:
        """Let it answer calls again."""
        if isinstance(self.server, SimulatedStdioServer):
            self.server.misbehave(on={})

    # --- what people and time do

    def pin(self, *tools: dict[str, Any]) -> None:
        self.world.pin(*(OwnedTool(server="clock", definition=one, declared={"effect": "read"}) for one in tools))

    def later(self, seconds: float) -> None:
        self.seconds += seconds

    # --- what the agent does, and what became of it

    async def call(self, tool: str = "echo", task: SimulatedTask | None = None) -> str | None:
        """Call it; return the reason for which that was refused, if it was."""
        asked = tools_call(f"clock__{tool}", text="hi")
        with anyio.fail_after(10):
            reply = await self.world.answer(asked, bearer=(task or self.task).token)
        refused = refusal_of(reply)
        return None if refused is None else str(refused["reason"])

    async def shown(self) -> list[dict[str, Any]]:
        """Return what the agent is shown."""
        reply = await self.world.answer(tools_list(), bearer=self.task.token)
        return list(result_of(reply)["tools"])

    @property
    def why(self) -> str:
        """The detail of the last decision, which was a refusal."""
        stop = self.world.ledger.last.decision.stop
        assert stop is not None
        return stop.detail

    @property
    def calls(self) -> list[Arrived]:
        return self.server.calls

    @property
    def listed(self) -> int:
        """How often the list of tools was begun to be read."""
        return sum(one.method == "tools/list" and "cursor" not in one.params for one in self.server.arrived)

    @property
    def notes(self) -> list[Any]:
        return [entry["body"] for entry in self.world.ledger.notes("drift")]

    @property
    def quarantined(self) -> list[str]:
        return sorted(one.key.name for one in self.world.store.list_quarantined())


@asynccontextmanager
async def held_side(
    kind: str, folder: Path, *, tools: Sequence[dict[str, Any]], **script: Any
) -> AsyncIterator[HeldSide]:
    """Give an agent's side of one server of this kind, all of whose tools are pinned; ended with everything it began."""
    era: Any = kind.partition("-")[2]
    async with AsyncExitStack() as ending:
        server: SimulatedToolServer | SimulatedStdioServer
        if kind.startswith("stdio"):
            server = SimulatedStdioServer(folder, era=era, tools=list(tools), follows=True, **script)
        else:
            server = await ending.enter_async_context(SimulatedToolServer(era=era, tools=list(tools), **script))
        side = HeldSide(server)
        yield side
        await side.adapter.aclose()
        if isinstance(server, SimulatedStdioServer):
            assert server.alive == []
