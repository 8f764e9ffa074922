"""What is counted, taken in one transaction: all of it or none, and only under the epoch that was judged under.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from mediator.adapters.store_sqlite.schema import refused
from mediator.mediation.claims import Claim
from mediator.mediation.ports import Claimed, Claiming, Lost, Stale

_EPOCH: Final = "SELECT value FROM epoch"
_CLAIM: Final = (
    "INSERT INTO claims (key, tenant, taken, until_ms) VALUES (?1, ?2, ?4, ?5) "
    "ON CONFLICT (key) DO UPDATE SET taken = taken + ?4 WHERE taken + ?4 <= ?3 RETURNING taken"
)
_COUNT: Final = (
    "INSERT INTO claims (key, tenant, taken, until_ms) VALUES (?1, ?2, ?3, ?4) "
    "ON CONFLICT (key) DO UPDATE SET taken = taken + ?3 RETURNING taken"
)
_LATE_MS: Final = 60_000  # a call that was judged in a window is counted in it, a little later
_FORGET: Final = "DELETE FROM claims WHERE until_ms <= ?"


def take(
    connection: sqlite3.Connection,
    tenant: str,
    claims: Sequence[Claim],
    epoch: int,
    known: dict[str, int],
    alarm: Callable[[str], None],
) -> tuple[Claiming, frozenset[str]]:
    """Return whether all was taken, and which rights have nothing left now; raises `Refused(STORE_UNAVAILABLE)`.

    `known` is what was counted before, and is added to: where the table says less, somebody else wrote it, and nothing is
    left of that right.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        claiming, spent, counted = _take_in_transaction(connection, tenant, claims, epoch)
        if put_back := sorted(key for key, taken in counted.items() if taken <= known.get(key, 0)):
            alarm(f"`{put_back[0]}` was counted higher before, and counts as used up: somebody else wrote the store")
            claiming, spent = Lost(next(one for one in claims if one.key == put_back[0])), frozenset(put_back)
        connection.execute("COMMIT" if isinstance(claiming, Claimed) else "ROLLBACK")
    except sqlite3.Error as error:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise refused(f"nothing can be claimed: {error}") from error
    if isinstance(claiming, Claimed):
        known |= counted
    return claiming, spent


def _take_in_transaction(
    connection: sqlite3.Connection, tenant: str, claims: Sequence[Claim], epoch: int
) -> tuple[Claiming, frozenset[str], dict[str, int]]:
    if connection.execute(_EPOCH).fetchone()[0] != epoch:
        return Stale(), frozenset(), {}
    last: set[str] = set()
    counted: dict[str, int] = {}
    for claim in claims:
        asked = (claim.key, tenant, claim.limit, claim.amount, claim.until_ms)
        taken = connection.execute(_CLAIM, asked).fetchone() if claim.amount <= claim.limit else None
        if taken is None:  # who asked for more than one unit may find that fewer are left
            return Lost(claim), frozenset({claim.key} if _is_remembered(claim) and claim.amount == 1 else ()), {}
        counted[claim.key] = taken[0]
        if taken[0] >= claim.limit and _is_remembered(claim):
            last.add(claim.key)
    return Claimed(), frozenset(last), counted


def count(
    connection: sqlite3.Connection, tenant: str, claims: Sequence[Claim], known: dict[str, int]
) -> frozenset[str]:
    """Count all of it, however little is left, and return which rights have nothing left now; raises as `take`."""
    last: set[str] = set()
    try:
        connection.execute("BEGIN IMMEDIATE")
        for claim in claims:
            values = (claim.key, tenant, claim.amount, claim.until_ms)
            known[claim.key] = taken = connection.execute(_COUNT, values).fetchone()[0]
            if taken >= claim.limit and _is_remembered(claim):
                last.add(claim.key)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise refused(f"nothing can be counted: {error}") from error
    return frozenset(last)


def find_taken(connection: sqlite3.Connection, key: str) -> int:
    """Return how much of it was counted so far; raises `Refused(STORE_UNAVAILABLE)`."""
    try:
        row = connection.execute("SELECT taken FROM claims WHERE key = ?", (key,)).fetchone()
    except sqlite3.Error as error:
        raise refused(f"what was counted cannot be read: {error}") from error
    return 0 if row is None else int(row[0])


def _is_remembered(claim: Claim) -> bool:
    """Tell whether it is worth knowing that nothing is left: of a window, that is over soon, and nobody would forget it."""
    return claim.until_ms is None


def forget(connection: sqlite3.Connection, now_ms: int) -> None:
    """Take out what was counted in windows of time that are over; beside the calls, and within a transaction."""
    connection.execute(_FORGET, (now_ms - _LATE_MS,))
