"""Tests of what each agent is familiar with, as it is stored.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mediator.adapters.store_sqlite.familiarity import AGENTS_MAX, DAY_MS, MARKS_MAX, FamiliarMarks
from mediator.adapters.store_sqlite.schema import connect, open_engine
from mediator.adapters.store_sqlite.store import SqliteStore
from mediator.evidence import Secret
from tests.promises import promise
from tests.simulated.forged_tokens import NOW_MS

KEY = Secret("k" * 32)
MARKS = ("tool mail/send", "server mail")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "state.sqlite"
    open_engine(path).dispose()
    return path


@pytest.fixture
def connection(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(file, 50)) as connected:
        yield connected


def marks_in(connection: sqlite3.Connection, key: Secret = KEY, tenant: str = "default") -> FamiliarMarks:
    """Return what a process finds that starts now."""
    return FamiliarMarks(connection, key, tenant, days=30)


def rows(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
    return connection.execute("SELECT agent, day FROM familiar ORDER BY agent, day").fetchall()


def test_it_is_known_after_a_restart(tmp_path: Path) -> None:
    """Issue 7: exact over restarts, without anything having to be saved first."""
    file = tmp_path / "state.sqlite"
    with SqliteStore(file, KEY) as store:
        store.remember("planner", MARKS, NOW_MS)
        with SqliteStore(file, KEY) as again:  # the first one has not ended
            assert again.find_known("planner", MARKS, NOW_MS) == frozenset(MARKS)


def test_one_mark_is_written_once_a_day(connection: sqlite3.Connection) -> None:
    """P12: a call that is made again and again costs a look in memory."""
    known = marks_in(connection)
    known.remember("planner", MARKS, NOW_MS)
    changes = connection.total_changes
    known.remember("planner", MARKS, NOW_MS)
    assert connection.total_changes == changes
    known.remember("planner", MARKS[:1], NOW_MS + DAY_MS)
    assert [day for _, day in rows(connection)] == [NOW_MS // DAY_MS, NOW_MS // DAY_MS + 1]


@promise("P7")
@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE familiar SET day = day + 1",
        "UPDATE familiar SET mac = x'00'",
        "UPDATE familiar SET mark = CAST(mark || x'00' AS BLOB)",
        "UPDATE familiar SET agent = 'worker'",
        "UPDATE familiar SET tenant = 'another'",
        "DELETE FROM familiar",
    ],
)
def test_what_somebody_else_wrote_makes_nothing_familiar(connection: sqlite3.Connection, edit: str) -> None:
    """A7: whoever can write the file alone brings no approval to nought, neither for this agent nor for another."""
    marks_in(connection).remember("planner", MARKS, NOW_MS)
    connection.execute(edit)
    for agent in ("planner", "worker"):
        assert marks_in(connection).find_known(agent, MARKS, NOW_MS) == frozenset()


def test_it_is_known_under_one_key_and_to_one_tenant(connection: sqlite3.Connection) -> None:
    """Ours: and where data went cannot be read in the file."""
    marks_in(connection).remember("planner", ("destination send a.example",), NOW_MS)
    for other in (marks_in(connection, Secret("x" * 32)), marks_in(connection, tenant="another")):
        assert other.find_known("planner", ("destination send a.example",), NOW_MS) == frozenset()
    assert b"a.example" not in b"".join(row[0] for row in connection.execute("SELECT mark FROM familiar"))


def test_an_agent_has_so_many_marks_and_crowds_out_its_own_alone(connection: sqlite3.Connection) -> None:
    """A1: whoever floods what is known of it makes things new, never familiar, and to itself alone."""
    known = marks_in(connection)
    known.remember("worker", MARKS, NOW_MS)
    known.remember("planner", MARKS, NOW_MS)
    known.remember(
        "planner", [f"destination send {number}.example" for number in range(MARKS_MAX - 1)], NOW_MS + DAY_MS
    )
    for read in (known, marks_in(connection)):
        assert len(read.find_known("planner", MARKS, NOW_MS + DAY_MS)) == 1
        assert read.find_known("worker", MARKS, NOW_MS + DAY_MS) == frozenset(MARKS)
    assert len(rows(connection)) == MARKS_MAX + len(MARKS)
    known.remember("planner", [f"more {number}" for number in range(2 * MARKS_MAX)], NOW_MS + DAY_MS)
    assert len(rows(connection)) == MARKS_MAX + len(MARKS)


def test_what_is_too_old_is_taken_out(connection: sqlite3.Connection) -> None:
    """Ours: the table does not grow with agents that are gone."""
    known = marks_in(connection)
    known.remember("planner", MARKS, NOW_MS)
    known.remember("worker", MARKS, NOW_MS + 31 * DAY_MS)
    assert {agent for agent, _ in rows(connection)} == {"worker"}


def test_of_many_agents_some_are_read_anew(connection: sqlite3.Connection) -> None:
    """Ours: memory is bounded, and what is known does not change by it."""
    known = marks_in(connection)
    for number in range(AGENTS_MAX + 1):
        known.remember(f"agent-{number}", MARKS[:1], NOW_MS)
    assert known.find_known("agent-0", MARKS, NOW_MS) == {MARKS[0]}


@promise("P7")
def test_what_cannot_be_written_is_not_known(file: Path, connection: sqlite3.Connection) -> None:
    """Ours: it would be new again after the next start. The call that was allowed goes on."""
    known = marks_in(connection)
    with closing(connect(file, 50)) as other:
        other.execute("BEGIN IMMEDIATE")
        known.remember("planner", MARKS, NOW_MS)
        assert known.find_known("planner", MARKS, NOW_MS) == frozenset()
        other.execute("ROLLBACK")
    known.remember("planner", MARKS, NOW_MS)
    assert known.find_known("planner", MARKS, NOW_MS) == frozenset(MARKS)


@promise("P7")
def test_what_cannot_be_read_is_not_known(connection: sqlite3.Connection) -> None:
    """Ours: fail closed, to new."""
    marks_in(connection).remember("planner", MARKS, NOW_MS)
    connection.execute("ALTER TABLE familiar RENAME TO gone")
    known = marks_in(connection)
    assert known.find_known("planner", MARKS, NOW_MS) == frozenset()
    known.remember("planner", MARKS, NOW_MS)
    assert known.find_known("planner", MARKS, NOW_MS) == frozenset()
