"""Keys that others publish: looked at in time, learnt once, kept for a while, and put in force or not at all.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass, field

import anyio
import anyio.lowlevel
import pytest

from mediator.adapters.trust_held import HeldTrust
from mediator.assembly.published_keys import PublishedKeys, publications, put_keys
from mediator.canonical import Json, JsonObject
from mediator.identity.dsse import SigningKey
from mediator.identity.keys import KeySet, key_set
from mediator.refusal import Reason, Refused
from mediator.settings.issuers import IssuerSettings
from mediator.settings.sections import Settings
from tests.promises import promise
from tests.simulated.clock import FixedClock
from tests.simulated.forged_tokens import ISSUER, KEY, NOW_MS, jwk_of
from tests.simulated.judged import a_snapshot
from tests.simulated.memory import MemoryStore

IDP = IssuerSettings(name="idp", issuer=ISSUER, keys_url="https://idp.example/jwks", max_age_seconds=600)
OTHER = SigningKey.generate()


@dataclass(slots=True)
class SimulatedPublication:
    """Publishes these, or is down; waits while it is held."""

    keys: list[Json] = field(default_factory=lambda: [jwk_of(KEY)])
    is_down: bool = False
    fetches: int = 0
    seconds: list[float] = field(default_factory=list)
    held: anyio.Event | None = None

    async def fetch(self, seconds: float) -> JsonObject:
        self.fetches += 1
        self.seconds.append(seconds)
        if self.held is not None:
            await self.held.wait()
        await anyio.lowlevel.checkpoint()
        if self.is_down:
            raise Refused(Reason.SNAPSHOT_TOO_OLD, "it is down")
        return {"keys": self.keys}


@dataclass(slots=True)
class Looked:
    """Published keys, and whatever became of them."""

    publication: SimulatedPublication
    clock: FixedClock
    alarms: list[str]
    moved: list[JsonObject]
    published: PublishedKeys

    @property
    def key_ids(self) -> list[Json]:
        keys = self.published.keys()[ISSUER]
        forms = [] if keys is None else keys["keys"]
        assert isinstance(forms, list)
        return [form["kid"] for form in forms if isinstance(form, dict)]


@pytest.fixture
async def looked() -> Looked:
    publication, clock, alarms, moved = SimulatedPublication(), FixedClock(NOW_MS), list[str](), list[JsonObject]()
    published = PublishedKeys({IDP: publication}, clock, alarms.append, rest_seconds=0.01)
    published.moved = moved.append
    await published.look()
    return Looked(publication, clock, alarms, moved, published)


async def test_keys_are_looked_at_before_they_are_old(looked: Looked) -> None:
    """The issue: in the background; the same keys move nothing."""
    assert looked.key_ids == [KEY.public.keyid]
    await looked.published.look()
    looked.clock.advance(ms=200_000)
    looked.publication.keys = [jwk_of(KEY, x5c=["AAAA"])]
    await looked.published.look()
    assert (looked.publication.fetches, len(looked.moved), looked.alarms) == (2, 1, [])
    looked.publication.keys = [jwk_of(OTHER)]
    looked.clock.advance(ms=200_000)
    await looked.published.look()
    assert looked.key_ids == [OTHER.public.keyid]
    assert [one["key_ids"] for one in looked.moved] == [[KEY.public.keyid], [OTHER.public.keyid]]


@promise("P7")
async def test_who_is_down_is_believed_for_its_time(looked: Looked) -> None:
    """The issue; the operator is told once that it is down, and once that nobody is believed."""
    looked.publication.is_down = True
    for ms in (200_000, 15_000, 384_999):
        looked.clock.advance(ms=ms)
        await looked.published.look()
    assert (looked.key_ids, looked.publication.fetches, len(looked.alarms)) == ([KEY.public.keyid], 4, 1)
    assert looked.publication.seconds[-1] == 10.0  # nothing is left to wait for: as at the start
    looked.clock.advance(ms=1)
    await looked.published.look()
    assert (looked.key_ids, len(looked.alarms)) == ([], 2)
    assert looked.moved[-1] == {"issuer": ISSUER, "keys": None, "key_ids": []}
    looked.publication.is_down = False
    looked.clock.advance(ms=15_000)
    await looked.published.look()
    assert looked.key_ids == [KEY.public.keyid]


@promise("P7")
@pytest.mark.parametrize("keys", [[jwk_of(KEY, d="AAAA")], [jwk_of(KEY), jwk_of(KEY)], ["x"], [jwk_of(KEY, x="AA")]])
async def test_a_set_that_is_broken_is_no_word_of_its_issuer(looked: Looked, keys: list[Json]) -> None:
    """Ours: as if it were down; the last good one holds for its time."""
    looked.publication.keys = keys
    looked.clock.advance(ms=200_000)
    await looked.published.look()
    assert (looked.key_ids, len(looked.alarms)) == ([KEY.public.keyid], 1)


@promise("P7")
@pytest.mark.parametrize("keys", [[], [jwk_of(KEY, use="enc")]])
async def test_a_set_without_a_key_that_signs_takes_all_of_them_away(looked: Looked, keys: list[Json]) -> None:
    """Ours: it was published so, and holds at once."""
    looked.publication.keys = keys
    looked.clock.advance(ms=200_000)
    await looked.published.look()
    assert (looked.key_ids, looked.alarms) == ([], [])


@promise("P7")
async def test_a_key_is_learnt_by_one_look_for_all_who_wait(looked: Looked) -> None:
    """The issue: refreshed once and rate-limited."""
    learnt: list[bool] = []

    async def learn() -> None:
        learnt.append(await looked.published.learn(ISSUER))

    looked.publication.keys = [jwk_of(KEY), jwk_of(OTHER)]
    async with anyio.create_task_group() as callers:
        for _ in range(20):
            callers.start_soon(learn)
    assert (learnt, looked.publication.fetches) == ([True] * 20, 2)
    assert not await looked.published.learn(ISSUER)
    assert not await looked.published.learn("https://stranger.example")
    assert looked.publication.fetches == 3


@promise("P12")
async def test_strangers_bring_about_no_more_looks_than_rest_allows() -> None:
    """Ours: nor does more than a bounded crowd wait for one."""
    publication = SimulatedPublication(held=anyio.Event())
    published = PublishedKeys({IDP: publication}, FixedClock(NOW_MS), print)
    waiting: list[bool] = []

    async def learn() -> None:
        waiting.append(await published.learn(ISSUER))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as strangers:
            for _ in range(300):
                strangers.start_soon(learn)
            await anyio.wait_all_tasks_blocked()
            assert (waiting, publication.fetches) == ([False] * 44, 1)
            assert publication.held is not None
            publication.held.set()
    assert publication.fetches == 1
    with anyio.move_on_after(0.05):  # the rest is longer
        await published.learn(ISSUER)
    assert publication.fetches == 1


@dataclass(slots=True)
class Two:
    """Two issuers: `slow` answers nobody from now on, `other` is as it was."""

    slow: SimulatedPublication
    other: SimulatedPublication
    clock: FixedClock
    published: PublishedKeys


@pytest.fixture
async def two() -> Two:
    slow, other, clock = SimulatedPublication(), SimulatedPublication(), FixedClock(NOW_MS)
    settings = IDP.model_copy(update={"name": "other", "issuer": "https://other.example"})
    published = PublishedKeys({IDP: slow, settings: other}, clock, print, rest_seconds=0.01)
    await published.look()
    slow.held = anyio.Event()
    return Two(slow, other, clock, published)


@promise("P7", "P11")
async def test_a_crowd_that_waits_for_one_issuer_keeps_nobody_from_another(two: Two) -> None:
    """Ours: what makes it wait needs no key; and the other's key is learnt all the same."""
    two.other.keys = [jwk_of(OTHER)]
    with anyio.fail_after(5):
        async with anyio.create_task_group() as crowd:
            for _ in range(300):
                crowd.start_soon(two.published.learn, ISSUER)
            await anyio.wait_all_tasks_blocked()
            assert await two.published.learn("https://other.example")
            crowd.cancel_scope.cancel()


@promise("P7", "P11")
async def test_an_issuer_that_answers_nobody_keeps_no_other_believed_beyond_its_time(two: Two) -> None:
    """The issue: within a stated age, whoever else is looked at meanwhile; and it is looked at once at a time."""
    two.other.is_down = True
    two.clock.advance(ms=300_000)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as keeping:
            keeping.start_soon(two.published.keep_on, 0.001)
            while two.slow.fetches < 2 or two.other.fetches < 2:
                await anyio.lowlevel.checkpoint()
            await anyio.wait_all_tasks_blocked()
            assert two.published.keys()["https://other.example"] is not None
            two.clock.advance(ms=300_000)
            while two.published.keys()["https://other.example"] is not None:
                await anyio.lowlevel.checkpoint()
            assert two.slow.fetches == 2
            keeping.cancel_scope.cancel()


@promise("P7")
async def test_keys_that_could_not_be_put_in_force_are_put_again(looked: Looked) -> None:
    """Ours: and the operator is told."""

    def refuse(_form: JsonObject) -> None:
        raise Refused(Reason.STORE_UNAVAILABLE, "not now")

    looked.published.moved = refuse
    looked.publication.keys = [jwk_of(OTHER)]
    assert await looked.published.learn(ISSUER)
    assert (looked.key_ids, len(looked.alarms)) == ([], 1)
    looked.published.moved = looked.moved.append
    looked.clock.advance(ms=15_000)
    await looked.published.look()
    assert looked.key_ids == [OTHER.public.keyid]


async def test_it_looks_until_it_is_cancelled(looked: Looked) -> None:
    """Ours; where nobody publishes, there is nothing to look at."""
    looked.clock.advance(ms=200_000)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as keeping:
            keeping.start_soon(looked.published.keep_on, 0.001)
            while looked.publication.fetches < 2:
                await anyio.lowlevel.checkpoint()
            keeping.cancel_scope.cancel()
        await PublishedKeys({}, looked.clock, print).keep_on()


@promise("P7")
def test_what_was_taken_out_is_out_though_nothing_else_can_be_read() -> None:
    """P7: else a key that was withdrawn would go on verifying."""
    store = MemoryStore()
    trust = HeldTrust(a_snapshot(), store.move_epoch, book=store)
    epoch = store.epoch()
    notes: list[JsonObject] = []

    def unreadable() -> KeySet:
        raise Refused(Reason.MALFORMED, "a file of keys")

    with pytest.raises(Refused):
        put_keys(trust, unreadable, notes.append, {"issuer": ISSUER})
    assert trust.snapshot().keys.issuers[ISSUER].keys == {}
    assert (store.epoch() > epoch, notes) == (True, [])
    new = key_set({ISSUER: ({"keys": [jwk_of(OTHER)]}, ("EdDSA",))})
    put_keys(trust, lambda: new, notes.append, {"issuer": ISSUER})
    assert (trust.snapshot().keys, notes) == (new, [{"issuer": ISSUER}])


def test_keys_are_fetched_from_where_the_settings_say() -> None:
    """Ours."""
    by_file = IssuerSettings(name="x", issuer="https://x", keys_file="k.json")
    found = publications(Settings().model_copy(update={"issuers": (IDP, by_file)}))
    assert [one.name for one in found] == ["idp"]
