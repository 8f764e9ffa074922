"""What is written down of a call: the decision before the act, the outcome after it; and the proof that it was.

Pure: it makes the entries, the ledger writes them. An entry holds the *input* of `deliberate` and digests;
the values (arguments, purpose, the task's salt) live apart, by decision id, so that they can be erased one by
one. No token, no result text.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from enum import StrEnum, unique
from typing import Final, TypeAlias, assert_never, final

from mediator.canonical import Json, JsonObject
from mediator.delegation.grant import Grant, entries_form
from mediator.evidence import Seal
from mediator.identity.identify import identity_form
from mediator.inspection.asking import Asking
from mediator.inspection.release import Released
from mediator.mediation.circumstances import circumstances_form
from mediator.mediation.claims import Claim
from mediator.mediation.deliberate import Deliberation
from mediator.mediation.resumption import asked_form, resumption_form
from mediator.refusal import Reason, Refused
from mediator.wire.call import call_form

_SEAL: Final = Seal("mediator.mediation.record")

_APART: Final = ("purpose", "salt")  # of each grant: kept with the values, not in the ledger


@unique
class Outcome(StrEnum):
    """What became of an allowed call."""

    RELEASED = "RELEASED"  # the agent was given the result
    ASKED = "ASKED"  # the tool server asked something of the client first; what comes of it is another decision
    REFUSED = "REFUSED"  # stopped after the permit: fence, tool server, inspection
    DEADLINE_PASSED = "DEADLINE_PASSED"  # the tool server did not answer in time; whether it acted is not known
    ABANDONED = "ABANDONED"  # the agent hung up
    FAILED = "FAILED"  # our bug


Ending: TypeAlias = "Released | Asking | Refused | Outcome"
"""How a call ended: with a result, with a question, with a stop, or (`ABANDONED`, `FAILED`) otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Where the ledger put an entry: its stream, its index there (from 0), and the digest of its bytes."""

    stream: str
    index: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """A decision as written: the entry, what is kept apart, and where it stands."""

    entry: JsonObject
    values: JsonObject
    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRecord:
    """An outcome as written."""

    entry: JsonObject
    receipt: Receipt


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """A deliberation whose claims were made and whose record is written: what a permit is made from."""

    deliberation: Deliberation
    record: DecisionRecord
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)


def committed(deliberation: Deliberation, record: DecisionRecord) -> Committed:
    """Return the proof that this deliberation stands on record; called by a ledger when it does, and only then."""
    return Committed(deliberation=deliberation, record=record, seal=_SEAL)


def decision_entry(deliberation: Deliberation) -> JsonObject:
    """Return the ledger entry of a deliberation; the ledger adds `stream`, `index` and `prev`."""
    item, decision, stop = deliberation.item, deliberation.decision, deliberation.stop
    grants = deliberation.circumstances.grants
    presented = grants[-1] if grants else None
    circumstances = circumstances_form(deliberation.circumstances)
    circumstances["grants"] = [_without_values(form) for form in _objects(circumstances["grants"])]
    return {
        "kind": "decision",
        "id": deliberation.ids.decision_id,
        "at": deliberation.now_ms,
        "tenant": deliberation.snapshot.tenant,
        "verdict": str(deliberation.verdict),
        "step": str(deliberation.step),
        "reason": None if stop is None else str(stop.reason),
        "detail": None if stop is None else stop.detail,
        "sentence": None if stop is None else stop.sentence,
        "remedy": None if stop is None else stop.remedy,
        "agent": None if presented is None else presented.agent,
        "owner": None if presented is None else presented.owner,
        "task": None if presented is None else presented.root,
        # As stored, whether or not it was proven: who is refused because a link has ended stands here with all of them.
        "chain": [link.agent for link in grants],
        "connectors": [*sorted({link.agent for link in grants if link.is_connector})],
        "identity": identity_form(deliberation.identity),
        "call": call_form(deliberation.call),
        "resumes": resumption_form(deliberation.resumes),
        "item": None
        if item is None
        else {
            "server": item.server,
            "kind": str(item.kind),
            "name": item.name,
            "digest": item.digest,
            "manifest": item.manifest_digest,
            "effect": str(item.effect),
            "identity": item.server_identity,
        },
        "policies": None
        if decision is None
        else {
            "determining": [*decision.determining],
            "verdict": str(decision.verdict),
            "opaque": [*sorted(decision.opaque)],
            "obligations": [*sorted(map(str, decision.obligations))],
        },
        "request_hash": deliberation.request_hash,
        "trust": deliberation.snapshot.digests(),
        "circumstances": circumstances,
        "claims": [_claim_form(claim) for claim in deliberation.claims],
        "spans": {
            "trace": deliberation.spans.trace_id,
            "parent": deliberation.spans.parent_span,
            "server": deliberation.spans.server_span,
            "decision": deliberation.spans.decision_span,
            "client": deliberation.spans.client_span,
        },
    }


def decision_values(deliberation: Deliberation) -> JsonObject:
    """Return what is kept apart, by decision id: arguments and answers, why, what was asked, and of each grant the values.

    Those are its purpose, its salt, and its entries with their constraints and why they are there.
    """
    resumes = deliberation.resumes
    asked: JsonObject = {} if resumes is None else {"asked": asked_form(resumes.asked)}
    return {
        "id": deliberation.ids.decision_id,
        "arguments": deliberation.call.arguments,
        "answers": deliberation.call.answers,
        **({} if deliberation.call.justification is None else {"justification": deliberation.call.justification}),
        **asked,
        "grants": {grant.id: _values_of(grant) for grant in deliberation.circumstances.grants},
    }


def outcome_entry(decision: DecisionRecord, ending: Ending, now_ms: int, *, forwarded: bool) -> JsonObject:
    """Return the ledger entry of what became of an allowed call; `forwarded`: its permit was used up."""
    entry: JsonObject = {
        "kind": "outcome",
        "id": decision.entry["id"],
        "at": now_ms,
        "decision": {"stream": decision.receipt.stream, "index": decision.receipt.index},
        "outcome": str(_outcome(ending)),
        "forwarded": forwarded,
        "reason": None,
        "detail": None,
        "result": None,
    }
    match ending:
        case Refused():
            entry["reason"], entry["detail"] = str(ending.reason), ending.detail
        case Released() | Asking():
            entry["result"] = ending.facts()
        case Outcome():
            pass
        case _:
            assert_never(ending)
    return entry


def _outcome(ending: Ending) -> Outcome:
    match ending:
        case Refused():
            return Outcome.DEADLINE_PASSED if ending.reason is Reason.DEADLINE_PASSED else Outcome.REFUSED
        case Released():
            return Outcome.RELEASED
        case Asking():
            return Outcome.ASKED
        case Outcome():
            return ending
        case _:
            assert_never(ending)


def _claim_form(claim: Claim) -> JsonObject:
    form: JsonObject = {"key": claim.key, "limit": claim.limit}
    return form if claim.amount == 1 else {**form, "amount": claim.amount}


def _values_of(grant: Grant) -> JsonObject:
    return {"purpose": grant.purpose, "salt": grant.salt, "entries": entries_form(grant.rights.entries)}


def _without_values(form: JsonObject) -> JsonObject:
    """Return a grant's form as an entry keeps it: of its constraints the pointers are left, of why, who wrote it.

    The form was made for this entry, and is changed in place: a chain has many of them, at each call.
    """
    for entry in _objects(form["entries"]):
        constraints = entry["arguments"]
        assert isinstance(constraints, dict)  # `grant_form`
        entry["arguments"] = [*sorted(constraints)]
        if isinstance(because := entry.get("because"), dict):
            entry["because"] = because["by"]
    for key in _APART:
        del form[key]
    return form


def _objects(forms: Json) -> list[JsonObject]:
    assert isinstance(forms, list)
    return [form for form in forms if isinstance(form, dict)]
