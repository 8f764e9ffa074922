"""Where credentials come from: an authorization server that believes our proof and our word, or our own signature.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from mediator.adapters.credentials_brokered.behalf import Behalf
from mediator.adapters.credentials_brokered.endpoint import TokenEndpoint
from mediator.adapters.credentials_brokered.sources import Client, Exchange, OwnClient, Signed, Signer
from mediator.evidence import Secret
from mediator.identity.dsse import SigningKey
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.authorization_server import JWT, AuthorizationServer, verified
from tests.simulated.clock import FixedClock
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.grants import a_grant

US = "https://mediator.example"
WEB = "https://web.example/mcp"
ISSUER_KEY, CLIENT_KEY = SigningKey.generate(), SigningKey.generate()
SIGNER = Signer(issuer=US, key=lambda: ISSUER_KEY)
ROOT = a_grant(id="g-1", agent="planner", owner="alice@example.com", expires_ms=NOW_MS + 100_000)
CHILD = a_grant(id="g-2", parent="g-1", root="g-1", agent="worker", expires_ms=NOW_MS + 90_000, depth=1)
CHAIN = Behalf(links=(ROOT, CHILD))


@pytest.fixture
async def server() -> AsyncIterator[AuthorizationServer]:
    async with AuthorizationServer(now_ms=FixedClock().now_ms) as server:
        server.allow("mediator", key=CLIENT_KEY.public)
        server.allow("by-secret", secret="client-s3cret")
        server.trust(US, ISSUER_KEY.public)
        yield server


def client(server: AuthorizationServer, **changed: Any) -> Client:
    known: dict[str, Any] = {
        "endpoint": TokenEndpoint(server.token_url),
        "client_id": "mediator",
        "proof": CLIENT_KEY,
        "authorization_server": server.token_url,
    }
    return Client(**known | changed)


def exchange(server: AuthorizationServer, target: Mapping[str, str] | None = None, **changed: Any) -> Exchange:
    return Exchange(client=client(server, **changed), signer=SIGNER, target=target or {"resource": WEB})


@pytest.mark.parametrize("proof", ["key", "secret"])
async def test_a_token_of_our_own_is_for_the_tool_server_and_nobody_else(
    server: AuthorizationServer, proof: str
) -> None:
    """RFC 6749 §4.4, RFC 7523 §2.2, RFC 8707."""
    changed = {} if proof == "key" else {"client_id": "by-secret", "proof": Secret("client-s3cret")}
    source = OwnClient(client=client(server, **changed), target={"resource": WEB, "scope": "read"})
    made = await source.make(CHAIN, NOW_MS)
    (issued,) = server.issued
    assert (made.token.reveal(), made.until_ms) == (issued.token, NOW_MS + 600_000)
    assert (issued.audience, issued.scope, issued.claims) == (WEB, "read", {})
    headers, form = server.requests[0]
    assert ("authorization" in headers) == (proof == "secret")
    assert "client-s3cret" not in str(form)


@promise("P5", "P9")
async def test_what_is_exchanged_names_owner_and_every_agent_and_is_signed_by_us(server: AuthorizationServer) -> None:
    """RFC 8693 §2.1, §4.1: never the agent's token; `aud` is who reads it."""
    await exchange(server).make(CHAIN, NOW_MS)
    claims = dict(server.issued[0].claims)
    assert claims.pop("jti")
    assert claims == {
        "iss": US,
        "sub": "alice@example.com",
        "aud": server.token_url,
        "iat": NOW_MS // 1000,
        "exp": NOW_MS // 1000 + 60,
        "txn": "g-1",
        "act": {"sub": "worker", "iss": US, "act": {"sub": "planner", "iss": US}},
    }


async def test_without_a_behalf_the_mediator_speaks_of_itself(server: AuthorizationServer) -> None:
    """Ours: what a server offers is compared in nobody's name."""
    await exchange(server, {"audience": "web"}).make(None, NOW_MS)
    claims = server.issued[0].claims
    assert (claims["sub"], "act" in claims, "txn" in claims) == (US, False, False)
    assert server.issued[0].audience == "web"


async def test_each_request_is_signed_anew(server: AuthorizationServer) -> None:
    """RFC 7523 §3: `jti` once; the server would refuse the second."""
    source = exchange(server)
    for _ in range(2):
        await source.make(CHAIN, NOW_MS)
    assert len(server.issued) == 2


@promise("P7")
@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "eve"},
        {"proof": SigningKey.generate()},
        {"client_id": "by-secret", "proof": Secret("another")},
        {"authorization_server": "https://other.example"},
    ],
    ids=["another client", "another key", "another secret", "another audience"],
)
async def test_who_is_not_believed_has_no_credential(server: AuthorizationServer, wrong: dict[str, Any]) -> None:
    """RFC 6749 §5.2: and the operator is told which of the two is wrong."""
    with pytest.raises(Refused, match="`invalid_client`") as refused:
        await exchange(server, **wrong).make(CHAIN, NOW_MS)
    assert refused.value.reason is Reason.TOOL_SERVER_UNAVAILABLE


@promise("P7")
async def test_a_word_that_is_not_ours_is_exchanged_for_nothing(server: AuthorizationServer) -> None:
    """The server trusts our key: what another one signed is refused."""
    source = Exchange(
        client=client(server), signer=Signer(issuer=US, key=SigningKey.generate), target={"resource": WEB}
    )
    with pytest.raises(Refused, match="`invalid_grant`"):
        await source.make(CHAIN, NOW_MS)


@promise("P7")
@pytest.mark.parametrize("kind", [JWT, "", "urn:ietf:params:oauth:token-type:refresh_token"])
async def test_something_else_than_an_access_token_is_no_credential(server: AuthorizationServer, kind: str) -> None:
    """RFC 8693 §2.2.1: `issued_token_type` says what it is, and is required."""
    server.more = {"issued_token_type": kind}
    with pytest.raises(Refused, match="something else than an access token"):
        await exchange(server).make(CHAIN, NOW_MS)


@promise("P5", "P9")
async def test_an_assertion_is_for_its_server_and_lives_no_longer_than_asked() -> None:
    """The issue: `aud`, owner, chain, task, `jti`, and at most so many seconds."""
    made = await Signed(signer=SIGNER, audience=WEB, seconds=60).make(CHAIN, NOW_MS)
    claims = verified(made.token.reveal(), ISSUER_KEY.public, WEB, NOW_MS)
    assert claims is not None
    assert (claims["iss"], claims["sub"], claims["txn"]) == (US, "alice@example.com", "g-1")
    assert claims["act"]["act"]["sub"] == "planner"
    assert claims["exp"] * 1000 == made.until_ms == NOW_MS + 60_000


@promise("P5")
async def test_an_assertion_ends_with_the_chain() -> None:
    """P5: its first link's end is its own."""
    source = Signed(signer=SIGNER, audience=WEB, seconds=300)
    assert (await source.make(CHAIN, NOW_MS)).until_ms == NOW_MS + 90_000
    assert (await source.make(None, NOW_MS)).until_ms == NOW_MS + 300_000
    with pytest.raises(Refused) as refused:
        await source.make(CHAIN, NOW_MS + 89_001)
    assert refused.value.reason is Reason.TOOL_SERVER_UNAVAILABLE
