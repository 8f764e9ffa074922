"""Freezes that last: every name that is stopped, and every rule that stops, in one row under one MAC, with its statement.

One row, so that whoever can write the database alone can neither stop anything nor let it go: a row that is missing, not
as we wrote it, or one that stood there before (its serial says so, while this process lives), stops everything.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, final

from sqlalchemy import Connection, Engine, insert, select, update

from mediator.adapters.store_sqlite.schema import epoch_table, freezes_table, refused, streams_table, transaction
from mediator.canonical import Json, JsonObject, canonical_bytes, parse_object
from mediator.evidence import Secret
from mediator.refusal import Reason, Refused

EVERYTHING: Final[Mapping[str, str]] = MappingProxyType({"everything": ""})
RULES_MAX: Final = 64
_TABLES: Final = "the freezes"
_CONTEXT: Final = b"mcp-mediator: freezes, form 2\n"


@final
class FreezeTable:
    """The names that are stopped, each with the digest of the statement that says so."""

    def __init__(self, engine: Engine, key: Secret) -> None:
        self._engine: Final = engine
        self._serial = 0  # of the latest row that was seen
        self._key: Final = hashlib.sha256(key.reveal().strip().encode()).digest()
        with transaction(self._engine, _TABLES) as connection:
            # Written into a store that nobody used yet, and never again: a row that is gone was taken out. Who makes it
            # look unused takes out its streams, and is found out by the ledger, which has them.
            is_new = connection.execute(select(epoch_table.c.value)).scalar_one() == 1
            if is_new and connection.execute(select(streams_table.c.name)).first() is None:
                form, mac = self._sealed({}, {}, 0)
                connection.execute(insert(freezes_table).prefix_with("OR IGNORE").values(one=1, form=form, mac=mac))

    def read(self, row: tuple[bytes, bytes] | None) -> Mapping[str, str]:
        """Return what this row stops; everything, where it is not as we wrote it."""
        return self._read(row)[0]

    def list_rules(self) -> Mapping[str, str]:
        """Return the rules by which somebody is stopped; none where the row is not as we wrote it: all is stopped then."""
        with transaction(self._engine, _TABLES) as connection:
            return self._read(self._row(connection))[1]

    def _read(self, row: tuple[bytes, bytes] | None) -> tuple[Mapping[str, str], Mapping[str, str]]:
        if row is None or not hmac.compare_digest(self._mac(row[0]), row[1]):
            return EVERYTHING, {}
        try:
            form = parse_object(row[0])
        except Refused:
            return EVERYTHING, {}
        match form:
            case {"serial": int(serial), "frozen": dict(frozen), "rules": dict(rules)} if serial >= self._serial:
                self._serial = serial
                return _texts(frozen), _texts(rules)
            case _:
                return EVERYTHING, {}

    def change(self, name: str, statement_digest: str | None) -> bool:
        """Stop this, or with no statement let it go; tell whether that changed anything. The epoch moves with it.

        Raises `Refused(STORE_UNAVAILABLE)`, also where the row is not ours: then nothing is let go.
        """
        with transaction(self._engine, _TABLES) as connection:
            frozen, rules = self._ours(connection)
            changed = _changed(frozen, name, statement_digest)
            if changed is None:
                return False
            self._write(connection, changed, rules)
            connection.execute(update(epoch_table).values(value=epoch_table.c.value + 1))
        self._serial += 1
        return True

    def change_rule(self, rule: str, statement_digest: str | None) -> bool:
        """Keep this rule, or with no statement take it out; as `change`. Nobody is stopped by that, and the epoch stays."""
        with transaction(self._engine, _TABLES) as connection:
            frozen, rules = self._ours(connection)
            changed = _changed(rules, rule, statement_digest)
            if changed is None:
                return False
            if len(changed) > RULES_MAX:
                raise Refused(Reason.MALFORMED, f"{RULES_MAX} rules are enough", remedy="take one out")
            self._write(connection, frozen, changed)
        self._serial += 1
        return True

    def _ours(self, connection: Connection) -> tuple[Mapping[str, str], Mapping[str, str]]:
        frozen, rules = self._read(self._row(connection))
        if frozen is EVERYTHING:
            raise refused("the freezes are not as we wrote them", "put back a copy of the store")
        return frozen, rules

    def _row(self, connection: Connection) -> tuple[bytes, bytes] | None:
        row = connection.execute(select(freezes_table.c.form, freezes_table.c.mac)).first()
        return None if row is None else (row.form, row.mac)

    def _write(self, connection: Connection, frozen: Mapping[str, str], rules: Mapping[str, str]) -> None:
        form, mac = self._sealed(frozen, rules, self._serial + 1)
        connection.execute(update(freezes_table).values(form=form, mac=mac))

    def _sealed(self, frozen: Mapping[str, str], rules: Mapping[str, str], serial: int) -> tuple[bytes, bytes]:
        members: JsonObject = {"frozen": {**frozen}, "rules": {**rules}, "serial": serial}
        form = canonical_bytes(members)
        return form, self._mac(form)

    def _mac(self, form: bytes) -> bytes:
        return hmac.digest(self._key, _CONTEXT + form, "sha256")


def _changed(named: Mapping[str, str], name: str, statement_digest: str | None) -> dict[str, str] | None:
    """Return these with that name, or with no statement without it; None where that changes nothing."""
    if (name in named) is (statement_digest is not None):
        return None
    rest = {other: digest for other, digest in named.items() if other != name}
    return rest if statement_digest is None else {**rest, name: statement_digest}


def _texts(forms: Mapping[str, Json]) -> Mapping[str, str]:
    return {name: str(digest) for name, digest in forms.items()}
