"""The tables, and the file that they are in: made if it is not there, refused if it is not ours or not whole.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    create_engine,
    event,
    insert,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from mediator.refusal import Reason, Refused

VERSION: Final = 5  # PRAGMA user_version
APPLICATION_ID: Final = 0x4D435054  # `MCPT`
CONTROL_BUSY_MS: Final = 2_000  # a command may wait; a call may not
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO

_REMEDY: Final = "put back a copy, or move it away and open tasks anew"

metadata: Final = MetaData()

epoch_table: Final = Table(
    "epoch",
    metadata,
    Column("one", Integer, primary_key=True),
    Column("value", Integer, nullable=False),
    sqlite_strict=True,
)
grants_table: Final = Table(
    "grants",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("parent", Text),
    Column("root", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("opened_ms", Integer, nullable=False),
    Column("expires_ms", Integer, nullable=False),
    Column("form", LargeBinary, nullable=False),  # RFC 8785; what counts, and what the MAC covers
    Column("mac", LargeBinary, nullable=False),
    Column("statement", LargeBinary, nullable=False),
    Column("statement_digest", Text, nullable=False),
    Column("end_reason", Text),
    sqlite_strict=True,
)
# A statement opens one task, once; whoever finds one lying about opens nothing with it.
Index(
    "one_task_a_statement",
    grants_table.c.statement_digest,
    unique=True,
    sqlite_where=grants_table.c.parent.is_(None),
)
Index("grants_by_root", grants_table.c.root)
Index("grants_by_parent", grants_table.c.parent, grants_table.c.state)
Index("grants_by_agent", grants_table.c.agent, grants_table.c.state)
claims_table: Final = Table(
    "claims",
    metadata,
    Column("key", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("taken", Integer, nullable=False),
    Column("until_ms", Integer),  # of what is counted in a window of time: when that is over
    sqlite_strict=True,
)
Index("claims_of_windows", claims_table.c.until_ms, sqlite_where=claims_table.c.until_ms.is_not(None))
usage_table: Final = Table(
    "usage",
    metadata,
    Column("task", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("calls", Integer, nullable=False),
    Column("last_used_ms", Integer, nullable=False),
    sqlite_strict=True,
)
streams_table: Final = Table(
    "streams",
    metadata,
    Column("name", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("opened_ms", Integer, nullable=False),
    Column("is_there", Integer, nullable=False),
    sqlite_strict=True,
)
freezes_table: Final = Table(
    "freezes",
    metadata,
    Column("one", Integer, primary_key=True),
    Column("form", LargeBinary, nullable=False),  # RFC 8785: every name that is stopped
    Column("mac", LargeBinary, nullable=False),
    sqlite_strict=True,
)
used_table: Final = Table(
    "used",
    metadata,
    Column("key", Text, primary_key=True),
    Column("until_ms", Integer, nullable=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,  # one tree, and nothing to keep beside it: it is written on the way of a call
)
approvals_table: Final = Table(
    "approvals",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("form", LargeBinary, nullable=False),  # RFC 8785: what is asked, and who approved or denied it
    Column("mac", LargeBinary, nullable=False),
    sqlite_strict=True,
)
Index("approvals_by_task", approvals_table.c.task)
familiar_table: Final = Table(
    "familiar",
    metadata,
    Column("mark", LargeBinary, primary_key=True),  # a keyed digest of tenant, agent and what was allowed
    Column("tenant", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("day", Integer, nullable=False),  # since 1970, UTC: when it last was
    Column("mac", LargeBinary, nullable=False),
    sqlite_strict=True,
)
Index("familiar_by_agent", familiar_table.c.agent)
quarantine_table: Final = Table(
    "quarantine",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("server", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("statement_digest", Text, primary_key=True),  # of the approval: another one is free of it
    Column("since_ms", Integer, nullable=False),
    Column("found", LargeBinary, nullable=False),  # RFC 8785
    sqlite_strict=True,
)


def open_engine(path: Path) -> Engine:
    """Return the control plane's way to the file, which is made with its tables if it is not there.

    Raises `Refused(STORE_UNAVAILABLE)` naming what is wrong: a link, somebody else's, not a database, not whole, not
    ours, or made by a newer version.
    """
    _require_private(path)
    engine = create_engine(
        "sqlite://", creator=lambda: connect(path, CONTROL_BUSY_MS), poolclass=NullPool, hide_parameters=True
    )
    event.listen(engine, "connect", _leave_transactions_to_us)
    event.listen(engine, "begin", _begin)
    try:
        _prepare(path, engine)
    except sqlite3.Error as error:
        raise refused(f"`{path}` cannot be used: {error}", _REMEDY) from error
    except DBAPIError as error:
        raise refused(f"`{path}` cannot be used: {error.orig}", _REMEDY) from error
    return engine


def connect(path: Path, busy_ms: int) -> sqlite3.Connection:
    """Return a connection that manages no transaction of its own."""
    connection = sqlite3.connect(path, timeout=busy_ms / 1000, isolation_level=None)
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")  # 3 ms in the middle of a call; `checkpoint` does it beside
    connection.execute("PRAGMA trusted_schema=OFF")
    return connection


def refused(detail: str, remedy: str | None = None) -> Refused:
    """Return the refusal of a store that cannot be used."""
    return Refused(Reason.STORE_UNAVAILABLE, detail, remedy=remedy)


@contextmanager
def transaction(engine: Engine, what: str) -> Iterator[Connection]:
    """Write in one transaction; raises `Refused(STORE_UNAVAILABLE)`, which names what it is for."""
    try:
        with engine.begin() as connection:
            yield connection
    except DBAPIError as error:
        raise refused(f"{what} cannot be used: {error.orig}") from error


@contextmanager
def looking(engine: Engine, what: str) -> Iterator[Connection]:
    """Read, and hold up nobody who writes; raises as `transaction`."""
    try:
        with engine.connect() as connection:
            yield connection.execution_options(looks=True)
    except DBAPIError as error:
        raise refused(f"{what} cannot be read: {error.orig}") from error


def _require_private(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise refused(f"`{path}` cannot be opened, or is a link: {error.strerror}") from error
    facts = os.fstat(descriptor)
    os.close(descriptor)
    if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & _OTHERS:
        raise refused(f"`{path}` must be a file of yours that nobody else may read", f"run `chmod 600 {path}`")


def _prepare(path: Path, engine: Engine) -> None:
    with closing(connect(path, CONTROL_BUSY_MS)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    with engine.connect() as connection:
        looking = connection.execution_options(looks=True)  # whoever opens the file keeps no claim waiting
        if _must_be_made(path, looking):
            return _make(engine)
        if looking.exec_driver_sql("PRAGMA quick_check(1)").scalar_one() != "ok":
            raise refused(f"`{path}` is not whole", _REMEDY)


def _must_be_made(path: Path, connection: Connection) -> bool:
    version, application, tables = (
        connection.exec_driver_sql(question).scalar_one()
        for question in ("PRAGMA user_version", "PRAGMA application_id", "SELECT count(*) FROM sqlite_master")
    )
    if tables and application != APPLICATION_ID:
        raise refused(f"`{path}` is a database, but not one of ours", "move it away")
    triggers = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master WHERE type = 'trigger'").scalar_one()
    if triggers:  # each would write when we do, and undo it
        raise refused(f"`{path}` has triggers, which we never make", _REMEDY)
    if tables and version != VERSION:
        raise refused(f"`{path}` was made by another version (form {version})", "run that version")
    return not tables


def _make(engine: Engine) -> None:
    with engine.begin() as connection:
        metadata.create_all(connection)  # unless another process was quicker
        connection.execute(insert(epoch_table).prefix_with("OR IGNORE").values(one=1, value=1))
        connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
        connection.exec_driver_sql(f"PRAGMA user_version={VERSION}")


def _begin(connection: Connection) -> None:
    # What only looks takes no lock that a claim would wait for.
    looks = connection.get_execution_options().get("looks")
    connection.exec_driver_sql("BEGIN" if looks else "BEGIN IMMEDIATE")


def _leave_transactions_to_us(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None
