"""The trust file: whose word it is, in which time, and that no older one comes back.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediator.canonical import JsonObject
from mediator.evidence import Seal
from mediator.identity.statement import Act, Operators, Role, sign_statement
from mediator.manifest.trust import (
    SKEW_MS,
    Acceptance,
    SignerTrust,
    accept_trust,
    as_handed_on,
    parse_trust,
    read_acceptance,
    sign_trust,
    trust_subject,
    verify_trust,
)
from mediator.manifest.trust_file import Revocation, RootRole, TrustFile
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.people import key_of, operators_of
from tests.simulated.pins import NOW_MS, ROOT, TRUST, YEAR_MS, rule_of, trust_file

SAID = trust_file(rule_of("local/", "signer", "cosigner", threshold=2), rule_of("io.example/files", "signer"))
NEXT = RootRole(keys={"next": key_of("next").public, "spare": key_of("spare").public}, threshold=2)


def refused(raw: bytes, root: RootRole = ROOT, now_ms: int = NOW_MS, seen: int = 0) -> Refused:
    with pytest.raises(Refused) as refusal:
        verify_trust(raw, root, now_ms, seen)
    return refusal.value


def by(said: TrustFile, *roots: str) -> bytes:
    return sign_trust(said, [key_of(name) for name in roots or ("root",)])


def test_what_the_root_says_comes_back() -> None:
    """Ours: and the longest prefix stands first."""
    keyid = key_of("signer").public.keyid
    revoked = replace(SAID.signers[keyid], revoked=Revocation(at=NOW_MS - 5000, why="stolen"))
    said = replace(SAID, signers={**SAID.signers, keyid: revoked})
    trust = verify_trust(by(said), ROOT, NOW_MS, 1)
    assert trust.file == said == parse_trust(by(said))
    assert [rule.prefix for rule in trust.file.rules] == ["io.example/files", "local/"]
    assert trust.name_of(keyid) == "signer"
    found = trust.find_rule("io.example/files")
    assert found is not None
    assert (found.prefix, trust.find_rule("io.example/files2")) == ("io.example/files", None)


@promise("P2")
def test_only_the_accepted_root_says_who_may_sign() -> None:
    """Issue 3: signed by an offline root key; whoever can write the file is not the root."""
    own = RootRole(keys={"mallory": key_of("mallory").public}, threshold=1)
    for raw in (by(replace(SAID, root=own), "mallory"), by(replace(SAID, root=NEXT), "next", "spare")):
        assert refused(raw).reason is Reason.BAD_CREDENTIAL
    assert refused(by(SAID, "mallory")).reason is Reason.UNKNOWN_KEY
    assert refused(by(SAID, "root", "mallory")).reason is Reason.UNKNOWN_KEY


@promise("P2")
def test_a_root_of_several_needs_as_many_as_its_threshold() -> None:
    """TUF 5.3.4."""
    said = replace(SAID, root=NEXT)
    assert refused(by(said, "next"), NEXT).reason is Reason.BAD_CREDENTIAL
    assert verify_trust(by(said, "next", "spare"), NEXT, NOW_MS, 0).file.root == NEXT


@promise("P2")
def test_a_root_is_handed_on_by_the_old_and_the_new_together() -> None:
    """TUF 5.3.4: a threshold of the old, and a threshold of the new."""
    said = replace(SAID, root=NEXT)
    assert verify_trust(by(said, "root", "next", "spare"), ROOT, NOW_MS, 0).file.root == NEXT
    assert refused(by(said, "root", "next")).reason is Reason.BAD_CREDENTIAL
    assert refused(by(said, "root")).reason is Reason.BAD_CREDENTIAL
    after = replace(said, version=2)
    assert refused(by(after, "next", "spare")).reason is Reason.BAD_CREDENTIAL  # until an operator accepts it
    assert verify_trust(by(after, "next", "spare"), NEXT, NOW_MS, 1).file.version == 2


@promise("P7")
def test_an_old_trust_file_does_not_come_back() -> None:
    """TUF 5.3.5: rollback."""
    refusal = refused(by(SAID), seen=2)
    assert refusal.reason is Reason.BAD_CREDENTIAL
    assert "an old trust file came back" in refusal.detail
    assert verify_trust(by(SAID), ROOT, NOW_MS, 1).file.version == 1


@promise("P7")
def test_a_version_says_one_thing_once() -> None:
    """Ours: with one version and two contents, each reader trusts whom they are shown."""
    trust = verify_trust(by(SAID), ROOT, NOW_MS, 0)
    other = by(replace(SAID, expires=SAID.expires + 1000))
    with pytest.raises(Refused) as refusal:
        verify_trust(other, ROOT, NOW_MS, 1, trust.digest)
    assert refusal.value.reason is Reason.BAD_CREDENTIAL
    assert "same version, other content" in refusal.value.detail
    assert refusal.value.remedy
    assert verify_trust(by(SAID), ROOT, NOW_MS, 1, trust.digest) == trust
    assert verify_trust(other, ROOT, NOW_MS, 0, trust.digest).file.version == 1  # of another version it says nothing


@promise("P7")
def test_a_trust_file_that_has_ended_trusts_nobody() -> None:
    """TUF 5.3.10: freeze."""
    refusal = refused(by(SAID), now_ms=SAID.expires)
    assert refusal.reason is Reason.EXPIRED_CREDENTIAL
    assert "mediator trust renew" in refusal.detail
    assert verify_trust(by(SAID), ROOT, SAID.expires - 1, 0).file == SAID


def test_a_trust_file_from_the_future_waits() -> None:
    """Ours: within the skew it is taken."""
    soon = replace(SAID, issued=NOW_MS + SKEW_MS + 1000)
    assert refused(by(soon)).reason is Reason.BAD_CREDENTIAL
    within = replace(SAID, issued=NOW_MS + SKEW_MS - 1000)
    assert verify_trust(by(within), ROOT, NOW_MS, 0).file == within


def test_evidence_of_trust_is_made_here_alone() -> None:
    """House style: the seal."""
    with pytest.raises(TypeError):
        SignerTrust(file=SAID, digest=TRUST.digest, seal=Seal("mine"))


def test_what_is_left_of_a_file_that_was_handed_on_is_what_its_own_root_signed() -> None:
    """Ours: nobody's signature stays in it whom its reader would not know."""
    said = replace(SAID, root=NEXT)
    assert as_handed_on(by(said, "root", "next", "spare")) == by(said, "next", "spare")
    with pytest.raises(Refused) as refusal:
        as_handed_on(by(said, "root", "next"))
    assert refusal.value.reason is Reason.BAD_CREDENTIAL


# --- accepted by an operator ------------------------------------------------------------------------------------------

OPERATORS = operators_of(alice=Role.OPERATOR, bob=Role.REVIEWER)


def accepted(who: str = "alice", subject: JsonObject | None = None, operators: Operators = OPERATORS) -> bytes:
    subject = trust_subject(ROOT, operators) if subject is None else subject
    return sign_statement(key_of(who), act=Act.TRUST_ACCEPT, subject=subject, who=who, at=NOW_MS, serial=1)


def test_a_root_that_an_operator_accepted_is_obeyed() -> None:
    """Design 2a: whom to believe is an act of an operator."""
    assert read_acceptance(accepted(), OPERATORS) == Acceptance(root=ROOT, serial=1)
    assert accept_trust(by(SAID), accepted(), OPERATORS, NOW_MS).file == SAID


@promise("P7")
def test_operators_that_were_edited_since_are_not_obeyed() -> None:
    """Design 2a: the mediator obeys statements, not files; A7 writes files."""
    more = operators_of(alice=Role.OPERATOR, bob=Role.REVIEWER, mallory=Role.OPERATOR)
    with pytest.raises(Refused) as refusal:
        read_acceptance(accepted(), more)
    assert refusal.value.reason is Reason.BAD_CREDENTIAL


def test_only_who_may_accepts_a_root() -> None:
    """Ours: a reviewer of pins says nothing of who signs."""
    wrong: JsonObject = {"operators": OPERATORS.digest, "root": {**ROOT.as_form(), "threshold": 2}}
    statements = (accepted("bob"), accepted("mallory"), accepted(subject={}), accepted(subject=wrong), b"{}")
    for statement in statements:
        with pytest.raises(Refused):
            read_acceptance(statement, OPERATORS)


def test_a_year_is_a_year() -> None:
    """The tests' own figures."""
    assert TRUST.file.rules[0].valid_until - TRUST.file.rules[0].valid_from == 2 * YEAR_MS
