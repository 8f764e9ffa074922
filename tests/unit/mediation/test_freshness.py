"""Freshness: until when an offer counts as compared, and that it is compared once.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest

from mediator.manifest.offer import Offer
from mediator.mediation.freshness import SHORTEST_SECONDS, Freshness
from mediator.refusal import Reason, Refused
from tests.promises import promise


class Looking:
    """A connection that is looked at, under a clock that a test moves."""

    def __init__(self, seconds: float = 60) -> None:
        self.at = 1000.0
        self.looks = 0
        self.ttl_ms: int | None = None
        self.meanwhile: Callable[[], None] = lambda: None
        self.failure: Refused | None = None
        self.freshness = Freshness(seconds, lambda: self.at)

    async def compare(self) -> Offer:
        self.looks += 1
        await anyio.lowlevel.checkpoint()
        self.meanwhile()
        if self.failure is not None:
            raise self.failure
        return Offer(tools=(), ttl_ms=self.ttl_ms)

    async def call(self) -> int:
        """Do as a call does; return how often was looked until now."""
        if self.freshness.is_due():
            await self.freshness.ensure(self.compare)
        return self.looks

    async def later(self, seconds: float) -> int:
        self.at += seconds
        return await self.call()


async def test_it_is_due_at_the_beginning_and_when_the_time_runs_out() -> None:
    """The issue: the settings' interval, from the moment at which the reading began."""
    looking = Looking(seconds=60)
    assert [await looking.later(seconds) for seconds in (0, 0, 59, 1, 59, 1)] == [1, 1, 1, 2, 2, 3]


@pytest.mark.parametrize(("ttl_ms", "seconds"), [(5000, 5), (90_000, 60), (1, SHORTEST_SECONDS), (None, 60)])
async def test_a_server_may_give_its_lists_less_time_and_never_more(ttl_ms: int | None, seconds: float) -> None:
    """The issue: `ttlMs`; and ours: not so little that each call reads whole lists."""
    looking = Looking(seconds=60)
    looking.ttl_ms = ttl_ms
    assert await looking.call() == 1
    assert await looking.later(seconds - 0.5) == 1
    assert await looking.later(0.5) == 2


@promise("P3")
async def test_a_change_that_is_told_makes_it_due() -> None:
    """The issue: `list_changed`."""
    looking = Looking()
    await looking.call()
    looking.freshness.changed()
    assert [await looking.call(), await looking.call()] == [2, 2]


async def test_calls_that_find_it_due_share_one_comparison() -> None:
    """The issue: concurrent calls share one check."""
    looking = Looking()
    async with anyio.create_task_group() as calling:
        for _ in range(10):
            calling.start_soon(looking.call)
    assert looking.looks == 1
    await looking.freshness.ensure(looking.compare)
    assert looking.looks == 1


@promise("P3", "P7")
async def test_a_change_while_the_lists_are_read_makes_them_be_read_again() -> None:
    """Ours: what was read may be older than the change."""
    looking = Looking()
    left = [2]

    def change() -> None:
        if left[0]:
            left[0] -= 1
            looking.freshness.changed()

    looking.meanwhile = change
    assert await looking.call() == 3
    assert not looking.freshness.is_due()


@promise("P7")
async def test_a_server_that_never_comes_to_rest_is_refused() -> None:
    """Ours (fail closed): no call rides on a comparison that is stale already."""
    looking = Looking()
    looking.meanwhile = looking.freshness.changed
    with pytest.raises(Refused) as caught:
        await looking.call()
    assert caught.value.reason is Reason.TOOL_SERVER_INVALID
    assert looking.freshness.is_due()


@promise("P7")
async def test_a_comparison_that_fails_leaves_it_due() -> None:
    """The issue: a failed check fails the call closed; the next one looks again."""
    looking = Looking()
    looking.failure = Refused(Reason.TOOL_SERVER_UNAVAILABLE, "down")
    with pytest.raises(Refused):
        await looking.call()
    looking.failure = None
    assert await looking.call() == 2


def test_what_was_read_before_a_change_does_not_settle_it() -> None:
    """Ours."""
    looking = Looking()
    mark = looking.freshness.mark()
    looking.freshness.changed()
    looking.freshness.settle(mark, None)
    assert looking.freshness.is_due()
    looking.freshness.settle(looking.freshness.mark(), None)
    assert not looking.freshness.is_due()
