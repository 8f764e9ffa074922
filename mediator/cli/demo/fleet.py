"""A fleet of agents: each has a key of its own, and asks the token endpoint for what it hands on (RFC 8693, RFC 9396).

Nothing here is decided: an agent that asks for more than it holds asks as any other does, and is told no.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import httpx2

from mediator.canonical import JsonObject, canonical_bytes, parse_object
from mediator.cli.demo.agent import Answer
from mediator.cli.demo.proving import Proving
from mediator.delegation.details import TYPE
from mediator.delegation.token_request import ACCESS_TOKEN, JWT, TOKEN_EXCHANGE
from mediator.edge.oauth import ASSERTION_TYPE
from mediator.edge.oauth_metadata import TOKEN
from mediator.identity.client_assertion import sign_client_assertion
from mediator.identity.dsse import SigningKey
from mediator.refusal import Reason, Refused

_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What an agent holds: a token, the grant that it names, and the key that the token is bound to, if it is."""

    agent: str
    token: str
    grant: str
    key: SigningKey | None = None


def part(tools: Sequence[str], effects: Sequence[str] = ("read",), **more: JsonObject | int) -> JsonObject:
    """Return a line of `authorization_details`: these tools, to these effects; `more` are its other members."""
    return {"type": TYPE, "tools": [*tools], "effects": [*effects], **more}


class Fleet:
    """Agents by name, each with its key; connectors are those that stand in between."""

    def __init__(self, agents: Sequence[str], connectors: Sequence[str]) -> None:
        self._keys = {name: SigningKey.generate() for name in (*agents, *connectors)}
        self._connectors = connectors

    def profiles(self, owner: str) -> str:
        """Return the `[[agent]]` of each for `mediator.toml`: who answers for it, and its public key."""
        return "".join(
            f'\n[[agent]]\nname = "{name}"\nclass = "fleet"\nowner = "{owner}"\nkey = "{key.public.text}"\n'
            f"connector = {str(name in self._connectors).lower()}\n"
            for name, key in self._keys.items()
        )

    async def hand_on(self, url: str, held: Held, receiver: str, *asked: JsonObject) -> Held:
        """Return what the receiver holds from now on; raises `Refused` with what was said instead."""
        status, told = await self._exchange(url, held, receiver, asked)
        if status != httpx2.codes.OK:
            detail = f"`{held.agent}` could not hand on to `{receiver}`: {told.get('error_description')}"
            raise Refused(Reason.INTERNAL, detail)
        token, grant = str(told["access_token"]), str(told["grant"])
        return Held(agent=receiver, token=token, grant=grant, key=self._keys[receiver])

    async def try_to_hand_on(self, url: str, held: Held, receiver: str, *asked: JsonObject) -> Answer:
        """Ask for as much, and return what was said."""
        status, told = await self._exchange(url, held, receiver, asked)
        if status == httpx2.codes.OK:
            return Answer(text=f"`{receiver}` holds it", refused=None)
        return Answer(text=str(told.get("error_description")), refused=str(told.get("error")))

    async def _exchange(
        self, url: str, held: Held, receiver: str, asked: Sequence[JsonObject]
    ) -> tuple[int, JsonObject]:
        """RFC 8693: who holds the token asks, and the receiver has signed that it acts under exactly this grant.

        It hands in a proof of its key, too, to which the token will be bound (RFC 9449 §5).
        """
        form = {
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._assertion(url, held.agent),
            "grant_type": TOKEN_EXCHANGE,
            "subject_token": held.token,
            "subject_token_type": ACCESS_TOKEN,
            "actor_token": self._assertion(url, receiver, held.grant),
            "actor_token_type": JWT,
            "authorization_details": canonical_bytes([*asked]).decode(),
        }
        async with httpx2.AsyncClient(auth=Proving(self._keys[receiver]), timeout=_SECONDS) as http:
            answer = await http.post(url + TOKEN, data=form)
        return answer.status_code, parse_object(answer.content)

    def _assertion(self, url: str, agent: str, grant: str | None = None) -> str:
        now_ms = time.time_ns() // 1_000_000
        made = sign_client_assertion(self._keys[agent], agent, url, secrets.token_hex(16), now_ms, grant=grant)
        return made.reveal()
