"""A fleet of agents before a running mediator: each with a profile and a key of its own, speaking plain OAuth.

    fleet = Fleet("orchestrator", "worker", connectors=("gateway",), max_depth=2)
    async with running(tmp_path, servers, before_start=fleet.write) as mediator:
        told = await fleet.token(mediator, "orchestrator", details(["tools/*"], ["read"]))
        narrower = await fleet.hand_on(mediator, told, "orchestrator", "worker", details(["tools/echo"], ["read"]))

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import httpx2

from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.delegation.token_request import ACCESS_TOKEN, JWT, TOKEN_EXCHANGE
from mediator.edge.oauth import ASSERTION_TYPE
from mediator.identity.client_assertion import sign_client_assertion
from mediator.identity.dsse import SigningKey
from tests.simulated.running import OWNER, Running

Told = Mapping[str, Any]
TYPE: Final = "mcp_tool_grant"


def details(tools: Sequence[str], effects: Sequence[str] = ("read",), **more: Json) -> str:
    """Return `authorization_details` that ask for this."""
    one: JsonObject = {"type": TYPE, "tools": [*tools], "effects": [*effects], **more}
    return canonical_bytes([one]).decode()


class Fleet:
    """Agents by name, each with its key; `owner` answers for all of them."""

    def __init__(
        self, *agents: str, connectors: Sequence[str] = (), tools: Sequence[str] = ("*",), max_depth: int = 3
    ) -> None:
        self.keys = {name: SigningKey.generate() for name in (*agents, *connectors)}
        self._connectors, self._tools, self._max_depth = connectors, tools, max_depth

    def write(self, folder: Path) -> None:
        """Add the profiles to `mediator.toml`."""
        with (folder / "mediator.toml").open("a", encoding="utf-8") as file:
            for name, key in self.keys.items():
                tools = ", ".join(f'"{tool}"' for tool in self._tools)
                file.write(
                    f'\n[[agent]]\nname = "{name}"\nclass = "fleet"\nowner = "{OWNER}"\nkey = "{key.public.text}"\n'
                    f'tools = [{tools}]\npurpose = "a test"\nmax_depth = {self._max_depth}\n'
                    f"connector = {str(name in self._connectors).lower()}\n"
                )

    def assertion(self, mediator: Running, agent: str, grant: str | None = None, jkt: str | None = None) -> str:
        """Return a fresh assertion of this agent; `jkt` names the key of its proofs."""
        now_ms = time.time_ns() // 1_000_000
        made = sign_client_assertion(
            self.keys[agent], agent, mediator.url, secrets.token_hex(16), now_ms, grant=grant, jkt=jkt
        )
        return made.reveal()

    async def ask(self, mediator: Running, agent: str, path: str, **parameters: str) -> httpx2.Response:
        """Post a form as this agent."""
        proof = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self.assertion(mediator, agent)}
        return await mediator.http.post(f"{mediator.url}/oauth2/{path}", data={**proof, **parameters})

    async def token(self, mediator: Running, agent: str, asked: str | None = None) -> Told:
        """Return a token for a task of this agent's own."""
        more = {} if asked is None else {"authorization_details": asked}
        return good(await self.ask(mediator, agent, "token", grant_type="client_credentials", **more))

    async def exchange(
        self, mediator: Running, subject: str, asker: str, asked: str, actor: str | None = None
    ) -> httpx2.Response:
        """Ask for an exchange of this subject token; `actor` is an actor token."""
        more = {} if actor is None else {"actor_token": actor, "actor_token_type": JWT}
        return await self.ask(
            mediator,
            asker,
            "token",
            grant_type=TOKEN_EXCHANGE,
            subject_token=subject,
            subject_token_type=ACCESS_TOKEN,
            authorization_details=asked,
            **more,
        )

    async def hand_on(self, mediator: Running, held: Told, giver: str, receiver: str, asked: str) -> Told:
        """Hand on a part of what this token stands for, as its holder."""
        actor = self.assertion(mediator, receiver, grant=held["grant"])
        return good(await self.exchange(mediator, held["access_token"], giver, asked, actor))


def good(answer: httpx2.Response) -> Told:
    """Return what was answered, which must be a token."""
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def refused(answer: httpx2.Response) -> tuple[int, str]:
    """Return status and error of a refusal."""
    return answer.status_code, answer.json()["error"]
