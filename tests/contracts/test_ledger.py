"""What every `Ledger` keeps: one decision record before the act, one outcome after it, and nothing without a claim.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
import pytest_asyncio

from mediator.effect import Effect
from mediator.mediation.deliberate import Claim
from mediator.mediation.ports import Lost, Stale, Stop
from mediator.mediation.record import Committed, Outcome, decision_entry, decision_values
from mediator.refusal import Reason, Refused
from tests.contracts.ledgers import LedgerUnderTest, in_memory, segments_in
from tests.promises import promise
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.judged import a_release, a_tool, allowed, denied, permitted

ONE = Claim(key="approval:a-1", limit=1)


@pytest_asyncio.fixture(params=["segments", "memory"])
async def tested(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LedgerUnderTest]:
    if request.param == "memory":
        yield in_memory()
        return
    async with segments_in(tmp_path / "ledger") as under_test:
        yield under_test


async def committed(tested: LedgerUnderTest, number: int = 1) -> Committed:
    result = await tested.ledger.commit(allowed(number))
    assert isinstance(result, Committed)
    return result


@promise("P1")
async def test_an_allow_is_on_record_before_anything_can_be_made_of_it(tested: LedgerUnderTest) -> None:
    """Design 4: no act without a record."""
    deliberation = allowed()
    result = await tested.ledger.commit(deliberation)
    assert isinstance(result, Committed)
    assert result.deliberation is deliberation
    (entry,) = tested.entries("decision")
    assert entry.items() >= decision_entry(deliberation).items()
    assert result.record.values == decision_values(deliberation)
    assert (result.record.receipt.stream, result.record.receipt.index) == (entry["stream"], entry["index"])


@promise("P9")
async def test_a_denial_is_on_record_and_needs_no_outcome(tested: LedgerUnderTest) -> None:
    """Design 5.8: it is its own."""
    for number, deliberation in enumerate([denied(1), denied(2, known=False, reason=Reason.GRANT_UNKNOWN)], 1):
        result = await tested.ledger.commit(deliberation)
        assert isinstance(result, Committed)
        assert len(tested.entries("decision")) == number
    assert tested.entries("outcome") == []


@promise("P7")
async def test_an_allow_under_an_epoch_that_moved_is_not_recorded(tested: LedgerUnderTest) -> None:
    """Design 4: it is judged again."""
    tested.store.move_epoch()
    assert await tested.ledger.commit(allowed(epoch=1)) == Stale()
    assert tested.entries() == []


async def test_a_denial_stands_whatever_the_epoch(tested: LedgerUnderTest) -> None:
    """Ours: it gives nothing, so nothing can be too much."""
    tested.store.move_epoch()
    assert isinstance(await tested.ledger.commit(denied(epoch=1)), Committed)
    assert len(tested.entries("decision")) == 1


@promise("P6")
async def test_an_allow_that_lost_its_claim_is_not_recorded(tested: LedgerUnderTest) -> None:
    """Design 4: claim, then record."""
    assert isinstance(await tested.ledger.commit(allowed(1, claims=[ONE])), Committed)
    assert await tested.ledger.commit(allowed(2, claims=[ONE])) == Lost(ONE)
    assert len(tested.entries("decision")) == 1


async def test_an_allow_is_counted_for_its_task_and_a_denial_is_not(tested: LedgerUnderTest) -> None:
    """Ours."""
    await tested.ledger.commit(allowed(1))
    await tested.ledger.commit(denied(2))
    assert tested.store.calls["g-1"] == 1


async def test_a_privileged_allow_is_on_record_likewise(tested: LedgerUnderTest) -> None:
    """Design 8: and on the disk, before this returns."""
    result = await tested.ledger.commit(allowed(tool=a_tool(effect=Effect.DELETE)))
    assert isinstance(result, Committed)
    assert len(tested.entries("decision")) == 1


@pytest.mark.parametrize(
    ("ending", "outcome", "reason"),
    [
        (a_release(), "RELEASED", None),
        (Refused(Reason.TOOL_SERVER_INVALID, "nonsense"), "REFUSED", "TOOL_SERVER_INVALID"),
        (Refused(Reason.DEADLINE_PASSED), "DEADLINE_PASSED", "DEADLINE_PASSED"),
        (Outcome.ABANDONED, "ABANDONED", None),
        (Outcome.FAILED, "FAILED", None),
    ],
)
async def test_an_outcome_names_its_decision_and_its_place(
    tested: LedgerUnderTest, ending: Refused | Outcome, outcome: str, reason: str | None
) -> None:
    """Design 5.8: joined by the decision id."""
    decision = await committed(tested)
    record = await tested.ledger.close(permitted(decision), ending, NOW_MS + 5)
    (entry,) = tested.entries("outcome")
    assert (entry["id"], entry["outcome"], entry["reason"]) == (decision.deliberation.ids.decision_id, outcome, reason)
    receipt = decision.record.receipt
    assert entry["decision"] == {"stream": receipt.stream, "index": receipt.index}
    assert entry["forwarded"] is True
    assert record.receipt.index == entry["index"]


async def test_an_outcome_says_whether_anything_was_forwarded(tested: LedgerUnderTest) -> None:
    """Ours: a permit that was never used let nothing out."""
    permit = permitted(await committed(tested), used=False)
    record = await tested.ledger.close(permit, Outcome.ABANDONED, NOW_MS)
    assert record.entry["forwarded"] is False


async def test_an_allow_has_exactly_one_outcome(tested: LedgerUnderTest) -> None:
    """Design 5.8."""
    permit = permitted(await committed(tested))
    await tested.ledger.close(permit, a_release(), NOW_MS)
    with pytest.raises((Refused, AssertionError)):
        await tested.ledger.close(permit, a_release(), NOW_MS)
    assert len(tested.entries("outcome")) == 1


async def test_calls_at_one_time_stand_in_the_order_in_which_they_came(tested: LedgerUnderTest) -> None:
    """Ours: each at its place, each on the one before."""

    async def call(number: int) -> None:
        decision = await committed(tested, number)
        await tested.ledger.close(permitted(decision), a_release(), NOW_MS)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as calls:
            for number in range(1, 21):
                calls.start_soon(call, number)
    indexes = [int(str(entry["index"])) for entry in tested.entries()]
    assert indexes == list(range(indexes[0], indexes[0] + 40))
    ids = [entry["id"] for entry in tested.entries("decision")]
    assert ids == [f"d{number:031x}" for number in range(1, 21)]


async def test_a_note_is_an_entry_of_its_kind(tested: LedgerUnderTest) -> None:
    """Design 5.8: drift found, a task opened or completed."""
    tested.ledger.note("task.opened", {"task": "g-1"}, NOW_MS)
    (entry,) = tested.entries("task.opened")
    assert (entry["at"], entry["body"]) == (NOW_MS, {"task": "g-1"})


async def test_counting_a_stop_never_stops_anything(tested: LedgerUnderTest) -> None:
    """Design 5.8: before identification nobody is recorded one by one."""
    for source in ("127.0.0.1", "", "\ud800", "x" * 10_000):
        tested.ledger.count(Stop(source=source, reason=Reason.BAD_CREDENTIAL, at_ms=NOW_MS))
    assert tested.entries() == []
