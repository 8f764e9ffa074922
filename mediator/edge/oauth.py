"""The embedded issuer over HTTP: agents prove themselves, are issued tokens, hand them back, and ask what they are.

RFC 6749 (client credentials), RFC 8693 (exchange), RFC 7009 (revocation), RFC 7662 (introspection), RFC 8414 and
RFC 7517 for who looks for it. It judges nothing: the desk verifies, decides and signs. Host, origin and connections
were seen to before (`streamable_http.py`); what is refused here is counted like any other stop. Rules:

- A client proves itself with an assertion in the body, signed by its own key (RFC 7523 §2.2) or by what vouches for its
  workload, and in no other way.
- Nothing is read from a URL: a token there would be written down by everybody on the way (RFC 6750 §2.3).
- Who is not proven learns nothing but that; the request itself is read afterwards.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Protocol

from mediator.canonical import JsonObject, canonical_bytes
from mediator.delegation.form import Form, parse_form
from mediator.delegation.token_request import TokenRequest, read_token_request
from mediator.edge.asgi import Exchange, Head
from mediator.edge.at_the_door import shown_by
from mediator.edge.oauth_answers import answer_to, refused_as
from mediator.edge.oauth_metadata import (
    AUTHORIZE,
    INTROSPECT,
    JWKS,
    METHODS,
    TOKEN,
    WELL_KNOWN,
    authorization_server,
)
from mediator.evidence import Secret
from mediator.identity.oauth_error import OAuthError, TokenRefused
from mediator.identity.proof import Shown, VerifiedProof
from mediator.identity.workload import ProvenAgent
from mediator.refusal import Reason, Refused

BODY_BYTES_MAX: Final = 128 * 1024  # three tokens and the details, each at its longest and escaped
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SPIFFE_ASSERTION_TYPE: Final = (
    "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"  # draft-ietf-oauth-spiffe-client-auth
)
_FORM: Final = re.compile(r'application/x-www-form-urlencoded(?: *; *charset="?utf-8"?)? *', re.IGNORECASE)
_ANSWER: Final = (("content-type", "application/json"), ("pragma", "no-cache"))  # RFC 6749 §5.1


class TokenDesk(Protocol):
    """Who issues tokens, and knows what became of them. Everything raises `Refused`, or `TokenRefused` with its error."""

    def authenticate(self, assertion: Secret, client_id: str | None) -> ProvenAgent:
        """Return which agent asks, and see to it that the assertion is used once."""
        ...

    def verify_proof(self, shown: Shown) -> VerifiedProof | None:
        """Return the key that a request shows, if it shows one; nothing is used up yet."""
        ...

    async def issue(self, client: ProvenAgent, request: TokenRequest, proof: VerifiedProof | None) -> JsonObject:
        """Return a token and what belongs to it (RFC 6749 §5.1, RFC 8693 §2.2.1), bound to the key that was proven."""
        ...

    async def revoke(self, client: ProvenAgent, token: Secret, hint: str | None) -> None:
        """End what the token stands for; return too where there is no such token (RFC 7009 §2.2)."""
        ...

    def introspect(self, client: ProvenAgent, token: Secret) -> JsonObject:
        """Return what the token is, as far as this client may know (RFC 7662 §2.2)."""
        ...

    def keys(self) -> JsonObject:
        """Return the public keys by which tokens are verified, as a JWK set."""
        ...


class OAuth:
    """The paths of the issuer; `has_certificates` says that clients may connect with certificates. `count` is told the source and the reason of what is refused, and never raises."""

    def __init__(
        self,
        desk: TokenDesk,
        base_url: str,
        count: Callable[[str, Reason], None],
        *,
        has_certificates: bool = False,
    ) -> None:
        self._has_certificates = has_certificates
        self._desk = desk
        self._base_url = base_url
        self._count = count

    async def serve(self, exchange: Exchange) -> None:
        """Answer one request for a path of ours."""
        head = exchange.head
        try:
            told = await self._answer(exchange)
        except Refused as stop:
            # RFC 8693 §2.2.2: whatever is wrong with the tokens of a request is wrong with the request.
            refused = refused_as(stop, OAuthError.INVALID_REQUEST)
            self._count(head.source, refused.reason)
            status, headers, told = answer_to(refused, head, METHODS[head.path])
            await exchange.answer(status, (*_ANSWER, *headers), canonical_bytes(told))
            return
        await exchange.answer(200, _ANSWER, canonical_bytes(told))

    async def _answer(self, exchange: Exchange) -> JsonObject:
        head = exchange.head
        allowed = METHODS[head.path]
        if head.method not in allowed:
            raise _invalid(f"use {' or '.join(allowed)}", Reason.METHOD_NOT_ALLOWED)
        if head.path == AUTHORIZE:
            raise _no_codes()
        if head.has_query:
            raise _invalid("nothing is read from the query of a URL: send a form in the body")
        if head.path == JWKS:
            return self._desk.keys()
        if head.path == WELL_KNOWN:
            return authorization_server(self._base_url, has_certificates=self._has_certificates)
        form = await _read_form(exchange)
        if head.path == TOKEN:
            # First, for who is told to use a nonce asks again, with the assertion that it has (RFC 9449 §8).
            proof = self._desk.verify_proof(shown_by(head, self._base_url, is_dpop=False))
            client = self._authenticate(form)
            return await self._desk.issue(client, read_token_request(form), proof)
        client = self._authenticate(form)
        token = form.require_token("token")
        if head.path == INTROSPECT:
            return self._desk.introspect(client, token)
        await self._desk.revoke(client, token, form.find("token_type_hint"))
        return {}

    def _authenticate(self, form: Form) -> ProvenAgent:
        assertion, client_id = form.find_token("client_assertion"), form.find("client_id")
        if form.find("client_secret") is not None:
            raise _unproven(Reason.BAD_CREDENTIAL, "a secret proves nobody here")
        if assertion is None or form.find("client_assertion_type") not in {
            ASSERTION_TYPE,
            SPIFFE_ASSERTION_TYPE,
        }:
            raise _unproven(Reason.NO_CREDENTIAL, "no proof of the client came with the request")
        try:
            client = self._desk.authenticate(assertion, client_id)
        except Refused as stop:
            raise refused_as(stop, OAuthError.INVALID_CLIENT) from stop
        if client_id not in {None, client.agent}:  # RFC 7521 §4.2
            raise _unproven(Reason.BAD_CREDENTIAL, "`client_id` is not the agent that the assertion proves")
        if client.grant is not None:
            # It was signed for a delegator, who holds it: were it good here, handing work on would hand on one's name.
            raise _unproven(Reason.BAD_CREDENTIAL, "an assertion that agrees to a grant is an `actor_token`, no client")
        return client


async def _read_form(exchange: Exchange) -> Form:
    head = exchange.head
    if head.header("authorization"):
        raise _unproven(Reason.BAD_CREDENTIAL, "the `Authorization` header proves nobody here")
    if head.header("content-encoding"):  # what unpacks to more than it weighs is never unpacked
        raise _invalid("`Content-Encoding` is not served: send the form as it is")
    if not _is_form(head):
        raise _invalid("`Content-Type` must be application/x-www-form-urlencoded")
    try:
        body = await exchange.read_body(BODY_BYTES_MAX)
    except Refused as stop:
        sentence = f"the body is at most {BODY_BYTES_MAX} bytes, and comes at once"
        raise TokenRefused(OAuthError.INVALID_REQUEST, stop.reason, stop.detail, sentence=sentence) from stop
    return parse_form(body)


def _is_form(head: Head) -> bool:
    types = head.header("content-type")
    return len(types) == 1 and _FORM.fullmatch(types[0]) is not None


def _no_codes() -> TokenRefused:
    sentence = "no authorization codes are given here"
    remedy = "ask the token endpoint with a grant type of its metadata"
    return TokenRefused(OAuthError.UNAUTHORIZED_CLIENT, Reason.NOT_COVERED, sentence, sentence=sentence, remedy=remedy)


def _unproven(reason: Reason, sentence: str) -> TokenRefused:
    remedy = (
        "sign a client assertion with the agent's own key, or have its workload's token issued for us, and send it with "
        f"`client_assertion_type` {ASSERTION_TYPE}"
    )
    return TokenRefused(OAuthError.INVALID_CLIENT, reason, sentence, sentence=sentence, remedy=remedy)


def _invalid(sentence: str, reason: Reason = Reason.MALFORMED) -> TokenRefused:
    return TokenRefused(OAuthError.INVALID_REQUEST, reason, sentence, sentence=sentence)
