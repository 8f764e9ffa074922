"""Unit tests of mediator/mediation/waiting_room.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.inspection.result import Ask, Waiting
from mediator.mediation.waiting_room import Place, WaitingRoom
from mediator.wire.methods import AskMethod
from tests.promises import promise

ASK = Ask(method=AskMethod.ROOTS, params={}, size_bytes=2)


def a_place(grant: str = "g-1", expires_ms: int = 100) -> Place:
    return Place(server="clock", grant=grant, expires_ms=expires_ms, waiting=Waiting(ask=ASK, hold=None))


@promise("P4")
def test_a_call_waits_for_its_own_grant_and_goes_on_once() -> None:
    """Issue 4: one owner."""
    room, place = WaitingRoom(lambda *_: None), a_place()
    room.put("a", place, 0)
    assert room.find("a", "g-2") is None
    assert room.find("b", "g-1") is None
    assert room.find("a", "g-1") is place.waiting
    room.take("a")
    room.take("a")
    assert room.find("a", "g-1") is None


def test_what_expired_or_is_too_much_is_abandoned() -> None:
    """Ours: bounded, in all and for each grant; the oldest makes room."""
    ended: list[Waiting] = []
    room = WaitingRoom(lambda _, waiting: ended.append(waiting))
    stale = a_place("old", expires_ms=1)
    room.put("stale", stale, 0)
    places = [a_place() for _ in range(17)]
    for number, place in enumerate(places):
        room.put(str(number), place, 1)
    assert ended == [stale.waiting, places[0].waiting]
    assert len(room) == 16
    for number in range(1024):
        room.put(f"other-{number}", a_place(f"g{number}"), 1)
    assert len(room) == 1024
    assert len(ended) == 2 + 16
