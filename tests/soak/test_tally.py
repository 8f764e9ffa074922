"""What the soak holds against a call, when both sides have told of it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from tests.soak.tally import CANCEL_SECONDS, SETTLE_SECONDS, Came, Tally

LATE = CANCEL_SECONDS + 1


def called(*told: str, came: Came, reason: str = "", way: str = "", restarts_at: float | None = None) -> Tally:
    """Return the tally of one call, begun at 10 and over at 11, long after."""
    tally = Tally()
    tally.begin("a.1", "clock", 10)
    if restarts_at is not None:
        tally.open_window("clock", restarts_at).end = restarts_at + 1
    for event in told:
        tally.tell("clock", event, "a.1", 10)
    tally.end("a.1", came, 11, reason=reason, way=way)
    tally.settle(11 + LATE)
    assert len(tally) == 0
    return tally


@pytest.mark.parametrize(
    "told", [("begin", "end"), ("begin", "asked", "begin", "end")], ids=["at once", "after a question"]
)
def test_a_result_of_a_call_that_was_done_once_is_right(told: tuple[str, ...]) -> None:
    """Ours."""
    tally = called(*told, came=Came.RESULT)
    assert (tally.failed, tally.served) == (0, {"clock": 1})


@pytest.mark.parametrize(
    "told",
    [(), ("begin",), ("begin", "begin", "end"), ("begin", "end", "end"), ("begin", "end", "cancelled")],
    ids=["never begun", "never done", "begun twice", "done twice", "done and cancelled"],
)
@pytest.mark.parametrize("restarts_at", [None, 10.5], ids=["", "in a restart"])
def test_a_result_that_the_tool_server_tells_otherwise_fails(told: tuple[str, ...], restarts_at: float | None) -> None:
    """Ours: a restart excuses a refusal, never a result that nobody gave, or an act that was done twice."""
    assert called(*told, came=Came.RESULT, restarts_at=restarts_at).failed == 1


def test_a_cancelled_call_is_counted_by_the_way_in_which_it_was() -> None:
    """The issue: every cancelled call cancelled on the tool side."""
    tally = called("begin", "cancelled", came=Came.CANCELLED, way="hung up")
    assert (tally.failed, tally.cancelled) == (0, {"hung up": 1})


@pytest.mark.parametrize("told", [("begin",), ("begin", "end")], ids=["runs on", "done"])
def test_a_cancelled_call_that_goes_on_fails(told: tuple[str, ...]) -> None:
    """The issue, as above."""
    assert called(*told, came=Came.CANCELLED, way="hung up").failed == 1


def test_a_cancelled_call_whose_tool_server_was_killed_is_excused() -> None:
    """Ours: whoever is dead tells of nothing."""
    tally = called("begin", came=Came.CANCELLED, way="hung up", restarts_at=12)
    assert (tally.failed, tally.cancelled) == (0, {"killed meanwhile": 1})


@pytest.mark.parametrize(
    ("reason", "restarts_at", "failed"),
    [
        ("TOOL_SERVER_UNAVAILABLE", 10.5, 0),
        ("TOOL_SERVER_UNAVAILABLE", 30, 1),
        ("TOOL_SERVER_UNAVAILABLE", None, 1),
        ("DENIED_BY_POLICY", 10.5, 1),
    ],
    ids=["in a restart", "in another one", "without one", "for another reason"],
)
def test_a_refusal_is_right_only_where_a_restart_explains_it(
    reason: str, restarts_at: float | None, failed: int
) -> None:
    """The issue: during a restart a refusal is an answer; afterwards calls work again."""
    tally = called("begin", came=Came.REFUSED, reason=reason, restarts_at=restarts_at)
    assert (tally.failed, tally.refused) == (failed, {reason: 1})


def test_a_lost_reply_fails_whatever_happened() -> None:
    """The issue: no lost reply."""
    assert called("begin", came=Came.LOST, restarts_at=10.5).failed == 1


def test_what_a_tool_server_does_after_a_call_was_over_fails() -> None:
    """Ours: whatever nobody waits for any more has an end."""
    tally = called("begin", "end", came=Came.RESULT)
    tally.tell("clock", "cancelled", "a.1", 30)
    assert tally.failed == 1


def test_a_call_is_not_judged_before_its_tool_server_could_tell() -> None:
    """Ours: the log is read a little later than the answer."""
    tally = Tally()
    tally.begin("a.1", "clock", 10)
    tally.end("a.1", Came.RESULT, 11)
    tally.settle(11 + CANCEL_SECONDS)
    tally.tell("clock", "begin", "a.1", 12)
    tally.tell("clock", "end", "a.1", 12)
    tally.settle(11 + SETTLE_SECONDS + 0.1)
    assert (len(tally), tally.failed) == (0, 0)
