"""What calls know of approvals: those requests of a task that a person approved or denied, and no call has used.

On the way of each call, so it is remembered, bounded, until one of the task is decided or used. This process is the only
one that writes them.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final, final

from mediator.adapters.store_sqlite.schema import refused
from mediator.mediation.approval import Approval, claim_key
from mediator.mediation.approval_request import ApprovalRequest

_REMEMBERED_MAX: Final = 10_000  # tasks; most have none
_ROWS: Final = "SELECT id, form, mac FROM approvals WHERE task = ? AND tenant = ?"
_USED: Final = "SELECT 1 FROM claims WHERE key = ?"


@final
class Decided:
    """Reads them; `read` says what a row holds, if we wrote it."""

    def __init__(
        self, connection: sqlite3.Connection, tenant: str, read: Callable[[str, bytes, bytes], ApprovalRequest | None]
    ) -> None:
        self._connection: Final = connection
        self._tenant: Final = tenant
        self._read: Final = read
        self._known: dict[str, tuple[Approval, ...]] = {}

    def of(self, task: str) -> tuple[Approval, ...]:
        """Return them, by id; raises `Refused(STORE_UNAVAILABLE)`."""
        known = self._known.get(task)
        if known is None:
            known = self._look(task)
            if len(self._known) >= _REMEMBERED_MAX:
                self._known.clear()
            self._known[task] = known
        return known

    def forget(self, task: str) -> None:
        """Look anew the next time: one was decided, or used."""
        self._known.pop(task, None)

    def _look(self, task: str) -> tuple[Approval, ...]:
        connection = self._connection
        try:
            rows = connection.execute(_ROWS, (task, self._tenant)).fetchall()
            unused = [row for row in rows if connection.execute(_USED, (claim_key(row[0]),)).fetchone() is None]
        except sqlite3.Error as error:
            raise refused(f"a task's approvals cannot be read: {error}") from error
        requests = [request for row in unused if (request := self._read(*row)) is not None]
        decided = [
            one.approval for one in requests if one.task == task and (one.approval.approvers or one.approval.denial)
        ]
        return tuple(sorted(decided, key=lambda one: one.id))
