"""What every `Approvals` keeps: equal requests are one, so many of a task wait, and whoever waits is woken by the decision.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import anyio
import pytest

from mediator.adapters.store_sqlite.store import SqliteStore
from mediator.assembly.approvals import ApprovalDesk
from mediator.canonical import digest_of
from mediator.identity.statement import Act, Operator, Operators, Role, sign_statement
from mediator.mediation.approval_acts import approval_subject, denial_subject
from mediator.mediation.ports import Approvals
from mediator.mediation.record import Committed, committed
from tests.contracts.stores import sqlite_in
from tests.promises import promise
from tests.simulated.people import key_of
from tests.simulated.policies import FOR_BEARERS
from tests.simulated.world import BASE_URL, WEATHER_READ, SimulatedTask, SimulatedWorld, tools_call

BOB = "bob@example.com"
NEEDS_APPROVAL = """
@id("needs-approval") @reason("a person looks at the weather first")
forbid (principal, action == Mediator::Action::"weather/read", resource) unless { context has approval };
"""


class People(Protocol):
    """Who decides, in whichever way that is done there."""

    def approve(self, approval_id: str) -> None: ...
    def deny(self, approval_id: str) -> None: ...


class AtTheDesk:
    """Bob, by signed statements."""

    def __init__(self, desk: ApprovalDesk) -> None:
        self._desk = desk
        self._serial = 0

    def approve(self, approval_id: str) -> None:
        self._desk.decide(self._signed(Act.APPROVE, approval_id))

    def deny(self, approval_id: str) -> None:
        self._desk.decide(self._signed(Act.DENY, approval_id))

    def _signed(self, act: Act, approval_id: str) -> bytes:
        hashed, at = self._desk.find(approval_id).approval.request_hash, self._desk.clock.now_ms()
        self._serial += 1
        approves = act is Act.APPROVE
        subject = approval_subject(approval_id, hashed) if approves else denial_subject(approval_id, hashed, "")
        return sign_statement(key_of(BOB), act=act, subject=subject, who=BOB, at=at, serial=self._serial)


class Room:
    """One filling of the port, the people before it, and agents whose calls are denied for want of an approval."""

    def __init__(self, world: SimulatedWorld, store: SqliteStore | None) -> None:
        self._world, self._store = world, store
        self.approvals: Approvals = world.approvals
        self.people: People = world.approvals
        if store is not None:
            person = Operator(name=BOB, public=key_of(BOB).public, roles=frozenset({Role.OPERATOR}))
            desk = ApprovalDesk(
                minutes=15,
                operators=Operators(by_keyid={person.public.keyid: person}, digest=digest_of("people")),
                trust=world.trust,
                store=store,
                ledger=world.ledger,
                clock=world.clock,
                base_url=BASE_URL,
            )
            self.approvals, self.people = desk, AtTheDesk(desk)

    def open_task(self) -> SimulatedTask:
        task = self._world.open_task(tools="weather/*")
        if self._store is not None:
            self._store.open_grant(task.grant, b"statement of " + task.grant.id.encode())
        return task

    async def denied(self, task: SimulatedTask, city: str = "Oslo") -> Committed:
        """Have a call denied, by a corridor whose own requests are none of ours."""
        kept_before = dict(self._world.approvals.requests)
        await self._world.answer(tools_call("weather__read", city=city), bearer=task.token)
        kept = self._world.ledger.last
        self._world.approvals.requests = kept_before
        return committed(kept.decision, kept.record)


@pytest.fixture(params=["desk", "memory"])
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Room]:
    world = SimulatedWorld()
    world.pin(WEATHER_READ)
    world.activate({**FOR_BEARERS, "more.cedar": NEEDS_APPROVAL})
    if request.param == "memory":
        yield Room(world, None)
        return
    with sqlite_in(tmp_path) as store:
        yield Room(world, store)


@promise("P6", "P11")
async def test_equal_requests_are_one_and_three_of_a_task_wait(room: Room) -> None:
    """Issue 7: of another task they are others, and others wait."""
    task, other = room.open_task(), room.open_task()
    denials = [await room.denied(task, city) for city in ("Oslo", "Rome", "Bern", "Kyiv")]
    elsewhere = await room.denied(other)
    ids = [room.approvals.request(one) for one in denials]
    assert (len({*ids}), ids[3]) == (4, None)
    assert [room.approvals.request(one) for one in denials[:3]] == ids[:3]
    assert room.approvals.request(elsewhere) not in {*ids}
    assert str(ids[0]) in room.approvals.url(str(ids[0]))


@promise("P6")
@pytest.mark.parametrize("decision", ["approve", "deny"])
async def test_whoever_waits_is_woken_and_whoever_comes_later_does_not_wait(room: Room, decision: str) -> None:
    """Issue 7: by whichever decision; and what nobody knows is not waited for."""
    approval_id = room.approvals.request(await room.denied(room.open_task()))
    assert approval_id is not None
    with anyio.fail_after(5):
        async with anyio.create_task_group() as waiting:
            for _ in range(3):
                waiting.start_soon(room.approvals.until_decided, approval_id)
            await anyio.wait_all_tasks_blocked()
            (room.people.approve if decision == "approve" else room.people.deny)(approval_id)
        await room.approvals.until_decided(approval_id)
        await room.approvals.until_decided("approval-nobody-knows")


@promise("P6")
async def test_what_was_decided_waits_no_more(room: Room) -> None:
    """Issue 7: there is room for another; what was denied is asked about anew only where a call comes so far again."""
    task = room.open_task()
    denials = [await room.denied(task, city) for city in ("Oslo", "Rome", "Bern", "Kyiv")]
    ids = [room.approvals.request(one) for one in denials]
    room.people.deny(str(ids[0]))
    assert room.approvals.request(denials[3]) is not None
