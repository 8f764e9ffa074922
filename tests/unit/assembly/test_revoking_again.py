"""Unit tests of mediator/assembly/revoking_again.py, over a real store and a real ledger; a token that comes again: tests/attacks.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from mediator.adapters.ledger_segments.ledger import SegmentLedger
from mediator.adapters.store_sqlite.store import SqliteStore
from mediator.assembly.revoking_again import revoke_again
from mediator.canonical import JsonObject
from mediator.delegation.grant import GrantState
from mediator.evidence import Secret
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.clock import FixedClock
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.grants import a_grant


def opened(task: str, agent: str = "corp:ci-bot") -> JsonObject:
    return {"task": task, "agent": agent, "owner": "alice@example.com", "who": "https://idp.example"}


async def revoked_after(folder: Path, bodies: Sequence[JsonObject], alarms: list[str]) -> set[str]:
    """Write these openings down, and return what a store that holds `kept` alone is brought to hold as revoked."""
    with SqliteStore(folder / "state.sqlite", Secret("k" * 32)) as store:
        store.open_grant(a_grant(id="kept", root="kept"), b"{}")
        async with SegmentLedger(
            folder / "ledger", claims=store, streams=store, clock=FixedClock(), alarm=alarms.append
        ) as ledger:
            for body in bodies:
                ledger.note("task.opened", body, NOW_MS)
        revoke_again(store, folder / "ledger", NOW_MS, alarms.append)
        return {one.grant.id for one in store.list_grants() if one.grant.state is GrantState.REVOKED}


@promise("P5", "P7")
async def test_what_a_token_opened_is_stored_again_without_authority(tmp_path: Path) -> None:
    """Ours: each once, and nothing of what is stored or what a statement opened; the operator is told how many."""
    bodies = [opened("one"), opened("one"), opened("two"), opened("kept"), opened("mine", agent="planner"), {}]
    alarms: list[str] = []
    assert await revoked_after(tmp_path, bodies, alarms) == {"one", "two"}
    assert [alarm for alarm in alarms if " 2 tasks " in alarm] == alarms
    assert len(alarms) == 1


async def test_where_no_token_opened_a_task_nobody_is_alarmed(tmp_path: Path) -> None:
    """Ours."""
    alarms: list[str] = []
    assert (await revoked_after(tmp_path, [opened("mine", agent="planner")], alarms), alarms) == (set(), [])


@promise("P7")
async def test_where_it_cannot_be_stored_nothing_starts(tmp_path: Path) -> None:
    """Fail closed."""
    await revoked_after(tmp_path, [opened("one")], [])
    with SqliteStore(tmp_path / "state.sqlite", Secret("k" * 32)) as store:
        for ledger, reason in (("nowhere", Reason.LEDGER_UNAVAILABLE), ("ledger", Reason.STORE_UNAVAILABLE)):
            with closing(sqlite3.connect(tmp_path / "state.sqlite")) as file:
                file.execute("DROP TABLE IF EXISTS grants")
            with pytest.raises(Refused) as stop:
                revoke_again(store, tmp_path / ledger, NOW_MS, print)
            assert stop.value.reason is reason
