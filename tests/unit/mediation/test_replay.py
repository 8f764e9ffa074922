"""Replay: a recorded decision is judged again and comes out the same; and what cannot be read is not guessed at.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any

import pytest

from mediator.canonical import Json, JsonObject, canonical_bytes, parse_object
from mediator.delegation.constraint import PathBelow
from mediator.mediation.replay import recorded, replay
from mediator.mediation.trust import TrustSnapshot
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.arrivals import enveloped
from tests.simulated.world import FILES_WRITE, WEATHER_READ, SimulatedWorld, owned, raises, tools_call

TRACED = enveloped(
    "tools/call",
    {"name": "weather__read", "arguments": {"city": "Oslo"}},
    meta={"traceparent": f"00-{'c' * 32}-{'e' * 16}-01"},
)
CALLS: dict[str, JsonObject] = {
    "an allow": tools_call("weather__read", city="Oslo"),
    "an allow in a caller's trace": TRACED,
    "an unknown tool": tools_call("weather__write"),
    "arguments that do not fit": tools_call("weather__read", town="Oslo"),
    "an effect that is not covered": tools_call("files__write", path="/a", text="b"),
}


async def kept(world: SimulatedWorld, asked: JsonObject) -> tuple[JsonObject, JsonObject, TrustSnapshot]:
    """Return entry and values of one call as they were written, and the snapshot."""
    task = world.open_task(max_calls=3)
    await world.answer(asked, bearer=task.token)
    values = parse_object(canonical_bytes(world.ledger.last.record.values))
    (entry,) = [entry for entry in world.ledger.notes("decision") if entry["id"] == values["id"]]
    return parse_object(canonical_bytes(entry)), values, world.trust.snapshot()


@pytest.fixture
def world() -> SimulatedWorld:
    world = SimulatedWorld()
    world.pin(WEATHER_READ, FILES_WRITE)
    return world


@promise("P8")
@pytest.mark.parametrize("case", CALLS)
async def test_a_recorded_decision_comes_out_the_same(world: SimulatedWorld, case: str) -> None:
    """P8: any recorded decision whose values are kept can be replayed."""
    entry, values, snapshot = await kept(world, CALLS[case])
    assert replay(entry, values, snapshot) == recorded(entry)


@promise("P8")
@pytest.mark.parametrize("point", ["gather", "commit"])
async def test_what_stopped_it_from_outside_the_judgement_is_taken_as_recorded(
    world: SimulatedWorld, point: Any
) -> None:
    """Ours: a store that was locked then is not locked now."""
    stop = Refused(Reason.STORE_UNAVAILABLE, "locked", sentence="a sentence", remedy="a remedy")
    world.at(point, raises(stop))
    entry, values, snapshot = await kept(world, CALLS["an allow"])
    assert entry["reason"] == "STORE_UNAVAILABLE"
    assert replay(entry, values, snapshot) == recorded(entry)


@promise("P8")
async def test_a_decision_that_was_given_up_comes_out_the_same(world: SimulatedWorld) -> None:
    """Ours: an epoch that moved at every attempt."""
    world.at("commit", *[world.store.move_epoch] * 3)
    entry, values, snapshot = await kept(world, CALLS["an allow"])
    assert entry["reason"] == "TRY_AGAIN"
    assert replay(entry, values, snapshot) == recorded(entry)


@promise("P8", "P10")
@pytest.mark.parametrize(
    "forged",
    [{"verdict": "allow"}, {"reason": None}, {"owner": "mallory"}, {"claims": []}, {"step": "decide"}, {"item": {}}],
)
async def test_an_entry_that_was_edited_comes_out_otherwise(world: SimulatedWorld, forged: JsonObject) -> None:
    """Ours: what was not decided so is not recorded so."""
    entry, values, snapshot = await kept(world, CALLS["an effect that is not covered"])
    entry |= forged
    expected = forged in [{"step": "decide"}, {"claims": []}]  # what it says anyway
    assert (replay(entry, values, snapshot) == recorded(entry)) is expected


@promise("P8", "P10")
@pytest.mark.parametrize("path", ["/reports/a", "/secrets"])
async def test_constraints_are_kept_apart_and_judged_by_again(world: SimulatedWorld, path: str) -> None:
    """Ours: they hold values, which the entry does not; whether they were kept is decided anew."""
    asked = tools_call("files__write", path=path, text="b")
    task = world.open_task(tools="files/*", effects=["write"], arguments={"/path": PathBelow("/reports")})
    await world.answer(asked, bearer=task.token)
    values: Any = parse_object(canonical_bytes(world.ledger.last.record.values))
    entry = parse_object(canonical_bytes(world.ledger.last.record.entry))
    snapshot, (grant,) = world.trust.snapshot(), values["grants"]
    assert b"/reports" not in canonical_bytes(entry)
    again = replay(entry, values, snapshot)
    assert again == recorded(entry)
    if entry["reason"] == "NOT_COVERED":
        assert "/path" in str(again["remedy"])
    for edited in ([], [{"pattern": "*/*", "effects": ["write"], "arguments": {}}]):
        changed = {**values, "grants": {grant: {**values["grants"][grant], "entries": edited}}}
        assert replay(entry, changed, snapshot) != recorded(entry)
    gone = {**values, "grants": {grant: {"purpose": "plan a trip", "salt": "0"}}}
    with pytest.raises(Refused):
        replay(entry, gone, snapshot)


@promise("P8")
async def test_under_other_trust_nothing_is_said(world: SimulatedWorld) -> None:
    """Ours: then an answer would say nothing."""
    entry, values, _ = await kept(world, CALLS["an allow"])
    world.pin(owned("weather/forecast"))
    with pytest.raises(Refused) as stop:
        replay(entry, values, world.trust.snapshot())
    assert stop.value.reason is Reason.SNAPSHOT_TOO_OLD


def without(*path: str) -> Any:
    def change(entry: Any, _values: Any) -> None:
        for step in path[:-1]:
            entry = entry[step]
        del entry[path[-1]]

    return change


def with_entry(**members: Json) -> Any:
    return lambda entry, _values: entry.update(members)


def with_values(**members: Json) -> Any:
    return lambda _entry, values: values.update(members)


BROKEN: dict[str, Any] = {
    "no id": without("id"),
    "a time that is none": with_entry(at="now"),
    "no spans": without("spans"),
    "no call": without("call"),
    "no identity": without("identity"),
    "no circumstances": without("circumstances"),
    "circumstances without grants": without("circumstances", "grants"),
    "a grant that is none": lambda entry, _values: entry["circumstances"].update({"grants": ["g-1"]}),
    "erased values": lambda _entry, values: values.clear(),
    "other arguments": with_values(arguments={"city": "Bergen"}),
    "no purposes": with_values(grants={}),
    "given up for no reason": with_entry(step="commit", reason=None),
    "given up for a reason that is none": with_entry(step="commit", reason="BECAUSE", detail=""),
}


@promise("P7", "P8")
@pytest.mark.parametrize("case", BROKEN)
async def test_what_cannot_be_read_is_refused(world: SimulatedWorld, case: str) -> None:
    """House style 4: whatever is missing, unknown or half-read is a refusal."""
    entry, values, snapshot = await kept(world, CALLS["an allow"])
    BROKEN[case](entry, values)
    with pytest.raises(Refused) as stop:
        replay(entry, values, snapshot)
    assert stop.value.reason is Reason.MALFORMED
