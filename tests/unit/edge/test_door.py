"""Unit tests of mediator/edge/door.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

from mediator.canonical import parse_object
from mediator.refusal import Reason, Refused
from mediator.wire.reading import frame_of
from tests.simulated.arrivals import legacy_arrival, message
from tests.simulated.corridor import SimulatedCorridor

CALL = frame_of(legacy_arrival(message("tools/call", {"name": "a"}, 7)))


def test_who_is_turned_away_is_counted() -> None:
    """Design 5.8: a stop before identification leaves a count by source and reason."""
    corridor = SimulatedCorridor()

    reply = corridor.door().turn_away("192.0.2.7", CALL, Refused(Reason.OVERLOADED), 503, (("retry-after", "1"),))

    assert corridor.counted == [("192.0.2.7", Reason.OVERLOADED)]
    assert (reply.status, dict(reply.headers)["retry-after"]) == (503, "1")


def test_whoever_asks_is_told_how_many_tools_are_quarantined_and_not_which() -> None:
    """The issue: `readyz` shows it; anybody may ask."""
    door = SimulatedCorridor().door()
    assert door.quarantine_line() == b""
    assert replace(door, quarantined=lambda: 2).quarantine_line() == b"quarantined: 2\n"


def test_beside_a_status_of_the_transport_stands_an_error() -> None:
    """The SDK's client shows a JSON-RPC error beside a bad status, and no tool's result."""
    door = SimulatedCorridor().door()

    with_status = door.turn_away("x", CALL, Refused(Reason.OVERLOADED), 503)
    without = door.turn_away("x", CALL, Refused(Reason.OVERLOADED))

    assert with_status.body is not None
    assert without.body is not None
    assert parse_object(with_status.body)["id"] == 7
    assert "error" in parse_object(with_status.body)
    assert (without.status, "result" in parse_object(without.body)) == (200, True)


def test_what_is_only_told_is_not_counted() -> None:
    """Ours: a well-behaved client asks for more than is served, and leaves no trace of stops."""
    corridor = SimulatedCorridor()

    told = corridor.door().tell(CALL, Refused(Reason.METHOD_NOT_ALLOWED), 405, (("allow", "POST"),))

    assert (told.status, dict(told.headers)["allow"], corridor.counted) == (405, "POST", [])
