"""What a person's statement does to a request for an approval: that it is of this request, whole, and made just now.

Pure. A statement names the request's id and its hash, so that what was signed is bound to every byte of the arguments and
not to whatever stands under an id by then. Whether this person may is policy's to say.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final

from mediator.canonical import JsonObject
from mediator.identity.statement import Act, VerifiedStatement
from mediator.mediation.approval_request import ApprovalRequest
from mediator.mediation.tasks import require_fresh
from mediator.refusal import Reason, Refused

REASON_MAX: Final = 300


def approval_subject(approval_id: str, request_hash: str) -> JsonObject:
    """Return the subject of a statement that approves."""
    return {"id": approval_id, "request_hash": request_hash}


def denial_subject(approval_id: str, request_hash: str, reason: str) -> JsonObject:
    """Return the subject of a statement that denies."""
    return {**approval_subject(approval_id, request_hash), "reason": reason}


def subject_id(statement: VerifiedStatement) -> str:
    """Return which request a statement is about; it is not checked yet whether it is of exactly that."""
    return str(statement.subject.get("id", ""))


def must_approve(statement: VerifiedStatement, request: ApprovalRequest, now_ms: int) -> None:
    """Return if the statement approves exactly this request, and nothing has ended that.

    Raises `Refused`: `MALFORMED`, `EXPIRED_CREDENTIAL`; `PROOF_REPLAYED` for a key that approved it before; `NOT_COVERED`
    for a request that was denied, or has run out.
    """
    _must_be_of(statement, Act.APPROVE, request, now_ms)
    if statement.subject != approval_subject(request.approval.id, request.approval.request_hash):
        raise _another(request)
    approval = request.approval
    if approval.denial is not None:
        raise Refused(Reason.NOT_COVERED, f"`{approval.id}` was denied by `{approval.denial.who}`, and stays so")
    if approval.expires_ms <= now_ms:
        raise Refused(Reason.NOT_COVERED, f"`{approval.id}` has run out: the agent asks anew")
    if any(one.keyid == statement.keyid for one in approval.approvers):
        raise Refused(Reason.PROOF_REPLAYED, f"`{statement.who}` approved `{approval.id}` already")


def reason_to_deny(statement: VerifiedStatement, request: ApprovalRequest, now_ms: int) -> str:
    """Return why this request is denied, which may be empty.

    Raises `Refused`: `MALFORMED`, `EXPIRED_CREDENTIAL`; `NOT_COVERED` for a request that was denied before.
    """
    _must_be_of(statement, Act.DENY, request, now_ms)
    reason = statement.subject.get("reason")
    if not isinstance(reason, str) or not (reason == "" or reason.isprintable()) or len(reason) > REASON_MAX:
        raise Refused(Reason.MALFORMED, f"`reason` says why, in at most {REASON_MAX} printable characters, or is empty")
    if statement.subject != denial_subject(request.approval.id, request.approval.request_hash, reason):
        raise _another(request)
    if request.approval.denial is not None:
        raise Refused(Reason.NOT_COVERED, f"`{request.approval.id}` was denied by `{request.approval.denial.who}`")
    return reason


def _must_be_of(statement: VerifiedStatement, act: Act, request: ApprovalRequest, now_ms: int) -> None:
    if statement.act is not act:
        raise Refused(Reason.MALFORMED, f"a `{statement.act}` statement, where `{act}` was expected")
    if subject_id(statement) != request.approval.id:
        raise _another(request)
    require_fresh(statement, now_ms)


def _another(request: ApprovalRequest) -> Refused:
    return Refused(Reason.MALFORMED, f"a statement about `{request.approval.id}` names its `id` and its `request_hash`")
