"""Freezes that last: one row under one MAC, and whatever is wrong with it stops everything.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mediator.adapters.store_sqlite.freezes import EVERYTHING, RULES_MAX, FreezeTable
from mediator.adapters.store_sqlite.schema import connect, open_engine
from mediator.canonical import canonical_bytes
from mediator.evidence import Secret
from mediator.refusal import Reason, Refused
from tests.contracts.stores import MAC_KEY
from tests.promises import promise


class Opened:
    """A table over a file, and a way around it."""

    def __init__(self, path: Path, key: Secret = MAC_KEY) -> None:
        self.path = path
        self.engine = open_engine(path)
        self.table = FreezeTable(self.engine, key)

    def again(self, key: Secret = MAC_KEY) -> FreezeTable:
        """The table as the next process opens it."""
        return FreezeTable(self.engine, key)

    def run(self, statement: str, *values: object) -> None:
        with closing(connect(self.path, 1000)) as connection:
            connection.execute(statement, values)

    def row(self) -> tuple[bytes, bytes] | None:
        with closing(connect(self.path, 1000)) as connection:
            found = connection.execute("SELECT form, mac FROM freezes").fetchone()
        return None if found is None else (bytes(found[0]), bytes(found[1]))

    def epoch(self) -> int:
        with closing(connect(self.path, 1000)) as connection:
            return int(connection.execute("SELECT value FROM epoch").fetchone()[0])


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    return Opened(tmp_path / "state.sqlite")


def reason_of_change(table: FreezeTable, name: str = "agent:a", digest: str | None = "sha256:1") -> Reason:
    with pytest.raises(Refused) as stop:
        table.change(name, digest)
    return stop.value.reason


def test_in_a_new_store_nobody_is_stopped(opened: Opened) -> None:
    """Ours."""
    assert opened.table.read(opened.row()) == {}


def test_whoever_is_stopped_stands_there_with_the_statement_that_says_so(opened: Opened) -> None:
    """Design 2a: and each change that is one moves the epoch."""
    assert opened.table.change("agent:a", "sha256:1")
    assert opened.table.change("everything", "sha256:2")
    assert not opened.table.change("agent:a", "sha256:3")
    assert opened.table.read(opened.row()) == {"agent:a": "sha256:1", "everything": "sha256:2"}
    assert opened.epoch() == 3
    assert opened.table.change("agent:a", None)
    assert not opened.table.change("agent:a", None)
    assert opened.again().read(opened.row()) == {"everything": "sha256:2"}
    assert opened.epoch() == 4
    assert opened.table.change("everything", None)  # the name, and not what stands for a row that cannot be read
    assert opened.table.read(opened.row()) == {}


@promise("P7")
def test_a_row_that_is_gone_stops_everything_and_is_not_written_anew(opened: Opened) -> None:
    """Empty is never permission: also for the next process, and where the epoch is set back."""
    opened.table.change("agent:a", "sha256:1")
    opened.run("DELETE FROM freezes")
    assert opened.table.read(opened.row()) is EVERYTHING
    assert reason_of_change(opened.table) is Reason.STORE_UNAVAILABLE
    assert opened.again().read(opened.row()) is EVERYTHING
    opened.run("INSERT INTO streams (name, tenant, opened_ms, is_there) VALUES ('s', 'default', 1, 1)")
    opened.run("UPDATE epoch SET value = 1")
    assert opened.again().read(opened.row()) is EVERYTHING
    assert reason_of_change(opened.again(), digest=None) is Reason.STORE_UNAVAILABLE


@promise("P7")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE freezes SET form = CAST(replace(form, 'agent:a', 'agent:b') AS BLOB)",
        "UPDATE freezes SET mac = zeroblob(32)",
        "UPDATE freezes SET mac = zeroblob(0)",
        "UPDATE freezes SET form = zeroblob(0)",
    ],
)
def test_a_row_under_another_mac_stops_everything(opened: Opened, statement: str) -> None:
    """Ours: whoever writes the database has no key."""
    opened.table.change("agent:a", "sha256:1")
    opened.run(statement)
    assert opened.table.read(opened.row()) is EVERYTHING
    assert reason_of_change(opened.table, digest=None) is Reason.STORE_UNAVAILABLE
    assert opened.epoch() == 2


@promise("P7")
def test_a_row_under_another_key_stops_everything(opened: Opened) -> None:
    """Ours: a key that was replaced forgets nothing in silence."""
    assert opened.again(Secret("another key, of at least thirty-two characters")).read(opened.row()) is EVERYTHING


@promise("P7")
@pytest.mark.parametrize(
    "form", [b"", b"\xff", b"[]", b"{}", b'{"frozen":[],"serial":0}', b'{"frozen":{},"serial":"1"}']
)
def test_a_form_of_another_kind_stops_everything_whatever_its_mac(opened: Opened, form: bytes) -> None:
    """Ours: what cannot be read may have stopped anybody."""
    assert opened.table.read((form, opened.table._mac(form))) is EVERYTHING


@promise("P7")
def test_a_row_that_stood_there_before_stops_everything(opened: Opened) -> None:
    """A7: it was written by us, and is put back by somebody else."""
    before = opened.row()
    assert before is not None
    opened.table.change("agent:a", "sha256:1")
    opened.run("UPDATE freezes SET form = ?, mac = ?", *before)
    assert opened.table.read(opened.row()) is EVERYTHING
    assert reason_of_change(opened.table) is Reason.STORE_UNAVAILABLE


def test_two_processes_on_one_file_read_what_the_other_wrote(opened: Opened) -> None:
    """Ours: the serial goes up for both."""
    other = opened.again()
    opened.table.change("agent:a", "sha256:1")
    assert other.change("agent:b", "sha256:2")
    assert opened.table.read(opened.row()) == {"agent:a": "sha256:1", "agent:b": "sha256:2"}
    assert opened.table.change("agent:b", None)
    assert other.read(opened.row()) == {"agent:a": "sha256:1"}


@promise("P7")
def test_what_cannot_be_written_is_refused_and_changes_nothing(opened: Opened) -> None:
    """Ours: neither the row nor the epoch, nor what this process holds for the latest."""
    opened.run("CREATE TRIGGER no BEFORE UPDATE ON epoch BEGIN SELECT raise(ABORT, 'no'); END")
    assert reason_of_change(opened.table) is Reason.STORE_UNAVAILABLE
    assert opened.table.read(opened.row()) == {}
    opened.run("DROP TRIGGER no")
    assert opened.table.change("agent:a", "sha256:1")
    opened.run("DROP TABLE freezes")
    assert reason_of_change(opened.table) is Reason.STORE_UNAVAILABLE


def test_no_name_is_written_outside_the_mac(opened: Opened) -> None:
    """Ours: the form is RFC 8785, so that its bytes are one."""
    opened.table.change("tool:mail/send", "sha256:1")
    row = opened.row()
    assert row is not None
    assert row[0] == canonical_bytes({"frozen": {"tool:mail/send": "sha256:1"}, "rules": {}, "serial": 1})
    with closing(sqlite3.connect(opened.path)) as connection:
        columns = [column[1] for column in connection.execute("PRAGMA table_info(freezes)")]
    assert columns == ["one", "form", "mac"]


@promise("P7")
def test_rules_stand_in_the_same_row_and_stop_nobody_by_themselves(opened: Opened) -> None:
    """Issue 7: who can write the database alone takes none out; the epoch stays, for nobody's trust has moved."""
    opened.table.change("agent:a", "sha256:1")
    before, earlier = opened.epoch(), opened.row()
    assert opened.table.change_rule("loop of task", "sha256:2")
    assert not opened.table.change_rule("loop of task", "sha256:3")
    assert opened.again().list_rules() == {"loop of task": "sha256:2"}
    assert opened.table.read(opened.row()) == {"agent:a": "sha256:1"}
    assert opened.epoch() == before
    assert earlier is not None
    opened.run("UPDATE freezes SET form = ?, mac = ?", *earlier)  # the row of before the rule
    assert opened.table.read(opened.row()) is EVERYTHING
    assert opened.table.list_rules() == {}
    with pytest.raises(Refused) as stop:
        opened.table.change_rule("loop of owner", "sha256:4")
    assert stop.value.reason is Reason.STORE_UNAVAILABLE


def test_rules_are_taken_out_and_have_an_end(opened: Opened) -> None:
    """Ours: each is looked for at each denial."""
    for number in range(RULES_MAX):
        assert opened.table.change_rule(f"budget b{number} of task", "sha256:1")
    with pytest.raises(Refused) as stop:
        opened.table.change_rule("loop of task", "sha256:1")
    assert stop.value.reason is Reason.MALFORMED
    assert opened.table.change_rule("budget b0 of task", None)
    assert not opened.table.change_rule("budget b0 of task", None)
    assert opened.table.change_rule("loop of task", "sha256:1")
