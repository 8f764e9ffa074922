"""The adapters against the conformance suite's fixtures, on the MCP SDK: everything that a server says and asks.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import anyio
import pytest
import uvicorn

from mediator.adapters.tool_servers_http.limits import HttpLimits
from mediator.adapters.tool_servers_http.server import HttpToolServer
from mediator.adapters.tool_servers_stdio.server import StdioToolServer
from mediator.canonical import JsonObject, canonical_bytes
from mediator.inspection.result import Came, ToolResult, Waiting
from mediator.kind import ItemKind
from mediator.wire.methods import AskMethod, CallMethod, Era, LogLevel
from mediator.wire.receiver import TASKS, Capabilities, Receiver, read_capabilities
from tests.simulated.aside import KeptAside
from tests.simulated.conformance_server.server import conformance_app
from tests.simulated.permits import RecordingWatch, a_permit, no_credential, pass_fence

EVERYTHING: Final = read_capabilities({"elicitation": {"form": {}}, "sampling": {}, "roots": {}})
ERAS: Final = (Era.MODERN, Era.LEGACY)


class Fixtures:
    """The fixtures' server behind the adapter, in one era."""

    def __init__(self, url: str, era: Era) -> None:
        self.aside = KeptAside()
        self.adapter = HttpToolServer(
            "suite",
            url,
            watch=RecordingWatch(),
            fence=pass_fence,
            era=era,
            limits=HttpLimits(ending_seconds=1),
        )

    async def make(self, name: str, arguments: JsonObject | None = None, /, **forwarded: Any) -> Came:
        permit = a_permit(name, arguments or {}, server="suite", forwarded=forwarded)
        with anyio.fail_after(10):
            return await self.adapter.call(permit, no_credential(permit), self.aside)

    async def result(self, name: str, arguments: JsonObject | None = None, /, **forwarded: Any) -> JsonObject:
        made = await self.make(name, arguments, **forwarded)
        assert isinstance(made, ToolResult)
        assert made.result is not None, made
        return made.result

    async def resume(self, waiting: Waiting, answer: JsonObject) -> JsonObject:
        permit = a_permit(server="suite", answers={"input": answer})
        with anyio.fail_after(10):
            made = await self.adapter.resume(permit, waiting, self.aside)
        assert isinstance(made, ToolResult)
        assert made.result is not None
        return made.result


@asynccontextmanager
async def fixtures(era: Era) -> AsyncIterator[Fixtures]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(
            conformance_app(), http="h11", log_level="critical", ws="none", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        async with anyio.create_task_group() as serving:
            serving.start_soon(server.serve, [listening])
            with anyio.fail_after(5):
                while not server.started:
                    await anyio.lowlevel.checkpoint()
            suite = Fixtures(f"http://127.0.0.1:{listening.getsockname()[1]}/mcp", era)
            yield suite
            await suite.adapter.aclose()
            server.should_exit = True


def text_of(result: JsonObject) -> Any:
    content: Any = result["content"]
    return content[0]["text"]


@pytest.mark.parametrize("era", ERAS)
async def test_progress_and_log_messages_come_in_order(era: Era) -> None:
    """`tools-call-with-progress`, `tools-call-with-logging`."""
    async with fixtures(era) as suite:
        progress = Receiver(progress_token="agent's")
        await suite.result("test_tool_with_progress", receiver=progress)
        assert [one.params["progress"] for one in suite.aside.told] == [0, 50, 100]
        suite.aside.told.clear()
        await suite.result("test_tool_with_logging", receiver=Receiver(log_level=LogLevel.DEBUG))
        assert [one.params["data"] for one in suite.aside.told] == [
            "Tool execution started",
            "Tool processing data",
            "Tool execution completed",
        ]


ASKED: Final[dict[str, tuple[AskMethod, JsonObject, JsonObject]]] = {
    "test_elicitation": (
        AskMethod.ELICIT,
        {"message": "who?"},
        {"action": "accept", "content": {"username": "alice", "email": "alice@example.com"}},
    ),
    "test_sampling": (
        AskMethod.SAMPLE,
        {"prompt": "hello?"},
        {"role": "assistant", "content": {"type": "text", "text": "hello!"}, "model": "m"},
    ),
}


@pytest.mark.parametrize("name", ASKED)
async def test_what_a_legacy_server_asks_holds_the_call_open(name: str) -> None:
    """`tools-call-elicitation`, `tools-call-sampling`."""
    method, arguments, answer = ASKED[name]
    async with fixtures(Era.LEGACY) as suite:
        waiting = await suite.make(name, arguments, receiver=Receiver(capabilities=EVERYTHING))
        assert isinstance(waiting, Waiting)
        assert waiting.ask.method is method
        result = await suite.resume(waiting, answer)
        assert ("alice" if method is AskMethod.ELICIT else "hello!") in text_of(result)


async def test_a_stream_that_is_closed_is_gone_on_with() -> None:
    """`server-sse-polling` (SEP-1699)."""
    async with fixtures(Era.LEGACY) as suite:
        assert text_of(await suite.result("test_reconnection")) == "Reconnection test completed successfully"


@pytest.mark.parametrize("era", ERAS)
async def test_prompts_resources_and_completions_are_asked(era: Era) -> None:
    """`prompts-get-with-args`, `resources-read-text`, `completion-complete`."""
    async with fixtures(era) as suite:
        prompt = await suite.result(
            "p",
            method=CallMethod.PROMPT,
            kind=ItemKind.PROMPT,
            name="test_prompt_with_arguments",
            arguments=b'{"arg1":"a","arg2":"b"}',
        )
        assert prompt["messages"]
        uri = "test://template/7/data"
        read = await suite.result(
            "r",
            method=CallMethod.RESOURCE,
            kind=ItemKind.RESOURCE,
            name=uri,
            arguments=b'{"uri":"test://template/7/data"}',
        )
        contents: Any = read["contents"]
        assert contents[0]["uri"] == uri
        completed = await suite.result(
            "c",
            method=CallMethod.COMPLETE,
            kind=ItemKind.PROMPT,
            name="test_prompt_with_arguments",
            arguments=b'{"argument":{"name":"arg1","value":"t"}}',
        )
        assert "completion" in completed


@pytest.mark.parametrize("era", ERAS)
async def test_a_resource_is_subscribed_to(era: Era) -> None:
    """`resources-subscribe`, `resources-unsubscribe`."""
    watched = {"kind": ItemKind.RESOURCE, "name": "test://watched-resource"}
    arguments = b'{"uri":"test://watched-resource"}'
    async with fixtures(era) as suite:
        for method in (CallMethod.SUBSCRIBE, CallMethod.UNSUBSCRIBE):
            assert await suite.result("s", method=method, arguments=arguments, **watched) == {}


async def test_a_modern_server_asks_in_its_answer_and_is_answered_by_another_call() -> None:
    """`input-required-result-elicitation`."""
    async with fixtures(Era.MODERN) as suite:
        asked = Receiver(capabilities=EVERYTHING)
        first = await suite.result("test_input_required_result_elicitation", receiver=asked)
        assert first["resultType"] == "input_required"
        requests: Any = first["inputRequests"]
        answers: JsonObject = {key: {"action": "accept", "content": {"name": "Alice"}} for key in requests}
        state: Any = first.get("requestState")
        second = await suite.result(
            "test_input_required_result_elicitation", receiver=asked, answers=canonical_bytes(answers), state=state
        )
        assert second["resultType"] == "complete"


async def test_a_call_becomes_an_mcp_task_that_is_asked_about_by_its_servers_id() -> None:
    """SEP-2663, over HTTP: the extension is declared with each request, `Mcp-Name` is the id; headers and body agree."""
    able = Receiver(capabilities=Capabilities(extensions=(TASKS,)))
    async with fixtures(Era.MODERN) as suite:
        made = await suite.result("multi_input", receiver=able)
        assert made["resultType"] == "task"
        about: dict[str, Any] = {"name": made["taskId"], "receiver": able, "arguments": b"{}"}
        stands = await suite.result("multi_input", method=CallMethod.TASK_GET, **about)
        assert (stands["taskId"], stands["status"]) == (made["taskId"], "input_required")
        answers = canonical_bytes({"first": {"action": "decline"}, "second": {"action": "decline"}})
        told = await suite.result("multi_input", method=CallMethod.TASK_UPDATE, answers=answers, **about)
        assert told["resultType"] == "complete"
        assert (await suite.result("multi_input", method=CallMethod.TASK_GET, **about))["status"] == "completed"
        assert await suite.result("multi_input", method=CallMethod.TASK_CANCEL, **about) == {"resultType": "complete"}
        assert "content" in await suite.result("slow_compute")  # who declares nothing is answered at once


SERVE: Final = """
import anyio
from mcp.server.stdio import stdio_server
from tests.simulated.conformance_server.server import conformance_server
async def serve():
    server = conformance_server()
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())
anyio.run(serve)
"""


async def test_an_mcp_task_over_stdio_is_asked_about_in_the_same_way() -> None:
    """SEP-2663, over stdio, where there are no headers; in the modern era alone."""
    able = Receiver(capabilities=Capabilities(extensions=(TASKS,)))
    adapter = StdioToolServer(
        "suite",
        (sys.executable, "-c", SERVE),
        watch=RecordingWatch(),
        fence=pass_fence,
        era=Era.MODERN,
        cwd=str(Path(__file__).parents[2]),
    )

    async def result(**forwarded: Any) -> JsonObject:
        permit = a_permit("failing_job", {}, server="suite", forwarded={"receiver": able, **forwarded})
        with anyio.fail_after(20):
            made = await adapter.call(permit, no_credential(permit), KeptAside())
        assert isinstance(made, ToolResult)
        assert made.result is not None, made
        return made.result

    made = await result()
    assert made["resultType"] == "task"
    about: dict[str, Any] = {"name": made["taskId"], "arguments": b"{}"}
    assert await result(method=CallMethod.TASK_CANCEL, **about) == {"resultType": "complete"}
    assert (await result(method=CallMethod.TASK_GET, **about))["status"] == "cancelled"
    await adapter.aclose()
