"""What the decision point is asked: the call and its circumstances in the policies' own words; and the request's hash.

Pure: it answers nothing. Facts come from stored grants and pins, never from a token's claims or a server's word.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import hashlib

from mediator.canonical import JsonObject, canonical_bytes
from mediator.delegation.chain import DelegationChain
from mediator.delegation.grant import Grant
from mediator.identity.identify import Identified
from mediator.manifest.pinned import PinnedTool
from mediator.mediation.circumstances import Circumstances
from mediator.policy.request import (
    AccessRequest,
    Action,
    AgentFacts,
    BaseFacts,
    ChainFacts,
    GrantFacts,
    TaskFacts,
)
from mediator.wire.tool_call import ToolCall


def list_question(grant: Grant, tool: PinnedTool) -> AccessRequest:
    """Return the question whether this tool may be seen: on stable facts alone, since listings are cached by them."""
    return AccessRequest(
        principal=agent_facts(grant),
        action=Action.LIST,
        server=tool.server,
        tool=tool.name,
        base=None,
        arguments=None,
    )


def call_question(
    call: ToolCall,
    identity: Identified,
    circumstances: Circumstances,
    chain: DelegationChain,
    tool: PinnedTool,
    hashed: str,
    now_ms: int,
    *,
    covers: bool,
) -> AccessRequest:
    """Return the question whether this call may be made: all that a policy may read, and `covers`, our own answer."""
    grant = chain.presented
    return AccessRequest(
        principal=agent_facts(grant),
        action=Action.CALL,
        server=tool.server,
        tool=tool.name,
        base=BaseFacts(
            chain=ChainFacts(
                depth=grant.depth,
                root=chain.root.agent,
                members=frozenset(link.agent for link in chain.links),
                connectors=frozenset(),
            ),
            grant=GrantFacts(id=grant.id, covers=covers, purpose=grant.purpose, expires_ms=grant.expires_ms),
            task=TaskFacts(
                id=chain.root.id,
                labels=circumstances.labels,
                calls=circumstances.calls,
                age_ms=now_ms - chain.root.opened_ms,
                novel=frozenset(),
            ),
            destination=frozenset(tool.sends_to),
            proof=identity.proof,
            approval=None,
            justified=False,
            now_ms=now_ms,
            protocol=call.version,
            request_hash=hashed,
            provenance=frozenset(),
        ),
        arguments=call.arguments,
    )


def agent_facts(grant: Grant) -> AgentFacts:
    """Return what policy may know of the agent: from the stored grant, never from a token."""
    return AgentFacts(id=grant.agent, owner=grant.owner, agent_class=grant.agent_class, team=grant.team)


def request_hash(chain: DelegationChain, tool: PinnedTool, arguments_bytes: bytes) -> str:
    """Return `sha256:` over the task's salt and the RFC 8785 form of the request: what an approval is bound to.

    The form is `{arguments, pin, purpose, server, task, tool}`; the arguments' bytes are spliced in, so that
    what is hashed is what is forwarded.
    """
    rest: JsonObject = {
        "pin": tool.digest,
        "purpose": chain.presented.purpose,
        "server": tool.server,
        "task": chain.root.id,
        "tool": tool.name,
    }
    form = b'{"arguments":' + arguments_bytes + b"," + canonical_bytes(rest)[1:]
    return "sha256:" + hashlib.sha256(chain.root.salt.encode() + form).hexdigest()
