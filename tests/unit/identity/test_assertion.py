"""Assertions that we sign: read by another library, and by nobody of ours as a token.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from mediator.evidence import Secret
from mediator.identity.assertion import sign_assertion
from mediator.identity.dsse import SigningKey
from mediator.identity.token import verify_token
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.forged_tokens import AUDIENCE, ISSUER, KEYS, NOW_MS, SKEW

KEY = SigningKey.generate()


def an_assertion(audience: str = "https://as.example/token") -> Secret:
    return sign_assertion(
        KEY,
        issuer=ISSUER,
        subject="alice@example.com",
        audience=audience,
        token_id="t-1",
        now_ms=NOW_MS,
        seconds=60,
        more={"txn": "task-1", "sub": "eve@example.com"},
    )


def test_an_assertion_says_who_of_whom_to_whom_and_until_when() -> None:
    """RFC 7523 §3; what is said beside it replaces none of these."""
    text = an_assertion().reveal()
    public = Ed25519PublicKey.from_public_bytes(KEY.public.raw)
    claims = jwt.decode(
        text, public, algorithms=["EdDSA"], options={"verify_aud": False, "verify_exp": False, "verify_iat": False}
    )
    assert claims == {
        "iss": ISSUER,
        "sub": "alice@example.com",
        "aud": "https://as.example/token",
        "iat": NOW_MS // 1000,
        "exp": NOW_MS // 1000 + 60,
        "jti": "t-1",
        "txn": "task-1",
    }
    assert jwt.get_unverified_header(text) == {"alg": "EdDSA", "kid": KEY.public.keyid, "typ": "JWT"}


@promise("P5")
def test_an_assertion_opens_nothing_here() -> None:
    """RFC 8725 §3.11: also one that was made for our own address."""
    with pytest.raises(Refused) as refused:
        verify_token(an_assertion(AUDIENCE), KEYS, frozenset({AUDIENCE}), NOW_MS, SKEW)
    assert refused.value.reason is Reason.BAD_CREDENTIAL
