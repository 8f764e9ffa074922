"""Unit tests of mediator/manifest/standing.py: whose word counts, how many there must be, and what ends it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediator.canonical import JsonObject
from mediator.effect import Effect
from mediator.identity.statement import Act
from mediator.kind import ItemKind
from mediator.manifest.approval import Raise, approve_pins
from mediator.manifest.lock import Retraction, parse_lock, words_that_verify, write_lock
from mediator.manifest.pin import load_pins
from mediator.manifest.pinned import ReviewRule
from mediator.manifest.retraction import retract
from mediator.manifest.signature import sign_manifest, verify_manifest
from tests.promises import promise
from tests.simulated.people import key_of
from tests.simulated.pins import (
    NOW_MS,
    OPERATORS,
    READ,
    approved,
    loaded,
    manifest_of,
    rule_of,
    signed,
    trust_file,
    trusted,
)

WRITE: JsonObject = {**READ, "name": "write"}
ENVELOPE = signed(manifest_of(READ, WRITE))
TWO = ReviewRule(reviewers=2)


def pins(lock: bytes, rule: ReviewRule = TWO, envelope: bytes = ENVELOPE) -> tuple[dict[str, str], list[str]]:
    """Return (reviewers by tool, problems)."""
    found, problems = loaded(lock, {"files": envelope}, rule)
    return {tool.name: tool.reviewer for tool in found}, [problem.detail for problem in problems]


def retracted(
    lock: bytes,
    act: Act = Act.PIN_REVOKE,
    tool: str | None = "read",
    serial: int = 1,
    who: str = "second",
    at: int = NOW_MS,
) -> bytes:
    kind = None if tool is None else ItemKind.TOOL
    said = Retraction(
        server="files", server_name="local/files", kind=kind, tool=tool, manifest_serial=serial, note="It leaks."
    )
    return retract(lock, said, act, reviewer=key_of(who), operators=OPERATORS, at=at)[0]


@promise("P2", "P7")
def test_two_reviewers_are_two_people_with_two_keys() -> None:
    """Issue 3: where settings ask for it, one is not enough, however often they say it."""
    once = approved(ENVELOPE)
    assert pins(once)[0] == {}
    assert pins(once)[1][0].startswith("1 of 2 approvals (`reviewer`)")
    assert pins(approved(ENVELOPE, pins_lock=once))[0] == {}
    twice = approved(ENVELOPE, pins_lock=once, reviewer=key_of("second"))
    assert pins(twice) == ({"read": "reviewer, second", "write": "reviewer, second"}, [])
    assert pins(twice, ReviewRule())[0] == {"read": "reviewer, second", "write": "reviewer, second"}


@promise("P2")
def test_two_reviewers_must_have_approved_exactly_the_same_thing() -> None:
    """Issue 3: a second voice for something else is no second voice."""
    other = signed({**manifest_of({**READ, "title": "Other"}, WRITE), "serial": 2})
    lock = approved(other, pins_lock=approved(ENVELOPE), reviewer=key_of("second"))
    assert pins(lock, envelope=other)[0] == {}
    renamed = approved(
        ENVELOPE, pins_lock=approved(ENVELOPE), reviewer=key_of("second"), assigned={"read": "files__look"}
    )
    assert set(pins(renamed)[0]) == {"write"}


@promise("P2")
def test_what_either_reviewer_tightened_is_tightened() -> None:
    """Issue 3: the stricter word holds; labels come together."""
    first = approved(ENVELOPE, raises=Raise(sensitivity=3, labels=frozenset({"confidential:a"})))
    lock = approved(
        ENVELOPE,
        pins_lock=first,
        reviewer=key_of("second"),
        raises=Raise(effect=Effect.SEND, labels=frozenset({"confidential:b"})),
    )
    found, problems = loaded(lock, {"files": ENVELOPE}, TWO)
    assert problems == ()
    for tool in found:
        assert (tool.effect, tool.sensitivity) == (Effect.SEND, 3)
        assert tool.result_labels >= {"confidential:a", "confidential:b"}
    assert loaded(first, {"files": ENVELOPE})[0].digest != found.digest


@promise("P2", "P3")
@pytest.mark.parametrize("tool", ["read", None])
def test_a_revocation_ends_what_was_approved_before_it_and_not_what_is_approved_after(tool: str | None) -> None:
    """Issue 3: `pin revoke`; a later approval is a new decision."""
    lock = retracted(approved(ENVELOPE), tool=tool)
    left = {"write": "reviewer"} if tool else {}
    assert pins(lock, ReviewRule()) == (left, [])
    again = approved(ENVELOPE, pins_lock=lock, tools=frozenset({"read"}))
    assert pins(again, ReviewRule())[0] == {**left, "read": "reviewer"}


@promise("P2")
def test_a_revocation_taken_out_of_the_file_brings_nothing_back() -> None:
    """A7: what it ended went out of the file with it."""
    lock = retracted(approved(ENVELOPE), tool=None)
    assert b"pin.approve" not in lock
    assert pins(approved(ENVELOPE), ReviewRule())[0] == {"read": "reviewer", "write": "reviewer"}


@promise("P2")
def test_a_revocation_ends_approvals_that_somebody_put_back_beside_it() -> None:
    """A7: an old statement is still a statement, and still older than its end."""
    before = approved(ENVELOPE)
    after = retracted(before, tool=None)
    both = before[: -len(b'],"version":1}')] + b"," + after[len(b'{"statements":[') :]
    assert pins(both, ReviewRule()) == ({}, [])


def test_a_rejection_is_of_one_manifest_and_ends_approvals_of_that() -> None:
    """Issue 3: `pin reject`; another serial is another proposal."""
    lock = approved(ENVELOPE)
    assert pins(retracted(lock, Act.PIN_REJECT, serial=2), ReviewRule())[0] == {"read": "reviewer", "write": "reviewer"}
    assert pins(retracted(lock, Act.PIN_REJECT), ReviewRule())[0] == {"write": "reviewer"}


@promise("P7")
def test_words_that_do_not_hold_are_told_and_count_for_nothing() -> None:
    """Ours: from the future, twice under one serial."""
    future = approved(ENVELOPE, at=NOW_MS + 60_000)
    found, told = pins(future, ReviewRule())
    assert found == {}
    assert all("in the future" in one for one in told)
    later = retracted(approved(ENVELOPE))
    forged = retracted(approved(ENVELOPE), tool="write")  # the same serial
    doubled = later[: -len(b'],"version":1}')] + b"," + forged[len(b'{"statements":[') :]
    found, told = pins(doubled, ReviewRule())
    assert any("two statements have serial 3" in one for one in told)


@promise("P2", "P7")
def test_a_revocation_ends_approvals_whatever_shares_its_serial_and_whatever_the_clock_says() -> None:
    """A7, and two reviewers apart: their next serials are the same, and one file with both words must not be open."""
    base = approved(ENVELOPE, tools=frozenset({"read"}))
    meanwhile = approved(ENVELOPE, pins_lock=base, tools=frozenset({"write"}), reviewer=key_of("second"))
    both = write_lock([*parse_lock(meanwhile), *parse_lock(retracted(base))])
    found, told = pins(both, ReviewRule())
    assert found == {}
    assert told == ["two statements have serial 2: say it again"] * 2

    ahead = write_lock([*parse_lock(base), *parse_lock(retracted(base, at=NOW_MS + 60_000))])
    found, told = pins(ahead, ReviewRule())
    assert found == {}
    assert told == ["said in the future: set the clock right, then say it again"]


@promise("P2")
def test_no_person_reviews_their_own_work_where_settings_say_so() -> None:
    """Design 2a: two keys are not two persons."""
    said = trust_file(rule_of("local/", "signer"), signers=("signer",))
    keyid = key_of("signer").public.keyid
    named = replace(said, signers={keyid: replace(said.signers[keyid], name="reviewer")})
    trust = trusted(named)  # one name, two keys
    envelope = signed({**manifest_of(), "publisher": "reviewer"})
    lock = approve_pins(
        None,
        "files",
        verify_manifest(envelope, trust, NOW_MS),
        tools=None,
        reviewer=key_of("reviewer"),
        operators=OPERATORS,
        at=NOW_MS,
    )
    for differ in (False, True):
        found, problems = load_pins(
            lock, {"files": envelope}, trust, OPERATORS, NOW_MS, ReviewRule(persons_differ=differ)
        )
        assert len(found) == (0 if differ else 1)
        assert [problem.detail for problem in problems] == (
            ["`reviewer` signed the manifest: another person must review it"] if differ else []
        )


@promise("P2")
def test_a_person_whose_signature_does_not_count_signed_it_all_the_same() -> None:
    """Design 2a: under a key that no rule names, too, it is their own work."""
    said = trust_file(rule_of("local/", "signer"), signers=("signer", "cosigner"))
    keyid = key_of("cosigner").public.keyid
    trust = trusted(replace(said, signers={**said.signers, keyid: replace(said.signers[keyid], name="reviewer")}))
    envelope = sign_manifest(manifest_of(), [key_of("signer"), key_of("cosigner")])
    verified = verify_manifest(envelope, trust, NOW_MS)
    assert verified.signers == ("signer",)
    lock = approve_pins(
        None, "files", verified, tools=None, reviewer=key_of("reviewer"), operators=OPERATORS, at=NOW_MS
    )
    rule = ReviewRule(persons_differ=True)
    found, problems = load_pins(lock, {"files": envelope}, trust, OPERATORS, NOW_MS, rule)
    assert len(found) == 0
    assert [one.detail for one in problems] == ["`reviewer` signed the manifest: another person must review it"]


def test_new_statements_stand_above_whatever_was_seen() -> None:
    """Ours: what was taken out of the file is not forgotten."""
    lock = approved(ENVELOPE, seen_serial=7)
    assert max(word.statement.serial for word in words_that_verify(parse_lock(lock), OPERATORS)) == 9
