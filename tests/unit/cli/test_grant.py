"""`mediator grant`: the tree of what was handed on, one grant whole, and taking it back.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from mediator.adapters.store_sqlite.store import SqliteStore
from mediator.assembly.folder import open_folder, read_secret
from mediator.delegation.authority import Entry, Rights
from mediator.delegation.constraint import PathBelow
from mediator.delegation.grant import Grant, GrantState
from mediator.effect import Effect
from tests.promises import promise
from tests.simulated.commands import OPERATOR, Commands

OPEN = ("task", "open", "--agent", "assistant", "--owner", OPERATOR, "--tools", "clock/*", "--purpose", "a test")
REVOKE = ("--who", OPERATOR, "--reason", "a test")
EVE = "eve@example.com"


def store_of(work: Path) -> SqliteStore:
    home = open_folder(work)
    return SqliteStore(home.store_file, read_secret(home.key_file("grants")))


def handed_on(work: Path, root: str, agent: str, **changed: object) -> str:
    """Store a link below this grant, and return its id."""
    with store_of(work) as store:
        parent = store.find_grant(root)
        assert parent is not None
        child = replace(
            parent,
            id=f"grant-{agent}",
            parent=parent.id,
            depth=parent.depth + 1,
            opened_ms=parent.opened_ms + 1,
            agent=agent,
            keyid=None,
            **({"is_connector": False} | changed),  # type: ignore[arg-type]  # fields by name
        )
        store.open_grant(child, b"{}")
    return child.id


@pytest.fixture
def task(work: Path, mediator: Commands) -> str:
    with (work / "mediator.toml").open("a", encoding="utf-8") as file:
        for name in ("plugin", "worker", "expired", "last"):
            file.write(f'\n[[agent]]\nname = "{name}"\nowner = "{OPERATOR}"\n')
    return str(mediator.well(*OPEN, "--max-depth", "3", "--json").printed["task"])


def test_the_tree_is_drawn_with_who_gave_what_to_whom(work: Path, mediator: Commands, task: str) -> None:
    """Issue 5: each below the one that it was made from; who answers for it stands at the top."""
    plugin = handed_on(work, task, "plugin", is_connector=True)
    worker = handed_on(work, plugin, "worker", expires_ms=int(time.time() * 1000) + 5 * 60_000)
    handed_on(work, task, "last")
    whole = mediator.well("grant", "list").out
    begun = [line.partition("  [")[0] for line in whole.splitlines()]
    assert begun == [
        f"assistant  {task}  read: clock/*",
        "├── last  grant-last  read: clock/*",
        f"└── plugin (connector)  {plugin}  read: clock/*",
        f"    └── worker  {worker}  read: clock/*",
    ]
    assert f"{OPERATOR} answers for it" in whole
    assert whole.count("answers for it") == 1
    assert "0 calls" in whole
    assert "4 min left" in whole


def test_what_is_over_is_drawn_only_when_all_is_asked_for(work: Path, mediator: Commands, task: str) -> None:
    """Ours: what is left of a tree whose root ran out is drawn from there."""
    worker = handed_on(work, task, "worker")
    expired = handed_on(work, task, "expired", expires_ms=int(time.time() * 1000) - 1)
    mediator.well("grant", "revoke", worker, *REVOKE)
    drawn = mediator.well("grant", "list").out
    assert task[:20] in drawn
    assert worker not in drawn
    assert expired not in drawn
    everything = " ".join(mediator.well("grant", "list", "--all").out.split())
    assert worker in everything
    assert "a test" in everything  # why it ended
    assert "expired" in everything


def test_what_is_open_below_what_is_not_shown_is_drawn_alone(work: Path, mediator: Commands, task: str) -> None:
    """Ours: nothing that is stored as open is hidden by what stands above it."""
    worker = handed_on(work, task, "worker")
    with store_of(work) as store:
        store.extend_grant(task, int(time.time() * 1000) - 1)
    drawn = mediator.well("grant", "list").out
    assert worker in drawn
    assert task not in drawn


@pytest.mark.usefixtures("work")
def test_where_there_is_nothing_that_is_said(mediator: Commands) -> None:
    """Ours: an empty answer is none."""
    ran = mediator.well("grant", "list")
    assert ran.out == ""
    assert "--all" in ran.err
    assert mediator.well("grant", "list", "--json").printed == {"grants": [], "frozen": []}


def test_who_is_frozen_is_told_beside_the_tree(mediator: Commands, task: str) -> None:
    """Ours: whoever wonders why nothing goes on looks here."""
    mediator.well("freeze", "agent:assistant", *REVOKE)
    drawn = mediator.well("grant", "list").out
    assert task[:20] in drawn
    assert "frozen agent:assistant; `mediator unfreeze agent:assistant` lets it go" in " ".join(drawn.split())
    assert mediator.well("grant", "list", "--json").printed["frozen"] == ["agent:assistant"]


def test_a_grant_is_shown_whole_with_its_constraints(work: Path, mediator: Commands, task: str) -> None:
    """Ours: as people read it; no token, no salt."""
    entries = (
        Entry(pattern="clock/now", effects=frozenset({Effect.READ}), arguments={"/path": PathBelow("/reports")}),
        Entry(pattern="clock/then", effects=frozenset({Effect.READ})),
    )
    worker = handed_on(work, task, "worker", rights=Rights(entries=entries, pin_serial=0), may_act=("plugin", "other"))
    shown = " ".join(mediator.well("grant", "show", worker).out.split())
    for told in ("worker", OPERATOR, "read: clock/now", "/path", "/reports", "any", "plugin, other", "T"):
        assert told in shown
    facts = mediator.well("grant", "show", worker, "--json").printed
    assert (facts["task"], facts["state"], facts["depth"]) == (worker, "open", 1)
    with store_of(work) as store:
        grant = store.find_grant(worker)
    assert isinstance(grant, Grant)
    assert grant.salt not in str(facts) + shown


@promise("P5")
def test_a_grant_is_revoked_with_all_below_it(work: Path, mediator: Commands, task: str) -> None:
    """RFC 7009 §2.1: and each is told."""
    worker = handed_on(work, task, "worker")
    last = handed_on(work, worker, "last")
    told = mediator.well("grant", "revoke", worker, *REVOKE).out
    assert f"revoked {worker}" in told
    assert f"revoked {last}" in told
    ran = mediator.well("grant", "revoke", worker, *REVOKE)
    assert (ran.out, f"{worker} had ended before" in " ".join(ran.err.split())) == ("", True)
    assert mediator.well("grant", "revoke", task, *REVOKE, "--json").printed == {"ended": [task]}
    with store_of(work) as store:
        assert {stored.grant.state for stored in store.list_grants()} == {GrantState.REVOKED}


@promise("P7")
def test_who_may_not_revokes_nothing(mediator: Commands, task: str) -> None:
    """A4: somebody who answers for other tasks; for nothing; and a reason that is none."""
    mediator.well("operator", "add", EVE)
    for who, reason in ((EVE, "x"), ("nobody@example.com", "x"), (OPERATOR, " "), (OPERATOR, "a\nb")):
        mediator.refused("grant", "revoke", task, "--who", who, "--reason", reason)
    assert "no task `task-0`" in mediator.refused("grant", "revoke", "task-0", *REVOKE)
    assert "no task `task-0`" in mediator.refused("grant", "show", "task-0")
    assert mediator.well("grant", "show", task, "--json").printed["state"] == "open"


def test_nothing_that_an_agent_named_reaches_the_terminal_as_it_is(work: Path, mediator: Commands, task: str) -> None:
    """House style 4: escapes and markup stand there as text."""
    entries = (Entry(pattern="clock/now", effects=frozenset({Effect.READ}), arguments={"/[bold]": PathBelow("/")}),)
    worker = handed_on(work, task, "[conceal]x\x1b[31m", rights=Rights(entries=entries, pin_serial=0))
    for words in (("list", "--all"), ("show", worker)):
        drawn = mediator.well("grant", *words).out
        assert "\x1b" not in drawn
    assert "[conceal]" in mediator.well("grant", "list", "--all").out
