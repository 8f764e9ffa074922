"""The fixture server: the SDK's low-level server over the tables of fixtures.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Final

from mcp.server.caching import CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    CompleteRequestParams,
    CompleteResult,
    Completion,
    EmptyResult,
    GetPromptRequestParams,
    GetPromptResult,
    InputRequiredResult,
    ListPromptsResult,
    ListToolsResult,
    PaginatedRequestParams,
    SetLevelRequestParams,
    SubscribeRequestParams,
    UnsubscribeRequestParams,
)
from starlette.applications import Starlette

from tests.simulated.conformance_server import (
    content,
    mcp_tasks,
    prompts,
    questions,
    resources,
    rounds,
    schemas,
    streams,
)
from tests.simulated.conformance_server.events import MemoryEvents
from tests.simulated.conformance_server.fixture import PromptFixture, PromptWanted, ToolCalled, ToolFixture

_Context = ServerRequestContext[Any, Any]

NAME: Final = "conformance-fixtures"
RETRY_MS: Final = 500  # after which a client whose stream was closed comes back
WORDS: Final = ("paris", "park", "party", "test", "testValue1")  # what arguments may be completed to
TOOLS: Final = {
    fixture.definition.name: fixture
    for fixture in (*content.TOOLS, *streams.TOOLS, *questions.TOOLS, *rounds.TOOLS, *schemas.TOOLS, *mcp_tasks.TOOLS)
}
PROMPTS: Final = {fixture.definition.name: fixture for fixture in prompts.PROMPTS}


def conformance_server(beyond: Sequence[ToolFixture] = ()) -> Server[dict[str, Any]]:
    """Make a server of every fixture, and of those beyond the suite, with change notifications and states of its own."""
    changes = InMemorySubscriptionBus()
    tools = {**TOOLS, **{fixture.definition.name: fixture for fixture in beyond}}

    def tool_of(name: str) -> ToolFixture:
        if name not in tools:
            raise MCPError(INVALID_PARAMS, f"Unknown tool: {name}")
        return tools[name]

    async def list_tools(_: _Context, __: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[fixture.definition for fixture in tools.values()])

    async def call_tool(context: _Context, params: CallToolRequestParams) -> CallToolResult | InputRequiredResult:
        return await tool_of(params.name).answer(ToolCalled(context=context, changes=changes, params=params))

    async def get_prompt(context: _Context, params: GetPromptRequestParams) -> GetPromptResult | InputRequiredResult:
        return await _prompt(params.name).answer(PromptWanted(context=context, changes=changes, params=params))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MCPDeprecationWarning)  # logging is what legacy scenarios are about
        server: Server[dict[str, Any]] = Server(
            NAME,
            version="1.0.0",
            instructions="Fixtures of the conformance suite.",
            cache_hints={
                method: CacheHint(ttl_ms=1000, scope="private")
                for method in ("tools/list", "prompts/list", "resources/list", "resources/read")
            },
            get_tool_input_schema=lambda name: tools[name].definition.input_schema if name in tools else None,
            on_list_tools=list_tools,
            on_call_tool=call_tool,
            on_list_prompts=_list_prompts,
            on_get_prompt=get_prompt,
            on_list_resources=resources.list_resources,
            on_list_resource_templates=resources.list_resource_templates,
            on_read_resource=resources.read_resource,
            on_subscribe_resource=_subscribe,
            on_unsubscribe_resource=_unsubscribe,
            on_subscriptions_listen=ListenHandler(changes),
            on_completion=_complete,
            on_set_logging_level=_set_level,
        )
    server.extensions = {mcp_tasks.EXTENSION: {}}
    server.middleware.append(mcp_tasks.McpTasks())
    server.middleware.append(RequestStateBoundary(RequestStateSecurity.ephemeral(), default_audience=NAME))
    return server


def conformance_app(beyond: Sequence[ToolFixture] = ()) -> Starlette:
    """Serve it over Streamable HTTP, to whoever names it as this machine does."""
    return conformance_server(beyond).streamable_http_app(event_store=MemoryEvents(), retry_interval=RETRY_MS)


def _prompt(name: str) -> PromptFixture:
    if name not in PROMPTS:
        raise MCPError(INVALID_PARAMS, f"Unknown prompt: {name}")
    return PROMPTS[name]


async def _list_prompts(_: _Context, __: PaginatedRequestParams | None) -> ListPromptsResult:
    return ListPromptsResult(prompts=[fixture.definition for fixture in PROMPTS.values()])


async def _complete(_: _Context, params: CompleteRequestParams) -> CompleteResult:
    values = [word for word in WORDS if word.startswith(params.argument.value)]
    return CompleteResult(completion=Completion(values=values, total=len(values), has_more=False))


async def _subscribe(_: _Context, __: SubscribeRequestParams) -> EmptyResult:
    return EmptyResult()


async def _unsubscribe(_: _Context, __: UnsubscribeRequestParams) -> EmptyResult:
    return EmptyResult()


async def _set_level(_: _Context, __: SetLevelRequestParams) -> EmptyResult:
    return EmptyResult()
