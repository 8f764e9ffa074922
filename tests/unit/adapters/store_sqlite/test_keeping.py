"""The store's housekeeping: it goes on whatever happens, and says once what an operator must see.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import anyio
import anyio.from_thread

from mediator.adapters.store_sqlite.keeping import keep
from mediator.adapters.store_sqlite.store import SqliteStore
from tests.contracts.stores import MAC_KEY
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.grants import a_grant


class Scripted:
    """A store whose checkpoints fail as told, and which ends the keeping when they are over."""

    def __init__(self, fails: Sequence[bool], scope: anyio.CancelScope) -> None:
        self._fails = list(fails)
        self._scope = scope

    def checkpoint(self) -> None:
        if len(self._fails) == 1:
            anyio.from_thread.run_sync(self._scope.cancel)
        if self._fails.pop(0):
            raise sqlite3.OperationalError("database is locked")


async def test_a_failure_is_said_once_until_it_is_over() -> None:
    """Ours."""
    alarms: list[str] = []
    with anyio.fail_after(5), anyio.CancelScope() as scope:
        await keep(Scripted([False, True, True, True, False, True, False], scope), alarms.append, 0)
    assert len(alarms) == 2
    assert all("database is locked" in alarm for alarm in alarms)


async def test_what_was_written_comes_into_the_file(tmp_path: Path) -> None:
    """SQLite, WAL."""
    path = tmp_path / "state.sqlite"
    alarms: list[str] = []
    with SqliteStore(path, MAC_KEY) as store:
        store.open_grant(a_grant(), b"signed")
        store.claim("g-1", [], store.epoch(), NOW_MS)
        with anyio.fail_after(5):
            async with anyio.create_task_group() as keeping:
                keeping.start_soon(keep, store, alarms.append, 0)
                while not _calls_in(path):
                    await anyio.lowlevel.checkpoint()
                keeping.cancel_scope.cancel()
    assert alarms == []


def _calls_in(path: Path) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as file_alone:
        try:
            return file_alone.execute("SELECT task, calls FROM usage").fetchall()
        except sqlite3.Error:  # read in the middle of a checkpoint
            return []
