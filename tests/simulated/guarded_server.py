"""A real tool server that demands a token of its own: the SDK's, over HTTP, with its own bearer middleware.

    async with guarded(lambda token, url: claims or None) as server:
        server.url
        server.arrived          # each request: its headers and its body, as they came
        server.tokens           # every token that was accepted, in order

`believe` says what a token says, where it is one for this address; the SDK refuses everything else with 401 before
anything of the message is looked at.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import anyio
import uvicorn
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from pydantic import AnyHttpUrl
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Believe: TypeAlias = Callable[[str, str], Mapping[str, Any] | None]


@dataclass(slots=True)
class Guarded:
    """See the top of the file."""

    url: str
    believe: Believe
    arrived: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    calls: int = 0

    async def verify_token(self, token: str) -> AccessToken | None:
        """Fill the SDK's `TokenVerifier`."""
        claims = self.believe(token, self.url)
        if claims is None:
            return None
        self.tokens.append(token)
        subject = str(claims.get("sub", "the mediator"))
        return AccessToken(token=token, client_id="mediator", scopes=[], resource=self.url, subject=subject)

    def recorded(self, app: ASGIApp) -> ASGIApp:
        """Keep whatever arrives, on its way in."""

        async def record(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            place = len(self.arrived)
            self.arrived.append((headers, b""))

            async def kept() -> Message:
                message = await receive()
                self.arrived[place] = (headers, self.arrived[place][1] + message.get("body", b""))
                return message

            await app(scope, kept, send)

        return record


@asynccontextmanager
async def guarded(believe: Believe) -> AsyncIterator[Guarded]:
    """Serve it for as long as the context lasts."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
        guard = Guarded(url, believe)
        auth = AuthSettings(
            issuer_url=AnyHttpUrl("http://127.0.0.1/"),
            resource_server_url=AnyHttpUrl(url),
            validate_token_resource=True,
        )
        server = MCPServer("adder", token_verifier=guard, auth=auth)

        @server.tool()
        def add(a: int, b: int) -> int:
            """Add."""
            guard.calls += 1
            return a + b

        @server.tool()
        def fail() -> str:
            """Fail."""
            message = "it does not work"
            raise RuntimeError(message)

        app = guard.recorded(server.streamable_http_app(json_response=True))
        serving_it = uvicorn.Server(uvicorn.Config(app, log_level="critical", ws="none", timeout_graceful_shutdown=1))
        async with anyio.create_task_group() as serving:
            serving.start_soon(serving_it.serve, [listening])
            with anyio.fail_after(5):
                while not serving_it.started:
                    await anyio.lowlevel.checkpoint()
            yield guard
            serving_it.should_exit = True
