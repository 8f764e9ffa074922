"""The compact form of a token: three parts in one spelling, signed by the key that the reader names and no other.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from mediator.canonical import JsonLimits, JsonObject, parse_object
from mediator.evidence import Secret
from mediator.identity.compact import (
    _decoded,
    _split,
    must_be_signed,
    must_bring_nothing,
    parse_compact,
    sign_compact,
)
from mediator.identity.dsse import SigningKey
from mediator.identity.keys import ALGORITHMS
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.forged_tokens import ISSUER, base64url, trusting

KEY, OTHER = SigningKey.generate(), SigningKey.generate()
LIMITS = JsonLimits(bytes_max=1024, depth_max=4)
CORPUS = Path(__file__).resolve().parents[2] / "data" / "wycheproof" / "json_web_signature_test.json"


def public(key: SigningKey) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(key.public.raw)


def test_what_was_signed_is_read_back() -> None:
    """RFC 7515 §7.1; the key says its own algorithm and id."""
    token = sign_compact(KEY, {"typ": "x+jwt", "alg": "none"}, {"sub": "planner"})
    must_be_signed(token, public(KEY), "EdDSA")
    assert parse_compact(token, LIMITS) == (
        {"alg": "EdDSA", "kid": KEY.public.keyid, "typ": "x+jwt"},
        {"sub": "planner"},
    )


@promise("P7")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "e30.e30",
        "e30.e30.AA.AA",
        "e30.e31.AA",  # slack bits
        "e30=.e30.AA",
        "é.é.é",
        "\ud800.e30.AA",
        f"{base64url(b'[]')}.e30.AA",
        f"e30.{base64url(b'null')}.AA",
        "e30." + base64url(b'{"a":1,"a":2}') + ".AA",
        "e30." + base64url(b'{"a":[[[[]]]]}') + ".AA",
        "e30." + "A" * 1020 + ".AA",
    ],
)
def test_any_other_form_is_a_bad_credential(text: str) -> None:
    """RFC 8725 §2.4, §3.2: two readings are none; depth and size are bounded."""
    with pytest.raises(Refused) as stop:
        parse_compact(Secret(text), LIMITS)
    assert stop.value.reason is Reason.BAD_CREDENTIAL


@promise("P7")
@pytest.mark.parametrize("name", ["crit", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256"])
def test_a_header_that_brings_something_along_is_refused(name: str) -> None:
    """RFC 8725 §3.10; RFC 7515 §4.1.11: no extension is understood here."""
    must_bring_nothing({"alg": "EdDSA", "kid": "any"})
    with pytest.raises(Refused):
        must_bring_nothing({"alg": "EdDSA", name: None})


@promise("P7")
def test_the_readers_key_and_algorithm_count() -> None:
    """RFC 8725 §3.1."""
    token = sign_compact(KEY, {}, {})
    for key, algorithm in ((OTHER, "EdDSA"), (KEY, "ES256")):
        with pytest.raises(Refused) as stop:
            must_be_signed(token, public(key), algorithm)
        assert stop.value.reason is Reason.BAD_CREDENTIAL


@pytest.mark.parametrize("part", ["-_8", "-_A"])
def test_only_the_url_safe_alphabet_is_read(part: str) -> None:
    """RFC 7515 §2."""
    assert base64url(_decoded(part)) == part
    with pytest.raises(Refused):
        _decoded(part.replace("-", "+").replace("_", "/"))


def corpus_cases() -> list[tuple[JsonObject, str, bool]]:
    groups = json.loads(CORPUS.read_bytes())["testGroups"]
    return [
        (group["public"], case["jws"], case["result"] == "valid")
        for group in groups
        if "public" in group
        for case in group["tests"]
        if isinstance(case["jws"], str)
    ]


def signature_holds(form: JsonObject, text: str) -> bool:
    """Take the steps of `verify_token` that ask nothing of the claims."""
    try:
        (key,) = trusting(form, algorithms=ALGORITHMS).issuers[ISSUER].keys.values()
        header, _payload = _split(text, 16 * 1024)
        if parse_object(header).get("alg") != key.algorithm:
            return False
        must_be_signed(Secret(text), key.key, key.algorithm)
    except Refused:
        return False
    return True


def is_served(public: JsonObject, text: str) -> bool:
    algorithm = json.loads(_decoded(text.split(".", maxsplit=1)[0]))["alg"]
    return algorithm in ALGORITHMS and public.get("alg", algorithm) == algorithm


@pytest.mark.corpus
def test_the_corpus_of_signatures_is_told_apart() -> None:
    """Wycheproof, JSON Web Signature: by its key or its signature, each invalid one is refused and each valid one not."""
    cases = corpus_cases()
    accepted = [text for public, text, valid in cases if valid and signature_holds(public, text)]
    assert [text for public, text, valid in cases if not valid and signature_holds(public, text)] == []
    assert accepted == [text for public, text, valid in cases if valid and is_served(public, text)]
    assert (len(cases), len(accepted)) == (361, 16)
