"""Where what one process says goes: to a call, to its answer, or to nobody.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from mediator.adapters.tool_servers_stdio.exchange import Asked
from mediator.adapters.tool_servers_stdio.in_flight import InFlight
from mediator.adapters.tool_servers_stdio.limits import StdioLimits
from mediator.canonical import JsonObject, parse_object
from mediator.refusal import Reason, Refused
from mediator.wire.glance import Glance, Sight
from mediator.wire.hearing import HearingLimits, large_answer
from mediator.wire.jsonrpc import Message, Notification, Request, Response
from tests.promises import promise

LIMITS: Final = StdioLimits(hearing=HearingLimits(noise_max=3, told_max=20), untold_max=2, asks_max=1)
LOG: Final = Notification(method="notifications/message", params={"level": "info", "data": 1})
ROOTS: Final = Request(id="q", method="roots/list", params={})


def progress(token: Any) -> Notification:
    return Notification(method="notifications/progress", params={"progressToken": token, "progress": 1})


class Heard:
    """A process of which the test says what it says."""

    def __init__(self) -> None:
        self.written: list[JsonObject] = []
        self.noted: list[Notification] = []
        self.again = 0
        self.side = InFlight(LIMITS, write=self._write, notified=self._note, go_on=self._go_on)
        self.side.hears_asks = True

    def says(self, message: Message) -> None:
        self.side.take(message, 10)

    def _write(self, line: bytes) -> None:
        self.written.append(parse_object(line))

    def _note(self, notification: Notification) -> bool:
        self.noted.append(notification)
        return notification.method == "known"

    def _go_on(self) -> None:
        self.again += 1


async def test_an_answer_goes_to_the_request_whose_id_it_bears() -> None:
    """JSON-RPC 2.0 §5; one that nobody asked for is noise."""
    heard = Heard()
    first, second = heard.side.open(1, 100), heard.side.open(2, 100)
    heard.says(Response(id=2, result={"a": 1}, error=None))
    heard.says(Response(id=9, result={}, error=None))
    answer = await second.next()
    assert getattr(answer, "result", None) == {"a": 1}
    assert (heard.side.is_open(first), heard.side.is_open(second)) == (True, False)
    assert (heard.side.take_noise(), heard.side.take_noise()) == (1, 0)


@promise("P4")
async def test_progress_goes_to_the_call_that_asked_for_it_alone() -> None:
    """MCP `basic/utilities/progress`: JSON's `true` and 1.0 are no token 1."""
    heard = Heard()
    shows = heard.side.open(1, 100, is_call=True, shows_progress=True)
    heard.side.open(2, 100, is_call=True)
    for token in (1, 2, True, 1.0, "1"):
        if heard.side.take_noise() < 3:
            heard.says(progress(token))
    assert await shows.next() == progress(1)
    assert shows.held is None


async def test_what_bears_no_id_of_a_call_is_the_oldest_calls_that_does_not_wait_for_its_agent() -> None:
    """Ours: a process is one task's."""
    heard = Heard()
    heard.side.open(1, 100)  # a question of the mediator's own
    first, second = heard.side.open(2, 100, is_call=True), heard.side.open(3, 100, is_call=True)
    heard.says(LOG)
    assert await first.next() == LOG
    first.held = Asked(id="x", ask=None)  # type: ignore[arg-type]  # what is asked is of no interest here
    heard.says(ROOTS)
    asked = await second.next()
    assert isinstance(asked, Asked)
    assert asked.id == "q"


@promise("P7")
@pytest.mark.parametrize("is_modern", [True, False])
def test_what_is_asked_in_the_course_of_no_call_is_refused(is_modern: bool) -> None:
    """MCP 2026-07-28: a server asks nothing by a request; a ping is answered before it."""
    heard = Heard()
    heard.side.hears_asks = not is_modern
    heard.says(ROOTS)
    heard.says(Request(id=1, method="ping", params={}))
    codes = [one.get("error", {}).get("code") for one in heard.written]  # type: ignore[union-attr]
    assert codes == ([-32601, -32601] if is_modern else [-32601, None])


@promise("P11")
async def test_a_call_that_has_more_than_is_taken_chokes_the_hearing_until_it_is() -> None:
    """Ours: back-pressure."""
    heard = Heard()
    call = heard.side.open(1, 100, is_call=True)
    heard.says(LOG)
    choked = [heard.side.is_choked]
    heard.says(LOG)
    choked.append(heard.side.is_choked)
    assert choked == [False, True]
    assert [await call.next(), await call.next()] == [LOG, LOG]
    assert (heard.side.is_choked, heard.again) == (False, 1)


def test_a_request_that_is_closed_is_called_off_with_what_was_asked_in_its_course() -> None:
    """MCP `basic/utilities/cancellation`."""
    heard = Heard()
    call = heard.side.open(1, 100, is_call=True)
    heard.says(ROOTS)
    heard.side.close(call)
    cancelled, error = heard.written
    assert (error["id"], cancelled["method"]) == ("q", "notifications/cancelled")
    heard.side.close(call)
    assert len(heard.written) == 2


async def test_what_is_of_use_to_somebody_else_is_no_noise_and_the_rest_is_until_it_is_too_much() -> None:
    """Ours."""
    heard = Heard()
    call = heard.side.open(1, 100, is_call=True)
    for _ in range(9):
        heard.says(Notification(method="known", params={}))
    for _ in range(3):
        heard.says(Notification(method="unknown", params={}))
    with pytest.raises(Refused) as stop:
        heard.says(Notification(method="unknown", params={}))
    assert stop.value.reason is Reason.TOOL_SERVER_INVALID
    heard.side.fail(stop.value)
    with pytest.raises(Refused):
        await call.next()
    assert not heard.side.is_open(call)


@promise("P11")
async def test_what_is_of_use_beside_the_calls_is_bounded_between_two_answers() -> None:
    """Ours: a server that says without end that a resource has changed keeps the mediator busy, whoever subscribed."""
    heard = Heard()
    for _ in range(2):
        for _ in range(20):
            heard.says(Notification(method="known", params={}))
        heard.side.take_noise()
    for _ in range(20):
        heard.says(Notification(method="known", params={}))
    with pytest.raises(Refused) as stop:
        heard.says(Notification(method="known", params={}))
    assert stop.value.reason is Reason.TOOL_SERVER_INVALID


# --- a large answer --------------------------------------------------------------------------------------------------


async def test_a_large_answer_goes_unread_to_the_call_whose_id_it_bears() -> None:
    """Ours: what it is was seen apart."""
    heard = Heard()
    call = heard.side.open(1, 100, is_call=True)
    seen = Glance(sight=Sight.RESULT, id=1)
    assert heard.side.take_unread(b"raw", seen)
    answer = await call.next()
    assert answer == large_answer(b"raw", seen)
    assert heard.side.take_noise() == 0


async def test_a_large_answer_that_nobody_waits_for_is_noise() -> None:
    """Ours: of a call that was cancelled; it is not read."""
    heard = Heard()
    assert heard.side.take_unread(b"raw", Glance(sight=Sight.RESULT, id=1))
    assert heard.side.take_noise() == 1
    for _ in range(3):
        heard.side.take_unread(b"raw", Glance(sight=Sight.ERROR, id=1))
    with pytest.raises(Refused):
        heard.side.take_unread(b"raw", Glance(sight=Sight.ERROR, id=1))


def test_what_the_mediator_itself_asked_and_what_is_no_answer_is_read() -> None:
    """Ours: also where a call waits beside it."""
    heard = Heard()
    seen = [heard.side.has_call]
    for number, is_call in ((1, False), (2, True)):
        heard.side.open(number, 100, is_call=is_call)
        seen.append(heard.side.has_call)
    assert seen == [False, False, True]
    assert not heard.side.take_unread(b"raw", Glance(sight=Sight.RESULT, id=1))
    assert not heard.side.take_unread(b"raw", Glance(sight=Sight.OTHER))
