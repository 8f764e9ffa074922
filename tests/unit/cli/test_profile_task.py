"""The statements of a profile's own key.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mediator.assembly.folder import read_operators
from mediator.assembly.instances import keyholders_of
from mediator.cli.folder import open_set_up
from mediator.cli.profile_task import completing_of, opening_of
from mediator.identity.dsse import SigningKey
from mediator.identity.statement import Act, VerifiedStatement, verify_statement
from mediator.mediation.tasks import parse_task
from mediator.refusal import Reason, Refused
from tests.promises import promise


def verified(work: Path, statement: bytes, act: Act) -> VerifiedStatement:
    set_up = open_set_up(work)
    return verify_statement(statement, keyholders_of(set_up.settings, read_operators(set_up.folder)), act)


@promise("P4", "P9")
def test_a_profile_opens_all_that_it_holds_and_no_more(work: Path) -> None:
    """Design 5.6: by its key; for one process alone where that has a key of its own."""
    set_up, key = open_set_up(work), SigningKey.generate().public
    said = verified(work, opening_of(set_up, "assistant"), Act.TASK_OPEN)
    asked = parse_task(said.subject)
    assert (said.who, asked.agent, asked.tools, asked.instance_key) == ("assistant", "assistant", ("*/*",), None)
    assert "instance_key" not in said.subject
    bound = parse_task(verified(work, opening_of(set_up, "assistant", key), Act.TASK_OPEN).subject)
    assert bound.instance_key == key.text


def test_a_profile_completes_its_task(work: Path) -> None:
    """Design 5.6."""
    said = verified(work, completing_of(open_set_up(work), "assistant", "task-1"), Act.TASK_COMPLETE)
    assert (said.who, said.subject) == ("assistant", {"id": "task-1"})


def test_a_profile_that_opens_nothing_is_told_what_it_lacks(work: Path) -> None:
    """Bad input."""
    settings = work / "mediator.toml"
    settings.write_text(settings.read_text() + '\n[[agent]]\nname = "keyless"\nowner = "you@example.com"\n')
    for agent, reason in (("keyless", Reason.NOT_COVERED), ("nobody", Reason.MALFORMED)):
        with pytest.raises(Refused) as stop:
            opening_of(open_set_up(work), agent)
        assert stop.value.reason is reason
        assert agent in stop.value.detail
