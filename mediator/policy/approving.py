"""The question who may approve: may this person approve exactly this request of that agent?

Plain values, and the context that a policy reads of them: who asks and for whom, how deep, for which purpose. The
principal is the person whose key signed, in the roles that the operators file gives them; the resource is the item that
the request is about, so its effect and its domain are read there. No argument is told: who may approve depends on what
kind of request it is, and what is in it is for the person to read.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, final

from mediator.canonical import Json, JsonObject
from mediator.kind import ItemKind
from mediator.policy.request import AgentFacts, ChainFacts, key_of
from mediator.policy.types import Leaf, Member, Record

APPROVE: Final = "approve"
"""How policies spell that a person approves one request of an agent."""

OPERATOR_TYPE: Final = "Operator"
ROLE_TYPE: Final = "Role"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ApproverFacts:
    """The principal: a person whose key the operators file names, and their roles there."""

    name: str
    roles: frozenset[str]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalQuestion:
    """One question about an approval: may this person give it? `requester` is the agent that acts, not its owner."""

    principal: ApproverFacts
    kind: ItemKind
    server: str
    name: str
    requester: AgentFacts
    chain: ChainFacts
    purpose: str
    request_hash: str
    now_ms: int

    @property
    def key(self) -> str:
        """The name of the item that the request is about."""
        return key_of(self.kind, self.server, self.name)


def _record(**leaves: Leaf) -> Member:
    return Member(type=Record(members={name: Member(type=leaf) for name, leaf in sorted(leaves.items())}))


APPROVAL: Final = Record(
    members={
        "chain": _record(depth=Leaf.LONG, root=Leaf.STRING, members=Leaf.STRINGS, connectors=Leaf.STRINGS),
        "now": Member(type=Leaf.LONG),
        "purpose": Member(type=Leaf.STRING),
        "request_hash": Member(type=Leaf.STRING),
        "requester": _record(**dict.fromkeys(("agent", "owner", "class", "team"), Leaf.STRING)),
    }
)
"""The type of the context of an approval."""


def read_approval(question: ApprovalQuestion) -> JsonObject:
    """Return the context of an approval, the whole of it, as `APPROVAL` declares it."""
    chain, requester = question.chain, question.requester
    return {
        "chain": {
            "depth": chain.depth,
            "root": chain.root,
            "members": _sorted(chain.members),
            "connectors": _sorted(chain.connectors),
        },
        "now": question.now_ms,
        "purpose": question.purpose,
        "request_hash": question.request_hash,
        "requester": {
            "agent": requester.id,
            "owner": requester.owner,
            "class": requester.agent_class,
            "team": requester.team,
        },
    }


def _sorted(words: Iterable[str]) -> Json:
    return [*sorted(words)]
