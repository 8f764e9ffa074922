"""A whole mediator that speaks TLS itself: an agent's client connects with a certificate and calls a tool.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.promises import promise
from tests.simulated.arrivals import modern_headers
from tests.simulated.certificates import Authority, Issued, client_context
from tests.simulated.replies import tools_call, tools_list
from tests.simulated.running import OWNER, Running, command, message_in, running, set_up
from tests.simulated.tool_server import SimulatedToolServer, tool

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 30
LOOKS = ', client_ca = "tls/authority.pem"'


def settings(more: str) -> dict[str, str]:
    return {"server": f'tls = {{ certificate = "tls/server.pem", key = "tls/server.key.pem"{more} }}'}


def put_certificates(folder: Path) -> None:
    (folder / "tls").mkdir()
    authority = Authority(folder / "tls")
    authority.issue("server", "127.0.0.1", "localhost")
    authority.issue("agent")


@asynccontextmanager
async def speaking_tls(tmp_path: Path, server: SimulatedToolServer, more: str) -> AsyncIterator[Running]:
    tables = settings(more)
    async with running(tmp_path, {"tools": server}, settings=tables, prepare=put_certificates) as mediator:
        yield mediator


def trusting(folder: Path, *, shows: bool) -> httpx2.AsyncClient:
    """Return a client that trusts the set-up's authority, and shows a certificate or none."""
    tls = folder / "tls"
    shown = Issued(certificate=tls / "agent.pem", key=tls / "agent.key.pem", thumbprint="") if shows else None
    return httpx2.AsyncClient(verify=client_context(tls / "authority.pem", shown), timeout=SECONDS)


@promise("P1")
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_an_unmodified_client_calls_a_tool_over_tls(tmp_path: Path, mode: str) -> None:
    """RFC 9110 §4.2.2: the same endpoints under https; the SDK's own client needs its authority, and nothing else."""
    server = SimulatedToolServer(tools=[tool("echo")])
    async with speaking_tls(tmp_path, server, LOOKS) as mediator:
        assert mediator.url.startswith("https://127.0.0.1:")
        async with trusting(mediator.folder, shows=True) as http:
            http.headers["authorization"] = f"Bearer {mediator.token}"
            transport = streamable_http_client(mediator.url + "/mcp", http_client=http)
            async with Client(transport, mode=mode, cache=None) as client:
                answered = await client.call_tool("tools__echo", {"text": "hello"})

    assert (answered.is_error, answered.structured_content) == (False, {"text": "hello"})
    assert [call.arguments for call in server.calls] == [{"text": "hello"}]
    assert mediator.verdicts == [("allow", None)]


async def test_what_is_told_of_the_mediator_names_its_https_address(tmp_path: Path) -> None:
    """RFC 9728 §2, RFC 8414 §2: documents, and whom a 401 sends to them, say https; health is answered like anywhere."""
    async with (
        speaking_tls(tmp_path, SimulatedToolServer(tools=[tool("echo")]), "") as mediator,
        trusting(mediator.folder, shows=False) as http,
    ):
        for path in ("/healthz", "/readyz"):
            assert (await http.get(mediator.url + path)).text == "yes\n"
        resource = (await http.get(f"{mediator.url}/.well-known/oauth-protected-resource/mcp")).json()
        issuer = (await http.get(f"{mediator.url}/.well-known/oauth-authorization-server")).json()
        asked = tools_list()
        stranger = await http.post(f"{mediator.url}/mcp", json=asked, headers=dict(modern_headers(asked)))
        origin = await http.post(f"{mediator.url}/mcp", json={}, headers={"origin": "http://127.0.0.1:8080"})

    assert resource["resource"] == mediator.url + "/mcp"
    assert issuer["token_endpoint"] == mediator.url + "/oauth2/token"
    assert (stranger.status_code, origin.status_code) == (401, 403)
    assert f'resource_metadata="{mediator.url}/.well-known' in stranger.headers["www-authenticate"]


@promise("P7")
async def test_where_clients_must_show_a_certificate_those_without_are_not_answered(tmp_path: Path) -> None:
    """Ours: not even whether it is healthy."""
    more = LOOKS + ', client_certificates = "required"'
    async with speaking_tls(tmp_path, SimulatedToolServer(tools=[tool("echo")]), more) as mediator:
        async with trusting(mediator.folder, shows=True) as known:
            assert (await known.get(mediator.url + "/healthz")).status_code == 200
        async with trusting(mediator.folder, shows=False) as unknown:
            with pytest.raises(httpx2.TransportError):
                await unknown.get(mediator.url + "/healthz")


async def test_a_served_process_says_its_https_address_and_ends_in_order(tmp_path: Path) -> None:
    """Design 5.1, on the event loop that `mediator serve` runs on; an idle connection does not hold up its end."""
    work = tmp_path / "work"
    async with SimulatedToolServer(tools=[tool("echo")]) as server:
        await set_up(work, {"tools": ("--url", server.url)}, {}, None, settings(LOOKS), put_certificates)
        words = [sys.executable, "-m", "mediator", "serve", "--port", "0", "--folder", str(work)]
        with anyio.fail_after(SECONDS):
            async with (
                await anyio.open_process(words, cwd=ROOT, env={**os.environ, "NO_COLOR": "1"}) as process,
                trusting(work, shows=True) as http,
            ):
                assert process.stderr is not None
                said = b""
                while b"/mcp" not in said:
                    said += await process.stderr.receive()
                url = next(word for word in said.decode().split() if word.startswith("https://")).rstrip(":")
                asked = ("--agent", "assistant", "--owner", OWNER, "--tools", "*", "--purpose", "x", "--json")
                opened = json.loads(await command("task", "open", *asked, "--folder", str(work)))
                message = tools_call("tools__echo", text="x")
                headers = {
                    "accept": "application/json, text/event-stream",
                    "authorization": f"Bearer {opened['access_token']}",
                    **dict(modern_headers(message)),
                }
                answer = await http.post(url, json=message, headers=headers)
                process.send_signal(signal.SIGTERM)
                assert await process.wait() == 0
                said += b"".join([chunk async for chunk in process.stderr])

    assert message_in(answer)["result"]["structuredContent"] == {"text": "x"}
    assert [call.tool for call in server.calls] == ["echo"]
    assert b"Traceback" not in said


async def test_an_agent_that_is_launched_is_told_the_https_address(tmp_path: Path) -> None:
    """Ours: `mediator run` gives the address that its token is made for; the agent is told the authority as ever."""
    report = tmp_path / "report.json"
    server = SimulatedToolServer(tools=[tool("echo")])
    async with speaking_tls(tmp_path, server, "") as mediator:
        program = (sys.executable, "-m", "mediator", "run", "--agent", "assistant", "--folder", str(mediator.folder))
        agent = (sys.executable, "-m", "tests.simulated.launched_agent", "tools__echo", str(report))
        trust = {"SSL_CERT_FILE": str(mediator.folder / "tls" / "authority.pem"), "PYTHONPATH": str(ROOT)}
        with anyio.fail_after(60):
            await anyio.run_process((*program, "--", *agent), check=False, env={**os.environ, **trust})

    found = json.loads(report.read_text())
    assert (found["called"], found["called with a fresh token"]) == (True, True)
    assert [call.tool for call in server.calls] == ["echo", "echo"]
