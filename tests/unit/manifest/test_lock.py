"""`pins.lock`: statements in one form, and what they approve.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.canonical import (
    DEFAULT_LIMITS,
    Json,
    JsonObject,
    canonical_bytes,
    digest_of,
    parse_object,
    readable_bytes,
)
from mediator.effect import Effect
from mediator.identity.statement import Act, sign_statement
from mediator.kind import ItemKind
from mediator.manifest.lock import (
    Approval,
    Retraction,
    SignedApproval,
    SignedRetraction,
    approvals_that_verify,
    parse_lock,
    verify_word,
    words_that_verify,
    write_lock,
)
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.people import key_of
from tests.simulated.pins import NOW_MS, OPERATORS

APPROVAL = Approval(
    server="files",
    server_name="local/files",
    kind=ItemKind.TOOL,
    tool="read",
    digest=digest_of("definition"),
    declared=digest_of("declared"),
    about=digest_of("about"),
    manifest_serial=3,
    signers=frozenset({key_of("signer").public.keyid, key_of("cosigner").public.keyid}),
    assigned="files__read",
    effect=Effect.READ,
    sensitivity=0,
    result_labels=frozenset({"untrusted"}),
    acknowledged=frozenset({"hidden-text"}),
    note="Looked at it.\nTwice.",
)


def stated(subject: JsonObject, who: str = "reviewer", act: Act = Act.PIN_APPROVE) -> bytes:
    return sign_statement(key_of(who), act=act, subject=subject, who=who, at=NOW_MS, serial=1)


RETRACTION = Retraction(
    server="files", server_name="local/files", kind=ItemKind.TOOL, tool="read", manifest_serial=3, note="It leaks."
)
GOOD = stated(APPROVAL.as_subject())
REVOKED = stated(RETRACTION.as_subject(), act=Act.PIN_REVOKE)


def test_an_approval_comes_back_from_its_statement() -> None:
    """Design 5.4."""
    signed = verify_word(GOOD, OPERATORS)
    assert isinstance(signed, SignedApproval)
    assert signed.approval == APPROVAL
    assert signed.statement.who == "reviewer"


@pytest.mark.parametrize(
    "change",
    [
        {"server": "Files"},
        {"server": "../files"},
        {"server_name": "files"},
        {"tool": ""},
        {"digest": "x"},
        {"declared": None},
        {"about": 5},
        {"manifest_serial": 0},
        {"signers": ["x"]},
        {"signers": "x"},
        {"assigned": None},
        {"effect": "look"},
        {"sensitivity": 4},
        {"kind": "widget"},
        {"result_labels": ["trusted"]},
        {"acknowledged": ["Hidden text"]},
        {"note": ""},
        {"note": 5},
        {"note": "x" * 2001},
        {"note": "a\x1b[2Jb"},
        {"more": 1},
    ],
    ids=str,
)
def test_a_subject_in_any_other_form_approves_nothing(change: JsonObject) -> None:
    """Ours: an operator's key signs many things; only this form is an approval."""
    with pytest.raises(Refused) as refusal:
        verify_word(stated({**APPROVAL.as_subject(), **change}), OPERATORS)
    assert refusal.value.reason is Reason.MALFORMED
    assert refusal.value.detail.startswith("`/subject/")


def test_only_statements_that_hold_are_kept_by_the_sieve() -> None:
    """Ours."""
    bad = (
        stated(APPROVAL.as_subject(), "mallory"),
        stated({}),
        stated(APPROVAL.as_subject(), act=Act.TASK_OPEN),
        b"{}",
    )
    assert [one.approval for one in approvals_that_verify([*bad, GOOD, REVOKED], OPERATORS)] == [APPROVAL]
    assert len(words_that_verify([*bad, GOOD, REVOKED], OPERATORS)) == 2


def test_the_file_is_the_list_of_its_statements() -> None:
    """Design 5.4."""
    assert parse_lock(None) == ()
    assert parse_lock(write_lock([])) == ()
    assert parse_lock(write_lock([GOOD, GOOD])) == (GOOD, GOOD)


LOCK = parse_object(write_lock([GOOD]))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        readable_bytes(LOCK),
        canonical_bytes({**LOCK, "version": 2}),
        canonical_bytes({**LOCK, "more": 1}),
        canonical_bytes({**LOCK, "statements": {}}),
        canonical_bytes({**LOCK, "statements": ["x"]}),
    ],
)
def test_a_file_in_any_other_form_is_refused_as_a_whole(raw: bytes) -> None:
    """Ours: one spelling, so that every flipped bit is refused."""
    with pytest.raises(Refused) as refusal:
        parse_lock(raw)
    assert refusal.value.reason is Reason.MALFORMED


@given(
    st.recursive(
        st.none() | st.integers(-5, 5) | st.text(max_size=3),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=5,
    )
)
def test_any_statements_are_read_and_whatever_they_are_none_holds(value: Json) -> None:
    """Ours: nothing but `Refused`."""
    statements = [canonical_bytes(value)] if isinstance(value, dict) else [b"{}"]
    assert words_that_verify(parse_lock(write_lock(statements)), OPERATORS) == ()


def test_a_note_may_be_left_out() -> None:
    """Ours: a reason is asked for where one is owed, and never invented."""
    signed = verify_word(stated({**APPROVAL.as_subject(), "note": None}), OPERATORS)
    assert isinstance(signed, SignedApproval)
    assert signed.approval.note is None


@pytest.mark.parametrize("act", [Act.PIN_REJECT, Act.PIN_REVOKE])
@pytest.mark.parametrize("retraction", [RETRACTION, replace(RETRACTION, kind=None, tool=None)], ids=["one", "all"])
def test_a_retraction_comes_back_from_its_statement(retraction: Retraction, act: Act) -> None:
    """Issue 3: reject and revoke are signed statements with a note."""
    signed = verify_word(stated(retraction.as_subject(), act=act), OPERATORS)
    assert isinstance(signed, SignedRetraction)
    assert (signed.retraction, signed.statement.act) == (retraction, act)


@pytest.mark.parametrize(
    "change",
    [
        {"server": "../files"},
        {"server_name": "files"},
        {"kind": "widget"},
        {"kind": None},
        {"tool": None},
        {"tool": ""},
        {"manifest_serial": 0},
        {"note": None},
        {"note": ""},
        {"more": 1},
    ],
    ids=str,
)
def test_a_subject_in_any_other_form_retracts_nothing(change: JsonObject) -> None:
    """Ours: half a retraction could be read as one of everything, or of nothing."""
    with pytest.raises(Refused) as refusal:
        verify_word(stated({**RETRACTION.as_subject(), **change}, act=Act.PIN_REVOKE), OPERATORS)
    assert refusal.value.reason is Reason.MALFORMED
    assert refusal.value.detail.startswith("`/subject/")


@promise("P2")
def test_a_statement_of_one_act_is_none_of_another() -> None:
    """Ours: the same subject under another act is refused, and so is another act's subject under this one."""
    for subject, act in ((APPROVAL.as_subject(), Act.PIN_REVOKE), (RETRACTION.as_subject(), Act.PIN_APPROVE)):
        with pytest.raises(Refused):
            verify_word(stated(subject, act=act), OPERATORS)


def test_a_lock_of_ten_thousand_approvals_is_read() -> None:
    """P12, from ten tools to ten thousand: the file may be larger than what an agent may send."""
    statements: list[Json] = [{"payload": "A" * 900}] * 10_000
    raw = canonical_bytes({"version": 1, "statements": statements})
    assert len(raw) > DEFAULT_LIMITS.bytes_max
    assert len(parse_lock(raw)) == 10_000
