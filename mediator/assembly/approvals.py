"""The desk of approvals: requests wait here for a person, whose signed statement approves or denies each.

It fills the port that calls wait at, and obeys statements; who may approve is asked of the policies in force. What gives
is on record before it is in force, what takes is in force before it is on record.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import anyio

from mediator.adapters.store_sqlite.approvals import unknown
from mediator.adapters.store_sqlite.store import SqliteStore
from mediator.assembly.approval_facts import approval_facts, listed_facts
from mediator.canonical import JsonObject, canonical_bytes
from mediator.delegation.chain import must_be_live
from mediator.delegation.grant import Grant
from mediator.identity.statement import Act, Operators, VerifiedStatement, verify_one_of
from mediator.mediation.approval import Approver, Denial
from mediator.mediation.approval_acts import must_approve, reason_to_deny, subject_id
from mediator.mediation.approval_request import ApprovalRequest, noted_request, request_for
from mediator.mediation.approving import Subject, approval_question, count_approvers, is_of_the_chain
from mediator.mediation.ports import Clock, Ledger, TrustSource
from mediator.mediation.record import Committed
from mediator.mediation.tasks import FRESH_MS
from mediator.policy.decision import Decision, Verdict
from mediator.refusal import Reason, Refused

OPEN_MAX: Final = 3  # of one task: what a person reads, not what an agent can send
SHOWN_BYTES_MAX: Final = 256 * 1024  # of arguments and answers: beyond that nobody reads what they approve
_LISTED_MAX: Final = 500
PAGE: Final = "/approve/"
_MINUTE_MS: Final = 60_000
_WAITING_MAX: Final = 8  # calls that wait for one request


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalDesk:
    """Fills `Approvals`, and obeys statements about requests."""

    minutes: int
    operators: Operators
    trust: TrustSource
    store: SqliteStore
    ledger: Ledger
    clock: Clock
    base_url: str
    draw: Callable[[], str] = lambda: secrets.token_hex(16)
    _decided: dict[str, anyio.Event] = field(default_factory=dict, init=False, repr=False)
    _waiting: Counter[str] = field(default_factory=Counter, init=False, repr=False)

    # --- for calls ---------------------------------------------------------------------------------------------------

    def request(self, committed: Committed) -> str | None:
        """Keep what was denied for want of an approval; as the port."""
        judged = committed.deliberation
        if len(judged.call.arguments_bytes) + len(canonical_bytes(judged.call.answers)) > SHOWN_BYTES_MAX:
            raise Refused(
                Reason.APPROVAL_REQUIRED,
                f"more than {SHOWN_BYTES_MAX} bytes to approve",
                sentence="its arguments are longer than a person can be asked to read",
                remedy="send less at once",
                decision_id=judged.ids.decision_id,
            )
        # Drawn, not derived: whoever reads a trace has the decision's id, and the page shows arguments.
        request = request_for(committed, f"approval-{self.draw()}", self.minutes * _MINUTE_MS)
        stored = self.store.approvals.put(request, OPEN_MAX)
        if stored is request:
            self.ledger.note("approval.requested", noted_request(request), self.clock.now_ms())
        return None if stored is None else stored.approval.id

    async def until_decided(self, approval_id: str) -> None:
        """Return once a person has decided it; at once where that was so, nobody will, or many calls wait already."""
        request = self.store.approvals.find(approval_id)
        if request is None or not request.is_open(self.clock.now_ms()) or self._is_approved(request):
            return
        if self._waiting[approval_id] >= _WAITING_MAX:
            return
        self._waiting[approval_id] += 1
        try:
            await self._decided.setdefault(approval_id, anyio.Event()).wait()
        finally:
            self._waiting[approval_id] -= 1
            if not self._waiting[approval_id]:
                del self._waiting[approval_id]
                self._decided.pop(approval_id, None)

    def end_task(self, task: str) -> None:
        """Wake whoever waits for a request of this task: it is over, and nobody will decide any more."""
        for approval_id in [*self._decided]:
            request: ApprovalRequest | None = None
            with suppress(Refused):
                request = self.store.approvals.find(approval_id)
            if request is None or request.task == task:
                self._wake(approval_id)

    def url(self, approval_id: str) -> str:
        """Return where a person is shown it."""
        return self.base_url + PAGE + approval_id

    # --- for people --------------------------------------------------------------------------------------------------

    def decide(self, raw: bytes, approval_id: str | None = None) -> ApprovalRequest:
        """Obey a statement that approves or denies, of this request where one is named; return it as it stands then.

        Raises `Refused`: as `verify_one_of`, `must_approve` and `reason_to_deny`; `GRANT_UNKNOWN` for what is not
        stored; `NOT_COVERED` for who may not; as `must_be_live` for a task that is over; `PROOF_REPLAYED`.
        """
        statement = verify_one_of(raw, self.operators, (Act.APPROVE, Act.DENY))
        if approval_id is not None and subject_id(statement) != approval_id:
            raise Refused(Reason.MALFORMED, f"this statement is not about `{approval_id[:64]}`")
        return self._approve(statement) if statement.act is Act.APPROVE else self._deny(statement)

    def _approve(self, statement: VerifiedStatement) -> ApprovalRequest:
        """Add this person's approval."""
        request, now_ms = self.find(subject_id(statement)), self.clock.now_ms()
        if self.store.approvals.is_used(request.approval.id):
            raise Refused(Reason.NOT_COVERED, f"`{request.approval.id}` was used: the call was made")
        must_approve(statement, request, now_ms)
        links = self._live_links(request, now_ms)
        if is_of_the_chain(statement.keyid, links):
            raise Refused(Reason.NOT_COVERED, f"`{statement.who}` holds the key of an agent that asks for it")
        approver = Approver(
            who=statement.who,
            keyid=statement.keyid,
            roles=self._roles(statement),
            at_ms=now_ms,
            statement=statement.digest,
        )
        self._must_be_let(statement, self._answer(request, links, approver, now_ms))
        self._use_up(statement, now_ms)
        self.ledger.note("approval.approved", _noted(request, statement), now_ms)
        request = self.store.approvals.approve(request.approval.id, approver)
        if self._is_approved(request):
            self._wake(request.approval.id)
        return request

    def _deny(self, statement: VerifiedStatement) -> ApprovalRequest:
        """Deny it, for as long as its task lives: whoever may approve it may, and the owner of the agent."""
        request, now_ms = self.find(subject_id(statement)), self.clock.now_ms()
        reason = reason_to_deny(statement, request, now_ms)
        if statement.who != request.owner:
            approver = Approver(
                who=statement.who, keyid=statement.keyid, roles=self._roles(statement), at_ms=now_ms, statement=""
            )
            self._must_be_let(statement, self._answer(request, self._links(request), approver, now_ms))
        self._use_up(statement, now_ms)
        denial = Denial(who=statement.who, at_ms=now_ms, reason=reason, statement=statement.digest)
        request = self.store.approvals.deny(request.approval.id, denial)
        self._wake(request.approval.id)
        self.ledger.note("approval.denied", {**_noted(request, statement), "reason": reason}, now_ms)
        return request

    def page(self, approval_id: str) -> JsonObject:
        """Return everything that a person has to see; raises `Refused(GRANT_UNKNOWN)`."""
        return self.facts(self.find(approval_id))

    def posted(self, approval_id: str, statement: bytes) -> JsonObject:
        """Obey a statement about this request, and return how it stands; raises as `decide`."""
        return self.facts(self.decide(statement, approval_id))

    def list(self) -> JsonObject:
        """Return the latest requests as a list says them, oldest first."""
        requests = self.store.approvals.list_all()[-_LISTED_MAX:]
        return {"approvals": [listed_facts(one, self.state(one)) for one in requests]}

    def facts(self, request: ApprovalRequest) -> JsonObject:
        """Return everything that a person has to see of a request."""
        return approval_facts(request, self.state(request), self.url(request.approval.id))

    def find(self, approval_id: str) -> ApprovalRequest:
        """Return the request; raises `Refused(GRANT_UNKNOWN)`."""
        request = self.store.approvals.find(approval_id)
        if request is None:
            raise unknown(approval_id)
        return request

    def state(self, request: ApprovalRequest) -> str:
        """Return how a request stands, in one word."""
        approval = request.approval
        if self.store.approvals.is_used(approval.id):
            return "used"
        if approval.denial is not None:
            return "denied"
        if approval.expires_ms <= self.clock.now_ms() or not self._is_live(request):
            return "over"
        if self._is_approved(request):
            return "approved"
        return "half approved" if approval.approvers else "open"

    def _is_approved(self, request: ApprovalRequest) -> bool:
        """Tell whether enough people have approved it, under the policies of this moment."""
        links, now_ms = self._links(request), self.clock.now_ms()
        if not links or not request.approval.approvers:
            return False
        evaluate = self.trust.snapshot().policies.evaluate_approval
        counted, needed = count_approvers(
            request.approval.approvers, _subject(request, links), request.approval.request_hash, evaluate, now_ms
        )
        return len(counted) >= needed

    def _answer(
        self, request: ApprovalRequest, links: tuple[Grant, ...], approver: Approver, now_ms: int
    ) -> Decision | None:
        """Return what policy says of this person and this request; None where what it is about is pinned no longer."""
        snapshot = self.trust.snapshot()
        item = snapshot.pins.find_item(request.server, request.kind, request.name)
        if item is None or item.digest != request.digest or not links:
            return None
        hashed = request.approval.request_hash
        question = approval_question(approver.who, approver.roles, _subject(request, links), hashed, now_ms)
        return snapshot.policies.evaluate_approval(question)

    @staticmethod
    def _must_be_let(statement: VerifiedStatement, decision: Decision | None) -> None:
        if decision is None:
            raise Refused(Reason.NOT_COVERED, "what this request is about is pinned no longer, or its task is gone")
        if decision.verdict is not Verdict.ALLOW:
            raise Refused(
                Reason.NOT_COVERED,
                f"`{statement.who}` may not decide it: {decision.sentence or 'the policies could not be evaluated'}",
                remedy="policies over the action `approve` say who may: `mediator policy check`",
            )

    def _roles(self, statement: VerifiedStatement) -> frozenset[str]:
        return frozenset(map(str, self.operators[statement.keyid].roles))

    def _links(self, request: ApprovalRequest) -> tuple[Grant, ...]:
        return self.store.gather(request.approval.grant).grants

    def _live_links(self, request: ApprovalRequest, now_ms: int) -> tuple[Grant, ...]:
        circumstances = self.store.gather(request.approval.grant)
        for link in circumstances.grants:
            must_be_live(link, circumstances.last_used_ms, now_ms)
        return circumstances.grants

    def _is_live(self, request: ApprovalRequest) -> bool:
        try:
            return bool(self._live_links(request, self.clock.now_ms()))
        except Refused:
            return False

    def _use_up(self, statement: VerifiedStatement, now_ms: int) -> None:
        if not self.store.use_once(f"statement:{statement.digest}", statement.at + 2 * FRESH_MS, now_ms):
            raise Refused(Reason.PROOF_REPLAYED, "this statement was obeyed already, and is obeyed once")

    def _wake(self, approval_id: str) -> None:
        if (event := self._decided.pop(approval_id, None)) is not None:
            event.set()


def _subject(request: ApprovalRequest, links: tuple[Grant, ...]) -> Subject:
    return Subject(kind=request.kind, server=request.server, name=request.name, links=links)


def _noted(request: ApprovalRequest, statement: VerifiedStatement) -> JsonObject:
    """Return what the ledger keeps of a decision: of what, by whom, and the statement itself, which holds no value."""
    return {
        "approval": request.approval.id,
        "request_hash": request.approval.request_hash,
        "task": request.task,
        "who": statement.who,
        "statement": statement.digest,
        "envelope": statement.raw.decode(),
    }
