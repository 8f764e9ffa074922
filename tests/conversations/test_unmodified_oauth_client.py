"""The SDK's own OAuth client, unmodified, before a running mediator: from a 401 to a tool's answer with its key alone.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
from mcp import Client
from mcp.client.auth.extensions.client_credentials import PrivateKeyJWTOAuthProvider, SignedJWTParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.types import TextContent

from tests.promises import promise
from tests.simulated.fleet import Fleet
from tests.simulated.kept_tokens import KeptTokens
from tests.simulated.running import OWNER, SECONDS, running
from tests.simulated.tool_server import SimulatedToolServer, tool


@promise("P5", "P9")
@pytest.mark.parametrize("endpoint", ["/mcp", "/servers/notes/mcp"])
async def test_an_unmodified_client_gets_a_token_and_calls_a_tool_through_discovery_alone(
    tmp_path: Path, endpoint: str
) -> None:
    """RFC 9728, RFC 8414, RFC 7523, RFC 6749 §4.4: the client knows the endpoint, its name and its key, and no more."""
    fleet, kept = Fleet("worker"), KeptTokens()
    async with running(
        tmp_path, {"notes": SimulatedToolServer(tools=[tool("echo")])}, before_start=fleet.write
    ) as mediator:
        proof = SignedJWTParameters(
            issuer="worker",
            subject="worker",
            signing_key=fleet.keys["worker"].to_pem(None).reveal(),
            signing_algorithm="EdDSA",
        )
        provider = PrivateKeyJWTOAuthProvider(
            mediator.url + endpoint, kept, "worker", proof.create_assertion_provider(), issuer=mediator.url
        )
        async with httpx2.AsyncClient(auth=provider, timeout=SECONDS) as http:
            streams = streamable_http_client(mediator.url + endpoint, http_client=http)
            async with Client(streams, cache=None) as client:
                name = "notes__echo" if endpoint == "/mcp" else "echo"
                answer = await client.call_tool(name, {"text": "hello"})
        assert isinstance(answer.content[0], TextContent)
        assert not answer.is_error
        entry = mediator.decisions[-1]
        assert (entry["agent"], entry["owner"], entry["verdict"]) == ("worker", OWNER, "allow")
        assert kept.tokens is not None
        assert len(mediator.entries("task.opened")) == 2  # the one of the set-up, and the client's own
