"""The broker: what it keeps, for whom, and until when; who shares, and who waits for nobody.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import anyio
import pytest

from mediator.adapters.credentials_brokered.behalf import Behalf
from mediator.adapters.credentials_brokered.broker import BrokeredCredentials
from mediator.adapters.credentials_brokered.sources import Made
from mediator.evidence import Secret
from mediator.mediation.permit import Permit
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.clock import FixedClock
from tests.simulated.grants import a_grant
from tests.simulated.judged import chain_of
from tests.simulated.permits import a_permit


class KeptSource:
    """A source that counts, and that can be held up and made to fail."""

    def __init__(self, seconds: int = 300) -> None:
        self.seconds = seconds
        self.asked: list[Behalf | None] = []
        self.is_open = anyio.Event()
        self.is_open.set()
        self.came = anyio.Event()
        self.fails: Exception | None = None

    def hold(self) -> None:
        self.is_open = anyio.Event()

    async def make(self, behalf: Behalf | None, now_ms: int) -> Made:
        self.asked.append(behalf)
        number = len(self.asked)
        self.came.set()
        await self.is_open.wait()
        if self.fails is not None:
            raise self.fails
        return Made(token=Secret(f"t-{number}"), until_ms=now_ms + self.seconds * 1000)


class Side:
    """A broker over one source, a clock that stands still, and a fence that can be closed."""

    def __init__(self, seconds: int = 300) -> None:
        self.clock, self.source = FixedClock(), KeptSource(seconds)
        self.dead: set[str] = set()
        self.broker = BrokeredCredentials(self.clock, self.fence)
        self.broker.put({"clock": self.source})

    def fence(self, permit: Permit) -> None:
        if permit.task in self.dead:
            raise Refused(Reason.GRANT_REVOKED)

    async def token(self, permit: Permit | None = None, **fields: Any) -> str:
        with anyio.fail_after(5):
            credential = await self.broker.obtain(permit or a_permit(**fields))
        assert credential.bearer is not None
        return credential.bearer.reveal()

    async def refusal(self, **fields: Any) -> Reason:
        with pytest.raises(Refused) as refused:
            await self.token(**fields)
        return refused.value.reason


@pytest.fixture
def side() -> Side:
    return Side()


def delegated(*names: str) -> Permit:
    """Return a permit under a chain of these grants, the task first."""
    links = [a_grant(id=names[0], agent="assistant")]
    for parent, name in pairwise(names):
        links.append(a_grant(id=name, parent=parent, root=names[0], depth=len(links), agent="worker"))
    permit = a_permit(task=names[0])
    chain = chain_of(*links)
    object.__setattr__(permit.committed.deliberation, "chain", chain)
    return permit


@promise("P5")
async def test_a_credential_is_made_once_for_each_task_and_server(side: Side) -> None:
    """The issue: cached no longer than the task, and by server and grant."""
    other = KeptSource()
    side.broker.put({"clock": side.source, "files": other})
    assert [await side.token(task=task) for task in ("a", "b", "a")] == ["t-1", "t-2", "t-1"]
    assert await side.token(task="a", server="files") == "t-1"
    assert (len(side.source.asked), len(other.asked)) == (2, 1)
    credential = await side.broker.obtain(a_permit(task="a"))
    assert (credential.server, credential.made_for) == ("clock", "a")


@promise("P4", "P5")
async def test_two_links_of_one_task_have_credentials_of_their_own(side: Side) -> None:
    """Ours: `act` differs."""
    assert await side.token(delegated("task")) == "t-1"
    assert await side.token(delegated("task", "child")) == "t-2"
    assert [behalf and [link.id for link in behalf.links] for behalf in side.source.asked] == [
        ["task"],
        ["task", "child"],
    ]


@promise("P5")
@pytest.mark.parametrize(
    ("life_seconds", "good_seconds"),
    [(300, 270), (60, 30), (20, 10), (3600, 900)],
    ids=["less the margin", "half, where that is less", "half of a short one", "never beyond the grant's end"],
)
async def test_a_credential_is_kept_until_it_or_its_grant_ends(life_seconds: int, good_seconds: int) -> None:
    """P5: `a_grant` ends after 900 seconds."""
    side = Side(life_seconds)
    assert await side.token() == "t-1"
    side.clock.advance(ms=good_seconds * 1000 - 1)
    assert await side.token() == "t-1"
    side.clock.advance(ms=1)
    assert await side.token() == "t-2"


@promise("P5")
async def test_what_was_made_for_a_task_ends_with_it(side: Side) -> None:
    """P5: the other task's stays."""
    assert [await side.token(task=task) for task in ("a", "b")] == ["t-1", "t-2"]
    assert side.broker.tasks == {"a", "b"}
    side.broker.end_task("a")
    assert side.broker.tasks == {"b"}
    assert [await side.token(task=task) for task in ("b", "a")] == ["t-2", "t-3"]


@promise("P4", "P5")
async def test_what_was_made_under_a_revoked_grant_is_dropped_and_no_more(side: Side) -> None:
    """P5: any ancestor; a sibling's and the parent's stay."""
    chains = [("task",), ("task", "child"), ("task", "child", "leaf"), ("task", "sibling")]
    assert [await side.token(delegated(*chain)) for chain in chains] == ["t-1", "t-2", "t-3", "t-4"]
    side.broker.drop(["child"])
    assert [await side.token(delegated(*chain)) for chain in chains] == ["t-1", "t-5", "t-6", "t-4"]
    side.broker.drop([])
    assert await side.token(delegated("task")) == "t-1"


@promise("P5")
async def test_nothing_is_made_for_a_call_whose_trust_has_moved(side: Side) -> None:
    """Ours: the authorization server hears nothing of it."""
    side.dead.add("a")
    assert await side.refusal(task="a") is Reason.GRANT_REVOKED
    assert side.source.asked == []


@promise("P5")
async def test_what_comes_for_a_dead_task_is_given_to_nobody_and_not_kept(side: Side) -> None:
    """P5: revoked while the request was under way."""
    side.source.hold()
    reasons: list[Reason] = []
    async with anyio.create_task_group() as waiting:

        async def wait() -> None:
            reasons.append(await side.refusal(task="a"))

        waiting.start_soon(wait)
        await side.source.came.wait()
        assert side.broker.tasks == {"a"}
        side.dead.add("a")
        side.broker.end_task("a")
        assert side.broker.tasks == frozenset()
        side.source.is_open.set()
    assert reasons == [Reason.GRANT_REVOKED]
    assert side.broker.tasks == frozenset()


async def test_those_who_want_the_same_at_once_share_one_request(side: Side) -> None:
    """The issue: one request at a time for each."""
    side.source.hold()
    tokens: list[str] = []
    async with anyio.create_task_group() as waiting:

        async def wait() -> None:
            tokens.append(await side.token())

        for _ in range(5):
            waiting.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        side.source.is_open.set()
    assert tokens == ["t-1"] * 5
    assert len(side.source.asked) == 1


@promise("P7", "P11")
async def test_those_who_share_a_request_share_its_failure_and_the_next_one_asks_anew(side: Side) -> None:
    """P11: an authorization server that is down is not asked by each of them in turn."""
    side.source.hold()
    side.source.fails = Refused(Reason.TOOL_SERVER_UNAVAILABLE, "it is down")
    reasons: list[Reason] = []
    async with anyio.create_task_group() as waiting:

        async def wait() -> None:
            reasons.append(await side.refusal())

        for _ in range(3):
            waiting.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        side.source.is_open.set()
    assert reasons == [Reason.TOOL_SERVER_UNAVAILABLE] * 3
    assert len(side.source.asked) == 1
    side.source.fails = None
    assert await side.token() == "t-2"


@promise("P11")
async def test_who_hangs_up_does_so_for_nobody_else(side: Side) -> None:
    """The issue: whoever asks for all of them, the next asks where that one goes; never two at once."""
    side.source.hold()
    tokens: list[str] = []
    scopes = [anyio.CancelScope() for _ in range(3)]
    async with anyio.create_task_group() as waiting:

        async def wait(scope: anyio.CancelScope) -> None:
            with scope:
                tokens.append(await side.token())

        for scope in scopes:
            waiting.start_soon(wait, scope)
        await anyio.wait_all_tasks_blocked()
        scopes[1].cancel()  # who waits
        await anyio.wait_all_tasks_blocked()
        assert len(side.source.asked) == 1
        scopes[0].cancel()  # who asks
        await anyio.wait_all_tasks_blocked()
        assert len(side.source.asked) == 2
        side.source.is_open.set()
    assert tokens == ["t-2"]
    assert await side.token() == "t-2"


async def test_where_everybody_hangs_up_nothing_is_left(side: Side) -> None:
    """Ours: no errand that nobody waits for."""
    side.source.hold()
    with anyio.move_on_after(0):
        await side.token()
    assert side.broker.tasks == frozenset()
    side.source.is_open.set()
    assert await side.token() == f"t-{len(side.source.asked)}"


async def test_a_bug_of_a_source_is_no_refusal_and_blocks_nobody(side: Side) -> None:
    """House style 4: the spine tells the operator."""
    side.source.fails = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        await side.token()
    side.source.fails = None
    assert await side.token() == "t-2"


@promise("P5")
async def test_another_way_to_reach_a_server_has_credentials_of_its_own(side: Side) -> None:
    """Ours: a token was made for who was reached under that name before."""
    other = KeptSource()
    side.broker.put({"clock": side.source, "files": other})
    assert (await side.token(), await side.token(server="files")) == ("t-1", "t-1")
    side.broker.put({"clock": KeptSource(), "files": other})
    assert (await side.token(), await side.token(server="files")) == ("t-1", "t-1")
    assert (len(side.source.asked), len(other.asked)) == (1, 1)
    side.broker.put({})
    assert not side.broker.serves("clock")
    assert await side.refusal() is Reason.TOOL_SERVER_UNAVAILABLE


@promise("P5")
async def test_what_was_asked_for_another_way_is_given_to_nobody(side: Side) -> None:
    """Ours: renewed while the request was under way."""
    side.source.hold()
    reasons: list[Reason] = []
    async with anyio.create_task_group() as waiting:

        async def wait() -> None:
            reasons.append(await side.refusal())

        waiting.start_soon(wait)
        await side.source.came.wait()
        side.broker.put({"clock": KeptSource()})
        side.source.is_open.set()
    assert reasons == [Reason.TRY_AGAIN]
    assert side.broker.tasks == frozenset()


async def test_the_mediators_own_is_kept_as_well_and_belongs_to_no_task(side: Side) -> None:
    """Ours: what a server offers is compared again and again."""
    assert [(await side.broker.obtain_own("clock")).reveal() for _ in range(2)] == ["t-1", "t-1"]
    assert side.source.asked == [None]
    side.broker.end_task("task-1")
    side.broker.drop(["task-1"])
    assert (await side.broker.obtain_own("clock")).reveal() == "t-1"
    side.clock.advance(seconds=270)
    assert (await side.broker.obtain_own("clock")).reveal() == "t-2"
    assert side.broker.tasks == frozenset()


async def test_what_has_ended_is_not_kept_for_ever(side: Side) -> None:
    """Ours: a task that nobody ends leaves nothing behind once others come."""
    await side.token(task="a")
    side.clock.advance(seconds=280)
    await side.token(task="b")
    assert side.broker.tasks == {"b"}
