"""An agent that proves its key to a running mediator, request by request; and what a thief does with what it overheard.

    agent = Prover(mediator, await bound(mediator, key), key)
    answer = await agent.post(tools_call("tools__echo", text="x"))        # a fresh proof for each
    answer = await agent.post(..., proof=overheard)                       # or this one

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

import httpx2

from mediator.canonical import JsonObject
from tests.simulated.proofs import ProvingKey
from tests.simulated.running import OWNER, Running, command


async def bound(
    mediator: Running, key: ProvingKey, *, effects: str = "read", agent: str = "assistant", tools: str = "*"
) -> str:
    """Open a task by its owner's statement, and return a token that is bound to this key."""
    words = ["--agent", agent, "--owner", OWNER, "--tools", tools, "--effects", effects, "--dpop-jkt", key.thumbprint]
    said = await command(
        "task", "open", *words, "--purpose", "a test", "--json", "--folder", str(mediator.folder)
    )  # fmt: skip
    opened = json.loads(said)
    assert opened["token_type"] == "DPoP"
    return str(opened["access_token"])


@dataclass(slots=True)
class Prover:
    """One token, and the key that it is shown with."""

    mediator: Running
    token: str
    key: ProvingKey = field(default_factory=ProvingKey)
    shown: list[str] = field(default_factory=list)

    def proof(self, path: str = "/mcp", **told: Any) -> str:
        """Return a proof that is good now, but for what is said otherwise."""
        said: dict[str, Any] = {"token": self.token, "now": int(time.time()), "url": self.mediator.url + path} | told
        return self.key.proof(**said)

    async def post(
        self,
        message: JsonObject | bytes,
        *,
        proof: str | None = None,
        endpoint: str = "/mcp",
        scheme: str = "DPoP",
        **headers: str,
    ) -> httpx2.Response:
        """Post one message with a proof, which is kept as whoever listens in would keep it."""
        self.shown.append(proof or self.proof(endpoint))
        return await self.mediator.post(
            message,
            endpoint=endpoint,
            authorization=f"{scheme} {self.token}",
            dpop=self.shown[-1],
            **headers,
        )
