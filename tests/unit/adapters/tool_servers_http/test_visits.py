"""The visits to one server. What is kept of them, and for how long, stands in `test_server.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any, Literal

import anyio
import pytest

from mediator.adapters.tool_servers_http.visits import Visits
from mediator.evidence import Secret
from mediator.mediation.freshness import Freshness
from mediator.mediation.instances import InstanceRule
from mediator.refusal import Refused
from mediator.wire.methods import Era
from tests.promises import promise
from tests.simulated.http_calls import CallingSide, calling_side
from tests.simulated.permits import RecordingWatch, a_permit, pass_fence
from tests.simulated.tool_server import tool


async def nothing() -> Secret | None:
    return None


class Known:
    """The visits to a simulated server, and what the watches were told."""

    def __init__(self, side: CallingSide, era: Era | None = None) -> None:
        self.side, self.watch, self.seconds = side, RecordingWatch(), 0.0
        self.updates: list[tuple[str, str, str | None]] = []
        self.visits = Visits(
            "clock",
            side.voice,
            watch=self.watch,
            updates=self,
            fence=pass_fence,
            configured_era=era,
            rule=InstanceRule.TASK,
            own_credential=nothing,
            fresh=partial(Freshness, 60, lambda: self.seconds),
        )

    def updated(self, server: str, uri: str, task: str | None) -> None:
        self.updates.append((server, uri, task))

    async def enter(self, token: str | None = None, made_for: str | None = None, **fields: Any) -> Any:
        with anyio.fail_after(5):
            return await self.visits.enter(a_permit(**fields), None if token is None else Secret(token), made_for)


@pytest.fixture(params=["modern", "legacy"])
async def known(request: pytest.FixtureRequest) -> AsyncIterator[Known]:
    era: Literal["modern", "legacy"] = request.param
    async with calling_side(era) as side:
        known = Known(side)
        yield known
        await known.visits.aclose()


@promise("P5")
async def test_a_visit_is_a_tasks_and_a_credentials(known: Known) -> None:
    """Ours: and the same as long as it lasts."""
    first = await known.enter(task="a")
    assert await known.enter(task="a") is first
    assert await known.enter(task="b") is not first
    assert await known.enter("t", task="a") is not first
    assert known.visits.era is (Era.MODERN if first.session_id is None else Era.LEGACY)


@promise("P5")
async def test_a_credential_that_is_made_anew_for_the_same_grant_goes_on_in_the_same_visit(known: Known) -> None:
    """Ours: a session outlives the minutes of a token, and a session of one grant is no other's."""
    first = await known.enter("one", made_for="a", task="a")
    assert await known.enter("two", made_for="a", task="a") is first
    assert first.credential.reveal() == "two"
    assert await known.enter("two", made_for="b", task="a") is not first


@promise("P3")
async def test_a_change_that_is_told_makes_the_offer_be_compared_before_the_next_call(known: Known) -> None:
    """Ours: whatever stream it is told on."""
    visit = await known.enter()
    seen = len(known.watch.seen)
    await known.enter()
    assert len(known.watch.seen) == seen
    visit.changed()
    known.side.server.tools = [tool("echo"), tool("new")]
    await known.enter()
    assert known.watch.seen[seen:] == [("clock", [tool("echo"), tool("new")])]


async def test_pins_that_changed_and_time_that_passed_make_it_be_compared_too(known: Known) -> None:
    """Ours: `freshness_seconds`."""
    await known.enter()
    seen = len(known.watch.seen)
    known.visits.pins_changed()
    await known.enter()
    known.seconds += 61
    await known.enter()
    assert len(known.watch.seen) == seen + 2


async def test_what_is_updated_is_told_with_its_task(known: Known) -> None:
    """Ours: a session or a stream is one task's."""
    (await known.enter(task="a")).updated("x://a")
    assert known.updates == [("clock", "x://a", "a")]


async def test_a_visit_that_is_lost_is_forgotten_and_another_begins(known: Known) -> None:
    """Ours."""
    first = await known.enter()
    known.visits.lost(first)
    assert await known.enter() is not first
    assert known.watch.forgotten == known.watch.connections[:1]


async def test_what_ends_with_its_task_ends_what_stood_there(known: Known) -> None:
    """Ours: nothing outlives it."""

    class Standing:
        is_ended = False

        async def opened(self) -> None:
            raise AssertionError

        def end(self) -> None:
            self.is_ended = True

    visit = await known.enter(task="a")
    visit.standing = Standing()
    await known.visits.end_task("a")
    assert visit.standing.is_ended


async def test_a_server_that_is_no_longer_of_its_era_is_found_out_again() -> None:
    """Ours: the offer cannot be read; the next call asks anew."""
    async with calling_side("modern") as side:
        known = Known(side)
        await known.enter(task="a")
        side.server.script.era = "legacy"
        known.seconds += 61
        with pytest.raises(Refused):
            await known.enter(task="a")
        assert known.visits.era is None
        visit = await known.enter(task="a")
        assert visit.session_id is not None
        await known.visits.aclose()


async def test_the_mediators_own_look_is_taken_when_it_is_due(known: Known) -> None:
    """Ours."""
    for seconds, seen in ((0, 1), (1, 1), (61, 2)):
        known.seconds = seconds
        await known.visits.look_again()
        assert len(known.watch.seen) == seen


# --- a server that speaks both eras ------------------------------------------------------------------------------------


@pytest.fixture
async def both() -> AsyncIterator[Known]:
    async with calling_side("both") as side:
        known = Known(side)
        yield known
        await known.visits.aclose()


def asked(known: Known, method: str) -> int:
    return sum(one.method == method for one in known.side.server.arrived)


@promise("P11")
async def test_each_agent_is_served_in_its_own_era_where_the_offer_is_the_same(both: Known) -> None:
    """Issue 4: the straight ways, so that nothing is lost between two eras; and no note is taken of the comparison."""
    modern = await both.enter(task="a")
    legacy = await both.enter(task="a", era="legacy")
    assert (modern.session_id, legacy.tongue.era) == (None, Era.LEGACY)
    assert await both.enter(task="a", era="legacy") is legacy
    assert len(both.watch.asked) == 1
    assert len(both.watch.seen) == 1
    assert both.visits.era is Era.MODERN


@promise("P2", "P3")
async def test_an_older_era_with_another_offer_is_not_used_and_quarantines_nothing(both: Known) -> None:
    """P2: what is not exactly as pinned is called by nobody; an era leaves members out that the other has."""
    both.watch.agreeing = False
    first = await both.enter(task="a", era="legacy")
    assert first.session_id is None
    await both.enter(task="b", era="legacy")
    assert asked(both, "initialize") == 1
    both.watch.agreeing = True
    assert (await both.enter(task="c", era="legacy")).tongue.era is Era.MODERN
    both.visits.pins_changed()
    assert (await both.enter(task="d", era="legacy")).tongue.era is Era.LEGACY


@promise("P3")
async def test_a_session_whose_offer_moves_is_left_for_the_era_that_is_held_to_the_pins(both: Known) -> None:
    """P3: compared again whenever that is due."""
    legacy = await both.enter(task="a", era="legacy")
    both.seconds = 61
    assert await both.enter(task="a", era="legacy") is legacy
    both.seconds, both.watch.agreeing = 122, False
    left = await both.enter(task="a", era="legacy")
    assert left.tongue.era is Era.MODERN
    assert both.watch.seen != []


async def test_a_server_of_the_modern_era_alone_is_asked_once_for_the_older_one() -> None:
    """Ours: it has none; nothing more is tried."""
    async with calling_side("modern") as side:
        known = Known(side)
        for task in ("a", "b"):
            assert (await known.enter(task=task, era="legacy")).tongue.era is Era.MODERN
        assert asked(known, "initialize") == 1
        await known.visits.aclose()


async def test_an_era_that_was_configured_is_the_only_one() -> None:
    """Ours: what an operator wrote."""
    async with calling_side("both") as side:
        known = Known(side, Era.MODERN)
        assert (await known.enter(era="legacy")).tongue.era is Era.MODERN
        assert asked(known, "initialize") == 0
        await known.visits.aclose()
