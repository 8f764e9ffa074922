"""Agents before a token desk without a door: each with a profile and a key of its own, on a clock that stands still.

    desk = desk_of(mediator)                       # a mediator of `opened`
    told = await desk.token("planner")
    told = await desk.exchange(told["access_token"], "planner", details(["a/b"]), desk.agreed("worker", told["grant"]))

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import Any

from mediator.assembly.mediator import Mediator
from mediator.assembly.token_desk import TokenDesk
from mediator.canonical import JsonObject, canonical_bytes
from mediator.delegation.token_request import ClientCredentials, Exchange
from mediator.edge.oauth_metadata import TOKEN
from mediator.evidence import Secret
from mediator.identity.client_assertion import sign_client_assertion
from mediator.identity.dsse import SigningKey
from mediator.identity.proof import Shown
from mediator.identity.workload import ProvenAgent
from mediator.settings.sections import AgentSettings
from tests.simulated.clock import FixedClock
from tests.simulated.opened import BASE_URL
from tests.simulated.people import key_of
from tests.simulated.proofs import ProvingKey
from tests.simulated.running import OWNER

AGENTS = ("planner", "worker", "specialist", "plugin")


@dataclass(slots=True, kw_only=True)
class AgentsAtDesk:
    """The desk, the clock that it reads, and a way to ask it as one of the agents."""

    tokens: TokenDesk
    clock: FixedClock
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def assertion(
        self, agent: str, *, grant: str | None = None, key: SigningKey | None = None, jkt: str | None = None
    ) -> Secret:
        """Return a fresh proof of this agent."""
        number = str(next(self._numbers))
        signer = key or key_of(agent)
        return sign_client_assertion(signer, agent, BASE_URL, number, self.clock.now_ms(), grant=grant, jkt=jkt)

    def agreed(self, agent: str, grant: object, jkt: str | None = None) -> Secret:
        """Return this agent's actor token for a grant; `jkt` names the key of its proofs."""
        return self.assertion(agent, grant=str(grant), jkt=jkt)

    def client(self, agent: str) -> ProvenAgent:
        """Return who this is, proven."""
        return self.tokens.authenticate(self.assertion(agent), None)

    async def token(
        self,
        agent: str,
        asked: str | None = None,
        *targets: str,
        scope: str | None = None,
        shown: Shown | None = None,
    ) -> Any:
        """Ask for a task of one's own; `shown` is what the request shows beside it."""
        scopes = None if scope is None else (scope,)
        request = ClientCredentials(authorization_details=asked, scope=scopes, targets=targets)
        return await self._issue(agent, request, shown)

    async def _issue(self, agent: str, request: ClientCredentials | Exchange, shown: Shown | None) -> Any:
        proof = None if shown is None else self.tokens.verify_proof(shown)
        return await self.tokens.issue(self.client(agent), request, proof)

    def shown(self, key: ProvingKey, **told: Any) -> Shown:
        """Return a proof of this key for the token endpoint, good now but for what is said otherwise."""
        good: dict[str, Any] = {"url": BASE_URL + TOKEN, "now": self.clock.now_ms() // 1000}
        return key.shown(**(good | told))

    async def fresh(self, agent: str, grant: object, shown: Shown | None = None) -> Any:
        """Ask for a fresh token of a grant that this agent holds."""
        held: JsonObject = {"type": "mcp_tool_grant", "grant": str(grant)}
        return await self.token(agent, canonical_bytes([held]).decode(), shown=shown)

    async def exchange(
        self,
        subject: str,
        asker: str,
        asked: str | None,
        actor: Secret | None = None,
        *targets: str,
        shown: Shown | None = None,
    ) -> Any:
        """Ask for a part of what a token stands for."""
        request = Exchange(
            subject_token=Secret(subject), actor_token=actor, authorization_details=asked, scope=None, targets=targets
        )
        return await self._issue(asker, request, shown)


def desk_of(mediator: Mediator, **limits: int) -> AgentsAtDesk:
    """Return the mediator's token desk for these agents; `limits` are settings of delegation."""
    clock = FixedClock(mediator.ports.clock.now_ms())
    profiles = tuple(
        AgentSettings(
            name=name,
            owner=OWNER,
            team="research",
            key=key_of(name).public.text,
            tools=("notes/*", "mail/*"),
            purpose="a test",
            max_depth=3,
            connector=name == "plugin",
        )
        for name in AGENTS
    )
    settings = mediator.settings.model_copy(
        update={"agents": profiles, "delegation": mediator.settings.delegation.model_copy(update=limits)}
    )
    desk = replace(mediator.desk, settings=settings, clock=clock)
    return AgentsAtDesk(tokens=TokenDesk(desk=desk), clock=clock)
