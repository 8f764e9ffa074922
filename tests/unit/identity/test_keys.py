"""The issuers we trust: public keys alone, each good for one algorithm; one that is broken makes the whole set none.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from mediator.canonical import Json, JsonObject, digest_of
from mediator.identity.dsse import SigningKey
from mediator.identity.keys import ALGORITHMS, key_set
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.forged_tokens import ISSUER, KEY, base64url, jwk_of, trusting, without


def ec_key(curve: ec.EllipticCurve, **members: Json) -> JsonObject:
    form: JsonObject = json.loads(ECAlgorithm.to_jwk(ec.generate_private_key(curve).public_key()))
    return form | {"kid": "ec"} | members


def rsa_key(bits: int, **members: Json) -> JsonObject:
    private = rsa.generate_private_key(65537, bits)
    form: JsonObject = json.loads(RSAAlgorithm.to_jwk(private.public_key()))
    return form | {"kid": "rsa"} | members


def ed448_key() -> JsonObject:
    form: JsonObject = json.loads(OKPAlgorithm.to_jwk(ed448.Ed448PrivateKey.generate().public_key()))
    return form | {"kid": "ed448", "alg": "EdDSA"}


P256 = ec_key(ec.SECP256R1())
RSA_2048 = rsa_key(2048)


def detail_of(*keys: Json, algorithms: tuple[str, ...] = ALGORITHMS) -> str:
    with pytest.raises(Refused) as stop:
        key_set({ISSUER: ({"keys": list(keys)}, algorithms)})
    assert stop.value.reason is Reason.BAD_CREDENTIAL
    return stop.value.detail


@pytest.mark.parametrize(
    ("form", "algorithms", "expected"),
    [
        (jwk_of(KEY), ALGORITHMS, "EdDSA"),
        (without(jwk_of(KEY), "alg", "use"), ALGORITHMS, "EdDSA"),
        (P256, ("ES256", "RS256"), "ES256"),
        (ec_key(ec.SECP384R1(), alg="ES384"), ALGORITHMS, "ES384"),
        (RSA_2048 | {"alg": "PS256"}, ALGORITHMS, "PS256"),
        (RSA_2048, ("RS256", "EdDSA"), "RS256"),
        (jwk_of(KEY, key_ops=["verify"]), ALGORITHMS, "EdDSA"),
    ],
)
def test_a_key_is_good_for_the_one_algorithm_of_its_kind(
    form: JsonObject, algorithms: tuple[str, ...], expected: str
) -> None:
    """RFC 8725 §3.1: the key says which algorithm."""
    (key,) = trusting(form, algorithms=algorithms).issuers[ISSUER].keys.values()
    assert (key.key_id, key.algorithm, key.key.algorithm_name) == (form["kid"], expected, expected)


BAD_KEYS: dict[str, Json] = {
    "no object": "ed25519:AAAA",
    "without a key id": without(jwk_of(KEY), "kid"),
    "with an empty key id": jwk_of(KEY, kid=""),
    "with a number for key id": jwk_of(KEY, kid=1),
    "private": jwk_of(KEY, d="AAAA"),
    "symmetric": {"kty": "oct", "kid": "k", "k": "AAAA", "alg": "HS256"},
    "symmetric, with a served algorithm": {"kty": "oct", "kid": "k", "alg": "EdDSA"},
    "for encryption": jwk_of(KEY, use="enc"),
    "for no use": jwk_of(KEY, use=None),
    "for signing alone": jwk_of(KEY, key_ops=["sign"]),
    "for no operation": jwk_of(KEY, key_ops=[]),
    "with operations that are no list": jwk_of(KEY, key_ops="verify"),
    "of no kind": without(jwk_of(KEY), "kty"),
    "of an unknown kind": jwk_of(KEY, kty="AKP"),
    "of a kind that is a list": jwk_of(KEY, kty=["OKP"]),
    "with another kind's algorithm": jwk_of(KEY, alg="ES256"),
    "with the algorithm `none`": jwk_of(KEY, alg="none"),
    "with a shared secret's algorithm": jwk_of(KEY, alg="HS256"),
    "with a null algorithm": jwk_of(KEY, alg=None),
    "with a list of algorithms": jwk_of(KEY, alg=["EdDSA"]),
    "without algorithm where several fit": P256,
    "on another curve": jwk_of(KEY, crv="X25519"),
    "on a curve that is not served": ed448_key(),
    "on a curve that is not its algorithm's": ec_key(ec.SECP384R1(), alg="ES256"),
    "off its curve": P256 | {"alg": "ES256", "y": P256["x"]},
    "without its point": without(jwk_of(KEY), "x"),
    "with half a point": jwk_of(KEY, x=base64url(KEY.public.raw[:16])),
    "with a number for point": jwk_of(KEY, x=1),
    "of small order": jwk_of(KEY, x=base64url(bytes(32))),
    "RSA of 1024 bits": rsa_key(1024, alg="RS256"),
    "RSA without modulus": without(RSA_2048, "n") | {"alg": "RS256"},
}


@promise("P7")
@pytest.mark.parametrize("form", BAD_KEYS.values(), ids=BAD_KEYS)
def test_one_broken_key_makes_the_whole_set_none(form: Json) -> None:
    """RFC 7517 §4, RFC 8725 §3.1, §3.5: half a key set would hide which half."""
    assert ISSUER in detail_of(jwk_of(SigningKey.generate()), form)


@pytest.mark.parametrize(
    "keys", [{}, {"keys": []}, {"keys": None}, {"keys": {}}, {"keys": "x"}, {"Keys": [jwk_of(KEY)]}]
)
def test_a_file_without_keys_is_refused(keys: JsonObject) -> None:
    """RFC 7517 §5; empty is never permission."""
    with pytest.raises(Refused) as stop:
        key_set({ISSUER: (keys, ALGORITHMS)})
    assert stop.value.reason is Reason.BAD_CREDENTIAL


@pytest.mark.parametrize("algorithms", [(), ("HS256",), ("none",), ("EdDSA", "HS512")])
def test_only_signatures_by_key_pairs_may_be_configured(algorithms: tuple[str, ...]) -> None:
    """RFC 8725 §3.1."""
    detail_of(jwk_of(KEY), algorithms=algorithms)


def test_a_key_id_stands_once() -> None:
    """Ours: otherwise the order in a file decides."""
    assert "twice" in detail_of(jwk_of(KEY), jwk_of(SigningKey.generate(), kid=KEY.public.keyid))


def test_the_digest_moves_with_everything_that_is_trusted() -> None:
    """Ours: a memory of identities is keyed by it."""
    other = jwk_of(SigningKey.generate(), kid="other")
    sets = [
        trusting(jwk_of(KEY)),
        trusting(jwk_of(KEY), other),
        trusting(other),
        trusting(jwk_of(KEY), issuer="https://idp.example"),
        trusting(jwk_of(KEY), algorithms=("EdDSA", "ES256")),
        key_set({}),
    ]
    assert len({keys.digest for keys in sets}) == len(sets)
    assert sets[0].digest == digest_of({ISSUER: [{"keys": [jwk_of(KEY)]}, ["EdDSA"]]})
