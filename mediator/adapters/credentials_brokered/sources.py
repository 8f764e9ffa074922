"""Where a credential comes from: our own client at an authorization server, an exchange there, or our own signature.

The agent's token is no part of any of them: what stands for the task is what we sign about it. Without a behalf the
mediator asks in its own name: so it compares what a server offers.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from mediator.adapters.credentials_brokered.behalf import Behalf, act_of
from mediator.adapters.credentials_brokered.endpoint import Issued, TokenEndpoint
from mediator.canonical import JsonObject
from mediator.evidence import Secret
from mediator.identity.assertion import sign_assertion
from mediator.identity.dsse import SigningKey
from mediator.refusal import Reason, Refused

_PROOF_SECONDS: Final = 60  # of an assertion that is read at once: as a signed request
_ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"
_JWT: Final = "urn:ietf:params:oauth:token-type:jwt"
_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_JWT_BEARER: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A credential, and when it ends by itself."""

    token: Secret
    until_ms: int


class Source(Protocol):
    """Makes credentials for one tool server."""

    async def make(self, behalf: Behalf | None, now_ms: int) -> Made:
        """Return a credential made now; raises `Refused(TOOL_SERVER_UNAVAILABLE)`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """The mediator's issuer: its name, and the key with which it signs now."""

    issuer: str
    key: Callable[[], SigningKey]

    def say(self, behalf: Behalf | None, audience: str, now_ms: int, seconds: int) -> Secret:
        """Return what we say of whom this is done for, to this audience."""
        more: JsonObject = {} if behalf is None else {"act": act_of(behalf.links, self.issuer), "txn": behalf.task}
        return sign_assertion(
            self.key(),
            issuer=self.issuer,
            subject=self.issuer if behalf is None else behalf.owner,
            audience=audience,
            token_id=secrets.token_hex(16),
            now_ms=now_ms,
            seconds=seconds,
            more=more,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who we are at an authorization server, and how that is proved: by a secret, or by a key (RFC 7523 §2.2)."""

    endpoint: TokenEndpoint
    client_id: str
    proof: Secret | SigningKey
    authorization_server: str

    async def ask(self, form: Mapping[str, str], now_ms: int) -> Issued:
        """Return what is issued to us for this form; raises `Refused(TOOL_SERVER_UNAVAILABLE)`."""
        if isinstance(self.proof, Secret):
            return await self.endpoint.ask(form, (self.client_id, self.proof))
        assertion = sign_assertion(
            self.proof,
            issuer=self.client_id,
            subject=self.client_id,
            audience=self.authorization_server,
            token_id=secrets.token_hex(16),
            now_ms=now_ms,
            seconds=_PROOF_SECONDS,
        )
        proved = {"client_assertion_type": _JWT_BEARER, "client_assertion": assertion.reveal()}
        return await self.endpoint.ask({**form, "client_id": self.client_id, **proved})


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnClient:
    """RFC 6749 §4.4: a token of our own. `target` binds it to the tool server (`resource`, `audience`, `scope`)."""

    client: Client
    target: Mapping[str, str]

    async def make(self, behalf: Behalf | None, now_ms: int) -> Made:  # noqa: ARG002 - it says nothing of the task
        """Return a token that was issued to us."""
        issued = await self.client.ask({"grant_type": "client_credentials", **self.target}, now_ms)
        return Made(token=issued.token, until_ms=now_ms + issued.seconds * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """RFC 8693: a token of the task's owner for the tool server, for our word on who acts."""

    client: Client
    signer: Signer
    target: Mapping[str, str]

    async def make(self, behalf: Behalf | None, now_ms: int) -> Made:
        """Return the token that was issued in exchange."""
        subject = self.signer.say(behalf, self.client.authorization_server, now_ms, _PROOF_SECONDS)
        form = {
            "grant_type": _EXCHANGE,
            "subject_token": subject.reveal(),
            "subject_token_type": _JWT,
            "requested_token_type": _ACCESS_TOKEN,
            **self.target,
        }
        issued = await self.client.ask(form, now_ms)
        if issued.kind != _ACCESS_TOKEN:  # RFC 8693 §2.2.1: required, and what was asked for
            detail = f"no credential: `{self.client.endpoint.url}` exchanged for something else than an access token"
            raise Refused(Reason.TOOL_SERVER_UNAVAILABLE, detail)
        return Made(token=issued.token, until_ms=now_ms + issued.seconds * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """Our own word to the tool server itself."""

    signer: Signer
    audience: str
    seconds: int

    async def make(self, behalf: Behalf | None, now_ms: int) -> Made:
        """Return an assertion that ends with the chain at the latest."""
        left = self.seconds if behalf is None else min(self.seconds, (behalf.until_ms - now_ms) // 1000)
        if left <= 0:
            raise Refused(Reason.TOOL_SERVER_UNAVAILABLE, "no credential: the task has no second left")
        return Made(token=self.signer.say(behalf, self.audience, now_ms, left), until_ms=now_ms + left * 1000)
