"""The desk of approvals: who decides what, who is woken, what is on record. Over HTTP: `attacks/test_approvals.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

import anyio
import pytest

from mediator.adapters.ledger_segments.showing import Wanted, find_entries
from mediator.adapters.store_sqlite.store import SqliteStore
from mediator.assembly.approvals import OPEN_MAX, ApprovalDesk
from mediator.assembly.folder import Folder
from mediator.assembly.mediator import Mediator
from mediator.delegation.grant import GrantState
from mediator.effect import Effect
from mediator.identity.statement import Act, verify_one_of
from mediator.kind import ItemKind
from mediator.mediation.approval import Approval
from mediator.mediation.approval_acts import approval_subject, denial_subject
from mediator.mediation.approval_request import ApprovalRequest
from mediator.mediation.deliberate import Claim
from mediator.mediation.record import Committed, committed
from mediator.mediation.trust import TrustSnapshot
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.opened import BASE_URL, OTHER, asks, opened, task_subject
from tests.simulated.policies import FOR_BEARERS
from tests.simulated.running import OWNER
from tests.simulated.world import WEATHER_READ, SimulatedWorld, tools_call

NEEDS_APPROVAL = """
@id("needs-approval") @reason("a person looks at the weather first")
forbid (principal, action == Mediator::Action::"weather/read", resource) unless { context has approval };
"""
ID = "approval-" + "a" * 32


@dataclass(frozen=True)
class Trust:
    """A snapshot in which the weather is pinned."""

    held: TrustSnapshot

    def snapshot(self) -> TrustSnapshot:
        return self.held


def world() -> SimulatedWorld:
    made = SimulatedWorld()
    made.pin(WEATHER_READ)
    made.activate({**FOR_BEARERS, "more.cedar": NEEDS_APPROVAL})
    return made


@pytest.fixture
async def mediator(home: Folder) -> AsyncIterator[Mediator]:
    async with opened(home) as one:
        yield one


@pytest.fixture
def desk(mediator: Mediator) -> ApprovalDesk:
    return replace(mediator.approvals, trust=Trust(world().trust.snapshot()))


def put(mediator: Mediator, desk: ApprovalDesk, **changed: object) -> ApprovalRequest:
    """Have a request wait, of a task that is open."""
    task = mediator.desk.open(asks(mediator, task_subject()))
    item = desk.trust.snapshot().pins.find_item("weather", ItemKind.TOOL, "read")
    assert item is not None
    now_ms = desk.clock.now_ms()
    request = ApprovalRequest(
        approval=Approval(id=ID, grant=task.id, request_hash="sha256:h", expires_ms=now_ms + 60_000),
        tenant="default",
        task=task.id,
        decision="d",
        requested_ms=now_ms,
        method="tools/call",
        kind=ItemKind.TOOL,
        server="weather",
        name="read",
        digest=item.digest,
        effect=Effect.READ,
        arguments={"city": "Oslo"},
        answers=None,
        agent=task.agent,
        owner=task.owner,
        chain=(task.agent,),
        purpose=task.purpose,
        policies=(),
        sentence=None,
    )
    stored = desk.store.approvals.put(replace(request, **changed), OPEN_MAX)  # type: ignore[arg-type]  # fields by name
    assert stored is not None
    return stored


def approves(mediator: Mediator, who: str = OWNER) -> bytes:
    return asks(mediator, approval_subject(ID, "sha256:h"), act=Act.APPROVE, who=who)


def denies(mediator: Mediator, who: str = OWNER, reason: str = "") -> bytes:
    return asks(mediator, denial_subject(ID, "sha256:h", reason), act=Act.DENY, who=who)


def reason_of(act: Callable[[], object]) -> Reason:
    with pytest.raises(Refused) as stop:
        act()
    return stop.value.reason


async def denied_for_want_of_one(store: SqliteStore, city: str = "Oslo") -> Committed:
    """Have a call denied, of a task that this store knows too."""
    made = world()
    task = made.open_task(tools="weather/*")
    store.open_grant(task.grant, b"a statement")
    await made.answer(tools_call("weather__read", city=city), bearer=task.token)
    kept = made.ledger.last
    return committed(kept.decision, kept.record)


@promise("P9", "P10")
async def test_a_request_is_kept_once_and_on_record(home: Folder) -> None:
    """Issue 7: under a drawn id, which is in no trace; equal ones are one entry."""
    async with opened(home) as mediator:
        desk = replace(mediator.approvals, draw=iter(("b" * 32, "c" * 32)).__next__)
        denial = await denied_for_want_of_one(mediator.store)
        assert desk.request(denial) == desk.request(denial) == "approval-" + "b" * 32
        assert desk.url(ID) == f"{BASE_URL}/approve/{ID}"
        assert mediator.approvals.draw() != mediator.approvals.draw()
    (entry,) = find_entries(home.ledger, Wanted(kind="approval.requested")).entries
    assert entry["body"]["decision"] == denial.deliberation.ids.decision_id  # type: ignore[index,call-overload]  # ours


async def test_what_nobody_would_read_is_not_asked_about(desk: ApprovalDesk) -> None:
    """P11: the refusal says what to do."""
    denial = await denied_for_want_of_one(desk.store, "x" * 300_000)
    with pytest.raises(Refused) as stop:
        desk.request(denial)
    assert (stop.value.reason, stop.value.remedy) == (Reason.APPROVAL_REQUIRED, "send less at once")


@promise("P6", "P9")
async def test_each_decision_is_a_statement_on_record(home: Folder) -> None:
    """Design 2a: with the envelope, which anybody can verify, and no value."""
    async with opened(home) as mediator:
        desk = replace(mediator.approvals, trust=Trust(world().trust.snapshot()))
        put(mediator, desk)
        statement = approves(mediator)
        approved = desk.decide(statement, ID)
        assert [one.who for one in approved.approval.approvers] == [OWNER]
        assert desk.state(approved) == "approved"
        denied = desk.decide(denies(mediator, reason="no"), ID)
        assert (desk.state(denied), desk.page(ID)["state"]) == ("denied", "denied")
        _must_be_listed(desk)
    (entry,) = find_entries(home.ledger, Wanted(kind="approval.approved")).entries
    assert entry["body"]["envelope"].encode() == statement  # type: ignore[index,call-overload,union-attr]  # ours
    (entry,) = find_entries(home.ledger, Wanted(kind="approval.denied")).entries
    assert (entry["body"]["reason"], entry["body"]["who"]) == ("no", OWNER)  # type: ignore[index,call-overload]  # ours


@promise("P6", "P7")
async def test_who_may_not_decides_nothing(mediator: Mediator, desk: ApprovalDesk) -> None:
    """Ours: another role, what is pinned no longer, another address, an act that is none of these."""
    put(mediator, desk)
    for raw in (approves(mediator, OTHER), denies(mediator, OTHER)):  # a reviewer and owner, of other agents
        assert reason_of(lambda raw=raw: desk.decide(raw)) is Reason.NOT_COVERED  # type: ignore[misc]  # a default
    assert reason_of(lambda: mediator.approvals.decide(approves(mediator))) is Reason.NOT_COVERED
    assert reason_of(lambda: desk.posted("approval-" + "c" * 32, approves(mediator))) is Reason.MALFORMED
    assert reason_of(lambda: desk.decide(asks(mediator, {}, act=Act.FREEZE))) is Reason.MALFORMED
    other = asks(mediator, approval_subject("approval-x", "sha256:h"), act=Act.APPROVE)
    assert reason_of(lambda: desk.decide(other)) is Reason.GRANT_UNKNOWN
    assert desk.posted(ID, approves(mediator))["state"] == "approved"


@promise("P6")
async def test_nobody_approves_with_a_key_of_the_chain(mediator: Mediator, desk: ApprovalDesk) -> None:
    """Ours: whatever policy says."""
    request = put(mediator, desk)
    statement = approves(mediator)
    keyid = next(one for one, person in desk.operators.items() if person.name == OWNER)
    gather = desk.store.gather

    class Store:
        """Says that the task is held by the operator's own key."""

        approvals = desk.store.approvals
        use_once = desk.store.use_once

        def gather(self, grant_id: str) -> object:
            found = gather(grant_id)
            return replace(found, grants=tuple(replace(one, keyid=keyid) for one in found.grants))

    own = replace(desk, store=Store())  # type: ignore[arg-type]  # of the store, what is asked here
    assert reason_of(lambda: own.decide(statement)) is Reason.NOT_COVERED
    assert request.approval.approvers == ()


async def test_a_denial_is_of_who_may_approve_or_owns_the_agent(mediator: Mediator, desk: ApprovalDesk) -> None:
    """Ours: also where what it is about is pinned no longer, for the owner."""
    put(mediator, desk)
    with pytest.raises(Refused):
        mediator.approvals.decide(denies(mediator, OTHER))
    assert mediator.approvals.decide(denies(mediator)).approval.denial is not None


@promise("P5")
async def test_what_is_over_is_said_to_be(mediator: Mediator, desk: ApprovalDesk) -> None:
    """Ours: run out, its task ended, used."""
    request = put(mediator, desk)
    assert desk.state(request) == "open"
    mediator.store.end_grant(request.task, GrantState.REVOKED, "a test")
    assert desk.state(request) == "over"
    assert reason_of(lambda: desk.decide(approves(mediator))) is Reason.GRANT_REVOKED
    assert desk.state(replace(request, approval=replace(request.approval, expires_ms=1))) == "over"
    unknown = replace(request, approval=replace(request.approval, grant="task-" + "0" * 32))
    assert desk.state(unknown) == "over"
    mediator.store.claim(request.task, (Claim(key=f"approval:{ID}", limit=1),), mediator.store.epoch(), 1)
    assert desk.state(request) == "used"
    assert reason_of(lambda: desk.decide(approves(mediator))) is Reason.NOT_COVERED


async def test_one_of_two_is_half(mediator: Mediator) -> None:
    """Issue 7: dual control; whoever waits is not woken by the first."""
    made = world()
    two = (
        '@id("two") @reason("two people") @obligation("two-approvers")\n'
        'permit (principal, action == Mediator::Action::"approve", resource);'
    )
    made.activate({**FOR_BEARERS, "more.cedar": NEEDS_APPROVAL, "two.cedar": two})
    desk = replace(mediator.approvals, trust=Trust(made.trust.snapshot()))
    put(mediator, desk)
    async with anyio.create_task_group() as waiting:
        waiting.start_soon(desk.until_decided, ID)
        await anyio.wait_all_tasks_blocked()
        assert desk.state(desk.decide(approves(mediator))) == "half approved"
        await anyio.wait_all_tasks_blocked()
        assert ID in desk._waiting
        assert desk.state(desk.decide(approves(mediator, OTHER))) == "approved"
    assert desk._waiting == {}
    await desk.until_decided(ID)


@pytest.mark.parametrize("decision", [approves, denies])
async def test_whoever_waits_is_woken_by_the_decision(
    mediator: Mediator, desk: ApprovalDesk, decision: Callable[[Mediator], bytes]
) -> None:
    """Issue 7: without looking again and again; at most eight wait for one, and who gives up is forgotten."""
    put(mediator, desk)
    done: list[int] = []

    async def wait(number: int) -> None:
        await desk.until_decided(ID)
        done.append(number)

    async with anyio.create_task_group() as waiting:
        for number in range(9):
            waiting.start_soon(wait, number)
        await anyio.wait_all_tasks_blocked()
        assert done == [8]
        desk.decide(decision(mediator))
    assert sorted(done) == list(range(9))
    await desk.until_decided(ID)
    await desk.until_decided("approval-nope")


@promise("P5")
async def test_whoever_waits_is_woken_when_the_task_ends(mediator: Mediator, desk: ApprovalDesk) -> None:
    """Ours: by the end of that task, and of no other; a store that forgot the request wakes too."""
    request = put(mediator, desk)
    async with anyio.create_task_group() as waiting:
        waiting.start_soon(desk.until_decided, ID)
        await anyio.wait_all_tasks_blocked()
        desk.end_task("task-of-others")
        await anyio.wait_all_tasks_blocked()
        assert ID in desk._waiting
        desk.end_task(request.task)


async def test_a_wait_that_is_cancelled_leaves_nothing(mediator: Mediator, desk: ApprovalDesk) -> None:
    """House style 10: the agent hung up."""
    put(mediator, desk)
    async with anyio.create_task_group() as waiting:
        waiting.start_soon(desk.until_decided, ID)
        await anyio.wait_all_tasks_blocked()
        waiting.cancel_scope.cancel()
    assert (desk._waiting, desk._decided) == ({}, {})


@promise("P6", "P7")
async def test_a_statement_is_obeyed_once(mediator: Mediator, desk: ApprovalDesk) -> None:
    """Ours: whoever kept one."""
    put(mediator, desk)
    statement = denies(mediator)
    mediator.store.use_once(f"statement:{_digest(mediator, statement)}", desk.clock.now_ms() + 600_000, 1)
    assert reason_of(lambda: desk.decide(statement)) is Reason.PROOF_REPLAYED


def _must_be_listed(desk: ApprovalDesk) -> None:
    page = desk.page(ID)
    listing = desk.list()["approvals"]
    assert isinstance(listing, list)
    (listed,) = listing
    assert isinstance(listed, dict)
    assert all(page[name] == value for name, value in listed.items())


def _digest(mediator: Mediator, raw: bytes) -> str:
    return verify_one_of(raw, mediator.approvals.operators, tuple(Act)).digest
