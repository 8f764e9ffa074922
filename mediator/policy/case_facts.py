"""The facts of a case: an agent and its circumstances, each with a plain value where the case is silent.

They go by the names that policies read them by.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final

from mediator.effect import Effect
from mediator.kind import ItemKind
from mediator.policy.approving import ApprovalQuestion, ApproverFacts
from mediator.policy.case_fields import Fields, one_of
from mediator.policy.request import (
    BY_OWNER,
    PROVEN,
    AgentFacts,
    ApprovalFacts,
    BaseFacts,
    ChainFacts,
    DelegatedFacts,
    DelegationRequest,
    GrantFacts,
    JustificationFacts,
    TargetFacts,
    TaskFacts,
)

_GRANT_ID: Final = "grant-1"
_PURPOSE: Final = "a case"
_EXPIRES_MS: Final = 2_000_000
_NOW_MS: Final = 1_000_000
_PROOF: Final = PROVEN
_REQUEST_HASH: Final = "sha256:this-request"
_JUSTIFICATION_BYTES: Final = 40


def agent_from(fields: Fields, plain_id: str = "agent-1") -> AgentFacts:
    """Return the agent."""
    agent = AgentFacts(
        id=fields.take("id", plain_id),
        owner=fields.take("owner", "owner@example.com"),
        agent_class=fields.take("class", "assistant"),
        team=fields.take("team", ""),
    )
    fields.end()
    return agent


def base_from(fields: Fields, method: str) -> BaseFacts:
    """Return the circumstances of a call that came by this method, unless the case names another."""
    grant = _grant(fields.fields("grant"))
    base = BaseFacts(
        chain=_chain(fields.fields("chain")),
        grant=grant,
        task=_task(fields.fields("task")),
        destination=fields.words("destination"),
        targets=_targets(fields.fields("targets")),
        proof=fields.take("proof", _PROOF),
        approval=_approval(fields.fields("approval")) if fields.has("approval") else None,
        justified=fields.take("justified", default=grant.covers),
        justification=None if fields.takes_null("justification") else _justification(fields.fields("justification")),
        now_ms=fields.take("now", _NOW_MS),
        utc_offset_seconds=60 * fields.take("utc_offset_minutes", 0),
        protocol=fields.take("protocol", "2026-07-28"),
        method=fields.take("method", method),
        request_hash=fields.take("request_hash", _REQUEST_HASH),
        provenance=fields.words("provenance"),
    )
    fields.end()
    return base


def delegation_from(fields: Fields, principal: AgentFacts, receiver: AgentFacts) -> DelegationRequest:
    """Return the delegation from one agent to the other, in these circumstances."""
    grant = fields.fields("grant")
    request = DelegationRequest(
        principal=principal,
        receiver=receiver,
        chain=_chain(fields.fields("chain")),
        grant_id=grant.take("id", _GRANT_ID),
        purpose=grant.take("purpose", _PURPOSE),
        expires_ms=grant.take("expires", _EXPIRES_MS),
        delegated=_delegated(fields.fields("delegated")),
        now_ms=fields.take("now", _NOW_MS),
        proof=fields.take("proof", _PROOF),
    )
    grant.end()
    fields.end()
    return request


def approval_from(
    fields: Fields, approver: Fields, requester: AgentFacts, kind: ItemKind, server: str, name: str
) -> ApprovalQuestion:
    """Return the question whether this person may approve what the agent asks of this item, in these circumstances."""
    question = ApprovalQuestion(
        principal=ApproverFacts(
            name=approver.take("name", "operator@example.com"),
            roles=approver.words("roles", frozenset({"operator"})),
        ),
        kind=kind,
        server=server,
        name=name,
        requester=requester,
        chain=_chain(fields.fields("chain")),
        purpose=fields.take("purpose", _PURPOSE),
        request_hash=fields.take("request_hash", _REQUEST_HASH),
        now_ms=fields.take("now", _NOW_MS),
    )
    approver.end()
    fields.end()
    return question


def _delegated(fields: Fields) -> DelegatedFacts:
    delegated = DelegatedFacts(
        effects=frozenset(one_of(Effect, word) for word in fields.words("effects", frozenset({"read"}))),
        servers=fields.words("servers", frozenset({"files"})),
        depth=fields.take("depth", 1),
        max_depth=fields.take("max_depth", 1),
        minutes=fields.take("minutes", 5),
        max_calls=fields.take("max_calls", 0) if fields.has("max_calls") else None,
        is_connector=fields.take("is_connector", default=False),
    )
    fields.end()
    return delegated


def _chain(fields: Fields) -> ChainFacts:
    chain = ChainFacts(
        depth=fields.take("depth", 0),
        root=fields.take("root", "owner@example.com"),
        members=fields.words("members", frozenset({"agent-1"})),
        connectors=fields.words("connectors"),
    )
    fields.end()
    return chain


def _grant(fields: Fields) -> GrantFacts:
    grant = GrantFacts(
        id=fields.take("id", _GRANT_ID),
        covers=fields.take("covers", default=True),
        purpose=fields.take("purpose", _PURPOSE),
        expires_ms=fields.take("expires", _EXPIRES_MS),
    )
    fields.end()
    return grant


def _task(fields: Fields) -> TaskFacts:
    task = TaskFacts(
        id=fields.take("id", "task-1"),
        labels=fields.words("labels"),
        calls=fields.take("calls", 0),
        denials=fields.take("denials", 0),
        age_ms=fields.take("age", 0),
        novel=fields.words("novel"),
    )
    fields.end()
    return task


def _targets(fields: Fields) -> TargetFacts:
    targets = TargetFacts(hosts=fields.words("hosts"), paths=fields.words("paths"))
    fields.end()
    return targets


def _justification(fields: Fields) -> JustificationFacts:
    justification = JustificationFacts(
        by=fields.take("by", BY_OWNER), size_bytes=fields.take("bytes", _JUSTIFICATION_BYTES)
    )
    fields.end()
    return justification


def _approval(fields: Fields) -> ApprovalFacts:
    approval = ApprovalFacts(
        approver=fields.take("approver", "reviewer@example.com"),
        at_ms=fields.take("at", _NOW_MS),
        request_hash=fields.take("request_hash", _REQUEST_HASH),
    )
    fields.end()
    return approval
