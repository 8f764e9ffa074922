"""Unit tests of mediator/edge/calls.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import anyio
import pytest

from mediator.canonical import DEFAULT_LIMITS, JsonObject
from mediator.edge.calls import Calls, find_notice
from mediator.wire.arrival import Arrival
from mediator.wire.jsonrpc import RequestId
from tests.simulated.arrivals import legacy_arrival, message, notification, over_http


def call(request_id: RequestId) -> Arrival:
    return legacy_arrival(message("tools/call", {"name": "a"}, request_id))


async def answer(calls: Calls, arrival: Arrival, began: anyio.Event, cancelled: list[bytes]) -> None:
    with anyio.CancelScope() as scope, calls.answering(arrival, scope):
        began.set()
        await anyio.sleep_forever()
    if scope.cancelled_caught:
        cancelled.append(arrival.body)


@pytest.mark.parametrize("named", [7, "7"])
async def test_only_the_call_of_that_id_is_cancelled(named: RequestId) -> None:
    """JSON-RPC 2.0 §4: the number 7 and the string "7" are two ids."""
    calls, cancelled = Calls(), list[bytes]()
    arrivals = [call(7), call("7"), over_http(b"not json")]

    async with anyio.create_task_group() as answering:
        for arrival in arrivals:
            began = anyio.Event()
            answering.start_soon(answer, calls, arrival, began, cancelled)
            await began.wait()
        calls.cancel(99, DEFAULT_LIMITS)
        calls.cancel(named, DEFAULT_LIMITS)
        with anyio.fail_after(5):
            while len(calls) == 3:
                await anyio.lowlevel.checkpoint()
        assert cancelled == [call(named).body]
        calls.cancel_all()

    assert len(calls) == 0
    assert sorted(cancelled) == sorted(arrival.body for arrival in arrivals)


async def test_a_call_that_is_over_is_forgotten() -> None:
    """Ours: however it ends."""
    calls = Calls()

    def fail() -> None:
        with calls.answering(call(1), anyio.CancelScope()):
            assert len(calls) == 1
            raise ValueError("ours")

    with pytest.raises(ValueError, match="ours"):
        fail()

    assert len(calls) == 0
    calls.cancel(1, DEFAULT_LIMITS)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (notification("notifications/cancelled", {"requestId": 7}), 7),
        (notification("notifications/cancelled", {"requestId": None}), None),
        (notification("notifications/cancelled", {"requestId": 7, "reason": "x" * 20_000}), None),
        (notification("notifications/progress", {"requestId": "cancelled"}), None),
        (message("notifications/cancelled", {"requestId": 7}), None),
        (message("tools/call", {"name": "cancelled"}), None),
        (notification("notifications/initialized"), None),
        ({"jsonrpc": "2.0", "cancelled": 7}, None),
    ],
    ids=["id", "no id", "too long", "other notice", "a request", "a call", "no word of it", "no message"],
)
def test_only_a_cancellation_cancels(body: JsonObject, expected: RequestId | None) -> None:
    """MCP, basic/utilities/cancellation."""
    notice = find_notice(legacy_arrival(body), DEFAULT_LIMITS, has_asked=False)

    assert (None if notice is None else notice.cancels) == expected


def test_a_cancellation_with_its_slashes_escaped_is_one() -> None:
    """JSON: a slash may be escaped, and some writers do it."""
    body = b'{"jsonrpc":"2.0","method":"notifications\\/cancelled","params":{"requestId":7}}'

    notice = find_notice(over_http(body), DEFAULT_LIMITS, has_asked=False)

    assert notice is not None
    assert notice.cancels == 7


@pytest.mark.parametrize(
    ("body", "has_asked", "is_found"),
    [
        ({"jsonrpc": "2.0", "id": "mediator-1", "result": {}}, True, True),
        ({"jsonrpc": "2.0", "id": "mediator-1", "error": {"code": 1, "message": ""}}, True, True),
        ({"jsonrpc": "2.0", "id": "mediator-1", "result": {}}, False, False),
        ({"jsonrpc": "2.0", "id": 1, "result": {}}, True, False),
        (message("tools/call", {"name": "a"}, "mediator-1"), True, False),
    ],
    ids=["a result", "an error", "nothing was asked", "an id of theirs", "a request"],
)
def test_an_answer_is_looked_for_where_something_was_asked(body: JsonObject, has_asked: bool, is_found: bool) -> None:
    """Ours: by an id that we drew, and only then is a message read twice."""
    notice = find_notice(legacy_arrival(body), DEFAULT_LIMITS, has_asked=has_asked)

    assert (notice is not None and notice.answer is not None) is is_found
