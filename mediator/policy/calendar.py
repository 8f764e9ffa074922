"""The calendar: a time as people speak of it, in UTC and in the operator's zone.

Pure. What the zone's offset is at that time is told, not looked up: a zone is a file of the machine's, and changes with
it, while a recorded decision must come out the same for ever.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final

PARTS: Final[Mapping[str, Callable[[datetime], int]]] = MappingProxyType(
    {
        "weekday": datetime.isoweekday,  # ISO 8601: 1 is Monday, 7 is Sunday
        "day": lambda at: at.day,
        "month": lambda at: at.month,
        "year": lambda at: at.year,
        "hour": lambda at: at.hour,
        "minute": lambda at: at.minute,
    }
)
"""What a policy may read of a time."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def part_of(name: str, now_ms: int, offset_seconds: int) -> int:
    """Return this part of the time, so many seconds ahead of UTC."""
    return PARTS[name](_EPOCH + timedelta(milliseconds=now_ms, seconds=offset_seconds))
