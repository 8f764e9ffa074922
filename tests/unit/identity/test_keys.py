"""The issuers we trust: public keys alone, each good for one algorithm; one that is broken makes the whole set none.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from mediator.canonical import Json, JsonObject, digest_of, parse_object
from mediator.evidence import Secret
from mediator.identity.compact import must_be_signed, take_apart
from mediator.identity.dsse import SigningKey
from mediator.identity.keys import (
    ALGORITHMS,
    IssuerKey,
    KeySet,
    Retirement,
    is_strong,
    key_set,
    published_keys,
    without_keys,
)
from mediator.identity.terms import PLAIN, IssuerTerms
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.forged_tokens import ISSUER, KEY, NOW, NOW_MS, SKEW, base64url, jwk_of, trusting, without


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


RETIREMENT = Retirement(retired_ms=NOW_MS, until_ms=NOW_MS + 1_000_000)
NEW = SigningKey.generate()


def rotated(retirement: Retirement = RETIREMENT, key_id: str = KEY.public.keyid, issuer: str = ISSUER) -> KeySet:
    keys: JsonObject = {"keys": [jwk_of(NEW), jwk_of(KEY)]}
    return key_set({ISSUER: (keys, ("EdDSA",))}, {issuer: {key_id: retirement}})


def key_in(keys: KeySet, key: SigningKey) -> IssuerKey:
    found = keys.find_key(ISSUER, key.public.keyid)
    assert found is not None
    return found


def test_a_retired_key_stands_beside_the_one_in_use() -> None:
    """The issue: old keys verify until the last token they signed has expired."""
    keys = rotated()
    assert (key_in(keys, NEW).until_ms, key_in(keys, NEW).retirement) == (None, None)
    assert (key_in(keys, KEY).until_ms, key_in(keys, KEY).retirement) == (RETIREMENT.until_ms, RETIREMENT)


def test_what_is_not_there_is_not_found() -> None:
    """Ours."""
    assert rotated().find_key(ISSUER, "another") is None
    assert rotated().find_key("https://idp.example", KEY.public.keyid) is None


@promise("P7")
@pytest.mark.parametrize(
    ("key_id", "issuer", "named"),
    [("another", ISSUER, "another"), (KEY.public.keyid, "https://idp.example", "idp")],
    ids=["another key", "another issuer"],
)
def test_a_retirement_of_no_key_of_ours_is_an_error(key_id: str, issuer: str, named: str) -> None:
    """Ours: whoever wrote it meant a key, and that one would go on."""
    with pytest.raises(Refused) as stop:
        rotated(key_id=key_id, issuer=issuer)
    assert stop.value.reason is Reason.BAD_CREDENTIAL
    assert named in stop.value.detail


def test_the_digest_moves_with_each_time_of_a_retirement() -> None:
    """Ours: who is who is a function of them."""
    keys: JsonObject = {"keys": [jwk_of(NEW), jwk_of(KEY)]}
    sets = [
        trusting(jwk_of(NEW), jwk_of(KEY)),
        rotated(),
        rotated(key_id=NEW.public.keyid),
        rotated(Retirement(retired_ms=NOW_MS + 1, until_ms=NOW_MS + 1_000_000)),
        rotated(Retirement(retired_ms=NOW_MS, until_ms=NOW_MS + 1_000_001)),
    ]
    assert len({one.digest for one in sets}) == len(sets)
    assert key_set({ISSUER: (keys, ("EdDSA",))}, {ISSUER: {}}).digest == sets[0].digest


def test_a_key_is_the_same_whether_it_was_retired_or_not() -> None:
    """Ours: a look-up by key id alone would take another key of that id for it."""
    same, other = trusting(jwk_of(KEY)), trusting(jwk_of(NEW, kid=KEY.public.keyid))
    assert key_in(rotated(), KEY).is_same_as(key_in(same, KEY))
    assert not key_in(rotated(), KEY).is_same_as(key_in(other, KEY))
    theirs = [trusting(RSA_2048, algorithms=(algorithm,)) for algorithm in ("RS256", "PS256")]
    one, another = (keys.find_key(ISSUER, "rsa") for keys in theirs)
    assert one is not None
    assert another is not None
    assert not one.is_same_as(another)


UNTIL = RETIREMENT.until_ms // 1000 - SKEW
TIMES = {
    "signed before, gone before": (NOW - 10, NOW + 300, True),
    "signed in the last second, by a clock that was ahead": (NOW + SKEW, UNTIL, True),
    "signed later": (NOW + SKEW + 1, NOW + 300, False),
    "signed before, and outlives the key": (NOW - 10, UNTIL + 1, False),
}


@promise("P7")
@pytest.mark.parametrize(("issued_at", "expires_at", "expected"), TIMES.values(), ids=TIMES)
def test_a_retired_key_vouches_for_what_it_can_have_signed_in_its_time(
    issued_at: int, expires_at: int, expected: bool
) -> None:
    """Ours: whoever kept the private half signs nothing new with it."""
    assert key_in(rotated(), KEY).vouches_for(issued_at, expires_at, SKEW) is expected
    assert key_in(rotated(), NEW).vouches_for(issued_at, expires_at, SKEW)


# --- how strong a key is

STRONG: dict[str, tuple[JsonObject, str]] = {
    "Ed25519": (jwk_of(KEY), "EdDSA"),
    "P-256": (P256, "ES256"),
    "P-384": (ec_key(ec.SECP384R1()), "ES384"),
    "RSA of 2048 bits": (RSA_2048, "PS256"),
}
WEAK: dict[str, tuple[JsonObject, str]] = {
    "RSA of 1024 bits": (BAD_KEYS["RSA of 1024 bits"], "RS256"),  # type: ignore[dict-item]  # it is an object
    "Ed448": (ed448_key(), "EdDSA"),
    "Ed25519, of order 1": (jwk_of(KEY, x=base64url(b"\x01" + bytes(31))), "EdDSA"),
    "Ed25519, of order 4": (jwk_of(KEY, x=base64url(bytes(32))), "EdDSA"),
}


@pytest.mark.parametrize(("form", "algorithm"), STRONG.values(), ids=list(STRONG))
def test_a_key_of_its_algorithms_length_and_curve_is_strong(form: JsonObject, algorithm: str) -> None:
    """RFC 7518 §3.3, RFC 8037 §3.1."""
    assert is_strong(jwt.PyJWK(form, algorithm=algorithm))


@promise("P7")
@pytest.mark.parametrize(("form", "algorithm"), WEAK.values(), ids=list(WEAK))
def test_a_key_that_others_can_sign_for_is_not_strong(form: JsonObject, algorithm: str) -> None:
    """RFC 8725 §3.2; ours for the curve: a key that reads well is not yet a good one."""
    assert not is_strong(jwt.PyJWK(form, algorithm=algorithm))


@promise("P7")
@pytest.mark.corpus
def test_a_key_of_the_broken_generator_is_not_strong() -> None:
    """CVE-2017-15361, by Wycheproof's one key of it."""
    groups = json.loads(CORPUS.read_bytes())["testGroups"]
    (form,) = [group["public"]["keys"][0] for group in groups if group["comment"] == "jws_rsa_roca_key"]
    assert not is_strong(jwt.PyJWK(form, algorithm="RS256"))


# --- what others publish

CORPUS = Path(__file__).resolve().parents[2] / "data" / "wycheproof" / "json_web_key_test.json"


def published(*keys: Json, algorithms: tuple[str, ...] = ALGORITHMS) -> Json:
    return published_keys({"keys": list(keys)}, algorithms)["keys"]


@promise("P7")
def test_of_a_published_set_only_what_can_sign_is_taken() -> None:
    """RFC 7517 §5: keys of another use, kind or algorithm are left out; what names no purpose may sign."""
    other: list[Json] = [
        jwk_of(KEY, use="enc"),
        jwk_of(KEY, use=None),
        jwk_of(KEY, key_ops=["sign"]),
        {"kty": "AKP", "kid": "new"},
        RSA_2048 | {"alg": "RSA-OAEP", "kid": "e"},
        RSA_2048 | {"alg": "RS512", "kid": "s"},
    ]
    assert published(*other, jwk_of(KEY)) == [jwk_of(KEY)]
    assert published(jwk_of(KEY), P256, algorithms=("ES256",)) == [P256]
    assert published(jwk_of(KEY, key_ops=["verify"])) == [jwk_of(KEY, key_ops=["verify"])]
    assert published(*other) == []


def test_a_published_set_is_the_same_in_whatever_order_and_with_whatever_beside() -> None:
    """Ours: a look that brings the same keys moves nothing; certificates and addresses of keys are never looked at."""
    one, two = jwk_of(KEY), jwk_of(SigningKey.generate())
    assert published(one | {"x5c": ["AAAA"], "x5u": "https://evil.example"}, two) == published(two, one)


ODD: list[Json] = [
    None,
    True,
    0,
    -1,
    1.5,
    2**53 - 1,
    "",
    "AA",
    "AQAB",
    "!!",
    "\x00",
    "x" * 9000,
    [],
    ["OKP"],
    {},
    {"a": []},
]


@promise("P7", "P11")
@pytest.mark.parametrize("member", ["kty", "kid", "use", "key_ops", "alg", "crv", "x", "y", "n", "e"])
def test_whatever_stands_in_a_published_key_it_is_a_key_or_refused(member: str) -> None:
    """House style, 4: nothing else is raised, or one issuer's set would end the looking at everybody's."""
    for form in (jwk_of(KEY), P256 | {"alg": "ES256"}, RSA_2048 | {"alg": "RS256"}):
        for value in ODD:
            taken = published_keys({"keys": [form | {member: value}, jwk_of(KEY, kid="beside")]}, ALGORITHMS)
            with contextlib.suppress(Refused):
                assert key_set({ISSUER: (taken, ALGORITHMS)}).find_key(ISSUER, "beside") is not None


@promise("P7")
def test_what_is_wrong_in_a_published_set_is_not_left_out() -> None:
    """Ours: a private key, or what is no key at all, makes the whole set none."""
    private = jwk_of(KEY, d="AAAA")
    assert published(private, "x") == ["x", private]
    assert published_keys({"keys": "x"}, ALGORITHMS) == {"keys": "x"}
    assert "is private" in detail_of(private)


@promise("P7")
def test_an_issuer_whose_keys_cannot_be_had_is_known_and_believed_in_nothing() -> None:
    """Ours."""
    none = key_set({ISSUER: (None, ("EdDSA",))})
    assert none.find_key(ISSUER, KEY.public.keyid) is None
    assert none.issuers[ISSUER].keys == {}
    some = trusting(jwk_of(KEY))
    taken = without_keys(some, ISSUER)
    assert (taken.issuers[ISSUER].keys, taken.digest != some.digest) == ({}, True)
    assert without_keys(some, "https://stranger.example") is some


def test_the_digest_moves_with_the_terms_of_an_issuer() -> None:
    """P8: what a token is taken for is part of what was trusted; the plain terms are no terms."""
    given: dict[str, tuple[JsonObject | None, tuple[str, ...]]] = {ISSUER: ({"keys": [jwk_of(KEY)]}, ("EdDSA",))}
    own = key_set(given, terms={ISSUER: IssuerTerms(audience="api")})
    assert key_set(given, terms={ISSUER: PLAIN}).digest == key_set(given).digest != own.digest
    assert (own.terms_of(ISSUER).audience, own.terms_of("x"), own.terms_of(None)) == ("api", PLAIN, PLAIN)


def verifies(form: JsonObject, text: str) -> bool:
    """Tell whether it does under any settings of the issuer, one algorithm or all."""
    return any(verifies_under(algorithms, form, text) for algorithms in (ALGORITHMS, *((one,) for one in ALGORITHMS)))


def verifies_under(algorithms: tuple[str, ...], form: JsonObject, text: str) -> bool:
    try:
        keys = key_set({ISSUER: (published_keys(form, algorithms), algorithms)})
        header = parse_object(take_apart(Secret(text), 1 << 16).header)
        key = keys.find_key(ISSUER, str(header.get("kid")))
        if key is None or header.get("alg") != key.algorithm:
            return False
        must_be_signed(Secret(text), key.key, key.algorithm)
    except Refused:
        return False
    return True


@pytest.mark.corpus
def test_the_corpus_of_key_sets_is_told_apart() -> None:
    """Wycheproof, JSON Web Key: each invalid set is refused, and each valid one of an algorithm that is served is not."""
    groups = json.loads(CORPUS.read_bytes())["testGroups"]
    cases = [(group.get("public", group["private"]), case, group) for group in groups for case in group["tests"]]
    accepted = [case["jws"] for form, case, _ in cases if verifies(form, case["jws"])]
    assert accepted == [case["jws"] for _, case, group in cases if case["result"] == "valid" and "public" in group]
    assert (len(cases), len(accepted)) == (26, 1)
    assert not any(verifies(group["private"], case["jws"]) for _, case, group in cases)
