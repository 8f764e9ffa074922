"""A desk that issues tokens to whoever proves itself, and the HTTP edge before it.

Proof is real: assertions are verified as they are, each once. What is issued is an access token of an issuer with a key
of its own, to anybody and for anything: what may be granted is decided elsewhere, and tested there.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from mediator.adapters.minter_jwt import jwk_set
from mediator.canonical import JsonObject
from mediator.delegation.token_request import CLIENT_CREDENTIALS, TokenRequest
from mediator.edge.http_facts import HttpFacts
from mediator.edge.oauth import ASSERTION_TYPE, OAuth
from mediator.edge.oauth_metadata import TOKEN
from mediator.edge.sessions import Sessions
from mediator.edge.streamable_http import StreamableHttp
from mediator.evidence import Secret
from mediator.identity.client_assertion import sign_client_assertion, verify_client_assertion
from mediator.identity.dsse import PublicKey, SigningKey
from mediator.identity.proof import Shown, VerifiedProof
from mediator.identity.workload import ProvenAgent
from mediator.refusal import Reason, Refused
from tests.simulated.asgi_client import HOST, Response, request
from tests.simulated.asgi_edge import FACTS
from tests.simulated.corridor import SimulatedCorridor
from tests.simulated.forged_tokens import KEY, NOW_MS, SKEW, forge, good_claims

ISSUER: Final = f"http://{HOST}"
PLANNER: Final = SigningKey.generate()
FORM: Final = ("content-type", "application/x-www-form-urlencoded")


@dataclass(slots=True)
class SimulatedTokenDesk:
    """What was asked of it, in order; `stop` is what it says to whatever is asked by who is proven.

    `issuer` is whom assertions are made for, `now_ms` its clock. `locked` is what it says to whoever wants to be proven.
    """

    issuer: str = ISSUER
    keys_by_agent: Mapping[str, PublicKey] = field(default_factory=lambda: {"planner": PLANNER.public})
    now_ms: int = NOW_MS
    stop: Refused | None = None
    locked: Refused | None = None
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    used: set[tuple[str, str]] = field(default_factory=set)
    shown: list[Shown] = field(default_factory=list)

    def authenticate(self, assertion: Secret, client_id: str | None) -> ProvenAgent:
        del client_id  # the edge compares it
        if self.locked is not None:
            raise self.locked
        audiences = frozenset({self.issuer, self.issuer + TOKEN})
        client = verify_client_assertion(assertion, self.keys_by_agent, audiences, self.now_ms, SKEW)
        if (client.agent, client.token_id) in self.used:
            raise Refused(Reason.PROOF_REPLAYED, "used before", sentence="the assertion was used before")
        self.used.add((client.agent, client.token_id))
        return client

    def verify_proof(self, shown: Shown) -> VerifiedProof | None:
        self.shown.append(shown)
        return None

    async def issue(self, client: ProvenAgent, request: TokenRequest, proof: VerifiedProof | None) -> JsonObject:
        assert proof is None
        self._ask(client.agent, request)
        token = forge(claims=good_claims(sub=client.agent, iss=self.issuer, aud=self.issuer))
        return {"access_token": token.reveal(), "token_type": "Bearer", "expires_in": 300}

    async def revoke(self, client: ProvenAgent, token: Secret, hint: str | None) -> None:
        self._ask(client.agent, token.reveal(), hint)

    def introspect(self, client: ProvenAgent, token: Secret) -> JsonObject:
        self._ask(client.agent, token.reveal())
        return {"active": False}

    def keys(self) -> JsonObject:
        return jwk_set(KEY.public)

    def _ask(self, *asked: object) -> None:
        self.asked.append(asked)
        if self.stop is not None:
            raise self.stop


@dataclass(slots=True)
class IssuingEdge:
    """The HTTP edge with an issuer, in this process."""

    desk: SimulatedTokenDesk = field(default_factory=SimulatedTokenDesk)
    corridor: SimulatedCorridor = field(default_factory=SimulatedCorridor)
    facts: HttpFacts = FACTS
    made: int = 0

    def app(self) -> StreamableHttp:
        door = self.corridor.door()
        oauth = OAuth(self.desk, self.facts.base_url, door.count)
        sessions = Sessions(lambda: 0.0, new_outbox=door.new_outbox)
        return StreamableHttp(door, sessions, self.facts, lambda: True, oauth=oauth)

    def proof(self, **more: str) -> dict[str, str]:
        """Return what proves the planner, anew each time; `more` stands beside it, or instead."""
        self.made += 1
        assertion = sign_client_assertion(PLANNER, "planner", ISSUER, f"once-{self.made}", NOW_MS)
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion.reveal()} | more

    def asking(self, **more: str) -> dict[str, str]:
        """Return a request for a token that is good but for `more`."""
        return self.proof(grant_type=CLIENT_CREDENTIALS) | more

    async def post(
        self,
        form: Mapping[str, str] | bytes,
        headers: Sequence[tuple[str, str]] = (FORM,),
        *,
        path: str = TOKEN,
        query: bytes = b"",
    ) -> Response:
        body = form if isinstance(form, bytes) else urlencode(form).encode()
        sent = [*headers, ("content-length", str(len(body)))]
        return await request(self.app(), body, sent, path=path, token=None, plain=True, query=query).run()

    async def get(self, path: str, query: bytes = b"", method: str = "GET") -> Response:
        return await request(self.app(), b"", method=method, path=path, token=None, plain=True, query=query).run()

    @property
    def reasons(self) -> list[Reason]:
        """What was counted."""
        return [reason for _source, reason in self.corridor.counted]


def refusal_of(response: Response) -> tuple[int, object]:
    """Return status and error of an answer that refuses, which has the form that clients read."""
    told = response.message
    assert told.keys() == {"error", "error_description"}
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    return response.status, told["error"]
