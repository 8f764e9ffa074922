"""Opening a task: a signed statement, checked against the agent's profile, becomes a root grant.

Pure: ids and salt are drawn by the shell, the time comes in. Two kinds of people open tasks:

- an owner, with an operator's key: for any agent that has a profile, to any effect; `who` is the owner
- an agent, with its profile's key: for itself, within its profile, to read

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mediator.canonical import Json, JsonObject
from mediator.delegation.authority import Authority, Entry, parse_pattern
from mediator.delegation.grant import Grant, GrantState
from mediator.effect import Effect
from mediator.identity.dsse import PublicKey
from mediator.identity.statement import Act, VerifiedStatement
from mediator.refusal import Reason, Refused
from mediator.settings.sections import AgentSettings, DelegationSettings

_ID: Final = re.compile(r"task-[0-9a-f]{32}\Z")
_FRESH_MS: Final = 5 * 60_000  # a statement is obeyed within five minutes of being made, either way
_MINUTE_MS: Final = 60_000
_PURPOSE_MAX: Final = 2_000
_ENTRIES_MAX: Final = 64
_CALLS_MAX: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRequest:
    """What is asked for. `issuer` is whose tokens will name the grant; nothing means ours."""

    id: str
    agent: str
    owner: str
    purpose: str
    tools: tuple[str, ...]
    effects: tuple[Effect, ...]
    minutes: int
    idle_minutes: int | None
    max_calls: int | None
    issuer: str | None


def task_form(request: TaskRequest) -> JsonObject:
    """Return the subject of a `task.open` statement."""
    return {
        "id": request.id,
        "agent": request.agent,
        "owner": request.owner,
        "purpose": request.purpose,
        "tools": list[Json](request.tools),
        "effects": list[Json](request.effects),
        "minutes": request.minutes,
        "idle_minutes": request.idle_minutes,
        "max_calls": request.max_calls,
        "issuer": request.issuer,
    }


def parse_task(subject: JsonObject) -> TaskRequest:
    """Return what a `task.open` statement asks for.

    Raises `Refused(MALFORMED)` naming the member that does not fit and what would.
    """
    match subject:
        case {
            "id": str(task_id),
            "agent": str(agent),
            "owner": str(owner),
            "purpose": str(purpose),
            "tools": [_, *_] as tools,
            "effects": [_, *_] as effects,
            "minutes": int(minutes),
            "idle_minutes": None | int() as idle_minutes,
            "max_calls": None | int() as max_calls,
            "issuer": None | str() as issuer,
            **rest,
        } if not rest and not any(isinstance(number, bool) for number in (minutes, idle_minutes, max_calls)):
            pass
        case _:
            raise _malformed("a task needs id, agent, owner, purpose, tools, effects, minutes and their right types")
    if not _ID.match(task_id):
        raise _malformed("`id` must be `task-` and 32 hexadecimal digits")
    if not 0 < len(purpose.strip()) <= _PURPOSE_MAX:
        raise _malformed(f"`purpose` must say what the task is for, in at most {_PURPOSE_MAX} characters")
    if len(tools) > _ENTRIES_MAX:
        raise _malformed(f"at most {_ENTRIES_MAX} tool patterns")
    if minutes < 1 or (idle_minutes is not None and idle_minutes < 1):
        raise _malformed("`minutes` must be at least 1")
    if max_calls is not None and not 1 <= max_calls <= _CALLS_MAX:
        raise _malformed(f"`max_calls` must be 1 to {_CALLS_MAX}")
    return TaskRequest(
        id=task_id,
        agent=agent,
        owner=owner,
        purpose=purpose,
        tools=tuple(_pattern(tool) for tool in tools),
        effects=tuple(_effect(effect) for effect in effects),
        minutes=minutes,
        idle_minutes=idle_minutes,
        max_calls=max_calls,
        issuer=issuer,
    )


def open_task(
    statement: VerifiedStatement,
    *,
    profiles: Sequence[AgentSettings],
    limits: DelegationSettings,
    pin_serial: int,
    issuer: str,
    audience: str,
    salt: str,
    now_ms: int,
) -> Grant:
    """Return the root grant that the statement opens.

    Raises `Refused`: `MALFORMED`, `NOT_COVERED` for what its signer may not open, `EXPIRED_CREDENTIAL` for a stale one.
    """
    if statement.act is not Act.TASK_OPEN:
        raise _malformed(f"a `{statement.act}` statement opens no task")
    require_fresh(statement, now_ms)
    request = parse_task(statement.subject)
    profile = next((profile for profile in profiles if profile.name == request.agent), None)
    if profile is None:
        known = ", ".join(f"`{one.name}`" for one in profiles) or "none"
        raise Refused(Reason.NOT_COVERED, f"there is no agent `{request.agent[:64]}`; profiles: {known}")
    if _is_signed_by_an_agent(statement, profiles):
        if not _is_signed_by(statement, profile):  # A4: an agent's key speaks for no other agent, and for no owner
            raise Refused(Reason.NOT_COVERED, f"`{statement.who}` cannot open a task for `{profile.name}`")
        _must_be_within(request, profile, limits)
    elif statement.who != request.owner:
        raise Refused(Reason.NOT_COVERED, f"`{statement.who}` cannot open a task in the name of `{request.owner[:64]}`")
    if request.minutes > limits.session_minutes:
        raise Refused(Reason.NOT_COVERED, f"a task lives at most {limits.session_minutes} minutes")
    entries = tuple(Entry(pattern=pattern, effects=frozenset(request.effects)) for pattern in request.tools)
    return Grant(
        id=request.id,
        parent=None,
        root=request.id,
        agent=request.agent,
        agent_class=profile.agent_class,
        team=profile.team,
        owner=request.owner,
        issuer=request.issuer or issuer,
        purpose=request.purpose,
        authority=Authority(entries=entries, pin_serial=pin_serial),
        audience=audience,
        opened_ms=now_ms,
        expires_ms=now_ms + request.minutes * _MINUTE_MS,
        idle_ms=None if request.idle_minutes is None else request.idle_minutes * _MINUTE_MS,
        max_calls=request.max_calls,
        depth=0,
        max_depth=0,
        salt=salt,
        statement_digest=statement.digest,
        tenant=statement.tenant,
        state=GrantState.OPEN,
    )


def may_complete(statement: VerifiedStatement, grant: Grant, profiles: Sequence[AgentSettings], now_ms: int) -> None:
    """Return if the statement's signer may complete this task: its owner, or the agent whose task it is.

    Raises `Refused`: `MALFORMED`, `NOT_COVERED`, `EXPIRED_CREDENTIAL`.
    """
    if statement.act is not Act.TASK_COMPLETE or statement.subject != {"id": grant.id}:
        raise _malformed("the statement does not complete this task")
    require_fresh(statement, now_ms)
    profile = next((profile for profile in profiles if profile.name == grant.agent), None)
    if _is_signed_by_an_agent(statement, profiles):
        is_theirs = profile is not None and _is_signed_by(statement, profile)
    else:
        is_theirs = statement.who == grant.owner
    if not is_theirs:
        raise Refused(Reason.NOT_COVERED, f"`{statement.who}` is neither the owner nor the agent of this task")


def require_fresh(statement: VerifiedStatement, now_ms: int) -> None:
    """Raise `Refused(EXPIRED_CREDENTIAL)` unless the statement was made just now: an old one is no new act."""
    if abs(now_ms - statement.at) > _FRESH_MS:
        raise Refused(Reason.EXPIRED_CREDENTIAL, "the statement was not made just now; make it again")


def _must_be_within(request: TaskRequest, profile: AgentSettings, limits: DelegationSettings) -> None:
    """A profile's key opens its own profile and no more: to read, and never past the session's limits."""
    if request.owner != profile.owner:
        raise Refused(Reason.NOT_COVERED, f"the owner of `{profile.name}` is `{profile.owner}`")
    allowed = {parse_pattern(pattern) for pattern in profile.tools}
    if wider := sorted(set(request.tools) - allowed):
        raise Refused(Reason.NOT_COVERED, f"the profile `{profile.name}` does not hold {', '.join(wider)}")
    if wider := sorted(set(request.effects) - set(profile.effects)):
        raise Refused(Reason.NOT_COVERED, f"the profile `{profile.name}` opens no {', '.join(wider)}")
    if request.minutes > profile.minutes:
        raise Refused(Reason.NOT_COVERED, f"the profile `{profile.name}` opens at most {profile.minutes} minutes")
    if request.idle_minutes is None or request.idle_minutes > limits.session_idle_minutes:
        raise Refused(Reason.NOT_COVERED, f"a session's task ends after {limits.session_idle_minutes} idle minutes")
    if request.issuer is not None:
        raise Refused(Reason.NOT_COVERED, "a profile opens tasks for tokens of the local issuer alone")


def _is_signed_by_an_agent(statement: VerifiedStatement, profiles: Sequence[AgentSettings]) -> bool:
    return any(statement.keyid == _keyid(profile) for profile in profiles)


def _is_signed_by(statement: VerifiedStatement, profile: AgentSettings) -> bool:
    # By name as well: two profiles with one key do not open tasks for each other.
    return (statement.keyid, statement.who) == (_keyid(profile), profile.name)


def _keyid(profile: AgentSettings) -> str:
    return PublicKey.from_text(profile.key).keyid if profile.key is not None else ""


def _pattern(value: Json) -> str:
    if not isinstance(value, str):
        raise _malformed("a tool pattern is a string")
    return parse_pattern(value)


def _effect(value: Json) -> Effect:
    if value not in tuple(Effect):
        raise _malformed(f"an effect is one of {', '.join(Effect)}")
    return Effect(str(value))


def _malformed(detail: str) -> Refused:
    return Refused(Reason.MALFORMED, detail)
