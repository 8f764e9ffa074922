"""Budgets are exact, however many callers there are, over connections and restarts (issue 7, must show 3).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Barrier, Lock
from typing import Final

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.adapters.store_sqlite.store import SqliteStore
from mediator.canonical import JsonObject
from mediator.mediation.claims import Claim
from mediator.mediation.deliberate import Deliberation, Verdict, deliberate
from mediator.mediation.ports import Claimed, Lost
from mediator.mediation.replay import recorded, replay
from mediator.refusal import Reason, Refused
from mediator.settings.quotas import BudgetSettings, Quotas
from tests.contracts.stores import MAC_KEY, sqlite_in
from tests.laws.test_shared_budgets import SNAPSHOT
from tests.promises import promise
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.grants import a_grant, authority
from tests.simulated.ids import ids_of
from tests.simulated.judged import a_call, identified
from tests.simulated.memory import MemoryStore
from tests.simulated.pins import pins_of
from tests.simulated.world import WEATHER_READ, SimulatedWorld, refusal_of, tools_call

CALLERS: Final = 64
GRANTS: Final = tuple(
    a_grant(id=f"g-{number}", root=f"g-{number}", agent=f"agent-{number % 4}", rights=authority("files/* read"))
    for number in range(8)
)
BUDGETS: Final = (
    BudgetSettings(name="calls", per="owner", max=100),
    BudgetSettings(name="mine", per="task", max=30),
    BudgetSettings(name="cents", per="agent", of="spend", amount="/cents", max=331),
    BudgetSettings(name="hourly", per="tool", max=90, window_seconds=3600),
)
TOOL: Final[JsonObject] = {
    "name": "a",
    "inputSchema": {"type": "object", "properties": {"cents": {"type": "integer"}}},
}
COUNTING: Final = replace(
    SNAPSHOT,
    pins=pins_of(TOOL, server="files"),
    limits=replace(SNAPSHOT.limits, quotas=Quotas(budgets=BUDGETS)),
)


@dataclass(frozen=True)
class Attempt:
    """A call that was tried: whose, what it spent, and whether it was let through."""

    task: str
    agent: str
    cents: int
    taken: bool
    lost: str


def tried(store: SqliteStore, number: int) -> Attempt:
    """Try one call as the shell does: what was lost is judged again without it."""
    grant, cents, lost = GRANTS[number % len(GRANTS)], 1 + number % 13, frozenset[str]()
    while True:
        judgement = judged(store, number, cents, lost)
        if judgement.verdict is Verdict.DENY:
            assert judgement.stop is not None
            assert judgement.stop.reason is Reason.BUDGET_SPENT
            assert judgement.claims == ()
            return Attempt(grant.id, grant.agent, cents, False, judgement.stop.detail)
        claiming = store.claim(grant.id, judgement.claims, judgement.circumstances.epoch, NOW_MS)
        if isinstance(claiming, Claimed):
            return Attempt(grant.id, grant.agent, cents, True, "")
        assert isinstance(claiming, Lost)
        lost |= {claiming.claim.key}


def judged(store: SqliteStore, number: int, cents: int, lost: frozenset[str]) -> Deliberation:
    grant = GRANTS[number % len(GRANTS)]
    return deliberate(
        call=a_call({"cents": cents}, name="files__a"),
        identity=identified(grant),
        snapshot=COUNTING,
        circumstances=store.gather(grant.id).without(lost, {}),
        now_ms=NOW_MS,
        ids=ids_of(number + 1),
    )


def must_be_exact(attempts: list[Attempt], in_store: Mapping[str, int]) -> None:
    """What was let through is what is counted, to the unit; and nobody was refused what was there."""
    through = [one for one in attempts if one.taken]
    cents: Counter[str] = Counter()
    for one in through:
        cents[one.agent] += one.cents
    tasks, calls = Counter(one.task for one in through), len(through)
    window = NOW_MS // 3_600_000
    counted = {"budget:calls:alice@example.com": calls, f"budget:hourly:files/a:3600/{window}": calls}
    counted |= {f"budget:mine:{task}": most for task, most in tasks.items()}
    counted |= {f"budget:cents:{agent}": most for agent, most in cents.items()}
    assert in_store == counted
    limits = {budget.name: budget.max for budget in BUDGETS}
    assert all(taken <= limits[key.split(":")[1]] for key, taken in counted.items())
    for one in attempts:
        if not one.taken:
            key = one.lost.split("`")[1]
            assert counted[key] + (one.cents if "cents" in key else 1) > limits[key.split(":")[1]]


def counts_in(store: SqliteStore) -> dict[str, int]:
    return dict(store._hot.execute("SELECT key, taken FROM claims").fetchall())


def opened(folder: Path) -> SqliteStore:
    store = sqlite_in(folder)
    for grant in GRANTS:
        store.open_grant(grant, b"signed")
    return store


@promise("P4", "P7")
def test_budgets_are_exact_under_64_callers_at_once(tmp_path: Path) -> None:
    """Each with a connection of its own, so that only the store can make them so; three kinds of budget beside each other."""
    opened(tmp_path).close()
    one_at_a_time, all_are_there = Lock(), Barrier(CALLERS)

    def call(number: int) -> list[Attempt]:
        with one_at_a_time:
            store = SqliteStore(tmp_path / "state.sqlite", MAC_KEY, busy_timeout_ms=60_000)
        all_are_there.wait()
        attempts = [tried(store, number + CALLERS * again) for again in range(3)]
        all_are_there.wait()
        with one_at_a_time:
            store.close()
        return attempts

    with ThreadPoolExecutor(CALLERS) as pool:
        attempts = [one for found in pool.map(call, range(CALLERS)) for one in found]
    assert len(attempts) == 3 * CALLERS
    with sqlite_in(tmp_path) as store:
        must_be_exact(attempts, counts_in(store))


@promise("P4", "P7")
@pytest.mark.parametrize("restarts", [1, 7])
def test_budgets_are_exact_across_restarts(tmp_path: Path, restarts: int) -> None:
    """A restart gives nothing back, wherever it falls."""
    opened(tmp_path).close()
    attempts: list[Attempt] = []
    each = 140 // (restarts + 1)
    for begin in range(0, 140, each):
        with sqlite_in(tmp_path) as store:
            attempts += [tried(store, number) for number in range(begin, begin + each)]
            store.checkpoint()
    with sqlite_in(tmp_path) as store:
        must_be_exact(attempts, counts_in(store))


@promise("P7")
async def test_concurrent_callers_of_one_mediator_are_counted_to_the_unit() -> None:
    """The whole corridor: 64 agents of one owner at once; each is told which budget it was that is used up."""
    quotas = Quotas(budgets=(BudgetSettings(name="ours", per="owner", max=17),))
    world = SimulatedWorld(quotas=quotas)
    world.pin(WEATHER_READ)
    tasks = [world.open_task(agent=f"agent-{number}") for number in range(CALLERS)]
    told: list[str | None] = []

    async def call(number: int) -> None:
        reply = await world.answer(tools_call("weather__read", city="Oslo"), bearer=tasks[number].token)
        found = refusal_of(reply)
        told.append(None if found is None else str(found["reason"]))

    with anyio.fail_after(30):
        async with anyio.create_task_group() as calling:
            for number in range(CALLERS):
                calling.start_soon(call, number)
    assert Counter(told) == {None: 17, "BUDGET_SPENT": CALLERS - 17}
    assert len(world.tool_server.calls) == 17
    for kept in world.ledger.decisions:  # P8
        assert replay(kept.record.entry, kept.record.values, kept.decision.snapshot) == recorded(kept.record.entry)


@promise("P7")
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9)), max_size=40), st.integers(0, 60))
def test_no_order_of_amounts_gets_more_out_of_a_budget_than_is_in_it(taking: list[tuple[int, int]], most: int) -> None:
    """A property, of the store in memory: its contract is that of the real one."""
    store, through = MemoryStore(), Counter[int]()
    store.open_grant(a_grant())
    for subject, amount in taking:
        claim = Claim(key=f"budget:b:{subject}", limit=most, amount=amount)
        claiming = store.claim("g-1", [claim], store.epoch(), NOW_MS)
        assert isinstance(claiming, Claimed) is (through[subject] + amount <= most)
        if isinstance(claiming, Claimed):
            through[subject] += amount
    assert all(taken <= most for taken in through.values())


@promise("P7", "P11")
async def test_bytes_that_come_back_are_counted_once_they_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call that goes over is answered, the next one is not made; what cannot be counted is an alarm, and answered."""
    world = SimulatedWorld(quotas=Quotas(budgets=(BudgetSettings(name="net", per="task", of="bytes", max=1000),)))
    world.pin(WEATHER_READ)
    task, other = world.open_task(), world.open_task()
    world.tool_server.answer_with("weather/read", {"content": [{"type": "text", "text": "x" * 2000}]})
    told = [
        refusal_of(await world.answer(tools_call("weather__read", city="Oslo"), bearer=task.token)) for _ in range(2)
    ]
    assert (told[0], told[1]["reason"]) == (None, "BUDGET_SPENT")
    assert len(world.tool_server.calls) == 1

    def fails(*_: object) -> None:
        raise Refused(Reason.STORE_UNAVAILABLE, "locked")

    monkeypatch.setattr(world.store, "count", fails)
    assert refusal_of(await world.answer(tools_call("weather__read", city="Oslo"), bearer=other.token)) is None
    assert ["was not counted" in alarm for alarm in world.alarms] == [True]
