"""Unit tests of mediator/assembly/holders.py, over a real store.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mediator.adapters.store_sqlite.store import SqliteStore
from mediator.assembly.holders import end_orphans
from mediator.delegation.grant import Grant, GrantState
from mediator.evidence import Secret
from mediator.settings.issuers import IssuerSettings
from mediator.settings.sections import AgentSettings, Settings
from mediator.settings.workloads import WorkloadSettings
from tests.promises import promise
from tests.simulated.clock import FixedClock
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.grants import a_grant
from tests.simulated.memory import MemoryLedger, MemoryStore
from tests.simulated.people import key_of

OWNER = "alice@example.com"
PLANNER = AgentSettings(name="planner", owner=OWNER, key=key_of("planner").public.text)
WORKER = AgentSettings(name="worker", owner=OWNER)
HELD = a_grant(keyid=key_of("planner").public.keyid, max_depth=1)
BELOW = replace(
    a_grant(id="g-2", agent="worker", parent="g-1", root="g-1", depth=1, max_depth=1), statement_digest="sha256:below"
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore(tmp_path / "state.sqlite", Secret("k" * 32)) as store:
        store.open_grant(HELD, b"{}")
        store.open_grant(BELOW, b"{}")
        yield store


def states_with(store: SqliteStore, *agents: AgentSettings) -> list[GrantState]:
    ledger = MemoryLedger(MemoryStore())
    end_orphans(Settings().model_copy(update={"agents": agents}), store, ledger, FixedClock(NOW_MS))
    return [found.state for one in (HELD, BELOW) if isinstance(found := store.find_grant(one.id), Grant)]


def test_whoever_still_has_its_key_still_has_its_grants(store: SqliteStore) -> None:
    """Ours."""
    assert states_with(store, PLANNER, WORKER) == [GrantState.OPEN, GrantState.OPEN]


@promise("P4", "P5")
@pytest.mark.parametrize("key", [None, key_of("another").public.text])
def test_a_key_that_was_replaced_holds_nothing_any_more(store: SqliteStore, key: str | None) -> None:
    """Ours: nor does the new one, nor whoever was handed a part of it."""
    replaced = AgentSettings(name="planner", owner=OWNER, key=key)
    assert states_with(store, replaced, WORKER) == [GrantState.REVOKED, GrantState.REVOKED]


@promise("P9")
def test_an_agent_without_a_profile_holds_nothing_any_more(store: SqliteStore) -> None:
    """Ours: of those above it nothing is taken."""
    assert states_with(store, PLANNER) == [GrantState.OPEN, GrantState.REVOKED]


@promise("P4", "P5")
def test_an_instances_key_is_its_agents_as_long_as_its_task_lives(store: SqliteStore) -> None:
    """Issue 6: the key of a process that was launched for one task; and a workload stands as a key does."""
    ledger, clock = MemoryLedger(MemoryStore()), FixedClock(NOW_MS)
    another = AgentSettings(name="planner", owner=OWNER, key=key_of("another").public.text)
    settings = Settings().model_copy(update={"agents": (another, WORKER)})
    end_orphans(settings, store, ledger, clock, {"planner": {str(HELD.keyid)}})
    found = store.find_grant(HELD.id)
    assert found is not None
    assert found.state is GrantState.OPEN
    end_orphans(settings, store, ledger, clock, {"worker": {str(HELD.keyid)}})
    ended = store.find_grant(HELD.id)
    assert ended is not None
    assert ended.state is GrantState.REVOKED


def test_a_workload_that_is_named_otherwise_holds_nothing_any_more(tmp_path: Path) -> None:
    """Ours: as a key that was replaced."""
    clock, ledger = FixedClock(NOW_MS), MemoryLedger(MemoryStore())
    held = a_grant(keyid="workload:ci:repo:a")
    with SqliteStore(tmp_path / "workloads.sqlite", Secret("k" * 32)) as store:
        store.open_grant(held, b"{}")
        for subject, state in (("repo:a", GrantState.OPEN), ("repo:b", GrantState.REVOKED)):
            planner = AgentSettings(
                name="planner", owner=OWNER, workload=WorkloadSettings(issuer="ci", subject=subject)
            )
            end_orphans(Settings().model_copy(update={"agents": (planner,)}), store, ledger, clock)
            found = store.find_grant(held.id)
            assert found is not None
            assert found.state is state


@promise("P4", "P9")
def test_who_acts_by_its_issuers_word_has_no_profile_to_lose(tmp_path: Path) -> None:
    """Ours: as long as the settings name that issuer, and under its name alone."""
    theirs = replace(
        a_grant(id="g-3", agent="corp:bot", root="g-3"), issuer="https://idp.example", statement_digest="sha256:c"
    )
    stranger = replace(theirs, id="g-4", root="g-4", agent="other:bot", statement_digest="sha256:d")
    idp = IssuerSettings(name="corp", issuer=theirs.issuer, keys_url="https://idp.example/k", owner=OWNER)
    with SqliteStore(tmp_path / "state.sqlite", Secret("k" * 32)) as store:
        store.open_grant(theirs, b"{}")
        store.open_grant(stranger, b"{}")
        for issuers, states in (
            ((idp,), [GrantState.OPEN, GrantState.REVOKED]),
            ((), [GrantState.REVOKED, GrantState.REVOKED]),
        ):
            settings = Settings().model_copy(update={"issuers": issuers})
            end_orphans(settings, store, MemoryLedger(MemoryStore()), FixedClock(NOW_MS))
            found = [store.find_grant(one.id) for one in (theirs, stranger)]
            assert [one.state for one in found if one is not None] == states
