"""The judgement of one call: pure, synchronous, replayable. The heart.

It reads no clock, draws no number and does no I/O; whatever it needs comes in. Same arguments, same judgement,
same record. It always returns a `Deliberation`: which step said what, and why, with all its input.

The steps, in this order, first refusal wins:

1. delegation  the stored chain that this identity holds is live, and what authority it comes to
2. resolve     the item is pinned and visible to this caller; then: the arguments fit what is pinned, and what the call
               goes on with is what this caller was given
3. decide      authority AND policy, with the approval of exactly this request where there is one; an engine error is a
               denial. Answers to what was not asked are decided as if it were: whether the server may ask it. And whoever
               else is to be heard allows it, too

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Final, final

from mediator.delegation.chain import DelegationChain, prove_chain
from mediator.effect import Effect
from mediator.evidence import Seal
from mediator.identity.identify import Identified
from mediator.kind import ItemKind
from mediator.manifest.pinned import PinnedItem, PinnedTool
from mediator.mediation.approving import Subject, find_approved
from mediator.mediation.circumstances import Circumstances
from mediator.mediation.claims import Claim, Lease
from mediator.mediation.decide import decide
from mediator.mediation.fitting import check_fit
from mediator.mediation.freeze import refuse_if_frozen, refuse_if_item_frozen
from mediator.mediation.opinion import OpinionRequest, find_awaited, refuse_unless_all_allow
from mediator.mediation.question import (
    ask_question,
    call_question,
    grant_name,
    is_named,
    list_question,
    opinion_request,
    request_hash,
    told_arguments,
)
from mediator.mediation.resumption import Resumption, item_of, refuse_if_another
from mediator.mediation.scopes import refuse_if_scope_is_missing
from mediator.mediation.spending import find_claims, find_leases, refuse_if_exhausted
from mediator.mediation.targets import read_targets
from mediator.mediation.trust import TrustSnapshot, refuse_if_elsewhere
from mediator.mediation.unasked import find_unasked
from mediator.policy.decision import Decision, Verdict
from mediator.refusal import Reason, Refused
from mediator.wire.call import Call
from mediator.wire.call_params import ANSWERS
from mediator.wire.jsonrpc import RESOURCE_NOT_FOUND
from mediator.wire.methods import AskMethod, CallMethod, Era

__all__ = [
    "Claim",
    "Deliberation",
    "Ids",
    "Spans",
    "Step",
    "Verdict",
    "deliberate",
    "is_visible",
    "unjudged",
    "withdraw",
]

_SEAL: Final = Seal("mediator.mediation.deliberate")
_TOLD_MAX: Final = 8  # pointers that one remedy names
_UNKNOWN: Final = MappingProxyType(
    {
        ItemKind.TOOL: Reason.UNKNOWN_TOOL,
        ItemKind.PROMPT: Reason.UNKNOWN_PROMPT,
        ItemKind.RESOURCE: Reason.UNKNOWN_RESOURCE,
    }
)


@unique
class Step(StrEnum):
    """The step at which the judgement ended."""

    NONE = "none"  # identified, but not judged: the facts could not be had, or the judgement itself failed
    DELEGATION = "delegation"
    RESOLVE = "resolve"
    DECIDE = "decide"
    COMMIT = "commit"  # judged, and withdrawn by the shell: what it rested on kept moving


@dataclass(frozen=True, slots=True, kw_only=True)
class Ids:
    """What the shell drew for this arrival: 32 hexadecimal digits each, spans 16 (W3C Trace Context)."""

    decision_id: str
    trace_id: str
    server_span: str
    decision_span: str
    client_span: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """The place of this call in a trace: an identified caller's trace goes on, with its span as the parent."""

    trace_id: str
    parent_span: str | None
    server_span: str
    decision_span: str
    client_span: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Deliberation:
    """The judgement, in order, up to the step it names, with its whole input."""

    ids: Ids
    call: Call
    identity: Identified
    snapshot: TrustSnapshot
    circumstances: Circumstances
    now_ms: int
    step: Step
    verdict: Verdict
    stop: Refused | None
    chain: DelegationChain | None
    item: PinnedItem | None
    decision: Decision | None
    request_hash: str | None
    claims: tuple[Claim, ...]
    spans: Spans
    resumes: Resumption | None
    leases: tuple[Lease, ...] = ()
    awaits: tuple[str, ...] = ()
    """Decision points that are to be heard about this call, which is denied until then."""
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)

    @property
    def policy_digest(self) -> str:
        """The digest of the policies that were in force."""
        return self.snapshot.policies.digest

    @property
    def deadline_seconds(self) -> float:
        """How long the tool server may take."""
        return self.snapshot.limits.deadline_seconds

    @property
    def result_bytes_max(self) -> int:
        """How large the tool server's answer may be: the stricter of the settings' and the manifest's word."""
        limit = self.snapshot.limits.result_bytes_max
        own = self.item.result_bytes_max if isinstance(self.item, PinnedTool) else None
        return limit if own is None else min(limit, own)

    @property
    def is_privileged(self) -> bool:
        """Whether what is asked for does more than read; what does not exist does nothing."""
        return self.item is not None and self.item.effect.is_privileged

    @property
    def opinion_request(self) -> OpinionRequest:
        """What is told of this call to whom it `awaits`."""
        assert self.chain is not None  # whoever is heard is heard last
        assert self.item is not None
        assert self.request_hash is not None
        return opinion_request(self.chain, self.item, self.call, self.identity.proof, self.request_hash)

    def refusal(self) -> Refused:
        """Return the stop of a denial, naming its decision."""
        stop = self.stop or Refused(Reason.INTERNAL, "an allow was taken for a denial")
        return stop.decided_as(self.ids.decision_id)


@dataclass(slots=True)
class _Findings:
    """What the steps have found so far: local to one judgement, and never seen outside this module."""

    step: Step = Step.DELEGATION
    chain: DelegationChain | None = None
    item: PinnedItem | None = None
    decision: Decision | None = None
    request_hash: str | None = None
    claims: tuple[Claim, ...] = ()
    leases: tuple[Lease, ...] = ()
    awaits: tuple[str, ...] = ()


def deliberate(
    *,
    call: Call,
    identity: Identified,
    snapshot: TrustSnapshot,
    circumstances: Circumstances,
    now_ms: int,
    ids: Ids,
    resumes: Resumption | None = None,
) -> Deliberation:
    """Judge one call; `resumes` says with what it goes on. Never raises `Refused`: a stop is part of what it returns."""
    findings = _Findings()
    stop: Refused | None = None
    try:
        _judge(findings, call, identity, snapshot, circumstances, now_ms, resumes)
    except Refused as refused:
        stop = refused
    return Deliberation(
        ids=ids,
        call=call,
        identity=identity,
        snapshot=snapshot,
        circumstances=circumstances,
        now_ms=now_ms,
        step=findings.step,
        verdict=Verdict.ALLOW if stop is None else Verdict.DENY,
        stop=stop,
        chain=findings.chain,
        item=findings.item,
        decision=findings.decision,
        request_hash=findings.request_hash,
        claims=findings.claims,
        spans=_spans(ids, call),
        resumes=resumes,
        leases=findings.leases,
        awaits=findings.awaits,
        seal=_SEAL,
    )


def unjudged(
    *,
    call: Call,
    identity: Identified,
    snapshot: TrustSnapshot,
    circumstances: Circumstances,
    now_ms: int,
    ids: Ids,
    stop: Refused,
    resumes: Resumption | None = None,
) -> Deliberation:
    """Return the denial of an identified call that could not be judged: it leaves a record like any other (P9)."""
    return Deliberation(
        ids=ids,
        call=call,
        identity=identity,
        snapshot=snapshot,
        circumstances=circumstances,
        now_ms=now_ms,
        step=Step.NONE,
        verdict=Verdict.DENY,
        stop=stop,
        chain=None,
        item=None,
        decision=None,
        request_hash=None,
        claims=(),
        spans=_spans(ids, call),
        resumes=resumes,
        seal=_SEAL,
    )


def withdraw(deliberation: Deliberation, stop: Refused) -> Deliberation:
    """Return the denial that stands in place of a judgement which the shell could not commit."""
    return Deliberation(
        ids=deliberation.ids,
        call=deliberation.call,
        identity=deliberation.identity,
        snapshot=deliberation.snapshot,
        circumstances=deliberation.circumstances,
        now_ms=deliberation.now_ms,
        step=Step.COMMIT,
        verdict=Verdict.DENY,
        stop=stop,
        chain=deliberation.chain,
        item=deliberation.item,
        decision=deliberation.decision,
        request_hash=deliberation.request_hash,
        claims=(),
        spans=deliberation.spans,
        resumes=deliberation.resumes,
        seal=_SEAL,
    )


def _judge(
    findings: _Findings,
    call: Call,
    identity: Identified,
    snapshot: TrustSnapshot,
    circumstances: Circumstances,
    now_ms: int,
    resumes: Resumption | None,
) -> None:
    # 1. Delegation: who acts, under which live chain, with what authority, here.
    chain = findings.chain = prove_chain(identity.claims, circumstances.grants, circumstances.last_used_ms, now_ms)
    refuse_if_elsewhere(chain, snapshot.audience, call.server)
    refuse_if_frozen(chain, circumstances)

    # 2. Resolve: the item exists for this caller (all ways of not existing look the same) ...
    findings.step = Step.RESOLVE
    kind, name, server = item_of(call, resumes)
    item = snapshot.pins.resolve_item(kind, name, server)
    if item is None or not is_visible(item, chain, snapshot, now_ms):
        why = snapshot.why_quarantined(kind, name, server)
        raise unknown_item(call, None if why is None else f"quarantined: {why}")
    findings.item = item
    findings.request_hash = request_hash(chain, item, call)
    # ... and then: the arguments fit what is pinned, and a call that goes on is the one that was asked back about.
    check_fit(call, item)
    targets = read_targets(item, call.arguments)
    refuse_if_another(call, item, resumes, now_ms)

    # 3. Decide: authority AND policy.
    findings.step = Step.DECIDE
    refuse_if_item_frozen(item, circumstances)
    covers = chain.authority.covers(item.server, grant_name(item), item.effect, told_arguments(call), item.pin_serial)
    hashed, evaluate_approval = findings.request_hash, snapshot.policies.evaluate_approval
    subject = Subject(kind=item.kind, server=item.server, name=item.name, links=chain.links)
    approved = find_approved(subject, hashed, circumstances, evaluate_approval, now_ms)
    facts = None if approved is None else approved.facts
    question = call_question(
        call, identity, circumstances, chain, item, hashed, now_ms, covers=covers, approval=facts, targets=targets
    )
    decision = findings.decision = decide(snapshot.policies.evaluate, question, chain)
    if not covers:
        refuse_if_scope_is_missing(identity, item)
        raise _not_covered(item, chain)
    if decision.verdict is not Verdict.ALLOW:
        raise Refused(
            decision.reason or Reason.DENIED_BY_POLICY,
            f"policies {', '.join(decision.determining) or 'none'}",
            sentence=decision.sentence,
            remedy=decision.remedy,
        )
    if call.answers is not None:
        asked = {} if resumes is None else resumes.asked
        for unasked in find_unasked(call.answers, asked):
            questions = [
                ask_question(unasked.method, way, call, identity, circumstances, chain, item, hashed, now_ms)
                for way in unasked.ways
            ]
            _refuse_unasked(
                unasked.method, [decide(snapshot.policies.evaluate, question, chain) for question in questions]
            )
    heard = (snapshot.decision_points, item.effect, circumstances.opinions, findings.request_hash)
    findings.awaits = find_awaited(*heard)
    refuse_unless_all_allow(*heard)
    refuse_if_exhausted(circumstances)
    quotas = snapshot.limits.quotas
    leases = find_leases(chain, item, call, findings.request_hash, quotas)
    # The last things found: a denial takes nothing. The call of an mcp task was counted.
    counted = () if call.is_of_mcp_task else find_claims(chain, item, call, quotas, circumstances, now_ms)
    findings.claims = counted + (() if approved is None else (Claim(key=approved.claim, limit=1),))
    findings.leases = leases


def _refuse_unasked(method: AskMethod, decisions: list[Decision]) -> None:
    """Refuse a call that answers what its server may not ask, in whichever way."""
    if all(decision.verdict is not Verdict.ALLOW for decision in decisions):
        policies = sorted({policy for decision in decisions for policy in decision.determining})
        raise Refused(
            decisions[0].reason or Reason.DENIED_BY_POLICY,
            f"answers to `{method}`, unasked: policies {', '.join(policies) or 'none'}",
            sentence=f"the call answers `{method}`, which this tool server may not ask",
            remedy=f"make the call without such an answer in `{ANSWERS}`",
        )


def is_visible(item: PinnedItem, chain: DelegationChain, snapshot: TrustSnapshot, now_ms: int) -> bool:
    """Tell whether the item exists for this caller: its pin holds, a pattern of each link matches, `list` is allowed."""
    if item.expires <= now_ms or not chain.authority.matches(item.server, grant_name(item), item.pin_serial):
        return False
    question = list_question(chain.presented, item)
    return decide(snapshot.policies.evaluate, question, chain).verdict is Verdict.ALLOW


def unknown_item(call: Call, detail: str | None = None) -> Refused:
    """Return the one refusal of an item that does not exist for a caller, by the name that was asked for."""
    # MCP 2026-07-28, `server/tools`: `Unknown tool: <name>`. The caller's own word, told back where it is one; and the
    # same for every way of not existing.
    named = "the URI" if call.is_at_uri else f"`{call.name}`"  # a URI is an argument: no entry holds it
    detail = detail or f"{named} is not pinned, or is not visible"
    # MCP until 2025-11-25, `server/resources`: a code of its own, which 2026-07-28 gave up.
    code = RESOURCE_NOT_FOUND if call.method is CallMethod.RESOURCE and call.era is Era.LEGACY else None
    is_printable = call.name.isprintable()
    told: dict[str, str | list[str]] | None = {"uri": call.name} if call.is_at_uri and is_printable else None
    sentence = call.name if is_printable and not call.is_at_uri else None
    return Refused(_UNKNOWN[call.kind], detail, sentence=sentence, code=code, data=told)


def _not_covered(item: PinnedItem, chain: DelegationChain) -> Refused:
    name = grant_name(item)
    if is_named(chain, item):  # so it is the arguments
        return Refused(
            Reason.NOT_COVERED,
            f"the arguments keep no entry's constraints for `{item.server}/{name}`",
            sentence="this task does not cover these arguments",
            remedy=f"keep {_constrained(item, chain)} within what the token was given for, each in its normal form",
        )
    pattern = f"{item.server}/{name}" if item.effect not in {Effect.READ, Effect.WRITE} else f"{item.server}/*"
    return Refused(
        Reason.NOT_COVERED,
        f"the grant does not name `{item.effect}` for `{item.server}/{name}`",
        sentence=f"this task does not cover the effect `{item.effect}` of this {item.kind}",
        remedy=f"ask the task's owner for a task opened with the effect `{item.effect}` on `{pattern}`",
    )


def _constrained(item: PinnedItem, chain: DelegationChain) -> str:
    """Return which arguments the chain constrains: pointers alone, for the remedy stands in an entry."""
    name = grant_name(item)
    entries = [entry for link in chain.links for entry in link.rights.entries]
    named = [entry for entry in entries if entry.names(item.server, name, item.effect)]
    pointers = sorted({pointer for entry in named for pointer in entry.arguments})
    return ", ".join(f"`{pointer}`" for pointer in pointers[:_TOLD_MAX])


def _spans(ids: Ids, call: Call) -> Spans:
    parent = call.trace_parent
    return Spans(
        trace_id=ids.trace_id if parent is None else parent.trace_id,
        parent_span=None if parent is None else parent.span_id,
        server_span=ids.server_span,
        decision_span=ids.decision_span,
        client_span=ids.client_span,
    )
