"""The fence: what concerns a permit stops it, what does not lets it go on, and an unmoved epoch costs one look.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

import pytest

from mediator.adapters.minter_jwt import jwk_set
from mediator.effect import Effect
from mediator.identity.keys import Retirement, key_set
from mediator.kind import ItemKind
from mediator.mediation.permit import Permit
from mediator.mediation.trust import TrustSnapshot
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.forged_tokens import KEY, jwk_of, trusting
from tests.simulated.memory import MemoryStore
from tests.simulated.pauses import Hook
from tests.simulated.people import key_of
from tests.simulated.world import (
    BASE_URL,
    DEFAULT_POLICIES,
    MAIL_SEND,
    WEATHER_READ,
    SimulatedTask,
    SimulatedWorld,
    owned,
    tools_call,
)


class Looked:
    """A world in which one call was made, its permit still in hand."""

    def __init__(self) -> None:
        self.world = SimulatedWorld()
        self.world.pin(WEATHER_READ, MAIL_SEND)
        self.task = self.world.open_task(tools="weather/*", idle_minutes=1)

    async def permit(self) -> Permit:
        await self.world.answer(tools_call("weather__read"), bearer=self.task.token)
        return self.world.tool_server.calls[-1].permit


@pytest.fixture
def looked() -> Looked:
    return Looked()


async def reason_of(looked: Looked, *changes: Hook) -> Reason:
    permit = await looked.permit()
    for change in changes:
        change()
    with pytest.raises(Refused) as stop:
        looked.world.fence(permit)
    return stop.value.reason


async def test_an_unmoved_epoch_passes_without_a_look(looked: Looked) -> None:
    """Design 5.6: one SELECT; nothing is gathered."""
    permit = await looked.permit()

    class Blind:
        def gather(self, _grant: str) -> NoReturn:
            raise AssertionError

    replace(looked.world.fence, circumstances=Blind())(permit)


@promise("P3", "P7")
async def test_a_quarantine_holds_where_the_store_could_not_move_the_epoch(looked: Looked) -> None:
    """Ours: a store that fails in that moment must not leave the fence open to what was already judged."""
    permit = await looked.permit()

    class Swapped:
        def snapshot(self) -> TrustSnapshot:
            judged = permit.committed.deliberation.snapshot
            return replace(judged, pins=judged.pins.without(frozenset({("weather", ItemKind.TOOL, "read")})))

    with pytest.raises(Refused) as stop:
        replace(looked.world.fence, trust=Swapped())(permit)
    assert stop.value.reason is Reason.UNKNOWN_TOOL


@promise("P1", "P7")
@pytest.mark.parametrize(
    "name", ["everything", "agent:planner", "owner:alice@example.com", "tool:weather/read", "server:weather"]
)
async def test_a_freeze_of_anything_of_this_call_stops_it(looked: Looked, name: str) -> None:
    """Design 4, the fence."""
    assert await reason_of(looked, lambda: looked.world.freeze(name)) is Reason.FROZEN


@promise("P4", "P7")
async def test_a_task_that_ended_stops_it_with_its_own_reason(looked: Looked) -> None:
    """Design 4, the fence."""
    assert await reason_of(looked, lambda: looked.world.revoke(looked.task)) is Reason.GRANT_REVOKED


async def test_a_completed_task_stops_it(looked: Looked) -> None:
    """Design 5.6: completing a task is revoking its root grant."""
    assert await reason_of(looked, lambda: looked.world.complete(looked.task)) is Reason.TASK_COMPLETED


@promise("P4")
async def test_a_task_whose_time_ran_out_stops_it(looked: Looked) -> None:
    """P4: a subscription is said again under a permit that is hours old; that a grant ran out moves nothing."""
    late: Hook = lambda: looked.world.clock.advance(minutes=15)  # noqa: E731 - a change like the others
    assert await reason_of(looked, late) is Reason.GRANT_EXPIRED


async def test_a_pin_whose_manifest_ran_out_stops_it() -> None:
    """Design 5.4."""
    looked = Looked()
    permit = await looked.permit()
    far = permit.item.expires - looked.world.clock.now_ms()
    grant = replace(looked.task.grant, expires_ms=permit.item.expires + 1)
    looked.world.store.grants[grant.id] = grant
    looked.world.store.move_epoch()
    looked.world.clock.advance(ms=far - 1)
    looked.world.fence(permit)
    looked.world.clock.advance(ms=1)
    with pytest.raises(Refused) as stop:
        looked.world.fence(permit)
    assert stop.value.reason is Reason.UNKNOWN_TOOL


@promise("P3", "P7")
async def test_a_quarantined_tool_stops_it(looked: Looked) -> None:
    """P3: drift that is found between decision and first byte."""
    assert await reason_of(looked, lambda: looked.world.quarantine("weather", "read")) is Reason.UNKNOWN_TOOL


@promise("P2", "P7")
async def test_a_tool_that_was_pinned_to_another_definition_stops_it(looked: Looked) -> None:
    """P2: what was judged is not what is pinned now."""
    assert await reason_of(looked, lambda: looked.world.pin(owned("weather/read", "town"))) is Reason.UNKNOWN_TOOL


@promise("P6", "P7")
async def test_a_tool_whose_pin_was_tightened_stops_it(looked: Looked) -> None:
    """Ours: the definition and the manifest are the same; the reviewer's word is another."""
    change: Hook = lambda: looked.world.tighten("weather", "read", Effect.EXEC)  # noqa: E731 - a change like the others
    assert await reason_of(looked, change) is Reason.TRY_AGAIN


@promise("P7")
async def test_other_policies_have_it_tried_again(looked: Looked) -> None:
    """Design 4, the fence: a new policy set is `TRY_AGAIN`."""
    other = {"one.cedar": "\n".join(DEFAULT_POLICIES.values())}
    assert await reason_of(looked, lambda: looked.world.activate(other)) is Reason.TRY_AGAIN


@promise("P7")
async def test_other_keys_have_it_tried_again(looked: Looked) -> None:
    """Ours: the key that vouched for the caller may be the one that is gone."""
    trust, keys = looked.world.trust, trusting(jwk_of(KEY), issuer=BASE_URL)
    swap: Hook = lambda: trust.renew(replace(trust.snapshot(), keys=keys))  # noqa: E731 - as above
    assert await reason_of(looked, swap) is Reason.TRY_AGAIN


def rotated(world: SimulatedWorld, *, retired_ms: int, until_ms: int) -> TrustSnapshot:
    """Return the trust once the issuer's key was retired, and a new one signs."""
    old = world.issuer_key.public
    keys = key_set(
        {BASE_URL: (jwk_set(key_of("issuer, the second").public, old), ("EdDSA",))},
        {BASE_URL: {old.keyid: Retirement(retired_ms=retired_ms, until_ms=until_ms)}},
    )
    return replace(world.trust.snapshot(), keys=keys)


async def test_a_rotation_of_the_issuer_s_key_lets_it_go_on(looked: Looked) -> None:
    """The issue: it refuses no valid token, so it breaks no call; nor does a later look when that key's time is over."""
    world, permit = looked.world, await looked.permit()
    now_ms = world.clock.now_ms()
    world.trust.renew(rotated(world, retired_ms=now_ms, until_ms=now_ms + 1_020_000))
    world.fence(permit)
    grant = replace(looked.task.grant, expires_ms=now_ms + 10_000_000)
    world.store.grants[grant.id] = grant
    world.clock.advance(ms=1_020_000)
    world.fence(permit)


@promise("P7")
@pytest.mark.parametrize(("before_ms", "life_ms"), [(60_000, 1_020_000), (0, 900_000)])
async def test_a_key_that_was_retired_before_it_can_have_vouched_stops_it(
    looked: Looked, before_ms: int, life_ms: int
) -> None:
    """Ours: what somebody signs with a retired key for longer than it was kept is no token of ours."""
    world, now_ms = looked.world, looked.world.clock.now_ms()
    retired_ms = now_ms - before_ms
    swap: Hook = lambda: world.trust.renew(  # noqa: E731 - a change like the others
        rotated(world, retired_ms=retired_ms, until_ms=retired_ms + life_ms)
    )
    assert await reason_of(looked, swap) is Reason.TRY_AGAIN


@promise("P7")
async def test_another_key_under_the_same_id_has_it_tried_again(looked: Looked) -> None:
    """Ours: the id is a look-up key and nothing else."""
    trust, kid = looked.world.trust, looked.world.issuer_key.public.keyid
    keys = trusting(jwk_of(KEY, kid=kid), issuer=BASE_URL)
    swap: Hook = lambda: trust.renew(replace(trust.snapshot(), keys=keys))  # noqa: E731 - as above
    assert await reason_of(looked, swap) is Reason.TRY_AGAIN


async def test_a_long_call_does_not_make_its_own_task_idle(looked: Looked) -> None:
    """Ours: a task that waits for its call is in use."""
    permit = await looked.permit()
    looked.world.clock.advance(minutes=2)
    looked.world.store.move_epoch()
    looked.world.fence(permit)


CHANGES: dict[str, Callable[[SimulatedWorld, SimulatedTask], None]] = {
    "another task": lambda world, other: world.revoke(other),
    "another tool": lambda world, _: world.quarantine("mail", "send"),
    "another agent": lambda world, _: world.freeze("agent:painter"),
    "the same policies again": lambda world, _: world.activate(),
    "a tool that is pinned beside it": lambda world, _: world.pin(owned("weather/forecast")),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_what_concerns_others_lets_it_go_on(looked: Looked, change: str) -> None:
    """Design 4, the fence."""
    world, permit = looked.world, await looked.permit()
    CHANGES[change](world, world.open_task(agent="painter"))
    world.fence(permit)


@promise("P7")
async def test_a_store_that_cannot_be_read_stops_it(looked: Looked) -> None:
    """Ours: a revocation that cannot be seen may be there."""
    permit = await looked.permit()

    class Gone(MemoryStore):
        def epoch(self) -> NoReturn:
            raise Refused(Reason.STORE_UNAVAILABLE, "locked")

    with pytest.raises(Refused) as stop:
        replace(looked.world.fence, claims=Gone())(permit)
    assert stop.value.reason is Reason.STORE_UNAVAILABLE
