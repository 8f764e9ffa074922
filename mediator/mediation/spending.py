"""What a call takes of budgets and rates, and the refusal where too little is left.

Pure: it counts nothing. Whoever is above in a chain has a part in each call below: a budget or a rate for each agent is
taken for every agent of the chain, so that handing on gains nobody anything. Rules:

- A claim's key names the budget, for whom it is, and for one with a window which window: nothing has to be reset.
- Bytes are those of the arguments, before the call, and those of what comes back, after it: the last one may go over.
- What a call would spend is its argument as it stands: what is no whole number of at least nought is refused.
- What could not be taken stands in the circumstances, and refuses the call when it is judged again.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Final, assert_never

from mediator.canonical import Json
from mediator.delegation.authority import Entry, parse_pattern
from mediator.delegation.chain import DelegationChain
from mediator.delegation.grant import Grant
from mediator.manifest.pinned import PinnedItem, PinnedTool
from mediator.mediation.circumstances import Circumstances
from mediator.mediation.claims import Claim, Lease
from mediator.mediation.question import grant_name
from mediator.refusal import Reason, Refused
from mediator.settings.quotas import BudgetSettings, Per, Quotas, RateSettings
from mediator.wire.call import Call

LOOP: Final = "loop:"
RATE: Final = "rate:"
RESTING: Final = "resting:"
BUDGET: Final = "budget:"
_MS: Final = 1000
_REMEMBERED_MAX: Final = 4096


def find_claims(
    chain: DelegationChain, item: PinnedItem, call: Call, quotas: Quotas, circumstances: Circumstances, now_ms: int
) -> tuple[Claim, ...]:
    """Return what must be taken: a unit of each link's calls, of the tool's calls in this task, and of each budget.

    Raises `Refused`: `BUDGET_SPENT` where nothing is left, `ARGUMENTS_INVALID` where what is spent is no amount.
    """
    limits = {f"calls:{link.id}": link.max_calls for link in chain.links}
    if isinstance(item, PinnedTool):
        limits[f"calls:{chain.root.id}:{item.server}/{item.name}"] = item.calls_per_task_max
    claims = [Claim(key=key, limit=limit) for key, limit in limits.items() if limit is not None]
    for budget in quotas.budgets:
        if _concerns(budget, item):
            claims += _of_budget(budget, chain, item, call, now_ms)
    for claim in claims:
        if claim.key in circumstances.spent:
            raise _spent(claim, now_ms)
    return tuple(claims)


def counted_back(claims: Iterable[Claim], result_bytes: int) -> tuple[Claim, ...]:
    """Return what is to be counted of these once so many bytes came back: however much, for it cannot be refused any more."""
    return tuple(replace(claim, amount=result_bytes) for claim in claims if claim.counts_result and result_bytes)


def keys_of(grant: Grant, quotas: Quotas, now_ms: int) -> dict[str, BudgetSettings]:
    """Return under which keys the budgets are counted now that its holder, its task and its owner have, whatever the tool."""
    subjects = {"task": grant.root, "agent": grant.agent, "owner": grant.owner}
    return {_key(one, subjects[one.per], now_ms)[0]: one for one in quotas.budgets if one.per in subjects}


def find_leases(chain: DelegationChain, item: PinnedItem, call: Call, hashed: str, quotas: Quotas) -> tuple[Lease, ...]:
    """Return of which rates this call takes a place; the same request again and again has one of its own."""
    leases = [
        Lease(key=f"{RATE}{rate.name}:{subject}", burst=rate.burst, refill_ms=rate.seconds * _MS / rate.calls)
        for rate in quotas.rates
        if _concerns(rate, item)
        for subject in _subjects(rate.per, chain, item)
    ]
    loop = quotas.loop
    if loop is not None and not call.is_of_mcp_task:  # whoever waits for an mcp task asks the same again and again
        refill_ms = loop.window_seconds * _MS / loop.calls_max
        leases.append(Lease(key=LOOP + hashed, burst=loop.calls_max, refill_ms=refill_ms))
    return tuple(leases)


def refuse_if_exhausted(circumstances: Circumstances) -> None:
    """Raise `Refused` where a place could not be had when this call was judged before, saying when to come back."""
    for key, wait_ms in sorted(circumstances.exhausted.items()):
        seconds = -(-wait_ms // _MS)
        remedy = f"try again in {seconds} s"
        detail = f"`{key}`: nothing for {wait_ms} ms"
        if key.startswith(LOOP):
            remedy = f"change the arguments, or stop; the same request may be made again in {seconds} s"
            raise Refused(Reason.LOOP_DETECTED, detail, remedy=remedy)
        if key.startswith(RESTING):
            sentence = "the tool server failed again and again, and is left alone for a while"
            raise Refused(Reason.TOOL_SERVER_UNAVAILABLE, detail, sentence=sentence, remedy=remedy)
        raise Refused(Reason.RATE_LIMITED, detail, remedy=remedy)


def find_budget(stop: Refused) -> str | None:
    """Return the name of the budget that had too little left, if this is that refusal."""
    key = stop.detail.split("`")[1] if stop.reason is Reason.BUDGET_SPENT and "`" in stop.detail else ""
    return key.split(":", 2)[1] if key.startswith(BUDGET) else None


def _of_budget(
    budget: BudgetSettings, chain: DelegationChain, item: PinnedItem, call: Call, now_ms: int
) -> Iterator[Claim]:
    amount = _amount(budget, call)
    for subject in _subjects(budget.per, chain, item):
        if amount:
            key, until_ms = _key(budget, subject, now_ms)
            counts_result = budget.of == "bytes"
            yield Claim(key=key, limit=budget.max, amount=amount, until_ms=until_ms, counts_result=counts_result)


def _key(budget: BudgetSettings, subject: str, now_ms: int) -> tuple[str, int | None]:
    """Return under which key it is counted now, and until when."""
    key = f"{BUDGET}{budget.name}:{subject}"
    if budget.window_seconds is None:
        return key, None
    number = now_ms // (budget.window_seconds * _MS)
    return f"{key}:{budget.window_seconds}/{number}", (number + 1) * budget.window_seconds * _MS


def _amount(budget: BudgetSettings, call: Call) -> int:
    if budget.of == "calls":
        return 1
    if budget.of == "bytes":
        return len(call.arguments_bytes)
    assert budget.amount is not None  # `BudgetSettings`
    amount = _at(call.arguments, budget.amount)
    if isinstance(amount, bool) or not isinstance(amount, int) or amount < 0:
        where = f"/arguments{budget.amount}: expected a whole number of at least 0: it is counted as what is spent"
        raise Refused(Reason.ARGUMENTS_INVALID, f"budget `{budget.name}`: {where}", sentence=where)
    return amount


def _at(value: Json, pointer: str) -> Json:
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _subjects(per: Per, chain: DelegationChain, item: PinnedItem) -> list[str]:
    match per:
        case "task":
            return [chain.root.id]
        case "agent":
            return sorted({link.agent for link in chain.links})
        case "owner":
            return sorted({link.owner for link in chain.links})
        case "tool":
            return [f"{item.server}/{grant_name(item)}"]
        case _:
            assert_never(per)


def _concerns(quota: BudgetSettings | RateSettings, item: PinnedItem) -> bool:
    if quota.effects and item.effect not in quota.effects:
        return False
    return not quota.tools or _is_among(quota.tools, item.server, grant_name(item))


@lru_cache(_REMEMBERED_MAX)
def _is_among(patterns: tuple[str, ...], server: str, name: str) -> bool:
    entries = (Entry(pattern=parse_pattern(pattern), effects=frozenset()) for pattern in patterns)
    return any(entry.matches(server, name) for entry in entries)


def _spent(claim: Claim, now_ms: int) -> Refused:
    if not claim.key.startswith(BUDGET):
        return Refused(Reason.BUDGET_SPENT, f"`{claim.key}`: all {claim.limit} are used")
    name = claim.key.split(":", 2)[1]
    remedy = f"ask the operator about the budget `{name}`"
    if claim.until_ms is not None:
        remedy = f"try again in {-(-(claim.until_ms - now_ms) // _MS)} s, or ask for less"
    detail = f"`{claim.key}`: {claim.amount} are not left of {claim.limit}"
    return Refused(Reason.BUDGET_SPENT, detail, sentence=f"the budget `{name}` has too little left", remedy=remedy)
