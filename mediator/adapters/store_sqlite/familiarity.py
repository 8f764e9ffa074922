"""What each agent is familiar with: marks of what it was allowed, each with the day (UTC) on which that was last so.

On the way of each call, so it is read once for an agent, and written once a day for a mark. Rules:

- Whatever cannot be read or written is not known: then the agent is new to it, and a policy may ask for a human.
- A mark is kept as a keyed digest, under the key of the grants: whoever can write the file alone makes nothing familiar,
  and who can read it alone does not learn where data went. The day is under a MAC.
- An agent has so many marks; one more takes the place of its own that was used longest ago, never of another agent's.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import hashlib
import hmac
import sqlite3
from collections.abc import Collection
from contextlib import suppress
from functools import lru_cache
from typing import Final, final

from mediator.evidence import Secret

MARKS_MAX: Final = 512  # of one agent
AGENTS_MAX: Final = 256  # kept in memory, some 75 kB each at most
DAY_MS: Final = 86_400_000
_KEYED_MAX: Final = 8_192
_ID_BYTES: Final = 16
_CONTEXT: Final = b"mcp-mediator: what an agent is familiar with, form 1\n"
_READ: Final = "SELECT mark, day, mac FROM familiar WHERE agent = ? AND tenant = ?"
_WRITE: Final = (
    "INSERT INTO familiar (mark, tenant, agent, day, mac) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (mark) DO UPDATE SET day = excluded.day, mac = excluded.mac"
)
_DROP: Final = "DELETE FROM familiar WHERE mark = ?"
_FORGET: Final = "DELETE FROM familiar WHERE day < ?"


@final
class FamiliarMarks:
    """Fills the port `Familiarity`: what was allowed today, or on one of so many days before, is known."""

    def __init__(self, connection: sqlite3.Connection, key: Secret, tenant: str, days: int) -> None:
        self._connection: Final = connection
        self._key: Final = hashlib.sha256(_CONTEXT + key.reveal().strip().encode()).digest()
        self._tenant: Final = tenant
        self._days: Final = days
        self._agents: dict[str, dict[bytes, int]] = {}
        self._forgot_on = 0
        self._keyed: Final = lru_cache(maxsize=_KEYED_MAX)(self._digest)

    def find_known(self, agent: str, marks: Collection[str], now_ms: int) -> frozenset[str]:
        """Return which of these the agent is familiar with."""
        since = now_ms // DAY_MS - self._days
        known = self._marks_of(agent)
        return frozenset(mark for mark in marks if known.get(self._keyed(agent, mark), -1) >= since)

    def remember(self, agent: str, marks: Collection[str], now_ms: int) -> None:
        """Have the agent be familiar with these from now on."""
        today = now_ms // DAY_MS
        known = self._marks_of(agent)
        new = [keyed for mark in marks if known.get(keyed := self._keyed(agent, mark), -1) < today]
        if not new:
            return
        kept = [*sorted(known.keys() - set(new), key=known.__getitem__, reverse=True)][: MARKS_MAX - len(new)]
        dropped = known.keys() - set(new) - set(kept)
        if self._write(agent, new, dropped, today):
            self._agents[agent] = {mark: known[mark] for mark in kept} | dict.fromkeys(new[:MARKS_MAX], today)

    def _marks_of(self, agent: str) -> dict[bytes, int]:
        known = self._agents.get(agent)
        if known is None:
            try:
                rows = self._connection.execute(_READ, (agent, self._tenant)).fetchall()
            except (sqlite3.Error, UnicodeEncodeError):
                return {}
            known = {mark: day for mark, day, mac in rows if hmac.compare_digest(self._mac(mark, day), mac)}
            if len(self._agents) >= AGENTS_MAX:
                del self._agents[next(iter(self._agents))]  # the one that was read longest ago
            self._agents[agent] = known
        return known

    def _write(self, agent: str, new: list[bytes], dropped: Collection[bytes], today: int) -> bool:
        connection = self._connection
        rows = [(mark, self._tenant, agent, today, self._mac(mark, today)) for mark in new[:MARKS_MAX]]
        try:
            connection.execute("BEGIN IMMEDIATE")
            if today > self._forgot_on:
                connection.execute(_FORGET, (today - self._days,))
            connection.executemany(_DROP, [(mark,) for mark in dropped])
            connection.executemany(_WRITE, rows)
            connection.execute("COMMIT")
        except (sqlite3.Error, UnicodeEncodeError):
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            return False
        self._forgot_on = today
        return True

    def _digest(self, agent: str, mark: str) -> bytes:
        text = f"{len(self._tenant)}:{self._tenant}{len(agent)}:{agent}{mark}"
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._key, digest_size=_ID_BYTES).digest()

    def _mac(self, mark: bytes, day: int) -> bytes:
        return hashlib.blake2b(mark + str(day).encode(), key=self._key, digest_size=_ID_BYTES, person=b"day").digest()
