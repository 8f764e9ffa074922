"""What a person's statement does to a request: of this one, whole, made just now.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

import pytest

from mediator.canonical import JsonObject
from mediator.effect import Effect
from mediator.identity.statement import Act, Operator, Role, VerifiedStatement, sign_statement, verify_one_of
from mediator.kind import ItemKind
from mediator.mediation.approval import Approval, Approver, Denial
from mediator.mediation.approval_acts import (
    REASON_MAX,
    approval_subject,
    denial_subject,
    must_approve,
    reason_to_deny,
    subject_id,
)
from mediator.mediation.approval_request import ApprovalRequest
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.people import key_of

NOW_MS: Final = 1_800_000_000_000
REQUEST: Final = ApprovalRequest(
    approval=Approval(id="approval-1", grant="g-1", request_hash="sha256:h", expires_ms=NOW_MS + 1),
    tenant="default",
    task="task-1",
    decision="d",
    requested_ms=NOW_MS - 1,
    method="tools/call",
    kind=ItemKind.TOOL,
    server="mail",
    name="send",
    digest="sha256:p",
    effect=Effect.SEND,
    arguments={},
    answers=None,
    agent="planner",
    owner="alice",
    chain=("planner",),
    purpose="a test",
    policies=(),
    sentence=None,
)
PEOPLE: Final = MappingProxyType(
    {key_of("bob").public.keyid: Operator(name="bob", public=key_of("bob").public, roles=frozenset({Role.OPERATOR}))}
)


def stated(act: Act, subject: JsonObject, at: int = NOW_MS) -> VerifiedStatement:
    raw = sign_statement(key_of("bob"), act=act, subject=subject, who="bob", at=at, serial=1)
    return verify_one_of(raw, PEOPLE, tuple(Act))


def reason_of(check: Callable[[], object]) -> Reason:
    with pytest.raises(Refused) as stop:
        check()
    return stop.value.reason


def test_a_statement_approves_exactly_one_request() -> None:
    """Design 2a: the id and the hash."""
    statement = stated(Act.APPROVE, approval_subject("approval-1", "sha256:h"))
    must_approve(statement, REQUEST, NOW_MS)
    assert subject_id(statement) == "approval-1"
    assert subject_id(stated(Act.APPROVE, {})) == ""


BAD: Final[dict[str, JsonObject]] = {
    "nothing": {},
    "another id": approval_subject("approval-2", "sha256:h"),
    "another hash": approval_subject("approval-1", "sha256:i"),
    "no hash": {"id": "approval-1"},
    "something more": {**approval_subject("approval-1", "sha256:h"), "more": 1},
}


@promise("P6", "P7")
@pytest.mark.parametrize("case", BAD)
def test_any_other_subject_approves_and_denies_nothing(case: str) -> None:
    """Issue 7, must-show 2: widened by nothing."""
    assert reason_of(lambda: must_approve(stated(Act.APPROVE, BAD[case]), REQUEST, NOW_MS)) is Reason.MALFORMED
    denial = {**BAD[case], "reason": ""}
    if case != "nothing":
        assert reason_of(lambda: reason_to_deny(stated(Act.DENY, denial), REQUEST, NOW_MS)) is Reason.MALFORMED


@promise("P7")
def test_another_act_or_a_statement_of_yesterday_does_nothing() -> None:
    """Ours: fresh, as every act."""
    approves, denies = approval_subject("approval-1", "sha256:h"), denial_subject("approval-1", "sha256:h", "")
    assert reason_of(lambda: must_approve(stated(Act.DENY, denies), REQUEST, NOW_MS)) is Reason.MALFORMED
    assert reason_of(lambda: reason_to_deny(stated(Act.APPROVE, approves), REQUEST, NOW_MS)) is Reason.MALFORMED
    old = NOW_MS - 6 * 60_000
    assert (
        reason_of(lambda: must_approve(stated(Act.APPROVE, approves, old), REQUEST, NOW_MS))
        is Reason.EXPIRED_CREDENTIAL
    )
    assert (
        reason_of(lambda: reason_to_deny(stated(Act.DENY, denies, old), REQUEST, NOW_MS)) is Reason.EXPIRED_CREDENTIAL
    )


@promise("P6")
def test_what_has_ended_is_not_approved_any_more() -> None:
    """Ours: denied, run out, approved with this key before."""
    statement = stated(Act.APPROVE, approval_subject("approval-1", "sha256:h"))
    denied = Denial(who="eve", at_ms=1, reason="", statement="sha256:d")
    before = Approver(who="bob", keyid=statement.keyid, roles=frozenset(), at_ms=1, statement="sha256:s")
    changes: list[tuple[dict[str, Any], Reason]] = [
        ({"denial": denied}, Reason.NOT_COVERED),
        ({"expires_ms": NOW_MS}, Reason.NOT_COVERED),
        ({"approvers": (before,)}, Reason.PROOF_REPLAYED),
    ]
    for change, reason in changes:
        request = replace(REQUEST, approval=replace(REQUEST.approval, **change))
        assert reason_of(lambda request=request: must_approve(statement, request, NOW_MS)) is reason  # type: ignore[misc]  # a default


def test_a_denial_says_why_or_nothing() -> None:
    """Ours: printable and short, for the agent reads it; also of what has run out, and never twice."""
    for reason in ("", "not to them", "x" * REASON_MAX):
        statement = stated(Act.DENY, denial_subject("approval-1", "sha256:h", reason))
        request = replace(REQUEST, approval=replace(REQUEST.approval, expires_ms=1))
        assert reason_to_deny(statement, request, NOW_MS) == reason
        denied = Denial(who="eve", at_ms=1, reason="", statement="sha256:d")
        again = replace(REQUEST, approval=replace(REQUEST.approval, denial=denied))
        assert reason_of(lambda s=statement, r=again: reason_to_deny(s, r, NOW_MS)) is Reason.NOT_COVERED  # type: ignore[misc]  # defaults


@pytest.mark.parametrize("reason", ["x" * (REASON_MAX + 1), "a\nb", "\u202e", 7, None])
def test_a_reason_that_is_none_is_refused(reason: Any) -> None:
    """Bad input."""
    statement = stated(Act.DENY, {**approval_subject("approval-1", "sha256:h"), "reason": reason})
    assert reason_of(lambda: reason_to_deny(statement, REQUEST, NOW_MS)) is Reason.MALFORMED
