"""What is asked of the token endpoint: exactly what RFC 6749 and RFC 8693 let be asked, and that we serve.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from mediator.delegation.form import TOKEN_BYTES_MAX, parse_form
from mediator.delegation.token_request import (
    ACCESS_TOKEN,
    CLIENT_CREDENTIALS,
    DETAILS_BYTES_MAX,
    JWT,
    TOKEN_EXCHANGE,
    ClientCredentials,
    Exchange,
    TokenRequest,
    read_token_request,
)
from mediator.identity.oauth_error import OAuthError, TokenRefused
from mediator.refusal import Reason
from tests.promises import promise


def asked(**given: str) -> TokenRequest:
    return read_token_request(parse_form(urlencode(given).encode()))


def exchange(**given: str) -> Exchange:
    whole = {"grant_type": TOKEN_EXCHANGE, "subject_token": "s", "subject_token_type": ACCESS_TOKEN} | given
    found = asked(**{name: value for name, value in whole.items() if value != "-"})
    assert isinstance(found, Exchange)
    return found


def test_a_task_of_ones_own() -> None:
    """RFC 6749 §4.4, RFC 9396 §2, RFC 8707 §2."""
    assert asked(grant_type=CLIENT_CREDENTIALS) == ClientCredentials(authorization_details=None, scope=None, targets=())
    form = parse_form(
        b"grant_type=client_credentials&authorization_details=%5B%7B&scope=a+b&audience=x&resource=y&resource=z&new=1"
    )
    assert read_token_request(form) == ClientCredentials(
        authorization_details="[{", scope=("a", "b"), targets=("y", "z", "x")
    )


def test_an_exchange() -> None:
    """RFC 8693 §2.1."""
    alone = exchange()
    assert (alone.subject_token.reveal(), alone.actor_token) == ("s", None)
    assert (alone.authorization_details, alone.scope, alone.targets) == (None, None, ())
    whole = exchange(
        subject_token_type=JWT,
        actor_token="a",
        actor_token_type=JWT,
        requested_token_type=ACCESS_TOKEN,
        authorization_details="[]",
        scope="one",
        audience="x",
    )
    assert whole.actor_token is not None
    assert whole.actor_token.reveal() == "a"
    assert (whole.authorization_details, whole.scope, whole.targets) == ("[]", ("one",), ("x",))
    assert "'s'" not in repr(whole)


@promise("P7")
@pytest.mark.parametrize(
    "grant_type", ["authorization_code", "refresh_token", "password", "Client_Credentials", " client_credentials"]
)
def test_other_grant_types_are_not_served(grant_type: str) -> None:
    """RFC 6749 §5.2."""
    with pytest.raises(TokenRefused) as stop:
        asked(grant_type=grant_type)
    assert stop.value.error is OAuthError.UNSUPPORTED_GRANT_TYPE


@promise("P7")
@pytest.mark.parametrize(
    "given",
    [
        {"subject_token": "-"},
        {"subject_token": ""},
        {"subject_token_type": "-"},
        {"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"},
        {"subject_token_type": "access_token"},
        {"requested_token_type": JWT},
        {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
        {"actor_token": "a"},
        {"actor_token": "a", "actor_token_type": ""},
        {"actor_token_type": JWT},
        {"actor_token": "a", "actor_token_type": ACCESS_TOKEN},
        {"actor_token": "a", "actor_token_type": "urn:ietf:params:oauth:token-type:id_token"},
    ],
)
def test_an_exchange_of_any_other_form_is_an_invalid_request(given: dict[str, str]) -> None:
    """RFC 8693 §2.1, §2.2.2."""
    with pytest.raises(TokenRefused) as stop:
        exchange(**given)
    assert (stop.value.error, stop.value.reason) == (OAuthError.INVALID_REQUEST, Reason.MALFORMED)


@promise("P7")
@pytest.mark.parametrize("scope", ["", " ", "a  b", " a", "a ", "a\tb", 'a"b', "a\\b", "é"])
def test_a_scope_that_says_nothing_is_not_the_default(scope: str) -> None:
    """RFC 6749 §3.3; ours: empty is never permission."""
    with pytest.raises(TokenRefused) as of_a_task:
        asked(grant_type=CLIENT_CREDENTIALS, scope=scope)
    with pytest.raises(TokenRefused) as of_an_exchange:
        exchange(scope=scope)
    assert {of_a_task.value.error, of_an_exchange.value.error} == {OAuthError.INVALID_SCOPE}


@promise("P7")
def test_nothing_asks_for_nothing() -> None:
    """RFC 6749 §5.2: a required parameter is missing."""
    with pytest.raises(TokenRefused) as stop:
        asked()
    assert stop.value.error is OAuthError.INVALID_REQUEST


@promise("P7")
@pytest.mark.parametrize("name", ["subject_token", "actor_token"])
def test_tokens_have_their_length(name: str) -> None:
    """Ours."""
    with pytest.raises(TokenRefused) as stop:
        exchange(**{"actor_token_type": JWT, name: "x" * (TOKEN_BYTES_MAX + 1)})
    assert (stop.value.error, stop.value.reason) == (OAuthError.INVALID_REQUEST, Reason.BODY_TOO_LARGE)


@promise("P7")
def test_details_have_their_length_and_are_not_read_here() -> None:
    """RFC 9396 §5; ours: bytes are counted, not characters."""
    most = "[" * DETAILS_BYTES_MAX
    assert asked(grant_type=CLIENT_CREDENTIALS, authorization_details=most).authorization_details == most
    for more in (most + "[", "é" * (DETAILS_BYTES_MAX // 2 + 1)):
        with pytest.raises(TokenRefused) as stop:
            asked(grant_type=CLIENT_CREDENTIALS, authorization_details=more)
        assert stop.value.error is OAuthError.INVALID_AUTHORIZATION_DETAILS
        assert stop.value.reason is Reason.BODY_TOO_LARGE
