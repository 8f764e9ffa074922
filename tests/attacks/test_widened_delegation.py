"""A link that is wider than the one before, in one dimension each: not made, and dead where it was made all the same (A1).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from mediator.delegation.authority import Entry, Rights
from mediator.delegation.constraint import Constraint, OneOf
from mediator.delegation.exchange import Asker, delegate
from mediator.delegation.grant import Grant
from mediator.effect import Effect
from mediator.refusal import Reason
from tests.promises import promise
from tests.simulated.delegations import a_receiver, asking
from tests.simulated.grants import authority
from tests.simulated.judged import chain_of
from tests.simulated.world import (
    BASE_URL,
    MAIL_SEND,
    WEATHER_READ,
    SimulatedWorld,
    owned,
    refusal,
    refusal_of,
    result_of,
    tools_call,
    tools_list,
)

CALL: Final = tools_call("weather__read", city="Oslo")
SERIAL: Final = 10**9


def in_oslo(*cities: str, pattern: str = "weather/read", effects: str = "read") -> Rights:
    values: Constraint = OneOf(frozenset(f'"{city}"'.encode() for city in cities))
    listed = frozenset(map(Effect, effects.split(",")))
    entry = Entry(pattern=pattern, effects=listed, arguments={"/city": values} if cities else {})
    return Rights(entries=(entry,), pin_serial=SERIAL)


def handed(world: SimulatedWorld, **changed: Any) -> tuple[Grant, Grant]:
    """Return a stored root, and a link below it that is no wider: not stored yet, with members changed."""
    task = world.open_task(tools="weather/read")
    root = replace(
        task.grant,
        rights=in_oslo("Oslo", "Rome"),
        max_depth=1,
        max_calls=5,
        may_act=("worker",),
        keyid="key of planner",
    )
    world.store.grants[root.id] = root
    child = replace(root, id="grant-1", parent=root.id, agent="worker", depth=1, rights=in_oslo("Oslo"))
    return root, replace(child, **changed)


WIDER: Final[dict[str, dict[str, Any]]] = {
    "another tool": {"rights": Rights(entries=(*in_oslo("Oslo").entries, *authority("mail/send send").entries), pin_serial=SERIAL)},
    "a pattern": {"rights": in_oslo("Oslo", pattern="weather/*")},
    "another effect": {"rights": in_oslo("Oslo", effects="read,write")},
    "another argument": {"rights": in_oslo("Oslo", "Paris")},
    "no constraint": {"rights": in_oslo()},
    "what is pinned later": {"rights": replace(in_oslo("Oslo"), pin_serial=SERIAL + 1)},
    "an entry of no effects": {"rights": Rights(entries=(Entry(pattern="weather/read", effects=frozenset()),), pin_serial=SERIAL)},
    "more calls": {"max_calls": 6},
    "more depth": {"max_depth": 2},
    "anybody may act": {"may_act": None},
    "somebody else may act": {"may_act": ("worker", "thief")},
    "another owner": {"owner": "eve@example.com"},
    "another tenant": {"tenant": "other"},
}  # fmt: skip


@promise("P4")
@pytest.mark.parametrize("dimension", WIDER)
async def test_a_widened_link_is_refused_at_the_next_call(world: SimulatedWorld, dimension: str) -> None:
    """P4: though its seal holds and its token is ours: whoever wrote it, chains are proven at each call."""
    world.pin(WEATHER_READ, MAIL_SEND)
    _, child = handed(world)
    world.store.open_grant(child)
    assert result_of(await world.answer(CALL, bearer=world.token_for(child)))
    _, widened = handed(world, id="grant-2", **WIDER[dimension])
    world.store.open_grant(widened)

    reply = await world.answer(CALL, bearer=world.token_for(widened))

    assert reply == refusal(Reason.CHAIN_INVALID)
    assert await world.answer(tools_list(), bearer=world.token_for(widened)) == refusal(Reason.CHAIN_INVALID)
    assert len(world.tool_server.calls) == 1


@promise("P4")
@pytest.mark.parametrize(("sooner_ms", "longer_ms"), [(0, 1), (1, 0)])
async def test_time_is_no_way_to_be_wider(world: SimulatedWorld, sooner_ms: int, longer_ms: int) -> None:
    """P4, time: neither a later end nor an earlier beginning."""
    world.pin(WEATHER_READ)
    root, child = handed(world)
    child = replace(child, opened_ms=root.opened_ms - sooner_ms, expires_ms=root.expires_ms + longer_ms)
    world.store.open_grant(child)
    assert await world.answer(CALL, bearer=world.token_for(child)) == refusal(Reason.CHAIN_INVALID)


@promise("P4")
async def test_an_endpoint_is_no_way_to_another(world: SimulatedWorld) -> None:
    """P4, audience: from one server's endpoint to all of them, or to another's."""
    world.pin(WEATHER_READ, MAIL_SEND)
    task = world.open_task(server="weather")
    root = replace(task.grant, max_depth=1)
    world.store.grants[root.id] = root
    for number, audience in enumerate((BASE_URL, f"{BASE_URL}/servers/mail/mcp", f"{root.audience}/..")):
        child = replace(root, id=f"g-{number}", parent=root.id, agent="worker", depth=1, audience=audience)
        world.store.open_grant(child)
        reply = await world.answer(CALL, bearer=world.token_for(child))
        assert refusal_of(reply)["reason"] in {"CHAIN_INVALID", "WRONG_AUDIENCE"}
    assert world.tool_server.calls == []


@promise("P3", "P4")
async def test_a_pattern_that_was_handed_on_covers_nothing_that_is_pinned_later(world: SimulatedWorld) -> None:
    """P4: closed when the root was opened, though it is handed on after the pin; and a fresh task has it."""
    world.pin(WEATHER_READ)
    task = world.open_task(tools="weather/*")
    root = replace(task.grant, max_depth=2, keyid="key of planner")
    world.store.grants[root.id] = root
    world.pin(owned("weather/alert"))
    later = tools_call("weather__alert")

    child = delegated(world, root, "weather/*")
    exact = delegated(world, root, "weather/alert", to="painter")

    for grant in (root, child, exact):
        reply = await world.answer(later, bearer=world.token_for(grant))
        assert reply == refusal(Reason.UNKNOWN_TOOL)
    assert result_of(await world.answer(CALL, bearer=world.token_for(child)))
    fresh = world.open_task(tools="weather/*")
    assert result_of(await world.answer(later, bearer=fresh.token))
    assert [call.tool for call in world.tool_server.calls] == ["read", "alert"]


def delegated(world: SimulatedWorld, root: Grant, pattern: str, to: str = "worker") -> Grant:
    """Hand it on by the rules, now, and store it."""
    child = delegate(
        chain_of(root),
        Asker(agent=root.agent, keyid="key of planner", agreed_grant=root.id),
        a_receiver(to),
        asking(f"{pattern} read"),
        grant_id=f"grant-{to}",
        issuer=root.issuer,
        statement_digest="sha256:proof",
        targets=(),
        now_ms=world.clock.now_ms(),
    )
    world.store.open_grant(child)
    return child
