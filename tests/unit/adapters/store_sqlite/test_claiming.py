"""What is counted is taken whole or not at all. What a store makes of it: tests/contracts/test_claims.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from mediator.adapters.store_sqlite.claiming import count, find_taken, forget, take
from mediator.adapters.store_sqlite.schema import connect, open_engine
from mediator.mediation.deliberate import Claim
from mediator.mediation.ports import Claimed, Lost, Stale
from mediator.refusal import Reason, Refused
from tests.promises import promise

TWICE, ONCE, NEVER = Claim(key="a", limit=2), Claim(key="b", limit=1), Claim(key="c", limit=0)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    open_engine(tmp_path / "state.sqlite")
    with closing(connect(tmp_path / "state.sqlite", 1)) as opened:
        yield opened


def taken(connection: sqlite3.Connection) -> dict[str, int]:
    return dict(connection.execute("SELECT key, taken FROM claims").fetchall())


def unheard(alarm: str) -> None:
    """Stand in where nothing is alarming."""
    raise AssertionError(alarm)


@promise("P4", "P7")
def test_all_is_taken_or_none_and_what_is_used_up_is_told(connection: sqlite3.Connection) -> None:
    """Ours: of two rights, one of which is used up, the other keeps what it has."""
    assert take(connection, "default", [TWICE, ONCE], 1, {}, unheard) == (Claimed(), frozenset({"b"}))
    assert take(connection, "default", [TWICE, ONCE], 1, {}, unheard) == (Lost(ONCE), frozenset({"b"}))
    assert taken(connection) == {"a": 1, "b": 1}
    assert take(connection, "default", [TWICE], 1, {}, unheard) == (Claimed(), frozenset({"a"}))
    assert take(connection, "default", [NEVER], 1, {}, unheard) == (Lost(NEVER), frozenset({"c"}))
    assert taken(connection) == {"a": 2, "b": 1}


@promise("P5")
def test_nothing_is_taken_under_another_epoch(connection: sqlite3.Connection) -> None:
    """Ours: what was judged then may be revoked by now."""
    for epoch in (0, 2):
        assert take(connection, "default", [ONCE], epoch, {}, unheard) == (Stale(), frozenset())
    assert taken(connection) == {}


@promise("P7")
def test_what_cannot_be_taken_is_refused_and_leaves_no_transaction(connection: sqlite3.Connection) -> None:
    """Fail closed: and the next one is served."""
    connection.execute("ALTER TABLE claims RENAME TO hidden")
    with pytest.raises(Refused) as stop:
        take(connection, "default", [ONCE], 1, {}, unheard)
    assert stop.value.reason is Reason.STORE_UNAVAILABLE
    assert not connection.in_transaction
    connection.execute("ALTER TABLE hidden RENAME TO claims")
    assert take(connection, "default", [ONCE], 1, {}, unheard)[0] == Claimed()


@promise("P4", "P7")
def test_what_was_counted_before_is_not_counted_again(connection: sqlite3.Connection) -> None:
    """A7: who empties the table gives nobody a call; and what was not taken is not remembered."""
    known: dict[str, int] = {}
    alarms: list[str] = []
    assert take(connection, "default", [TWICE], 1, known, alarms.append)[0] == Claimed()
    assert take(connection, "default", [NEVER], 1, known, alarms.append)[0] == Lost(NEVER)
    assert known == {"a": 1}
    connection.execute("DELETE FROM claims")
    assert take(connection, "default", [TWICE], 1, known, alarms.append) == (Lost(TWICE), frozenset({"a"}))
    assert len(alarms) == 1


def test_windows_that_are_over_are_taken_out_and_nothing_else(connection: sqlite3.Connection) -> None:
    """Ours: a minute later, for who was judged in a window is counted in it."""
    claims = [Claim(key=f"w{until}", limit=9, until_ms=until) for until in (1000, 2000)]
    take(connection, "default", [*claims, TWICE], 1, {}, unheard)
    forget(connection, 60_999)
    assert taken(connection) == {"w1000": 1, "w2000": 1, "a": 1}
    forget(connection, 61_000)
    assert taken(connection) == {"w2000": 1, "a": 1}


@promise("P7")
def test_what_cannot_be_counted_is_said_and_nothing_of_it_is_counted(
    connection: sqlite3.Connection, tmp_path: Path
) -> None:
    """Ours: all of it, or none."""
    known: dict[str, int] = {}
    assert count(connection, "default", [replace(TWICE, amount=5), ONCE], known) == {"a", "b"}
    assert known == {"a": 5, "b": 1}
    with closing(connect(tmp_path / "state.sqlite", 1)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Refused) as stop:
            count(connection, "default", [TWICE], known)
    assert stop.value.reason is Reason.STORE_UNAVAILABLE
    assert taken(connection) == {"a": 5, "b": 1}


def test_what_was_counted_can_be_read(connection: sqlite3.Connection) -> None:
    """Ours: and a file that cannot be read is said to be one."""
    take(connection, "default", [replace(TWICE, amount=2)], 1, {}, unheard)
    assert [find_taken(connection, key) for key in ("a", "b")] == [2, 0]
    connection.execute("DROP TABLE claims")
    with pytest.raises(Refused) as stop:
        find_taken(connection, "a")
    assert stop.value.reason is Reason.STORE_UNAVAILABLE
