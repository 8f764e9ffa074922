"""One request, what is said beside its answer, and the answer.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final

import pytest

from mediator.adapters.tool_servers_stdio.exchange import Asked, Exchange
from mediator.adapters.tool_servers_stdio.limits import StdioLimits
from mediator.inspection.result import Ask
from mediator.refusal import Reason, Refused
from mediator.wire.hearing import Answer
from mediator.wire.jsonrpc import Notification
from mediator.wire.methods import AskMethod

LIMITS: Final = StdioLimits(untold_max=3, untold_bytes_max=100, asks_max=1)
WORD: Final = Notification(method="x", params={})
ASKED: Final = Asked(id="q", ask=Ask(method=AskMethod.ROOTS, params={}, size_bytes=1))
ANSWER: Final = Answer(result={}, error=None, size_bytes=10)


class Rooms(list[Exchange]):
    """Each time that there was room again."""


def an_exchange(rooms: Rooms | None = None) -> Exchange:
    return Exchange(1, 10, LIMITS, (Rooms() if rooms is None else rooms).append, is_call=True)


@pytest.mark.parametrize("sizes", [(1, 1, 1), (99, 1), (100,)])
async def test_it_is_full_by_number_and_by_size_and_has_room_when_all_is_read(sizes: tuple[int, ...]) -> None:
    """Ours: back-pressure is lifted once, not word by word."""
    rooms = Rooms()
    exchange = an_exchange(rooms)
    for _ in range(3):
        for size in sizes:
            assert not exchange.is_full
            assert exchange.say(WORD, size)
        assert exchange.is_full
        for _ in sizes:
            assert rooms == []
            assert await exchange.next() is WORD
        assert rooms == [exchange]
        rooms.clear()


async def test_the_answer_comes_last_and_the_first_stands() -> None:
    """Ours."""
    exchange = an_exchange()
    exchange.say(WORD, 1)
    exchange.end(ANSWER)
    exchange.end(Refused(Reason.TOOL_SERVER_UNAVAILABLE))
    assert [await exchange.next(), await exchange.next(), await exchange.next()] == [WORD, ANSWER, ANSWER]


async def test_each_that_waits_for_what_failed_gets_a_refusal_of_its_own() -> None:
    """Ours: an exception that is raised twice carries two traces."""
    exchange = an_exchange()
    exchange.end(Answer(result={}, error=None, size_bytes=11))
    raised = []
    for _ in range(2):
        with pytest.raises(Refused) as caught:
            await exchange.next()
        raised.append(caught.value)
    assert [one.reason for one in raised] == [Reason.RESULT_TOO_LARGE] * 2
    assert raised[0] is not raised[1]


async def test_one_question_more_than_may_wait_is_not_kept() -> None:
    """Ours."""
    exchange = an_exchange()
    assert exchange.say(ASKED, 1)
    assert not exchange.say(ASKED, 1)
    assert await exchange.next() is ASKED
    assert exchange.say(ASKED, 1)
    exchange.held = ASKED
    assert exchange.take_asks() == [ASKED, ASKED]
    assert exchange.take_asks() == []
    assert exchange.say(ASKED, 1)
