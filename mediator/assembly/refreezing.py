"""Whoever was frozen is frozen in a store that forgot it: one that was lost, or is an older copy than the ledger.

Freezes stand in the store; that they were made, and ended, stands in the ledger too. What is found here narrows alone:
whatever the store still says is stopped stays so.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from mediator.adapters.ledger_segments.showing import Wanted, find_entries
from mediator.adapters.store_sqlite.store import SqliteStore


def freeze_again(store: SqliteStore, ledger: Path, alarm: Callable[[str], None]) -> None:
    """Stop again whoever the ledger says is stopped and the store does not.

    Raises `Refused`: `LEDGER_UNAVAILABLE`, `STORE_UNAVAILABLE`; then nothing starts.
    """
    known = store.list_frozen()
    if "everything" in known:
        return
    for name, statement in _frozen_by(ledger).items():
        if name not in known:
            store.freeze(name, statement)
            alarm(f"the store had forgotten that `{name}` is frozen: it is frozen again")


def _frozen_by(ledger: Path) -> dict[str, str]:
    """Return what is stopped, by the entries alone; of two at one moment the one that stops counts."""
    frozen: dict[str, str] = {}
    for _, stops, name, statement in sorted(_changes(ledger)):
        if stops:
            frozen[name] = statement
        else:
            frozen.pop(name, None)
    return frozen


def _changes(ledger: Path) -> Iterator[tuple[int, bool, str, str]]:
    for kind in ("frozen", "unfrozen"):
        for entry in find_entries(ledger, Wanted(kind=kind)).entries:
            match entry:
                case {"at": int(at), "body": {"name": str(name), "statement": str(statement)}}:
                    yield at, kind == "frozen", name, statement
                case _:  # nobody's
                    continue
