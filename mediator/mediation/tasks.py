"""Opening a task: a signed act, checked against the agent's profile, becomes a root grant.

Pure: ids and salt are drawn by the shell, the time comes in. Two kinds of people open tasks:

- an owner, with an operator's key: for any agent that has a profile, to any effect; `who` is the owner
- an agent, with its profile's key: for itself, within its profile, to read; by a statement, or as a client of the token
  endpoint

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from mediator.because import Author, Because
from mediator.canonical import Json, JsonObject
from mediator.delegation.authority import Entry, Rights, find_wider, parse_because, parse_pattern
from mediator.delegation.constraint import Constraint
from mediator.delegation.constraint_form import constraint_form
from mediator.delegation.details import (
    CALLS_MAX,
    DEPTH_MAX,
    ENTRIES_MAX,
    PURPOSE_MAX,
    SECONDS_MAX,
    GrantDetails,
    parse_agents,
    parse_arguments,
    require_few_constraints,
)
from mediator.delegation.grant import Grant, GrantState
from mediator.delegation.narrowing import is_audience_within, may_act_narrows
from mediator.effect import Effect
from mediator.identity.dsse import PublicKey
from mediator.identity.statement import DEFAULT_TENANT, Act, VerifiedStatement
from mediator.identity.workload import workload_id
from mediator.refusal import Reason, Refused
from mediator.settings.sections import AgentSettings, DelegationSettings

_ID: Final = re.compile(r"task-[0-9a-f]{32}\Z")
FRESH_MS: Final = 5 * 60_000  # a statement is obeyed within five minutes of being made, either way
_MINUTE_MS: Final = 60_000
_MEMBERS: Final = (
    "id", "agent", "owner", "purpose", "tools", "effects", "minutes", "idle_minutes", "max_calls", "issuer", "arguments",
    "max_depth", "may_act",
)  # fmt: skip
_OPTIONAL: Final = frozenset({"instance_key", "because"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRequest:
    """What is asked for. `issuer` is whose tokens will name the grant; nothing means ours.

    `instance_key` is the key of the one process that the task is for: it, and no other of that agent, gets fresh tokens.
    `because` says why what is privileged in it is done: `justified` by whoever signs.
    """

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
    arguments: Mapping[str, Constraint] = field(default_factory=dict)
    max_depth: int = 0
    may_act: tuple[str, ...] | None = None
    instance_key: str | None = None
    because: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What the shell gives to every task that is opened: the trust of this moment, and what it drew."""

    profiles: Sequence[AgentSettings]
    limits: DelegationSettings
    pin_serial: int
    issuer: str
    audience: str
    salt: str
    now_ms: int

    def profile(self, name: str) -> AgentSettings:
        """Return the agent's profile; raises `Refused(NOT_COVERED)` where there is none."""
        found = next((profile for profile in self.profiles if profile.name == name), None)
        if found is None:
            known = ", ".join(f"`{one.name}`" for one in self.profiles) or "none"
            raise Refused(Reason.NOT_COVERED, f"there is no agent `{name[:64]}`; profiles: {known}")
        return found


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
        "arguments": {pointer: constraint_form(one) for pointer, one in request.arguments.items()},
        "max_depth": request.max_depth,
        "may_act": None if request.may_act is None else [*request.may_act],
        **({} if request.instance_key is None else {"instance_key": request.instance_key}),
        **({} if request.because is None else {"because": request.because}),
    }


def parse_task(subject: JsonObject) -> TaskRequest:
    """Return what a `task.open` statement asks for.

    Raises `Refused(MALFORMED)` naming the member that does not fit and what would.
    """
    instance_key = find_instance_key(subject)
    match {name: value for name, value in subject.items() if name not in _OPTIONAL}:
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
            "arguments": dict(arguments),
            "max_depth": int(max_depth),
            "may_act": None | list() as may_act,
            **rest,
        } if not rest and not any(isinstance(one, bool) for one in (minutes, idle_minutes, max_calls, max_depth)):
            pass
        case _:
            raise _malformed(f"a task needs {', '.join(_MEMBERS)} and their right types")
    if not _ID.match(task_id):
        raise _malformed("`id` must be `task-` and 32 hexadecimal digits")
    if not 0 < len(purpose.strip()) <= PURPOSE_MAX:
        raise _malformed(f"`purpose` must say what the task is for, in at most {PURPOSE_MAX} characters")
    if len(tools) > ENTRIES_MAX:
        raise _malformed(f"at most {ENTRIES_MAX} tool patterns")
    if minutes < 1 or (idle_minutes is not None and not 1 <= idle_minutes <= SECONDS_MAX // 60):
        raise _malformed(f"`minutes` must be at least 1, and `idle_minutes` at most {SECONDS_MAX // 60}")
    if max_calls is not None and not 1 <= max_calls <= CALLS_MAX:
        raise _malformed(f"`max_calls` must be 1 to {CALLS_MAX}")
    if not 0 <= max_depth <= DEPTH_MAX:
        raise _malformed(f"`max_depth` must be 0 to {DEPTH_MAX}")
    request = TaskRequest(
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
        arguments=parse_arguments(arguments, "/arguments"),
        max_depth=max_depth,
        may_act=None if may_act is None else parse_agents(may_act, "/may_act"),
        instance_key=None if instance_key is None else instance_key.text,
        because=parse_because(subject["because"], "/because") if "because" in subject else None,
    )
    require_few_constraints(_entries(request), "/arguments")
    return request


def find_instance_key(subject: JsonObject) -> PublicKey | None:
    """Return the key of the one process that a `task.open` statement is for, if it names one.

    Raises `Refused(MALFORMED)` for a member of that name that is no key.
    """
    match subject:
        case {"instance_key": str(text)}:
            return PublicKey.from_text(text)
        case {"instance_key": _}:
            raise _malformed("`instance_key` must be a public key")
        case _:
            return None


def open_task(statement: VerifiedStatement, opening: Opening) -> Grant:
    """Return the root grant that the statement opens.

    Raises `Refused`: `MALFORMED`, `NOT_COVERED` for what its signer may not open, `EXPIRED_CREDENTIAL` for a stale one.
    """
    if statement.act is not Act.TASK_OPEN:
        raise _malformed(f"a `{statement.act}` statement opens no task")
    require_fresh(statement, opening.now_ms)
    request = parse_task(statement.subject)
    profile = opening.profile(request.agent)
    author = Author.OWNER
    if _is_signed_by_an_agent(statement, opening.profiles):
        if not _is_signed_by(statement, profile):  # A4: an agent's key speaks for no other agent, and for no owner
            raise Refused(Reason.NOT_COVERED, f"`{statement.who}` cannot open a task for `{profile.name}`")
        _must_be_within(request, _entries(request), profile, opening.limits)
        author = Author.AGENT
    elif statement.who != request.owner:
        raise Refused(Reason.NOT_COVERED, f"`{statement.who}` cannot open a task in the name of `{request.owner[:64]}`")
    instance_key = find_instance_key(statement.subject)
    keyid = instance_key.keyid if instance_key is not None else next(iter(keyids_of(profile)), None)
    return _root(request, profile, opening, statement.digest, keyid, author)


def open_for_client(
    agent: str, asked: GrantDetails | None, task_id: str, statement_digest: str, opening: Opening, keyid: str
) -> Grant:
    """Return the root grant that an agent opens for itself at the token endpoint: within its profile, or all of that.

    `keyid` is what it proved: its key, or its workload. Raises `Refused(NOT_COVERED)` for what is not in the profile.
    """
    profile = opening.profile(agent)
    if keyid not in keyids_of(profile):  # that of an instance, which was given one task, and opens no other
        raise Refused(Reason.NOT_COVERED, f"only the key or the workload of `{agent}` itself opens tasks for it")
    seconds = None if asked is None else asked.expires_in
    entries = _profile_entries(profile) if asked is None else asked.entries
    request = TaskRequest(
        id=task_id,
        agent=agent,
        owner=profile.owner,
        purpose=(None if asked is None else asked.purpose) or profile.purpose,
        tools=tuple(entry.pattern for entry in entries),
        effects=tuple(sorted({effect for entry in entries for effect in entry.effects})),
        minutes=min(profile.minutes, opening.limits.session_minutes) if seconds is None else -(-seconds // 60),
        idle_minutes=opening.limits.session_idle_minutes,
        max_calls=None if asked is None else asked.max_calls,
        issuer=None,
        max_depth=min(profile.max_depth, opening.limits.depth_max)
        if asked is None or asked.max_depth is None
        else asked.max_depth,
        may_act=profile.may_act if asked is None or asked.may_act is None else asked.may_act,
    )
    _must_be_within(request, entries, profile, opening.limits)
    if not request.purpose:
        raise Refused(Reason.NOT_COVERED, f"neither the request nor the profile of `{agent}` says what the task is for")
    grant = _root(request, profile, opening, statement_digest, keyid, Author.AGENT)
    expires_ms = grant.expires_ms if seconds is None else opening.now_ms + seconds * 1000
    rights = Rights(entries=entries, pin_serial=opening.pin_serial)
    audience = opening.audience if asked is None or asked.locations is None else _audience(asked.locations, opening)
    return replace(grant, rights=rights, audience=audience, expires_ms=min(grant.expires_ms, expires_ms))


def _audience(locations: tuple[str, ...], opening: Opening) -> str:
    wanted = {location.removesuffix("/") for location in locations}
    if len(wanted) != 1 or not is_audience_within(audience := wanted.pop(), opening.audience):
        raise Refused(Reason.NOT_COVERED, f"`locations` names one endpoint below {opening.audience}, or is left out")
    return audience


def _entries(request: TaskRequest, author: Author = Author.AGENT) -> tuple[Entry, ...]:
    effects, arguments = frozenset(request.effects), dict(request.arguments)
    because = None if request.because is None else Because(text=request.because, by=author)
    return tuple(
        Entry(pattern=pattern, effects=effects, arguments=arguments, because=because) for pattern in request.tools
    )


def _profile_entries(profile: AgentSettings) -> tuple[Entry, ...]:
    return tuple(Entry(pattern=parse_pattern(tool), effects=frozenset(profile.effects)) for tool in profile.tools)


def _root(
    request: TaskRequest,
    profile: AgentSettings,
    opening: Opening,
    statement_digest: str,
    keyid: str | None,
    author: Author,
) -> Grant:
    limits = opening.limits
    if request.minutes > limits.session_minutes:
        raise Refused(Reason.NOT_COVERED, f"a task lives at most {limits.session_minutes} minutes")
    if request.max_depth > limits.depth_max:
        raise Refused(Reason.NOT_COVERED, f"a task is handed on at most {limits.depth_max} times")
    return Grant(
        id=request.id,
        parent=None,
        root=request.id,
        agent=request.agent,
        agent_class=profile.agent_class,
        team=profile.team,
        owner=request.owner,
        issuer=request.issuer or opening.issuer,
        purpose=request.purpose,
        rights=Rights(entries=_entries(request, author), pin_serial=opening.pin_serial),
        audience=opening.audience,
        opened_ms=opening.now_ms,
        expires_ms=opening.now_ms + request.minutes * _MINUTE_MS,
        idle_ms=None if request.idle_minutes is None else request.idle_minutes * _MINUTE_MS,
        max_calls=request.max_calls,
        depth=0,
        max_depth=request.max_depth,
        keyid=keyid,
        is_connector=profile.connector,
        may_act=request.may_act,
        salt=opening.salt,
        statement_digest=statement_digest,
        tenant=DEFAULT_TENANT,
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
    if abs(now_ms - statement.at) > FRESH_MS:
        raise Refused(Reason.EXPIRED_CREDENTIAL, "the statement was not made just now; make it again")


def _must_be_within(
    request: TaskRequest, entries: tuple[Entry, ...], profile: AgentSettings, limits: DelegationSettings
) -> None:
    """A profile's key opens its own profile and no more: to read, and never past the session's limits."""
    if request.owner != profile.owner:
        raise Refused(Reason.NOT_COVERED, f"the owner of `{profile.name}` is `{profile.owner}`")
    if wider := sorted(set(request.effects) - set(profile.effects)):
        raise Refused(Reason.NOT_COVERED, f"the profile `{profile.name}` opens no {', '.join(wider)}")
    if not entries:
        raise Refused(Reason.NOT_COVERED, f"the profile `{profile.name}` holds no tools")
    if (wider_entry := find_wider(entries, Rights(entries=_profile_entries(profile), pin_serial=0))) is not None:
        raise Refused(Reason.NOT_COVERED, f"the profile `{profile.name}` does not hold {wider_entry[0].pattern}")
    if request.minutes > profile.minutes:
        raise Refused(Reason.NOT_COVERED, f"the profile `{profile.name}` opens at most {profile.minutes} minutes")
    if request.idle_minutes is None or request.idle_minutes > limits.session_idle_minutes:
        raise Refused(Reason.NOT_COVERED, f"a session's task ends after {limits.session_idle_minutes} idle minutes")
    if request.max_depth > profile.max_depth:
        raise Refused(
            Reason.NOT_COVERED, f"the profile `{profile.name}` is handed on at most {profile.max_depth} times"
        )
    if not may_act_narrows(request.may_act, profile.may_act):
        raise Refused(Reason.NOT_COVERED, f"the profile `{profile.name}` does not name all of these in `may_act`")
    if request.issuer is not None:
        raise Refused(Reason.NOT_COVERED, "a profile opens tasks for tokens of the local issuer alone")


def _is_signed_by_an_agent(statement: VerifiedStatement, profiles: Sequence[AgentSettings]) -> bool:
    return any(statement.keyid == keyid_of(profile) for profile in profiles)


def _is_signed_by(statement: VerifiedStatement, profile: AgentSettings) -> bool:
    # By name as well: two profiles with one key do not open tasks for each other.
    return (statement.keyid, statement.who) == (keyid_of(profile), profile.name)


def keyid_of(profile: AgentSettings) -> str | None:
    """Return the id of the profile's key, if it has one."""
    return PublicKey.from_text(profile.key).keyid if profile.key is not None else None


def keyids_of(profile: AgentSettings) -> tuple[str, ...]:
    """Return by what this agent holds grants: its key, its workload, in this order; a workload stands as a key does."""
    key, workload = keyid_of(profile), profile.workload
    return (
        *(() if key is None else (key,)),
        *(() if workload is None else (workload_id(workload.issuer, workload.subject),)),
    )


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
