"""Refusals of the token endpoint: each with the error, the status and the headers that it has to have.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.edge.asgi import Head
from mediator.edge.oauth_answers import answer_to, refused_as
from mediator.identity.oauth_error import OAuthError, TokenRefused
from mediator.refusal import Reason, Refused


def head(*authorization: str) -> Head:
    headers = tuple(("authorization", value) for value in authorization)
    return Head(method="POST", path="/oauth2/token", headers=headers, source="192.0.2.7")


@pytest.mark.parametrize(
    ("reason", "error", "status"),
    [
        (Reason.LEDGER_UNAVAILABLE, "temporarily_unavailable", 503),
        (Reason.STORE_UNAVAILABLE, "temporarily_unavailable", 503),
        (Reason.SNAPSHOT_TOO_OLD, "temporarily_unavailable", 503),
        (Reason.TRY_AGAIN, "temporarily_unavailable", 503),
        (Reason.OVERLOADED, "temporarily_unavailable", 503),
        (Reason.RATE_LIMITED, "temporarily_unavailable", 429),
        (Reason.INTERNAL, "server_error", 500),
        (Reason.BODY_TOO_LARGE, "invalid_request", 413),
        (Reason.METHOD_NOT_ALLOWED, "invalid_request", 405),
        (Reason.GRANT_REVOKED, "invalid_request", 400),
    ],
)
def test_a_plain_refusal_has_its_error_and_its_status(reason: Reason, error: str, status: int) -> None:
    """RFC 6749 §5.2, RFC 8693 §2.2.2; RFC 9110 §15.6.4 where we are at fault."""
    refused = refused_as(Refused(reason, "/secret/place"), OAuthError.INVALID_REQUEST)
    code, headers, told = answer_to(refused, head(), ("POST",))
    assert (code, told["error"], refused.reason, refused.detail) == (status, error, reason, "/secret/place")
    assert "secret" not in str(told)
    wanted = {405: {"allow": "POST"}, 429: {"retry-after": "1"}, 503: {"retry-after": "1"}}
    assert dict(headers) == wanted.get(status, {})


def test_what_we_may_tell_is_told() -> None:
    """House style 4."""
    refused = refused_as(
        Refused(Reason.MALFORMED, "x", sentence="it is bad", remedy="mend it"), OAuthError.INVALID_CLIENT
    )
    _status, _headers, told = answer_to(refused, head(), ())
    assert told == {"error": "invalid_client", "error_description": "it is bad; mend it"}


def test_a_refusal_with_an_error_keeps_it() -> None:
    """Ours: who refused knew why."""
    stop = TokenRefused(OAuthError.INVALID_TARGET, Reason.NOT_COVERED, "x", sentence="no such target")
    assert refused_as(stop, OAuthError.INVALID_CLIENT) is stop
    assert answer_to(stop, head(), ())[0] == 400


@pytest.mark.parametrize(
    ("tried", "scheme"), [((), "Bearer"), (("Bearer x",), "Bearer"), (("bAsic x",), "Basic"), (("Hawk x",), "Bearer")]
)
def test_who_is_not_proven_is_told_a_scheme(tried: tuple[str, ...], scheme: str) -> None:
    """RFC 6749 §5.2: the one that the client tried; RFC 9110 §15.5.2: there is always one."""
    stop = TokenRefused(OAuthError.INVALID_CLIENT, Reason.BAD_CREDENTIAL, "x", sentence="no")
    assert answer_to(stop, head(*tried), ())[:2] == (401, (("www-authenticate", f'{scheme} realm="mcp-mediator"'),))
