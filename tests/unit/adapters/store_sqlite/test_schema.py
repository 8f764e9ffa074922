"""The store's file: ours, whole and of our version, or refused with what to do.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from mediator.adapters.store_sqlite import schema
from mediator.adapters.store_sqlite.schema import connect, epoch_table, open_engine
from mediator.refusal import Reason, Refused
from tests.promises import promise


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


def run(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def detail_of(path: Path) -> str:
    with pytest.raises(Refused) as stop:
        open_engine(path)
    assert stop.value.reason is Reason.STORE_UNAVAILABLE
    assert str(path) in stop.value.detail
    return stop.value.detail


def test_a_store_is_made_where_there_is_none_for_its_user_alone(path: Path) -> None:
    """Ours: A6, another user of the machine."""
    with open_engine(path).connect() as connection:
        assert connection.execute(select(epoch_table.c.value)).scalar_one() == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_store_is_opened_again_as_it_was_left(path: Path) -> None:
    """Ours."""
    open_engine(path)
    run(path, "UPDATE epoch SET value = 7")
    with open_engine(path).connect() as connection:
        assert connection.execute(select(epoch_table.c.value)).scalar_one() == 7


def test_what_only_looks_waits_for_nobody_who_writes(path: Path) -> None:
    """SQLite, WAL: readers and one writer."""
    engine = open_engine(path)
    with closing(connect(path, 1)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with engine.connect() as connection:
            assert connection.execution_options(looks=True).execute(select(epoch_table.c.value)).scalar_one() == 1


@promise("P7")
@pytest.mark.parametrize("content", [b"not a database" * 100, b"SQLite format 3\x00" + bytes(4000), os.urandom(8192)])
def test_what_is_no_database_is_refused(path: Path, content: bytes) -> None:
    """Ours: never overwritten, never guessed at."""
    path.write_bytes(content)
    path.chmod(0o600)
    detail_of(path)
    assert path.read_bytes() == content


def test_a_database_of_somebody_else_is_refused(path: Path) -> None:
    """Ours."""
    run(path, "CREATE TABLE t (a)")
    path.chmod(0o600)
    assert "not one of ours" in detail_of(path)


@pytest.mark.parametrize("version", [0, 1, 2, 3, 99])
def test_a_store_of_another_version_is_refused(path: Path, version: int) -> None:
    """Ours: what a newer version restricts, an older one must not give freely."""
    open_engine(path)
    run(path, f"PRAGMA user_version={version}")
    assert "version" in detail_of(path)


@promise("P5", "P7")
def test_a_store_with_triggers_is_refused(path: Path) -> None:
    """A7: one would undo what we write as we write it."""
    open_engine(path).dispose()
    run(path, "CREATE TRIGGER kind AFTER UPDATE ON grants BEGIN UPDATE grants SET state = 'open'; END")
    assert "triggers" in detail_of(path)


def test_a_store_that_is_not_whole_is_refused(path: Path) -> None:
    """Ours: a page of the grants overwritten."""
    open_engine(path)
    rows = ", ".join(f"('{number}', 'default', 'root', 1)" for number in range(4000))
    run(
        path,
        f"INSERT INTO claims SELECT column1, column2, column4, NULL FROM (VALUES {rows})",
        "PRAGMA wal_checkpoint(TRUNCATE)",
    )
    with path.open("r+b") as file:
        file.seek(40_000)
        file.write(b"\xff" * 30_000)
    detail_of(path)


@promise("P7")
@pytest.mark.parametrize("mode", [0o640, 0o602, 0o644, 0o666])
def test_a_store_that_others_may_read_or_write_is_refused(path: Path, mode: int) -> None:
    """Ours: A6."""
    open_engine(path)
    path.chmod(mode)
    assert "nobody else" in detail_of(path)


def test_a_store_that_is_a_link_or_no_file_is_refused(path: Path, tmp_path: Path) -> None:
    """Ours: nobody makes us open another file, or wait for one."""
    open_engine(tmp_path / "elsewhere.sqlite")
    path.symlink_to(tmp_path / "elsewhere.sqlite")
    assert "link" in detail_of(path)
    path.unlink()
    os.mkfifo(path, 0o600)
    detail_of(path)
    detail_of(tmp_path)
    detail_of(tmp_path / "missing" / "state.sqlite")


def test_a_file_that_cannot_be_prepared_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: another process holds the lock, and the tables are not there yet."""
    monkeypatch.setattr(schema, "CONTROL_BUSY_MS", 1)
    path.touch(0o600)
    with closing(connect(path, 1)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("BEGIN EXCLUSIVE")
        assert "locked" in detail_of(path)


def test_opening_a_store_keeps_no_claim_waiting(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: a command opens the file while a mediator serves."""
    open_engine(path)
    monkeypatch.setattr(schema, "CONTROL_BUSY_MS", 1)
    with closing(connect(path, 1)) as claiming:
        claiming.execute("BEGIN IMMEDIATE")
        open_engine(path)
