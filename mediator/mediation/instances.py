"""Instances: whose process or session at a tool server serves a call; begun once, ended with its task.

What a tool server sends of itself carries nothing that ties it to a call, and what it keeps it keeps for whoever comes
next: so by default nothing is shared between tasks. This module starts nothing itself; adapters say how.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Final, Generic, TypeVar

import anyio

from mediator.mediation.permit import Permit
from mediator.refusal import Reason, Refused

T = TypeVar("T")


@unique
class InstanceRule(StrEnum):
    """Between whom one instance may be shared."""

    TASK = "task"
    AGENT = "agent"
    SHARED = "shared"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Whose an instance is: a task's (of which each grant has its own), an agent's, or everybody's."""

    rule: InstanceRule
    name: str
    grant: str = ""


def holder_of(rule: InstanceRule, permit: Permit) -> Holder:
    """Return whose instance serves this call; what is not declared stateless is never everybody's."""
    if rule is InstanceRule.AGENT:
        return Holder(rule=rule, name=permit.agent)
    if rule is InstanceRule.SHARED and permit.item.stateless:
        return Holder(rule=rule, name="")
    # Of whoever works in one task, each has a grant: what a server says of itself is told to no other agent.
    return Holder(rule=InstanceRule.TASK, name=permit.task, grant=permit.grant)


@dataclass(slots=True, eq=False)
class _Slot(Generic[T]):
    """The place of one instance: begun under the lock, and not begun again once it is spent."""

    lock: anyio.Lock = field(default_factory=anyio.Lock)
    instance: T | None = None
    is_spent: bool = False

    def usable(self) -> T | None:
        """Return the instance, if it is there and was not ended."""
        return None if self.is_spent else self.instance

    def is_untouched(self) -> bool:
        """Tell whether nobody has begun it yet, and it may be."""
        return self.instance is None and not self.is_spent


class Instances(Generic[T]):
    """The instances of one tool server, at most one for each holder and credential."""

    def __init__(self, *, instances_max: int, end: Callable[[T], Coroutine[object, None, None]]) -> None:
        self._instances_max: Final = instances_max
        self._end: Final = end
        self._slots: dict[tuple[Holder, str], _Slot[T]] = {}

    async def enter(
        self, holder: Holder, credential: str, *, check: Callable[[], None], begin: Callable[[], Awaitable[T]]
    ) -> T:
        """Return the holder's instance, begun now if there is none.

        `check` is called before anything is begun, in the same loop turn: what it refuses (an ended task) is not begun.
        Raises `Refused(OVERLOADED)` when there are too many, and what `check` and `begin` raise.
        """
        while True:
            slot = self._slot(holder, credential, check)
            if (instance := slot.usable()) is not None:
                return instance
            async with slot.lock:
                if slot.is_untouched():
                    await self._begin(slot, begin)
            if (instance := slot.usable()) is not None:
                return instance

    def forget(self, instance: T) -> None:
        """Let the next call begin a new instance: this one is gone, or of no more use."""
        for key, slot in tuple(self._slots.items()):
            if slot.instance is instance:
                self._spend(key, slot)

    async def end_task(self, task: str) -> None:
        """End what this task has, and what is being begun for it as soon as it was."""
        mine = [key for key in self._slots if (key[0].rule, key[0].name) == (InstanceRule.TASK, task)]
        await self._end_all(mine)

    async def end_grants(self, grant_ids: Collection[str]) -> None:
        """End what these grants have, likewise."""
        await self._end_all([key for key in self._slots if key[0].grant in grant_ids])

    async def end_all(self) -> None:
        """End everything."""
        await self._end_all(list(self._slots))

    def _slot(self, holder: Holder, credential: str, check: Callable[[], None]) -> _Slot[T]:
        key = (holder, credential)
        if (slot := self._slots.get(key)) is not None:
            return slot
        check()
        if len(self._slots) >= self._instances_max:
            raise Refused(Reason.OVERLOADED, f"{self._instances_max} instances of this tool server")
        self._slots[key] = slot = _Slot()
        return slot

    async def _begin(self, slot: _Slot[T], begin: Callable[[], Awaitable[T]]) -> None:
        try:
            instance = await begin()
        except BaseException:
            for key, other in tuple(self._slots.items()):
                if other is slot:
                    self._spend(key, slot)
            raise
        if slot.is_spent:  # its task ended while it began
            await self._end(instance)
        else:
            slot.instance = instance

    def _spend(self, key: tuple[Holder, str], slot: _Slot[T]) -> None:
        slot.is_spent = True
        del self._slots[key]

    async def _end_all(self, keys: list[tuple[Holder, str]]) -> None:
        ended = [(key, self._slots[key]) for key in keys]
        for key, slot in ended:
            self._spend(key, slot)
        async with anyio.create_task_group() as ending:
            for _, slot in ended:
                if slot.instance is not None:
                    ending.start_soon(self._end, slot.instance)
