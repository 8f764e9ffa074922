"""Approvals that wait to be used when a process begins, and must not be: what the ledger says of them, and of who gave them.

A row of an earlier moment is one that we wrote, MAC and all, and a claim can be taken out; while a process lives it knows
better, and afterwards the ledger does. And who approved may be no operator any more, or in other roles. What is found here narrows
alone. The ledger is read only where an approval waits to be used, and that is for minutes.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mediator.adapters.ledger_segments.showing import Wanted, find_entries
from mediator.adapters.store_sqlite.store import SqliteStore
from mediator.identity.statement import Operators
from mediator.mediation.approval import Approver


def end_again(
    store: SqliteStore, operators: Operators, ledger: Path, now_ms: int, alarm: Callable[[str], None]
) -> None:
    """Take out each approval that waits to be used, and that the ledger says was used or denied, or somebody else gave.

    Raises `Refused`: `LEDGER_UNAVAILABLE`, `STORE_UNAVAILABLE`; then nothing starts.
    """
    waiting: set[str] = set()
    for approval in [one.approval for one in store.approvals.list_all() if one.is_open(now_ms)]:
        if not all(_is_still(approver, operators) for approver in approval.approvers):
            store.approvals.drop(approval.id)
            alarm(
                f"`{approval.id}` was approved by somebody who is no operator any more, or in other roles: it is none"
            )
        elif approval.approvers:
            waiting.add(approval.id)
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


def _is_still(approver: Approver, operators: Operators) -> bool:
    person = operators.by_keyid.get(approver.keyid)
    return person is not None and (person.name, person.roles) == (approver.who, approver.roles)
