"""Circumstances: what is true of this task and agent right now, and at which epoch it was read.

Pure. Gathered by the shell in one go, from memory, between two awaits; kept in the record, so that the
judgement can be made again.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from mediator.canonical import Json, JsonObject
from mediator.delegation.grant import Grant, grant_form, parse_grant
from mediator.mediation.approval import Approval, approval_form, parse_approval
from mediator.mediation.opinion import Opinion, opinion_form, parse_opinion
from mediator.policy.request import Novel
from mediator.refusal import Reason, Refused

_NOTHING: Final[Mapping[str, int]] = MappingProxyType({})
NOTHING_KNOWN: Final = frozenset(map(str, Novel))
"""`novel` where it is not known what the agent did before: then everything is new to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """Facts that calls and revocations change.

    `grants` is the chain from the root to the presented grant, as stored (empty: no such grant).
    `calls` counts what the task was allowed so far, `last_used_ms` when that was (ms since 1970, UTC).
    `spent` names counted rights of this chain with nothing left. `frozen` names what is stopped
    (`agent:…`, `task:…`, `tool:…`). `labels` is what the task has seen. `approvals` are those requests of the task that a
    person has approved or denied. `opinions` is what decision points outside said of this very call. `novel` says in which respects
    this very call is new to its agent, and `utc_offset_seconds` is the operator's zone now. `exhausted` is what this very call
    found no place in when it was judged before, each with the milliseconds to wait. `denials` counts what the task was denied so far.
    """

    epoch: int
    grants: tuple[Grant, ...]
    calls: int
    last_used_ms: int | None
    spent: frozenset[str]
    labels: frozenset[str]
    frozen: frozenset[str]
    approvals: tuple[Approval, ...] = ()
    opinions: tuple[Opinion, ...] = ()
    novel: frozenset[str] = NOTHING_KNOWN
    utc_offset_seconds: int = 0
    exhausted: Mapping[str, int] = field(default_factory=lambda: _NOTHING)
    denials: int = 0

    def without(self, spent: frozenset[str], exhausted: Mapping[str, int]) -> Circumstances:
        """Return the circumstances of a call that could not take this when it was judged before."""
        return replace(self, spent=self.spent | spent, exhausted=MappingProxyType({**exhausted}))


UNKNOWN: Final = Circumstances(
    epoch=0,
    grants=(),
    calls=0,
    last_used_ms=None,
    spent=frozenset(),
    labels=frozenset(),
    frozen=frozenset(),
)
"""What stands in a record where nothing could be gathered: no grant, so that it would never allow anything."""


def circumstances_form(circumstances: Circumstances) -> JsonObject:
    """Return the JSON form that a record keeps; what is empty mostly, and came later, is left out where it is."""
    form: JsonObject = {
        "epoch": circumstances.epoch,
        "grants": [grant_form(grant) for grant in circumstances.grants],
        "calls": circumstances.calls,
        "last_used_ms": circumstances.last_used_ms,
        "spent": [*sorted(circumstances.spent)],
        "labels": [*sorted(circumstances.labels)],
        "frozen": [*sorted(circumstances.frozen)],
        "novel": [*sorted(circumstances.novel)],
        "utc_offset_seconds": circumstances.utc_offset_seconds,
    }
    if circumstances.approvals:  # most calls of most tasks have none
        form["approvals"] = [approval_form(approval) for approval in circumstances.approvals]
    if circumstances.opinions:
        form["opinions"] = [opinion_form(opinion) for opinion in circumstances.opinions]
    if circumstances.exhausted:
        form["exhausted"] = {**circumstances.exhausted}
    if circumstances.denials:
        form["denials"] = circumstances.denials
    return form


def parse_circumstances(form: JsonObject) -> Circumstances:
    """Return what `circumstances_form` wrote.

    Raises `Refused(MALFORMED)` for any other form, and as `parse_grant`.
    """
    opinions, approvals = form.get("opinions", []), form.get("approvals", [])
    if approvals == [] and "approvals" in form:  # it would not have been written
        raise _unreadable()
    match {name: value for name, value in form.items() if name not in {"opinions", "approvals"}}:
        case {
            "epoch": int(epoch),
            "grants": list(grants),
            "calls": int(calls),
            "last_used_ms": None | int() as last_used_ms,
            "spent": list(spent),
            "labels": list(labels),
            "frozen": list(frozen),
            "novel": list(novel),
            "utc_offset_seconds": int(utc_offset_seconds),
            **rest,
        } if rest.keys() <= {"exhausted", "denials"} and isinstance(opinions, list) and isinstance(approvals, list):
            return Circumstances(
                epoch=epoch,
                grants=tuple(map(_grant, grants)),
                calls=calls,
                last_used_ms=last_used_ms,
                spent=_names(spent),
                labels=_names(labels),
                frozen=_names(frozen),
                approvals=tuple(map(parse_approval, approvals)),
                opinions=tuple(map(parse_opinion, opinions)),
                novel=_names(novel),
                utc_offset_seconds=utc_offset_seconds,
                exhausted=_waits(rest),
                denials=_denials(rest),
            )
        case _:
            raise _unreadable()


def _grant(form: Json) -> Grant:
    if not isinstance(form, dict):
        raise _unreadable()
    return parse_grant(form)


def _names(forms: list[Json]) -> frozenset[str]:
    names = frozenset(form for form in forms if isinstance(form, str))
    if len(names) != len(forms):  # something else among them, or one twice: not what was written
        raise _unreadable()
    return names


def _waits(rest: JsonObject) -> Mapping[str, int]:
    if "exhausted" not in rest:
        return _NOTHING
    forms = rest["exhausted"]
    if not isinstance(forms, dict) or not forms:
        raise _unreadable()
    return MappingProxyType({key: _count(wait) for key, wait in forms.items()})


def _denials(rest: JsonObject) -> int:
    return _count(rest["denials"]) if "denials" in rest else 0


def _count(form: Json) -> int:
    if not isinstance(form, int) or isinstance(form, bool) or form < 1:  # nought is left out
        raise _unreadable()
    return form


def _unreadable() -> Refused:
    return Refused(Reason.MALFORMED, "recorded circumstances cannot be read")
