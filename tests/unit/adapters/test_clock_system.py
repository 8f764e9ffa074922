"""The clock: the machine's time, but never backwards, and never before the ledger's last entry.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import time

import pytest

from mediator.adapters.clock_system import SystemClock, elapsed_ms


class Machine:
    """A machine whose clock is set by the test."""

    def __init__(self) -> None:
        self.now_ms = 1_000

    def time_ns(self) -> int:
        return self.now_ms * 1_000_000 + 999_999


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(time, "time_ns", machine.time_ns)
    return machine


def test_it_tells_the_machines_time_in_milliseconds(machine: Machine) -> None:
    """Ours: whole milliseconds, rounded down."""
    clock = SystemClock()
    assert clock.now_ms() == 1_000
    machine.now_ms = 2_000
    assert clock.now_ms() == 2_000
    assert clock.lead_ms() == 0


def test_a_clock_that_is_set_back_stands_still_until_time_has_caught_up(machine: Machine) -> None:
    """Ours: an expired token does not live again."""
    clock = SystemClock()
    assert clock.now_ms() == 1_000
    machine.now_ms = 400
    assert clock.now_ms() == 1_000
    assert clock.lead_ms() == 600
    machine.now_ms = 1_001
    assert clock.now_ms() == 1_001


def test_it_never_falls_below_its_floor(machine: Machine) -> None:
    """Ours: what is recorded next is never older than what was recorded last."""
    clock = SystemClock(floor_ms=5_000)
    assert clock.now_ms() == 5_000
    assert clock.lead_ms() == 4_000
    machine.now_ms = 5_001
    assert clock.now_ms() == 5_001


def test_what_passes_is_counted_by_a_clock_that_nobody_sets() -> None:
    """Issue 7: the day's time may jump."""
    before = elapsed_ms()
    assert elapsed_ms() >= before > 0
