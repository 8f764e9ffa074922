"""Unit tests of mediator/edge/sessions.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re

import pytest

from mediator.edge.list_changes import ListChanges
from mediator.edge.outbox import Outbox
from mediator.edge.sessions import SessionLimits, Sessions, draw_id, is_resumable
from mediator.mediation.reply import OpenedSession
from mediator.refusal import Reason, Refused
from mediator.wire.arrival import LegacySession
from mediator.wire.receiver import read_capabilities
from tests.promises import promise

CAPABLE = read_capabilities({"elicitation": {}})


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def sessions_at(clock: Clock, limits: SessionLimits | None = None) -> Sessions:
    return Sessions(clock, limits, new_outbox=lambda: Outbox(ListChanges()))


def handshake(holder: str = "planner") -> OpenedSession:
    return OpenedSession(version="2025-06-18", holder=holder, capabilities=CAPABLE)


def test_a_session_has_an_id_that_nobody_guesses() -> None:
    """MCP 2025-11-25, Session Management: globally unique, visible ASCII; ours: 128 random bits."""
    assert all(re.fullmatch("[0-9a-f]{32}", draw_id()) for _ in range(10))
    assert draw_id() != draw_id()
    assert sessions_at(Clock()).open(handshake()).id != sessions_at(Clock()).open(handshake()).id


def test_a_session_is_found_by_its_holder_alone() -> None:
    """MCP, Security Best Practices, session hijacking."""
    sessions = sessions_at(Clock())
    session = sessions.open(handshake())

    found = sessions.find(session.id, "planner")

    assert found is not None
    assert found.session == LegacySession(
        id=session.id, version="2025-06-18", holder="planner", capabilities=CAPABLE, log_level=None
    )
    assert sessions.find(session.id, "thief") is None
    assert sessions.find("other", "planner") is None


def test_a_session_is_ended_by_its_holder_alone() -> None:
    """Ours."""
    sessions = sessions_at(Clock())
    session = sessions.open(handshake())

    found = sessions.find(session.id, "planner")
    assert found is not None

    assert not sessions.end(session.id, "thief")
    assert not found.outbox.is_closed
    assert sessions.end(session.id, "planner")
    assert not sessions.end(session.id, "planner")
    assert len(sessions) == 0
    assert found.outbox.is_closed


def test_a_session_ends_when_nobody_used_it_for_long() -> None:
    """Ours, with the SDK's thirty minutes: from its last use, not from its beginning."""
    clock = Clock()
    sessions = sessions_at(clock, SessionLimits(idle_seconds=10))
    used, idle = sessions.open(handshake()), sessions.open(handshake())

    clock.now = 9.0
    assert sessions.find(used.id, "planner") is not None
    clock.now = 10.0
    assert sessions.find(idle.id, "planner") is None
    assert sessions.find(used.id, "planner") is not None
    clock.now = 20.0
    sessions.open(handshake("other"))

    assert len(sessions) == 1


def test_there_is_room_for_so_many_sessions() -> None:
    """Ours, with the SDK's number: then it is overload."""
    clock = Clock()
    sessions = sessions_at(clock, SessionLimits(sessions_max=2, idle_seconds=10))
    sessions.open(handshake("a"))
    sessions.open(handshake("b"))

    with pytest.raises(Refused) as stop:
        sessions.open(handshake("c"))

    assert stop.value.reason is Reason.OVERLOADED
    clock.now = 10.0
    sessions.open(handshake("c"))
    assert len(sessions) == 1


@promise("P11")
def test_one_holder_cannot_take_the_places_of_others() -> None:
    """Ours (A1): who opens one too many loses the one that it used least lately."""
    sessions = sessions_at(Clock(), SessionLimits(sessions_per_holder_max=2, sessions_max=3))
    other = sessions.open(handshake("other"))
    first, second = sessions.open(handshake()), sessions.open(handshake())
    sessions.find(first.id, "planner")

    third = sessions.open(handshake())

    assert sessions.find(second.id, "planner") is None
    assert sessions.find(first.id, "planner") is not None
    assert sessions.find(third.id, "planner") is not None
    assert sessions.find(other.id, "other") is not None


@pytest.mark.parametrize(("version", "expected"), [("2025-11-25", True), ("2025-06-18", False), ("2024-11-05", False)])
def test_agents_of_one_version_come_back_for_the_rest_of_a_stream(version: str, expected: bool) -> None:
    """MCP 2025-11-25, `basic/transports`; those of an older one take an event without data for an error."""
    assert is_resumable(LegacySession(id="1", version=version, holder="planner")) is expected
