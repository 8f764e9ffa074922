"""Unit tests of mediator/cli/trust_files.py: whom a set-up trusts, and the statement that says so.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mediator.assembly.folder import Folder, read_operators
from mediator.cli.folder import now_ms, open_set_up
from mediator.cli.keys import operator_key
from mediator.cli.trust_files import accept_operators, read_trust_file, write_trust_file
from mediator.identity.dsse import SigningKey
from mediator.identity.statement import Act, Operator, Role, verify_statement, write_operators
from mediator.manifest.trust import accept_trust
from mediator.refusal import Refused
from tests.promises import promise
from tests.simulated.commands import OPERATOR, content_of


def test_both_files_are_replaced_and_the_statement_names_both(work: Path) -> None:
    """Design 2a: a change of who is trusted is a statement; its serial rises."""
    folder = Folder(root=work)
    operators = read_operators(folder)
    bob = Operator(name="bob", public=SigningKey.generate().public, roles=frozenset({Role.OWNER}))
    key = operator_key(folder, operators, OPERATOR, Act.TRUST_ACCEPT)

    accept_operators(open_set_up(work), write_operators({**operators, bob.public.keyid: bob}), key, OPERATOR)

    now = read_operators(folder)
    statement = (work / "tool_manifests" / "trust.dsse.json").read_bytes()
    assert now.find_named("bob") == bob
    assert verify_statement(statement, now, Act.TRUST_ACCEPT).serial == 2
    assert accept_trust((work / "tool_manifests" / "trust.json").read_bytes(), statement, now, now_ms()) is not None


@promise("P7")
def test_where_the_old_statement_does_not_hold_nobody_is_vouched_for(work: Path) -> None:
    """The issue: nothing half-written."""
    folder = Folder(root=work)
    operators = read_operators(folder)
    key = operator_key(folder, operators, OPERATOR, Act.TRUST_ACCEPT)
    (work / "tool_manifests" / "trust.dsse.json").write_text("{}")
    before = content_of(work)

    with pytest.raises(Refused):
        accept_operators(open_set_up(work), write_operators(operators), key, OPERATOR)

    assert content_of(work) == before


@promise("P7")
def test_a_change_that_the_accepted_root_would_not_bear_out_is_not_written(work: Path) -> None:
    """Ours: the file on disk always holds."""
    set_up = open_set_up(work)
    said, before = read_trust_file(set_up), content_of(work)
    with pytest.raises(Refused):
        write_trust_file(set_up, replace(said, version=2), [SigningKey.generate()])
    assert content_of(work) == before
