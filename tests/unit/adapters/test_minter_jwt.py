"""Tokens of the local issuer: what is minted here is what `identity/token.py` accepts, and nothing more.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.adapters.minter_jwt import actors, jwk_set, mint
from mediator.canonical import DEFAULT_LIMITS, JsonObject
from mediator.delegation.grant import Grant, GrantState
from mediator.evidence import Secret
from mediator.identity.compact import parse_compact
from mediator.identity.confirmation import Confirmation
from mediator.identity.dsse import SigningKey
from mediator.identity.keys import key_set
from mediator.identity.token import VerifiedClaims, verify_token
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.forged_tokens import AUDIENCE, ISSUER, NOW, NOW_MS, SKEW, base64url
from tests.simulated.grants import a_grant
from tests.simulated.proofs import ProvingKey

KEY = SigningKey.generate()
KEYS = key_set({ISSUER: (jwk_set(SigningKey.generate().public, KEY.public), ("EdDSA",))})


def minted(grant: Grant, seconds: int = 300) -> Secret:
    return mint(grant, KEY, now_ms=NOW_MS, seconds=seconds)


def verified(token: Secret) -> VerifiedClaims:
    return verify_token(token, KEYS, frozenset({AUDIENCE}), NOW_MS, SKEW)


def test_a_minted_token_is_a_good_one_that_names_its_grant() -> None:
    """RFC 9068 §2."""
    claims = verified(minted(a_grant(id="g-7", root="g-7", agent="planner")))
    assert (claims.issuer, claims.subject, claims.grant) == (ISSUER, "planner", "g-7")
    assert (claims.audience, claims.issued_at, claims.expires_at) == ((AUDIENCE,), NOW, NOW + 300)
    assert (claims.key_id, claims.lineage) == (KEY.public.keyid, ())


def test_what_else_it_says_is_a_copy_for_readers() -> None:
    """RFC 9068 §2.2, RFC 8693; no purpose, no tools: authority is read from the store."""
    header, claims = parse_compact(minted(a_grant()), DEFAULT_LIMITS)
    assert header == {"alg": "EdDSA", "kid": KEY.public.keyid, "typ": "at+jwt"}
    token_id = claims.pop("jti")
    assert isinstance(token_id, str)
    assert len(token_id) == 32
    assert claims == {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "planner",
        "client_id": "planner",
        "iat": NOW,
        "exp": NOW + 300,
        "grant": "g-1",
        "txn": "g-1",
        "owner": "alice@example.com",
        "depth": 0,
        "max_depth": 0,
    }


def test_no_two_tokens_have_one_id() -> None:
    """RFC 7519 §4.1.7."""
    assert verified(minted(a_grant())).token_id != verified(minted(a_grant())).token_id


@promise("P5")
def test_a_token_never_outlives_its_grant() -> None:
    """Ours: and ends with a whole second of it."""
    assert verified(minted(a_grant(expires_ms=NOW_MS + 90_999))).expires_at == NOW + 90


@pytest.mark.parametrize(
    ("changed", "seconds"),
    [
        ({"state": GrantState.COMPLETED}, 300),
        ({"state": GrantState.REVOKED}, 300),
        ({"expires_ms": NOW_MS}, 300),
        ({"expires_ms": NOW_MS + 999}, 300),
        ({}, 0),
        ({}, -1),
    ],
)
def test_nothing_is_minted_for_a_grant_that_has_no_time_left(changed: dict[str, object], seconds: int) -> None:
    """Ours: the look-up would refuse it, and so does this."""
    with pytest.raises(Refused) as stop:
        minted(a_grant(**changed), seconds)
    assert stop.value.reason is Reason.GRANT_EXPIRED


ROOT = a_grant(agent="planner", max_depth=2)
LINK = a_grant(id="g-1a", parent="g-1", root="g-1", depth=1, max_depth=2, agent="gateway")
LAST = a_grant(id="g-1b", parent="g-1a", root="g-1", depth=2, max_depth=2, agent="worker")


def test_a_token_of_what_was_handed_on_tells_its_readers_who_acts_for_whom() -> None:
    """RFC 8693 §4.1: the one who acts now outermost, who acted before within; names alone, no times, no audience."""
    token = mint(LAST, KEY, now_ms=NOW_MS, seconds=60, above=(ROOT, LINK))
    _, claims = parse_compact(token, DEFAULT_LIMITS)
    assert claims["act"] == {"sub": "worker", "act": {"sub": "gateway", "act": {"sub": "planner"}}}
    assert (claims["sub"], claims["txn"], claims["grant"]) == ("worker", "g-1", "g-1b")
    assert (claims["depth"], claims["max_depth"]) == (2, 2)
    assert verified(token).grant == "g-1b"


@promise("P4")
def test_nothing_is_decided_by_what_a_token_tells_its_readers() -> None:
    """RFC 8693 §4.1: a token that was minted without it stands for the same grant."""
    whole, bare = mint(LAST, KEY, now_ms=NOW_MS, seconds=60, above=(ROOT, LINK)), minted(LAST)
    assert verified(whole).grant == verified(bare).grant
    assert "act" not in parse_compact(bare, DEFAULT_LIMITS)[1]


def test_actors_nest_from_the_last_to_the_first() -> None:
    """RFC 8693 §4.1."""
    assert actors([ROOT]) == {"sub": "planner"}
    assert actors([ROOT, LINK]) == {"sub": "gateway", "act": {"sub": "planner"}}
    assert actors([]) == {}


ONE, OTHER = ProvingKey().thumbprint, ProvingKey().thumbprint


@promise("P5")
@pytest.mark.parametrize(
    ("bound_to", "cnf"),
    [
        (Confirmation(jkt=ONE), {"jkt": ONE}),
        (Confirmation(certificate=ONE), {"x5t#S256": ONE}),
        (Confirmation(jkt=ONE, certificate=OTHER), {"jkt": ONE, "x5t#S256": OTHER}),
    ],
    ids=["to a key", "to a certificate", "to both"],
)
def test_a_token_says_to_which_key_it_is_bound(bound_to: Confirmation, cnf: JsonObject) -> None:
    """RFC 7800 §3.1, RFC 9449 §6.1, RFC 8705 §3.1: and whoever verifies it reads just that."""
    token = mint(a_grant(), KEY, now_ms=NOW_MS, seconds=60, bound_to=bound_to)
    assert parse_compact(token, DEFAULT_LIMITS)[1]["cnf"] == cnf
    assert verified(token).confirmation == bound_to


def test_a_token_that_is_bound_to_nothing_says_nothing_of_it() -> None:
    """RFC 7800 §3.1: there is no empty `cnf`."""
    assert "cnf" not in parse_compact(minted(a_grant()), DEFAULT_LIMITS)[1]
    assert verified(minted(a_grant())).confirmation is None


def test_a_key_set_tells_public_keys_and_no_more() -> None:
    """RFC 8037 §2, RFC 7517 §5: in the order in which they were given."""
    other = SigningKey.generate()
    forms = jwk_set(KEY.public, other.public)["keys"]
    assert forms == [
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "alg": "EdDSA",
            "use": "sig",
            "kid": key.public.keyid,
            "x": base64url(key.public.raw),
        }
        for key in (KEY, other)
    ]
