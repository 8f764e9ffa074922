"""What was used or denied stays so in a store that says otherwise: one that somebody wrote while nobody watched.

A row of an earlier moment is one that we wrote, MAC and all, and a claim can be taken out; while a process lives it knows
better, and afterwards the ledger does. What is found here narrows alone. The ledger is read only where an approval waits to
be used, and that is for minutes.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mediator.adapters.ledger_segments.showing import Wanted, find_entries
from mediator.adapters.store_sqlite.store import SqliteStore


def end_again(store: SqliteStore, ledger: Path, now_ms: int, alarm: Callable[[str], None]) -> None:
    """Take out each approval that waits to be used and that the ledger says was used, or denied.

    Raises `Refused`: `LEDGER_UNAVAILABLE`, `STORE_UNAVAILABLE`; then nothing starts.
    """
    waiting = {one.approval.id for one in store.approvals.list_all() if one.approval.approvers and one.is_open(now_ms)}
    if not waiting:
        return
    for kind in ("approval.used", "approval.denied"):
        for entry in find_entries(ledger, Wanted(kind=kind)).entries:
            match entry:
                case {"body": {"approval": str(approval_id)}} if approval_id in waiting:
                    waiting.discard(approval_id)
                    store.approvals.drop(approval_id)
                    alarm(f"`{approval_id}` is in the store as if it waited to be used, and is no more: `{kind}`")
                case _:
                    continue
