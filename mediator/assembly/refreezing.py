"""Whoever was frozen is frozen in a store that forgot it, and by the same rules: one that was lost, or is an older copy.

Freezes and rules stand in the store; that they were made, and ended, stands in the ledger too. What is found here narrows alone:
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
    for name, statement in _standing(ledger, "name", "frozen", "unfrozen").items():
        if name not in known:
            store.freeze(name, statement)
            alarm(f"the store had forgotten that `{name}` is frozen: it is frozen again")


def keep_rules_again(store: SqliteStore, ledger: Path, alarm: Callable[[str], None]) -> None:
    """Keep again each rule that stops somebody which the ledger knows and the store does not; raises as `freeze_again`."""
    if "everything" in store.list_frozen():
        return
    known = store.list_rules()
    for rule, statement in _standing(ledger, "rule", "freeze.rule.kept", "freeze.rule.dropped").items():
        if rule not in known:
            store.keep_rule(rule, statement)
            alarm(f"the store had forgotten the rule `{rule}`: it is kept again")


def _standing(ledger: Path, member: str, begins: str, ends: str) -> dict[str, str]:
    """Return what stands, by the entries alone; of two at one moment the one that narrows counts."""
    standing: dict[str, str] = {}
    for _, begun, name, statement in sorted(_changes(ledger, member, begins, ends)):
        if begun:
            standing[name] = statement
        else:
            standing.pop(name, None)
    return standing


def _changes(ledger: Path, member: str, begins: str, ends: str) -> Iterator[tuple[int, bool, str, str]]:
    for kind in (begins, ends):
        for entry in find_entries(ledger, Wanted(kind=kind)).entries:
            match entry:
                case {"at": int(at), "body": {"statement": str(statement), **body}} if isinstance(
                    body.get(member), str
                ):
                    yield at, kind == begins, str(body[member]), statement
                case _:  # nobody's
                    continue
