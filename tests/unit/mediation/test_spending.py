"""What a call takes: for whom, how much, in which window; and how it is refused where too little is left.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mediator.canonical import Json
from mediator.delegation.chain import DelegationChain
from mediator.effect import Effect
from mediator.mediation.circumstances import Circumstances
from mediator.mediation.claims import Claim, Lease
from mediator.mediation.spending import counted_back, find_claims, find_leases, keys_of, refuse_if_exhausted
from mediator.refusal import Reason, Refused
from mediator.settings.quotas import BudgetSettings, LoopSettings, Quotas, RateSettings
from mediator.wire.call import Call
from tests.promises import promise
from tests.simulated.delegations import ROOT, asking, handed_on, proven
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.judged import a_call, a_prompt, a_resource, a_tool, circumstances_of

TASK = replace(ROOT, max_calls=None)
CHILD = handed_on(TASK, to="worker", asked=asking("files/a read"))
CHAIN = proven(TASK, CHILD)
HOUR_MS = 3_600_000


def budget(**members: Any) -> BudgetSettings:
    return BudgetSettings.model_validate({"name": "b", "per": "task", "max": 10} | members)


def claimed(
    *budgets: BudgetSettings,
    chain: DelegationChain = CHAIN,
    item: Any = None,
    call: Call | None = None,
    circumstances: Circumstances | None = None,
) -> tuple[Claim, ...]:
    found = circumstances_of(*chain.links) if circumstances is None else circumstances
    return find_claims(chain, item or a_tool(), call or a_call(), Quotas(budgets=budgets), found, NOW_MS)


@promise("P4")
@pytest.mark.parametrize(
    ("per", "subjects"),
    [
        ("task", [TASK.id]),
        ("agent", sorted([TASK.agent, "worker"])),
        ("owner", [TASK.owner]),
        ("tool", ["clock/now"]),
    ],
)
def test_a_call_counts_for_whoever_has_a_part_in_it(per: str, subjects: list[str]) -> None:
    """Ours: each agent of the chain, so that handing on gains nobody a budget of its own."""
    assert claimed(budget(per=per)) == tuple(Claim(key=f"budget:b:{subject}", limit=10) for subject in subjects)


def test_a_window_has_a_key_of_its_own() -> None:
    """Ours: nothing has to be reset, and it says until when it is asked for."""
    number = NOW_MS // HOUR_MS
    expected = Claim(key=f"budget:b:{TASK.id}:3600/{number}", limit=10, until_ms=(number + 1) * HOUR_MS)
    assert claimed(budget(window_seconds=3600)) == (expected,)


@pytest.mark.parametrize(
    ("members", "item", "counts"),
    [
        ({"effects": (Effect.READ,)}, a_tool(), True),
        ({"effects": (Effect.SEND, Effect.WRITE)}, a_tool(), False),
        ({"effects": (Effect.SEND,)}, a_tool(effect=Effect.SEND), True),
        ({"tools": ("clock/*",)}, a_tool(), True),
        ({"tools": ("mail/*", "*/now")}, a_tool(), True),
        ({"tools": ("mail/*",)}, a_tool(), False),
        ({"tools": ("*",)}, a_prompt(), True),
        ({"tools": ("clock/prompt:*",)}, a_tool(), False),
        ({"tools": ("clock/prompt:*",)}, a_prompt(), True),
        ({"tools": ("clock/resource:*",)}, a_resource(), True),
    ],
)
def test_a_budget_may_be_of_some_effects_and_tools(members: dict[str, Any], item: Any, counts: bool) -> None:
    """Issue 7: calls, effects, per task, agent, owner, tool."""
    assert bool(claimed(budget(**members), item=item)) is counts


def test_bytes_are_those_of_the_canonical_arguments() -> None:
    """Decided = hashed = forwarded = counted."""
    call = a_call({"b": 1, "a": "x"})
    (claim,) = claimed(budget(of="bytes"), call=call)
    assert (claim.amount, claim.counts_result) == (len('{"a":"x","b":1}'), True)


def test_what_comes_back_is_counted_as_bytes_and_as_nothing_else() -> None:
    """Issue 7: known afterwards; of an empty answer nothing."""
    claims = claimed(budget(of="bytes"), budget(name="c"))
    assert [(one.key, one.amount) for one in counted_back(claims, 70)] == [("budget:b:g-1", 70)]
    assert counted_back(claims, 0) == ()


SPEND = budget(of="spend", amount="/order/cents~1all", max=100)


def order(value: Json) -> Call:
    return a_call({"order": {"cents/all": value}})


def test_what_is_spent_is_the_argument_that_the_settings_name() -> None:
    """Ours: of nothing, nothing is taken."""
    assert claimed(SPEND, call=order(40)) == (Claim(key=f"budget:b:{TASK.id}", limit=100, amount=40),)
    assert claimed(SPEND, call=order(0)) == ()


@promise("P7")
@pytest.mark.parametrize("value", [-1, True, None, "40", 4.5, [40]])
def test_what_is_no_amount_is_refused(value: Json) -> None:
    """Ours: a negative one would give back."""
    with pytest.raises(Refused) as stop:
        claimed(SPEND, call=order(value))
    assert stop.value.reason is Reason.ARGUMENTS_INVALID
    assert stop.value.sentence is not None
    assert stop.value.sentence.startswith("/arguments/order/cents~1all: expected a whole number")


@promise("P7")
@pytest.mark.parametrize("arguments", [{}, {"order": 3}, {"order": {}}, {"order": [{"cents/all": 1}]}])
def test_an_amount_that_is_not_there_is_refused(arguments: dict[str, Json]) -> None:
    """Ours: what is not known is not nought."""
    with pytest.raises(Refused) as stop:
        claimed(SPEND, call=a_call(arguments))
    assert stop.value.reason is Reason.ARGUMENTS_INVALID


@promise("P7")
def test_a_budget_with_too_little_left_is_refused_by_its_name() -> None:
    """Issue 7; with when to come back, where it comes back."""
    key = f"budget:b:{TASK.id}"
    window = f"{key}:3600/{NOW_MS // HOUR_MS}"
    spent = replace(circumstances_of(TASK, CHILD), spent=frozenset({key, window}))
    with pytest.raises(Refused) as stop:
        claimed(budget(of="bytes"), circumstances=spent)
    assert (stop.value.reason, stop.value.sentence) == (Reason.BUDGET_SPENT, "the budget `b` has too little left")
    assert (stop.value.detail, stop.value.remedy) == (
        f"`{key}`: 26 are not left of 10",
        "ask the operator about the budget `b`",
    )
    with pytest.raises(Refused) as stop:
        claimed(budget(window_seconds=3600), circumstances=spent)
    seconds = -(-(HOUR_MS - NOW_MS % HOUR_MS) // 1000)
    assert stop.value.remedy == f"try again in {seconds} s, or ask for less"


def test_a_rate_is_a_place_for_each_of_whom_it_is() -> None:
    """Ours: bursts and a sustained rate."""
    rate = RateSettings(name="r", per="agent", calls=30, seconds=60, burst=5)
    other = RateSettings(name="s", per="task", calls=1, burst=1, tools=("mail/*",))
    leases = find_leases(CHAIN, a_tool(), a_call(), "sha256:h", Quotas(rates=(rate, other)))
    assert leases == tuple(
        Lease(key=f"rate:r:{agent}", burst=5, refill_ms=2000) for agent in sorted([TASK.agent, "worker"])
    )


def test_the_same_request_has_a_rate_of_its_own() -> None:
    """Issue 7, loops; whoever waits for an mcp task asks the same again and again, and makes none."""
    quotas = Quotas(loop=LoopSettings(calls_max=10, window_seconds=60))
    assert find_leases(CHAIN, a_tool(), a_call(), "sha256:h", quotas) == (
        Lease(key="loop:sha256:h", burst=10, refill_ms=6000),
    )
    polling = a_call({}, method="tasks/get", name="t-1", has_state=True)
    assert find_leases(CHAIN, a_tool(), polling, "sha256:h", quotas) == ()


@promise("P11")
@pytest.mark.parametrize(
    ("key", "reason", "remedy"),
    [
        ("rate:r:g-1", Reason.RATE_LIMITED, "try again in 2 s"),
        (
            "loop:sha256:h",
            Reason.LOOP_DETECTED,
            "change the arguments, or stop; the same request may be made again in 2 s",
        ),
        ("resting:clock", Reason.TOOL_SERVER_UNAVAILABLE, "try again in 2 s"),
    ],
)
def test_what_had_no_place_is_told_when_to_come_back(key: str, reason: Reason, remedy: str) -> None:
    """Issue 7: refused at once, and on record."""
    with pytest.raises(Refused) as stop:
        refuse_if_exhausted(circumstances_of(TASK).without(frozenset(), {key: 1001}))
    assert (stop.value.reason, stop.value.remedy, stop.value.detail) == (
        reason,
        remedy,
        f"`{key}`: nothing for 1001 ms",
    )


def test_who_lacks_nothing_is_not_refused() -> None:
    """Ours."""
    refuse_if_exhausted(circumstances_of(TASK))


def test_a_grant_has_the_budgets_of_its_task_its_holder_and_its_owner() -> None:
    """Ours: for people to see, in the window of now."""
    budgets = (budget(name="a", window_seconds=3600), budget(name="b", per="agent"), budget(name="c", per="tool"))
    assert keys_of(CHILD, Quotas(budgets=budgets), NOW_MS) == {
        f"budget:a:{TASK.id}:3600/{NOW_MS // HOUR_MS}": budgets[0],
        "budget:b:worker": budgets[1],
    }
