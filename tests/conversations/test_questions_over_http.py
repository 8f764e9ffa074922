"""An agent, the core, and a tool server over HTTP that asks something before it answers: every pair of eras.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import anyio
import pytest

from mediator.canonical import Json, JsonObject
from mediator.wire.arrival import Arrival
from mediator.wire.receiver import read_capabilities
from tests.promises import promise
from tests.simulated.arrivals import SESSION, enveloped, message, over_http
from tests.simulated.callers import ScriptedCaller
from tests.simulated.held_side import HeldSide, held_side
from tests.simulated.http_calls import answers, asks, note
from tests.simulated.tool_server import SSE_HEAD, Arrived, SimulatedToolServer, Wire, sse_event, tool
from tests.simulated.world import arrival_of, refusal_of, result_of, text_of

FORM: Final[dict[str, Any]] = {"message": "Who?", "requestedSchema": {"type": "object"}}
ALICE: Final[JsonObject] = {"action": "accept", "content": {"name": "Alice"}}
ABLE: Final[JsonObject] = {"elicitation": {}}
CAPABILITIES: Final = "io.modelcontextprotocol/clientCapabilities"


@pytest.fixture
async def legacy(tmp_path: Path) -> AsyncIterator[HeldSide]:
    async with held_side("http-legacy", tmp_path, tools=[tool("echo")]) as side:
        yield side


@pytest.fixture
async def modern(tmp_path: Path) -> AsyncIterator[HeldSide]:
    async with held_side("http-modern", tmp_path, tools=[tool("echo")]) as side:
        yield side


def server_of(side: HeldSide) -> SimulatedToolServer:
    assert isinstance(side.server, SimulatedToolServer)
    return side.server


def modern_call(side: HeldSide, *, able: JsonObject = ABLE, **rounds: Json) -> Arrival:
    params: JsonObject = {"name": "clock__echo", "arguments": {"text": "hi"}, **rounds}
    return arrival_of(enveloped("tools/call", params, meta={CAPABILITIES: able}), bearer=side.task.token)


def legacy_call(side: HeldSide, *, able: JsonObject = ABLE, **meta: Json) -> Arrival:
    body = message("tools/call", {"name": "clock__echo", "arguments": {"text": "hi"}, "_meta": meta})
    session = replace(SESSION, capabilities=read_capabilities(able))
    return over_http(body, session=session, credential=side.task.token)


def text(said: object) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": str(said)}]}


def asks_in_the_legacy_era(side: HeldSide) -> None:
    """Ask on the call's stream; answer with what was answered."""
    server = server_of(side)

    async def behave(arrived: Arrived, wire: Wire) -> None:
        await wire.send(SSE_HEAD + sse_event(asks(**FORM)))
        await server.until(lambda: server.replies)
        reply = server.replies[-1].message
        said = reply["result"]["content"]["name"] if "result" in reply else reply["error"]["code"]
        await wire.send(sse_event(answers(arrived, text(said))))
        wire.close()

    server.on("tools/call", behave)


def asks_in_the_modern_era(side: HeldSide) -> None:
    """Ask in the result; answer with what the next call brings."""
    server = server_of(side)

    def answer(_arguments: Any) -> dict[str, Any]:
        brought = server.calls[-1].params.get("inputResponses")
        if brought is None:
            asked = {"method": "elicitation/create", "params": FORM}
            return {"resultType": "input_required", "inputRequests": {"who": asked}, "requestState": "s"}
        return text(brought["who"]["content"]["name"])

    server.answer_with("echo", answer)


async def answer(side: HeldSide, arrival: Arrival, caller: ScriptedCaller | None = None) -> Any:
    with anyio.fail_after(10):
        if caller is None:
            return await side.world.corridor.answer(arrival)
        return await side.world.corridor.answer(arrival, caller)


def forwarded(side: HeldSide) -> int:
    return len(side.calls)


@promise("P1")
async def test_a_modern_agent_goes_on_with_a_call_that_a_legacy_server_holds_open(legacy: HeldSide) -> None:
    """Issue 4: the retry resumes the call that is running; a new decision, not a new call."""
    asks_in_the_legacy_era(legacy)
    asked = result_of(await answer(legacy, modern_call(legacy)))
    assert (asked["resultType"], asked["inputRequests"]) == (
        "input_required",
        {"input": {"method": "elicitation/create", "params": FORM}},
    )
    again = modern_call(legacy, inputResponses={"input": ALICE}, requestState=asked["requestState"])
    assert text_of(await answer(legacy, again)) == "Alice"
    assert forwarded(legacy) == 1
    assert len(legacy.world.ledger.decisions) == 2


@promise("P1")
async def test_a_legacy_agent_is_asked_while_it_waits(legacy: HeldSide) -> None:
    """MCP before 2026-07-28: a request on the stream of the call, either side."""
    asks_in_the_legacy_era(legacy)
    caller = ScriptedCaller(answers=[ALICE])
    assert text_of(await answer(legacy, legacy_call(legacy), caller)) == "Alice"
    assert forwarded(legacy) == 1


async def test_a_modern_servers_question_reaches_a_modern_agent(modern: HeldSide) -> None:
    """MCP 2026-07-28, MRTR."""
    asks_in_the_modern_era(modern)
    asked = result_of(await answer(modern, modern_call(modern)))
    again = modern_call(modern, inputResponses={"who": ALICE}, requestState=asked["requestState"])
    assert text_of(await answer(modern, again)) == "Alice"
    assert [one.params.get("requestState") for one in modern.calls] == [None, "s"]


async def test_a_modern_servers_question_is_put_to_a_legacy_agent_while_it_waits(modern: HeldSide) -> None:
    """Issue 4: `input_required` becomes a live request."""
    asks_in_the_modern_era(modern)
    assert text_of(await answer(modern, legacy_call(modern), ScriptedCaller(answers=[ALICE]))) == "Alice"
    assert forwarded(modern) == 2


@promise("P7")
async def test_who_cannot_be_asked_is_not(legacy: HeldSide) -> None:
    """Ours: the session is opened in the same words whoever calls, and a server that asks is told -32601."""
    asks_in_the_legacy_era(legacy)
    assert text_of(await answer(legacy, modern_call(legacy, able={}))) == "-32601"
    assert len([one for one in legacy.server.arrived if one.method == "initialize"]) == 1


@promise("P4", "P7")
async def test_an_answer_after_the_task_is_over_reaches_nobody(legacy: HeldSide) -> None:
    """Issue 4: the grant is fenced again; the server is told that nobody waits."""
    asks_in_the_legacy_era(legacy)
    asked = result_of(await answer(legacy, modern_call(legacy)))
    await legacy.adapter.end_task(legacy.task.grant.id)
    again = modern_call(legacy, inputResponses={"input": ALICE}, requestState=asked["requestState"])
    refused = refusal_of(await answer(legacy, again))
    assert refused is not None
    assert refused["reason"] == "TOOL_SERVER_UNAVAILABLE"
    assert server_of(legacy).replies == []
    # It is sent beside the answer, not before it.
    await server_of(legacy).until(lambda: "notifications/cancelled" in [one.method for one in legacy.server.arrived])


async def test_what_a_server_says_meanwhile_reaches_the_agent_under_its_own_token(legacy: HeldSide) -> None:
    """MCP, progress and logging."""

    async def behave(arrived: Arrived, wire: Wire) -> None:
        said = (note(50, arrived.message["id"]), note(1), answers(arrived, text("done")))
        await wire.send(SSE_HEAD + b"".join(map(sse_event, said)))
        wire.close()

    server_of(legacy).on("tools/call", behave)
    caller = ScriptedCaller()
    assert text_of(await answer(legacy, legacy_call(legacy, progressToken="mine"), caller)) == "done"
    params: list[Any] = [one["params"] for one in caller.told]
    assert [one.get("progressToken", one.get("data")) for one in params] == ["mine", 1]
