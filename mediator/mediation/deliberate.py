"""The judgement of one call: pure, synchronous, replayable. The heart.

It reads no clock, draws no number and does no I/O; whatever it needs comes in. Same arguments, same judgement,
same record. It always returns a `Deliberation`: which step said what, and why, with all its input.

The steps, in this order, first refusal wins:

1. delegation  the stored chain that this identity holds is live, and what authority it comes to
2. resolve     the tool is pinned and visible to this caller; then: the arguments fit the pinned schema
3. decide      authority AND policy; an engine error is a denial

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from enum import StrEnum, unique
from typing import Final, final

from mediator.canonical import JsonObject
from mediator.delegation.chain import DelegationChain, prove_chain
from mediator.delegation.grant import Grant
from mediator.effect import Effect
from mediator.evidence import Seal
from mediator.identity.identify import Identified
from mediator.manifest.pinned import PinnedTool
from mediator.mediation.circumstances import Circumstances
from mediator.mediation.freeze import refuse_if_frozen, refuse_if_tool_frozen
from mediator.mediation.question import call_question, list_question, request_hash
from mediator.mediation.trust import TrustSnapshot, refuse_if_elsewhere
from mediator.policy.decision import Decision, Verdict
from mediator.refusal import Reason, Refused
from mediator.wire.param_headers import ANNOTATION, check_param_headers, declared_headers
from mediator.wire.tool_call import ToolCall

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
_PARAM_HEADER: Final = ANNOTATION.encode()  # few tools declare any: the others cost one look at their bytes


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One thing to be taken, once, before the act: a unit of `key`, of which there are `limit` in all."""

    key: str
    limit: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Deliberation:
    """The judgement, in order, up to the step it names, with its whole input."""

    ids: Ids
    call: ToolCall
    identity: Identified
    snapshot: TrustSnapshot
    circumstances: Circumstances
    now_ms: int
    step: Step
    verdict: Verdict
    stop: Refused | None
    chain: DelegationChain | None
    tool: PinnedTool | None
    decision: Decision | None
    request_hash: str | None
    claims: tuple[Claim, ...]
    spans: Spans
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
        own = self.tool.result_bytes_max if self.tool is not None else None
        return limit if own is None else min(limit, own)

    @property
    def is_privileged(self) -> bool:
        """Whether what is asked for does more than read; an unknown tool does nothing."""
        return self.tool is not None and self.tool.effect.is_privileged

    def refusal(self) -> Refused:
        """Return the stop of a denial, naming its decision."""
        stop = self.stop or Refused(Reason.INTERNAL, "an allow was taken for a denial")
        return stop.decided_as(self.ids.decision_id)


@dataclass(slots=True)
class _Findings:
    """What the steps have found so far: local to one judgement, and never seen outside this module."""

    step: Step = Step.DELEGATION
    chain: DelegationChain | None = None
    tool: PinnedTool | None = None
    decision: Decision | None = None
    request_hash: str | None = None
    claims: tuple[Claim, ...] = ()


def deliberate(
    *,
    call: ToolCall,
    identity: Identified,
    snapshot: TrustSnapshot,
    circumstances: Circumstances,
    now_ms: int,
    ids: Ids,
) -> Deliberation:
    """Judge one call. Never raises `Refused`: a stop is part of what it returns."""
    findings = _Findings()
    stop: Refused | None = None
    try:
        _judge(findings, call, identity, snapshot, circumstances, now_ms)
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
        tool=findings.tool,
        decision=findings.decision,
        request_hash=findings.request_hash,
        claims=findings.claims,
        spans=_spans(ids, call),
        seal=_SEAL,
    )


def unjudged(
    *,
    call: ToolCall,
    identity: Identified,
    snapshot: TrustSnapshot,
    circumstances: Circumstances,
    now_ms: int,
    ids: Ids,
    stop: Refused,
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
        tool=None,
        decision=None,
        request_hash=None,
        claims=(),
        spans=_spans(ids, call),
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
        tool=deliberation.tool,
        decision=deliberation.decision,
        request_hash=deliberation.request_hash,
        claims=(),
        spans=deliberation.spans,
        seal=_SEAL,
    )


def _judge(
    findings: _Findings,
    call: ToolCall,
    identity: Identified,
    snapshot: TrustSnapshot,
    circumstances: Circumstances,
    now_ms: int,
) -> None:
    # 1. Delegation: who acts, under which live chain, with what authority, here.
    chain = findings.chain = prove_chain(identity, circumstances.grants, circumstances.last_used_ms, now_ms)
    refuse_if_elsewhere(chain, snapshot.audience, call.server)
    refuse_if_frozen(chain, circumstances)

    # 2. Resolve: the tool exists for this caller (all ways of not existing look the same) ...
    findings.step = Step.RESOLVE
    tool = snapshot.pins.resolve(call.name, call.server)
    if tool is None or not is_visible(tool, chain.presented, snapshot, now_ms):
        why = snapshot.why_quarantined(call.name, call.server)
        raise unknown_tool(call.name, None if why is None else f"quarantined: {why}")
    findings.tool = tool
    findings.request_hash = request_hash(chain, tool, call.arguments_bytes)
    # ... and then: the headers repeat the arguments where the pinned schema says so, and the arguments fit it.
    if _PARAM_HEADER in tool.shown(era_modern=True, own_name=True):
        check_param_headers(declared_headers(_input_schema(tool)), call)
    tool.schema.check_arguments(call.arguments)

    # 3. Decide: authority AND policy.
    findings.step = Step.DECIDE
    refuse_if_tool_frozen(tool, circumstances)
    covers = chain.authority.covers(tool.server, tool.name, tool.effect, tool.pin_serial)
    decision = findings.decision = snapshot.policies.evaluate(
        call_question(call, identity, circumstances, chain, tool, findings.request_hash, now_ms, covers=covers)
    )
    if not covers:
        raise _not_covered(tool)
    if decision.verdict is not Verdict.ALLOW:
        raise Refused(
            decision.reason or Reason.DENIED_BY_POLICY,
            f"policies {', '.join(decision.determining) or 'none'}",
            sentence=decision.sentence,
            remedy=decision.remedy,
        )
    findings.claims = _claims(chain, tool, circumstances)  # the last thing found: a denial claims nothing


def is_visible(tool: PinnedTool, grant: Grant, snapshot: TrustSnapshot, now_ms: int) -> bool:
    """Tell whether the tool exists for this caller: its pin holds, a pattern matches, `list` is allowed on stable facts."""
    if tool.expires <= now_ms or not grant.authority.matches(tool.server, tool.name, tool.pin_serial):
        return False
    return snapshot.policies.evaluate(list_question(grant, tool)).verdict is Verdict.ALLOW


def _input_schema(tool: PinnedTool) -> JsonObject:
    schema = tool.definition["inputSchema"]
    assert isinstance(schema, dict)  # nothing else can be pinned
    return schema


def unknown_tool(name: str, detail: str | None = None) -> Refused:
    """Return the one refusal of a tool that does not exist for a caller, by the name that was asked for."""
    # MCP 2026-07-28, `server/tools`: `Unknown tool: <name>`. The caller's own word, told back where it is one; and the
    # same for every way of not existing.
    detail = detail or f"`{name}` is not pinned, or is not visible"
    return Refused(Reason.UNKNOWN_TOOL, detail, sentence=name if name.isprintable() else None)


def _not_covered(tool: PinnedTool) -> Refused:
    pattern = f"{tool.server}/{tool.name}" if tool.effect not in {Effect.READ, Effect.WRITE} else f"{tool.server}/*"
    return Refused(
        Reason.NOT_COVERED,
        f"the grant does not name `{tool.effect}` for `{tool.server}/{tool.name}`",
        sentence=f"this task does not cover the effect `{tool.effect}` of this tool",
        remedy=f"ask the task's owner for a task opened with the effect `{tool.effect}` on `{pattern}`",
    )


def _claims(chain: DelegationChain, tool: PinnedTool, circumstances: Circumstances) -> tuple[Claim, ...]:
    """Return what must be taken for this call: a unit of each link's calls, and of the tool's calls in this task.

    Raises `Refused(BUDGET_SPENT)` where nothing is left.
    """
    limits = {f"calls:{link.id}": link.max_calls for link in chain.links}
    limits[f"calls:{chain.root.id}:{tool.server}/{tool.name}"] = tool.calls_per_task_max
    claims = tuple(Claim(key=key, limit=limit) for key, limit in limits.items() if limit is not None)
    for claim in claims:
        if claim.key in circumstances.spent:
            raise Refused(Reason.BUDGET_SPENT, f"`{claim.key}`: all {claim.limit} are used")
    return claims


def _spans(ids: Ids, call: ToolCall) -> Spans:
    parent = call.trace_parent
    return Spans(
        trace_id=ids.trace_id if parent is None else parent.trace_id,
        parent_span=None if parent is None else parent.span_id,
        server_span=ids.server_span,
        decision_span=ids.decision_span,
        client_span=ids.client_span,
    )
