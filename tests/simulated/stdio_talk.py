"""A conversation of ours with a simulated process: `Talk`, and what such a process may be scripted to say.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

import anyio
import anyio.lowlevel
import pytest

from mediator.adapters.tool_servers_stdio.calls import Hold, Leg
from mediator.adapters.tool_servers_stdio.conversation import Conversation
from mediator.adapters.tool_servers_stdio.exchange import Exchange
from mediator.adapters.tool_servers_stdio.limits import StdioLimits
from mediator.canonical import JsonObject
from mediator.inspection.result import Came, ToolResult, Waiting
from mediator.kind import ItemKind
from mediator.mediation.freshness import Freshness
from mediator.mediation.ports import Aside, Inspectors
from mediator.refusal import Reason, Refused
from mediator.wire.hearing import HearingLimits, Introduction
from mediator.wire.jsonrpc import Notification
from mediator.wire.methods import CallMethod, Era
from mediator.wire.receiver import NOBODY, Receiver
from mediator.wire.speech import Forwarded
from tests.simulated.aside import KeptAside
from tests.simulated.pauses import Gate
from tests.simulated.tool_server_stdio import SimulatedStdioServer

LIMITS: Final = StdioLimits(
    hearing=HearingLimits(noise_max=20, noise_bytes_max=20_000, result_bytes_max=50_000),
    eof_seconds=0.5,
    unread_bytes_max=100_000,
)
KINDS: Final = {
    CallMethod.TOOL: ItemKind.TOOL,
    CallMethod.PROMPT: ItemKind.PROMPT,
    CallMethod.COMPLETE: ItemKind.PROMPT,
}
SHOWS_PROGRESS: Final = Receiver(progress_token="the agent's")


def progress(number: int = 1, token: str = "{id}") -> str:
    """Return a line of progress; its token is the request's own id unless given (as JSON)."""
    params = f'{{"progressToken":{token},"progress":{number}}}'
    return f'{{"jsonrpc":"2.0","method":"notifications/progress","params":{params}}}\n'


def logged(data: str) -> str:
    """Return a line of log."""
    params = {"level": "info", "data": data}
    return json.dumps({"jsonrpc": "2.0", "method": "notifications/message", "params": params}) + "\n"


def asks(request_id: str = "q", method: str = "elicitation/create", **params: Any) -> str:
    """Return a line in which the server asks the client."""
    return json.dumps({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}) + "\n"


class SlowAside(KeptAside):
    """Takes nothing until its gate is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate()

    async def tell(self, notification: Notification) -> None:
        await self.gate()
        await super().tell(notification)


class Talk:
    """A conversation with a simulated process, ended with its test."""

    def __init__(
        self,
        folder: Path,
        *,
        talk_era: Era | None = None,
        limits: StdioLimits = LIMITS,
        inspectors: Inspectors | None = None,
        **fields: Any,
    ) -> None:
        self.server = SimulatedStdioServer(folder, **fields)
        self.aside = KeptAside()
        self.over: list[Conversation] = []
        self.gone = anyio.Event()
        self.updated: list[str] = []
        self.era = talk_era
        self.conversation = Conversation(
            limits,
            "9",
            self.over.append,
            lambda _: self.gone.set(),
            Freshness(60, lambda: 0.0),
            self.updated.append,
            inspectors=inspectors,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.conversation.end()
        assert self.server.alive == []

    async def begin(self) -> Introduction:
        with anyio.fail_after(5):
            return await self.conversation.begin(self.server.command, {}, None, self.era)

    async def make(
        self,
        method: CallMethod = CallMethod.TOOL,
        arguments: bytes = b"{}",
        *,
        name: str = "echo",
        receiver: Receiver = NOBODY,
        aside: Aside | None = None,
        task: str = "",
        **leg: Any,
    ) -> Came:
        """Make a call of any kind."""
        kind = KINDS.get(method, ItemKind.RESOURCE)
        forwarded = Forwarded(
            method=method, kind=kind, name=name, arguments=arguments, traceparent="t", receiver=receiver
        )
        with anyio.fail_after(5):
            return await self.conversation.call(forwarded, a_leg(**leg), aside or self.aside, task)

    async def call(self, arguments: bytes = b"{}", **more: Any) -> ToolResult:
        """Call the tool, and return its answer."""
        result = await self.make(arguments=arguments, **more)
        assert isinstance(result, ToolResult)
        return result

    async def is_asked(self, **more: Any) -> Waiting:
        """Call the tool, and return what is asked in its course."""
        result = await self.make(**more)
        assert isinstance(result, Waiting)
        return result

    async def resume(
        self, waiting: Waiting, answer: JsonObject | None, *, aside: Aside | None = None, **leg: Any
    ) -> Came:
        """Go on with a call."""
        hold = hold_of(waiting)
        with anyio.fail_after(5):
            return await hold.calls.resume(hold, answer, a_leg(**leg), aside or self.aside)

    async def refused(self, **fields: Any) -> Reason:
        with pytest.raises(Refused) as caught:
            await self.make(**fields)
        return caught.value.reason

    async def has_ended(self) -> None:
        with anyio.fail_after(5):
            await self.gone.wait()
        assert self.over == [self.conversation]

    @property
    def open_exchanges(self) -> list[Exchange]:
        """The requests that are not answered yet."""
        return list(self.conversation._link.in_flight._by_id.values())

    @property
    def answers(self) -> list[dict[str, Any]]:
        """What the process got for an answer to what it asked, in order."""
        return [dict(one.message) for one in self.server.arrived if one.method is None]

    @property
    def cancelled(self) -> list[Any]:
        """The ids of the requests that were called off."""
        return [
            one.message["params"]["requestId"] for one in self.server.arrived if one.method == "notifications/cancelled"
        ]


def a_leg(spring: Callable[[], None] = lambda: None, check: Callable[[], None] = lambda: None, **changed: Any) -> Leg:
    members: dict[str, Any] = {"result_bytes_max": 40_000, "within_seconds": 5, "input_seconds": 5} | changed
    return Leg(spring=spring, check=check, **members)


def hold_of(waiting: Waiting) -> Hold:
    """Return the adapter's own of a call that is held open."""
    assert isinstance(waiting.hold, Hold)
    return waiting.hold


async def until(holds: Callable[[], object]) -> None:
    """Return once that holds here; five seconds at most."""
    with anyio.fail_after(5):
        while not holds():
            await anyio.lowlevel.checkpoint()
