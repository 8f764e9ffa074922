"""`mediator freeze` and `unfreeze`: with a mediator that runs and without one, and what cannot be frozen.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mediator.adapters.ledger_segments.showing import Wanted, find_entries
from mediator.assembly.folder import open_folder
from tests.promises import promise
from tests.simulated.commands import OPERATOR, Commands

WHY = ("--who", OPERATOR, "--reason", "it sends too much")
EVE = "eve@example.com"


@promise("P5", "P9")
def test_somebody_is_stopped_and_let_go_and_both_are_on_record(work: Path, mediator: Commands) -> None:
    """Design 5.1: also where nobody serves; and how to undo it is said."""
    told = mediator.well("freeze", "agent:assistant", *WHY).out
    assert "frozen agent:assistant; `mediator unfreeze agent:assistant` lets it go" in " ".join(told.split())
    ran = mediator.well("freeze", "agent:assistant", *WHY)
    assert (ran.out, "was frozen already" in ran.err) == ("", True)
    assert mediator.well("grant", "list", "--json").printed["frozen"] == ["agent:assistant"]
    assert mediator.well("unfreeze", "agent:assistant", *WHY).out == "let go agent:assistant\n"
    ran = mediator.well("unfreeze", "agent:assistant", *WHY)
    assert (ran.out, "was not frozen" in ran.err) == ("", True)
    ledger = open_folder(work).ledger
    bodies = [entry["body"] for entry in find_entries(ledger, Wanted(kind="frozen")).entries]
    assert len(bodies) == 2
    assert all(isinstance(body, dict) and body["who"] == OPERATOR for body in bodies)


@pytest.mark.usefixtures("work")
def test_for_programs_it_is_told_as_json(mediator: Commands) -> None:
    """Ours."""
    for act, changed in (("freeze", True), ("freeze", False), ("unfreeze", True), ("unfreeze", False)):
        assert mediator.well(act, "everything", *WHY, "--json").printed == {"name": "everything", "changed": changed}


@promise("P7")
@pytest.mark.usefixtures("work")
@pytest.mark.parametrize("act", ["freeze", "unfreeze"])
@pytest.mark.parametrize("name", ["assistant", "agent:", "team:x", "", "tool:send"])
def test_what_cannot_be_frozen_is_refused_before_anybody_signs(mediator: Commands, act: str, name: str) -> None:
    """Bad input: what can be is told; whoever mistypes does not believe that it is stopped."""
    error = mediator.refused(act, name, "--who", "nobody@example.com", "--reason", "x")
    assert "`agent:NAME`" in error


@promise("P7", "P9")
@pytest.mark.usefixtures("work")
def test_who_may_not_stops_nobody(mediator: Commands) -> None:
    """A4: a person in another role, a person that is not known, an agent; and for no reason."""
    mediator.well("operator", "add", EVE, "--role", "reviewer")
    for who, reason in ((EVE, "x"), ("nobody@example.com", "x"), ("assistant", "x"), (OPERATOR, "")):
        mediator.refused("freeze", "everything", "--who", who, "--reason", reason)
    assert mediator.well("grant", "list", "--json").printed["frozen"] == []


RULE = "denials > 20 in 60s of agent"


@promise("P9")
@pytest.mark.usefixtures("work")
def test_a_rule_is_kept_listed_and_taken_out(mediator: Commands) -> None:
    """Issue 7: by statements; and how to undo it is said."""
    told = " ".join(mediator.well("freeze", "--if", RULE, *WHY).out.split())
    assert told == f"whoever trips it is frozen: {RULE}; `mediator unfreeze --if '{RULE}'` takes the rule out"
    assert "was kept already" in mediator.well("freeze", "--if", RULE, *WHY).err
    mediator.well("freeze", "agent:assistant", *WHY)
    assert mediator.well("freeze", "--list").out == f"frozen agent:assistant\nrule {RULE}\n"
    assert mediator.well("freeze", "--list", "--json").printed == {"frozen": ["agent:assistant"], "rules": [RULE]}
    assert mediator.well("unfreeze", "--if", RULE, *WHY, "--json").printed == {"rule": RULE, "changed": True}
    assert "was not kept" in mediator.well("unfreeze", "--if", RULE, *WHY).err
    mediator.well("freeze", "--if", RULE, *WHY)
    assert mediator.well("unfreeze", "--if", RULE, *WHY).out == f"taken out {RULE}\n"


@promise("P7")
@pytest.mark.usefixtures("work")
def test_what_is_no_rule_is_refused_before_anybody_signs(mediator: Commands) -> None:
    """Bad input: what a rule looks like is told."""
    error = mediator.refused("freeze", "--if", "denials of agent", "--who", "nobody@example.com", "--reason", "x")
    assert "denials > NUMBER in SECONDSs of WHOM" in error


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(
    "words",
    [
        ("freeze",),
        ("freeze", *WHY),
        ("freeze", "everything", "--if", RULE, *WHY),
        ("freeze", "everything"),
        ("freeze", "everything", "--reason", "x"),
        ("freeze", "everything", "--list"),
        ("freeze", "--list", "--if", RULE),
        ("unfreeze", *WHY),
    ],
)
def test_half_a_command_is_a_mistake_of_usage(mediator: Commands, words: tuple[str, ...]) -> None:
    """Design 5.1: exit code 2."""
    assert mediator(*words).code == 2
