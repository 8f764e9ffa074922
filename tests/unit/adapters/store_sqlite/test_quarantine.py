"""Quarantines in SQLite. What every book keeps stands in `tests/contracts/`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from mediator.adapters.store_sqlite.quarantine import QuarantineTable
from mediator.adapters.store_sqlite.schema import open_engine
from mediator.canonical import Digest
from mediator.kind import ItemKind
from mediator.mediation.quarantine import Quarantined, QuarantineKey
from mediator.refusal import Reason, Refused
from tests.promises import promise

SEND = Quarantined(
    key=QuarantineKey("mail", ItemKind.TOOL, "send", Digest("sha256:1")), since_ms=5, found={"how": "no longer offered"}
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


@pytest.fixture
def table(file: Path) -> QuarantineTable:
    return QuarantineTable(open_engine(file), "default")


def run(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement)


def test_each_tenant_has_its_own(file: Path, table: QuarantineTable) -> None:
    """Ours."""
    table.quarantine([SEND])
    assert QuarantineTable(open_engine(file), "another").list_quarantined() == ()


@promise("P3", "P7")
@pytest.mark.parametrize("edit", ["kind = 'thing'", "found = CAST('{' AS BLOB)", "found = CAST('[]' AS BLOB)"])
def test_a_row_that_somebody_else_wrote_is_refused(file: Path, table: QuarantineTable, edit: str) -> None:
    """P7: what it kept from agents is not known."""
    table.quarantine([SEND])
    run(file, f"UPDATE quarantine SET {edit}")
    with pytest.raises(Refused) as caught:
        table.list_quarantined()
    assert caught.value.reason is Reason.STORE_UNAVAILABLE


@promise("P7")
@pytest.mark.parametrize(
    "use", [lambda table: table.list_quarantined(), lambda table: table.quarantine([SEND])], ids=["read", "write"]
)
def test_a_table_that_is_not_there_is_refused(
    file: Path, table: QuarantineTable, use: Callable[[QuarantineTable], object]
) -> None:
    """P7: no quarantine is not the same as none that can be read."""
    run(file, "DROP TABLE quarantine")
    with pytest.raises(Refused) as caught:
        use(table)
    assert caught.value.reason is Reason.STORE_UNAVAILABLE
