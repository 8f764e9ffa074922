"""The SDK's own client, doing what each client scenario of the suite asks for; the suite gives it a server's address.

    python -m tests.conformance.client URL                # straight at that server
    python -m tests.conformance.client --mediated URL     # with a mediator in front of it, set up on the fly

The scenario's name, its version of the protocol and what it is to be called with stand in `MCP_CONFORMANCE_*`. What the
client sends is judged by the suite's server, which through the mediator hears the mediator.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import anyio
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
from pydantic import ValidationError

from tests.conformance.mediated import mediated

SECONDS: Final = 60
MODERN: Final = "2026-07-28"
_ANY: Final[Mapping[str, Any]] = MappingProxyType(
    {"string": "a", "integer": 1, "number": 1.5, "boolean": True, "array": [], "object": {}, "null": None}
)


async def _elicited(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:  # noqa: ARG001 - the SDK names its arguments
    """A person who accepts every form as it is filled in, and says yes to what is not."""
    assert isinstance(params, ElicitRequestFormParams)
    fields = params.requested_schema.get("properties", {})
    content = {name: field.get("default", True) for name, field in fields.items()}
    return ElicitResult(action="accept", content=content)


async def _sampled(context: ClientRequestContext, params: CreateMessageRequestParams) -> CreateMessageResult:  # noqa: ARG001 - as above
    return CreateMessageResult(role="assistant", model="m", content=TextContent(type="text", text="said"))


async def _rooted(context: ClientRequestContext) -> ListRootsResult:  # noqa: ARG001 - as above
    return ListRootsResult(roots=[Root.model_validate({"uri": "file:///r", "name": "r"})])


async def _list(client: Client) -> None:
    await client.list_tools()


async def _add(client: Client) -> None:
    await client.list_tools()
    await client.call_tool("add_numbers", {"a": 5, "b": 3})


async def _call_all(client: Client) -> None:
    """Call every tool that is listed, with arguments that fit."""
    for tool in (await client.list_tools()).tools:
        fields = tool.input_schema.get("properties", {})
        await client.call_tool(tool.name, {name: _ANY[field["type"]] for name, field in fields.items()})


async def _call_as_told(client: Client) -> None:
    await client.list_tools()
    for call in json.loads(os.environ["MCP_CONFORMANCE_CONTEXT"])["toolCalls"]:
        await client.call_tool(call["name"], call["arguments"])


async def _echo_schema(client: Client) -> None:
    schemas = {tool.name: tool.input_schema for tool in (await client.list_tools()).tools}
    await client.call_tool("json_schema_echo", {"schema": schemas["json_schema_2020_12_tool"]})


async def _rounds(client: Client) -> None:
    """Call what asks, and meanwhile what does not."""
    await client.list_tools()
    async with anyio.create_task_group() as calling:
        for name in ("test_mrtr_echo_state", "test_mrtr_unrelated", "test_mrtr_no_state"):
            calling.start_soon(client.call_tool, name, {})
    # The suite asks only that a result without a type is no reason to call again. This client takes none at all.
    with suppress(ValidationError):
        await client.call_tool("test_mrtr_no_result_type", {})


async def _everything(client: Client) -> None:
    """Use every method that has a name or an address in it."""
    await _call_all(client)
    await client.list_resource_templates()
    for resource in (await client.list_resources()).resources:
        await client.read_resource(resource.uri)
    for prompt in (await client.list_prompts()).prompts:
        await client.get_prompt(prompt.name)


SCENARIOS: Final[Mapping[str, Callable[[Client], Awaitable[None]]]] = MappingProxyType(
    {
        "initialize": _list,
        "tools_call": _add,
        "elicitation-sep1034-client-defaults": _call_all,
        "sse-retry": _call_all,
        "json-schema-2020-12-preservation": _echo_schema,
        "request-metadata": _list,
        "sep-2322-client-request-state": _rounds,
        "http-standard-headers": _everything,
        "http-custom-headers": _call_as_told,
        "http-invalid-tool-headers": _call_all,
        "json-schema-ref-no-deref": _list,
    }
)


async def _play(url: str) -> None:
    scenario = os.environ["MCP_CONFORMANCE_SCENARIO"]
    version = os.environ["MCP_CONFORMANCE_PROTOCOL_VERSION"]
    mode = "auto" if version == MODERN else "legacy"
    async with Client(
        url,
        mode=mode,
        cache=None,
        elicitation_callback=_elicited,
        sampling_callback=_sampled,
        list_roots_callback=_rooted,
    ) as client:
        await SCENARIOS[scenario](client)


async def _play_through(url: str) -> None:
    with tempfile.TemporaryDirectory(prefix="conformance-client-") as place:
        async with mediated(url, Path(place)) as mediator:
            await _play(mediator.url)


async def _main(url: str, play: Callable[[str], Awaitable[None]]) -> None:
    with anyio.fail_after(SECONDS):
        await play(url)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="client", description="Do what a client scenario of the suite asks for.")
    parser.add_argument("--mediated", action="store_true", help="set up a mediator in front of the server")
    parser.add_argument("url", help="the server of the scenario")
    given = parser.parse_args(sys.argv[1:])
    anyio.run(_main, given.url, _play_through if given.mediated else _play)
