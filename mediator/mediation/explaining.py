"""A recorded decision, explained: what policy was asked in its course, found by judging it again and listening.

Pure. Which keys were trusted plays no part: who called was established before, and stands in the entry. What does play
one must be as it was: the policies, by their digest, and the item, by that of its pin. Where it is not, or where the
values were erased, nothing is guessed at.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import final

from mediator.canonical import Json, JsonObject
from mediator.mediation.replay import recorded, replay
from mediator.mediation.trust import TrustSnapshot
from mediator.policy.approving import ApprovalQuestion
from mediator.policy.decision import Decision, Verdict
from mediator.policy.engine import PolicyEngine
from mediator.policy.request import AccessRequest, Action, DelegationRequest
from mediator.refusal import Reason, Refused


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """A decision judged again: the question that it turned on, if policy was asked at all, and whether it is the same."""

    question: AccessRequest | None
    is_the_same: bool


def recall(entry: JsonObject, values: JsonObject | None, snapshot: TrustSnapshot) -> Recalled:
    """Return what a recorded decision turned on.

    Raises `Refused(MALFORMED)` where its values were erased, or it cannot be read, and `Refused(SNAPSHOT_TOO_OLD)` where
    policies or item are not those of then.
    """
    if values is None:
        detail = "its values were erased, or never kept: without its arguments nobody can judge it again"
        raise Refused(Reason.MALFORMED, detail, remedy="`mediator ledger show` has what is left of it")
    _must_be_of_then(entry, snapshot)
    listening = _Listening(snapshot.policies)
    then = replace(snapshot, policies=listening, audience=_audience(entry, snapshot.audience))
    comes_to = replay({**entry, "trust": then.digests()}, values, then)
    return Recalled(
        question=_turned_on(listening.heard, entry.get("verdict")),
        is_the_same={**comes_to, "trust": entry.get("trust")} == recorded(entry),
    )


@dataclass(slots=True)
class _Listening:
    """An engine that keeps what another one was asked. It lives for one judgement, and is seen by nobody else."""

    engine: PolicyEngine
    heard: list[tuple[AccessRequest, Decision]] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """The digest of the policy set."""
        return self.engine.digest

    def evaluate(self, request: AccessRequest) -> Decision:
        """Answer, and keep the question."""
        decision = self.engine.evaluate(request)
        self.heard.append((request, decision))
        return decision

    def evaluate_delegation(self, request: DelegationRequest) -> Decision:
        """Answer; no recorded call is a delegation."""
        return self.engine.evaluate_delegation(request)

    def evaluate_approval(self, question: ApprovalQuestion) -> Decision:
        """Answer: who may approve is no question that a call turns on, but what it comes to is a fact of one."""
        return self.engine.evaluate_approval(question)


def _turned_on(heard: list[tuple[AccessRequest, Decision]], verdict: Json) -> AccessRequest | None:
    """Return the question of the last denial, which ended the judgement; otherwise that of the call itself."""
    denied = [request for request, decision in heard if decision.verdict is Verdict.DENY]
    if denied and verdict != Verdict.ALLOW:
        return denied[-1]
    return next((request for request, _ in heard if request.action is Action.CALL), None)


def _must_be_of_then(entry: JsonObject, snapshot: TrustSnapshot) -> None:
    policies = _object(entry.get("trust")).get("policies")
    if policies != snapshot.policies.digest:
        detail = f"the policies that were in force then are not these: they had the digest `{policies}`"
        remedy = "take them from your version control into a folder, and name it: `--policies DIR`"
        raise Refused(Reason.SNAPSHOT_TOO_OLD, detail, remedy=remedy)
    match entry.get("item"):
        case {"server": str(server), "kind": str(kind), "name": str(name), "digest": str(digest)}:
            pinned = [
                item.digest
                for item in snapshot.pins.items
                if (item.server, item.kind, item.name) == (server, kind, name)
            ]
            if digest not in pinned:
                detail = f"the {kind} `{server}/{name}` is no longer pinned as it was then, by `{digest}`"
                raise Refused(
                    Reason.SNAPSHOT_TOO_OLD, detail, remedy="`mediator ledger show` has what was recorded of it"
                )
        case _:
            pass


def _audience(entry: JsonObject, otherwise: str) -> str:
    """Return the base URL that the grant was made for: no record keeps under which address the mediator was reached."""
    grants = _object(entry.get("circumstances")).get("grants")
    presented = grants[-1] if isinstance(grants, list) and grants else None
    audience, server = _object(presented).get("audience"), _object(entry.get("call")).get("server")
    if not isinstance(audience, str):
        return otherwise
    return audience.removesuffix(f"/servers/{server}/mcp").removesuffix("/mcp")


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}
