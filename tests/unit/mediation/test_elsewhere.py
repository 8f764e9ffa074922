"""Tokens that are not ours, in the corridor: keys are learnt once and asked again, tasks are opened at their first use.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from mediator.canonical import Json, JsonObject, canonical_bytes, parse_object
from mediator.identity.dsse import SigningKey
from mediator.identity.identify import Identified
from mediator.identity.keys import key_set
from mediator.identity.terms import ClaimMapping, ClaimOr, IssuerTerms
from mediator.mediation.elsewhere import NOBODY_APPROVES, NOBODY_ELSE
from mediator.mediation.record import committed
from mediator.mediation.replay import recorded, replay
from mediator.mediation.scopes import open_for_scopes
from mediator.policy.decision import Verdict
from mediator.refusal import Reason, Refused
from mediator.wire.arrival import Arrival
from tests.promises import promise
from tests.simulated.forged_tokens import ISSUER, KEY, forge, good_claims, jwk_of, without
from tests.simulated.world import (
    BASE_URL,
    WEATHER_READ,
    SimulatedWorld,
    arrival_of,
    message,
    refusal,
    refusal_of,
    result_of,
    tools_call,
    tools_list,
)

CALL = tools_call("weather__read", city="Oslo")
MAPPING = ClaimMapping(
    name="corp",
    agent_claim="sub",
    owner=ClaimOr(fixed="alice@example.com"),
    agent_class=ClaimOr(),
    team=ClaimOr(),
    scope_claim="scope",
)


@dataclass(slots=True)
class SimulatedIssuers:
    """Knows the keys of one issuer, and puts them in force when they are asked for; opens tasks in the world's store."""

    world: SimulatedWorld
    publishes: bool = True
    opens: bool = True
    asked: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)

    def put(self, keys: list[Json] | None) -> None:
        forms: JsonObject | None = None if keys is None else {"keys": keys}
        snapshot = self.world.trust.snapshot()
        given = {ISSUER: (forms, ("EdDSA",))}
        self.world.trust.renew(replace(snapshot, keys=key_set(given, terms={ISSUER: IssuerTerms(opens=MAPPING)})))

    async def learn(self, issuer: str) -> bool:
        self.asked.append(issuer)
        if self.publishes:
            self.put([jwk_of(KEY)])
        return self.publishes

    def open(self, identity: Identified, now_ms: int) -> None:
        if not self.opens:
            raise Refused(Reason.RATE_LIMITED)
        serial = self.world.trust.snapshot().pins.serial
        grant, _ = open_for_scopes(
            identity, pin_serial=serial, audience=BASE_URL, minutes=5, salt="5a17" * 8, now_ms=now_ms
        )
        self.opened.append(grant.id)
        self.world.store.open_grant(grant)


@pytest.fixture
def issuers() -> SimulatedIssuers:
    world = SimulatedWorld()
    world.pin(WEATHER_READ)
    simulated = SimulatedIssuers(world)
    world.corridor.ports = replace(world.corridor.ports, issuers=simulated)
    simulated.put(None)
    return simulated


def token_of(world: SimulatedWorld, **claims: Json) -> str:
    now = world.clock.now_ms() // 1000
    said = without(good_claims(aud=BASE_URL, iat=now, exp=now + 300, scope="server:weather effect:read"), "grant")
    return forge(claims=said | claims).reveal()


@promise("P7")
async def test_a_key_that_is_not_known_is_learnt_and_the_call_made(issuers: SimulatedIssuers) -> None:
    """Design 4: `UNKNOWN_KEY(issuer)`: once, and from the second step again; nothing was counted against it."""
    token = token_of(issuers.world)
    assert "isError" not in result_of(await issuers.world.answer(CALL, bearer=token))
    assert issuers.asked == [ISSUER]
    assert (await issuers.world.answer(tools_list(), bearer=token)).status == 200
    assert (issuers.asked, len(issuers.opened), sum(issuers.world.ledger.stops.values())) == ([ISSUER], 1, 0)


@promise("P7")
async def test_a_key_that_nobody_publishes_is_asked_for_once(issuers: SimulatedIssuers) -> None:
    """Ours: and the call is refused as before."""
    for publishes, forged in ((False, token_of(issuers.world)), (True, forge(sign=lambda _: b"x" * 64).reveal())):
        issuers.publishes, issuers.asked = publishes, []
        reply = await issuers.world.answer(CALL, bearer=forged)
        assert reply.status == 401
        assert issuers.asked == [ISSUER]
    assert issuers.world.tool_server.calls == []


async def test_what_is_long_is_read_once_its_key_is_learnt(issuers: SimulatedIssuers) -> None:
    """Ours: who is nobody is not read at length, and who becomes somebody is."""
    long = tools_call("weather__read", city="O" * 70_000)
    assert refusal_of(await issuers.world.answer(long, bearer=token_of(issuers.world))) is None or issuers.asked
    assert issuers.asked == [ISSUER]
    issuers.publishes = False
    issuers.put(None)
    assert (await issuers.world.answer(long, bearer=token_of(issuers.world))).status == 401


async def test_nothing_is_learnt_for_any_other_reason(issuers: SimulatedIssuers) -> None:
    """Ours: nor for a token of which nobody can say whose it is."""
    corridor = issuers.world.corridor
    arrival = arrival_of(CALL, bearer=token_of(issuers.world))
    for shown, stop in (
        (arrival, Refused(Reason.BAD_CREDENTIAL)),
        (arrival, Refused(Reason.UNKNOWN_KEY, decision_id="d")),
        (arrival_of(CALL, bearer=None), Refused(Reason.UNKNOWN_KEY)),
        (arrival_of(CALL, bearer="x"), Refused(Reason.UNKNOWN_KEY)),
    ):
        assert isinstance(shown, Arrival)
        assert not await corridor.learns(shown, stop)
    assert issuers.asked == []


@promise("P9")
async def test_a_task_that_cannot_be_opened_is_a_denial_on_record(issuers: SimulatedIssuers) -> None:
    """P9: whoever was identified leaves a record."""
    issuers.put([jwk_of(KEY)])
    issuers.opens = False
    assert await issuers.world.answer(CALL, bearer=token_of(issuers.world)) == refusal(Reason.RATE_LIMITED)
    assert issuers.world.ledger.last.decision.verdict is Verdict.DENY


@promise("P7")
async def test_where_nobody_else_issues_tokens_nothing_is_learnt_or_opened() -> None:
    """P7: empty is never permission."""
    world = SimulatedWorld()
    world.pin(WEATHER_READ)
    assert not await NOBODY_ELSE.learn(ISSUER)
    issuers = SimulatedIssuers(world)
    issuers.put([jwk_of(KEY)])
    assert await world.answer(CALL, bearer=token_of(world)) == refusal(Reason.GRANT_UNKNOWN)
    assert (await world.answer(message("ping"), bearer=token_of(world))).status == 200


@promise("P8")
async def test_a_call_by_a_token_that_brought_its_task_can_be_judged_again(issuers: SimulatedIssuers) -> None:
    """P8: what the token said stands in the record, the task among the circumstances; an allow, and a missing scope."""
    issuers.put([jwk_of(KEY)])
    for scope in ("server:weather effect:read", "server:weather effect:write"):
        await issuers.world.answer(CALL, bearer=token_of(issuers.world, scope=scope))
        record = issuers.world.ledger.last.record
        entry, values = parse_object(canonical_bytes(record.entry)), parse_object(canonical_bytes(record.values))
        assert replay(entry, values, issuers.world.trust.snapshot()) == recorded(entry)
    assert issuers.world.ledger.last.decision.refusal().reason is Reason.INSUFFICIENT_SCOPE


@promise("P5", "P7")
async def test_a_key_that_is_withdrawn_takes_a_call_under_way_along(issuers: SimulatedIssuers) -> None:
    """The issue: removal takes effect at once, at the fence; other keys move nothing that is under way."""
    issuers.put([jwk_of(KEY)])
    other = jwk_of(SigningKey.generate())
    both: list[Json] = [jwk_of(KEY), other]
    issuers.world.at("call", lambda: issuers.put(both))
    assert "isError" not in result_of(await issuers.world.answer(CALL, bearer=token_of(issuers.world)))
    issuers.world.at("call", lambda: issuers.put([other]))
    reply = await issuers.world.answer(CALL, bearer=token_of(issuers.world))
    assert reply == refusal(Reason.TRY_AGAIN)
    assert len(issuers.world.tool_server.calls) == 1


async def test_where_nobody_approves_a_denial_is_what_it_was() -> None:
    """Ours: nothing is kept, and nobody waits."""
    world = SimulatedWorld()
    await world.answer(CALL, bearer=world.open_task().token)
    denied = world.ledger.last
    with pytest.raises(Refused) as stop:
        NOBODY_APPROVES.request(committed(denied.decision, denied.record))
    assert stop.value.reason is Reason.UNKNOWN_TOOL
    await NOBODY_APPROVES.until_decided("approval-1")
    with pytest.raises(NotImplementedError):
        NOBODY_APPROVES.url("approval-1")
