"""Grant: one stored link of authority, from whom to whom, for what, until when. A task is a root grant.

Pure. What is read from the store is re-made through `parse_grant`, whatever wrote it there.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import StrEnum, unique
from typing import Final

from mediator.because import Author, Because
from mediator.canonical import Json, JsonObject
from mediator.delegation.authority import Entry, Rights, parse_because, parse_pattern, parse_pointer
from mediator.delegation.constraint_form import constraint_form, parse_constraint
from mediator.effect import Effect
from mediator.refusal import Reason, Refused


@unique
class GrantState(StrEnum):
    """Whether the grant still gives anything."""

    OPEN = "open"
    COMPLETED = "completed"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One link. Times are milliseconds since 1970 (UTC); `idle_ms` ends a session's task that is not used.

    `issuer` is who signs the tokens that name this grant; a token of another issuer does not hold it.
    `statement_digest` names the signed act (an owner's, a profile key's, a delegator's) by which it was opened.
    `keyid` is the agent's own key at that time, with which alone a fresh token is had; none: tokens of another issuer.
    `may_act` names who may become the next actor (RFC 8693 §4.4), and may then ask for it itself; None: whom the holder
    says. `is_connector`: the agent stands in between, and acts for others.
    `salt` keys the request hashes of the task: nobody guesses arguments from a span.
    """

    id: str
    parent: str | None
    root: str
    agent: str
    agent_class: str
    team: str
    owner: str
    issuer: str
    purpose: str
    rights: Rights
    audience: str
    opened_ms: int
    expires_ms: int
    idle_ms: int | None
    max_calls: int | None
    depth: int
    max_depth: int
    keyid: str | None
    is_connector: bool
    may_act: tuple[str, ...] | None
    salt: str
    statement_digest: str
    tenant: str
    state: GrantState


_FIELDS: Final = frozenset({field.name for field in fields(Grant)} - {"rights"} | {"entries", "pin_serial"})


def grant_form(grant: Grant) -> JsonObject:
    """Return the JSON form: what is stored, covered by the MAC, and kept with a decision."""
    return {
        "id": grant.id,
        "parent": grant.parent,
        "root": grant.root,
        "agent": grant.agent,
        "agent_class": grant.agent_class,
        "team": grant.team,
        "owner": grant.owner,
        "issuer": grant.issuer,
        "purpose": grant.purpose,
        "entries": entries_form(grant.rights.entries),
        "pin_serial": grant.rights.pin_serial,
        "audience": grant.audience,
        "opened_ms": grant.opened_ms,
        "expires_ms": grant.expires_ms,
        "idle_ms": grant.idle_ms,
        "max_calls": grant.max_calls,
        "depth": grant.depth,
        "max_depth": grant.max_depth,
        "keyid": grant.keyid,
        "is_connector": grant.is_connector,
        "may_act": None if grant.may_act is None else [*grant.may_act],
        "salt": grant.salt,
        "statement_digest": grant.statement_digest,
        "tenant": grant.tenant,
        "state": str(grant.state),
    }


def entries_form(entries: Iterable[Entry]) -> list[Json]:
    """Return the JSON form of lines of authority."""
    return [
        {
            "pattern": entry.pattern,
            "effects": [*sorted(map(str, entry.effects))],
            "arguments": {pointer: constraint_form(constraint) for pointer, constraint in entry.arguments.items()},
            **({} if entry.because is None else {"because": {"text": entry.because.text, "by": str(entry.because.by)}}),
        }
        for entry in entries
    ]


def parse_grant(form: JsonObject) -> Grant:
    """Return the grant that `grant_form` wrote.

    Raises `Refused(CHAIN_INVALID)` for any other form: a grant that cannot be read gives nothing.
    """
    if set(form) != _FIELDS:  # a member that we do not know may have narrowed it
        raise Refused(Reason.CHAIN_INVALID, "a stored grant does not have the members of a grant")
    try:
        return Grant(
            id=_text(form["id"]),
            parent=None if form["parent"] is None else _text(form["parent"]),
            root=_text(form["root"]),
            agent=_text(form["agent"]),
            agent_class=_text(form["agent_class"]),
            team=_text(form["team"]),
            owner=_text(form["owner"]),
            issuer=_text(form["issuer"]),
            purpose=_text(form["purpose"]),
            rights=Rights(
                entries=tuple(_entry(entry) for entry in _list(form["entries"])), pin_serial=_number(form["pin_serial"])
            ),
            audience=_text(form["audience"]),
            opened_ms=_number(form["opened_ms"]),
            expires_ms=_number(form["expires_ms"]),
            idle_ms=None if form["idle_ms"] is None else _number(form["idle_ms"]),
            max_calls=None if form["max_calls"] is None else _number(form["max_calls"]),
            depth=_number(form["depth"]),
            max_depth=_number(form["max_depth"]),
            keyid=None if form["keyid"] is None else _text(form["keyid"]),
            is_connector=_truth(form["is_connector"]),
            may_act=None if form["may_act"] is None else tuple(_text(name) for name in _list(form["may_act"])),
            salt=_text(form["salt"]),
            statement_digest=_text(form["statement_digest"]),
            tenant=_text(form["tenant"]),
            state=GrantState(_text(form["state"])),
        )
    except (Refused, ValueError) as error:
        raise Refused(Reason.CHAIN_INVALID, f"a stored grant cannot be read: {error}") from error


def _entry(form: Json) -> Entry:
    if not isinstance(form, dict) or form.keys() - {"because"} != {"pattern", "effects", "arguments"}:
        raise _not("an entry of authority", form)
    effects, arguments = frozenset(Effect(_text(effect)) for effect in _list(form["effects"])), form["arguments"]
    if not isinstance(arguments, dict):
        raise _not("constraints by pointer", arguments)
    return Entry(
        pattern=parse_pattern(_text(form["pattern"])),
        effects=effects,
        arguments={
            parse_pointer(pointer, "arguments"): parse_constraint(constraint, pointer)
            for pointer, constraint in arguments.items()
        },
        because=_because(form["because"]) if "because" in form else None,
    )


def _because(form: Json) -> Because:
    if not isinstance(form, dict) or set(form) != {"text", "by"}:
        raise _not("a justification", form)
    return Because(text=parse_because(form["text"], "because"), by=Author(_text(form["by"])))


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise _not("a string", value)
    return value


def _number(value: Json) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _not("an integer", value)
    return value


def _truth(value: Json) -> bool:
    if not isinstance(value, bool):
        raise _not("true or false", value)
    return value


def _list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise _not("a list", value)
    return value


def _not(wanted: str, value: Json) -> ValueError:
    return ValueError(f"`{value!r:.40}` is not {wanted}")
