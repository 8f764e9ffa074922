"""A store with very many live grants beside one with ten: what gathering, claiming, revoking and listing cost in each.

The grants are put into the file as the store would put them, sealed one by one, but in one transaction: opening 100,000
of them would measure something else. Figures are CPU time, but for what is written to a disk.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sqlite3
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count, cycle, islice
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.chains import chain_below
from benchmarks.measure import Probe, Synchronous
from mediator.adapters.store_sqlite.mac import GrantSeal
from mediator.adapters.store_sqlite.store import SqliteStore
from mediator.delegation.grant import Grant, GrantState
from mediator.evidence import Secret
from mediator.mediation.deliberate import Claim
from mediator.mediation.ports import Claimed
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.grants import a_grant

KEY: Final = Secret("0" * 32)
DEPTH: Final = 4
FEW: Final = 10
_STRIDE: Final = 7919  # a prime: what is asked for next stands elsewhere in the file
_INSERT: Final = (
    "INSERT INTO grants (id, tenant, parent, root, agent, state, opened_ms, expires_ms, form, mac, statement, "
    "statement_digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def chains(grants: int) -> Iterator[tuple[Grant, ...]]:
    """Return chains of five links, so many grants in all."""
    root = a_grant(max_depth=DEPTH)
    for number in range(grants // (DEPTH + 1)):
        yield chain_below(root, f"task-{number:032x}", DEPTH)


def fill(path: Path, grants: int) -> list[str]:
    """Make a store with so many live grants; return the ids of the last link of each chain."""
    with SqliteStore(path, KEY) as store:
        store.epoch()
    seal, last = GrantSeal(KEY), list[str]()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for links in chains(grants):
            connection.executemany(_INSERT, [_row(seal, link) for link in links])
            last.append(links[-1].id)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return last


def _row(seal: GrantSeal, grant: Grant) -> tuple[object, ...]:
    form, mac = seal.seal(grant)
    told = (grant.id, grant.tenant, grant.parent, grant.root, grant.agent, str(grant.state))
    return (*told, grant.opened_ms, grant.expires_ms, form, mac, b"", grant.statement_digest)


@dataclass(frozen=True, slots=True)
class Each:
    """The probe of what may be done once only, or must be prepared each time: `prepare` is not measured."""

    prepare: Callable[[], object]
    run: Callable[[], object]
    times: int = 10

    async def __call__(self) -> float:
        taken = 0
        for _ in range(self.times):
            self.prepare()
            begun = time.process_time_ns()
            self.run()
            taken += time.process_time_ns() - begun
        return taken / self.times / 1000


def probes_of(store: SqliteStore, last: Sequence[str], connection: sqlite3.Connection) -> dict[str, Probe]:
    """Return the probes of one store; `last` are the ids of its chains, the connection is another to its file."""
    asked = cycle(last[index * _STRIDE % len(last)] for index in range(min(len(last), 5000)))
    task = last[0].rsplit("-", 1)[0] + "-0"
    claim = (Claim(key=f"calls:{task}", limit=1 << 40),)
    extra = Extra(store, connection)

    def uncached() -> None:
        store._chains.clear()  # noqa: SLF001 - as when the epoch moved, but for that
        assert store.gather(next(asked)).grants

    return {
        "gather": Synchronous(lambda: store.gather(last[0])),
        "gather uncached": Synchronous(uncached, 20),
        "gather after a move": Each(store.bump_epoch, lambda: store.gather(next(asked))),
        "claim": Synchronous(lambda: _must_claim(store, task, claim), 20),
        "open": Each(extra.remove, extra.open),
        "revoke": Each(extra.store, extra.revoke, 3),
    }


def _must_claim(store: SqliteStore, task: str, claims: Sequence[Claim]) -> None:
    assert isinstance(store.claim(task, claims, store.epoch(), NOW_MS), Claimed)


class Extra:
    """One chain beside those that are there: opened, and revoked, each time another (what was ended is not opened again)."""

    def __init__(self, store: SqliteStore, connection: sqlite3.Connection) -> None:
        self._store, self._connection = store, connection
        self._numbers = count()
        self._links = self._another()

    def _another(self) -> tuple[Grant, ...]:
        return chain_below(a_grant(max_depth=DEPTH), f"extra-{next(self._numbers)}", DEPTH)

    def remove(self) -> None:
        """Have nothing of it stored, and another to be opened."""
        self._connection.execute("DELETE FROM grants WHERE root = ?", (self._links[0].id,))
        self._links = self._another()

    def open(self) -> None:
        """Store its task."""
        self._store.open_grant(self._links[0], b"")

    def store(self) -> None:
        """Have all of it stored, and live."""
        self.remove()
        for link in self._links:
            self._store.open_grant(link, b"")

    def revoke(self) -> None:
        """Revoke its second link, with all below."""
        ended = self._store.end_grant(self._links[1].id, GrantState.REVOKED, "measured")
        assert len(ended) == DEPTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """What is measured a few times only. Times in ms of one core."""

    listed: int
    list_ms: float
    chain_bytes: float
    cached: int
    first_ms: float
    next_ms: float


def measure_once(store: SqliteStore, last: Sequence[str], cached: int, times: int = 3) -> Once:
    """Return what listing costs, what a remembered chain weighs, and what the first calls cost after the epoch moved.

    So many chains are remembered before it moves; the first call forgets them all, each next one reads its own.
    """
    wanted = [last[index * _STRIDE % len(last)] for index in range(min(cached, len(last)))]
    store._chains.clear()  # noqa: SLF001
    tracemalloc.start()
    try:
        weighed = wanted[:500]
        for one in weighed:  # the tasks' use is remembered beside the chains
            store.gather(one)
        before = tracemalloc.get_traced_memory()[0]
        store._chains.clear()  # noqa: SLF001
        chain_bytes = (before - tracemalloc.get_traced_memory()[0]) / len(weighed)
    finally:
        tracemalloc.stop()
    firsts, nexts, lists = list[float](), list[float](), list[float]()
    for _ in range(times):
        for one in wanted:
            store.gather(one)
        store.bump_epoch()
        firsts.append(_ms(lambda: store.gather(wanted[0])))
        nexts.append(_ms(lambda: [store.gather(one) for one in islice(wanted, 1, 101)]) / len(wanted[1:101]))
        lists.append(_ms(lambda: [one.grant for one in store.list_grants()]))
    return Once(
        listed=len(store.list_grants()),
        list_ms=median(lists),
        chain_bytes=chain_bytes,
        cached=len(wanted),
        first_ms=median(firsts),
        next_ms=median(nexts),
    )


def _ms(run: Callable[[], object]) -> float:
    begun = time.process_time_ns()
    run()
    return (time.process_time_ns() - begun) / 1e6
