"""An unmodified client of the protocol's own SDK finds its way from a 401 to a token, with nothing but its own key.

Before a simulated corridor and desk, in this process: what is told here is that client and edge understand each other.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from itertools import count

import httpx2
import jwt
import pytest
from mcp import Client
from mcp.client.auth.exceptions import OAuthTokenError
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider, PrivateKeyJWTOAuthProvider
from mcp.client.streamable_http import streamable_http_client

from mediator.canonical import canonical_bytes
from mediator.delegation.token_request import ClientCredentials
from mediator.refusal import Reason
from tests.promises import promise
from tests.simulated.arrivals import enveloped, modern_headers
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.kept_tokens import KeptTokens
from tests.simulated.token_desk import ISSUER, PLANNER, IssuingEdge


class Recorded(httpx2.ASGITransport):
    """The way to the edge, and what went along it: method, path and status."""

    def __init__(self, edge: IssuingEdge) -> None:
        super().__init__(edge.app())  # type: ignore[arg-type]  # ASGI's own types are wider than what is read here
        self.went: list[tuple[str, str, int]] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        self.went.append((request.method, request.url.path, response.status_code))
        return response


def by_key(store: KeptTokens, *, endpoint: str = "/mcp", issuer: str = ISSUER) -> PrivateKeyJWTOAuthProvider:
    """Return the SDK's way of proving itself by a key; the assertion is made as its own is, at the time of the edge."""
    ids = count()

    async def sign(audience: str) -> str:
        now = NOW_MS // 1000
        claims = {
            "iss": "planner",
            "sub": "planner",
            "aud": audience,
            "exp": now + 300,
            "iat": now,
            "jti": str(next(ids)),
        }
        return jwt.encode(claims, PLANNER.to_pem(None).reveal(), algorithm="EdDSA")

    return PrivateKeyJWTOAuthProvider(ISSUER + endpoint, store, "planner", sign, issuer=issuer)


@promise("P5")
@pytest.mark.parametrize("endpoint", ["/mcp", "/servers/clock/mcp"])
async def test_a_client_with_a_key_finds_its_token_and_goes_on(endpoint: str) -> None:
    """MCP authorization; RFC 9728 §5, RFC 8414 §3, RFC 7523 §2.2, RFC 8707 §2: each step as the SDK takes it."""
    edge, store = IssuingEdge(), KeptTokens()
    transport = Recorded(edge)
    async with httpx2.AsyncClient(transport=transport, auth=by_key(store, endpoint=endpoint)) as http:
        streams = streamable_http_client(ISSUER + endpoint, http_client=http)
        async with Client(streams, mode="2026-07-28") as client:
            listed = await client.list_tools()

    assert [tool.name for tool in listed.tools] == ["slow"]
    assert store.tokens is not None
    assert transport.went[:5] == [
        ("POST", endpoint, 401),
        ("GET", "/.well-known/oauth-protected-resource", 200),
        ("GET", "/.well-known/oauth-authorization-server", 200),
        ("POST", "/oauth2/token", 200),
        ("POST", endpoint, 200),
    ]
    assert edge.desk.asked == [
        ("planner", ClientCredentials(authorization_details=None, scope=None, targets=(ISSUER,)))
    ]
    credential = edge.corridor.arrivals[-1].credential
    assert credential is not None
    assert credential.reveal() == store.tokens.access_token
    assert edge.reasons == [Reason.NO_CREDENTIAL]


@promise("P7", "P11")
async def test_a_client_that_has_only_a_secret_is_told_so() -> None:
    """RFC 6749 §5.2: `invalid_client`, and what to do instead, in words that the SDK shows."""
    edge, asked = IssuingEdge(), enveloped("tools/list")
    provider = ClientCredentialsOAuthProvider(f"{ISSUER}/mcp", KeptTokens(), "planner", "swordfish", issuer=ISSUER)
    async with httpx2.AsyncClient(transport=Recorded(edge), auth=provider) as http:
        headers = {"content-type": "application/json", **dict(modern_headers(asked))}
        with pytest.raises(OAuthTokenError, match=r"401.*invalid_client.*sign a client assertion"):
            await http.post(f"{ISSUER}/mcp", content=canonical_bytes(asked), headers=headers)
    assert edge.desk.asked == []
