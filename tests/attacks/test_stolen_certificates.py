"""Tokens that are bound to a client certificate (RFC 8705 §3): nobody's on any other connection, whatever a header says.

Against a running mediator that speaks TLS itself, with the policies that are shipped.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mediator.edge.oauth_metadata import TOKEN
from tests.promises import promise
from tests.simulated.certificates import Authority, Issued, client_context
from tests.simulated.fleet import Fleet, details, good
from tests.simulated.proofs import ProvingKey
from tests.simulated.replies import tools_call
from tests.simulated.running import Running, reason_in, running
from tests.simulated.tool_server import SimulatedToolServer, tool

READ = tools_call("tools__echo")
AGENTS = ("planner", "worker")
SECONDS = 30


def put_certificates(folder: Path) -> None:
    (folder / "tls").mkdir()
    authority = Authority(folder / "tls")
    authority.issue("server", "127.0.0.1", "localhost")
    for agent in AGENTS:
        authority.issue(agent)


@asynccontextmanager
async def at_work(tmp_path: Path, fleet: Fleet) -> AsyncIterator[Running]:
    tls = 'tls = { certificate = "tls/server.pem", key = "tls/server.key.pem", client_ca = "tls/authority.pem" }'
    async with running(
        tmp_path,
        {"tools": SimulatedToolServer(tools=[tool("echo")])},
        settings={"server": tls},
        prepare=put_certificates,
        before_start=fleet.write,
    ) as mediator:
        yield mediator


@asynccontextmanager
async def connecting(mediator: Running, agent: str | None) -> AsyncIterator[Running]:
    """Come in over a connection of this agent's certificate, or of none."""
    tls, before = mediator.folder / "tls", mediator.http
    shown = (
        None if agent is None else Issued(certificate=tls / f"{agent}.pem", key=tls / f"{agent}.key.pem", thumbprint="")
    )
    async with httpx2.AsyncClient(verify=client_context(tls / "authority.pem", shown), timeout=SECONDS) as http:
        mediator.http = http
        try:
            yield mediator
        finally:
            mediator.http = before


def thumbprint(mediator: Running, agent: str) -> str:
    """RFC 8705 §3.1, written down here a second time."""
    certificate = x509.load_pem_x509_certificate((mediator.folder / "tls" / f"{agent}.pem").read_bytes())
    digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def refused(answer: httpx2.Response) -> tuple[int, str | None]:
    return answer.status_code, reason_in(answer)


@promise("P5", "P7")
async def test_a_token_that_a_certificate_was_shown_for_is_good_with_that_alone(tmp_path: Path) -> None:
    """RFC 8705 §3: without one, with another's, and with this one named in every header that a proxy might set."""
    fleet = Fleet(*AGENTS)
    async with at_work(tmp_path, fleet) as mediator:
        async with connecting(mediator, "planner"):
            told = await fleet.token(mediator, "planner", details(["tools/echo"]))
            token, mine = told["access_token"], thumbprint(mediator, "planner")
            assert told["token_type"] == "Bearer"
            assert reason_in(await mediator.post(READ, token=token)) is None
            identity: Any = mediator.decisions[-1]["identity"]
            assert (identity["proof"], identity["proof_key"]) == ("certificate", mine)
            assert identity["cnf"] == {"x5t#S256": mine}
            told_of = await fleet.ask(mediator, "planner", "introspect", token=token)
            assert told_of.json()["cnf"] == {"x5t#S256": mine}
        for thief in ("worker", None):
            async with connecting(mediator, thief):
                pem = (mediator.folder / "tls" / "planner.pem").read_text().replace("\n", "%0A")
                headers = {"x_forwarded_client_cert": f"Hash={mine}", "ssl_client_cert": pem, "client_cert": pem}
                assert refused(await mediator.post(READ, token=token)) == (401, "PROOF_INVALID")
                assert refused(await mediator.post(READ, token=token, **headers)) == (401, "PROOF_INVALID")
        assert len(mediator.servers["tools"].calls) == 1


@promise("P5", "P7")
async def test_a_proof_of_another_kind_is_none(tmp_path: Path) -> None:
    """RFC 7800 §3.1: what a token is bound to is shown, all of it and nothing else in its place."""
    fleet = Fleet(*AGENTS)
    async with at_work(tmp_path, fleet) as mediator:
        key = ProvingKey()
        async with connecting(mediator, "planner"):
            token = (await fleet.token(mediator, "planner", details(["tools/echo"])))["access_token"]
            now, url = int(time.time()), mediator.url
            proof = key.proof(url=f"{url}/mcp", token=token, now=now)
            answer = await mediator.post(READ, authorization=f"DPoP {token}", dpop=proof)
            assert refused(answer) == (401, "PROOF_INVALID")
            form = {
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                "client_assertion": fleet.assertion(mediator, "planner"),
                "grant_type": "client_credentials",
            }
            asked = {"dpop": key.proof(url=url + TOKEN, now=now)}
            proven = good(await mediator.http.post(url + TOKEN, data=form, headers=asked))
            assert proven["token_type"] == "DPoP"  # the proof was asked for; the certificate is the connection's
            assert refused(await mediator.post(READ, token=proven["access_token"])) == (401, "PROOF_INVALID")
        async with connecting(mediator, None):
            proof = key.proof(url=f"{url}/mcp", token=proven["access_token"], now=now)
            answer = await mediator.post(READ, authorization=f"DPoP {proven['access_token']}", dpop=proof)
            assert reason_in(answer) is None


@promise("P9")
async def test_one_certificate_under_two_agents_is_refused_and_told(tmp_path: Path) -> None:
    """Issue 6: each instance has a key of its own, whichever way it shows it."""
    fleet = Fleet(*AGENTS)
    async with at_work(tmp_path, fleet) as mediator:
        async with connecting(mediator, "planner"):
            await fleet.token(mediator, "planner")
            answer = await fleet.ask(mediator, "worker", "token", grant_type="client_credentials")
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")
        (noted,) = mediator.entries("key.shared")
        expected = {"key": thumbprint(mediator, "planner"), "holder": "planner", "agent": "worker"}
        assert noted["body"] == expected
        metadata = await client_metadata(mediator)
        assert metadata["tls_client_certificate_bound_access_tokens"] is True


async def client_metadata(mediator: Running) -> dict[str, Any]:
    async with connecting(mediator, None):
        return dict((await mediator.http.get(f"{mediator.url}/.well-known/oauth-authorization-server")).json())
