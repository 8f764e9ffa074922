"""Stops before identification: one entry for each minute, source and reason, however many there were.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.adapters.ledger_segments.stops import OTHERS, SOURCES_MAX, StopCount
from mediator.canonical import JsonObject, canonical_bytes
from mediator.mediation.ports import Stop
from mediator.refusal import Reason
from tests.promises import promise

MINUTE = 60_000


def stop(source: str = "192.0.2.1", reason: Reason = Reason.NO_CREDENTIAL, at_ms: int = 0) -> Stop:
    return Stop(source=source, reason=reason, at_ms=at_ms)


def entry(
    count: int, *, at: int, minute: int = 0, source: str = "192.0.2.1", reason: str = "NO_CREDENTIAL"
) -> JsonObject:
    return {"kind": "stop", "at": at, "minute": minute, "source": source, "reason": reason, "count": count}


def test_stops_are_counted_by_minute_source_and_reason() -> None:
    """Design 5.8."""
    stops = StopCount()
    for one in (stop(), stop(at_ms=59_999), stop("192.0.2.2"), stop(reason=Reason.MALFORMED), stop(at_ms=MINUTE)):
        stops.add(one)
    assert stops.take_due(59_999) == []
    assert stops.take_due(MINUTE) == [
        entry(1, at=MINUTE, reason="MALFORMED"),
        entry(2, at=MINUTE),
        entry(1, at=MINUTE, source="192.0.2.2"),
    ]
    assert stops.take_due(MINUTE) == []
    assert stops.take_all(MINUTE + 5) == [entry(1, at=MINUTE + 5, minute=MINUTE)]
    assert stops.take_all(MINUTE + 5) == []


@promise("P7")
def test_a_million_sources_take_no_more_room_than_a_thousand() -> None:
    """Ours: whoever is stopped here is nobody yet."""
    stops = StopCount()
    for number in range(SOURCES_MAX + 500):
        stops.add(stop(str(number), at_ms=number % 2 * MINUTE))
    entries = stops.take_all(2 * MINUTE)
    assert len(entries) == SOURCES_MAX + 1
    assert sum(int(str(one["count"])) for one in entries) == SOURCES_MAX + 500
    assert [one["count"] for one in entries if one["source"] == OTHERS] == [500]


def test_whatever_a_source_is_called_it_can_be_written() -> None:
    """Ours: a source is what a transport says, and no part of it is believed."""
    stops = StopCount()
    for source in ("\ud800", "x" * 100_000, "a\nb", "é", ""):
        stops.add(stop(source))
    for one in stops.take_all(0):
        assert len(str(one["source"])) <= 64
        assert str(one["source"]).isprintable()
        assert canonical_bytes(one)


def test_what_could_not_be_written_is_counted_on() -> None:
    """Ours."""
    stops = StopCount()
    stops.add(stop())
    stops.add(stop(at_ms=MINUTE))
    due = stops.take_due(MINUTE)
    stops.put_back([{**one, "stream": "s", "index": 3, "prev": "p"} for one in due])
    stops.add(stop(at_ms=1))
    assert stops.take_due(MINUTE) == [entry(2, at=MINUTE)]
    assert stops.take_due(2 * MINUTE) == [entry(1, at=2 * MINUTE, minute=MINUTE)]
