"""The operator's zone: how far its clocks are ahead of UTC at any time, from the machine's own tables.

Read once, at start: a table that changes meanwhile counts from the next start on.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mediator.refusal import Reason, Refused

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NONE: Final = timedelta()


@final
class SystemZone:
    """Fills the port `Zone`. Raises `Refused(MALFORMED)` for a name that the machine has no table for."""

    __slots__ = ("_minute", "_offset_seconds", "_zone")

    def __init__(self, name: str) -> None:
        try:
            self._zone = UTC if name == "UTC" else ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            detail = f"`[policy] timezone`: this machine knows no zone `{name}`"
            remedy = "name one as in `Europe/Oslo`; a machine without any has them from its package `tzdata`"
            raise Refused(Reason.MALFORMED, detail, remedy=remedy) from error
        self._minute = -1
        self._offset_seconds = 0

    def utc_offset_seconds(self, at_ms: int) -> int:
        """Return how far the zone's clocks are ahead of UTC then."""
        minute = at_ms // 60_000  # no zone changes within one
        if minute != self._minute:
            at = (_EPOCH + timedelta(minutes=minute)).astimezone(self._zone)
            self._minute, self._offset_seconds = minute, int((at.utcoffset() or _NONE).total_seconds())
        return self._offset_seconds
