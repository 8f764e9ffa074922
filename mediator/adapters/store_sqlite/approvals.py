"""Requests for approvals that last: each in a row under a MAC, with who approved or denied it; and which were used.

Whoever can write the database alone makes no approval: a row that is not as we wrote it, or is the row of an earlier
moment of this process's life, counts as not stored. A denial moves the epoch, since it narrows; an approval gives, and
does not. What is counted, the use of an approval, is a claim like any other and stands among those.

Rows of tasks that are over, and of requests that nobody decided in time, are taken out when the next one is written: the
arguments in them are kept no longer than somebody may look at them. What was denied stays as long as its task.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace
from typing import Final, final

from sqlalchemy import Connection, Engine, delete, insert, select, update

from mediator.adapters.store_sqlite.schema import (
    approvals_table,
    claims_table,
    epoch_table,
    grants_table,
    looking,
    transaction,
)
from mediator.canonical import canonical_bytes, parse_object
from mediator.delegation.grant import GrantState
from mediator.evidence import Secret
from mediator.mediation.approval import Approver, Denial, claim_key
from mediator.mediation.approval_request import ApprovalRequest, parse_request, request_form
from mediator.refusal import Reason, Refused

_TABLES: Final = "the approvals"
_CONTEXT: Final = b"mcp-mediator: a request for an approval, form 1\n"
_REMEMBERED_MAX: Final = 10_000  # MACs, each about 200 bytes with its id


@final
class ApprovalTable:
    """Requests for approvals. `alarm` is told of a row that somebody else wrote, `decided` of a task that has one decided."""

    def __init__(
        self, engine: Engine, key: Secret, tenant: str, alarm: Callable[[str], None], decided: Callable[[str], None]
    ) -> None:
        self._engine: Final = engine
        self._key: Final = hashlib.sha256(key.reveal().strip().encode()).digest()
        self._tenant: Final = tenant
        self._alarm: Final = alarm
        self._decided: Final = decided
        self._latest: dict[str, bytes] = {}  # the MAC of what was written last, while this process lives

    def put(self, request: ApprovalRequest, open_max: int) -> ApprovalRequest | None:
        """Store the request, or return the open one that asks for the same; None where as many of its task are open.

        Raises `Refused(STORE_UNAVAILABLE)`.
        """
        now_ms = request.requested_ms
        with transaction(self._engine, _TABLES) as connection:
            self._forget(connection, now_ms)
            known = self._of_task(connection, request.task)
            live = [one for one in known if one.is_open(now_ms)]
            same = (request.approval.request_hash, request.approval.grant)
            for one in live:
                if (one.approval.request_hash, one.approval.grant) == same:
                    return one
            if len([one for one in live if not one.approval.approvers]) >= open_max:
                return None
            form, mac = self._sealed(request)
            columns = {"id": request.approval.id, "tenant": self._tenant, "task": request.task}
            connection.execute(insert(approvals_table).values(**columns, form=form, mac=mac))
        self._remember(request.approval.id, mac)
        return request

    def find(self, approval_id: str) -> ApprovalRequest | None:
        """Return the request, if it is stored; raises `Refused(STORE_UNAVAILABLE)`."""
        with looking(self._engine, _TABLES) as connection:
            return self._find(connection, approval_id)

    def is_used(self, approval_id: str) -> bool:
        """Tell whether a call took this approval; raises `Refused(STORE_UNAVAILABLE)`."""
        with looking(self._engine, _TABLES) as connection:
            return self._is_used(connection, approval_id)

    def list_all(self) -> tuple[ApprovalRequest, ...]:
        """Return every request that is stored and was not used, oldest first; raises `Refused(STORE_UNAVAILABLE)`."""
        with looking(self._engine, _TABLES) as connection:
            rows = connection.execute(select(approvals_table).where(approvals_table.c.tenant == self._tenant)).all()
            found = [one for row in rows if (one := self.read(row.id, row.form, row.mac)) is not None]
            unused = [one for one in found if not self._is_used(connection, one.approval.id)]
        return tuple(sorted(unused, key=lambda one: (one.requested_ms, one.approval.id)))

    def approve(self, approval_id: str, approver: Approver) -> ApprovalRequest:
        """Add who approved; raises `Refused`: as `deny`, and `PROOF_REPLAYED` for a key that did already."""
        with transaction(self._engine, _TABLES) as connection:
            request = self._decidable(connection, approval_id)
            approval = request.approval
            if any(one.keyid == approver.keyid for one in approval.approvers):
                raise Refused(Reason.PROOF_REPLAYED, f"`{approver.who}` approved `{approval_id}` already")
            request = replace(request, approval=replace(approval, approvers=(*approval.approvers, approver)))
            mac = self._write(connection, request)
        self._remember(approval_id, mac)
        self._decided(request.task)
        return request

    def deny(self, approval_id: str, denial: Denial) -> ApprovalRequest:
        """Write who denied it, and move the epoch: whoever was judged by an approval before is judged again.

        Raises `Refused`: `GRANT_UNKNOWN` for what is not stored, `NOT_COVERED` for what was denied or used, and
        `STORE_UNAVAILABLE`.
        """
        with transaction(self._engine, _TABLES) as connection:
            request = self._decidable(connection, approval_id)
            request = replace(request, approval=replace(request.approval, denial=denial))
            mac = self._write(connection, request)
            connection.execute(update(epoch_table).values(value=epoch_table.c.value + 1))
        self._remember(approval_id, mac)
        self._decided(request.task)
        return request

    def drop(self, approval_id: str) -> None:
        """Take a request out, for good while this process lives; raises `Refused(STORE_UNAVAILABLE)`."""
        with transaction(self._engine, _TABLES) as connection:
            connection.execute(delete(approvals_table).where(approvals_table.c.id == approval_id))
        self._remember(approval_id, b"")

    def read(self, approval_id: str, form: bytes, mac: bytes) -> ApprovalRequest | None:
        """Return what a row holds, if we wrote it, and wrote nothing else since; an alarm is rung otherwise."""
        request: ApprovalRequest | None = None
        if hmac.compare_digest(self._mac(form), mac) and self._latest.get(approval_id, mac) == mac:
            try:
                request = parse_request(parse_object(form))
            except Refused:
                request = None
        if request is None or request.approval.id != approval_id:
            self._alarm(f"the stored approval `{approval_id[:64]}` is not as we wrote it, and counts as not stored")
            return None
        return request

    def _decidable(self, connection: Connection, approval_id: str) -> ApprovalRequest:
        request = self._find(connection, approval_id)
        if request is None:
            raise unknown(approval_id)
        if self._is_used(connection, approval_id):
            raise Refused(Reason.NOT_COVERED, f"`{approval_id}` was used: the call was made")
        if request.approval.denial is not None:
            raise Refused(Reason.NOT_COVERED, f"`{approval_id}` was denied by `{request.approval.denial.who}`")
        return request

    def _of_task(self, connection: Connection, task: str) -> list[ApprovalRequest]:
        table = approvals_table.c
        rows = connection.execute(select(approvals_table).where(table.task == task, table.tenant == self._tenant)).all()
        found = [one for row in rows if (one := self.read(row.id, row.form, row.mac)) is not None]
        return [one for one in found if not self._is_used(connection, one.approval.id)]

    def _find(self, connection: Connection, approval_id: str) -> ApprovalRequest | None:
        table = approvals_table.c
        wanted = select(approvals_table).where(table.id == approval_id, table.tenant == self._tenant)
        row = connection.execute(wanted).first()
        return None if row is None else self.read(row.id, row.form, row.mac)

    def _write(self, connection: Connection, request: ApprovalRequest) -> bytes:
        form, mac = self._sealed(request)
        row = approvals_table.c.id == request.approval.id
        connection.execute(update(approvals_table).where(row).values(form=form, mac=mac))
        return mac

    def _forget(self, connection: Connection, now_ms: int) -> None:
        """Take out what nobody will look at again: of tasks that are over, run out, used."""
        table, grants = approvals_table.c, grants_table.c
        live = select(grants.id).where(grants.state == str(GrantState.OPEN), grants.expires_ms > now_ms)
        connection.execute(delete(approvals_table).where(table.task.not_in(live)))
        for row in connection.execute(select(approvals_table).where(table.tenant == self._tenant)).all():
            request = self.read(row.id, row.form, row.mac)
            is_over = request is not None and request.approval.denial is None and not request.is_open(now_ms)
            if is_over or self._is_used(connection, row.id):
                connection.execute(delete(approvals_table).where(table.id == row.id))

    def _is_used(self, connection: Connection, approval_id: str) -> bool:
        wanted = select(claims_table.c.key).where(claims_table.c.key == claim_key(approval_id))
        return connection.execute(wanted).first() is not None

    def _sealed(self, request: ApprovalRequest) -> tuple[bytes, bytes]:
        form = canonical_bytes(request_form(request))
        return form, self._mac(form)

    def _mac(self, form: bytes) -> bytes:
        return hmac.digest(self._key, _CONTEXT + form, "sha256")

    def _remember(self, approval_id: str, mac: bytes) -> None:
        self._latest[approval_id] = mac
        while len(self._latest) > _REMEMBERED_MAX:
            del self._latest[next(iter(self._latest))]


def unknown(approval_id: str) -> Refused:
    """Return the refusal of an id that no stored request has."""
    return Refused(
        Reason.GRANT_UNKNOWN,
        f"there is no request for an approval `{approval_id[:64]}`",
        remedy="`mediator approvals list` shows those that wait; one that ran out is asked for again by its agent",
    )
