"""What may be used once: ids of assertions and of proofs, each remembered until it is refused for its age anyway.

On the way of each call that shows a proof: so it is one statement on the synchronous connection, into a table that is one
tree and no more, and what has run out is taken out beside the calls. Rules:

- Whatever was forgotten is never new again: a clock that was set back, or an emptied table, brings nothing back. So the
  latest time at which anything was forgotten is kept beside the rest.
- What was used while this process lives is known here too, whoever empties the table.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sqlite3
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


@final
class UsedOnce:
    """Remembers across restarts, and across processes on one file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection: Final = connection
        self._until_ms: dict[str, int] = {}
        self._floor_ms = self._now_ms = 0
        self._forget_at_ms = 0

    def use(self, key: str, until_ms: int, now_ms: int) -> bool:
        """Tell whether this is its first use; raises `Refused(STORE_UNAVAILABLE)`."""
        if now_ms >= self._forget_at_ms:
            self._until_ms = {used: until for used, until in self._until_ms.items() if until > now_ms}
            self._floor_ms, self._forget_at_ms = max(self._floor_ms, now_ms), now_ms + FORGET_MS
        if until_ms <= self._floor_ms or key in self._until_ms:
            return False
        try:
            is_first = self._connection.execute(_USE, (key, until_ms)).rowcount == 1
        except sqlite3.Error as error:
            raise refused(f"what was used cannot be written: {error}") from error
        self._now_ms = max(self._now_ms, now_ms)
        self._until_ms[key] = until_ms
        return is_first

    def forget(self, connection: sqlite3.Connection) -> None:
        """Take out of the table what had run out at the last use; beside the calls, and within a transaction.

        Whatever is taken out would be refused from then on as used: that, too, is written.
        """
        now_ms = self._now_ms
        connection.execute(_FORGET, (now_ms,))
        connection.execute(_RAISE_FLOOR, (now_ms,))
