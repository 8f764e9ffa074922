"""Unit tests of mediator/wire/glance.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.wire.glance import Glance, Sight, glance_at
from mediator.wire.jsonrpc import Message, Notification, Request, Response

SEEN: dict[str, tuple[Message, Glance]] = {
    "a result": (Response(id=7, result={"content": []}, error=None), Glance(sight=Sight.RESULT, id=7)),
    "a result that says so": (
        Response(id="a", result={"resultType": "complete"}, error=None),
        Glance(sight=Sight.RESULT, id="a"),
    ),
    "an error": (Response(id=7, result=None, error={"code": -1}), Glance(sight=Sight.ERROR, id=7, code=-1)),
    "an error for whatever it was": (
        Response(id=None, result=None, error={"code": 5}),
        Glance(sight=Sight.ERROR, id=None, code=5),
    ),
    "an error without a code": (Response(id=7, result=None, error={}), Glance(sight=Sight.ERROR, id=7)),
    "an error whose code is a truth": (
        Response(id=7, result=None, error={"code": True}),
        Glance(sight=Sight.ERROR, id=7),
    ),
    "a result that asks back": (
        Response(id=7, result={"resultType": "input_required"}, error=None),
        Glance(sight=Sight.OTHER),
    ),
    "an mcp task": (
        Response(id=7, result={"resultType": "task", "taskId": "t"}, error=None),
        Glance(sight=Sight.OTHER),
    ),
    "how an mcp task stands": (
        Response(id=7, result={"resultType": "complete", "taskId": "t", "status": "working"}, error=None),
        Glance(sight=Sight.OTHER),
    ),
    "a notification": (Notification(method="a", params={}), Glance(sight=Sight.OTHER)),
    "a request": (Request(id=7, method="a", params={}), Glance(sight=Sight.OTHER)),
}


@pytest.mark.parametrize("case", SEEN)
def test_what_is_to_be_seen_of_a_message(case: str) -> None:
    """Ours: whose answer it is, and no word of what it says."""
    message, seen = SEEN[case]
    assert glance_at(message) == seen
