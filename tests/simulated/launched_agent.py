"""An agent as `mediator run` launches it: a process that reads its token and key, calls a tool, and tells what it saw.

    mediator run --agent NAME -- python -m tests.simulated.launched_agent TOOL REPORT [SIGNAL]

It calls the tool with the SDK's client, gets a fresh token by its key, calls again, and writes a report as JSON: what it
found, and nothing of the secrets themselves. With SIGNAL it waits then for a signal, and ends with its number.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import time
from pathlib import Path
from typing import Any

import anyio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from mediator.canonical import canonical_bytes
from mediator.cli.demo.proving import Proving
from mediator.edge.oauth import ASSERTION_TYPE
from mediator.evidence import Secret
from mediator.identity.client_assertion import sign_client_assertion
from mediator.identity.dsse import SigningKey

SECONDS = 20


def read_once(name: str) -> tuple[str, str]:
    """Return what the descriptor gives, and what it gives to who reads it again."""
    descriptor = int(os.environ[name])
    first, second = os.read(descriptor, 65536).decode(), os.read(descriptor, 65536).decode()
    os.close(descriptor)
    return first, second


def in_sight() -> bytes:
    """Return what everybody may see of this process and of who launched it."""
    processes = (Path("/proc/self"), Path(f"/proc/{os.getppid()}"))
    return b"".join((one / name).read_bytes() for one in processes for name in ("environ", "cmdline"))


async def call(tool: str, token: str, key: SigningKey) -> bool:
    """Call the tool, with a proof of the key for each request; return whether it was done."""
    url = os.environ["MEDIATOR_URL"] + "/mcp"
    async with (
        httpx2.AsyncClient(auth=Proving(key, token), timeout=SECONDS) as http,
        Client(streamable_http_client(url, http_client=http), cache=None) as client,
    ):
        return not (await client.call_tool(tool, {})).is_error


async def call_as_bearer(token: str) -> str:
    """Show the token without the key; return the reason of the refusal."""
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream"}
    async with httpx2.AsyncClient(headers=headers, timeout=SECONDS) as http:
        begun = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
        hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": begun}
        answer = await http.post(os.environ["MEDIATOR_URL"] + "/mcp", json=hello)
    return str(answer.json()["error"]["data"]["reason"])


async def ask(key: SigningKey, **form: str) -> httpx2.Response:
    """Ask the token endpoint as this instance."""
    url, agent = os.environ["MEDIATOR_URL"], os.environ["MEDIATOR_AGENT"]
    assertion = sign_client_assertion(key, agent, url, secrets.token_hex(16), time.time_ns() // 1_000_000)
    proof = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion.reveal()}
    async with httpx2.AsyncClient(timeout=SECONDS) as http:
        return await http.post(url + "/oauth2/token", data={"grant_type": "client_credentials", **proof, **form})


async def work(tool: str) -> dict[str, Any]:
    token, token_again = read_once("MEDIATOR_TOKEN_FD")
    pem, pem_again = read_once("MEDIATOR_KEY_FD")
    key = SigningKey.from_pem(Secret(pem), None)
    held = canonical_bytes([{"type": "mcp_tool_grant", "grant": os.environ["MEDIATOR_GRANT"]}]).decode()
    is_done = await call(tool, token, key)
    fresh = (await ask(key, authorization_details=held)).json()
    another = await ask(key)
    seen = in_sight()
    body = "".join(line for line in pem.splitlines() if not line.startswith("-"))
    return {
        "called": is_done,
        "called with a fresh token": await call(tool, fresh["access_token"], key),
        "without the key": [await call_as_bearer(token), await call_as_bearer(fresh["access_token"])],
        "token type": fresh["token_type"],
        "fresh token is another": fresh["access_token"] != token,
        "another task": another.json()["error"],
        "read again": token_again + pem_again,
        "in sight": token.encode() in seen or body.encode() in seen,
        "environment": sorted(os.environ),
        "grant": os.environ["MEDIATOR_GRANT"],
        "keyid": key.public.keyid,
    }


def main() -> None:
    tool, report, *rest = sys.argv[1:]
    told: list[int] = []
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, lambda number, _: told.append(number))
    found = anyio.run(work, tool)
    file = Path(report)
    unfinished = file.with_suffix(".part")
    unfinished.write_text(json.dumps(found), encoding="utf-8")
    unfinished.replace(file)
    while rest and not told:
        signal.pause()
    sys.exit(told[0] if told else 7)


if __name__ == "__main__":
    main()
