"""Form -> what is asked of the token endpoint: a task of one's own, or the exchange of a token for a narrower one.

Pure: no I/O, no clock. It reads the grammar of RFC 6749 §4.4 (client credentials) and RFC 8693 §2.1 (token exchange),
with `authorization_details` (RFC 9396) as text that is not parsed here, and `resource` and `audience` as they stand;
whether any of it is granted is not its business. Rules:

- A grant type, token type or combination that is not served is refused, never taken for another.
- A scope that was named and is empty is refused: whoever came to wish for nothing is not given the default
  (RFC 6749 §3.3 lets a request without a scope be refused so).
- An actor is named by a token that only it can sign (`identity/client_assertion.py`), never by an access token.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NoReturn, TypeAlias, final

from mediator.delegation.form import Form
from mediator.evidence import Secret
from mediator.identity.oauth_error import OAuthError, TokenRefused
from mediator.refusal import Reason

CLIENT_CREDENTIALS: Final = "client_credentials"
TOKEN_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"
JWT: Final = "urn:ietf:params:oauth:token-type:jwt"
DETAILS_BYTES_MAX: Final = 16 * 1024  # hundreds of tools, each by its full name
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")  # RFC 6749 §3.3


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentials:
    """An agent asks for a task of its own. `scope` is None where it names none; `targets` are where it wants to go."""

    authorization_details: str | None
    scope: tuple[str, ...] | None
    targets: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """The holder of the subject token asks for a narrower one: for the actor that it names, or for itself."""

    subject_token: Secret
    actor_token: Secret | None
    authorization_details: str | None
    scope: tuple[str, ...] | None
    targets: tuple[str, ...]


TokenRequest: TypeAlias = ClientCredentials | Exchange


def read_token_request(form: Form) -> TokenRequest:
    """Return what this form asks for.

    Raises `TokenRefused`: `INVALID_REQUEST`, `UNSUPPORTED_GRANT_TYPE`, `INVALID_SCOPE`,
    `INVALID_AUTHORIZATION_DETAILS`; nothing else.
    """
    grant_type = form.require("grant_type")
    if grant_type == CLIENT_CREDENTIALS:
        return ClientCredentials(authorization_details=_details(form), scope=_scope(form), targets=_targets(form))
    if grant_type == TOKEN_EXCHANGE:
        return _exchange(form)
    remedy = f"use {CLIENT_CREDENTIALS} or {TOKEN_EXCHANGE}"
    _refuse(OAuthError.UNSUPPORTED_GRANT_TYPE, "this `grant_type` is not served", remedy)


def _exchange(form: Form) -> Exchange:
    subject_token = form.require_token("subject_token")
    if form.require("subject_token_type") not in {ACCESS_TOKEN, JWT}:
        _refuse(OAuthError.INVALID_REQUEST, "this `subject_token_type` is not served", f"use {ACCESS_TOKEN}")
    if form.find("requested_token_type") not in {None, ACCESS_TOKEN}:
        _refuse(OAuthError.INVALID_REQUEST, "this `requested_token_type` is not served", f"use {ACCESS_TOKEN}")
    return Exchange(
        subject_token=subject_token,
        actor_token=_actor_token(form),
        authorization_details=_details(form),
        scope=_scope(form),
        targets=_targets(form),
    )


def _actor_token(form: Form) -> Secret | None:
    actor_token, kind = form.find_token("actor_token"), form.find("actor_token_type")
    # RFC 8693 §2.1: the type is required when there is an actor token, and must not be there when there is none.
    if (actor_token is None) is not (kind is None):
        _refuse(OAuthError.INVALID_REQUEST, "`actor_token` and `actor_token_type` stand together or not at all")
    if kind == ACCESS_TOKEN:  # it would be handed on by whoever holds it, and prove nothing of the actor's own will
        _refuse(
            OAuthError.INVALID_REQUEST,
            "an access token names no actor",
            f"`actor_token` is a token that the actor signed with its own key, of type {JWT}",
        )
    if kind not in {None, JWT}:
        _refuse(OAuthError.INVALID_REQUEST, "this `actor_token_type` is not served", f"use {JWT}")
    return actor_token


def _details(form: Form) -> str | None:
    details = form.find("authorization_details")
    if details is not None and len(details.encode()) > DETAILS_BYTES_MAX:
        sentence = f"`authorization_details` is longer than {DETAILS_BYTES_MAX} bytes"
        raise TokenRefused(OAuthError.INVALID_AUTHORIZATION_DETAILS, Reason.BODY_TOO_LARGE, sentence, sentence=sentence)
    return details


def _scope(form: Form) -> tuple[str, ...] | None:
    scope = "" if "scope" in form.emptied else form.find("scope")
    if scope is None:
        return None
    if _SCOPE.fullmatch(scope) is None:
        _refuse(
            OAuthError.INVALID_SCOPE,
            "`scope` is empty, or not a list of scopes with one space between them",
            "name at least one, or leave `scope` out",
        )
    return tuple(scope.split(" "))


def _targets(form: Form) -> tuple[str, ...]:
    return (*form.find_all("resource"), *form.find_all("audience"))


def _refuse(error: OAuthError, sentence: str, remedy: str | None = None) -> NoReturn:
    raise TokenRefused(error, Reason.MALFORMED, sentence, sentence=sentence, remedy=remedy)
