"""Proofs of possession: the caller's own key, this request, this credential, this minute; each check has its violation.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, x25519
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm

from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.evidence import Seal, Secret
from mediator.identity.compact import parse_compact
from mediator.identity.confirmation import Confirmation, must_be_thumbprint
from mediator.identity.dsse import SigningKey
from mediator.identity.nonce import BUCKET_MS, Nonces
from mediator.identity.proof import (
    _LIMITS,
    ALGORITHMS,
    LIFE_SECONDS,
    TYPE,
    Shown,
    VerifiedProof,
    _thumbprint,
    find_nonce,
    hash_of,
    is_same_place,
    prove_session,
    sign_proof,
    thumbprint_of,
    verify_shown,
)
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.forged_tokens import NOW, NOW_MS, SKEW, base64url, forge, without
from tests.simulated.proofs import ProvingKey

URL: Final = "https://mediator.example/mcp"
TOKEN: Final = Secret("eyJ.access.token")
KEY, OTHER, EC = ProvingKey(seed=bytes(range(32))), ProvingKey(seed=bytes(32)), ProvingKey("ES256")
KEYS: Final = {"EdDSA": KEY, "ES256": EC}
NONCES: Final = Nonces(Secret("n" * 32))
CERTIFICATE: Final = base64url(hashlib.sha256(b"certificate").digest())
HEADER: Final[JsonObject] = {"typ": TYPE, "alg": "EdDSA", "jwk": KEY.jwk}
EC_HEADER: Final[JsonObject] = {"typ": TYPE, "alg": "ES256", "jwk": EC.jwk}
CLAIMS: Final[JsonObject] = {"jti": "once", "htm": "POST", "htu": URL, "iat": NOW, "ath": hash_of(TOKEN)}
P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def beside(*proofs: Secret, is_dpop: bool = True, certificate: str | None = None) -> Shown:
    """Return these `DPoP` headers, as they come with a request."""
    return Shown(proofs=proofs, is_dpop=is_dpop, method="POST", url=URL, certificate=certificate)


def made(header: JsonObject | bytes = HEADER, claims: JsonObject | bytes = CLAIMS, key: ProvingKey = KEY) -> Secret:
    return forge(header, claims, key.sign)


def verify(
    shown: Shown, credential: Secret | None = TOKEN, nonces: Nonces | None = None, now_ms: int = NOW_MS
) -> VerifiedProof:
    proof = verify_shown(shown, credential, now_ms, SKEW, nonces)
    assert proof is not None
    return proof


def stop_of(
    shown: Shown, credential: Secret | None = TOKEN, nonces: Nonces | None = None, now_ms: int = NOW_MS
) -> Refused:
    with pytest.raises(Refused) as stop:
        verify_shown(shown, credential, now_ms, SKEW, nonces)
    assert stop.value.reason is Reason.PROOF_INVALID
    assert stop.value.sentence == stop.value.detail
    return stop.value


# What holds


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_good_proof_says_which_key_the_caller_holds(algorithm: str) -> None:
    """RFC 9449 §4.3; the thumbprint is worked out a second time by the helper (RFC 7638 §3)."""
    key = KEYS[algorithm]
    proof = verify(key.shown(url=URL, token=TOKEN.reveal()))
    assert (proof.jkt, proof.certificate, proof.session, proof.keyid) == (key.thumbprint, None, None, None)
    assert must_be_thumbprint(proof.jkt) == key.thumbprint


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_libraries_write_beside_a_public_key_is_no_part_of_it(algorithm: str) -> None:
    """RFC 7638 §3.2: the thumbprint is of the required members alone, in whatever order they came."""
    key = KEYS[algorithm]
    jwk = {"use": "sig", "kid": "mine", "key_ops": ["verify"], "alg": algorithm} | dict(reversed(key.jwk.items()))
    assert verify(key.shown(url=URL, token=TOKEN.reveal(), header={"jwk": jwk})).jkt == key.thumbprint


def test_claims_that_nobody_asked_for_are_ignored() -> None:
    """RFC 7519 §4; a nonce too, where none is demanded."""
    assert verify(beside(made(claims=CLAIMS | {"nonce": "any", "exp": 0, "nbf": "x"}))).jkt == KEY.thumbprint


def test_the_certificate_of_the_connection_is_told_beside_the_key() -> None:
    """RFC 8705 §3: both may be asked for."""
    proof = verify(beside(made(), certificate=CERTIFICATE))
    assert (proof.jkt, proof.certificate) == (KEY.thumbprint, CERTIFICATE)


RFC_9449_HEAD: Final = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJo"
    "RjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19"
)
RFC_9449_TOKEN_PROOF: Final = (
    f"{RFC_9449_HEAD}.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29t"
    "L3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfb"
    "V37xRZT3Lg"
)
RFC_9449_RESOURCE_PROOF: Final = (
    f"{RFC_9449_HEAD}.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9y"
    "Zy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtz"
    "bVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
)
RFC_9449_TOKEN: Final = Secret("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU")
RFC_9449_THUMBPRINT: Final = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


def test_the_proofs_of_the_document_are_good() -> None:
    """RFC 9449, figures 1 and 12, and the `jkt` and `ath` that it says belong to them (§6.1, §7.1)."""
    at_token = Shown(
        proofs=(Secret(RFC_9449_TOKEN_PROOF),), is_dpop=False, method="POST", url="https://server.example.com/token"
    )
    assert verify(at_token, None, now_ms=1_562_262_616_000).jkt == RFC_9449_THUMBPRINT
    at_resource = Shown(
        proofs=(Secret(RFC_9449_RESOURCE_PROOF),),
        is_dpop=True,
        method="GET",
        url="https://resource.example.org/protectedresource",
    )
    assert verify(at_resource, RFC_9449_TOKEN, now_ms=1_562_262_618_000).jkt == RFC_9449_THUMBPRINT
    assert hash_of(RFC_9449_TOKEN) == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"


def test_thumbprints_are_those_of_the_documents() -> None:
    """RFC 8037 A.3; RFC 7638 §3.1, of a kind that is not served, for the way of writing."""
    form: JsonObject = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert _thumbprint(form) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj"
        "hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQ"
        "vRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK"
        "nqDKgw"
    )
    assert _thumbprint({"kty": "RSA", "e": "AQAB", "n": modulus}) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


# Whether a proof is looked at at all


@promise("P5")
def test_a_header_beside_a_bearer_is_looked_at_by_nobody() -> None:
    """RFC 9449 §7.2: the scheme says that it is a bearer; a proof that is none does no harm there, a good one no good."""
    for proofs in ((), (made(),), (Secret("x"),), (made(), made())):
        assert verify_shown(beside(*proofs, is_dpop=False), TOKEN, NOW_MS, SKEW, NONCES) is None


def test_of_a_connection_with_a_certificate_that_alone_is_told() -> None:
    """RFC 8705 §3: proven by the connection, so there is nothing to use up."""
    for proofs, credential in (((), TOKEN), ((), None), ((made(),), TOKEN)):
        proof = verify(beside(*proofs, is_dpop=False, certificate=CERTIFICATE), credential, NONCES)
        assert (proof.certificate, proof.jkt, proof.once) == (CERTIFICATE, None, None)


def test_where_there_is_no_credential_a_header_asks_for_a_token_to_be_bound() -> None:
    """RFC 9449 §5: at the token endpoint; what the proof says of a credential is asked of nobody there."""
    bare = without(CLAIMS, "ath")
    assert verify_shown(beside(is_dpop=False), None, NOW_MS, SKEW, NONCES) is None
    for claims in (bare, CLAIMS, bare | {"ath": 1}):
        assert verify(beside(made(claims=claims), is_dpop=False), None).jkt == KEY.thumbprint
    assert stop_of(beside(made(claims=bare | {"htm": "GET"}), is_dpop=False), None).detail.startswith("`htm`")


@promise("P7")
@pytest.mark.parametrize("credential", [TOKEN, None], ids=["with a credential", "without a credential"])
def test_under_the_scheme_there_is_exactly_one_proof(credential: Secret | None) -> None:
    """RFC 9449 §4.3, check 1: not even the same one twice, nor a good one before a bad one."""
    assert stop_of(beside(), credential).detail == "no proof came: a `DPoP` header holds it"
    for proofs in ((made(), made()), (made(), Secret("")), (made(),) * 3):
        assert stop_of(beside(*proofs), credential).detail == "expected one `DPoP` header"
    assert stop_of(beside(made(), made(), is_dpop=False), None).detail == "expected one `DPoP` header"


# 1. Form

GOOD: Final = {name: key.shown(url=URL, token=TOKEN.reveal()).proofs[0].reveal() for name, key in KEYS.items()}
HEAD, BODY, SIGNATURE = GOOD["EdDSA"].split(".")
STRICT: Final = "header and claims are strict JSON objects"
FORM: Final = "not a token in three parts of at most 4 KiB"

BAD_FORMS: Final[dict[str, tuple[Secret, str]]] = {
    "nothing": (Secret(""), FORM),
    "no JWT": (Secret("proof"), FORM),
    "two parts": (Secret(f"{HEAD}.{BODY}"), FORM),
    "four parts": (Secret(f"{HEAD}.{BODY}.{SIGNATURE}.{SIGNATURE}"), FORM),
    "two proofs in one header": (Secret(f"{GOOD['EdDSA']}, {GOOD['EdDSA']}"), FORM),
    "longer than 4 KiB": (made(claims=CLAIMS | {"pad": "x" * 3000}), FORM),
    "padded": (Secret(f"{HEAD}.{BODY}.{SIGNATURE}=="), "not base64url, or not its one spelling"),
    "slack bits": (
        Secret(f"{HEAD}.{BODY}.{SIGNATURE[:-1]}{chr(ord(SIGNATURE[-1]) + 1)}"),
        "not base64url, or not its one spelling",
    ),
    "a space before it": (Secret(f" {GOOD['EdDSA']}"), "not base64url, or not its one spelling"),
    "a line break in it": (Secret(f"{HEAD}.{BODY}\n.{SIGNATURE}"), "not base64url, or not its one spelling"),
    "the other alphabet": (Secret(f"{HEAD}.{BODY}.{'+/' * 43}"), "not base64url, or not its one spelling"),
    "beyond ASCII": (Secret(f"{HEAD}.{BODY}.é"), "not base64url, or not its one spelling"),
    "a lone surrogate": (Secret(f"{HEAD}.{BODY}.\ud800"), "not base64url, or not its one spelling"),
    "a header that is no object": (made(b"[]"), STRICT),
    "a header that is no JSON": (made(b"{"), STRICT),
    "an empty header": (made(b""), STRICT),
    "a member that stands twice": (made(canonical_bytes(HEADER)[:-1] + b',"typ":"dpop+jwt"}'), STRICT),
    "a byte order mark": (made(b"\xef\xbb\xbf" + canonical_bytes(HEADER)), STRICT),
    "a header that is too deep": (made(HEADER | {"jwk": {"x": [[[[]]]]}}), STRICT),
    "claims that are no object": (made(claims=b"null"), STRICT),
    "claims that are no JSON": (made(claims=b"jti=once"), STRICT),
    "a claim that stands twice": (made(claims=canonical_bytes(CLAIMS)[:-1] + b',"htm":"POST"}'), STRICT),
    "claims that are too deep": (made(claims=CLAIMS | {"more": [[[[]]]]}), STRICT),
    "claims with NaN": (made(claims=canonical_bytes(CLAIMS)[:-1] + b',"n":NaN}'), STRICT),
    "claims that are no UTF-8": (made(claims=canonical_bytes(CLAIMS)[:-1] + b',"n":"\xff"}'), STRICT),
}


@promise("P7")
@pytest.mark.parametrize(("proof", "detail"), BAD_FORMS.values(), ids=list(BAD_FORMS))
def test_what_is_no_strict_token_is_no_proof(proof: Secret, detail: str) -> None:
    """RFC 9449 §4.3, check 2: a single, well-formed JWT; RFC 8725 §2.4, §3.2: two readings are none."""
    assert stop_of(beside(proof)).detail == detail


@promise("P7")
def test_a_proof_may_be_4_kib_long_and_no_longer() -> None:
    """Ours: a header's key and five claims are a tenth of it."""
    padded = [
        made(HEADER | {"jwk": KEY.jwk | {"kid": kid}}, CLAIMS | {"pad": "x" * size})
        for kid in ("", "k", "kk")
        for size in range(2600, 2800)
    ]
    by_length = {len(proof.reveal()): proof for proof in padded}
    assert verify(beside(by_length[4096])).jkt == KEY.thumbprint
    assert stop_of(beside(by_length[4097])).detail == FORM


# 2. Header


def public_jwk(key: ec.EllipticCurvePrivateKey | ed448.Ed448PrivateKey) -> JsonObject:
    public = key.public_key()
    form: JsonObject = (
        json.loads(OKPAlgorithm.to_jwk(public))
        if isinstance(public, ed448.Ed448PublicKey)
        else json.loads(ECAlgorithm.to_jwk(public))
    )
    return form


P384: Final = public_jwk(ec.generate_private_key(ec.SECP384R1()))
K256: Final = public_jwk(ec.generate_private_key(ec.SECP256K1()))
ED448: Final = public_jwk(ed448.Ed448PrivateKey.generate())
X25519: Final[JsonObject] = {
    "kty": "OKP",
    "crv": "X25519",
    "x": base64url(x25519.X25519PrivateKey.generate().public_key().public_bytes_raw()),
}
SYMMETRIC: Final[JsonObject] = {"kty": "oct", "k": base64url(b"k" * 32)}
RSA: Final[JsonObject] = {"kty": "RSA", "e": "AQAB", "n": base64url(b"\xc1" + b"n" * 254 + b"\x01")}
SMALL_ORDER: Final = {
    "1": "0100000000000000000000000000000000000000000000000000000000000000",
    "2": "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "4": "0000000000000000000000000000000000000000000000000000000000000000",
    "8": "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "8, the other": "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
}
NOTHING_ELSE: Final = "the header must be `typ` dpop+jwt, `alg` and `jwk`, and nothing else"
NO_ALGORITHM: Final = "`alg` is none of EdDSA, ES256"
NO_MEMBERS: Final = "`jwk` is no public key of the kind that {} wants, or holds more than one"
NO_KEY: Final = "`jwk` cannot be read, or is not of the kind that {} wants"
ED_MEMBERS, EC_MEMBERS = NO_MEMBERS.format("EdDSA"), NO_MEMBERS.format("ES256")
ED_KEY, EC_KEY = NO_KEY.format("EdDSA"), NO_KEY.format("ES256")
WEAK: Final = "`jwk` is a weak key"
NO_X, NO_Y = (
    "`x` of `jwk` is not 32 bytes in canonical base64url",
    "`y` of `jwk` is not 32 bytes in canonical base64url",
)
ANOTHER_USE: Final = "`jwk` says that it is for something else (`use`, `alg`, `key_ops`)"


def ed(**members: Json) -> JsonObject:
    return HEADER | {"jwk": KEY.jwk | members}


def es(**members: Json) -> JsonObject:
    return EC_HEADER | {"jwk": EC.jwk | members}


BAD_HEADERS: Final[dict[str, tuple[JsonObject, str]]] = {
    "empty": ({}, NOTHING_ELSE),
    "no typ": (without(HEADER, "typ"), NOTHING_ELSE),
    "no alg": (without(HEADER, "alg"), NOTHING_ELSE),
    "no jwk": (without(HEADER, "jwk"), NOTHING_ELSE),
    "typ JWT": (HEADER | {"typ": "JWT"}, NOTHING_ELSE),
    "typ of an access token": (HEADER | {"typ": "at+jwt"}, NOTHING_ELSE),
    "typ of a signed request": (HEADER | {"typ": "mcp-mediator-request+jwt"}, NOTHING_ELSE),
    "typ in capitals": (HEADER | {"typ": "DPOP+JWT"}, NOTHING_ELSE),
    "typ null": (HEADER | {"typ": None}, NOTHING_ELSE),
    "typ in a list": (HEADER | {"typ": [TYPE]}, NOTHING_ELSE),
    "with kid": (HEADER | {"kid": "k"}, NOTHING_ELSE),
    "with jku": (HEADER | {"jku": "https://a.example/keys"}, NOTHING_ELSE),
    "with x5u": (HEADER | {"x5u": "https://a.example/chain"}, NOTHING_ELSE),
    "with x5c": (HEADER | {"x5c": ["MIIB"]}, NOTHING_ELSE),
    "with crit": (HEADER | {"crit": ["b64"]}, NOTHING_ELSE),
    "with b64": (HEADER | {"b64": False}, NOTHING_ELSE),
    "with a member of no meaning": (HEADER | {"": None}, NOTHING_ELSE),
    "alg none": (HEADER | {"alg": "none"}, NO_ALGORITHM),
    "alg None": (HEADER | {"alg": "None"}, NO_ALGORITHM),
    "alg null": (HEADER | {"alg": None}, NO_ALGORITHM),
    "alg in a list": (HEADER | {"alg": ["EdDSA"]}, NO_ALGORITHM),
    "alg in an object": (HEADER | {"alg": {}}, NO_ALGORITHM),
    "alg in lower case": (HEADER | {"alg": "eddsa"}, NO_ALGORITHM),
    "alg Ed25519": (HEADER | {"alg": "Ed25519"}, NO_ALGORITHM),
    "alg HS256": (HEADER | {"alg": "HS256", "jwk": SYMMETRIC}, NO_ALGORITHM),
    "alg RS256": (HEADER | {"alg": "RS256", "jwk": RSA}, NO_ALGORITHM),
    "alg PS256": (HEADER | {"alg": "PS256", "jwk": RSA}, NO_ALGORITHM),
    "alg ES384": (HEADER | {"alg": "ES384", "jwk": P384}, NO_ALGORITHM),
    "alg ES256 of an Ed25519 key": (HEADER | {"alg": "ES256"}, EC_MEMBERS),
    "alg EdDSA of a P-256 key": (EC_HEADER | {"alg": "EdDSA"}, ED_MEMBERS),
    "alg EdDSA of half a P-256 key": (HEADER | {"jwk": without(EC.jwk, "y")}, ED_KEY),
    "alg ES256 of an Ed25519 key with a y": (EC_HEADER | {"jwk": KEY.jwk | {"y": "AA"}}, NO_Y),
    "alg EdDSA of a symmetric key": (HEADER | {"jwk": SYMMETRIC}, ED_MEMBERS),
    "alg EdDSA of an RSA key": (HEADER | {"jwk": RSA}, ED_MEMBERS),
    "jwk null": (HEADER | {"jwk": None}, ED_MEMBERS),
    "jwk empty": (HEADER | {"jwk": {}}, ED_MEMBERS),
    "jwk a text": (HEADER | {"jwk": json.dumps(KEY.jwk)}, ED_MEMBERS),
    "jwk in a list": (HEADER | {"jwk": [KEY.jwk]}, ED_MEMBERS),
    "jwk in a set": (HEADER | {"jwk": {"keys": [KEY.jwk]}}, ED_MEMBERS),
    "jwk private": (ed(d=base64url(bytes(range(32)))), ED_MEMBERS),
    "jwk private and P-256": (es(d="AAAA"), EC_MEMBERS),
    "jwk with a null d": (ed(d=None), ED_MEMBERS),
    "jwk with an empty d": (ed(d=""), ED_MEMBERS),
    "jwk with a k": (ed(k="AAAA"), ED_MEMBERS),
    "jwk with x5c": (ed(x5c=[]), ED_MEMBERS),
    "jwk without kty": (HEADER | {"jwk": without(KEY.jwk, "kty")}, ED_MEMBERS),
    "jwk without crv": (HEADER | {"jwk": without(KEY.jwk, "crv")}, ED_MEMBERS),
    "jwk without x": (HEADER | {"jwk": without(KEY.jwk, "x")}, ED_MEMBERS),
    "jwk without x and P-256": (EC_HEADER | {"jwk": without(EC.jwk, "x")}, EC_MEMBERS),
    "jwk without y": (EC_HEADER | {"jwk": without(EC.jwk, "y")}, EC_MEMBERS),
    "jwk of an unknown kind": (ed(kty="AKP"), ED_KEY),
    "jwk of a kind that is a list": (ed(kty=["OKP"]), ED_KEY),
    "jwk of no curve": (ed(crv=None), ED_KEY),
    "jwk of a curve that is an object": (ed(crv={}), ED_KEY),
    "jwk on X25519": (HEADER | {"jwk": X25519}, ED_KEY),
    "jwk on P-384": (EC_HEADER | {"jwk": P384}, NO_X),
    "jwk on secp256k1": (EC_HEADER | {"jwk": K256}, EC_KEY),
    "jwk on P-384, told to be P-256": (EC_HEADER | {"jwk": P384 | {"crv": "P-256"}}, NO_X),
    "jwk off its curve": (es(y=EC.jwk["x"]), EC_KEY),
    "jwk at infinity": (es(x=base64url(bytes(32)), y=base64url(bytes(32))), EC_KEY),
    "jwk for encryption": (ed(use="enc"), ANOTHER_USE),
    "jwk for another algorithm": (ed(alg="ES256"), ANOTHER_USE),
    "jwk for wrapping": (ed(key_ops=["wrapKey"]), ANOTHER_USE),
    "jwk for something that is no list": (ed(key_ops="verify"), ANOTHER_USE),
    "x a number": (ed(x=1), NO_X),
    "x null": (ed(x=None), NO_X),
    "x a list": (es(x=[]), NO_X),
    "x an object": (es(x={}), NO_X),
    "x empty": (ed(x=""), NO_X),
    "x half as long": (ed(x=base64url(bytes(16))), NO_X),
    "x longer by a byte": (ed(x=base64url(bytes(33))), NO_X),
    "x without its zeros": (es(x=base64url(b"\x01" * 31)), NO_X),
    "x beyond ASCII": (ed(x="é" * 43), NO_X),
    "y a number": (es(y=1), NO_Y),
    "Ed448": (HEADER | {"jwk": ED448}, NO_X),
    "longer than any library's": (ed(kid="k" * 1024), "the header is longer than 1024 characters"),
    **{f"of order {order}": (ed(x=base64url(bytes.fromhex(raw))), WEAK) for order, raw in SMALL_ORDER.items()},
}


@promise("P7")
@pytest.mark.parametrize(("header", "detail"), BAD_HEADERS.values(), ids=list(BAD_HEADERS))
def test_a_header_brings_one_sound_public_key_and_nothing_else(header: JsonObject, detail: str) -> None:
    """RFC 9449 §4.3, checks 4, 5 and 7; RFC 8725 §3.1, §3.4, §3.11. Asked again, the answer is the same."""
    key = EC if header.get("alg") == "ES256" else KEY
    for _ in range(2):
        assert stop_of(beside(made(header, key=key))).detail == detail


SPELLINGS: Final = ("padded", "slack bits", "foreign characters")


@promise("P4", "P9")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_key_has_two_thumbprints(algorithm: str, spelling: str) -> None:
    """RFC 7638 §7: its members have one spelling, else a key that is another agent's passes for a new one."""
    key = KEYS[algorithm]
    x = str(key.jwk["x"])
    told = dict(zip(SPELLINGS, (f"{x}=", f"{x[:-1]}{chr(ord(x[-1]) + 1)}", f"{x[:20]}!!!!{x[20:]}"), strict=True))
    stop_of(key.shown(url=URL, token=TOKEN.reveal(), header={"jwk": key.jwk | {"x": told[spelling]}}))


# 3. Signature

NO_SIGNATURE: Final = "the signature does not hold"


@promise("P5", "P7")
@pytest.mark.parametrize(
    "proof",
    [
        made(key=OTHER),
        made(EC_HEADER, key=ProvingKey("ES256")),
        made(HEADER | {"jwk": OTHER.jwk}),
        Secret(f"{HEAD}.{base64url(canonical_bytes(CLAIMS | {'htm': 'GET'}))}.{SIGNATURE}"),
        Secret(f"{HEAD}.{BODY}."),
        Secret(f"{HEAD}.{BODY}.{base64url(bytes(64))}"),
        Secret(f"{HEAD}.{BODY}.{base64url(bytes(63))}"),
        forge(EC_HEADER, CLAIMS, lambda _: b""),
        forge(EC_HEADER, CLAIMS, lambda _: bytes(64)),
        forge(EC_HEADER, CLAIMS, lambda signed: EC.sign(signed)[:63]),
        forge(EC_HEADER, CLAIMS, lambda signed: EC.sign(signed) + b"\0"),
        forge(HEADER, CLAIMS, lambda signed: hmac.digest(canonical_bytes(KEY.jwk), signed, "sha256")),
    ],
    ids=[
        "by another key",
        "by another P-256 key",
        "under another's header",
        "over other claims",
        "none",
        "zeros",
        "too short",
        "none, of P-256",
        "zeros, of P-256",
        "too short, of P-256",
        "too long, of P-256",
        "a MAC by the public key",
    ],
)
def test_a_signature_is_of_the_key_that_it_brings_over_what_it_says(proof: Secret) -> None:
    """RFC 9449 §4.3, check 6: who copies a header has not its key."""
    assert stop_of(beside(proof)).detail == NO_SIGNATURE


@promise("P5")
def test_a_signature_that_is_written_in_another_way_is_of_the_same_proof() -> None:
    """Ours: anybody can turn `s` into `n - s` (FIPS 186-5 lets it hold); what is used once is the key's word, not the text."""

    def mirrored(signed: bytes) -> bytes:
        signature = EC.sign(signed)
        return signature[:32] + (P256_ORDER - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")

    once = verify(beside(made(EC_HEADER, key=EC))).once
    assert once is not None
    assert verify(beside(forge(EC_HEADER, CLAIMS, mirrored))).once == once


# 4. Of this request, for this credential

BAD_CLAIMS: Final[dict[str, tuple[JsonObject, str]]] = {
    "no jti": (without(CLAIMS, "jti"), "the claim `jti` is missing or not a string"),
    "an empty jti": (CLAIMS | {"jti": ""}, "the claim `jti` is missing or not a string"),
    "a number for jti": (CLAIMS | {"jti": 1}, "the claim `jti` is missing or not a string"),
    "a jti that is too long": (CLAIMS | {"jti": "x" * 257}, "`jti` is longer than 256 characters"),
    "no htm": (without(CLAIMS, "htm"), "the claim `htm` is missing or not a string"),
    "a list for htm": (CLAIMS | {"htm": ["POST"]}, "the claim `htm` is missing or not a string"),
    "another htm": (CLAIMS | {"htm": "GET"}, "`htm` is not the method of this request"),
    "htm in lower case": (CLAIMS | {"htm": "post"}, "`htm` is not the method of this request"),
    "no htu": (without(CLAIMS, "htu"), "the claim `htu` is missing or not a string"),
    "an empty htu": (CLAIMS | {"htu": ""}, "the claim `htu` is missing or not a string"),
    "another htu": (CLAIMS | {"htu": f"{URL}x"}, f"`htu` is not the address of this request, which is {URL}"),
    "no ath": (without(CLAIMS, "ath"), "the claim `ath` is missing or not a string"),
    "ath null": (CLAIMS | {"ath": None}, "the claim `ath` is missing or not a string"),
    "ath of another token": (CLAIMS | {"ath": hash_of(Secret("b.c.d"))}, "`ath` is not the hash of this credential"),
    "ath padded": (CLAIMS | {"ath": f"{hash_of(TOKEN)}="}, "`ath` is not the hash of this credential"),
    "the token for ath": (CLAIMS | {"ath": TOKEN.reveal()}, "`ath` is not the hash of this credential"),
    "no iat": (without(CLAIMS, "iat"), "the claim `iat` is missing or not a time"),
    "a text for iat": (CLAIMS | {"iat": str(NOW)}, "the claim `iat` is missing or not a time"),
    "true for iat": (CLAIMS | {"iat": True}, "the claim `iat` is missing or not a time"),
    "iat before time": (CLAIMS | {"iat": -1}, "the claim `iat` is no time that anybody lives to see"),
    "iat in milliseconds": (CLAIMS | {"iat": NOW_MS}, "it was made in the future (`iat`)"),
}


@promise("P5", "P7")
@pytest.mark.parametrize(("claims", "detail"), BAD_CLAIMS.values(), ids=list(BAD_CLAIMS))
def test_a_proof_is_of_one_request_for_one_credential(claims: JsonObject, detail: str) -> None:
    """RFC 9449 §4.3, checks 3, 8, 9, 11 and 12: whoever saw it uses it nowhere else. The token is told to nobody."""
    stop = stop_of(beside(made(claims=claims)))
    assert stop.detail == detail
    assert TOKEN.reveal() not in str(stop)


def test_a_jti_is_whatever_its_client_makes_of_it() -> None:
    """RFC 9449 §4.2: up to 256 characters, of any kind; each is another."""
    names = ("x" * 256, "a", "a ", "é", "\n")
    once = {verify(beside(made(claims=CLAIMS | {"jti": name}))).once for name in names}
    assert len(once) == len(names)


@pytest.mark.parametrize(
    "told",
    [
        URL,
        f"{URL}?session=1",
        f"{URL}#part",
        f"{URL}?a=b#c?d",
        f"{URL}#c?d",
        f"{URL}?",
        "https://mediator.example:443/mcp",
        "https://Mediator.EXAMPLE/mcp",
        "HTTPS://mediator.example/mcp",
        "Https://MEDIATOR.example:443/mcp?x#y",
    ],
)
def test_an_address_has_some_other_spellings(told: str) -> None:
    """RFC 9449 §4.3: without query and fragment, after syntax-based and scheme-based normalization (RFC 3986 §6.2)."""
    assert is_same_place(told, URL)
    assert verify(beside(made(claims=CLAIMS | {"htu": told}))).jkt == KEY.thumbprint


@promise("P5")
@pytest.mark.parametrize(
    "told",
    [
        "https://mediator.example/mcp/",
        "https://mediator.example/",
        "https://mediator.example",
        "https://mediator.example/MCP",
        "https://mediator.example/servers/clock/mcp",
        "https://mediator.example//mcp",
        "https://mediator.example/x/../mcp",
        "https://mediator.example/%6Dcp",
        "https://mediator.example/mcp%3Fx",
        "https://mediator.example/mcp;x",
        "https://mediator.example?/mcp",
        "https://mediator.example#/mcp",
        "http://mediator.example/mcp",
        "http://mediator.example:443/mcp",
        "wss://mediator.example/mcp",
        "https://mediator.example:80/mcp",
        "https://mediator.example:8443/mcp",
        "https://mediator.example:/mcp",
        "https://mediator.example:443:443/mcp",
        "https://mediator.example./mcp",
        "https://mediator.example.evil/mcp",
        "https://evil.example/mcp",
        "https://user@mediator.example/mcp",
        "https://mediator.example@evil.example/mcp",
        "https://mediator.example\\@evil.example/mcp",
        "//mediator.example/mcp",
        "mediator.example/mcp",
        "/mcp",
        "https:/mediator.example/mcp",
        "https:mediator.example/mcp",
        " https://mediator.example/mcp",
        "https://mediator.example/mcp ",
        "https://mediator.example/mcp\n",
        "?",
        "#",
        "://",
    ],
)
def test_any_other_address_is_another_place(told: str) -> None:
    """RFC 9449 §4.3, check 9; ours: what would take more than that to be the same is not the same."""
    assert not is_same_place(told, URL)
    assert stop_of(beside(made(claims=CLAIMS | {"htu": told}))).detail.startswith("`htu` is not the address")


@pytest.mark.parametrize(
    ("told", "ours", "same"),
    [
        ("http://127.0.0.1:80/mcp", "http://127.0.0.1/mcp", True),
        ("http://127.0.0.1/mcp", "http://127.0.0.1:80/mcp", True),
        ("http://127.0.0.1:8080/mcp", "http://127.0.0.1:8080/mcp", True),
        ("http://[::1]:80/mcp", "http://[::1]/mcp", True),
        ("http://127.0.0.1:443/mcp", "http://127.0.0.1/mcp", False),
        ("http://127.0.0.1/mcp", "http://127.0.0.1:8080/mcp", False),
        ("http://127.0.0.1:180/mcp", "http://127.0.0.1:1/mcp", False),
    ],
)
def test_a_scheme_has_its_own_port_anyway(told: str, ours: str, same: bool) -> None:
    """RFC 3986 §6.2.3."""
    assert is_same_place(told, ours) is same


def test_the_address_is_that_of_the_request_and_so_is_the_method() -> None:
    """Ours: each is asked of what came in, not of what is usual."""
    got = replace(beside(made(claims=CLAIMS | {"htm": "DELETE", "htu": f"{URL}/x"})), method="DELETE", url=f"{URL}/x")
    assert verify(got).jkt == KEY.thumbprint
    assert stop_of(replace(got, method="POST")).detail == "`htm` is not the method of this request"
    assert stop_of(replace(got, url=URL)).detail.startswith("`htu` is not the address of this request")


# 5. Time


@promise("P5", "P7")
@pytest.mark.parametrize(
    ("iat", "detail"),
    [
        (NOW - 59, None),
        (NOW - 60, "it is older than 60 seconds (`iat`)"),
        (NOW - 59.5, "it is older than 60 seconds (`iat`)"),
        (0, "it is older than 60 seconds (`iat`)"),
        (NOW + SKEW, None),
        (NOW + SKEW + 0.5, None),
        (NOW + SKEW + 1, "it was made in the future (`iat`)"),
    ],
)
def test_a_proof_is_of_this_minute(iat: float, detail: str | None) -> None:
    """RFC 9449 §4.3, check 11, §11.1: a minute old, give or take the skew ahead, and no skew back."""
    shown = beside(made(claims=CLAIMS | {"iat": iat}))
    if detail is None:
        assert verify(shown).jkt == KEY.thumbprint
    else:
        assert stop_of(shown).detail == detail


@promise("P5")
@pytest.mark.parametrize("iat", [NOW, NOW - 30, NOW + SKEW, NOW + 0.9])
def test_it_is_remembered_until_it_is_refused_for_its_age(iat: float) -> None:
    """RFC 9449 §11.1: forgotten a moment too early, it is used twice."""
    shown = beside(made(claims=CLAIMS | {"iat": iat}))
    once = verify(shown).once
    assert once is not None
    assert once.until_ms == (int(iat) + LIFE_SECONDS) * 1000
    assert verify(shown, now_ms=once.until_ms - 1).once == once
    assert stop_of(shown, now_ms=once.until_ms).detail == "it is older than 60 seconds (`iat`)"


NO_NONCE: Final = "it has no nonce of ours, or an old one"


@promise("P7")
@pytest.mark.parametrize(
    "nonce",
    [
        None,
        1,
        "",
        [NONCES.current(NOW_MS)],
        "A" * 24,
        "\n",
        Nonces(Secret("m" * 32)).current(NOW_MS),
        NONCES.current(NOW_MS - 2 * BUCKET_MS),
        NONCES.current(NOW_MS + BUCKET_MS),
        f"{NONCES.current(NOW_MS)} ",
    ],
    ids=[
        "null",
        "a number",
        "empty",
        "in a list",
        "made up",
        "a line break",
        "another server's",
        "an old one",
        "of the time to come",
        "with a space",
    ],
)
def test_where_a_nonce_is_demanded_it_is_ours_and_of_this_time(nonce: Json) -> None:
    """RFC 9449 §4.3, check 10, §8: and the client is told which to use."""
    for claims in (CLAIMS | {"nonce": nonce}, CLAIMS):
        stop = stop_of(beside(made(claims=claims)), nonces=NONCES)
        assert stop.detail == NO_NONCE
        assert stop.data == {"nonce": NONCES.current(NOW_MS)}
        assert find_nonce(stop) == NONCES.current(NOW_MS)


@pytest.mark.parametrize("given_ms", [NOW_MS, NOW_MS - BUCKET_MS], ids=["now", "in the bucket before"])
def test_a_nonce_that_was_given_is_good_for_minutes(given_ms: int) -> None:
    """RFC 9449 §8."""
    shown = beside(made(claims=CLAIMS | {"nonce": NONCES.current(given_ms)}))
    assert verify(shown, nonces=NONCES).jkt == KEY.thumbprint


def test_a_nonce_is_told_to_none_whose_proof_is_wrong_in_another_way() -> None:
    """Ours: a client that renews it for nothing asks for ever."""
    assert find_nonce(stop_of(beside(made(key=OTHER)), nonces=NONCES)) is None
    assert find_nonce(stop_of(beside(made(claims=CLAIMS | {"iat": 0})), nonces=NONCES)) is None
    assert find_nonce(Refused(Reason.PROOF_INVALID)) is None
    assert find_nonce(Refused(Reason.PROOF_INVALID, data={"nonce": ["a"]})) is None


# 6. Once


def test_what_is_used_up_is_the_keys_name_for_it() -> None:
    """RFC 9449 §11.1: two clients may choose the same `jti`; of one it is one, whatever else the proofs say."""
    first, again, other = (
        verify(beside(made(claims=CLAIMS))),
        verify(beside(made(claims=CLAIMS | {"more": 1}))),
        verify(beside(made(HEADER | {"jwk": OTHER.jwk}, key=OTHER))),
    )
    assert first.once is not None
    assert other.once is not None
    assert first.once == again.once
    assert first.once.key != other.once.key
    assert first.once.key == f"dpop:{hashlib.sha256(f'{KEY.thumbprint} once'.encode()).hexdigest()}"


# Laws


@promise("P5", "P7")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(data=st.data())
def test_a_proof_with_one_character_changed_is_none(algorithm: str, data: st.DataObject) -> None:
    """Law 3: written over, put in or left out; what is not changed holds."""
    good = GOOD[algorithm]
    at = data.draw(st.integers(0, len(good) - 1))
    character = data.draw(
        st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/\n") | st.characters()
    )
    rest = data.draw(st.sampled_from((at, at + 1)))
    text = good[:at] + data.draw(st.sampled_from((character, ""))) + good[rest:]
    shown = beside(Secret(text))
    if text == good:
        assert verify(shown).jkt == KEYS[algorithm].thumbprint
    else:
        stop_of(shown)


@promise("P7")
@given(st.text())
def test_any_text_is_answered(text: str) -> None:
    """House style 4: `verify_*` raises `Refused` for any bad input, and nothing else."""
    for proof in (text, f"{text}.{BODY}.{SIGNATURE}", f"{HEAD}.{text}.{SIGNATURE}", f"{HEAD}.{BODY}.{text}"):
        if proof != GOOD["EdDSA"]:
            stop_of(beside(Secret(proof)))


ANY_JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=3,
)


@promise("P7")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(data=st.data())
def test_any_key_is_answered(algorithm: str, data: st.DataObject) -> None:
    """House style 4: whatever a library makes of what a stranger calls a key."""
    key = KEYS[algorithm]
    name = data.draw(st.sampled_from(sorted(key.jwk)))
    value = data.draw(ANY_JSON | st.binary(max_size=70).map(base64url))
    jwk: JsonObject = key.jwk | {name: value}
    if jwk != key.jwk:
        stop_of(beside(made({"typ": TYPE, "alg": algorithm, "jwk": jwk}, key=key)))


# What is made of it


def test_a_proof_is_verified_nowhere_else() -> None:
    """House style: evidence."""
    with pytest.raises(TypeError):
        VerifiedProof(jkt=KEY.thumbprint, seal=Seal("mine"))
    with pytest.raises((TypeError, ValueError)):
        replace(verify(beside(made())), jkt=OTHER.thumbprint)  # type: ignore[call-arg]  # that it cannot be done is what is tested


@promise("P5")
@pytest.mark.parametrize(
    ("wanted", "is_met"),
    [
        (Confirmation(jkt=KEY.thumbprint), True),
        (Confirmation(certificate=CERTIFICATE), True),
        (Confirmation(jkt=KEY.thumbprint, certificate=CERTIFICATE), True),
        (Confirmation(jkt=OTHER.thumbprint), False),
        (Confirmation(jkt=CERTIFICATE), False),
        (Confirmation(certificate=KEY.thumbprint), False),
        (Confirmation(jkt=KEY.thumbprint, certificate=KEY.thumbprint), False),
        (Confirmation(jkt=OTHER.thumbprint, certificate=CERTIFICATE), False),
    ],
)
def test_all_that_a_token_is_bound_to_must_be_shown(wanted: Confirmation, is_met: bool) -> None:
    """RFC 7800 §3.1, ours for both at once."""
    assert verify(beside(made(), certificate=CERTIFICATE)).meets(wanted) is is_met
    assert not prove_session("g-1", "k").meets(wanted)


def test_a_session_is_proven_by_the_key_that_opened_it() -> None:
    """Ours: no proof of a moment, so nothing to use up."""
    proof = prove_session("g-1", "key-1")
    assert (proof.session, proof.keyid, proof.jkt, proof.certificate, proof.once) == ("g-1", "key-1", None, None, None)


def test_what_was_shown_is_of_one_request() -> None:
    """Ours: another request with the same text is another, and is looked at anew."""
    one = beside(made())
    assert one == one  # noqa: PLR0124 - that it is only equal to itself is what is tested
    assert one != replace(one)
    assert TOKEN.reveal() not in repr(one)
    assert made().reveal() not in repr(one)


# Our own clients


@pytest.mark.parametrize("credential", [TOKEN, None], ids=["with a credential", "without a credential"])
@pytest.mark.parametrize("nonce", [None, NONCES.current(NOW_MS)], ids=["without a nonce", "with a nonce"])
def test_what_we_sign_ourselves_is_a_good_proof(credential: Secret | None, nonce: str | None) -> None:
    """RFC 9449 §4.2: with what it must hold, and nothing besides."""
    key = SigningKey.generate()
    signed = sign_proof(
        key, method="POST", url=URL, credential=credential, token_id="7", now_ms=NOW_MS + 999, nonce=nonce
    )
    proof = verify(beside(signed), credential, None if nonce is None else NONCES)
    assert proof.jkt == thumbprint_of(key.public)
    header, claims = parse_compact(signed, _LIMITS)
    jwk: JsonObject = {"kty": "OKP", "crv": "Ed25519", "x": base64url(key.public.raw)}
    assert header == {"typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk}
    assert claims == {
        "jti": "7",
        "htm": "POST",
        "htu": URL,
        "iat": NOW,
        **({} if credential is None else {"ath": hash_of(credential)}),
        **({} if nonce is None else {"nonce": nonce}),
    }


def test_ath_is_of_whatever_came_as_a_credential() -> None:
    """RFC 9449 §4.2: SHA-256 of its ASCII; what is none is not a fault of the hash."""
    assert hash_of(Secret("\ud800é")) != hash_of(TOKEN)
    assert hash_of(TOKEN) == base64url(hashlib.sha256(TOKEN.reveal().encode()).digest())
