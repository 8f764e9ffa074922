"""Budgets, rates, loops and breakers as settings: their defaults, and what is refused of them.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.effect import Effect
from mediator.refusal import Refused
from mediator.settings.parse import parse_settings
from mediator.settings.quotas import DEFAULT_RATE, LoopSettings, Quotas

BUDGET = {"name": "mails", "per": "agent", "max": 20}
RATE = {"name": "calm", "per": "task", "calls": 60, "burst": 10}


def test_by_default_nothing_is_scarce_and_nothing_is_boundless() -> None:
    """Issue 7: sane defaults; no budget, one generous rate, a loop that no honest agent makes."""
    settings = parse_settings({})
    assert settings.quotas == Quotas(rates=(DEFAULT_RATE,), loop=LoopSettings(calls_max=200, window_seconds=600))
    assert (settings.breaker.failures, settings.breaker.after_seconds, settings.breaker.open_seconds) == (10, 10, 15)
    assert settings.delegation.fan_out_max == 64


def test_all_of_it_stands_in_one_file() -> None:
    """Issue 7: configurable in one place."""
    spend = {"name": "money", "per": "owner", "of": "spend", "amount": "/order/cents", "max": 5000}
    settings = parse_settings(
        {
            "budget": [BUDGET | {"effects": ["send"], "tools": ["mail/*"], "window_seconds": 3600}, spend],
            "rate": [RATE],
            "loop": {"calls_max": 0},
            "breaker": {"failures": 0},
        }
    )
    mails, money = settings.budgets
    assert (mails.effects, mails.tools, mails.of, mails.window_seconds) == ((Effect.SEND,), ("mail/*",), "calls", 3600)
    assert (money.amount, money.window_seconds) == ("/order/cents", None)
    assert [rate.name for rate in settings.rates] == ["calm"]
    assert settings.quotas.loop is None


def test_a_record_names_the_budgets_where_there_are_any() -> None:
    """P8: the same call under other budgets may be judged otherwise; rates and loops stand in the circumstances."""
    assert parse_settings({}).quotas.budgets_digest is None
    one, other = (parse_settings({"budget": [BUDGET | {"max": most}]}).quotas.budgets_digest for most in (1, 2))
    assert one is not None
    assert one != other
    assert parse_settings({"budget": [BUDGET | {"max": 1}], "rate": [RATE]}).quotas.budgets_digest == one


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        ({"budget": [BUDGET | {"of": "spend"}]}, "beside `of"),
        ({"budget": [BUDGET | {"amount": "/amount"}]}, "beside `of"),
        ({"budget": [BUDGET | {"of": "spend", "amount": "amount"}]}, "a JSON pointer"),
        ({"budget": [BUDGET, BUDGET]}, "`name` is `mails` twice"),
        ({"rate": [RATE, RATE]}, "`name` is `calm` twice"),
        ({"budget": [BUDGET | {"name": "Mails"}]}, "1 to 32 of"),
        ({"budget": [BUDGET | {"per": "day"}]}, "`budget[1].per`"),
        ({"budget": [BUDGET | {"maximum": 3}]}, "unknown key `budget[1].maximum`"),
        ({"rate": [RATE | {"burst": 0}]}, "`rate[1].burst`"),
        ({"loop": {"calls": 3}}, "unknown key `loop.calls`"),
        ({"breaker": {"open_seconds": 0}}, "`breaker.open_seconds`"),
    ],
)
def test_what_cannot_be_meant_is_refused(tables: dict[str, object], told: str) -> None:
    """House style 11: unknown keys are an error, and each says where it stands."""
    with pytest.raises(Refused) as stop:
        parse_settings(tables)
    assert told in stop.value.detail
