"""Approvals: how one request for an approval stands. Who has approved it, who denied it, until when it is good.

Pure. The values, and their JSON form, which circumstances keep and a record with them. Whether an approval counts for a
call is judged in `approving.py`; what was asked for, with its arguments, stands in `approval_request.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, final

from mediator.canonical import Json, JsonObject
from mediator.refusal import Reason, Refused

_CLAIM: Final = "approval:"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Approver:
    """A person who approved: by which key, in which roles at that time, when (ms since 1970, UTC), by which statement."""

    who: str
    keyid: str
    roles: frozenset[str]
    at_ms: int
    statement: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """That a person denied it, when, and why in their own words (may be empty)."""

    who: str
    at_ms: int
    reason: str
    statement: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One request for an approval as it stands, of exactly one request of one grant.

    `request_hash` binds it to task, tool, pin, purpose and every byte of the arguments; `grant` to the agent that holds it.
    """

    id: str
    grant: str
    request_hash: str
    expires_ms: int
    approvers: tuple[Approver, ...] = ()
    denial: Denial | None = None


def claim_key(approval_id: str) -> str:
    """Return what a call takes, once, that goes through by this approval."""
    return _CLAIM + approval_id


def approval_claimed(keys: Iterable[str]) -> str | None:
    """Return the id of the approval among what a call takes, if there is one."""
    return next((key.removeprefix(_CLAIM) for key in keys if key.startswith(_CLAIM)), None)


def approval_form(approval: Approval) -> JsonObject:
    """Return the JSON form: what is stored, and what a record keeps."""
    denial = approval.denial
    return {
        "id": approval.id,
        "grant": approval.grant,
        "request_hash": approval.request_hash,
        "expires": approval.expires_ms,
        "approvers": [
            {
                "who": one.who,
                "key": one.keyid,
                "roles": [*sorted(one.roles)],
                "at": one.at_ms,
                "statement": one.statement,
            }
            for one in approval.approvers
        ],
        "denial": None
        if denial is None
        else {"who": denial.who, "at": denial.at_ms, "reason": denial.reason, "statement": denial.statement},
    }


def parse_approval(form: Json) -> Approval:
    """Return what `approval_form` wrote; raises `Refused(MALFORMED)` for any other form."""
    match form:
        case {
            "id": str(approval_id),
            "grant": str(grant),
            "request_hash": str(hashed),
            "expires": int(expires_ms),
            "approvers": list(approvers),
            "denial": None | dict() as denial,
            **rest,
        } if not rest:
            return Approval(
                id=approval_id,
                grant=grant,
                request_hash=hashed,
                expires_ms=expires_ms,
                approvers=tuple(map(_approver, approvers)),
                denial=None if denial is None else _denial(denial),
            )
        case _:
            raise _unreadable()


def _approver(form: Json) -> Approver:
    match form:
        case {
            "who": str(who),
            "key": str(keyid),
            "roles": list(roles),
            "at": int(at_ms),
            "statement": str(statement),
            **rest,
        } if not rest and all(isinstance(role, str) for role in roles):
            named = frozenset(map(str, roles))
            return Approver(who=who, keyid=keyid, roles=named, at_ms=at_ms, statement=statement)
        case _:
            raise _unreadable()


def _denial(form: JsonObject) -> Denial:
    match form:
        case {"who": str(who), "at": int(at_ms), "reason": str(reason), "statement": str(statement), **rest} if (
            not rest
        ):
            return Denial(who=who, at_ms=at_ms, reason=reason, statement=statement)
        case _:
            raise _unreadable()


def _unreadable() -> Refused:
    return Refused(Reason.MALFORMED, "an approval cannot be read")
