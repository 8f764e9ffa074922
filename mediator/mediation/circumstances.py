"""Circumstances: what is true of this task and agent right now, and at which epoch it was read.

Pure. Gathered by the shell in one go, from memory, between two awaits; kept in the record, so that the
judgement can be made again.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass

from mediator.canonical import Json, JsonObject
from mediator.delegation.grant import Grant, grant_form, parse_grant
from mediator.refusal import Reason, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """Facts that calls and revocations change.

    `grants` is the chain from the root to the presented grant, as stored (empty: no such grant).
    `calls` counts what the task was allowed so far, `last_used_ms` when that was (ms since 1970, UTC).
    `spent` names counted rights of this chain with nothing left. `frozen` names what is stopped
    (`agent:…`, `task:…`, `tool:…`). `labels` is what the task has seen.
    """

    epoch: int
    grants: tuple[Grant, ...]
    calls: int
    last_used_ms: int | None
    spent: frozenset[str]
    labels: frozenset[str]
    frozen: frozenset[str]


def circumstances_form(circumstances: Circumstances) -> JsonObject:
    """Return the JSON form that a record keeps."""
    return {
        "epoch": circumstances.epoch,
        "grants": [grant_form(grant) for grant in circumstances.grants],
        "calls": circumstances.calls,
        "last_used_ms": circumstances.last_used_ms,
        "spent": list[Json](sorted(circumstances.spent)),
        "labels": list[Json](sorted(circumstances.labels)),
        "frozen": list[Json](sorted(circumstances.frozen)),
    }


def parse_circumstances(form: JsonObject) -> Circumstances:
    """Return what `circumstances_form` wrote.

    Raises `Refused(MALFORMED)` for any other form.
    """
    match form:
        case {
            "epoch": int(epoch),
            "grants": list(grants),
            "calls": int(calls),
            "last_used_ms": None | int() as last_used_ms,
            "spent": list(spent),
            "labels": list(labels),
            "frozen": list(frozen),
        }:
            return Circumstances(
                epoch=epoch,
                grants=tuple(parse_grant(grant) for grant in grants if isinstance(grant, dict)),
                calls=calls,
                last_used_ms=last_used_ms,
                spent=frozenset(str(name) for name in spent),
                labels=frozenset(str(name) for name in labels),
                frozen=frozenset(str(name) for name in frozen),
            )
        case _:
            raise Refused(Reason.MALFORMED, "recorded circumstances cannot be read")
