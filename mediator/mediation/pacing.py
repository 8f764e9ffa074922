"""Rates, and tool servers that are left alone: kept in memory, and asked in the loop turn in which claims are made.

It judges nothing: it says what there is no place in, and for how long, and the call is judged again with that. Time comes
from a clock that counts what passes and is set by nobody, so that no jump of the day's time, and no silence, takes
anything away: whoever was quiet finds all that there is. After a start everything is full. Rules:

- A rate is one number for each key (GCRA): when it would be full again. What is full is forgotten.
- Room is bounded. What was used longest ago is forgotten first; keys of single requests push out no rate.
- A tool server that failed so often in a row, over so long, rests. Then one call tries, and what becomes of it counts.
  It is a call that an agent makes: nothing is made again by us.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from mediator.inspection.asking import Asking
from mediator.inspection.release import Released
from mediator.mediation.claims import Lease
from mediator.mediation.deliberate import Deliberation
from mediator.mediation.permit import Permit
from mediator.mediation.record import Ending
from mediator.mediation.spending import LOOP, RESTING
from mediator.refusal import Reason, Refused
from mediator.settings.quotas import BreakerSettings

KEYS_MAX: Final = 100_000  # of each kind, some 200 bytes each
_MS: Final = 1000
_FAILURES: Final = frozenset({Reason.TOOL_SERVER_UNAVAILABLE, Reason.TOOL_SERVER_INVALID, Reason.DEADLINE_PASSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhausted:
    """There was no place; nothing was taken."""

    key: str
    wait_ms: int


@dataclass(slots=True)
class _Rest:
    """How one tool server does: failures in a row, since when, and until when it rests or is being tried."""

    failures: int = 0
    since_ms: float = 0.0
    until_ms: float | None = None
    is_tried: bool = False


@dataclass(slots=True, kw_only=True)
class Meter:
    """Takes places in rates. `elapsed_ms` counts the time that passes, also while the machine sleeps."""

    elapsed_ms: Callable[[], float]
    breaker: BreakerSettings = field(default_factory=lambda: BreakerSettings(failures=0))
    _rates: dict[str, float] = field(default_factory=dict, init=False, repr=False)  # when each is full again
    _loops: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    _resting: dict[str, _Rest] = field(default_factory=dict, init=False, repr=False)

    def take(self, deliberation: Deliberation) -> Exhausted | None:
        """Take all of it or none; return what there was no place in. A denial takes nothing."""
        if deliberation.stop is not None:
            return None
        now_ms = self.elapsed_ms()
        taken: list[tuple[Lease, float]] = []
        for lease in deliberation.leases:
            # Full again then; so far ahead of that as all but one place would take, there is one.
            full_ms = max(self._kept(lease).get(lease.key, 0.0), now_ms)
            if (wait_ms := full_ms - now_ms - (lease.burst - 1) * lease.refill_ms) > 0:
                return Exhausted(key=lease.key, wait_ms=max(1, math.ceil(wait_ms)))
            taken.append((lease, full_ms + lease.refill_ms))
        server = None if deliberation.item is None else deliberation.item.server
        if server in self._resting and (wait_ms := self._rest_of(server, now_ms, deliberation.deadline_seconds)) > 0:
            return Exhausted(key=f"{RESTING}{server}", wait_ms=max(1, math.ceil(wait_ms)))
        for lease, full_ms in taken:
            self._keep(lease, full_ms, now_ms)
        return None

    def give_back(self, deliberation: Deliberation) -> None:
        """Put back what was taken for a call that was not let through after all."""
        for lease in deliberation.leases:
            kept = self._kept(lease)
            if lease.key in kept:
                kept[lease.key] -= lease.refill_ms
        if deliberation.item is not None:
            self._let_try(deliberation.item.server)

    def ended(self, permit: Permit, ending: Ending) -> None:
        """Take note of what became of a call; whoever hung up, or was stopped by us, says nothing about the server."""
        server, resumes = permit.item.server, permit.committed.deliberation.resumes
        if isinstance(ending, Released | Asking):
            self._resting.pop(server, None)
        elif (
            resumes is not None and resumes.waiting is not None
        ):  # that a call is held open no longer is the agent's doing
            self._let_try(server)
        elif isinstance(ending, Refused) and ending.reason in _FAILURES and self.breaker.failures:
            self._failed(server, self.elapsed_ms())
        else:
            self._let_try(server)

    def resting(self) -> dict[str, int]:
        """Return which tool servers are left alone now, each with the milliseconds left."""
        now_ms = self.elapsed_ms()
        left = {name: rest.until_ms - now_ms for name, rest in self._resting.items() if rest.until_ms is not None}
        return {name: math.ceil(ms) for name, ms in sorted(left.items()) if ms > 0}

    def _rest_of(self, server: str, now_ms: float, deadline_seconds: float) -> float:
        """Return how long it rests; nought for the one call that tries, and then nobody else does for so long."""
        rest = self._resting[server]
        if rest.until_ms is None:
            return 0.0
        if rest.until_ms > now_ms:
            return rest.until_ms - now_ms
        rest.until_ms, rest.is_tried = now_ms + deadline_seconds * _MS, True
        return 0.0

    def _failed(self, server: str, now_ms: float) -> None:
        rest = self._resting.setdefault(server, _Rest())
        rest.failures, rest.is_tried = rest.failures + 1, False
        if rest.failures == 1:
            rest.since_ms = now_ms
        lasts_ms = now_ms - rest.since_ms
        if rest.failures >= self.breaker.failures and lasts_ms >= self.breaker.after_seconds * _MS:
            rest.until_ms = now_ms + self.breaker.open_seconds * _MS

    def _let_try(self, server: str) -> None:
        rest = self._resting.get(server)
        if rest is not None and rest.is_tried:
            rest.until_ms, rest.is_tried = self.elapsed_ms(), False

    def _kept(self, lease: Lease) -> dict[str, float]:
        return self._loops if lease.key.startswith(LOOP) else self._rates

    def _keep(self, lease: Lease, full_ms: float, now_ms: float) -> None:
        kept = self._kept(lease)
        kept.pop(lease.key, None)  # what was used last stands last
        kept[lease.key] = full_ms
        while len(kept) > 1 and (kept[first := next(iter(kept))] <= now_ms or len(kept) > KEYS_MAX):
            del kept[first]
