"""The laws of tampering: flip any one bit of what was signed, and nothing comes of it.

Exhaustive over small files rather than sampled over large ones: a bit that may be flipped is found.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mediator.canonical import JsonObject
from mediator.identity.statement import Act, Role, parse_operators, sign_statement, verify_statement, write_operators
from mediator.manifest.signature import verify_manifest
from mediator.manifest.trust import read_acceptance, sign_trust, trust_subject, verify_trust
from mediator.manifest.trust_file import RootRole
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.people import key_of, operators_of
from tests.simulated.pins import NOW_MS, TRUST, approved, loaded, manifest_of, rule_of, signed, trust_file

REAL_TOOLS = Path(__file__).resolve().parents[1] / "data" / "real_tools"
SMALL: JsonObject = {"name": "r", "inputSchema": {"type": "object"}}
PEOPLE = operators_of(alice=Role.OPERATOR, bob=Role.REVIEWER)


def flipped(raw: bytes) -> Iterator[bytes]:
    """Every text that differs from this one in a single bit."""
    for index in range(len(raw)):
        for bit in range(8):
            changed = bytearray(raw)
            changed[index] ^= 1 << bit
            yield bytes(changed)


def wrong_reasons(raw: bytes, accept: Callable[[bytes], object]) -> list[tuple[int, Reason | None]]:
    """The flips of a signed envelope that are taken, or refused for another reason than what the bit stands in."""
    accept(raw)
    signed_parts = [part for name in (b"payload", b"sig") for part in values_of(raw, name)]
    keyids = values_of(raw, b"keyid")
    wrong: list[tuple[int, Reason | None]] = []
    for number, changed in enumerate(flipped(raw)):
        index = number // 8
        right = {Reason.MALFORMED}
        if any(index in part for part in signed_parts):
            right |= {Reason.BAD_CREDENTIAL}
        if any(index in part for part in keyids):
            right |= {Reason.UNKNOWN_KEY}
        try:
            accept(changed)
        except Refused as refused:
            if refused.reason in right:
                continue
            wrong.append((index, refused.reason))
        else:
            wrong.append((index, None))
    return wrong


def values_of(raw: bytes, name: bytes) -> list[range]:
    """Where the texts stand that are the value of this member."""
    return [range(found.start(1), found.end(1)) for found in re.finditer(b'"' + name + b'":"([^"]*)"', raw)]


def accepted_flips(raw: bytes, accept: Callable[[bytes], object]) -> list[bytes]:
    """The flips that are taken all the same: there should be none. Nothing but `Refused` may be raised."""
    accept(raw)
    taken = []
    for changed in flipped(raw):
        try:
            accept(changed)
        except Refused:
            continue
        taken.append(changed)
    return taken


@promise("P2")
def test_no_bit_of_an_envelope_can_be_flipped() -> None:
    """House style, law 3; with a signature more than is needed, so that no bit is there for nothing."""
    envelope = signed(manifest_of(SMALL), "signer", "cosigner")

    assert wrong_reasons(envelope, lambda raw: verify_manifest(raw, TRUST, NOW_MS)) == []


@promise("P2")
def test_no_bit_of_a_statement_can_be_flipped() -> None:
    """House style, law 3."""
    statement = sign_statement(
        key_of("alice"), act=Act.TASK_OPEN, subject={"id": "t"}, who="alice", at=NOW_MS, serial=1
    )

    assert wrong_reasons(statement, lambda raw: verify_statement(raw, PEOPLE, Act.TASK_OPEN)) == []


@promise("P2")
def test_no_bit_of_the_lock_can_be_flipped_without_losing_the_pin() -> None:
    """House style, law 3: the pin does not exist any more, and the loss is told."""
    envelope = signed(manifest_of(SMALL))

    def must_pin(raw: bytes) -> None:
        pins, problems = loaded(raw, {"files": envelope})
        if len(pins) == 0:
            assert len(problems) == 1
            assert problems[0].detail.startswith("`/statements/0`: ")
            raise Refused(Reason.BAD_CREDENTIAL)

    assert accepted_flips(approved(envelope), must_pin) == []


@promise("P2")
def test_no_bit_of_the_trust_file_or_of_the_operators_can_be_flipped() -> None:
    """House style, law 3: the root signed the one, and an operator's statement names the other, as they are."""
    root = RootRole(keys={"root": key_of("root").public, "spare": key_of("spare").public}, threshold=2)
    trust = sign_trust(trust_file(rule_of("local/", "signer"), root=root), [key_of("root"), key_of("spare")])
    operators = write_operators(PEOPLE)
    subject = trust_subject(root, PEOPLE)
    statement = sign_statement(key_of("alice"), act=Act.TRUST_ACCEPT, subject=subject, who="alice", at=NOW_MS, serial=1)

    assert wrong_reasons(trust, lambda raw: verify_trust(raw, root, NOW_MS, 1)) == []
    assert accepted_flips(operators, lambda raw: read_acceptance(statement, parse_operators(raw))) == []
    assert accepted_flips(statement, lambda raw: read_acceptance(raw, PEOPLE)) == []


@promise("P7")
def test_no_file_that_was_cut_short_is_taken() -> None:
    """P7: half-read is refused."""
    envelope = signed(manifest_of(SMALL))
    for end in range(len(envelope)):
        with pytest.raises(Refused):
            verify_manifest(envelope[:end], TRUST, NOW_MS)
