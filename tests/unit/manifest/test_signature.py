"""Manifest envelopes: who signed, whether they may speak for that server, and whether it is in its time.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.canonical import Json, JsonObject, digest_of
from mediator.evidence import Seal
from mediator.identity.dsse import sign_envelope
from mediator.manifest.manifest import read_manifest
from mediator.manifest.signature import (
    PAYLOAD_TYPE,
    VerifiedManifest,
    count_signatures,
    gather_signatures,
    sign_manifest,
    verify_manifest,
)
from mediator.manifest.trust import SKEW_MS, SignerTrust
from mediator.manifest.trust_file import Revocation, SignerRule
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.people import key_of
from tests.simulated.pins import (
    NOW_MS,
    READ,
    TRUST,
    manifest_of,
    rule_of,
    signed,
    trust_file,
    trust_of,
    trusted,
)

MANIFEST = manifest_of()


def refused(raw: bytes, trust: SignerTrust = TRUST, now_ms: int = NOW_MS) -> Refused:
    with pytest.raises(Refused) as refusal:
        verify_manifest(raw, trust, now_ms)
    return refusal.value


def test_a_signed_manifest_comes_back_with_who_signed() -> None:
    """Design 5.4."""
    verified = verify_manifest(signed(MANIFEST, "signer", "cosigner"), TRUST, NOW_MS)

    assert verified.manifest == read_manifest(MANIFEST)
    assert verified.digest == digest_of(MANIFEST)
    assert set(verified.signers) == {"signer", "cosigner"}
    assert verified.signer_keyids == {key_of("signer").public.keyid, key_of("cosigner").public.keyid}
    assert verified.expires == verified.manifest.expires


@promise("P2")
def test_a_signer_whom_the_trust_file_does_not_name_signs_nothing() -> None:
    """Design 2a, A3."""
    assert refused(signed(MANIFEST, "mallory")).reason is Reason.UNKNOWN_KEY
    assert refused(signed(MANIFEST, "signer", "mallory")).reason is Reason.UNKNOWN_KEY


@promise("P2")
def test_a_signer_may_speak_for_the_servers_of_their_prefix_alone() -> None:
    """Design 5.4: which key may sign for which server-name prefix."""
    for prefix in ("io.example/", "local/mail", "local/file", "local/files2"):
        refusal = refused(signed(MANIFEST), trust_of(prefix))
        assert refusal.reason is Reason.BAD_CREDENTIAL
        assert refusal.detail.startswith("no rule of the trust file covers `local/files`")
    verify_manifest(signed(MANIFEST), trust_of("local/files"), NOW_MS)


def rule(prefix: str, *signers: str, threshold: int = 1, span: tuple[int, int] = (0, 2 * NOW_MS)) -> SignerRule:
    return rule_of(prefix, *signers, threshold=threshold, span=span)


def trust_with(*rules: SignerRule, **changed: Any) -> SignerTrust:
    return trusted(trust_file(*rules, signers=("signer", "cosigner", "third"), **changed))


def test_the_longest_prefix_decides_alone() -> None:
    """TUF's terminating delegation: a narrower rule is not widened by a broader one."""
    trust = trust_with(rule("local/", "signer"), rule("local/files", "cosigner"))

    assert refused(signed(MANIFEST), trust).reason is Reason.BAD_CREDENTIAL
    verify_manifest(signed({**MANIFEST, "publisher": "cosigner"}, "cosigner"), trust, NOW_MS)
    verify_manifest(signed(manifest_of(server="mail")), trust, NOW_MS)


def test_a_threshold_counts_the_signers_of_the_rule_alone() -> None:
    """Design 5.4: one or several signers."""
    trust = trust_with(rule("local/", "signer", "cosigner", threshold=2))

    for signers in (["signer"], ["signer", "third"]):
        refusal = refused(signed(MANIFEST, *signers), trust)
        assert refusal.reason is Reason.BAD_CREDENTIAL
        assert "needs 2 of the signers" in refusal.detail
    verified = verify_manifest(signed(MANIFEST, "signer", "cosigner", "third"), trust, NOW_MS)
    assert set(verified.signers) == {"signer", "cosigner"}
    assert key_of("third").public.keyid in verified.signer_keyids


@pytest.mark.parametrize("span", [(0, NOW_MS), (NOW_MS + 1000, 2 * NOW_MS)], ids=["over", "not begun"])
def test_a_rule_holds_in_its_time(span: tuple[int, int]) -> None:
    """Design 5.4: from, until."""
    assert (
        refused(signed(MANIFEST), trust_with(rule("local/", "signer", span=span))).reason is Reason.EXPIRED_CREDENTIAL
    )


def test_a_manifest_holds_in_its_time() -> None:
    """Design 5.4: issued, expires."""
    issued, expires = read_manifest(MANIFEST).issued, read_manifest(MANIFEST).expires
    raw = signed(MANIFEST)

    verify_manifest(raw, TRUST, issued - SKEW_MS)
    assert refused(raw, now_ms=issued - SKEW_MS - 1).reason is Reason.BAD_CREDENTIAL
    verify_manifest(raw, TRUST, expires - 1)
    assert refused(raw, now_ms=expires).reason is Reason.EXPIRED_CREDENTIAL


def test_a_manifest_ends_with_its_rule_at_the_latest() -> None:
    """Ours: a pin is good no longer than the right of who signed."""
    ends = NOW_MS + 86_400_000
    verified = verify_manifest(signed(MANIFEST), trust_with(rule("local/", "signer", span=(0, ends))), NOW_MS)
    assert verified.expires == ends < verified.manifest.expires


def test_the_publisher_is_who_signed() -> None:
    """Design 5.4: the signing identity."""
    assert refused(signed({**MANIFEST, "publisher": "somebody"})).detail.startswith("`/publisher`")
    assert refused(signed({**MANIFEST, "publisher": "cosigner"})).reason is Reason.BAD_CREDENTIAL


def enveloped(payload: JsonObject, payload_type: str = PAYLOAD_TYPE) -> bytes:
    return sign_envelope(payload, payload_type, [key_of("signer")])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        enveloped(MANIFEST, "application/json"),
        enveloped({}),
        enveloped({**MANIFEST, "more": 1}),
        enveloped(manifest_of(effect=None)),
    ],
    ids=["nothing", "another type", "no manifest", "an unknown member", "an open effect"],
)
def test_what_was_signed_by_other_means_is_held_to_the_same_form(raw: bytes) -> None:
    """A3: a publisher with a valid key writes what they like."""
    assert refused(raw).reason is Reason.MALFORMED


@given(st.binary(max_size=300))
def test_any_bytes_are_a_manifest_or_refused(raw: bytes) -> None:
    """Ours: `verify_*` raises `Refused` and nothing else."""
    refused(raw)


@pytest.mark.parametrize(
    "manifest", [manifest_of(effect=None), manifest_of({**READ, "title": 5}), {}], ids=["a", "b", "c"]
)
def test_what_is_not_fit_is_not_signed(manifest: JsonObject) -> None:
    """`declaration.py`'s rules hold at the signer's desk."""
    with pytest.raises(Refused) as refusal:
        sign_manifest(manifest, [key_of("signer")])
    assert refusal.value.reason is Reason.MALFORMED


def test_a_manifest_that_nobody_could_read_again_is_not_signed() -> None:
    """Ours: depth is bounded for whoever reads; so it is for whoever writes."""
    deep: Json = {}
    for _ in range(60):
        deep = {"d": deep}
    with pytest.raises(Refused):
        signed(manifest_of({**READ, "_meta": {"deep": deep}}))


def test_verified_manifests_are_made_here_alone() -> None:
    """House style, part B: evidence."""
    with pytest.raises(TypeError):
        VerifiedManifest(
            manifest=read_manifest(MANIFEST),
            digest=digest_of(MANIFEST),
            signers=(),
            signer_keyids=frozenset(),
            signer_names=frozenset(),
            expires=0,
            seal=Seal("mine"),
        )


# --- keys -------------------------------------------------------------------------------------------------------------


def with_key(name: str, **changed: Any) -> SignerTrust:
    said = trust_file(rule("local/", "signer", "cosigner"))
    keyid = key_of(name).public.keyid
    return trusted(replace(said, signers={**said.signers, keyid: replace(said.signers[keyid], **changed)}))


@promise("P2")
def test_a_revoked_key_counts_for_nothing_whenever_it_signed() -> None:
    """Issue 3: compromise is found later than it happened."""
    trust = with_key("signer", revoked=Revocation(at=NOW_MS - 1000, why="its laptop was stolen"))
    refusal = refused(signed(MANIFEST), trust)
    assert refusal.reason is Reason.BAD_CREDENTIAL
    assert "revoked at" in refusal.detail
    assert "its laptop was stolen" in refusal.detail
    both = {**MANIFEST, "publisher": "cosigner"}
    assert verify_manifest(signed(both, "signer", "cosigner"), trust, NOW_MS).signers == ("cosigner",)


@promise("P2")
@pytest.mark.parametrize("span", [{"valid_from": NOW_MS + 1000}, {"valid_until": NOW_MS}], ids=["not yet", "no longer"])
def test_a_key_counts_within_its_time(span: dict[str, int]) -> None:
    """Issue 3: validity, of each key."""
    assert "whose key is good from" in refused(signed(MANIFEST), with_key("signer", **span)).detail


def test_a_manifest_is_good_until_too_few_of_its_keys_are() -> None:
    """Ours: what was verified once holds no longer than what it rests on."""
    said = trust_file(rule("local/", "signer", "cosigner"))
    ends = {"signer": NOW_MS + 5000, "cosigner": NOW_MS + 9000}
    changed = {key_of(name).public.keyid: end for name, end in ends.items()}
    signers = {keyid: replace(signer, valid_until=changed[keyid]) for keyid, signer in said.signers.items()}
    envelope = signed(MANIFEST, "signer", "cosigner")
    assert verify_manifest(envelope, trusted(replace(said, signers=signers)), NOW_MS).expires == NOW_MS + 9000
    two = replace(said, signers=signers, rules=(rule("local/", "signer", "cosigner", threshold=2),))
    assert verify_manifest(envelope, trusted(two), NOW_MS).expires == NOW_MS + 5000
    soon = replace(said, expires=NOW_MS + 2000)
    assert verify_manifest(envelope, trusted(soon), NOW_MS).expires == NOW_MS + 2000


# --- gathering --------------------------------------------------------------------------------------------------------


def test_signatures_are_gathered_one_after_the_other() -> None:
    """Issue 3: several signatures, on several machines."""
    trust = trust_with(rule("local/", "signer", "cosigner", threshold=2))
    one, other = signed(MANIFEST, "signer"), signed(MANIFEST, "cosigner")
    assert count_signatures(one, trust, NOW_MS) == (1, 2)
    both = gather_signatures(one, other)
    assert both == gather_signatures(other, one) == gather_signatures(both, one)
    assert count_signatures(both, trust, NOW_MS) == (2, 2)
    assert set(verify_manifest(both, trust, NOW_MS).signers) == {"signer", "cosigner"}


def test_signatures_of_something_else_are_not_gathered() -> None:
    """Issue 3: a changed payload drops the earlier ones, and says so."""
    with pytest.raises(Refused) as refusal:
        gather_signatures(signed(MANIFEST), signed({**MANIFEST, "serial": 2}, "cosigner"))
    assert refusal.value.reason is Reason.MALFORMED
    assert "something else" in refusal.value.detail


def test_what_nobody_may_sign_has_no_count() -> None:
    """P7."""
    with pytest.raises(Refused):
        count_signatures(signed(MANIFEST), trust_with(), NOW_MS)


def test_a_trust_file_without_rules_trusts_nobody() -> None:
    """P7: empty is never permission."""
    assert refused(signed(MANIFEST), trust_with()).reason is Reason.BAD_CREDENTIAL
