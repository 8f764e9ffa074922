"""The control plane: grants are opened and ended here, the epoch is moved, streams are remembered. Never on a call's way.

Whether somebody may do so is not asked here: a statement was verified before. A transaction is short, and never open
while somebody is asked something. What narrows trust moves the epoch in the same transaction.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, final

from sqlalchemy import ColumnElement, Connection, Engine, Row, func, insert, select, tuple_, update

from mediator.adapters.store_sqlite.mac import COLUMNS, GrantSeal, columns_of
from mediator.adapters.store_sqlite.schema import (
    epoch_table,
    grants_table,
    looking,
    streams_table,
    transaction,
)
from mediator.delegation.grant import Grant, GrantState
from mediator.refusal import Reason, Refused

_TABLES: Final = "the store"
ENDED_MAX: Final = 100_000  # ids, each about 100 bytes: more than end while a grant lives


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredGrant:
    """A grant as it is stored, with the statement that opened it and, once it ended, why."""

    grant: Grant
    statement: bytes
    end_reason: str | None


@final
class GrantBook:
    """Grants, epoch and streams. `alarm` is told of a grant that somebody else wrote into the file."""

    def __init__(self, engine: Engine, seal: GrantSeal, tenant: str, alarm: Callable[[str], None]) -> None:
        self._engine: Final = engine
        self._seal: Final = seal
        self._tenant: Final = tenant
        self._alarm: Final = alarm
        self._ended: Final[dict[str, None]] = {}  # latest last

    def is_put_back(self, grant: Grant) -> bool:
        """Tell whether this is the row of an earlier day: open, of a grant that has ended while this process lives."""
        return grant.state is GrantState.OPEN and grant.id in self._ended

    def open_grant(self, grant: Grant, statement: bytes) -> None:
        """Store a grant; trust is not narrowed, and the epoch stays.

        Raises `Refused`: `PROOF_REPLAYED` for a statement that opened a task before, `CHAIN_INVALID` for an id that
        is taken or another tenant's grant, `GRANT_REVOKED` below one that has ended, `STORE_UNAVAILABLE`.
        """
        if grant.tenant != self._tenant:
            raise Refused(Reason.CHAIN_INVALID, f"grant `{grant.id}` belongs to another tenant")
        form, mac = self._seal.seal(grant)
        table = grants_table.c
        with transaction(self._engine, _TABLES) as connection:
            if connection.execute(select(table.id).where(table.id == grant.id)).first() is not None:
                raise Refused(Reason.CHAIN_INVALID, f"there is a grant `{grant.id}` already")
            same = select(table.id).where(table.statement_digest == grant.statement_digest, table.parent.is_(None))
            if grant.parent is not None:
                above = self._find(connection, grant.parent)
                if above is None or above.grant.state is not GrantState.OPEN:
                    raise Refused(Reason.GRANT_REVOKED, f"grant `{grant.parent}` has ended")
            if grant.parent is None and (opened := connection.execute(same).scalar()) is not None:
                raise Refused(
                    Reason.PROOF_REPLAYED, f"this statement opened `{opened}` already, and opens one task, once"
                )
            connection.execute(
                insert(grants_table).values(
                    id=grant.id,
                    **dict(zip(COLUMNS, columns_of(grant), strict=True)),
                    form=form,
                    mac=mac,
                    statement=statement,
                )
            )

    def end_grant(self, grant_id: str, state: GrantState, reason: str) -> tuple[str, ...]:
        """End a grant and all below it; they are dead at the next call. Return what was ended now.

        What has ended before stays as it ended. Raises `Refused`: `GRANT_UNKNOWN`, `STORE_UNAVAILABLE`.
        """
        if state is GrantState.OPEN:
            message = "a grant is not ended by opening it"
            raise ValueError(message)
        with transaction(self._engine, _TABLES) as connection:
            stored = self._find(connection, grant_id)
            if stored is None:
                raise Refused(Reason.GRANT_UNKNOWN, f"there is no grant `{grant_id[:64]}`")
            family = connection.execute(select(grants_table).where(grants_table.c.root == stored.grant.root)).all()
            grants = {one.grant.id: one.grant for row in family if (one := self._read(row)) is not None}
            doomed = [grant for grant in _below(stored.grant, grants) if grant.state is GrantState.OPEN]
            self._end_all(connection, doomed, state, reason)
        self._ended.update(dict.fromkeys((grant_id, *(grant.id for grant in doomed))))
        while len(self._ended) > ENDED_MAX:
            del self._ended[next(iter(self._ended))]
        return tuple(grant.id for grant in doomed)

    def find_grant(self, grant_id: str) -> Grant | None:
        """Return the grant, if it is stored; raises `Refused(STORE_UNAVAILABLE)`."""
        stored = self.find_stored(grant_id)
        return None if stored is None else stored.grant

    def find_stored(self, grant_id: str) -> StoredGrant | None:
        """Return the grant with its statement, if it is stored; raises `Refused(STORE_UNAVAILABLE)`."""
        with looking(self._engine, _TABLES) as connection:
            return self._find(connection, grant_id)

    def list_grants(self) -> tuple[StoredGrant, ...]:
        """Return every grant, oldest first; raises `Refused(STORE_UNAVAILABLE)`."""
        with looking(self._engine, _TABLES) as connection:
            rows = connection.execute(select(grants_table).order_by(grants_table.c.opened_ms, grants_table.c.id)).all()
            return tuple(stored for row in rows if (stored := self._read(row)) is not None)

    def page_grants(
        self, after: str | None, live_at_ms: int | None, most: int
    ) -> tuple[tuple[StoredGrant, ...], str | None]:
        """Return at most so many grants, oldest first, from behind this one on, and behind which one there may be more.

        Of those that are live at that time, if one is given.
        Raises `Refused`: `GRANT_UNKNOWN` where there is no grant `after`; `STORE_UNAVAILABLE`.
        """
        table = grants_table.c
        wanted = select(grants_table).order_by(table.opened_ms, table.id).limit(most)
        if live_at_ms is not None:
            wanted = wanted.where(table.state == str(GrantState.OPEN), table.expires_ms > live_at_ms)
        with looking(self._engine, _TABLES) as connection:
            if after is not None:
                place = connection.execute(select(table.opened_ms, table.id).where(table.id == after)).first()
                if place is None:
                    raise Refused(Reason.GRANT_UNKNOWN, f"there is no grant `{after[:64]}`")
                wanted = wanted.where(tuple_(table.opened_ms, table.id) > tuple_(place.opened_ms, place.id))
            rows = connection.execute(wanted).all()
            page = tuple(stored for row in rows if (stored := self._read(row)) is not None)
        return page, rows[-1].id if len(rows) == most else None

    def extend_grant(self, grant_id: str, expires_ms: int) -> Grant:
        """Have a grant live until then, and move the epoch, so that every process reads it anew.

        Raises `Refused`: `GRANT_UNKNOWN`, `GRANT_REVOKED` for one that has ended, `STORE_UNAVAILABLE`.
        """
        with transaction(self._engine, _TABLES) as connection:
            stored = self._find(connection, grant_id)
            if stored is None:
                raise Refused(Reason.GRANT_UNKNOWN, f"there is no grant `{grant_id[:64]}`")
            if stored.grant.state is not GrantState.OPEN:
                raise Refused(Reason.GRANT_REVOKED, f"grant `{grant_id[:64]}` has ended")
            grant = replace(stored.grant, expires_ms=expires_ms)
            form, mac = self._seal.seal(grant)
            row = grants_table.c.id == grant_id
            connection.execute(update(grants_table).where(row).values(expires_ms=expires_ms, form=form, mac=mac))
            self._bump(connection)
        return grant

    def list_live(self, now_ms: int) -> tuple[Grant, ...]:
        """Return every grant that is open and has not run out, oldest first; raises `Refused(STORE_UNAVAILABLE)`."""
        table = grants_table.c
        wanted = select(grants_table).where(table.state == str(GrantState.OPEN), table.expires_ms > now_ms)
        with looking(self._engine, _TABLES) as connection:
            rows = connection.execute(wanted.order_by(table.opened_ms, table.id)).all()
            return tuple(stored.grant for row in rows if (stored := self._read(row)) is not None)

    def count_open(self, agent: str, now_ms: int) -> int:
        """Return how many grants this agent holds that are open and have not run out; raises `Refused(STORE_UNAVAILABLE)`."""
        return self._count_live(grants_table.c.agent == agent, now_ms)

    def count_handed_on(self, grant_id: str, now_ms: int) -> int:
        """Return how many live grants were made from this one; raises `Refused(STORE_UNAVAILABLE)`."""
        return self._count_live(grants_table.c.parent == grant_id, now_ms)

    def bump_epoch(self) -> int:
        """Move the epoch: whatever was judged before is looked into again; raises `Refused(STORE_UNAVAILABLE)`."""
        with transaction(self._engine, _TABLES) as connection:
            return self._bump(connection)

    def catch_up(self, streams: Collection[str], epoch: int) -> bool:
        """Tell whether this store is older than the ledger that has these streams and came to this epoch.

        If so, revocations may be lost: every open grant is revoked, and the epoch goes beyond the ledger's.
        """
        with transaction(self._engine, _TABLES) as connection:
            known = self._streams(connection)
            current = connection.execute(select(epoch_table.c.value)).scalar_one()
            unknown = sorted(set(streams) - known.keys())
            if epoch <= current and not unknown:
                return False
            connection.execute(update(epoch_table).values(value=max(epoch, current)))
            rows = connection.execute(select(grants_table)).all()
            grants = [stored.grant for row in rows if (stored := self._read(row)) is not None]
            self._bump(connection)
            doomed = [grant for grant in grants if grant.state is GrantState.OPEN]
            self._end_all(connection, doomed, GrantState.REVOKED, "the store was older than the ledger")
            for stream in unknown:
                self._add_stream(connection, stream, 0, is_there=True)
        return True

    def announce_stream(self, stream: str, now_ms: int) -> None:
        """Remember that a stream of this name may come to be; raises `Refused(STORE_UNAVAILABLE)`."""
        with transaction(self._engine, _TABLES) as connection:
            self._add_stream(connection, stream, now_ms, is_there=False)

    def confirm_stream(self, stream: str) -> None:
        """Remember that it did; raises `Refused(STORE_UNAVAILABLE)`."""
        with transaction(self._engine, _TABLES) as connection:
            connection.execute(update(streams_table).where(streams_table.c.name == stream).values(is_there=True))

    def list_streams(self) -> Mapping[str, bool]:
        """Return every stream that was announced, and whether it came to be; raises `Refused(STORE_UNAVAILABLE)`."""
        with looking(self._engine, _TABLES) as connection:
            return self._streams(connection)

    def _count_live(self, of: ColumnElement[bool], now_ms: int) -> int:
        table = grants_table.c
        live = (of, table.state == str(GrantState.OPEN), table.expires_ms > now_ms)
        with looking(self._engine, _TABLES) as connection:
            return int(connection.execute(select(func.count()).select_from(grants_table).where(*live)).scalar_one())

    def _find(self, connection: Connection, grant_id: str) -> StoredGrant | None:
        row = connection.execute(select(grants_table).where(grants_table.c.id == grant_id)).first()
        return None if row is None else self._read(row)

    def _read(self, row: Row[Any]) -> StoredGrant | None:
        """Return what the row holds, if we wrote it, and wrote nothing else since."""
        columns = tuple(getattr(row, name) for name in COLUMNS)
        grant = self._seal.find_stored(row.id, row.form, row.mac, columns)
        if grant is None or self.is_put_back(grant):
            self._alarm(not_ours(row.id))
            return None
        return StoredGrant(grant=grant, statement=row.statement, end_reason=row.end_reason)

    def _end_all(self, connection: Connection, grants: Sequence[Grant], state: GrantState, reason: str) -> None:
        if not grants:
            return
        self._bump(connection)
        for grant in grants:
            form, mac = self._seal.seal(replace(grant, state=state))
            connection.execute(
                update(grants_table)
                .where(grants_table.c.id == grant.id)
                .values(state=str(state), form=form, mac=mac, end_reason=reason)
            )

    def _bump(self, connection: Connection) -> int:
        moved = update(epoch_table).values(value=epoch_table.c.value + 1).returning(epoch_table.c.value)
        return int(connection.execute(moved).scalar_one())

    def _streams(self, connection: Connection) -> Mapping[str, bool]:
        rows = connection.execute(select(streams_table.c.name, streams_table.c.is_there)).all()
        return {row.name: bool(row.is_there) for row in rows}

    def _add_stream(self, connection: Connection, stream: str, now_ms: int, *, is_there: bool) -> None:
        values = {"name": stream, "tenant": self._tenant, "opened_ms": now_ms, "is_there": is_there}
        connection.execute(insert(streams_table).values(**values))


def not_ours(grant_id: str) -> str:
    """Return the alarm over a grant that somebody else wrote."""
    return f"the stored grant `{grant_id[:64]}` is not as we wrote it, and counts as not stored"


def _below(top: Grant, grants: Mapping[str, Grant]) -> list[Grant]:
    """Return the grant and all that were made from it."""
    found = {top.id: top}
    while more := {one.id: one for one in grants.values() if one.parent in found and one.id not in found}:
        found |= more
    return list(found.values())
