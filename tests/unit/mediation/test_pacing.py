"""Rates and resting tool servers, by a clock that the test moves.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

import pytest

from mediator.canonical import Digest
from mediator.kind import ItemKind
from mediator.mediation import pacing
from mediator.mediation.claims import Lease
from mediator.mediation.deliberate import _SEAL, Deliberation
from mediator.mediation.pacing import Exhausted, Meter
from mediator.mediation.permit import Permit
from mediator.mediation.record import Outcome
from mediator.mediation.resumption import Resumption
from mediator.refusal import Reason, Refused
from mediator.settings.quotas import BreakerSettings
from tests.promises import promise
from tests.simulated.judged import a_release, allowed, denied, on_record, permitted

RATE = Lease(key="rate:r:g-1", burst=3, refill_ms=1000)
LOOP = Lease(key="loop:sha256:h", burst=2, refill_ms=60_000)
BREAKER = BreakerSettings(failures=3, after_seconds=5, open_seconds=20)
DOWN = Refused(Reason.TOOL_SERVER_UNAVAILABLE, "down")


@dataclass
class Watch:
    """What passes, as the test has it."""

    ms: float = 50_000.0
    meter: Meter = field(init=False)

    def __post_init__(self) -> None:
        self.meter = Meter(elapsed_ms=lambda: self.ms, breaker=BREAKER)

    def take(self, *leases: Lease, times: int = 1) -> list[int | None]:
        """Return for each attempt how long it has to wait; None where it had a place."""
        taken = [self.meter.take(leasing(*leases)) for _ in range(times)]
        return [None if one is None else one.wait_ms for one in taken]

    def fail(self, times: int, each_ms: float = 1000) -> None:
        for _ in range(times):
            self.meter.ended(a_permit(), DOWN)
            self.ms += each_ms


def leasing(*leases: Lease) -> Deliberation:
    return changed(allowed(), leases=leases)


def changed(deliberation: Deliberation, **members: Any) -> Deliberation:
    own = {one.name: getattr(deliberation, one.name) for one in fields(deliberation)}
    return Deliberation(**own | members, seal=_SEAL)


def a_permit(*, used: bool = True, resumes: Resumption | None = None) -> Permit:
    return permitted(on_record(changed(allowed(), resumes=resumes)), used=used)


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_so_many_at_once_and_then_evenly(watch: Watch) -> None:
    """Issue 7: bursts and sustained rates."""
    assert watch.take(RATE, times=4) == [None, None, None, 1000]
    watch.ms += 400.5
    assert watch.take(RATE) == [600]
    watch.ms += 599.5
    assert watch.take(RATE, times=2) == [None, 1000]
    watch.ms += 2000
    assert watch.take(RATE, times=3) == [None, None, 1000]


@pytest.mark.parametrize("quiet_ms", [3000, 10**10, 0])
def test_a_first_call_after_a_quiet_time_finds_all_there_is(watch: Watch, quiet_ms: int) -> None:
    """Issue 7: never punished by the clock; nor by a start, at which all is new."""
    if quiet_ms:
        watch.take(RATE, times=3)
        watch.ms += quiet_ms
    assert watch.take(RATE, times=4) == [None, None, None, 1000]


def test_all_or_none_is_taken(watch: Watch) -> None:
    """Ours: who is refused for one rate keeps the places of the others."""
    assert watch.take(RATE, LOOP, times=3) == [None, None, 60_000]
    assert watch.take(RATE, times=2) == [None, 1000]


def test_a_denial_takes_nothing(watch: Watch) -> None:
    """Design 4: a denial claims nothing."""
    assert watch.meter.take(changed(denied(), leases=(RATE,))) is None
    assert watch.take(RATE, times=4) == [None, None, None, 1000]


def test_what_was_not_let_through_is_given_back(watch: Watch) -> None:
    """Ours: a claim that was lost beside it, an epoch that moved."""
    judged = leasing(RATE, LOOP)
    watch.meter.give_back(judged)
    for _ in range(9):
        assert watch.meter.take(judged) is None
        watch.meter.give_back(judged)
    assert watch.take(RATE, times=4) == [None, None, None, 1000]
    watch.meter.give_back(changed(denied(known=False), item=None))


def test_room_is_bounded_and_requests_push_out_no_rate(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: an agent makes as many requests as it likes, and each has a hash."""
    monkeypatch.setattr(pacing, "KEYS_MAX", 10)
    watch.take(RATE, times=3)
    for number in range(100):
        watch.take(replace(LOOP, key=f"loop:{number}"))
    assert watch.take(RATE) == [1000]
    assert len(watch.meter._loops) == 10
    watch.ms += 10**6
    watch.take(LOOP)
    assert list(watch.meter._loops) == [LOOP.key]


@promise("P11")
def test_a_server_that_fails_again_and_again_rests_and_is_tried_once(watch: Watch) -> None:
    """Issue 7, circuit breaker."""
    watch.fail(5)
    assert watch.take() == [None]
    watch.fail(1)
    assert watch.meter.take(allowed()) == Exhausted(key="resting:clock", wait_ms=19_000)
    assert watch.meter.resting() == {"clock": 19_000}
    watch.ms += 19_000
    assert watch.meter.resting() == {}
    assert watch.take(times=2) == [None, 60_000]
    watch.meter.ended(a_permit(), a_release())
    assert watch.take(times=2) == [None, None]


def test_a_trial_that_fails_has_it_rest_again(watch: Watch) -> None:
    """Ours."""
    watch.fail(6)
    watch.ms += 20_000
    assert watch.take() == [None]
    watch.fail(1, each_ms=0)
    assert watch.take() == [20_000]


@pytest.mark.parametrize("way", ["given back", "stopped by us"])
def test_a_trial_that_was_not_made_leaves_it_to_the_next(watch: Watch, way: str) -> None:
    """Ours: who is stopped before the first byte has tried nothing."""
    watch.fail(6)
    watch.ms += 20_000
    judged = allowed()
    assert watch.meter.take(judged) is None
    if way == "given back":
        watch.meter.give_back(judged)
    else:
        watch.meter.ended(a_permit(used=False), Refused(Reason.FROZEN))
    assert watch.take(times=2) == [None, 60_000]


def test_failures_that_are_few_or_soon_over_count_for_nothing(watch: Watch) -> None:
    """Ours: a restart fails many calls, and is short; one success begins anew."""
    watch.fail(2, each_ms=60_000)
    watch.meter.ended(a_permit(), a_release())
    watch.fail(100, each_ms=1)
    assert watch.take() == [None]
    assert watch.meter.resting() == {}


@pytest.mark.parametrize(
    "ending", [Refused(Reason.FROZEN), Refused(Reason.RESULT_WITHHELD), Outcome.ABANDONED, Outcome.FAILED]
)
def test_what_is_not_the_servers_doing_is_not_held_against_it(watch: Watch, ending: Any) -> None:
    """Ours: it neither counts, nor begins anew."""
    watch.fail(3, each_ms=2000)
    watch.meter.ended(a_permit(), ending)
    assert watch.take() == [None]
    watch.fail(1)
    assert watch.take() == [19_000]


def test_an_answer_that_comes_too_late_is_not_the_servers_failure(watch: Watch) -> None:
    """Ours: else an agent that answers late would have a server left alone."""
    late = Resumption(
        decision_id="d",
        method="tools/call",
        server="clock",
        kind=ItemKind.TOOL,
        name="clock__now",
        arguments=Digest("sha256:0"),
        expires_ms=0,
        waiting="d",
    )
    for _ in range(20):
        watch.meter.ended(a_permit(resumes=late), DOWN)
        watch.ms += 1000
    assert watch.take() == [None]


def test_nobody_rests_where_that_is_switched_off() -> None:
    """Ours: `failures = 0`."""
    meter = Meter(elapsed_ms=lambda: 0.0)
    for _ in range(100):
        meter.ended(a_permit(), DOWN)
    assert meter.take(allowed()) is None
