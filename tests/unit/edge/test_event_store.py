"""Unit tests of mediator/edge/event_store.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.edge.event_store import EventLimits, EventLog, EventStore, SessionEvents
from tests.promises import promise


class Kept:
    """A store, its clock, and sessions in it."""

    def __init__(self, **limits: float) -> None:
        self.now = 0.0
        self.store = EventStore(lambda: self.now, EventLimits(**limits))  # type: ignore[arg-type]

    def session(self) -> SessionEvents[EventLog]:
        return SessionEvents(self.store)


def begun(events: SessionEvents[EventLog], *data: bytes) -> EventLog:
    log = EventLog()
    events.begin(log, "a")
    for one in data:
        events.append(log, one)
    return log


def test_an_event_is_found_by_its_id_and_what_followed_it_on_its_stream() -> None:
    """MCP 2025-11-25, resumability: only of the stream that was cut off."""
    events = Kept().session()
    log, other = begun(events, b"1"), begun(events, b"other")
    ids = [events.append(log, data) for data in (b"2", b"3")]

    assert ids == [f"{log.id}-2", f"{log.id}-3"]
    assert events.find(ids[0]) == (log, 2)
    assert log.after(2) == [(3, b"3")]
    assert log.after(0) == [(1, b"1"), (2, b"2"), (3, b"3")]
    assert events.find(other.event_id(0)) == (other, 0)


@pytest.mark.parametrize("change", ["{}9", "x{}", "", "-", "{0}-{0}", "{}-1-1", " {}", "{}\u0660"])
def test_an_id_that_was_not_given_is_not_found(change: str) -> None:
    """Ours: whatever an agent sends."""
    events = Kept().session()
    log = begun(events, b"1")

    assert events.find(change.format(log.event_id(1))) is None
    assert events.find(f"{log.id}-{'9' * 10_000}") is None
    assert events.find(f"{log.id}--1") is None


@promise("P4")
def test_the_id_of_another_sessions_event_is_not_found() -> None:
    """Ours (A4): ids of streams are drawn at random, and looked for in one session."""
    kept = Kept()
    one, other = kept.session(), kept.session()
    log, own = begun(one, b"secret"), begun(other, b"own")

    assert other.find(log.event_id(0)) is None
    assert log.id != own.id


def test_of_a_session_so_many_events_are_kept_and_the_newest_always() -> None:
    """Issue 4: bounded memory, whatever a tool says."""
    events = Kept(events_per_session_max=3).session()
    log = begun(events, *(b"%d" % number for number in range(10)))
    assert log.after(0) == [(8, b"7"), (9, b"8"), (10, b"9")]

    small = Kept(bytes_per_session_max=10)
    events = small.session()
    log = begun(events, b"x" * 6, b"y" * 6, b"z" * 100)
    assert log.after(0) == [(3, b"z" * 100)]
    assert events.size_bytes == small.store.size_bytes == 100
    assert events.find(log.event_id(1)) == (log, 1)


@promise("P11")
def test_of_all_sessions_so_much_is_kept_and_the_longest_silent_gives_way() -> None:
    """Ours (A1): but never the newest event of the one that writes."""
    kept = Kept(bytes_max=10)
    silent, other = kept.session(), kept.session()
    old = begun(silent, b"xxxx", b"yyyy")
    new = begun(other, b"zzzz")
    assert (old.after(0), new.after(0)) == ([(2, b"yyyy")], [(1, b"zzzz")])

    other.append(new, b"z" * 20)
    assert (old.after(0), new.after(0)) == ([], [(2, b"z" * 20)])
    assert kept.store.size_bytes == 20

    begun(silent, b"v" * 20)
    assert (new.after(0), kept.store.size_bytes) == ([], 20)


def test_a_stream_that_is_over_is_kept_for_a_while() -> None:
    """Ours: an answer waits for its agent to come back, and not for ever."""
    kept = Kept(resume_seconds=60)
    events = kept.session()
    over, running = begun(events, b"answer"), begun(events, b"1")
    events.end(over)

    kept.now = 59.0
    assert events.find(over.event_id(1)) is not None
    kept.now = 60.0
    assert events.find(over.event_id(1)) is None
    assert events.find(running.event_id(1)) is not None
    assert kept.store.size_bytes == 1
    assert events.append(over, b"late") == over.event_id(2)
    assert over.after(0) == []


def test_what_a_silent_session_kept_goes_once_nobody_comes_back_for_it() -> None:
    """Ours: agents leave without a word, and their sessions end half an hour later; a stream that goes on is kept."""
    kept = Kept(resume_seconds=60)
    left, waiting, other = kept.session(), kept.session(), kept.session()
    log, live = begun(left, b"12"), begun(waiting, b"345")
    left.end(log)

    kept.now = 60
    begun(other, b"6")
    assert (len(left), len(waiting), kept.store.size_bytes) == (1, 1, 6)

    kept.now = 61
    begun(other, b"7")
    assert (len(left), len(waiting), kept.store.size_bytes) == (0, 1, 5)
    assert left.find(log.event_id(0)) is None
    assert waiting.find(live.event_id(0)) == (live, 0)


def test_so_many_streams_are_kept_and_those_that_are_over_give_way() -> None:
    """Ours."""
    events = Kept(streams_per_session_max=2).session()
    running, over = begun(events, b"1"), begun(events, b"22")
    events.end(over)
    third = begun(events, b"3")
    assert [events.find(log.event_id(0)) is not None for log in (running, over, third)] == [True, False, True]

    begun(events)
    assert events.find(running.event_id(0)) is None
    assert events.size_bytes == 1


def test_nothing_is_kept_of_a_session_that_has_ended() -> None:
    """Ours."""
    kept = Kept()
    events = kept.session()
    log = begun(events, b"1", b"2")

    events.clear()

    assert (kept.store.size_bytes, len(events), log.after(0)) == (0, 0, [])
    assert events.find(log.event_id(0)) is None


def test_events_of_a_stream_that_was_dropped_take_no_room_from_others() -> None:
    """Ours: their places in the row are found empty."""
    kept = Kept(events_per_session_max=4, resume_seconds=1)
    events = kept.session()
    events.end(begun(events, b"1", b"2"))
    kept.now = 1.0
    log = begun(events, b"3", b"4", b"5", b"6", b"7")

    assert [data for _, data in log.after(0)] == [b"4", b"5", b"6", b"7"]
    assert events.size_bytes == 4
