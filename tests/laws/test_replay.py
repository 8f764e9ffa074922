"""Law 6: the judgement is a function. A recorded decision comes out the same again, and it reads no clock and no dice.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
import random
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.canonical import Json, JsonObject, canonical_bytes, digest_of, parse_object
from mediator.mediation.deliberate import deliberate
from mediator.mediation.record import decision_entry
from mediator.mediation.replay import recorded, replay
from tests.promises import promise
from tests.simulated.arrivals import enveloped
from tests.simulated.pauses import Hook
from tests.simulated.world import DEFAULT_POLICIES, LIST_ONLY, SimulatedWorld, owned, raises

ANY = {"type": "object", "additionalProperties": True}
CHANGES: dict[str, Callable[[SimulatedWorld], Hook]] = {
    "move the epoch": lambda world: world.store.move_epoch,
    "freeze": lambda world: lambda: world.freeze("agent:planner"),
    "fail": lambda _world: raises(LookupError("no such column")),
}

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcXY", max_size=4), inner, max_size=3),
    max_leaves=6,
)


@contextmanager
def no_clock_and_no_dice() -> Iterator[None]:
    """Let whatever is not in the arguments raise when it is asked for."""

    def forbidden(*_: object) -> NoReturn:
        raise AssertionError("the judgement asked for what was not passed in")

    with pytest.MonkeyPatch.context() as patch:
        for module, name in [
            (time, "time"),
            (time, "time_ns"),
            (time, "monotonic"),
            (random, "random"),
            (os, "urandom"),
            (secrets, "token_hex"),
            (secrets, "token_bytes"),
        ]:
            patch.setattr(module, name, forbidden)
        yield


@promise("P8")
@given(
    name=st.sampled_from(["notes__find", "notes__add", "notes__drop", "notes__gone"]),
    arguments=st.dictionaries(st.sampled_from(["text", "tag", "Text", "__entity"]), values, max_size=3),
    tools=st.sampled_from(["*", "notes/*", "notes/drop", "other/*"]),
    effects=st.sets(st.sampled_from(["read", "write", "delete"]), min_size=1),
    max_calls=st.none() | st.integers(1, 3),
    idle_minutes=st.none() | st.integers(1, 3),
    wait_minutes=st.integers(0, 5),
    policies=st.sampled_from([DEFAULT_POLICIES, {"list-only.cedar": LIST_ONLY}]),
    gather=st.none() | st.sampled_from(sorted(CHANGES)),
    commit=st.lists(st.sampled_from(["move the epoch", "freeze"]), max_size=3),
)
def test_a_recorded_decision_comes_out_the_same_again(
    name: str,
    arguments: dict[str, Json],
    tools: str,
    effects: set[str],
    max_calls: int | None,
    idle_minutes: int | None,
    wait_minutes: int,
    policies: dict[str, str],
    gather: str | None,
    commit: list[str],
) -> None:
    """P8: read back from the bytes that were written, under the same trust."""
    world = SimulatedWorld()
    world.pin(
        owned("notes/find", "text", "tag"),
        owned("notes/add", "text", effect="write"),
        owned("notes/drop", "text", effect="delete", targets={"/text": "path"}),
    )
    world.activate(policies)
    task = world.open_task(tools=tools, effects=sorted(effects), max_calls=max_calls, idle_minutes=idle_minutes)
    world.clock.advance(minutes=wait_minutes)
    for change in commit:
        world.at("commit", CHANGES[change](world))
    if gather is not None:
        world.at("gather", CHANGES[gather](world))
    asked = enveloped("tools/call", {"name": name, "arguments": arguments})

    async def ask() -> None:
        await world.answer(asked, bearer=task.token)

    anyio.run(ask)
    (kept,) = world.ledger.decisions
    (entry,) = map(reread, world.ledger.notes("decision"))
    with no_clock_and_no_dice():
        again = replay(entry, reread(kept.record.values), world.trust.snapshot())
    assert again == recorded(entry)
    assert digest_of(again) == digest_of(recorded(entry))


@promise("P8")
@given(text=st.text(max_size=20))
def test_the_same_arguments_give_the_same_record(text: str) -> None:
    """House style, law 6."""
    world = SimulatedWorld()
    world.pin(owned("notes/find", "text"))
    task = world.open_task()

    async def ask() -> None:
        await world.answer(
            enveloped("tools/call", {"name": "notes__find", "arguments": {"text": text}}), bearer=task.token
        )

    anyio.run(ask)
    made = world.ledger.last.decision
    with no_clock_and_no_dice():
        again = deliberate(
            call=made.call,
            identity=made.identity,
            snapshot=made.snapshot,
            circumstances=made.circumstances,
            now_ms=made.now_ms,
            ids=made.ids,
        )
    assert digest_of(decision_entry(again)) == digest_of(decision_entry(made))


def reread(form: JsonObject) -> JsonObject:
    """Return what stands in a file after it was written there."""
    return parse_object(canonical_bytes(form))
