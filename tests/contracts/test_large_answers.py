"""Large answers, over every adapter and era: they are looked at apart and left unread; what else is large goes on as ever.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, TypeAlias

import anyio
import pytest

from mediator.adapters.tool_servers_http.limits import HttpLimits
from mediator.adapters.tool_servers_http.server import HttpToolServer
from mediator.adapters.tool_servers_stdio.limits import StdioLimits
from mediator.adapters.tool_servers_stdio.server import StdioToolServer
from mediator.canonical import parse_object
from mediator.inspection.result import Came, LargeResult, ToolResult
from mediator.refusal import Reason, Refused
from mediator.wire.hearing import HearingLimits
from tests.promises import promise
from tests.simulated.aside import KeptAside
from tests.simulated.inspectors import InspectorsHere
from tests.simulated.permits import RecordingWatch, a_permit, no_credential, pass_fence
from tests.simulated.tool_server import SSE_HEAD, SimulatedToolServer, http_answer, raw, says
from tests.simulated.tool_server_stdio import SimulatedStdioServer

HEARING: Final = HearingLimits(large_bytes=2000, other_bytes_max=6000, noise_bytes_max=20_000, result_bytes_max=50_000)
KINDS: Final = ("json-modern", "sse-modern", "json-legacy", "sse-legacy", "stdio-modern", "stdio-legacy")
LONG: Final = "x" * 3000
TEXT: Final = {"type": "text", "text": LONG}
Server: TypeAlias = SimulatedToolServer | SimulatedStdioServer


def message(**fields: Any) -> str:
    """Return a message; `{id}` stands for the request's id."""
    return json.dumps({"jsonrpc": "2.0", **fields}).replace('"{id}"', "{id}")


class Side:
    """One tool server behind one adapter, with inspectors that a test can hold up."""

    def __init__(self, kind: str, server: Server) -> None:
        self.kind, self.server = kind, server
        self.inspectors, self.watch, self.aside = InspectorsHere(HEARING), RecordingWatch(), KeptAside()
        fields: dict[str, Any] = {"watch": self.watch, "fence": pass_fence, "inspectors": self.inspectors}
        self.adapter: HttpToolServer | StdioToolServer
        if isinstance(server, SimulatedToolServer):
            limits = HttpLimits(hearing=HEARING, opening_seconds=3, ending_seconds=0.5)
            self.adapter = HttpToolServer("clock", server.url, limits=limits, **fields)
        else:
            stdio = StdioLimits(hearing=HEARING, eof_seconds=0.5, term_seconds=0.2)
            self.adapter = StdioToolServer("clock", server.command, limits=stdio, **fields)

    def say(self, *messages: str) -> None:
        """Let the server answer a call with these messages."""
        server = self.server
        if isinstance(server, SimulatedStdioServer):
            server.misbehave(on={"tools/call": [one + "\n" for one in messages]})
        elif self.kind.startswith("sse"):
            server.on("tools/call", raw(SSE_HEAD, *(f"data: {one}\n\n".encode() for one in messages)))
        else:
            server.on("tools/call", says(messages[-1].encode()))

    async def make(self, **fields: Any) -> Came:
        permit = a_permit(**fields)
        with anyio.fail_after(5):
            return await self.adapter.call(permit, no_credential(permit), self.aside)

    async def refused(self, **fields: Any) -> Reason:
        with pytest.raises(Refused) as caught:
            await self.make(**fields)
        return caught.value.reason


@pytest.fixture(params=KINDS)
async def side(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Side]:
    kind = str(request.param)
    era: Any = kind.partition("-")[2]
    if kind.startswith("stdio"):
        stdio = SimulatedStdioServer(tmp_path, era=era)
        one = Side(kind, stdio)
        yield one
        await one.adapter.aclose()
        assert stdio.alive == []
        return
    answer_as: Any = kind.partition("-")[0]
    async with SimulatedToolServer(era=era, answer_as=answer_as) as http:
        one = Side(kind, http)
        yield one
        await one.adapter.aclose()


async def test_a_large_result_is_left_unread_and_a_small_one_is_not(side: Side) -> None:
    """The issue: results over 128 kB are inspected off the loop; smaller ones stay as they were."""
    side.server.script.answers["echo"] = {"content": [TEXT]}
    if isinstance(side.server, SimulatedStdioServer):
        side.server.save()
    large = await side.make()
    assert isinstance(large, LargeResult)
    result = parse_object(large.raw)["result"]
    assert isinstance(result, dict)
    assert result["content"] == [TEXT]
    assert (large.is_error, large.noise) == (False, 0)
    assert side.inspectors.glances == [large.raw]

    side.say(message(id="{id}", result={"content": []}))
    assert isinstance(await side.make(task="another"), ToolResult)
    assert len(side.inspectors.glances) == 1


async def test_a_large_error_is_left_unread_too(side: Side) -> None:
    """JSON-RPC 2.0 §5.1."""
    side.say(message(id="{id}", error={"code": 7, "message": LONG}))
    large = await side.make()
    assert isinstance(large, LargeResult)
    assert large.is_error


@promise("P7")
async def test_large_nonsense_is_refused(side: Side) -> None:
    """Ours: strictly read, wherever that is."""
    side.say(message(id="{id}", result={"content": [TEXT]})[:-1] + ',"id":1}')
    assert await side.refused() is Reason.TOOL_SERVER_INVALID


@promise("P7")
async def test_a_result_that_is_too_large_is_not_looked_at(side: Side) -> None:
    """Ours."""
    side.say(message(id="{id}", result={"content": [{"type": "text", "text": "x" * 60_000}]}))
    assert await side.refused(result_bytes_max=50_000) is Reason.RESULT_TOO_LARGE
    assert side.inspectors.glances == []


async def test_a_large_result_that_asks_back_is_read_here(side: Side) -> None:
    """MCP 2026-07-28 (MRTR): who asks is to be understood at once; it is bounded as what an agent sends."""
    asking: dict[str, Any] = {"resultType": "input_required", "inputRequests": {}, "requestState": LONG}
    side.say(message(id="{id}", result=asking))
    came = await side.make()
    assert isinstance(came, ToolResult)
    assert came.result == asking

    side.say(message(id="{id}", result=asking | {"requestState": "x" * 7000}))
    assert await side.refused(task="another") is Reason.TOOL_SERVER_INVALID


@promise("P11")
async def test_what_inspectors_cannot_look_at_is_refused_and_the_next_call_is_made(side: Side) -> None:
    """Ours: a worker that was killed takes one call down, or those of one process."""
    side.say(message(id="{id}", result={"content": [TEXT]}))
    side.inspectors.fails = Refused(Reason.RESULT_WITHHELD, "it was killed")
    assert await side.refused() is Reason.RESULT_WITHHELD
    side.inspectors.fails = None
    assert isinstance(await side.make(), LargeResult)


async def test_a_call_that_nobody_waits_for_any_more_is_not_looked_at_any_longer(side: Side) -> None:
    """Ours: cancellation while a worker works."""
    side.say(message(id="{id}", result={"content": [TEXT]}))
    side.inspectors.hold()
    async with anyio.create_task_group() as calling:
        calling.start_soon(side.make)
        with anyio.fail_after(5):
            await side.inspectors.begun.wait()
        calling.cancel_scope.cancel()
    await side.adapter.aclose()
    assert side.inspectors.cancelled == 1


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith("json")])  # one body is one message
async def test_what_is_said_beside_a_large_answer_keeps_its_order(kind: str, tmp_path: Path) -> None:
    """Ours: a large log message is told before the answer that comes after it; and one that is too large is nonsense."""
    logged = message(method="notifications/message", params={"level": "info", "data": LONG})
    answer = message(id="{id}", result={"content": [TEXT]})
    era: Any = kind.partition("-")[2]
    async with SimulatedToolServer(era=era, answer_as="sse") as http:
        server: Server = SimulatedStdioServer(tmp_path, era=era) if kind.startswith("stdio") else http
        side = Side(kind, server)
        side.say(logged, answer)
        assert isinstance(await side.make(), LargeResult)
        assert [told.params["data"] for told in side.aside.told] == [LONG]
        assert len(side.inspectors.glances) == 2

        side.say(logged.replace(LONG, "x" * 7000), answer)
        assert await side.refused(task="another") is Reason.TOOL_SERVER_INVALID
        await side.adapter.aclose()


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_a_large_body_under_an_errors_status_is_an_error_or_nothing(era: Any) -> None:
    """MCP 2026-07-28, transports: a JSON-RPC error may stand under an error's status; anything else there is a bare status."""
    async with SimulatedToolServer(era=era) as server:
        side = Side("json", server)
        for fields, seen in (
            ({"id": 1, "error": {"code": 7, "message": LONG}}, None),
            ({"id": "{id}", "error": {"code": 7, "message": LONG}}, LargeResult),
            ({"id": "{id}", "result": {"content": [TEXT]}}, None),
        ):
            body = message(**fields).encode()

            async def behave(arrived: Any, wire: Any, body: bytes = body) -> None:
                said = body.replace(b"{id}", json.dumps(arrived.message["id"]).encode())
                await wire.send(http_answer(said, status="400 Bad Request"))

            server.on("tools/call", behave)
            if seen is None:
                assert await side.refused(task=str(fields)) is Reason.TOOL_SERVER_UNAVAILABLE
            else:
                assert isinstance(await side.make(), seen)
        await side.adapter.aclose()
