"""Signed requests: one minute, one question, one key.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.canonical import JsonObject, canonical_bytes
from mediator.evidence import Seal, Secret
from mediator.identity.dsse import SigningKey
from mediator.identity.signed_request import (
    LIFE_SECONDS,
    SKEW_SECONDS,
    TYPE,
    SignedRequest,
    sign_request,
    verify_signed_request,
)
from mediator.refusal import Reason, Refused
from tests.promises import promise

NOW = 1_800_000_000
NOW_MS = NOW * 1000
KEY, OTHER = SigningKey.generate(), SigningKey.generate()
ASKED = "https://mediator.example.com/manifests/io.example/files"
GOOD = sign_request(KEY, "files", ASKED, "once", NOW_MS)


def verify(token: Secret, now_ms: int = NOW_MS) -> SignedRequest:
    keys = {KEY.public.keyid: KEY.public}
    return verify_signed_request(token, keys, {KEY.public.keyid: "files"}, frozenset({ASKED}), now_ms)


def reason_of(token: Secret, now_ms: int = NOW_MS) -> Reason:
    with pytest.raises(Refused) as stop:
        verify(token, now_ms)
    return stop.value.reason


def part(form: JsonObject | bytes) -> str:
    raw = form if isinstance(form, bytes) else canonical_bytes(form)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def made(key: SigningKey = KEY, header: JsonObject | None = None, **claims: Any) -> Secret:
    """Return a token that is good but for what is given; a claim that is None is left out."""
    head: JsonObject = {"alg": "EdDSA", "kid": KEY.public.keyid, "typ": TYPE, **(header or {})}
    body: JsonObject = {"iss": "files", "aud": ASKED, "iat": NOW, "exp": NOW + 60, "jti": "once", **claims}
    signed = f"{part(head)}.{part({name: value for name, value in body.items() if value is not None})}"
    return Secret(f"{signed}.{part(key.sign(signed.encode()))}")


def test_a_good_one_says_who_asks_and_how_long_to_remember_it() -> None:
    """Ours."""
    asked = verify(GOOD)
    assert (asked.keyid, asked.signer, asked.token_id) == (KEY.public.keyid, "files", "once")
    assert (asked.issued_ms, asked.forgotten_ms) == (NOW_MS, NOW_MS + (LIFE_SECONDS + SKEW_SECONDS) * 1000)


def test_only_this_module_makes_one() -> None:
    """House style, evidence."""
    with pytest.raises(TypeError):
        SignedRequest(keyid="", signer="", token_id="", issued_ms=0, forgotten_ms=0, seal=Seal("another"))


@promise("P7")
@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (Secret(""), Reason.BAD_CREDENTIAL),
        (Secret("a.b"), Reason.BAD_CREDENTIAL),
        (Secret("é.é.é"), Reason.BAD_CREDENTIAL),
        (Secret("e30.e31.AA"), Reason.BAD_CREDENTIAL),  # slack bits
        (Secret(f"{part(b'[]')}.e30.AA"), Reason.BAD_CREDENTIAL),
        (Secret("e" * 5000), Reason.BAD_CREDENTIAL),
        (made(header={"alg": "none"}), Reason.BAD_CREDENTIAL),
        (made(header={"typ": "at+jwt"}), Reason.BAD_CREDENTIAL),
        (made(header={"kid": 1}), Reason.BAD_CREDENTIAL),
        (made(header={"crit": ["b64"]}), Reason.BAD_CREDENTIAL),
        (made(header={"jwk": {}}), Reason.BAD_CREDENTIAL),
        (made(OTHER), Reason.BAD_CREDENTIAL),
        (sign_request(OTHER, "files", ASKED, "once", NOW_MS), Reason.UNKNOWN_KEY),
        (made(iss="somebody"), Reason.BAD_CREDENTIAL),
        (made(iss=None), Reason.BAD_CREDENTIAL),
        (made(sub="files"), Reason.BAD_CREDENTIAL),
        (made(iat=True), Reason.BAD_CREDENTIAL),
        (made(jti=""), Reason.BAD_CREDENTIAL),
        (made(jti="x" * 65), Reason.BAD_CREDENTIAL),
        (made(exp=NOW + 61), Reason.BAD_CREDENTIAL),
        (made(exp=NOW), Reason.BAD_CREDENTIAL),
        (made(iat=NOW + 31, exp=NOW + 60), Reason.BAD_CREDENTIAL),
        (made(iat=NOW - 90, exp=NOW - 30), Reason.EXPIRED_CREDENTIAL),
        (made(aud=ASKED + "2"), Reason.WRONG_AUDIENCE),
        (made(aud=[ASKED]), Reason.BAD_CREDENTIAL),
    ],
)
def test_what_is_wrong_is_refused(token: Secret, reason: Reason) -> None:
    """RFC 8725, RFC 7519; a type of its own, one key's own name, a minute, exactly one address."""
    assert reason_of(token) is reason


@promise("P7")
@given(st.integers(0, 8 * len(GOOD.reveal()) - 1))
def test_a_flipped_bit_is_refused(bit: int) -> None:
    """Law 3."""
    raw = bytearray(GOOD.reveal().encode())
    raw[bit // 8] ^= 1 << bit % 8
    assert reason_of(Secret(raw.decode("latin-1"))) in {Reason.BAD_CREDENTIAL, Reason.UNKNOWN_KEY}


def test_the_skew_is_the_houses() -> None:
    """Ours: thirty seconds either way."""
    assert verify(made(iat=NOW + 30, exp=NOW + 60)).token_id == "once"
    assert verify(made(iat=NOW - 89, exp=NOW - 29)).token_id == "once"
