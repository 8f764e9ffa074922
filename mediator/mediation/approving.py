"""Does an approval count for this call? Whether it is of exactly this request, and its approvers may approve that.

Pure, and part of the judgement of a call: policy is asked about each approver under the policies of this very moment, so
that an approval given under others, or by somebody who may no longer, is none. An approval permits nothing by itself: it
is a fact beside others, and the call takes it with it.

1. it names this request by its hash, and was asked for under the grant that is presented
2. nobody denied the request, it has not run out, and no call took it before
3. who approved holds no key of the chain, and `approve` is allowed to them
4. there are as many of them as the policies that allowed it demand, each with a key of their own

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from mediator.delegation.grant import Grant
from mediator.kind import ItemKind
from mediator.mediation.approval import Approval, Approver, claim_key
from mediator.mediation.circumstances import Circumstances
from mediator.mediation.question import agent_facts
from mediator.policy.approving import ApprovalQuestion, ApproverFacts
from mediator.policy.decision import Decision, Obligation, Verdict
from mediator.policy.request import ApprovalFacts, ChainFacts
from mediator.refusal import Reason, Refused

Evaluate: TypeAlias = Callable[[ApprovalQuestion], Decision]
"""The engine's answer to the question who may approve."""

_TWO: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What an approval is about: the item, and the links from the task to the grant under which it was asked for."""

    kind: ItemKind
    server: str
    name: str
    links: Sequence[Grant]


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """An approval that counts: what policy is told of it, and what the call takes."""

    facts: ApprovalFacts
    claim: str


def find_approved(
    subject: Subject, hashed: str, circumstances: Circumstances, evaluate: Evaluate, now_ms: int
) -> Approved | None:
    """Return the approval of exactly this request, if one counts right now.

    Raises `Refused(DENIED_BY_POLICY)` where a person denied this request: so it stays for the task, whoever sends it again.
    """
    found: Approved | None = None
    for approval in circumstances.approvals:
        if approval.request_hash != hashed:
            continue
        if approval.denial is not None:
            raise _denied(approval)
        is_taken = claim_key(approval.id) in circumstances.spent
        if approval.grant != subject.links[-1].id or approval.expires_ms <= now_ms or is_taken:
            continue
        counted, needed = count_approvers(approval.approvers, subject, hashed, evaluate, now_ms)
        if len(counted) >= needed:
            latest = counted[-1]
            facts = ApprovalFacts(approver=latest.who, at_ms=latest.at_ms, request_hash=hashed)
            found = Approved(facts=facts, claim=claim_key(approval.id))
    return found


def count_approvers(
    approvers: Sequence[Approver], subject: Subject, hashed: str, evaluate: Evaluate, now_ms: int
) -> tuple[list[Approver], int]:
    """Return those who may approve, each key once, and how many it takes."""
    counted: list[Approver] = []
    needed = 1
    for approver in approvers:
        if is_of_the_chain(approver.keyid, subject.links) or any(approver.keyid == one.keyid for one in counted):
            continue
        decision = evaluate(approval_question(approver.who, approver.roles, subject, hashed, now_ms))
        if decision.verdict is Verdict.ALLOW:
            counted.append(approver)
            needed = _TWO if Obligation.TWO_APPROVERS in decision.obligations else needed
    return counted, needed


def is_of_the_chain(keyid: str, links: Sequence[Grant]) -> bool:
    """Tell whether this key is that of an agent of the chain: nobody approves what they ask for themselves."""
    return any(link.keyid == keyid for link in links)


def approval_question(who: str, roles: frozenset[str], subject: Subject, hashed: str, now_ms: int) -> ApprovalQuestion:
    """Return the question whether this person may approve it."""
    root, presented = subject.links[0], subject.links[-1]
    return ApprovalQuestion(
        principal=ApproverFacts(name=who, roles=roles),
        kind=subject.kind,
        server=subject.server,
        name=subject.name,
        requester=agent_facts(presented),
        chain=ChainFacts(
            depth=presented.depth,
            root=root.agent,
            members=frozenset(link.agent for link in subject.links),
            connectors=frozenset(link.agent for link in subject.links if link.is_connector),
        ),
        purpose=presented.purpose,
        request_hash=hashed,
        now_ms=now_ms,
    )


def _denied(approval: Approval) -> Refused:
    assert approval.denial is not None
    said = f": {approval.denial.reason}" if approval.denial.reason else ""
    return Refused(
        Reason.DENIED_BY_POLICY,
        f"`{approval.id}` was denied by `{approval.denial.who}`",
        sentence=f"a person was asked to approve exactly this request, and denied it{said}",
        remedy="do not send it again in this task",
    )
