"""A statement of one person, made now with their key: verified as theirs, and put to the owner of the folder.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mediator.assembly.folder import read_operators
from mediator.canonical import JsonObject
from mediator.cli.folder import now_ms, open_set_up
from mediator.cli.statements import put_statement, signed_by
from mediator.identity.statement import Act, verify_statement
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.commands import OPERATOR, Commands

SUBJECT: JsonObject = {"name": "everything", "reason": "a test"}


@promise("P9")
def test_a_statement_is_of_this_person_and_of_this_moment(work: Path) -> None:
    """Design 2a: each later than the one before, so that two of them are two."""
    set_up, before = open_set_up(work), now_ms()
    raw = signed_by(set_up, OPERATOR, Act.FREEZE, SUBJECT)
    said = verify_statement(raw, read_operators(set_up.folder), Act.FREEZE)
    assert (said.who, said.subject) == (OPERATOR, SUBJECT)
    assert before <= said.at <= now_ms()
    assert said.serial == said.at


@promise("P7")
def test_nobody_signs_for_whom_no_key_is_here_or_who_may_not(work: Path, mediator: Commands) -> None:
    """Bad input: said before anything is put to anybody."""
    mediator.well("operator", "add", "eve@example.com", "--role", "reviewer")
    set_up = open_set_up(work)
    for who in ("nobody@example.com", "eve@example.com", ""):
        with pytest.raises(Refused) as stop:
            signed_by(set_up, who, Act.FREEZE, SUBJECT)
        assert stop.value.detail


def test_it_is_put_to_the_owner_and_a_refusal_comes_back_as_it_is(work: Path) -> None:
    """Ours: nobody serves here, so that this process is the owner for a moment."""
    set_up = open_set_up(work)
    raw = signed_by(set_up, OPERATOR, Act.FREEZE, SUBJECT)
    assert put_statement(set_up, "freeze", raw) == {"name": "everything", "changed": True}
    with pytest.raises(Refused) as stop:
        put_statement(set_up, "freeze", raw)
    assert stop.value.reason is Reason.PROOF_REPLAYED
    with pytest.raises(Refused) as stop:
        put_statement(set_up, "unfreeze", raw)
    assert stop.value.reason is Reason.MALFORMED
