"""Instances: whose process or session serves a call.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import anyio
import pytest

from mediator.mediation.instances import Holder, InstanceRule, Instances, holder_of
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.permits import a_permit

A: Final = Holder(rule=InstanceRule.TASK, name="a")
B: Final = Holder(rule=InstanceRule.TASK, name="b")


@pytest.mark.parametrize(
    ("rule", "stateless", "holder"),
    [
        (InstanceRule.TASK, True, Holder(rule=InstanceRule.TASK, name="t", grant="t")),
        (InstanceRule.AGENT, True, Holder(rule=InstanceRule.AGENT, name="planner")),
        (InstanceRule.SHARED, True, Holder(rule=InstanceRule.SHARED, name="")),
        (InstanceRule.SHARED, False, Holder(rule=InstanceRule.TASK, name="t", grant="t")),
    ],
)
def test_an_instance_is_its_tasks_unless_the_settings_and_the_manifest_say_more(
    rule: InstanceRule, stateless: bool, holder: Holder
) -> None:
    """Design 5.3: `shared` only where the manifest says `stateless`."""
    assert holder_of(rule, a_permit(task="t", agent="planner", stateless=stateless)) == holder


@dataclass
class House:
    """Instances that are numbers, begun as slowly as a test wants."""

    instances_max: int = 10
    begun: int = 0
    ended: list[int] = field(default_factory=list)
    may_begin: anyio.Event | None = None
    fails: Exception | None = None
    refuses: Refused | None = None

    def __post_init__(self) -> None:
        self.instances: Instances[int] = Instances(instances_max=self.instances_max, end=self.end)

    async def begin(self) -> int:
        self.begun += 1
        number = self.begun
        if self.may_begin is not None:
            await self.may_begin.wait()
        if self.fails is not None:
            raise self.fails
        return number * 1000

    async def end(self, instance: int) -> None:
        self.ended.append(instance)

    def check(self) -> None:
        if self.refuses is not None:
            raise self.refuses

    async def enter(self, holder: Holder = A, credential: str = "") -> int:
        with anyio.fail_after(5):
            return await self.instances.enter(holder, credential, check=self.check, begin=self.begin)


async def test_an_instance_is_begun_once_for_each_holder_and_credential() -> None:
    """Ours."""
    house = House()
    assert [await house.enter(), await house.enter(), await house.enter(B)] == [1000, 1000, 2000]
    assert await house.enter(A, "token") == 3000


async def test_those_who_come_while_it_begins_wait_for_it() -> None:
    """Ours: one process, not two."""
    house = House(may_begin=anyio.Event())
    entered: list[int] = []

    async def enter() -> None:
        entered.append(await house.enter())

    async with anyio.create_task_group() as entering:
        entering.start_soon(enter)
        entering.start_soon(enter)
        await anyio.wait_all_tasks_blocked()
        assert house.may_begin is not None
        house.may_begin.set()
    assert entered == [1000, 1000]
    assert house.begun == 1


@promise("P11")
async def test_one_that_could_not_begin_is_begun_anew_by_whoever_waits_or_comes_next() -> None:
    """Ours: a caller that hangs up, or a server that stumbles, costs nobody else."""
    house = House()
    await house.enter(B)
    house.may_begin, house.fails = anyio.Event(), ValueError("no")
    entered: list[int] = []

    async def fail() -> None:
        with pytest.raises(ValueError, match="no"):
            await house.enter()
        house.fails = None

    async def enter() -> None:
        entered.append(await house.enter())

    async with anyio.create_task_group() as entering:
        entering.start_soon(fail)
        await anyio.wait_all_tasks_blocked()
        entering.start_soon(enter)
        await anyio.wait_all_tasks_blocked()
        assert house.may_begin is not None
        house.may_begin.set()
    assert entered == [3000]
    assert await house.enter(B) == 1000


@promise("P7")
async def test_what_the_check_refuses_is_not_begun() -> None:
    """Ours: nothing is begun for a task that has ended."""
    house = House(refuses=Refused(Reason.TASK_COMPLETED))
    with pytest.raises(Refused) as caught:
        await house.enter()
    assert caught.value.reason is Reason.TASK_COMPLETED
    assert house.begun == 0


@promise("P7")
async def test_their_number_is_bounded() -> None:
    """Ours."""
    house = House(instances_max=1)
    await house.enter(A)
    with pytest.raises(Refused) as caught:
        await house.enter(B)
    assert caught.value.reason is Reason.OVERLOADED
    await house.instances.end_task("a")
    assert await house.enter(B) == 2000


async def test_a_holders_end_ends_all_of_its_own_and_nobody_elses() -> None:
    """Design 5.3."""
    house = House()
    for holder, credential in ((A, ""), (A, "token"), (B, "")):
        await house.enter(holder, credential)
    await house.instances.end_task("a")
    assert sorted(house.ended) == [1000, 2000]
    assert await house.enter(B) == 3000
    await house.instances.end_task("a")
    assert sorted(house.ended) == [1000, 2000]
    await house.instances.end_all()
    assert sorted(house.ended) == [1000, 2000, 3000]


async def test_one_that_is_forgotten_is_begun_anew_and_not_ended() -> None:
    """Ours: it has ended by itself."""
    house = House()
    first, _ = await house.enter(A), await house.enter(B)
    house.instances.forget(first)
    house.instances.forget(first)
    assert await house.enter(A) == 3000
    assert await house.enter(B) == 2000
    assert house.ended == []


@promise("P5", "P7")
async def test_one_whose_holder_ends_while_it_begins_is_ended_as_soon_as_it_has_begun() -> None:
    """Ours: whatever the order, nothing outlives its task; whoever waited is checked again."""
    house = House(may_begin=anyio.Event())
    reasons: list[Reason] = []

    async def enter() -> None:
        with pytest.raises(Refused) as caught:
            await house.enter()
        reasons.append(caught.value.reason)

    async with anyio.create_task_group() as entering:
        entering.start_soon(enter)
        entering.start_soon(enter)
        await anyio.wait_all_tasks_blocked()
        house.refuses = Refused(Reason.TASK_COMPLETED)
        await house.instances.end_task("a")
        assert house.may_begin is not None
        house.may_begin.set()

    assert reasons == [Reason.TASK_COMPLETED] * 2
    assert house.ended == [1000]
    assert house.begun == 1


async def test_one_that_fails_to_begin_after_its_holders_end_leaves_nothing() -> None:
    """Ours."""
    house = House(may_begin=anyio.Event(), fails=ValueError("no"))

    async def enter() -> None:
        with pytest.raises(ValueError, match="no"):
            await house.enter()

    async with anyio.create_task_group() as entering:
        entering.start_soon(enter)
        await anyio.wait_all_tasks_blocked()
        await house.instances.end_task("a")
        assert house.may_begin is not None
        house.may_begin.set()
    assert house.ended == []


@promise("P4", "P5")
async def test_each_grant_of_a_task_has_an_instance_of_its_own_and_it_ends_with_it() -> None:
    """Ours: what a server says of itself is told to no other agent of the task; with the task all of them end."""
    house = House()
    holders = [Holder(rule=InstanceRule.TASK, name="a", grant=grant) for grant in ("a", "below", "beside")]
    instances = [await house.instances.enter(one, "", check=lambda: None, begin=house.begin) for one in holders]
    assert len(set(instances)) == 3
    await house.instances.end_grants(["below"])
    assert house.ended == [instances[1]]
    await house.instances.end_task("a")
    assert sorted(house.ended) == sorted(instances)
