"""What people do to grants that stand: revoke one with all below it, renew a task, stop somebody and let them go again.

Pure. Each is a statement, made just now; who may is asked here, and what it comes to.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final

from mediator.delegation.grant import Grant, GrantState
from mediator.identity.statement import Act, Operators, Role, VerifiedStatement
from mediator.mediation.freeze import parse_frozen
from mediator.mediation.freeze_rules import FreezeRule, parse_freeze_rule
from mediator.mediation.tasks import require_fresh
from mediator.refusal import Reason, Refused
from mediator.settings.sections import DelegationSettings

REASON_MAX: Final = 300
_MINUTE_MS: Final = 60_000


def reason_to_revoke(statement: VerifiedStatement, grant: Grant, operators: Operators, now_ms: int) -> str:
    """Return why this grant is revoked, if the statement's signer may: the human who answers for it, or an operator.

    Raises `Refused`: `MALFORMED`, `NOT_COVERED`, `EXPIRED_CREDENTIAL`.
    """
    _must_be(statement, Act.GRANT_REVOKE, now_ms)
    match statement.subject:
        case {"id": grant.id, "reason": str(reason), **rest} if not rest:
            pass
        case _:
            raise _malformed(f"a statement that revokes `{grant.id}` names its `id` and a `reason`")
    _must_answer_for(statement, grant, operators)
    return _checked_reason(reason)


def renewed_until(
    statement: VerifiedStatement, grant: Grant, operators: Operators, limits: DelegationSettings, now_ms: int
) -> int:
    """Return until when a task lives that its owner, or an operator, renews (ms since 1970, UTC).

    Raises `Refused`: `MALFORMED`, `NOT_COVERED` for a link below a task, for more than a session's time and for less
    than it has, `EXPIRED_CREDENTIAL`, and `GRANT_EXPIRED` for a task that is over.
    """
    _must_be(statement, Act.TASK_RENEW, now_ms)
    match statement.subject:
        case {"id": grant.id, "minutes": int(minutes), **rest} if not rest and not isinstance(minutes, bool):
            pass
        case _:
            raise _malformed(f"a statement that renews `{grant.id}` names its `id` and the `minutes` from now on")
    _must_answer_for(statement, grant, operators)
    if grant.parent is not None:
        raise Refused(Reason.NOT_COVERED, f"`{grant.id}` was delegated: only a task is renewed")
    if not 1 <= minutes <= limits.session_minutes:
        raise Refused(Reason.NOT_COVERED, f"a task is renewed for 1 to {limits.session_minutes} minutes")
    if grant.state is not GrantState.OPEN or grant.expires_ms <= now_ms:
        raise Refused(Reason.GRANT_EXPIRED, f"`{grant.id}` is over: open another")
    until_ms = now_ms + minutes * _MINUTE_MS
    if until_ms < grant.expires_ms:  # what was handed on would outlive it, and be no chain any more
        raise Refused(Reason.NOT_COVERED, f"`{grant.id}` lives longer than that already: renew it for more minutes")
    return until_ms


def name_to_freeze(statement: VerifiedStatement, act: Act, now_ms: int) -> tuple[str, str]:
    """Return what is to be stopped, or let go, and why; raises `Refused`: `MALFORMED`, `EXPIRED_CREDENTIAL`."""
    _must_be(statement, act, now_ms)
    match statement.subject:
        case {"name": str(name), "reason": str(reason), **rest} if not rest:
            return parse_frozen(name), _checked_reason(reason)
        case _:
            raise _malformed("a statement that stops somebody, or lets them go, has a `name` and a `reason`")


def rule_to_keep(statement: VerifiedStatement, act: Act, now_ms: int) -> tuple[FreezeRule, str]:
    """Return by which rule somebody is to be stopped from now on, or no more, and why; raises as `name_to_freeze`."""
    _must_be(statement, act, now_ms)
    match statement.subject:
        case {"rule": str(rule), "reason": str(reason), **rest} if not rest:
            return parse_freeze_rule(rule), _checked_reason(reason)
        case _:
            raise _malformed("a statement about a rule that freezes has a `rule` and a `reason`")


def _must_be(statement: VerifiedStatement, act: Act, now_ms: int) -> None:
    if statement.act is not act:
        raise _malformed(f"a `{statement.act}` statement, where `{act}` was expected")
    require_fresh(statement, now_ms)


def _must_answer_for(statement: VerifiedStatement, grant: Grant, operators: Operators) -> None:
    signer = operators.by_keyid.get(statement.keyid)  # an agent's key, which is no operator's, ends its task otherwise
    if signer is None or not (statement.who == grant.owner or Role.OPERATOR in signer.roles):
        raise Refused(Reason.NOT_COVERED, f"`{statement.who}` neither answers for `{grant.id}` nor is an operator")


def _checked_reason(reason: str) -> str:
    if not reason.isprintable() or not 0 < len(reason.strip()) <= REASON_MAX:
        raise _malformed(f"`reason` says why, in 1 to {REASON_MAX} printable characters")
    return reason


def _malformed(detail: str) -> Refused:
    return Refused(Reason.MALFORMED, detail)
