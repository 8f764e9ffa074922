"""Envelopes: one spelling each, every signature in them holds, and whatever else is refused.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64
import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.canonical import Json, JsonObject, canonical_bytes, digest_of, parse_object
from mediator.evidence import Seal, Secret
from mediator.identity.dsse import (
    EnvelopeSignature,
    PublicKey,
    SigningKey,
    VerifiedPayload,
    _must_hold,
    parse_envelope,
    sign_envelope,
    verify_envelope,
)
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.people import key_of

TYPE = "application/vnd.example+json"
PAYLOAD: JsonObject = {"b": 1, "a": "ä"}
ALICE = key_of("alice")
BOB = key_of("bob")
KEYS = {key.public.keyid: key.public for key in (ALICE, BOB)}
WYCHEPROOF = Path(__file__).resolve().parents[2] / "data" / "wycheproof"


def envelope_of(raw: bytes) -> JsonObject:
    return parse_object(raw)


def refused(raw: bytes, keys: dict[str, PublicKey] = KEYS, threshold: int = 1) -> Refused:
    with pytest.raises(Refused) as refusal:
        verify_envelope(parse_envelope(raw), TYPE, keys, threshold)
    return refusal.value


def test_what_was_signed_comes_back_with_who_signed() -> None:
    """DSSE protocol v1."""
    verified = verify_envelope(parse_envelope(sign_envelope(PAYLOAD, TYPE, [ALICE, BOB])), TYPE, KEYS, 2)

    assert verified.payload == PAYLOAD
    assert verified.raw == canonical_bytes(PAYLOAD)
    assert verified.digest == digest_of(PAYLOAD)
    assert verified.signers == tuple(sorted(KEYS))


def test_the_bytes_signed_are_those_of_the_specification() -> None:
    """DSSE protocol v1: PAE(type, body) = "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body."""
    envelope = envelope_of(sign_envelope({}, TYPE, [ALICE]))
    expected = ALICE.sign(b"DSSEv1 28 application/vnd.example+json 2 {}")

    assert envelope["payload"] == base64.b64encode(b"{}").decode()
    assert envelope["signatures"] == [
        {"keyid": ALICE.public.keyid, "sig": base64.b64encode(expected).decode()},
    ]


def test_the_order_of_signers_makes_no_difference() -> None:
    """Ours: one envelope has one spelling."""
    assert sign_envelope(PAYLOAD, TYPE, [ALICE, BOB]) == sign_envelope(PAYLOAD, TYPE, [BOB, ALICE])


def spoilt(change: JsonObject) -> bytes:
    return canonical_bytes({**envelope_of(sign_envelope(PAYLOAD, TYPE, [ALICE])), **change})


def signature_of(key: SigningKey, payload: bytes) -> Json:
    message = b"DSSEv1 %d %b %d %b" % (len(TYPE), TYPE.encode(), len(payload), payload)
    return {"keyid": key.public.keyid, "sig": base64.b64encode(key.sign(message)).decode()}


def signed_raw(payload: bytes) -> bytes:
    return spoilt({"payload": base64.b64encode(payload).decode(), "signatures": [signature_of(ALICE, payload)]})


ONE = signature_of(ALICE, canonical_bytes(PAYLOAD))
TWO = signature_of(BOB, canonical_bytes(PAYLOAD))
SORTED = sorted([ONE, TWO], key=str)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        json.dumps(envelope_of(sign_envelope(PAYLOAD, TYPE, [ALICE]))).encode(),
        spoilt({"more": 1}),
        spoilt({"payload": 1}),
        spoilt({"payloadType": None}),
        spoilt({"signatures": []}),
        spoilt({"signatures": {}}),
        spoilt({"signatures": ["x"]}),
        spoilt({"signatures": [{"keyid": "0" * 64}]}),
        spoilt({"signatures": [{"keyid": "0" * 64, "sig": 1}]}),
        spoilt({"signatures": [{"keyid": "0" * 63, "sig": base64.b64encode(bytes(64)).decode()}]}),
        spoilt({"signatures": [{"keyid": "0" * 64, "sig": base64.b64encode(bytes(63)).decode()}]}),
        spoilt({"signatures": [{"keyid": "0" * 64, "sig": base64.b64encode(bytes(64)).decode(), "cert": "x"}]}),
        spoilt({"signatures": [ONE, ONE]}),
        spoilt({"signatures": SORTED[::-1]}),
        spoilt({"payload": "e30"}),
        spoilt({"payload": "e31="}),
        spoilt({"payload": "e3 0="}),
        spoilt({"payload": "ä"}),
        signed_raw(b'{"b": 1}'),
        signed_raw(b'{"a":1,"a":1}'),
        signed_raw(b"[]"),
        signed_raw(b"\xff"),
    ],
    ids=[str(number) for number in range(24)],
)
def test_an_envelope_in_any_other_form_is_malformed(raw: bytes) -> None:
    """Ours: one spelling, so that every flipped bit is refused."""
    assert refused(raw).reason is Reason.MALFORMED


def test_another_type_of_payload_is_refused() -> None:
    """DSSE protocol v1: a signature for one purpose is none for another."""
    assert refused(sign_envelope(PAYLOAD, "application/vnd.other+json", [ALICE])).reason is Reason.MALFORMED


@promise("P7")
def test_a_signer_whom_nobody_knows_is_refused_even_beside_a_known_one() -> None:
    """Ours: every signature in an envelope must hold."""
    stranger = key_of("mallory")

    for signers in ([stranger], [ALICE, stranger]):
        assert refused(sign_envelope(PAYLOAD, TYPE, signers)).reason is Reason.UNKNOWN_KEY


def test_a_key_filed_under_the_key_id_of_another_is_not_known() -> None:
    """Ours: the key id is the key's own digest, whatever the mapping says."""
    keys = {ALICE.public.keyid: BOB.public}

    assert refused(sign_envelope(PAYLOAD, TYPE, [ALICE]), keys).reason is Reason.UNKNOWN_KEY


def test_too_few_signatures_are_refused() -> None:
    """DSSE protocol v1, threshold."""
    assert refused(sign_envelope(PAYLOAD, TYPE, [ALICE]), threshold=2).reason is Reason.BAD_CREDENTIAL


def test_one_signer_twice_does_not_make_two() -> None:
    """Ours: one signature a key."""
    assert refused(sign_envelope(PAYLOAD, TYPE, [ALICE, ALICE]), threshold=2).reason is Reason.BAD_CREDENTIAL


def test_a_signature_that_does_not_hold_is_refused_even_where_the_threshold_is_met() -> None:
    """Ours: a flipped bit is refused also where nobody would have needed the signature."""
    other = signature_of(BOB, b"{}")
    signatures: list[Json] = sorted([ONE, other], key=str)

    assert refused(spoilt({"signatures": signatures})).reason is Reason.BAD_CREDENTIAL


def test_no_threshold_at_all_is_a_mistake_of_ours() -> None:
    """Ours: empty is never permission."""
    with pytest.raises(ValueError):
        verify_envelope(parse_envelope(sign_envelope(PAYLOAD, TYPE, [ALICE])), TYPE, KEYS, 0)


def test_nothing_is_signed_by_nobody() -> None:
    """Ours."""
    with pytest.raises(Refused) as refusal:
        sign_envelope(PAYLOAD, TYPE, [])
    assert refusal.value.reason is Reason.NO_CREDENTIAL


def test_what_has_no_canonical_form_is_not_signed() -> None:
    """RFC 8785: NaN has none."""
    with pytest.raises(Refused) as refusal:
        sign_envelope({"a": float("nan")}, TYPE, [ALICE])
    assert refusal.value.reason is Reason.MALFORMED


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused(raw: bytes) -> None:
    """Ours: `parse_*` raises `Refused` and nothing else."""
    with pytest.raises(Refused):
        parse_envelope(raw)


def test_a_public_key_comes_back_from_its_text() -> None:
    """Ours."""
    assert PublicKey.from_text(ALICE.public.text) == ALICE.public
    assert len(ALICE.public.keyid) == 64


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ed25519:",
        "ed25519:AAAA",
        ALICE.public.text + "=",
        ALICE.public.text[8:],
        "ed25519:" + "ä" * 43,
        "rsa:" + "A" * 43,
    ],
)
def test_what_is_no_public_key_is_refused(text: str) -> None:
    """Ours: one spelling."""
    with pytest.raises(Refused) as refusal:
        PublicKey.from_text(text)
    assert refusal.value.reason is Reason.MALFORMED


def test_a_public_key_whose_last_character_carries_slack_bits_is_refused() -> None:
    """RFC 4648 §3.5: two texts for one key would make a flipped bit pass."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    text = ALICE.public.text
    with pytest.raises(Refused):
        PublicKey.from_text(text[:-1] + alphabet[alphabet.index(text[-1]) | 1])


@pytest.mark.parametrize(
    "raw",
    [
        bytes(32),
        b"\x01" + bytes(31),
        b"\x01" + bytes(30) + b"\x80",
        b"\xec" + b"\xff" * 30 + b"\x7f",
        b"\xed" + b"\xff" * 30 + b"\x7f",
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    ],
    ids=["0", "1", "1 with the sign", "p-1", "p", "order eight", "order eight, the other"],
)
def test_a_key_of_small_order_is_no_key(raw: bytes) -> None:
    """RFC 8032 §5.1: the neutral point as a key would take one signature for every message."""
    with pytest.raises(Refused):
        PublicKey(raw=raw)


def test_a_key_of_another_length_is_no_key() -> None:
    """RFC 8032 §5.1.5: 32 octets."""
    with pytest.raises(Refused):
        PublicKey(raw=b"\x02" * 31)


def test_a_signing_key_tells_nothing_and_is_not_pickled() -> None:
    """House style, 8: secrets."""
    assert repr(ALICE) == f"SigningKey({ALICE.public.keyid[:8]}…)"
    with pytest.raises(TypeError):
        pickle.dumps(ALICE)


def test_a_signing_key_comes_back_from_its_text() -> None:
    """Ours; locking is `key_text.py`'s."""
    assert SigningKey.from_pem(ALICE.to_pem(None), None).public == ALICE.public
    with pytest.raises(Refused):
        SigningKey.from_pem(Secret("no key"), None)


def test_verified_payloads_are_made_here_alone() -> None:
    """House style, part B: evidence."""
    with pytest.raises(TypeError):
        VerifiedPayload(payload={}, raw=b"{}", digest=digest_of({}), signers=(), seal=Seal("mine"))


@pytest.mark.corpus
def test_signatures_are_judged_as_the_vectors_say() -> None:
    """RFC 8032, through Wycheproof: edge cases, forged and malleable signatures."""
    groups = json.loads((WYCHEPROOF / "ed25519_test.json").read_text())["testGroups"]
    wrong = []
    for group in groups:
        key = PublicKey(raw=bytes.fromhex(group["publicKey"]["pk"]))
        for case in group["tests"]:
            signature = EnvelopeSignature(keyid=key.keyid, value=bytes.fromhex(case["sig"]))
            try:
                _must_hold(key, signature, bytes.fromhex(case["msg"]))
                held = True
            except Refused:
                held = False
            if held != (case["result"] == "valid"):
                wrong.append(case["tcId"])
    assert wrong == []


def test_each_key_that_is_drawn_is_another() -> None:
    """Ours."""
    assert SigningKey.generate().public != SigningKey.generate().public
