"""The fixture server by the SDK's own client, in both eras: what it asks is asked in each, and means the same.

What each fixture answers is the suite's to judge (`make conformance`).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
import uvicorn
from mcp import Client
from mcp.client import ClientRequestContext
from mcp_types import (
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequestFormParams,
    ElicitRequestParams,
    ElicitResult,
    ListRootsResult,
    Root,
    TextContent,
)

from tests.simulated.conformance_server.server import PROMPTS, TOOLS, conformance_app

SECONDS = 20
ERAS = pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])


async def elicited(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:  # noqa: ARG001 - the SDK names its arguments
    """A person who fills in one field of each form with its name."""
    assert isinstance(params, ElicitRequestFormParams)
    wanted = next(iter(params.requested_schema["properties"]))
    return ElicitResult(action="accept", content={wanted: wanted})


async def sampled(context: ClientRequestContext, params: CreateMessageRequestParams) -> CreateMessageResult:  # noqa: ARG001 - as above
    """A model that repeats what it is told."""
    [message] = params.messages
    assert isinstance(message.content, TextContent)
    return CreateMessageResult(role="assistant", model="m", content=message.content)


async def rooted(context: ClientRequestContext) -> ListRootsResult:  # noqa: ARG001 - as above
    return ListRootsResult(roots=[Root.model_validate({"uri": "file:///r", "name": "r"})])


@asynccontextmanager
async def connected(mode: str) -> AsyncIterator[Client]:
    with socket.create_server(("127.0.0.1", 0)) as listening, anyio.fail_after(SECONDS):
        config = uvicorn.Config(
            conformance_app(), http="h11", log_level="critical", ws="none", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        async with anyio.create_task_group() as serving:
            serving.start_soon(server.serve, [listening])
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
            async with Client(
                url,
                mode=mode,
                elicitation_callback=elicited,
                sampling_callback=sampled,
                list_roots_callback=rooted,
            ) as client:
                yield client
            server.should_exit = True


@ERAS
async def test_both_eras_are_offered_the_same(mode: str) -> None:
    """Ours: one endpoint, one list, whoever asks."""
    async with connected(mode) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == list(TOOLS)
        assert [prompt.name for prompt in (await client.list_prompts()).prompts] == list(PROMPTS)


@ERAS
@pytest.mark.parametrize(
    ("tool", "arguments", "answer"),
    [
        ("test_sampling", {"prompt": "p"}, "LLM response: p"),
        ("test_elicitation", {"message": "m"}, "User response: action=accept, content={'username': 'username'}"),
        ("test_input_required_result_elicitation", {}, "Hello, name!"),
        ("test_input_required_result_list_roots", {}, "file:///r"),
        (
            "test_input_required_result_multiple_inputs",
            {},
            "user_name: action=accept, content={'name': 'name'}; greeting: Generate a greeting; client_roots: file:///r",
        ),
        ("test_input_required_result_multi_round", {}, "name likes color"),
        ("test_input_required_result_request_state", {}, "state-ok: action=accept, content={'ok': 'ok'}"),
    ],
)
async def test_a_question_is_asked_in_the_clients_own_way(
    mode: str, tool: str, arguments: dict[str, Any], answer: str
) -> None:
    """MCP: live requests until 2025-11-25, `input_required` from 2026-07-28 on; the answer is the same."""
    async with connected(mode) as client:
        result = await client.call_tool(tool, arguments)
    assert result.content == [TextContent(type="text", text=answer)]
