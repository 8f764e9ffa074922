"""Tests of the calendar.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mediator.policy.calendar import PARTS, part_of

FRIDAY_EVENING = int(datetime(2027, 12, 31, 23, 30, tzinfo=UTC).timestamp() * 1000)


def parts_of(now_ms: int, offset_seconds: int) -> dict[str, int]:
    return {name: part_of(name, now_ms, offset_seconds) for name in PARTS}


def test_a_time_has_the_parts_that_people_speak_of() -> None:
    """ISO 8601: the week begins on Monday, which is 1."""
    assert parts_of(FRIDAY_EVENING, 0) == {
        "weekday": 5, "day": 31, "month": 12, "year": 2027, "hour": 23, "minute": 30,
    }  # fmt: skip


def test_in_the_operators_zone_it_may_be_another_year_already() -> None:
    """Ours: each part moves with the offset, and not the hour alone."""
    assert parts_of(FRIDAY_EVENING, 45 * 60) == {
        "weekday": 6, "day": 1, "month": 1, "year": 2028, "hour": 0, "minute": 15,
    }  # fmt: skip


@pytest.mark.parametrize(("offset_seconds", "hour"), [(-8 * 3600, 15), (0, 23), (14 * 3600, 13)])
def test_an_offset_may_lie_on_either_side(offset_seconds: int, hour: int) -> None:
    """Ours."""
    assert part_of("hour", FRIDAY_EVENING, offset_seconds) == hour
