"""Requests for approvals in memory, as honest as the real ones about what is one, how many wait, and who is woken.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

import anyio

from mediator.mediation.approval import Approver, Denial, claim_key
from mediator.mediation.approval_request import ApprovalRequest, request_for
from mediator.mediation.ports import Clock
from mediator.mediation.record import Committed
from tests.simulated.memory import MemoryStore

LIVES_MS = 15 * 60_000
OPEN_MAX = 3


class MemoryApprovals:
    """Fills `Approvals`: `requests` by id; people decide by `approve` and `deny`."""

    def __init__(self, store: MemoryStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.requests: dict[str, ApprovalRequest] = {}
        self.waiting: dict[str, anyio.Event] = {}
        self.changed = anyio.Event()

    def request(self, committed: Committed) -> str | None:
        request = request_for(committed, f"approval-{len(self.requests) + 1:032x}", LIVES_MS)
        now_ms = self._clock.now_ms()
        live = [one for one in self.requests.values() if one.task == request.task and self._is_open(one, now_ms)]
        same = (request.approval.request_hash, request.approval.grant)
        for one in live:
            if (one.approval.request_hash, one.approval.grant) == same:
                return one.approval.id
        if len([one for one in live if not one.approval.approvers]) >= OPEN_MAX:
            return None
        self.requests[request.approval.id] = request
        return request.approval.id

    async def until_decided(self, approval_id: str) -> None:
        request = self.requests.get(approval_id)
        if request is None or not self._is_open(request, self._clock.now_ms()) or request.approval.approvers:
            return
        event = self.waiting.setdefault(approval_id, anyio.Event())
        self.changed.set()
        await event.wait()

    def url(self, approval_id: str) -> str:
        return f"https://mediator.example/approve/{approval_id}"

    def approve(
        self, approval_id: str, who: str = "bob@example.com", *, keyid: str | None = None, role: str = "operator"
    ) -> None:
        request = self.requests[approval_id]
        approver = Approver(
            who=who,
            keyid=keyid or f"key of {who}",
            roles=frozenset({role}),
            at_ms=self._clock.now_ms(),
            statement="sha256:a statement",
        )
        approvers = (*request.approval.approvers, approver)
        self._decide(replace(request, approval=replace(request.approval, approvers=approvers)))

    def deny(self, approval_id: str, who: str = "bob@example.com", reason: str = "") -> None:
        request = self.requests[approval_id]
        denial = Denial(who=who, at_ms=self._clock.now_ms(), reason=reason, statement="sha256:a statement")
        self._decide(replace(request, approval=replace(request.approval, denial=denial)))
        self._store.move_epoch()

    def _decide(self, request: ApprovalRequest) -> None:
        self.requests[request.approval.id] = request
        self._store.approvals.setdefault(request.task, {})[request.approval.id] = request.approval
        if (event := self.waiting.pop(request.approval.id, None)) is not None:
            event.set()

    def _is_open(self, request: ApprovalRequest, now_ms: int) -> bool:
        return request.is_open(now_ms) and not self._store.is_taken(claim_key(request.approval.id))
