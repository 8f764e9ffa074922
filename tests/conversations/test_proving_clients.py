"""Clients that prove their key with each request (RFC 9449): ours, Authlib's, and one that another house wrote.

Against a running mediator with the policies that are shipped, which let no bearer write; with a nonce demanded and without.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sys
import time
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio.to_thread
import httpx2
import pytest
import requests
from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuth2Auth  # type: ignore[import-untyped]
from authlib.oauth2.rfc7523 import PrivateKeyJWT  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey
from jwskate import Jwk
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from requests_oauth2client import DPoPKey, OAuth2Client
from requests_oauth2client import PrivateKeyJwt as AnotherPrivateKeyJwt

from mediator.canonical import JsonObject, canonical_bytes
from mediator.cli.demo.proving import Proving
from mediator.edge.oauth_metadata import TOKEN
from mediator.identity.dsse import SigningKey
from mediator.identity.proof import thumbprint_of
from tests.promises import promise
from tests.simulated.arrivals import modern_headers
from tests.simulated.fleet import Fleet, details, good
from tests.simulated.proofs import base64url
from tests.simulated.replies import tools_call
from tests.simulated.running import OWNER, Running, command, reason_in, running, set_up
from tests.simulated.tool_server import SimulatedToolServer, tool

NONCES = {"telemetry": "enabled = false\n[proof]\nnonce_required = true"}
WITH_AND_WITHOUT = pytest.mark.parametrize("settings", [None, NONCES], ids=["plain", "with nonces"])
READ = ["tools/echo"]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def fleet() -> Fleet:
    return Fleet("worker")


@asynccontextmanager
async def at_work(tmp_path: Path, fleet: Fleet, settings: dict[str, str] | None) -> AsyncIterator[Running]:
    servers = {"tools": SimulatedToolServer(tools=[tool("echo"), tool("save")])}
    async with running(
        tmp_path, servers, effects={"tools/save": "write"}, before_start=fleet.write, settings=settings
    ) as mediator:
        yield mediator


def was_proven_by(mediator: Running, thumbprint: str) -> bool:
    """Tell whether each decision says that this key was proven for it."""
    identities: list[Any] = [entry["identity"] for entry in mediator.decisions]
    return bool(identities) and {(one["proof"], one["proof_key"]) for one in identities} == {("dpop", thumbprint)}


@WITH_AND_WITHOUT
@pytest.mark.parametrize("mode", ["legacy", "auto"])
@promise("P5", "P6")
async def test_our_own_client_asks_and_calls(
    tmp_path: Path, fleet: Fleet, settings: dict[str, str] | None, mode: str
) -> None:
    """Issue 6: the SDK's client, with the proofs of the demo's agents, in both eras."""
    key = SigningKey.generate()
    async with at_work(tmp_path, fleet, settings) as mediator:
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": fleet.assertion(mediator, "worker"),
            "authorization_details": details(READ),
        }
        async with httpx2.AsyncClient(auth=Proving(key)) as asking:
            told = await asking.post(mediator.url + TOKEN, data=form)
        token = good(told)["access_token"]
        async with (
            httpx2.AsyncClient(auth=Proving(key, token), timeout=10) as http,
            Client(streamable_http_client(f"{mediator.url}/mcp", http_client=http), mode=mode, cache=None) as client,
        ):
            assert [one.name for one in (await client.list_tools()).tools] == ["tools__echo"]
            assert not (await client.call_tool("tools__echo", {})).is_error
        assert was_proven_by(mediator, thumbprint_of(key.public))


class Authlib(AsyncOAuth2Client):  # type: ignore[misc]  # Authlib has no types
    """Authlib's client, which has no DPoP of its own: its token is shown with a proof that joserfc signs."""

    def __init__(self, key: ECKey, **more: Any) -> None:
        super().__init__(**more)
        self.key = key
        self.nonce: str | None = None

    def proof(self, method: str, url: str, token: str | None) -> str:
        claims: dict[str, Any] = {"jti": secrets.token_hex(8), "htm": method, "htu": url, "iat": int(time.time())}
        if token is not None:
            claims["ath"] = base64url(hashlib.sha256(token.encode()).digest())
        if self.nonce is not None:
            claims["nonce"] = self.nonce
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": self.key.as_dict(private=False)}
        return str(jwt.encode(header, claims, self.key))


class ProvingAuth(OAuth2Auth):  # type: ignore[misc]
    """How that client shows its token."""

    def __init__(self, client: Authlib) -> None:
        super().__init__(None)
        self.client = client

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        token = self.client.token["access_token"]
        for _ in range(2):
            request.headers["Authorization"] = f"DPoP {token}"
            request.headers["DPoP"] = self.client.proof(request.method, str(request.url), token)
            response = yield request
            nonce = response.headers.get("dpop-nonce")
            if nonce is None:
                return
            self.client.nonce = nonce


@WITH_AND_WITHOUT
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # RFC 9864 names it otherwise; our assertions are `EdDSA`
@promise("P5", "P6")
async def test_authlib_asks_and_calls(tmp_path: Path, fleet: Fleet, settings: dict[str, str] | None) -> None:
    """Issue 6: `private_key_jwt` and the token are Authlib's, proofs are joserfc's; the SDK speaks MCP over that client."""
    key = ECKey.generate_key("P-256")
    async with at_work(tmp_path, fleet, settings) as mediator:
        endpoint = mediator.url + TOKEN
        async with Authlib(
            key,
            client_id="worker",
            client_secret=OKPKey.import_key(fleet.keys["worker"].to_pem(None).reveal()),
            token_endpoint_auth_method=PrivateKeyJWT(endpoint, claims={"exp": int(time.time()) + 60}, alg="EdDSA"),
            timeout=10,
        ) as http:
            asked = {"authorization_details": details(READ), "grant_type": "client_credentials"}
            if settings is not None:
                http.nonce = await nonce_of(mediator, fleet)
            token = await http.fetch_token(endpoint, headers={"DPoP": http.proof("POST", endpoint, None)}, **asked)
            assert token["token_type"] == "DPoP"
            http.auth = ProvingAuth(http)  # the SDK sends requests that it made itself
            transport = streamable_http_client(f"{mediator.url}/mcp", http_client=http)
            async with Client(transport, cache=None) as client:
                assert not (await client.call_tool("tools__echo", {})).is_error
        assert was_proven_by(mediator, key.thumbprint())


async def nonce_of(mediator: Running, fleet: Fleet) -> str:
    """Ask for a token with a proof that has no nonce, and return what is said."""
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": fleet.assertion(mediator, "worker"),
    }
    key = ECKey.generate_key("P-256")
    claims = {"jti": "x", "htm": "POST", "htu": mediator.url + TOKEN, "iat": int(time.time())}
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.as_dict(private=False)}
    proof = str(jwt.encode(header, claims, key))
    answer = await mediator.http.post(mediator.url + TOKEN, data=form, headers={"DPoP": proof})
    assert (answer.status_code, answer.json()["error"]) == (400, "use_dpop_nonce")
    return str(answer.headers["dpop-nonce"])


@WITH_AND_WITHOUT
@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
@promise("P5", "P6")
async def test_a_client_of_another_house_asks_and_calls(
    tmp_path: Path, fleet: Fleet, settings: dict[str, str] | None, algorithm: str
) -> None:
    """Issue 6: requests_oauth2client, as it is published: the token endpoint, the nonce and the call are its own doing."""

    def ask_and_call(mediator: Running) -> tuple[str, str, Callable[[JsonObject], requests.Response]]:
        pem = fleet.keys["worker"].to_pem(None).reveal()
        signer = Jwk.from_pem(pem).with_kid_thumbprint()
        signer = Jwk({**signer, "kid": fleet.keys["worker"].public.keyid})
        client = OAuth2Client(
            token_endpoint=mediator.url + TOKEN,
            auth=AnotherPrivateKeyJwt("worker", signer, alg="EdDSA", aud=mediator.url + TOKEN),
            dpop_bound_access_tokens=True,
            dpop_key_generator=DPoPKey.generate,
            dpop_alg=algorithm,
            testing=True,
        )
        token = client.client_credentials(authorization_details=details(READ))

        def call(message: JsonObject) -> requests.Response:
            headers = {
                "content-type": "application/json",
                "accept": "application/json, text/event-stream",
                **dict(modern_headers(message)),
            }
            body = canonical_bytes(message)
            return requests.post(f"{mediator.url}/mcp", data=body, headers=headers, auth=token, timeout=10)

        return token.token_type, token.dpop_key.dpop_jkt, call

    async with at_work(tmp_path, fleet, settings) as mediator:
        kind, thumbprint, call = await anyio.to_thread.run_sync(ask_and_call, mediator)
        assert kind == "DPoP"
        for _ in range(2):
            answer = await anyio.to_thread.run_sync(call, tools_call("tools__echo"))
            assert answer.status_code == 200
            assert "error" not in answer.json()
        assert was_proven_by(mediator, thumbprint)
        assert reason_in(await mediator.post(tools_call("tools__echo"))) is None  # bearers go on reading


@promise("P5", "P6")
async def test_a_host_that_nobody_changed_writes_under_the_task_that_was_opened_for_it(tmp_path: Path) -> None:
    """Issue 6: over stdio the proof is the profile's key; without the task, a session of its own only reads."""
    server = SimulatedToolServer(tools=[tool("echo"), tool("save")])
    async with running(
        tmp_path, {"tools": server}, effects={"tools/save": "write"}, without_policies=["novelty.cedar"]
    ) as mediator:
        await mediator.open_task(tools="tools/*", effects="read,write")
        assert await saved(mediator.folder, "--task", mediator.task)
        assert not await saved(mediator.folder)
        assert len(server.calls) == 1


@promise("P5", "P6")
async def test_alone_it_does_so_too(tmp_path: Path) -> None:
    """Ours: `mediator stdio` is the owner of the folder then, and the audience of the agent's word is its own address."""
    folder, server = tmp_path / "work", SimulatedToolServer(tools=[tool("save")])
    async with server:
        await set_up(folder, {"tools": ("--url", server.url)}, {"tools/save": "write"}, None, None)
        (folder / "policies" / "novelty.cedar").unlink()
        await command("policy", "activate", "--operator", OWNER, "--folder", str(folder))
        words = ["--agent", "assistant", "--owner", OWNER, "--tools", "tools/save", "--effects", "write"]
        said = await command("task", "open", *words, "--purpose", "x", "--json", "--folder", str(folder))
        assert await saved(folder, "--task", json.loads(said)["task"])
        assert len(server.calls) == 1


@asynccontextmanager
async def host(folder: Path, *more: str) -> AsyncIterator[Client]:
    """The SDK's client over stdio, started as a host starts it."""
    words = ["-m", "mediator", "stdio", "--agent", "assistant", "--folder", str(folder), *more]
    environment = {"PYTHONPATH": str(ROOT), "OTEL_SDK_DISABLED": "true"}
    started = StdioServerParameters(command=sys.executable, args=words, env=environment)
    async with Client(stdio_client(started), cache=None) as client:
        yield client


async def saved(folder: Path, *more: str) -> bool:
    async with host(folder, *more) as client:
        return not (await client.call_tool("tools__save", {})).is_error
