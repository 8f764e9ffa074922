"""What a server offers, in whichever era it speaks, means the same to an agent of either era: each conversation is held
straight with the fixture server, in the agent's own era, and through the whole mediator, and comes out equal.

Four tool sides (over HTTP and stdio, held to either era) and the SDK's own client in either era. No meaning across have:

- `ping`, and levels of log messages that hold for a session: the modern era has none; a legacy agent is answered by the
  mediator, its level goes on with each call.
- sessions, `Last-Event-ID` and `DELETE`, the modern era's header rules, `ttlMs` and `cacheScope`: each side has its own
  (`tests/unit/edge`, the conformance suite).
- `requestState` of a server: a modern agent gets one of the mediator's own, a legacy agent none
  (`test_questions_over_http.py`).
- the id of an elicitation by URL, and `notifications/elicitation/complete`: the legacy era's alone.
- `execution` of a tool, and an `outputSchema` that is no object: of one era alone (design, P2).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio
import httpx2
import mcp_types as types
import pytest
from anyio.from_thread import start_blocking_portal
from mcp import Client, MCPError
from mcp.client import ClientRequestContext
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPDeprecationWarning
from pydantic import BaseModel, FileUrl

from tests.conformance.programs import ROOT, serving
from tests.promises import promise
from tests.simulated.conformance_server.beyond import PLACE, beyond_the_suite
from tests.simulated.conformance_server.resources import WATCHED
from tests.simulated.conformance_server.server import conformance_server
from tests.simulated.running import Running, running

SECONDS: Final = 20
SERVER: Final = "f"
FIXTURES: Final = "tests.simulated.conformance_server"
SIDES: Final = ("http-modern", "http-legacy", "stdio-modern", "stdio-legacy")
MODES: Final = {"modern": "2026-07-28", "legacy": "legacy"}
OWN: Final = ("_meta", "resultType", "ttlMs", "cacheScope", "nextCursor")


# --- both ends ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A tool server behind a mediator that runs in a thread of its own, for as many tests as there are."""

    mediator: Running

    @asynccontextmanager
    async def agent(self, agent: Agent) -> AsyncIterator[Agent]:
        """Connect an agent, under the task that is open."""
        token = self.mediator.token
        url = f"{self.mediator.url}/servers/{SERVER}/mcp"
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=SECONDS) as http,
            agent.connected(streamable_http_client(url, http_client=http)),
        ):
            yield agent


@pytest.fixture(scope="module", params=SIDES)
def side(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    folder = tmp_path_factory.mktemp(request.param)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(mediated(request.param, folder)) as found:
        yield Side(mediator=found)


@asynccontextmanager
async def mediated(kind: str, folder: Path) -> AsyncIterator[Running]:
    """Run a mediator in front of the fixture server; sampling and roots are permitted."""
    transport, era = kind.split("-")

    def speak(work: Path) -> None:
        file = work / "tool_servers.d" / f"{SERVER}.toml"
        file.write_text(f'{file.read_text(encoding="utf-8").rstrip()}\nera = "{era}"\n', encoding="utf-8")

    async with AsyncExitStack() as ending:
        if transport == "http":
            url = await ending.enter_async_context(serving(FIXTURES, "--beyond", log=folder / "fixtures.log"))
            source = ["--url", url]
        else:
            source = ["--command", f"{sys.executable} -m {FIXTURES} --stdio --beyond"]
            source += ["--env", f"PYTHONPATH=literal:{ROOT}"]
        yield await ending.enter_async_context(
            running(folder, {}, others={SERVER: source}, before_start=speak, permitted=("sample", "list_roots"))
        )


@dataclass(slots=True, kw_only=True)
class Agent:
    """The SDK's client in one era, and the person and the model behind it: what each was told and asked."""

    mode: str
    asked: list[Any] = field(default_factory=list)
    logged: list[Any] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    is_told: anyio.Event = field(default_factory=anyio.Event)
    _client: Client | None = None

    @property
    def is_modern(self) -> bool:
        return self.mode != "legacy"

    @property
    def client(self) -> Client:
        assert self._client is not None
        return self._client

    @asynccontextmanager
    async def connected(self, server: Any) -> AsyncIterator[Agent]:
        with anyio.fail_after(SECONDS):
            async with Client(
                server,
                mode=self.mode,
                cache=None,
                log_level="info",
                elicitation_callback=self._elicit,
                sampling_callback=self._sample,
                list_roots_callback=self._list_roots,
                logging_callback=self._log,
                message_handler=self._hear,
            ) as client:
                self._client = client
                yield self

    async def call(self, name: str, **arguments: Any) -> Any:
        return plain(await self.client.call_tool(name, arguments))

    async def _elicit(self, context: ClientRequestContext, params: types.ElicitRequestParams) -> types.ElicitResult:  # noqa: ARG002 - the SDK names its arguments
        """Accept: fill in each field with its name, in the order of RFC 8785, or go where one is sent."""
        asked = plain(params)
        asked.pop("elicitationId", None)
        asked.setdefault("mode", "form")
        self.asked.append(asked)
        if isinstance(params, types.ElicitRequestURLParams):
            return types.ElicitResult(action="accept")
        return types.ElicitResult(
            action="accept", content={name: name for name in sorted(params.requested_schema["properties"])}
        )

    async def _sample(
        self,
        context: ClientRequestContext,  # noqa: ARG002 - as above
        params: types.CreateMessageRequestParams,
    ) -> types.CreateMessageResult:
        self.asked.append(plain(params))
        return types.CreateMessageResult(
            role="assistant", model="m", content=types.TextContent(type="text", text="said")
        )

    async def _list_roots(self, context: ClientRequestContext) -> types.ListRootsResult:  # noqa: ARG002 - as above
        self.asked.append("roots")
        return types.ListRootsResult(roots=[types.Root(uri=FileUrl("file:///r"), name="r")])

    async def _log(self, params: types.LoggingMessageNotificationParams) -> None:
        self.logged.append((params.level, params.data))

    async def _hear(self, message: object) -> None:
        self.told.append(str(getattr(message, "method", message)))
        self.is_told.set()


def plain(model: BaseModel) -> Any:
    """Return what a model holds, without what each side says of its own."""
    whole = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {key: value for key, value in whole.items() if key not in OWN}


# --- what they say to each other ----------------------------------------------------------------------------------------

Conversation = Callable[[Agent], Awaitable[Any]]


async def tools(agent: Agent) -> Any:
    """Tools are listed with their descriptions and schemas; the mediator's order is that of the names."""
    listed = [plain(one) for one in (await agent.client.list_tools()).tools]
    assert len(listed) > 30
    return sorted(listed, key=lambda one: str(one["name"]))


async def contents(agent: Agent) -> Any:
    """Content of each kind, alone and mixed."""
    kinds = ("simple_text", "image_content", "audio_content", "embedded_resource", "multiple_content_types")
    answers = [await agent.call(f"test_{kind}") for kind in kinds]
    found = [[content["type"] for content in one["content"]] for one in answers]
    assert found == [["text"], ["image"], ["audio"], ["resource"], ["text", "image", "resource"]]
    return answers


async def tool_error(agent: Agent) -> Any:
    """An error of a tool is its result."""
    answer = await agent.call("test_error_handling")
    assert answer["isError"]
    return answer


async def unknown_tool(agent: Agent) -> Any:
    return await error_of(agent.client.call_tool("no_such_tool", {}))


async def progress(agent: Agent) -> Any:
    """All of it, in order, before the answer."""
    heard: list[Any] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total, message))

    answer = plain(await agent.client.call_tool("test_tool_with_progress", {}, progress_callback=hear))
    assert [done for done, _, _ in heard] == [0, 50, 100]
    return answer, heard


async def log_messages(agent: Agent) -> Any:
    """A modern agent names a level with each request, a legacy one for its session."""
    if not agent.is_modern:
        with pytest.warns(MCPDeprecationWarning):
            await agent.client.set_logging_level("info")
    answer = await agent.call("test_tool_with_logging")
    assert [level for level, _ in agent.logged] == ["info"] * 3
    return answer, agent.logged


async def elicitation(agent: Agent) -> Any:
    """A form, as the server made it; and what was filled in."""
    answers = [await agent.call("test_elicitation", message="Who?"), await agent.call("test_elicitation_sep1330_enums")]
    assert [one["mode"] for one in agent.asked] == ["form", "form"]
    return answers, agent.asked


async def elicitation_by_url(agent: Agent) -> Any:
    answer = await agent.call("ask_to_visit")
    assert agent.asked == [{"mode": "url", "message": "Please sign in", "url": PLACE}]
    return answer


async def sampling(agent: Agent) -> Any:
    answer = await agent.call("test_sampling", prompt="Say it")
    assert len(agent.asked) == 1
    return answer, agent.asked


async def roots(agent: Agent) -> Any:
    answer = await agent.call("test_input_required_result_list_roots")
    assert agent.asked == ["roots"]
    return answer


async def several_questions(agent: Agent) -> Any:
    """Three at once, and one after the other."""
    answers = [await agent.call(f"test_input_required_result_{kind}") for kind in ("multiple_inputs", "multi_round")]
    assert len(agent.asked) == 5
    return answers, sorted(json.dumps(one, sort_keys=True) for one in agent.asked)


async def prompts(agent: Agent) -> Any:
    """Listed and asked for: plain, with arguments, with a resource, with a picture."""
    listed = [plain(one) for one in (await agent.client.list_prompts()).prompts]
    wanted: dict[str, dict[str, str] | None] = {
        "test_simple_prompt": None,
        "test_prompt_with_arguments": {"arg1": "one", "arg2": "two"},
        "test_prompt_with_embedded_resource": {"resourceUri": "test://a"},
        "test_prompt_with_image": None,
    }
    got = [plain(await agent.client.get_prompt(name, arguments)) for name, arguments in wanted.items()]
    return sorted(listed, key=lambda one: str(one["name"])), got


async def prompt_that_asks(agent: Agent) -> Any:
    answer = plain(await agent.client.get_prompt("test_input_required_result_prompt"))
    assert len(agent.asked) == 1
    return answer, agent.asked


async def resources(agent: Agent) -> Any:
    """Listed and read: a text, a picture, one of a template."""
    listed = [plain(one) for one in (await agent.client.list_resources()).resources]
    templates = [plain(one) for one in (await agent.client.list_resource_templates()).resource_templates]
    uris = ("test://static-text", "test://static-binary", "test://template/7/data")
    read = [plain(await agent.client.read_resource(uri)) for uri in uris]
    return sorted(listed, key=lambda one: str(one["uri"])), templates, read


async def resource_that_is_not_there(agent: Agent) -> Any:
    """MCP: -32602 from 2026-07-28 on (SEP-2164), -32002 before."""
    code = await error_of(agent.client.read_resource("test://not-there"))
    assert code == (-32602 if agent.is_modern else -32002)
    return code


async def completion(agent: Agent) -> Any:
    prompt = types.PromptReference(type="ref/prompt", name="test_prompt_with_arguments")
    template = types.ResourceTemplateReference(type="ref/resource", uri="test://template/{id}/data")
    answers = [
        plain(await agent.client.complete(prompt, {"name": "arg1", "value": "par"})),
        plain(await agent.client.complete(template, {"name": "id", "value": "te"})),
    ]
    assert answers[0]["completion"]["values"] == ["paris", "park", "party"]
    return answers


async def updates_of_a_resource(agent: Agent) -> Any:
    """A legacy agent subscribes in its session, a modern one listens; both are told which, and read it."""
    if agent.is_modern:
        async with agent.client.listen(resource_subscriptions=[WATCHED]) as listening:
            await agent.call("update_resource")
            event = await anext(listening)
            assert getattr(event, "uri", None) == WATCHED
    else:
        with pytest.warns(MCPDeprecationWarning):
            await agent.client.subscribe_resource(WATCHED)
        await agent.call("update_resource")
        await agent.is_told.wait()
        assert agent.told == ["notifications/resources/updated"]
        with pytest.warns(MCPDeprecationWarning):
            await agent.client.unsubscribe_resource(WATCHED)
    return plain(await agent.client.read_resource(WATCHED))


async def changes_of_a_list(agent: Agent) -> Any:
    """That a list changed is told, once the mediator has looked; what it holds is listed."""
    if agent.is_modern:
        async with agent.client.listen(tools_list_changed=True) as listening:
            await agent.call("test_trigger_tool_change")
            assert type(await anext(listening)).__name__ == "ToolsListChanged"
    else:
        await agent.call("test_trigger_tool_change")
        await agent.is_told.wait()
        assert "notifications/tools/list_changed" in agent.told
    return len((await agent.client.list_tools()).tools)


async def cancellation(agent: Agent) -> Any:
    """The tool side learns of it: by a notification, or by a stream that is closed."""
    begun = anyio.Event()

    async def hear(progress: float, total: float | None, message: str | None) -> None:  # noqa: ARG001 - the SDK names its arguments
        begun.set()

    key = f"{id(begun)}"
    async with anyio.create_task_group() as calling:
        calling.start_soon(partial(agent.client.call_tool, "wait", {"key": key}, progress_callback=hear))
        await begun.wait()
        calling.cancel_scope.cancel()
    return await agent.call("was_cancelled", key=key)


async def error_of(asking: Awaitable[Any]) -> int:
    with pytest.raises(MCPError) as caught:
        await asking
    return caught.value.error.code


CONVERSATIONS: Final[tuple[Conversation, ...]] = (
    tools,
    contents,
    tool_error,
    unknown_tool,
    progress,
    log_messages,
    elicitation,
    elicitation_by_url,
    sampling,
    roots,
    several_questions,
    prompts,
    prompt_that_asks,
    resources,
    resource_that_is_not_there,
    completion,
    updates_of_a_resource,
    changes_of_a_list,
    cancellation,
)


@promise("P1", "P11")
@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=lambda conversation: conversation.__name__)
async def test_a_conversation_means_the_same_through_the_mediator(
    side: Side, mode: str, conversation: Conversation
) -> None:
    """Issue 4, must show 2: whichever era the tool server is held in, an agent finds what it would find in its own."""
    async with Agent(mode=mode).connected(conformance_server(beyond_the_suite())) as direct:
        said = await conversation(direct)
    async with side.agent(Agent(mode=mode)) as through:
        assert await conversation(through) == said


async def test_a_legacy_agents_ping_is_answered(side: Side) -> None:
    """MCP until 2025-11-25: by the mediator, whichever era the tool server speaks."""
    async with side.agent(Agent(mode="legacy")) as agent:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MCPDeprecationWarning)
            assert plain(await agent.client.send_ping()) == {}
