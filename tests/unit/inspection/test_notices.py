"""Unit tests of mediator/inspection/notices.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import JsonObject
from mediator.evidence import Seal
from mediator.inspection.notices import ReleasedNotice, release_notice
from mediator.wire.jsonrpc import Notification
from mediator.wire.methods import LogLevel
from mediator.wire.receiver import NOBODY, Receiver
from tests.promises import promise

WAITS = Receiver(progress_token="theirs")
LOG: JsonObject = {"level": "warning", "data": {"x": 1}, "logger": "l"}


def released(
    method: str, params: JsonObject, receiver: Receiver = WAITS, *, is_asked_for: bool = True
) -> JsonObject | None:
    notice = release_notice(Notification(method=method, params=params), receiver, is_asked_for=is_asked_for)
    return None if notice is None else notice.params


def test_progress_is_told_under_the_agents_own_token() -> None:
    """MCP, `basic/utilities/progress`: ours at the server is no business of the agent's."""
    said: JsonObject = {"progressToken": 4, "progress": 0.5, "total": 1, "message": "half", "_meta": {"baggage": "x"}}
    assert released("notifications/progress", said) == {
        "progressToken": "theirs",
        "progress": 0.5,
        "total": 1,
        "message": "half",
    }


@promise("P3")
@pytest.mark.parametrize(
    ("method", "params", "receiver"),
    [
        ("notifications/progress", {"progress": 1}, NOBODY),
        ("notifications/progress", {"progress": "1"}, WAITS),
        ("notifications/progress", {"progress": True}, WAITS),
        ("notifications/progress", {"progress": 1, "total": "2"}, WAITS),
        ("notifications/tools/list_changed", {}, WAITS),
        ("notifications/resources/updated", {"uri": "x"}, WAITS),
        ("notifications/anything", {}, WAITS),
        ("notifications/message", {"level": "loud", "data": 1}, WAITS),
        ("notifications/message", {"level": "error"}, WAITS),
    ],
)
def test_what_nobody_asked_for_is_dropped(method: str, params: JsonObject, receiver: Receiver) -> None:
    """P3: a server's notification is no way to send agents signals of its own."""
    assert released(method, params, receiver, is_asked_for=False) is None


@pytest.mark.parametrize(
    ("wanted", "is_asked_for", "is_told"),
    [
        (None, False, True),
        (None, True, False),
        (LogLevel.DEBUG, True, True),
        (LogLevel.WARNING, False, True),
        (LogLevel.ERROR, False, False),
    ],
)
def test_a_log_message_is_told_where_it_is_grave_enough(
    wanted: LogLevel | None, is_asked_for: bool, is_told: bool
) -> None:
    """MCP 2025-11-25: without a level the server decides; 2026-07-28: without one nothing is sent."""
    told = released("notifications/message", LOG, Receiver(log_level=wanted), is_asked_for=is_asked_for)
    assert told == (LOG if is_told else None)


def test_a_notice_is_made_nowhere_else() -> None:
    """House style: evidence."""
    with pytest.raises(TypeError):
        ReleasedNotice(method="x", params={}, seal=Seal("mine"))
