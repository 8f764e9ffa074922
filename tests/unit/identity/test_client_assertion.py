"""Client assertions: an agent's own key, our address, minutes, once.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.client.auth.extensions.client_credentials import SignedJWTParameters

from mediator.canonical import Json, JsonObject, digest_of_bytes
from mediator.evidence import Seal, Secret
from mediator.identity.client_assertion import (
    LIFE_SECONDS_MAX,
    TYPE,
    VerifiedAssertion,
    claimed_key,
    sign_client_assertion,
    verify_client_assertion,
)
from mediator.identity.dsse import SigningKey
from mediator.identity.proof import thumbprint_of
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.forged_tokens import base64url, forge, good_claims, without
from tests.simulated.proofs import ProvingKey

NOW = 1_800_000_000
NOW_MS = NOW * 1000
SKEW = 30
KEY, OTHER = SigningKey.generate(), SigningKey.generate()
ISSUER = "https://mediator.example.com"
ENDPOINT = f"{ISSUER}/oauth2/token"
KEYS = {"planner": KEY.public, "twin": KEY.public, "writer": OTHER.public}
GOOD = sign_client_assertion(KEY, "planner", ISSUER, "once", NOW_MS)


def verify(token: Secret, now_ms: int = NOW_MS) -> VerifiedAssertion:
    return verify_client_assertion(token, KEYS, frozenset({ISSUER, ENDPOINT}), now_ms, SKEW)


def stop_of(token: Secret, now_ms: int = NOW_MS) -> Refused:
    with pytest.raises(Refused) as stop:
        verify(token, now_ms)
    return stop.value


def made(key: SigningKey = KEY, header: JsonObject | None = None, **claims: Any) -> Secret:
    """Return an assertion that is good but for what is given; what is None is left out."""
    head: JsonObject = {"alg": "EdDSA", "kid": KEY.public.keyid, "typ": TYPE, **(header or {})}
    body: JsonObject = {"iss": "planner", "sub": "planner", "aud": ISSUER, "iat": NOW, "exp": NOW + 60, "jti": "once"}
    body |= claims
    return forge(
        {name: value for name, value in head.items() if value is not None},
        {name: value for name, value in body.items() if value is not None},
        key.sign,
    )


def test_a_good_one_says_which_agent_and_how_long_to_remember_it() -> None:
    """RFC 7523 §3."""
    verified = verify(GOOD)
    assert (verified.agent, verified.keyid, verified.token_id) == ("planner", KEY.public.keyid, "once")
    assert (verified.expires_ms, verified.grant) == (NOW_MS + (60 + SKEW) * 1000, None)
    assert verified.digest == digest_of_bytes(GOOD.reveal().encode())
    assert "eyJ" not in repr(verified)


def test_it_is_remembered_until_it_is_refused_for_its_age() -> None:
    """Ours: a `jti` that is forgotten a moment too early is used twice."""
    forgotten_ms = verify(GOOD).expires_ms
    assert verify(GOOD, forgotten_ms - 1).token_id == "once"
    assert stop_of(GOOD, forgotten_ms).reason is Reason.EXPIRED_CREDENTIAL


def test_it_may_name_the_grant_that_it_agrees_to() -> None:
    """Ours: who accepts a delegation says which."""
    assert verify(sign_client_assertion(KEY, "planner", ISSUER, "once", NOW_MS, grant="g-1")).grant == "g-1"


@promise("P4", "P9")
def test_the_key_of_its_proofs_is_its_own_or_one_that_it_names() -> None:
    """RFC 7800 §3.1, and ours: whoever asks for this agent's token has no other key to bind it to."""
    assert verify(GOOD).jkt == thumbprint_of(KEY.public)
    named = ProvingKey().thumbprint
    assert verify(sign_client_assertion(KEY, "planner", ISSUER, "once", NOW_MS, jkt=named)).jkt == named
    bad: list[Json] = [{}, {"kid": "x"}, {"jkt": "x"}, {"x5t#S256": named}, {"jkt": named, "x5t#S256": named}, named]
    for cnf in bad:
        assert stop_of(made(cnf=cnf)).reason is Reason.BAD_CREDENTIAL


def test_only_this_module_makes_one() -> None:
    """House style, evidence."""
    with pytest.raises(TypeError):
        VerifiedAssertion(
            agent="",
            keyid="",
            token_id="",
            expires_ms=0,
            grant=None,
            jkt="",
            digest=digest_of_bytes(b""),
            seal=Seal("another"),
        )


@pytest.mark.parametrize(
    "token",
    [
        made(header={"typ": None}),
        made(header={"typ": "JWT"}),
        made(header={"typ": "jwt"}),
        made(header={"kid": None}),
        made(header={"kid": None, "typ": None}),
        made(aud=ENDPOINT),
        made(aud=[ENDPOINT, ISSUER]),
        made(iat=None),
        made(iat=NOW - 3600),
        made(iat=NOW + SKEW),
        made(nbf=NOW + SKEW),
        made(exp=NOW + LIFE_SECONDS_MAX + SKEW),
        made(exp=NOW - SKEW + 1, iat=None),
        made(jti="x" * 128),
        made(client_id="planner", note={"what": ["libraries", "add"]}),
    ],
)
def test_what_libraries_make_is_read(token: Secret) -> None:
    """RFC 7523 §3: optional is optional; RFC 7519 §4: unknown claims are ignored."""
    assert verify(token).agent == "planner"


def test_two_agents_may_share_a_key_and_each_is_itself() -> None:
    """Ours."""
    assert verify(made(iss="twin", sub="twin")).agent == "twin"


async def test_the_sdks_own_assertion_is_read() -> None:
    """MCP SDK, private_key_jwt: no `kid`, its own life, the issuer as audience."""
    parameters = SignedJWTParameters(
        issuer="planner", subject="planner", signing_key=KEY.to_pem(None).reveal(), signing_algorithm="EdDSA"
    )
    token = await parameters.create_assertion_provider()(ISSUER)
    made_ms = jwt.decode(token, options={"verify_signature": False})["iat"] * 1000
    assert verify(Secret(token), made_ms).agent == "planner"


@promise("P7")
@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (Secret(""), Reason.BAD_CREDENTIAL),
        (Secret("é.é.é"), Reason.BAD_CREDENTIAL),
        (Secret("e30." + "A" * 17_000 + ".AA"), Reason.BAD_CREDENTIAL),
        (made(header={"alg": "none"}), Reason.BAD_CREDENTIAL),
        (made(header={"alg": "HS256"}), Reason.BAD_CREDENTIAL),
        (made(header={"alg": "Ed25519"}), Reason.BAD_CREDENTIAL),
        (made(header={"alg": None}), Reason.BAD_CREDENTIAL),
        (made(header={"typ": "at+jwt"}), Reason.BAD_CREDENTIAL),
        (made(header={"typ": "mcp-mediator-request+jwt"}), Reason.BAD_CREDENTIAL),
        (made(header={"typ": 1}), Reason.BAD_CREDENTIAL),
        (made(header={"crit": ["b64"]}), Reason.BAD_CREDENTIAL),
        (made(header={"jwk": {}}), Reason.BAD_CREDENTIAL),
        (made(header={"jku": "https://a.example"}), Reason.BAD_CREDENTIAL),
        (made(header={"kid": 1}), Reason.UNKNOWN_KEY),
        (made(header={"kid": OTHER.public.keyid}), Reason.UNKNOWN_KEY),
        (made(OTHER), Reason.BAD_CREDENTIAL),
        (made(OTHER, iss="nobody", sub="nobody"), Reason.UNKNOWN_KEY),
        (made(iss="writer", sub="writer"), Reason.UNKNOWN_KEY),
        (made(header={"kid": None}, iss="writer", sub="writer"), Reason.BAD_CREDENTIAL),
        (made(iss="writer"), Reason.BAD_CREDENTIAL),
        (made(iss=None), Reason.BAD_CREDENTIAL),
        (made(sub=None), Reason.BAD_CREDENTIAL),
        (made(exp=None), Reason.BAD_CREDENTIAL),
        (made(exp=True), Reason.BAD_CREDENTIAL),
        (made(exp=NOW + LIFE_SECONDS_MAX + SKEW + 1), Reason.BAD_CREDENTIAL),
        (made(exp=NOW - SKEW, iat=None), Reason.EXPIRED_CREDENTIAL),
        (made(nbf=NOW + SKEW + 1), Reason.BAD_CREDENTIAL),
        (made(nbf="soon"), Reason.BAD_CREDENTIAL),
        (made(iat=NOW + SKEW + 1), Reason.BAD_CREDENTIAL),
        (made(iat=NOW, exp=NOW - 1), Reason.BAD_CREDENTIAL),
        (made(iat="now"), Reason.BAD_CREDENTIAL),
        (made(aud=None), Reason.BAD_CREDENTIAL),
        (made(aud=[]), Reason.BAD_CREDENTIAL),
        (made(aud=ISSUER + "/"), Reason.WRONG_AUDIENCE),
        (made(aud=["https://other.example", ISSUER]), Reason.WRONG_AUDIENCE),
        (made(jti=None), Reason.BAD_CREDENTIAL),
        (made(jti=""), Reason.BAD_CREDENTIAL),
        (made(jti="x" * 129), Reason.BAD_CREDENTIAL),
        (made(jti="a\nb"), Reason.BAD_CREDENTIAL),
        (made(jti="é"), Reason.BAD_CREDENTIAL),
        (made(grant=""), Reason.BAD_CREDENTIAL),
        (made(grant=1), Reason.BAD_CREDENTIAL),
    ],
)
def test_what_is_wrong_is_refused(token: Secret, reason: Reason) -> None:
    """RFC 7523 §3, RFC 8725; the client is told what to set right."""
    stop = stop_of(token)
    assert stop.reason is reason
    assert stop.sentence is not None
    assert stop.sentence.startswith("the assertion is refused: ")


@promise("P7")
def test_an_access_token_proves_no_agent() -> None:
    """RFC 8725 §3.11: not even one that was signed with the agent's own key."""
    claims = good_claims(iss="planner", aud=ISSUER, exp=NOW + 60, iat=NOW)
    token = forge({"alg": "EdDSA", "typ": "at+jwt", "kid": KEY.public.keyid}, without(claims, "grant"), KEY.sign)
    assert stop_of(token).detail.startswith("`typ`")


@promise("P7")
def test_who_guesses_names_learns_none() -> None:
    """Ours: an agent that is not there, and one whose key it is not, read alike."""
    tokens = (made(iss="nobody", sub="nobody"), made(OTHER), made(iss="writer", sub="writer"))
    assert len({stop_of(token).sentence for token in tokens}) == 1


@promise("P7")
@given(st.integers(0, 8 * len(GOOD.reveal()) - 1))
def test_a_flipped_bit_is_refused(bit: int) -> None:
    """Law 3."""
    raw = bytearray(GOOD.reveal().encode())
    raw[bit // 8] ^= 1 << bit % 8
    assert stop_of(Secret(raw.decode("latin-1"))).reason in {Reason.BAD_CREDENTIAL, Reason.UNKNOWN_KEY}


@promise("P7")
def test_two_readings_are_none() -> None:
    """RFC 8725 §2.4: a claim that stands twice."""
    body = b'{"aud":"%b","exp":%d,"iss":"planner","jti":"once","sub":"writer","sub":"planner"}' % (ISSUER.encode(), NOW)
    token = forge({"alg": "EdDSA", "typ": "JWT"}, body, KEY.sign)
    assert stop_of(token).reason is Reason.BAD_CREDENTIAL
    assert base64url(body) in token.reveal()


def test_whose_key_it_claims_is_read_and_not_believed() -> None:
    """Ours: it chooses where a key is looked for."""
    assert claimed_key(made()) == ("planner", KEY.public.keyid)
    assert claimed_key(forge({"kid": 1}, {"sub": ["planner"]})) == (None, None)
    with pytest.raises(Refused):
        claimed_key(Secret("x"))
