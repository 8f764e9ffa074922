"""Quarantines that last: each written once, under the statement that approved what is quarantined; none is ever deleted.

A pin that somebody puts back is still under its old statement, and still quarantined.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, final

from sqlalchemy import Engine, insert, select, update
from sqlalchemy.exc import DBAPIError

from mediator.adapters.store_sqlite.schema import epoch_table, quarantine_table, refused
from mediator.canonical import Digest, canonical_bytes, parse_object
from mediator.kind import ItemKind
from mediator.mediation.quarantine import Quarantined, QuarantineKey
from mediator.refusal import Refused


@final
class QuarantineTable:
    """Fills the port `QuarantineBook`."""

    def __init__(self, engine: Engine, tenant: str) -> None:
        self._engine: Final = engine
        self._tenant: Final = tenant

    def list_quarantined(self) -> tuple[Quarantined, ...]:
        """Return every quarantine that was ever written, oldest first; raises `Refused(STORE_UNAVAILABLE)`.

        A row that cannot be read stops it: what it kept from agents is not known.
        """
        table = quarantine_table.c
        wanted = select(quarantine_table).where(table.tenant == self._tenant).order_by(table.since_ms, table.name)
        try:
            with self._engine.connect() as connection:
                rows = connection.execution_options(looks=True).execute(wanted).all()
        except DBAPIError as error:
            raise refused(f"the quarantines cannot be read: {error.orig}") from error
        try:
            return tuple(
                Quarantined(
                    key=QuarantineKey(row.server, ItemKind(row.kind), row.name, Digest(row.statement_digest)),
                    since_ms=row.since_ms,
                    found=parse_object(row.found),
                )
                for row in rows
            )
        except (ValueError, Refused) as error:
            raise refused("a quarantine is not as we wrote it", "put back a copy of the store") from error

    def quarantine(self, items: Sequence[Quarantined]) -> None:
        """Write these, each once, and move the epoch; raises `Refused(STORE_UNAVAILABLE)`."""
        rows = [
            {
                "tenant": self._tenant,
                "server": one.key.server,
                "kind": str(one.key.kind),
                "name": one.key.name,
                "statement_digest": one.key.statement_digest,
                "since_ms": one.since_ms,
                "found": canonical_bytes(one.found),
            }
            for one in items
        ]
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(quarantine_table).prefix_with("OR IGNORE"), rows)
                connection.execute(update(epoch_table).values(value=epoch_table.c.value + 1))
        except DBAPIError as error:
            raise refused(f"a quarantine cannot be written: {error.orig}") from error
