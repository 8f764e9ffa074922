"""Every store that there is, with one way to open and end grants in it: what the contracts run over.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol

from mediator.adapters.store_sqlite.store import SqliteStore
from mediator.delegation.grant import Grant, GrantState
from mediator.evidence import Secret
from mediator.mediation.circumstances import Circumstances
from mediator.mediation.deliberate import Claim
from mediator.mediation.ports import CircumstancesSource, Claiming, Claims, Familiarity
from mediator.mediation.quarantine import QuarantineBook, Quarantined
from tests.simulated.memory import MemoryStore

MAC_KEY = Secret("an hmac key of at least thirty-two characters")


class Store(CircumstancesSource, Claims, Familiarity, QuarantineBook, Protocol):
    """Its ports, and what an operator does to them."""

    def open(self, grant: Grant) -> None: ...
    def end(self, grant_id: str, state: GrantState) -> None: ...
    def move_epoch(self) -> None: ...
    def freeze(self, name: str) -> None: ...
    def unfreeze(self, name: str) -> None: ...


class Sqlite:
    """The real one."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store

    def epoch(self) -> int:
        return self.store.epoch()

    def list_quarantined(self) -> Sequence[Quarantined]:
        return self.store.list_quarantined()

    def quarantine(self, items: Sequence[Quarantined]) -> None:
        self.store.quarantine(items)

    def gather(self, grant_id: str) -> Circumstances:
        return self.store.gather(grant_id)

    def claim(self, task: str, claims: Sequence[Claim], epoch: int, now_ms: int) -> Claiming:
        return self.store.claim(task, claims, epoch, now_ms)

    def count(self, task: str, claims: Sequence[Claim]) -> None:
        self.store.count(task, claims)

    def find_known(self, agent: str, marks: Collection[str], now_ms: int) -> frozenset[str]:
        return self.store.find_known(agent, marks, now_ms)

    def remember(self, agent: str, marks: Collection[str], now_ms: int) -> None:
        self.store.remember(agent, marks, now_ms)

    def open(self, grant: Grant) -> None:
        self.store.open_grant(grant, b"statement of " + grant.id.encode())

    def end(self, grant_id: str, state: GrantState) -> None:
        self.store.end_grant(grant_id, state, "as the test wants it")

    def move_epoch(self) -> None:
        self.store.bump_epoch()

    def freeze(self, name: str) -> None:
        self.store.freeze(name, "sha256:of a statement")

    def unfreeze(self, name: str) -> None:
        self.store.unfreeze(name)


class Memory(MemoryStore):
    """The simulated one."""

    def open(self, grant: Grant) -> None:
        self.open_grant(grant)

    def end(self, grant_id: str, state: GrantState) -> None:
        self.end_grant(grant_id, state)


def sqlite_in(folder: Path) -> SqliteStore:
    return SqliteStore(folder / "state.sqlite", MAC_KEY)
