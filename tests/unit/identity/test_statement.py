"""Statements: one person's word, under that person's key, about an act that is theirs.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.canonical import Json, JsonObject, canonical_bytes, digest_of_bytes, parse_object
from mediator.evidence import Seal
from mediator.identity.dsse import sign_envelope
from mediator.identity.statement import (
    PAYLOAD_TYPE,
    Act,
    Keyholder,
    Operator,
    Operators,
    ProfileKey,
    Role,
    VerifiedStatement,
    parse_operators,
    sign_statement,
    verify_statement,
    write_operators,
)
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.people import key_of, operators_of

NOW = 1_800_000_000_000
OPERATORS = operators_of(alice=Role.OPERATOR, bob=Role.REVIEWER, carol=Role.OWNER)
PAYLOAD: JsonObject = {
    "act": "pin.approve",
    "at": NOW,
    "serial": 7,
    "subject": {"digest": "sha256:0"},
    "tenant": "default",
    "who": "alice",
}


def stated(who: str = "alice", **changed: Json) -> bytes:
    return sign_envelope({**PAYLOAD, "who": who, **changed}, PAYLOAD_TYPE, [key_of(who)])


def refused(raw: bytes, act: Act = Act.PIN_APPROVE) -> Refused:
    with pytest.raises(Refused) as refusal:
        verify_statement(raw, OPERATORS, act)
    return refusal.value


def test_a_statement_comes_back_as_it_was_made() -> None:
    """Design 2a."""
    subject: JsonObject = {"digest": "sha256:0"}
    raw = sign_statement(key_of("alice"), act=Act.PIN_APPROVE, subject=subject, who="alice", at=NOW, serial=7)

    statement = verify_statement(raw, OPERATORS, Act.PIN_APPROVE)

    assert raw == stated()
    assert (statement.act, statement.subject, statement.who) == (Act.PIN_APPROVE, subject, "alice")
    assert (statement.at, statement.serial, statement.tenant) == (NOW, 7, "default")
    assert statement.keyid == key_of("alice").public.keyid
    assert statement.digest == digest_of_bytes(canonical_bytes(PAYLOAD))
    assert statement.raw == raw


@promise("P9")
def test_a_statement_in_the_name_of_another_is_refused() -> None:
    """Design 2a: `who` is the person whose key signed."""
    raw = sign_statement(key_of("bob"), act=Act.PIN_APPROVE, subject={}, who="alice", at=NOW, serial=1)

    assert refused(raw).reason is Reason.BAD_CREDENTIAL


def test_a_statement_of_nobody_we_know_is_refused() -> None:
    """Design 2a: only operators' keys count."""
    assert refused(stated("mallory")).reason is Reason.UNKNOWN_KEY


def test_a_statement_of_one_act_is_none_of_another() -> None:
    """Ours: what was said of one thing is not played back for another."""
    assert refused(stated(), Act.POLICY_ACTIVATE).reason is Reason.MALFORMED


@pytest.mark.parametrize(
    ("who", "acts"),
    [
        ("alice", set(Act)),
        ("bob", {Act.PIN_APPROVE, Act.PIN_REJECT, Act.PIN_REVOKE, Act.APPROVE, Act.DENY}),
        ("carol", {Act.TASK_OPEN, Act.TASK_COMPLETE, Act.TASK_RENEW, Act.GRANT_REVOKE, Act.APPROVE, Act.DENY}),
    ],
)
def test_a_role_covers_its_acts_and_no_other(who: str, acts: set[Act]) -> None:
    """Ours: least privilege among operators."""
    for act in Act:
        raw = stated(who, act=act.value)
        if act in acts:
            assert verify_statement(raw, OPERATORS, act).who == who
        else:
            assert refused(raw, act).reason is Reason.BAD_CREDENTIAL


@promise("P9")
def test_a_profile_key_opens_and_completes_tasks_and_does_nothing_else() -> None:
    """Design 2a: an agent's key opens a session's task; it is no operator's."""
    profile = ProfileKey(name="assistant", public=key_of("assistant").public)
    holders: dict[str, Keyholder] = {**OPERATORS, profile.public.keyid: profile}

    for act in Act:
        raw = stated("assistant", act=act.value)
        if act in {Act.TASK_OPEN, Act.TASK_COMPLETE}:
            assert verify_statement(raw, holders, act).who == "assistant"
        else:
            with pytest.raises(Refused):
                verify_statement(raw, holders, act)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        sign_envelope({}, PAYLOAD_TYPE, [key_of("alice")]),
        sign_envelope(PAYLOAD, "application/json", [key_of("alice")]),
        sign_envelope(PAYLOAD, PAYLOAD_TYPE, [key_of("alice"), key_of("bob")]),
        stated(more=1),
        stated(act=1),
        stated(at="now"),
        stated(at=True),
        stated(at=-1),
        stated(at=1.5),
        stated(at=2.0**60),
        stated(serial=-1),
        stated(serial=None),
        stated(subject=[]),
        stated(tenant=1),
        stated(tenant="other"),
    ],
    ids=[str(number) for number in range(16)],
)
def test_a_statement_in_any_other_form_is_malformed(raw: bytes) -> None:
    """Ours: one person, one act, and every member in its place."""
    assert refused(raw).reason is Reason.MALFORMED


@given(st.binary(max_size=300))
def test_any_bytes_are_a_statement_or_refused(raw: bytes) -> None:
    """Ours: `verify_*` raises `Refused` and nothing else."""
    refused(raw)


def test_verified_statements_are_made_here_alone() -> None:
    """House style, part B: evidence."""
    with pytest.raises(TypeError):
        VerifiedStatement(
            act=Act.PIN_APPROVE,
            subject={},
            who="alice",
            at=0,
            serial=0,
            tenant="default",
            keyid="",
            digest=digest_of_bytes(b""),
            raw=b"",
            seal=Seal("mine"),
        )


ENTRY: JsonObject = {"key": key_of("alice").public.text, "name": "alice", "roles": ["operator"]}
OTHER: JsonObject = {"key": key_of("bob").public.text, "name": "bob", "roles": ["owner", "reviewer"]}


def test_operators_come_back_from_their_file() -> None:
    """Ours."""
    raw = canonical_bytes({"operators": [ENTRY, OTHER], "version": 1})

    operators = parse_operators(raw)

    assert write_operators(operators) == raw
    assert operators.digest == digest_of_bytes(raw)
    assert len(operators) == 2
    assert operators.find_named("bob") == Operator(
        name="bob", public=key_of("bob").public, roles=frozenset({Role.OWNER, Role.REVIEWER})
    )
    assert operators.find_named("mallory") is None
    assert operators[key_of("alice").public.keyid].name == "alice"


def test_no_operators_at_all_are_nobody() -> None:
    """Ours: empty is never permission."""
    nobody = parse_operators(b'{"operators":[],"version":1}')

    with pytest.raises(Refused) as refusal:
        verify_statement(stated(), nobody, Act.PIN_APPROVE)
    assert refusal.value.reason is Reason.UNKNOWN_KEY


@pytest.mark.parametrize(
    "file",
    [
        {},
        {"version": 2, "operators": []},
        {"version": True, "operators": []},
        {"version": 1, "operators": {}},
        {"version": 1, "operators": [], "more": 1},
        {"version": 1, "operators": ["alice"]},
        {"version": 1, "operators": [{**ENTRY, "more": 1}]},
        {"version": 1, "operators": [{**ENTRY, "name": ""}]},
        {"version": 1, "operators": [{**ENTRY, "name": "a\nb"}]},
        {"version": 1, "operators": [{**ENTRY, "name": " alice"}]},
        {"version": 1, "operators": [{**ENTRY, "name": "a" * 201}]},
        {"version": 1, "operators": [{**ENTRY, "roles": []}]},
        {"version": 1, "operators": [{**ENTRY, "roles": ["root"]}]},
        {"version": 1, "operators": [{**ENTRY, "roles": [1]}]},
        {"version": 1, "operators": [{**ENTRY, "key": "ed25519:"}]},
        {"version": 1, "operators": [ENTRY, {**OTHER, "name": "alice"}]},
        {"version": 1, "operators": [ENTRY, {**OTHER, "key": ENTRY["key"]}]},
    ],
    ids=[str(number) for number in range(17)],
)
def test_an_operators_file_in_any_other_form_is_malformed(file: JsonObject) -> None:
    """Ours: whoever is missing a role, a name or a key is nobody."""
    with pytest.raises(Refused) as refusal:
        parse_operators(canonical_bytes(file))
    assert refusal.value.reason is Reason.MALFORMED


def test_what_is_wrong_with_an_operators_file_names_the_place() -> None:
    """Design 5.1: what, where, and the next step."""
    file: JsonObject = {"version": 1, "operators": [ENTRY, {**OTHER, "key": "x"}]}
    with pytest.raises(Refused) as refusal:
        parse_operators(canonical_bytes(file))
    assert refusal.value.detail.startswith("`/operators/1/key`: not a public key")


def test_the_envelope_is_the_statement_and_nothing_more() -> None:
    """Ours: what an operator can read with `base64 -d` is what was signed."""
    envelope = parse_object(stated())

    assert base64.b64decode(str(envelope["payload"])) == canonical_bytes(PAYLOAD)


def test_operators_are_a_mapping_by_key_id() -> None:
    """Ours."""
    assert isinstance(OPERATORS, Operators)
    assert set(OPERATORS) == {key_of(name).public.keyid for name in ("alice", "bob", "carol")}
