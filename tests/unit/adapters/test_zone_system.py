"""Tests of the operator's zone.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mediator.adapters.zone_system import SystemZone
from mediator.refusal import Reason, Refused


def at(year: int, month: int, day: int, hour: int = 12) -> int:
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("name", "at_ms", "offset_seconds"),
    [
        ("UTC", at(2026, 7, 1), 0),
        ("Europe/Oslo", at(2026, 1, 1), 3_600),
        ("Europe/Oslo", at(2026, 7, 1), 7_200),
        ("Europe/Oslo", at(2026, 3, 29, 0), 3_600),  # an hour before its clocks are put forward
        ("Europe/Oslo", at(2026, 3, 29, 1), 7_200),
        ("Asia/Kathmandu", at(2026, 7, 1), 20_700),
        ("America/St_Johns", at(2026, 1, 1), -12_600),
    ],
)
def test_a_zone_says_how_far_its_clocks_are_ahead_at_that_time(name: str, at_ms: int, offset_seconds: int) -> None:
    """IANA tz database: summer time, and offsets that are no whole hours."""
    assert SystemZone(name).utc_offset_seconds(at_ms) == offset_seconds


def test_the_same_zone_says_so_of_each_minute_anew() -> None:
    """Ours: what is kept of the last minute is of no other."""
    zone, change_ms = SystemZone("Europe/Oslo"), at(2026, 10, 25, 1)  # its clocks are put back
    offsets = [zone.utc_offset_seconds(change_ms + ms) for ms in (-1, -1, 0, 59_999, -1)]
    assert offsets == [7_200, 7_200, 3_600, 3_600, 7_200]


@pytest.mark.parametrize("name", ["Europe/Nowhere", "Mars", "../etc/passwd", "Europe"])
def test_a_zone_that_the_machine_does_not_know_stops_the_start(name: str) -> None:
    """P7: a policy of office hours would be off by hours, and nobody would see it."""
    with pytest.raises(Refused) as stop:
        SystemZone(name)
    assert stop.value.reason is Reason.MALFORMED
    assert name in stop.value.detail
