"""The port `CredentialBroker`, over every adapter of it: static secrets, and credentials of each source.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mediator.adapters.credentials_brokered.broker import BrokeredCredentials
from mediator.adapters.credentials_brokered.endpoint import TokenEndpoint
from mediator.adapters.credentials_brokered.sources import Client, Exchange, OwnClient, Signed, Signer, Source
from mediator.adapters.credentials_references import ReferencedCredentials
from mediator.evidence import Secret
from mediator.identity.dsse import SigningKey
from mediator.mediation.ports import CredentialBroker
from tests.promises import promise
from tests.simulated.authorization_server import AuthorizationServer
from tests.simulated.clock import FixedClock
from tests.simulated.permits import a_permit, pass_fence

WEB, FILES = "https://web.example/mcp", "https://files.example/mcp"
KINDS = ("static", "client_credentials", "exchange", "assertion")


@pytest.fixture(params=KINDS)
async def broker(request: pytest.FixtureRequest) -> AsyncIterator[CredentialBroker]:
    """A broker of this kind for two servers, `web` and `files`."""
    clock = FixedClock()
    async with AuthorizationServer(now_ms=clock.now_ms) as server:
        key = SigningKey.generate()
        signer = Signer(issuer="https://mediator.example", key=lambda: key)
        server.allow("mediator", secret="client-s3cret")
        server.trust(signer.issuer, key.public)
        client = Client(
            endpoint=TokenEndpoint(server.token_url),
            client_id="mediator",
            proof=Secret("client-s3cret"),
            authorization_server=server.token_url,
        )

        def source(url: str) -> Source:
            match request.param:
                case "client_credentials":
                    return OwnClient(client=client, target={"resource": url})
                case "exchange":
                    return Exchange(client=client, signer=signer, target={"resource": url})
                case _:
                    return Signed(signer=signer, audience=url, seconds=60)

        if request.param == "static":
            yield ReferencedCredentials({"web": Secret("for-web"), "files": Secret("for-files")})
        else:
            brokered = BrokeredCredentials(clock, pass_fence)
            brokered.put({"web": source(WEB), "files": source(FILES)})
            yield brokered


async def shown(broker: CredentialBroker, server: str) -> str:
    credential = await broker.obtain(a_permit(server=server))
    assert credential.server == server
    assert credential.bearer is not None
    assert credential.bearer.reveal() not in repr(credential)
    return credential.bearer.reveal()


@promise("P5")
async def test_a_credential_is_for_the_permits_server_and_for_no_other(broker: CredentialBroker) -> None:
    """MCP authorization: no token passthrough; a token is for one server."""
    assert await shown(broker, "web") != await shown(broker, "files")


@promise("P5", "P12")
async def test_what_a_task_was_given_it_is_given_again(broker: CredentialBroker) -> None:
    """Ours: a session goes on, and nobody is asked for each call."""
    assert await shown(broker, "web") == await shown(broker, "web")
