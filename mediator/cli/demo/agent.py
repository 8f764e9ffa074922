"""An agent as one would write it: the SDK's own client over HTTP, unmodified, with a bearer token, or one that it proves.

It knows nothing of the mediator but its address. What it is refused it reads like any other answer.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent

from mediator.cli.demo.proving import Proving
from mediator.identity.dsse import SigningKey

_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the agent was told: text, and where it was refused the reason, and the request for an approval, beside it."""

    text: str
    refused: str | None
    approval: str = ""


@dataclass(frozen=True, slots=True)
class Agent:
    """A connected client."""

    client: Client

    async def tools(self) -> list[str]:
        """Return the names of the tools that exist for it."""
        return sorted(tool.name for tool in (await self.client.list_tools()).tools)

    async def call(self, name: str, arguments: Mapping[str, object]) -> Answer:
        """Call a tool, and return what a model would read."""
        try:
            return _answer(await self.client.call_tool(name, dict(arguments)))
        except MCPError as error:
            data = error.data
            reason = data.get("reason") if isinstance(data, dict) else None
            return Answer(text=error.message, refused=str(reason or error.code))


@asynccontextmanager
async def connected(url: str, token: str, key: SigningKey | None = None) -> AsyncIterator[Agent]:
    """Connect with this token, and with the key that it is bound to, if it is; the session ends with the context."""
    headers = {"Authorization": f"Bearer {token}"} if key is None else {}
    auth = None if key is None else Proving(key, token)
    async with httpx2.AsyncClient(headers=headers, auth=auth, timeout=_SECONDS) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, cache=None) as client:
            yield Agent(client)


async def use_stolen(url: str, token: str) -> Answer:
    """Use a token as whoever found it would: without the key that it is bound to."""
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream"}
    async with httpx2.AsyncClient(headers=headers, timeout=_SECONDS) as http:
        begun = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "thief", "version": "1"}}
        response = await http.post(url, json={"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": begun})
    error = response.json().get("error", {})
    return Answer(text=str(error.get("message")), refused=error.get("data", {}).get("reason"))


def _answer(result: CallToolResult) -> Answer:
    text = "\n".join(block.text for block in result.content if isinstance(block, TextContent))
    refusal = (result.meta or {}).get("org.mcp-mediator/refusal")
    if not isinstance(refusal, dict):
        return Answer(text=text, refused=None)
    return Answer(text=text, refused=str(refusal["reason"]), approval=str(refusal.get("approval", "")))
