"""Freezes that last: every name that is stopped, in one row under one MAC, with the statement that stopped it.

One row, so that whoever can write the database alone can neither stop anything nor let it go: a row that is missing, not
as we wrote it, or one that stood there before (its serial says so, while this process lives), stops everything.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final, final

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import DBAPIError

from mediator.adapters.store_sqlite.schema import epoch_table, freezes_table, refused, streams_table
from mediator.canonical import JsonObject, canonical_bytes, parse_object
from mediator.evidence import Secret
from mediator.refusal import Refused

EVERYTHING: Final[Mapping[str, str]] = MappingProxyType({"everything": ""})
_CONTEXT: Final = b"mcp-mediator: freezes, form 1\n"


@final
class FreezeTable:
    """The names that are stopped, each with the digest of the statement that says so."""

    def __init__(self, engine: Engine, key: Secret) -> None:
        self._engine: Final = engine
        self._serial = 0  # of the latest row that was seen
        self._key: Final = hashlib.sha256(key.reveal().strip().encode()).digest()
        with self._transaction() as connection:
            # Written into a store that nobody used yet, and never again: a row that is gone was taken out. Who makes it
            # look unused takes out its streams, and is found out by the ledger, which has them.
            is_new = connection.execute(select(epoch_table.c.value)).scalar_one() == 1
            if is_new and connection.execute(select(streams_table.c.name)).first() is None:
                form, mac = self._sealed({}, 0)
                connection.execute(insert(freezes_table).prefix_with("OR IGNORE").values(one=1, form=form, mac=mac))

    def read(self, row: tuple[bytes, bytes] | None) -> Mapping[str, str]:
        """Return what this row stops; everything, where it is not as we wrote it."""
        if row is None or not hmac.compare_digest(self._mac(row[0]), row[1]):
            return EVERYTHING
        try:
            form = parse_object(row[0])
        except Refused:
            return EVERYTHING
        match form:
            case {"serial": int(serial), "frozen": dict(frozen)} if serial >= self._serial:
                self._serial = serial
                return {name: str(digest) for name, digest in frozen.items()}
            case _:
                return EVERYTHING

    def change(self, name: str, statement_digest: str | None) -> bool:
        """Stop this, or with no statement let it go; tell whether that changed anything. The epoch moves with it.

        Raises `Refused(STORE_UNAVAILABLE)`, also where the row is not ours: then nothing is let go.
        """
        with self._transaction() as connection:
            row = connection.execute(select(freezes_table.c.form, freezes_table.c.mac)).first()
            frozen = self.read(None if row is None else (row.form, row.mac))
            if frozen is EVERYTHING:
                raise refused("the freezes are not as we wrote them", "put back a copy of the store")
            if (name in frozen) is (statement_digest is not None):
                return False
            frozen = {other: digest for other, digest in frozen.items() if other != name}
            if statement_digest is not None:
                frozen[name] = statement_digest
            form, mac = self._sealed(frozen, self._serial + 1)
            connection.execute(update(freezes_table).values(form=form, mac=mac))
            connection.execute(update(epoch_table).values(value=epoch_table.c.value + 1))
        self._serial += 1
        return True

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise refused(f"the freezes cannot be used: {error.orig}") from error

    def _sealed(self, frozen: Mapping[str, str], serial: int) -> tuple[bytes, bytes]:
        members: JsonObject = {"frozen": {**frozen}, "serial": serial}
        form = canonical_bytes(members)
        return form, self._mac(form)

    def _mac(self, form: bytes) -> bytes:
        return hmac.digest(self._key, _CONTEXT + form, "sha256")
