"""What may be used once: ids of assertions and of proofs, each remembered until it is refused for its age anyway.

On the way of each call that shows a proof, so it is one statement on the synchronous connection, and what has run out is
taken out in batches. Rules:

- Whatever was forgotten is never new again: a clock that was set back, or an emptied table, brings nothing back. So the
  latest time at which anything was forgotten is kept beside the rest.
- What was used while this process lives is known here too, whoever empties the table.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import Final, final

from mediator.adapters.store_sqlite.schema import refused

FORGET_MS: Final = 10_000  # so much longer at most than it must be
_USE: Final = (  # `floor` is the name under which that time is kept; every other has a colon in it
    "INSERT OR IGNORE INTO used (key, until_ms) SELECT ?1, ?2 "
    "WHERE NOT EXISTS (SELECT 1 FROM used WHERE key = 'floor' AND until_ms >= ?2)"
)
_FORGET: Final = "DELETE FROM used WHERE until_ms <= ? AND key <> 'floor'"
_RAISE_FLOOR: Final = (
    "INSERT INTO used (key, until_ms) VALUES ('floor', ?) "
    "ON CONFLICT (key) DO UPDATE SET until_ms = max(until_ms, excluded.until_ms)"
)
_READ_FLOOR: Final = "SELECT until_ms FROM used WHERE key = 'floor'"


@final
class UsedOnce:
    """Remembers across restarts, and across processes on one file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection: Final = connection
        self._until_ms: dict[str, int] = {}
        self._floor_ms: int | None = None  # read at the first use
        self._forget_at_ms = 0

    def use(self, key: str, until_ms: int, now_ms: int) -> bool:
        """Tell whether this is its first use; raises `Refused(STORE_UNAVAILABLE)`."""
        try:
            if self._floor_ms is None:
                row = self._connection.execute(_READ_FLOOR).fetchone()
                self._floor_ms = 0 if row is None else int(row[0])
            if now_ms >= self._forget_at_ms:
                self._forget(now_ms)
            if until_ms <= self._floor_ms or key in self._until_ms:
                return False
            is_first = self._connection.execute(_USE, (key, until_ms)).rowcount == 1
        except sqlite3.Error as error:
            raise refused(f"what was used cannot be written: {error}") from error
        self._until_ms[key] = until_ms
        return is_first

    def _forget(self, now_ms: int) -> None:
        """Forget what has run out, and from now on refuse whatever would have been."""
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute(_FORGET, (now_ms,))
            connection.execute(_RAISE_FLOOR, (now_ms,))
            floor = int(connection.execute(_READ_FLOOR).fetchone()[0])
            connection.execute("COMMIT")
        except sqlite3.Error:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        self._floor_ms = max(floor, now_ms)
        self._until_ms = {used: until for used, until in self._until_ms.items() if until > now_ms}
        self._forget_at_ms = now_ms + FORGET_MS
