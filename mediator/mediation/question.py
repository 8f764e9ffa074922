"""What the decision point is asked: the call and its circumstances in the policies' own words; and the request's hash.

Pure: it answers nothing. Facts come from stored grants and pins, never from a token's claims or a server's word.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from types import MappingProxyType
from typing import Final

from mediator.because import Author, Because
from mediator.canonical import JsonObject, canonical_bytes
from mediator.delegation.authority import Entry
from mediator.delegation.chain import DelegationChain
from mediator.delegation.grant import Grant
from mediator.identity.identify import Identified
from mediator.kind import ItemKind
from mediator.manifest.pinned import PinnedItem
from mediator.mediation.circumstances import Circumstances
from mediator.mediation.opinion import OpinionRequest
from mediator.mediation.targets import read_targets
from mediator.policy.request import (
    NO_TARGETS,
    AccessRequest,
    Action,
    AgentFacts,
    ApprovalFacts,
    AskFacts,
    BaseFacts,
    ChainFacts,
    DelegatedFacts,
    DelegationRequest,
    GrantFacts,
    JustificationFacts,
    TargetFacts,
    TaskFacts,
)
from mediator.wire.call import Call
from mediator.wire.methods import AskMethod, CallMethod

_ASKED: Final = MappingProxyType(
    {AskMethod.ELICIT: Action.ELICIT, AskMethod.SAMPLE: Action.SAMPLE, AskMethod.ROOTS: Action.LIST_ROOTS}
)


def grant_name(item: PinnedItem) -> str:
    """Return the name by which patterns of a grant mean this item, behind its server's."""
    return item.name if item.kind is ItemKind.TOOL else f"{item.kind}:{item.name}"


def list_question(grant: Grant, item: PinnedItem) -> AccessRequest:
    """Return the question whether this item may be seen: on stable facts alone, since listings are cached by them."""
    return AccessRequest(
        principal=agent_facts(grant),
        action=Action.LIST,
        kind=item.kind,
        server=item.server,
        name=item.name,
        base=None,
        arguments=None,
    )


def call_question(
    call: Call,
    identity: Identified,
    circumstances: Circumstances,
    chain: DelegationChain,
    item: PinnedItem,
    hashed: str,
    now_ms: int,
    *,
    covers: bool,
    approval: ApprovalFacts | None = None,
    targets: TargetFacts = NO_TARGETS,
) -> AccessRequest:
    """Return the question whether this call may be made: all that a policy may read, and `covers`, our own answer.

    `targets` are those of the call, as `read_targets` found them.
    """
    return AccessRequest(
        principal=agent_facts(chain.presented),
        action=Action.CALL,
        kind=item.kind,
        server=item.server,
        name=item.name,
        base=_base_facts(
            call, identity, circumstances, chain, item, hashed, now_ms, targets, covers=covers, approval=approval
        ),
        arguments=told_arguments(call),
    )


def ask_question(
    method: AskMethod,
    asked: AskFacts,
    call: Call,
    identity: Identified,
    circumstances: Circumstances,
    chain: DelegationChain,
    item: PinnedItem,
    hashed: str,
    now_ms: int,
) -> AccessRequest:
    """Return the question whether the server may ask this of the client, in the course of a call that was allowed.

    `asked` is how an elicitation is to be made; of any other question there is nothing to be told.
    """
    return AccessRequest(
        principal=agent_facts(chain.presented),
        action=_ASKED[method],
        kind=item.kind,
        server=item.server,
        name=item.name,
        base=_base_facts(
            call, identity, circumstances, chain, item, hashed, now_ms, read_targets(item, call.arguments), covers=True
        ),
        arguments=None,
        ask=asked if method is AskMethod.ELICIT else None,
    )


def delegation_question(
    chain: DelegationChain, child: Grant, proof: str, items: Iterable[PinnedItem], now_ms: int
) -> DelegationRequest:
    """Return the question whether the holder of this chain may hand on this much.

    Its servers are those of the pinned items in sight: by name, so that no pattern hides one.
    """
    grant, rights = chain.presented, child.rights
    seen = {item.server for item in items if rights.matches(item.server, grant_name(item), item.pin_serial)}
    named = {entry.pattern.partition("/")[0] for entry in rights.entries}
    return DelegationRequest(
        principal=agent_facts(grant),
        receiver=agent_facts(child),
        chain=_chain_facts(chain),
        grant_id=grant.id,
        purpose=grant.purpose,
        expires_ms=grant.expires_ms,
        delegated=DelegatedFacts(
            effects=frozenset(effect for entry in rights.entries for effect in entry.effects),
            servers=frozenset(seen | {name for name in named if "*" not in name}),
            depth=child.depth,
            max_depth=child.max_depth,
            minutes=-(-(child.expires_ms - now_ms) // 60_000),
            max_calls=child.max_calls,
            is_connector=child.is_connector,
        ),
        now_ms=now_ms,
        proof=proof,
    )


def _chain_facts(chain: DelegationChain) -> ChainFacts:
    return ChainFacts(
        depth=chain.presented.depth,
        root=chain.root.agent,
        members=frozenset(link.agent for link in chain.links),
        connectors=chain.connectors,
    )


def _base_facts(
    call: Call,
    identity: Identified,
    circumstances: Circumstances,
    chain: DelegationChain,
    item: PinnedItem,
    hashed: str,
    now_ms: int,
    targets: TargetFacts,
    *,
    covers: bool,
    approval: ApprovalFacts | None = None,
) -> BaseFacts:
    grant = chain.presented
    why = find_justification(call, chain, item)
    return BaseFacts(
        chain=_chain_facts(chain),
        grant=GrantFacts(id=grant.id, covers=covers, purpose=grant.purpose, expires_ms=grant.expires_ms),
        task=TaskFacts(
            id=chain.root.id,
            labels=circumstances.labels,
            calls=circumstances.calls,
            denials=circumstances.denials,
            age_ms=now_ms - chain.root.opened_ms,
            novel=circumstances.novel,
        ),
        destination=item.sends_to,
        targets=targets,
        proof=identity.proof,
        approval=approval,
        justified=covers or is_named(chain, item),
        justification=None if why is None else JustificationFacts(by=str(why.by), size_bytes=len(why.text.encode())),
        now_ms=now_ms,
        utc_offset_seconds=circumstances.utc_offset_seconds,
        protocol=call.version,
        method=str(call.method),
        request_hash=hashed,
        provenance=frozenset(),
    )


def opinion_request(chain: DelegationChain, item: PinnedItem, call: Call, proof: str, hashed: str) -> OpinionRequest:
    """Return what decision points outside are told of a call."""
    grant = chain.presented
    return OpinionRequest(
        agent=grant.agent,
        agent_class=grant.agent_class,
        team=grant.team,
        owner=grant.owner,
        server=item.server,
        name=item.name,
        kind=str(item.kind),
        effect=str(item.effect),
        method=str(call.method),
        task=chain.root.id,
        purpose=grant.purpose,
        chain=tuple(link.agent for link in chain.links),
        proof=proof,
        arguments=told_arguments(call),
        request_hash=hashed,
    )


def is_named(chain: DelegationChain, item: PinnedItem) -> bool:
    """Tell whether an intent names this item: an entry of each link, closely enough for its effect (P6)."""
    return all(any(_names(entry, item) for entry in link.rights.entries) for link in chain.links)


def find_justification(call: Call, chain: DelegationChain, item: PinnedItem) -> Because | None:
    """Return why this call is made: in the agent's words of now, else in those of the entry that names its item.

    Of several links the last one that says it counts: whoever hands on may say why anew.
    """
    if call.justification is not None:
        return Because(text=call.justification, by=Author.AGENT)
    for link in reversed(chain.links):
        for entry in link.rights.entries:
            if entry.because is not None and _names(entry, item) and entry.admits(told_arguments(call)):
                return entry.because
    return None


def _names(entry: Entry, item: PinnedItem) -> bool:
    return entry.names(item.server, grant_name(item), item.effect)


def told_arguments(call: Call) -> JsonObject:
    """Return the arguments as policies are told them: of a completion, what is known and what is being completed."""
    if call.method is not CallMethod.COMPLETE:
        return call.arguments
    if call.kind is ItemKind.RESOURCE:
        return {"uri": call.name}
    context, completed = call.arguments.get("context", {}), call.arguments["argument"]
    assert isinstance(context, dict)  # their forms were read with the call
    assert isinstance(completed, dict)
    known = context.get("arguments", {})
    assert isinstance(known, dict)
    return {**known, str(completed["name"]): completed["value"]}


def agent_facts(grant: Grant) -> AgentFacts:
    """Return what policy may know of the agent: from the stored grant, never from a token."""
    return AgentFacts(id=grant.agent, owner=grant.owner, agent_class=grant.agent_class, team=grant.team)


def request_hash(chain: DelegationChain, item: PinnedItem, call: Call) -> str:
    """Return `sha256:` over the task's salt and the RFC 8785 form of the request: what an approval is bound to.

    The form is `{arguments, pin, purpose, server, task, tool}`; the arguments' bytes are spliced in, so that
    what is hashed is what is forwarded. A request that is no call of a tool has its `method` there too, one that goes
    on with answers their digest, as `responses`.
    """
    rest: JsonObject = {
        "pin": item.digest,
        "purpose": chain.presented.purpose,
        "server": item.server,
        "task": chain.root.id,
        str(item.kind): item.name,
    }
    if call.method is not CallMethod.TOOL:
        rest["method"] = str(call.method)
    if call.answers_digest is not None:
        rest["responses"] = call.answers_digest
    form = b'{"arguments":' + call.arguments_bytes + b"," + canonical_bytes(rest)[1:]
    return "sha256:" + hashlib.sha256(chain.root.salt.encode() + form).hexdigest()
