"""What a person is told of a request for an approval, on a terminal, on a page or as JSON: all of it, and who wrote what.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final

from mediator.because import Author
from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.mediation.approval_request import ApprovalRequest

WRITTEN_BY: Final[JsonObject] = {
    "arguments": "the agent",
    "answers": "the agent",
    "purpose": "whoever opened the task",
    "sentence": "an operator, in a policy",
}
"""Whose words stand in which member; all others are the mediator's own. Of `because` the request itself says it."""

_AUTHORS: Final = {Author.OWNER: "the owner, who signed for the task", Author.AGENT: "the agent"}


def approval_facts(request: ApprovalRequest, state: str, url: str) -> JsonObject:
    """Return everything of a request, its arguments whole."""
    return {
        **listed_facts(request, state),
        "arguments": request.arguments,
        "answers": request.answers,
        "kind": str(request.kind),
        "method": request.method,
        "digest": request.digest,
        "request_hash": request.approval.request_hash,
        "chain": [*request.chain],
        "grant": request.approval.grant,
        "decision": request.decision,
        "policies": [*request.policies],
        "sentence": request.sentence,
        "because": None if request.because is None else request.because.text,
        "url": url,
        "written_by": WRITTEN_BY | ({} if request.because is None else {"because": _AUTHORS[request.because.by]}),
    }


def listed_facts(request: ApprovalRequest, state: str) -> JsonObject:
    """Return what a list says of a request: no argument."""
    approval = request.approval
    approvers: list[Json] = [{"who": one.who, "at_ms": one.at_ms} for one in approval.approvers]
    denial = approval.denial
    return {
        "approval": approval.id,
        "state": state,
        "server": request.server,
        "name": request.name,
        "effect": str(request.effect),
        "agent": request.agent,
        "owner": request.owner,
        "purpose": request.purpose,
        "task": request.task,
        "arguments_bytes": len(canonical_bytes(request.arguments)),
        "requested_ms": request.requested_ms,
        "expires_ms": approval.expires_ms,
        "approvers": approvers,
        "denied": None if denial is None else {"who": denial.who, "at_ms": denial.at_ms, "reason": denial.reason},
    }
