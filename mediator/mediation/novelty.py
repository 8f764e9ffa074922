"""Novelty: in which respects a call is new to its agent, by marks of what that agent was allowed before.

Pure. A mark is one thing that a call touches: its tool, its server, its effect, each place where its data goes. Where
data goes is marked with the effect: who has read from a place has not yet sent there. Marks are of the one agent that
calls, whoever handed it the task: nobody makes a thing familiar to somebody else.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Final, TypeAlias

from mediator.effect import Effect
from mediator.manifest.pinned import PinnedItem
from mediator.mediation.question import grant_name
from mediator.mediation.resumption import Resumption, item_of
from mediator.mediation.targets import read_targets
from mediator.mediation.trust import TrustSnapshot
from mediator.policy.request import Novel
from mediator.refusal import Refused
from mediator.wire.call import Call

_REMEMBERED: Final = 4_096  # as many places as a fleet goes to in a while; each of a kB at most

Marks: TypeAlias = Mapping[Novel, frozenset[str]]
"""What a call touches, by the respect in which it may be new."""


def marks_of(call: Call, item: PinnedItem) -> Marks:
    """Return the marks of this call; raises `Refused(ARGUMENTS_INVALID)` as `read_targets`."""
    hosts = read_targets(item, call.arguments).hosts | item.sends_to
    return _marks(item.server, grant_name(item), item.effect, hosts)


@lru_cache(maxsize=_REMEMBERED)
def _marks(server: str, name: str, effect: Effect, hosts: frozenset[str]) -> Marks:
    """Remembered: most calls are of few items, and go to the same places."""
    return {
        Novel.TOOL: frozenset({f"tool {server}/{name}"}),
        Novel.SERVER: frozenset({f"server {server}"}),
        Novel.EFFECT: frozenset({f"effect {effect}"}),
        Novel.DESTINATION: frozenset(f"destination {effect} {host}" for host in hosts),
    }


@lru_cache(maxsize=_REMEMBERED)
def _all_of(touched: tuple[frozenset[str], ...]) -> frozenset[str]:
    return frozenset().union(*touched)


def touched_by(marks: Marks) -> frozenset[str]:
    """Return all marks, in whichever respect."""
    return _all_of(tuple(marks.values()))


def find_marks(call: Call, snapshot: TrustSnapshot, resumes: Resumption | None) -> Marks | None:
    """Return the marks of a call that is still to be judged; None where there are none to be had: it will be refused."""
    try:
        item = snapshot.pins.resolve_item(*item_of(call, resumes))
        return None if item is None else marks_of(call, item)
    except Refused:
        return None


def novel_among(marks: Marks, known: Collection[str]) -> frozenset[str]:
    """Return in which respects something is new, of what is marked."""
    return frozenset([str(respect) for respect, touched in marks.items() if not touched.issubset(known)])
