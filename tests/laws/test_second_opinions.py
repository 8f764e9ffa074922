"""Second opinions in the corridor: no call is made without them, whatever moves meanwhile; and what was said is replayed.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from mediator.canonical import Json
from mediator.effect import Effect
from mediator.mediation.circumstances import circumstances_form, parse_circumstances
from mediator.mediation.opinion import Answer, DecisionPoint, Opinion, OpinionRequest
from mediator.mediation.replay import recorded, replay
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.pauses import Hook
from tests.simulated.world import FILES_WRITE, WEATHER_READ, SimulatedWorld, refusal, result_of, tools_call

WRITE = tools_call("files__write", path="/srv/a", text="x")
POINTS = tuple(DecisionPoint(name=name, effects=frozenset({Effect.WRITE})) for name in ("house", "group"))


@dataclass(slots=True)
class Points:
    """Decision points that answer as they are told; `meanwhile` happens while they think."""

    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[tuple[str, ...], str]] = field(default_factory=list)
    meanwhile: list[Hook] = field(default_factory=list)
    lie: bool = False

    async def ask(self, names: Sequence[str], request: OpinionRequest) -> tuple[Opinion, ...]:
        self.asked.append((tuple(names), request.request_hash))
        for step in self.meanwhile:
            step()
        hashed = "sha256:another" if self.lie else request.request_hash
        return tuple(
            Opinion(of=name, request_hash=hashed, answer=self.answers.get(name, Answer.ALLOW)) for name in names
        )


@pytest.fixture
def points() -> Points:
    return Points()


@pytest.fixture
def world(points: Points) -> SimulatedWorld:
    world = SimulatedWorld()
    world.pin(WEATHER_READ, FILES_WRITE)
    world.corridor.ports = replace(world.corridor.ports, opinions=points)
    world.trust.renew(replace(world.trust.snapshot(), decision_points=POINTS))
    return world


def token_of(world: SimulatedWorld) -> str:
    return world.open_task(tools=["files/*", "weather/*"], effects=["read", "write"]).token


def replays(world: SimulatedWorld) -> bool:
    entry = world.ledger.notes("decision")[-1]
    again = replay(entry, world.ledger.last.record.values, world.trust.snapshot())
    return again == recorded(entry)


@promise("P7", "P8")
async def test_everybody_who_is_named_allows_or_nothing_is_done(world: SimulatedWorld, points: Points) -> None:
    """Design 4: asked after an allow of ours alone; judged again with what they said; on record, and replayed."""
    token = token_of(world)
    assert not result_of(await world.answer(WRITE, bearer=token)).get("isError", False)
    assert replays(world)
    done = len(world.tool_server.calls)
    for answer, reason in ((Answer.DENY, Reason.DENIED_BY_POLICY), (Answer.UNAVAILABLE, Reason.POLICY_ERROR)):
        points.answers["group"] = answer
        assert await world.answer(WRITE, bearer=token) == refusal(reason)
        assert replays(world)
    assert len(world.tool_server.calls) == done
    assert {names for names, _ in points.asked} == {("house", "group")}


async def test_nobody_is_asked_about_what_is_denied_anyway_or_only_reads(world: SimulatedWorld, points: Points) -> None:
    """Ours: what is refused here is told to nobody outside."""
    reading = world.open_task(tools=["files/*", "weather/*"], effects=["read"]).token
    assert await world.answer(WRITE, bearer=reading) == refusal(Reason.NOT_COVERED)
    await world.answer(tools_call("weather__read", city="Oslo"), bearer=reading)
    assert points.asked == []
    assert [call.tool for call in world.tool_server.calls] == ["read"]


@promise("P7")
async def test_an_opinion_of_another_request_is_none(world: SimulatedWorld, points: Points) -> None:
    """P7: also where whoever asks mistakes one for the other."""
    points.lie = True
    assert await world.answer(WRITE, bearer=token_of(world)) == refusal(Reason.DENIED_BY_POLICY)
    assert world.tool_server.calls == []


@promise("P1", "P7")
@pytest.mark.parametrize("what", ["revoked", "frozen", "quarantined", "epoch"])
async def test_what_moves_while_they_think_is_seen(world: SimulatedWorld, points: Points, what: str) -> None:
    """Design 4: the judgement after it is under what holds then."""
    task = world.open_task(tools="files/*", effects=["write"])
    steps: dict[str, Hook] = {
        "revoked": lambda: world.revoke(task),
        "frozen": lambda: world.freeze("agent:planner"),
        "quarantined": lambda: world.quarantine("files", "write"),
        "epoch": world.store.move_epoch,
    }
    points.meanwhile.append(steps[what])
    answer = await world.answer(WRITE, bearer=task.token)
    if what == "epoch":
        assert [call.tool for call in world.tool_server.calls] == ["write"]
    else:
        reasons = {"revoked": Reason.GRANT_REVOKED, "frozen": Reason.FROZEN, "quarantined": Reason.UNKNOWN_TOOL}
        assert answer == refusal(reasons[what])
        assert world.tool_server.calls == []


@promise("P8")
def test_recorded_opinions_are_read_back_or_refused() -> None:
    """P8: a record that nobody wrote so is none."""
    world = SimulatedWorld()
    opinion = Opinion(of="house", request_hash="sha256:1", answer=Answer.ALLOW)
    circumstances = replace(world.store.gather("g-1"), opinions=(opinion,))
    form = circumstances_form(circumstances)
    assert parse_circumstances(form) == circumstances
    broken_forms: list[Json] = ["x", [1], [{"of": "house"}]]
    for broken in broken_forms:
        with pytest.raises(Refused):
            parse_circumstances({**form, "opinions": broken})
