"""Manifest envelopes: who signed, whether they may speak for that server, and whether it is in its time.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.canonical import Json, JsonObject, canonical_bytes, digest_of, digest_of_bytes
from mediator.evidence import Seal
from mediator.identity.dsse import sign_envelope
from mediator.identity.statement import Act, Role, sign_statement
from mediator.manifest.manifest import read_manifest
from mediator.manifest.signature import (
    PAYLOAD_TYPE,
    SKEW_MS,
    SignerRule,
    SignerTrust,
    VerifiedManifest,
    accept_trust,
    parse_trust,
    sign_manifest,
    trust_subject,
    verify_manifest,
    write_trust,
)
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.people import key_of, operators_of
from tests.simulated.pins import NOW_MS, READ, TRUST, YEAR_MS, manifest_of, signed, trust_of

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
    return SignerRule(
        prefix=prefix,
        signers=frozenset(key_of(name).public.keyid for name in signers),
        threshold=threshold,
        valid_from=span[0],
        valid_until=span[1],
    )


def trust_with(*rules: SignerRule) -> SignerTrust:
    return parse_trust(write_trust({name: key_of(name).public for name in ("signer", "cosigner", "third")}, rules))


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
            expires=0,
            seal=Seal("mine"),
        )


# --- the trust file ---------------------------------------------------------------------------------------------------

SIGNER: JsonObject = {"name": "signer", "key": key_of("signer").public.text}
RULE: JsonObject = {
    "prefix": "local/",
    "signers": ["signer"],
    "threshold": 1,
    "from": "2026-01-01T00:00:00Z",
    "until": "2030-01-01T00:00:00Z",
}


def test_the_trust_file_comes_back_as_it_was_written() -> None:
    """Ours."""
    raw = canonical_bytes({"version": 1, "signers": [SIGNER], "rules": [RULE]})
    trust = parse_trust(raw)

    assert write_trust({"signer": key_of("signer").public}, trust.rules) == raw
    assert trust.digest == digest_of_bytes(raw)
    assert trust.names == {key_of("signer").public.keyid: "signer"}


def test_a_trust_file_without_rules_trusts_nobody() -> None:
    """P7: empty is never permission."""
    assert refused(signed(MANIFEST), trust_with()).reason is Reason.BAD_CREDENTIAL


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"version": 2}, "`/version`"),
        ({"signers": {}}, "`/signers`"),
        ({"signers": [{**SIGNER, "key": "x"}]}, "`/signers/0/key`: not a public key"),
        ({"signers": [{**SIGNER, "key": 5}]}, "`/signers/0/key`"),
        ({"signers": [SIGNER, {**SIGNER, "name": "other"}]}, "`/signers/1`: the same name or key twice"),
        ({"signers": [SIGNER, {**SIGNER, "key": key_of("x").public.text}]}, "`/signers/1`: the same name or key twice"),
        ({"rules": [{**RULE, "signers": []}]}, "`/rules/0/signers`"),
        ({"rules": [{**RULE, "signers": ["nobody"]}]}, "`/rules/0/signers`"),
        ({"rules": [{**RULE, "signers": ["signer", "signer"]}]}, "`/rules/0/signers`"),
        ({"rules": [{**RULE, "signers": [1]}]}, "`/rules/0/signers`"),
        ({"rules": [{**RULE, "signers": [["signer"]]}]}, "`/rules/0/signers`"),
        ({"rules": [{**RULE, "threshold": 0}]}, "`/rules/0/threshold`"),
        ({"rules": [{**RULE, "threshold": 2}]}, "`/rules/0/threshold`"),
        ({"rules": [{**RULE, "prefix": ""}]}, "`/rules/0/prefix`"),
        ({"rules": [{**RULE, "prefix": "io.example"}]}, "`/rules/0/prefix`"),
        ({"rules": [{**RULE, "prefix": "/"}]}, "`/rules/0/prefix`"),
        ({"rules": [{**RULE, "until": RULE["from"]}]}, "`/rules/0/until`"),
        ({"rules": [{**RULE, "from": "x"}]}, "`/rules/0/from`"),
        ({"rules": [RULE, RULE]}, "`/rules`: expected one rule a prefix"),
        ({"more": 1}, "`/more`: not a known member"),
    ],
    ids=str,
)
def test_a_trust_file_in_any_other_form_is_malformed(change: JsonObject, told: str) -> None:
    """Ours: who may sign is never guessed."""
    with pytest.raises(Refused) as refusal:
        parse_trust(canonical_bytes({"version": 1, "signers": [SIGNER], "rules": [RULE], **change}))
    assert refusal.value.reason is Reason.MALFORMED
    assert refusal.value.detail.startswith(told)


OPERATORS = operators_of(alice=Role.OPERATOR, bob=Role.REVIEWER)
TRUST_RAW = canonical_bytes({"version": 1, "signers": [SIGNER], "rules": [RULE]})


def accepted(who: str = "alice", subject: JsonObject | None = None) -> bytes:
    if subject is None:
        subject = trust_subject(parse_trust(TRUST_RAW), OPERATORS)
    return sign_statement(key_of(who), act=Act.TRUST_ACCEPT, subject=subject, who=who, at=NOW_MS, serial=1)


def test_a_trust_file_that_an_operator_accepted_is_trusted() -> None:
    """Design 2a: the trust file is an act of an operator."""
    assert accept_trust(TRUST_RAW, accepted(), OPERATORS) == parse_trust(TRUST_RAW)


@promise("P7")
def test_a_trust_file_that_was_edited_since_is_not() -> None:
    """Design 2a: the mediator obeys statements, not files; A7 writes files."""
    edited = canonical_bytes({"version": 1, "signers": [SIGNER], "rules": [{**RULE, "prefix": "io.example/"}]})
    more_operators = operators_of(alice=Role.OPERATOR, bob=Role.REVIEWER, mallory=Role.OPERATOR)

    for raw, operators in ((edited, OPERATORS), (TRUST_RAW, more_operators)):
        with pytest.raises(Refused) as refusal:
            accept_trust(raw, accepted(), operators)
        assert refusal.value.reason is Reason.BAD_CREDENTIAL


def test_only_who_may_accepts_trust() -> None:
    """Ours: a reviewer of pins says nothing of who signs."""
    for statement in (accepted("bob"), accepted("mallory"), accepted(subject={}), b"{}"):
        with pytest.raises(Refused):
            accept_trust(TRUST_RAW, statement, OPERATORS)


def test_a_year_is_a_year() -> None:
    """The tests' own figures."""
    assert TRUST.rules[0].valid_until - TRUST.rules[0].valid_from == 2 * YEAR_MS
