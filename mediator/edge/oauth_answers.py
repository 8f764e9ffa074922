"""How the token endpoint says no: the error, the HTTP status and the headers of a refusal.

Pure tables: RFC 6749 §5.2 for form and status, RFC 9110 for what it leaves open. Nothing of our own state is told.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mediator.canonical import JsonObject
from mediator.edge.asgi import Head, Headers
from mediator.identity.oauth_error import OAuthError, TokenRefused
from mediator.identity.proof import NONCE_HEADER, find_nonce
from mediator.refusal import Reason, Refused

_BUSY: Final = frozenset(
    {
        Reason.LEDGER_UNAVAILABLE,
        Reason.STORE_UNAVAILABLE,
        Reason.SNAPSHOT_TOO_OLD,
        Reason.TRY_AGAIN,
        Reason.OVERLOADED,
        Reason.RATE_LIMITED,
    }
)
_BY_REASON: Final[Mapping[Reason, int]] = MappingProxyType(
    {Reason.METHOD_NOT_ALLOWED: 405, Reason.BODY_TOO_LARGE: 413, Reason.RATE_LIMITED: 429}
)
_BY_ERROR: Final[Mapping[OAuthError, int]] = MappingProxyType(
    {OAuthError.INVALID_CLIENT: 401, OAuthError.SERVER_ERROR: 500, OAuthError.TEMPORARILY_UNAVAILABLE: 503}
)
_LATER: Final = (("retry-after", "1"),)
_REALM: Final = 'realm="mcp-mediator"'


def refused_as(stop: Refused, otherwise: OAuthError) -> TokenRefused:
    """Return the refusal with its error: its own if it has one, ours if it is our fault, `otherwise` else."""
    if isinstance(stop, TokenRefused):
        return stop
    if stop.reason in _BUSY:
        sentence, remedy = "this mediator cannot answer that now", "try again later"
        return TokenRefused(
            OAuthError.TEMPORARILY_UNAVAILABLE, stop.reason, stop.detail, sentence=sentence, remedy=remedy
        )
    if stop.reason is Reason.INTERNAL:
        return TokenRefused(
            OAuthError.SERVER_ERROR, stop.reason, stop.detail, sentence="something is wrong in this mediator"
        )
    sentence = stop.sentence or "this is not granted"
    return TokenRefused(otherwise, stop.reason, stop.detail, sentence=sentence, remedy=stop.remedy)


def answer_to(stop: TokenRefused, head: Head, allowed: tuple[str, ...]) -> tuple[int, Headers, JsonObject]:
    """Return status, headers and body of the answer; `allowed` are the methods of the path."""
    status = _BY_REASON.get(stop.reason) or _BY_ERROR.get(stop.error, 400)
    told: JsonObject = {"error": stop.error.value, "error_description": stop.description}
    nonce = find_nonce(stop)
    renewal = () if nonce is None else ((NONCE_HEADER, nonce),)
    return status, (*_headers(status, head, allowed), *renewal), told


def _headers(status: int, head: Head, allowed: tuple[str, ...]) -> Headers:
    match status:
        case 401:
            # RFC 6749 §5.2: the scheme that the client tried; RFC 9110 §15.5.2: a 401 always names one.
            tried = head.header("authorization")
            scheme = "Basic" if any(value.lower().startswith("basic") for value in tried) else "Bearer"
            return (("www-authenticate", f"{scheme} {_REALM}"),)
        case 405:
            return (("allow", ", ".join(allowed)),)
        case 429 | 503:
            return _LATER
        case _:
            return ()
