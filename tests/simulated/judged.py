"""Judgements for the tests of what comes after one: a call that was allowed, or denied, of a tool that is as asked.

Nothing is judged here: what `deliberate` would find is taken from the arguments, so that a test of the ledger or of
the store does not stand on pins and policies. It breaks seals, as only tests may.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from mediator.canonical import Digest, JsonObject, canonical_bytes, digest_of, digest_of_bytes
from mediator.delegation.authority import Authority
from mediator.delegation.chain import _SEAL as CHAIN_SEAL
from mediator.delegation.chain import DelegationChain
from mediator.delegation.grant import Grant
from mediator.effect import Effect
from mediator.identity.identify import Identified, identify
from mediator.inspection.release import _SEAL as RELEASE_SEAL
from mediator.inspection.release import Released
from mediator.manifest.family import FamilyForm, read_family
from mediator.manifest.pin import _SEAL as SET_SEAL
from mediator.manifest.pin import PinSet
from mediator.manifest.pinned import _SEAL as PIN_SEAL
from mediator.manifest.pinned import PinnedPrompt, PinnedResource, PinnedTool, _PinnedFacts
from mediator.manifest.schema import prepare
from mediator.mediation.circumstances import Circumstances
from mediator.mediation.deliberate import _SEAL as DELIBERATION_SEAL
from mediator.mediation.deliberate import Claim, Deliberation, Ids, Spans, Step
from mediator.mediation.permit import Permit, enforce
from mediator.mediation.record import Committed, DecisionRecord, Receipt, committed, decision_entry, decision_values
from mediator.mediation.trust import CallLimits, TrustSnapshot
from mediator.policy.approving import ApprovalQuestion
from mediator.policy.decision import Decision, Verdict
from mediator.policy.request import AccessRequest, DelegationRequest
from mediator.refusal import Reason, Refused
from mediator.wire.call import Call, recall_call
from tests.simulated.forged_tokens import AUDIENCE, KEYS, NOW_MS, SKEW, forge, good_claims
from tests.simulated.grants import a_grant
from tests.simulated.ids import ids_of

POLICY_DIGEST = digest_of("policies")


class SilentEngine:
    """A policy engine that is never asked."""

    @property
    def digest(self) -> str:
        return POLICY_DIGEST

    def evaluate(self, request: AccessRequest) -> Decision:
        raise AssertionError(request)

    def evaluate_delegation(self, request: DelegationRequest) -> Decision:
        raise AssertionError(request)

    def evaluate_approval(self, question: ApprovalQuestion) -> Decision:
        raise AssertionError(question)


def a_tool(**changed: Any) -> PinnedTool:
    """Return a pinned tool that reads, changed as asked."""
    definition: JsonObject = {"name": changed.get("name", "now"), "inputSchema": {"type": "object"}}
    members: dict[str, Any] = {
        "server": "clock",
        "name": "now",
        "assigned": "clock__now",
        "digest": digest_of(definition),
        "definition": definition,
        "effect": Effect.READ,
        "sensitivity": 0,
        "reads_from": frozenset(),
        "sends_to": frozenset(),
        "result_labels": frozenset({"untrusted"}),
        "targets": {},
        "stores": False,
        "idempotent": True,
        "result_bytes_max": None,
        "calls_per_task_max": None,
        "opens": frozenset({""}),
        "server_identity": "local/clock",
        "stateless": False,
        "executable_digest": None,
        "lock_digest": None,
        "owner": "bob@example.com",
        "manifest_digest": digest_of("manifest"),
        "signers": ("signer",),
        "reviewer": "alice@example.com",
        "statement_digest": digest_of("statement"),
        "voices": (digest_of("statement"),),
        "pin_serial": 1,
        "expires": NOW_MS + 10**10,
        "schema": prepare({"type": "object"}, None, frozenset({""})),
        "shown_forms": (b"", b"", b"", b""),
    }
    return PinnedTool(**members | changed, seal=PIN_SEAL)


def a_prompt(**changed: Any) -> PinnedPrompt:
    """Return a pinned prompt with two arguments, one of them required, changed as asked."""
    definition: JsonObject = {
        "name": "greet",
        "arguments": [{"name": "who", "required": True}, {"name": "tone"}, {"name": 7}, "none"],
    }
    members = _facts(definition) | {"name": "greet", "assigned": "clock__greet"}
    return PinnedPrompt(**members | changed, seal=PIN_SEAL)


def a_resource(text: str = "test://now", form: FamilyForm = FamilyForm.URI, *media_types: str) -> PinnedResource:
    """Return a pinned family of resources."""
    definition: JsonObject = {"uri": text, "name": "now"}
    if form is FamilyForm.PREFIX:
        definition = {"prefix": text, "title": "Logs", "description": "What was logged.", "media_types": []}
    family = read_family(form, text, frozenset(media_types))
    return PinnedResource(**_facts(definition) | {"name": text}, family=family, seal=PIN_SEAL)


def _facts(definition: JsonObject) -> dict[str, Any]:
    tool = a_tool()
    shared = {one.name: getattr(tool, one.name) for one in fields(_PinnedFacts)}
    return shared | {"definition": definition, "digest": digest_of(definition)}


def a_call(
    arguments: JsonObject | None = None,
    answers: JsonObject | None = None,
    justification: str | None = None,
    **changed: Any,
) -> Call:
    """Return a call of that tool, changed as asked."""
    arguments = {"timezone": "Europe/Oslo"} if arguments is None else arguments
    form: JsonObject = {
        "request_id": 1,
        "era": "modern",
        "version": "2026-07-28",
        "transport": "http",
        "server": None,
        "method": "tools/call",
        "kind": "tool",
        "name": "clock__now",
        "answers": None if answers is None else digest_of_bytes(canonical_bytes(answers)),
        "has_state": False,
        "arguments": digest_of_bytes(canonical_bytes(arguments)),
        "trace_parent": None,
        "http_trace_parent": None,
        "param_headers": [],
        "dropped": [],
        "source": "127.0.0.1",
    }
    if justification is not None:
        form["justification"] = digest_of_bytes(justification.encode())
    return recall_call(form | changed, arguments, answers, justification)


def a_snapshot() -> TrustSnapshot:
    """Return trust in our issuer, and in nothing else."""
    return TrustSnapshot(
        keys=KEYS,
        pins=PinSet(tools=(), digest=digest_of("pins"), serial=1, seal=SET_SEAL),
        policies=SilentEngine(),
        limits=CallLimits(deadline_seconds=60, result_bytes_max=2**24, clock_skew_seconds=SKEW),
        audience=AUDIENCE,
        tenant="default",
    )


def circumstances_of(*grants: Grant, epoch: int = 1) -> Circumstances:
    return Circumstances(
        epoch=epoch,
        grants=grants,
        calls=0,
        last_used_ms=None,
        spent=frozenset(),
        labels=frozenset(),
        frozen=frozenset(),
    )


def identified(grant: Grant) -> Identified:
    claims = good_claims(sub=grant.agent, grant=grant.id)
    return identify(forge(claims=claims), KEYS, frozenset({AUDIENCE}), NOW_MS, SKEW)


def allowed(
    number: int = 1,
    *,
    grant: Grant | None = None,
    tool: PinnedTool | None = None,
    call: Call | None = None,
    claims: Sequence[Claim] = (),
    epoch: int = 1,
    now_ms: int = NOW_MS,
) -> Deliberation:
    """Return the judgement that this call may be made; `number` makes its ids."""
    grant, call = grant or a_grant(), call or a_call()
    return Deliberation(
        ids=ids_of(number),
        call=call,
        identity=identified(grant),
        snapshot=a_snapshot(),
        circumstances=circumstances_of(grant, epoch=epoch),
        now_ms=now_ms,
        step=Step.DECIDE,
        verdict=Verdict.ALLOW,
        stop=None,
        chain=chain_of(grant),
        item=tool or a_tool(),
        decision=Decision(verdict=Verdict.ALLOW, determining=("reads",), policy_digest=POLICY_DIGEST),
        request_hash=digest_of("request"),
        claims=tuple(claims),
        spans=_spans(ids_of(number), call),
        resumes=None,
        seal=DELIBERATION_SEAL,
    )


def chain_of(*links: Grant) -> DelegationChain:
    """Return the chain of these links, unproven."""
    return DelegationChain(links=links, authority=Authority(frozenset(link.rights for link in links)), seal=CHAIN_SEAL)


def denied(
    number: int = 1,
    *,
    reason: Reason = Reason.UNKNOWN_TOOL,
    tool: PinnedTool | None = None,
    call: Call | None = None,
    known: bool = True,
    epoch: int = 1,
    now_ms: int = NOW_MS,
    ended: tuple[Grant, ...] = (),
) -> Deliberation:
    """Return the judgement that this call may not be made; without a tool, and without a grant where it is not known.

    `ended` are stored links that were not proven.
    """
    grant, call = a_grant(), call or a_call()
    stored = ended or ((grant,) if known else ())
    return Deliberation(
        ids=ids_of(number),
        call=call,
        identity=identified(grant),
        snapshot=a_snapshot(),
        circumstances=circumstances_of(*stored, epoch=epoch),
        now_ms=now_ms,
        step=Step.RESOLVE if known else Step.DELEGATION,
        verdict=Verdict.DENY,
        stop=Refused(reason, "as the test wants it"),
        chain=chain_of(grant) if known else None,
        item=tool,
        decision=None,
        request_hash=None if tool is None else digest_of("request"),
        claims=(),
        spans=_spans(ids_of(number), call),
        resumes=None,
        seal=DELIBERATION_SEAL,
    )


def permitted(committed: object, *, used: bool = True) -> Permit:
    """Return the permit of a recorded allow, used up unless it is not to be."""
    assert isinstance(committed, Committed)
    permit = enforce(committed)
    if used:
        permit.spring(lambda _: None)
    return permit


def a_release(*, is_error: bool = False) -> Released:
    """Return a result that may leave."""
    return Released(
        body={"content": []},
        is_protocol_error=False,
        is_error=is_error,
        body_digest=Digest(digest_of({"content": []})),
        size_bytes=14,
        labels=frozenset({"untrusted"}),
        removed=0,
        noise=0,
        seal=RELEASE_SEAL,
    )


def _spans(ids: Ids, call: Call) -> Spans:
    parent = call.trace_parent
    return Spans(
        trace_id=ids.trace_id if parent is None else parent.trace_id,
        parent_span=None if parent is None else parent.span_id,
        server_span=ids.server_span,
        decision_span=ids.decision_span,
        client_span=ids.client_span,
    )


def on_record(deliberation: Deliberation) -> Committed:
    """Return the proof that a judgement stands on record, as a ledger gives it."""
    receipt = Receipt(stream="s", index=0, digest="sha256:0")
    entry, values = decision_entry(deliberation), decision_values(deliberation)
    return committed(deliberation, DecisionRecord(entry=entry, values=values, receipt=receipt))
