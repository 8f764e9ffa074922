"""The compact form of a token: three parts in one spelling, signed by the key that the reader names and no other.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from mediator.canonical import JsonLimits, JsonObject, parse_object
from mediator.evidence import Secret
from mediator.identity.compact import (
    Parts,
    _decoded,
    must_be_signed,
    must_bring_nothing,
    parse_compact,
    sign_compact,
    take_apart,
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


def test_a_token_is_taken_apart_into_what_is_signed_and_the_signature() -> None:
    """RFC 7515 §5.2: its bytes as they came, for a reader that finds the key in the header."""
    token = sign_compact(KEY, {"typ": "x+jwt"}, {"sub": "planner"})
    head, body, signature = token.reveal().split(".")
    parts = take_apart(token, 1024)
    assert parts == Parts(
        head=head,
        header=_decoded(head),
        claims=_decoded(body),
        signed=f"{head}.{body}".encode(),
        signature=_decoded(signature),
    )
    assert parse_object(parts.claims) == {"sub": "planner"}
    public(KEY).verify(parts.signature, parts.signed)


def test_a_token_is_taken_apart_whatever_its_parts_hold() -> None:
    """Ours: that they are JSON is asked of what is verified first."""
    assert take_apart(Secret("_w..AA"), 6) == Parts(
        head="_w", header=b"\xff", claims=b"", signed=b"_w.", signature=b"\0"
    )


@promise("P7")
@pytest.mark.parametrize(
    "text",
    ["", ".", "e30", "e30.e30", "e30.e30.AA.", "e30.e30.AA.AA", "e30.e30.AAAA", "é.é.é", "e30.e30.A", "e31.e30.AA"],
)
def test_what_is_not_three_parts_in_one_spelling_is_not_taken_apart(text: str) -> None:
    """RFC 7515 §7.1; one character more than asked for is too long."""
    assert take_apart(Secret("e30.e30.AA"), 10).signature == b"\0"
    with pytest.raises(Refused) as stop:
        take_apart(Secret(text), 10)
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


@promise("P7")
@given(
    st.one_of(
        st.binary(max_size=40).map(base64url),
        st.text("Ag_-8Qw0=+/. \nZ", max_size=9),
        st.text(max_size=6),
    )
)
def test_a_part_has_one_spelling_and_every_sequence_of_bytes_has_it(part: str) -> None:
    """RFC 4648 §3.5: what is read is what would be written, byte for byte; nothing else is read."""
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raw = None
    if raw is not None and base64url(raw) == part:
        assert _decoded(part) == raw
    else:
        with pytest.raises(Refused) as stop:
            _decoded(part)
        assert stop.value.reason is Reason.BAD_CREDENTIAL


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
    """Tell whether it does under any settings of the issuer, one algorithm or all."""
    return any(holds_under(algorithms, form, text) for algorithms in (ALGORITHMS, *((one,) for one in ALGORITHMS)))


def holds_under(algorithms: tuple[str, ...], form: JsonObject, text: str) -> bool:
    """Take the steps of `verify_token` that ask nothing of the claims."""
    try:
        (key,) = trusting(form, algorithms=algorithms).issuers[ISSUER].keys.values()
        header = take_apart(Secret(text), 16 * 1024).header
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
