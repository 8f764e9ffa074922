"""What a person is asked to approve: one denied call, whole, with everything that its approver has to see.

Pure. It is made from the denial as it stands on record, so that nothing can be shown that was not judged: the arguments
are those that were hashed, and are the ones that would be forwarded. Whose words are whose is said member by member:

- the agent's: `arguments`, `answers`. They may lie, and may be written to be read in haste.
- the owner's or the agent's: `purpose`, as the task was opened with it; and `because`, why it is made, which says whose.
- the operators': `sentence`, the `@reason` of the policy.
- ours: all else, from stored grants and pins.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from mediator.because import Author, Because, is_because
from mediator.canonical import Json, JsonObject
from mediator.effect import Effect
from mediator.kind import ItemKind
from mediator.mediation.approval import Approval, approval_form, parse_approval
from mediator.mediation.question import find_justification
from mediator.mediation.record import Committed
from mediator.refusal import Reason, Refused


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequest:
    """One request for an approval; `approval` says how it stands. `chain` are the agents from the task's own to the asking one."""

    approval: Approval
    tenant: str
    task: str
    decision: str
    requested_ms: int
    method: str
    kind: ItemKind
    server: str
    name: str
    digest: str
    effect: Effect
    arguments: JsonObject
    answers: JsonObject | None
    agent: str
    owner: str
    chain: tuple[str, ...]
    purpose: str
    policies: tuple[str, ...]
    sentence: str | None
    because: Because | None = None

    def is_open(self, now_ms: int) -> bool:
        """Whether somebody may still approve or deny it, for all that is known of it here."""
        return self.approval.denial is None and now_ms < self.approval.expires_ms


def request_for(committed: Committed, approval_id: str, lives_ms: int) -> ApprovalRequest:
    """Return what is asked of a person for a call that was denied for want of an approval; good for so long at most."""
    judged = committed.deliberation
    chain, item, decision, hashed = judged.chain, judged.item, judged.decision, judged.request_hash
    if chain is None or item is None or decision is None or hashed is None:
        raise Refused(Reason.INTERNAL, "an approval of a call that policy was not asked about")
    until_ms = min(judged.now_ms + lives_ms, *(link.expires_ms for link in chain.links))
    return ApprovalRequest(
        approval=Approval(id=approval_id, grant=chain.presented.id, request_hash=hashed, expires_ms=until_ms),
        tenant=chain.root.tenant,
        task=chain.root.id,
        decision=judged.ids.decision_id,
        requested_ms=judged.now_ms,
        method=str(judged.call.method),
        kind=item.kind,
        server=item.server,
        name=item.name,
        digest=item.digest,
        effect=item.effect,
        arguments=judged.call.arguments,
        answers=judged.call.answers,
        agent=chain.presented.agent,
        owner=chain.presented.owner,
        chain=tuple(link.agent for link in chain.links),
        purpose=chain.presented.purpose,
        policies=decision.determining,
        sentence=decision.sentence,
        because=find_justification(judged.call, chain, item),
    )


def request_form(request: ApprovalRequest) -> JsonObject:
    """Return the JSON form: what is stored, and covered by the MAC."""
    return {
        "approval": approval_form(request.approval),
        "tenant": request.tenant,
        "task": request.task,
        "decision": request.decision,
        "requested": request.requested_ms,
        "method": request.method,
        "kind": str(request.kind),
        "server": request.server,
        "name": request.name,
        "digest": request.digest,
        "effect": str(request.effect),
        "arguments": request.arguments,
        "answers": request.answers,
        "agent": request.agent,
        "owner": request.owner,
        "chain": [*request.chain],
        "purpose": request.purpose,
        "policies": [*request.policies],
        "sentence": request.sentence,
        "because": None if request.because is None else {"text": request.because.text, "by": str(request.because.by)},
    }


def parse_request(form: JsonObject) -> ApprovalRequest:
    """Return what `request_form` wrote; raises `Refused(MALFORMED)` for any other form."""
    match form:
        case {
            "approval": dict(approval),
            "tenant": str(tenant),
            "task": str(task),
            "decision": str(decision),
            "requested": int(requested_ms),
            "method": str(method),
            "kind": str(kind),
            "server": str(server),
            "name": str(name),
            "digest": str(digest),
            "effect": str(effect),
            "arguments": dict(arguments),
            "answers": None | dict() as answers,
            "agent": str(agent),
            "owner": str(owner),
            "chain": list(chain),
            "purpose": str(purpose),
            "policies": list(policies),
            "sentence": None | str() as sentence,
            "because": because,
            **rest,
        } if not rest and kind in set(ItemKind) and effect in set(Effect):
            return ApprovalRequest(
                approval=parse_approval(approval),
                tenant=tenant,
                task=task,
                decision=decision,
                requested_ms=requested_ms,
                method=method,
                kind=ItemKind(kind),
                server=server,
                name=name,
                digest=digest,
                effect=Effect(effect),
                arguments=arguments,
                answers=answers,
                agent=agent,
                owner=owner,
                chain=tuple(map(str, chain)),
                purpose=purpose,
                policies=tuple(map(str, policies)),
                sentence=sentence,
                because=_because(because),
            )
        case _:
            raise _unreadable()


def _because(form: Json) -> Because | None:
    match form:
        case None:
            return None
        case {"text": str(text), "by": str(author), **rest} if not rest and is_because(text) and author in set(Author):
            return Because(text=text, by=Author(author))
        case _:
            raise _unreadable()


def _unreadable() -> Refused:
    return Refused(Reason.MALFORMED, "a request for an approval cannot be read")


def noted_request(request: ApprovalRequest) -> JsonObject:
    """Return what the ledger keeps of it: the values stand with those of its decision, and nowhere else."""
    return {
        "approval": request.approval.id,
        "decision": request.decision,
        "request_hash": request.approval.request_hash,
        "task": request.task,
        "grant": request.approval.grant,
        "agent": request.agent,
        "owner": request.owner,
        "item": {"server": request.server, "kind": str(request.kind), "name": request.name},
        "effect": str(request.effect),
        "policies": [*request.policies],
        "expires": request.approval.expires_ms,
    }
