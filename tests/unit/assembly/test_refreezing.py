"""Unit tests of mediator/assembly/refreezing.py, over a real store and a real ledger; a store that is lost: tests/attacks.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from mediator.adapters.ledger_segments.ledger import SegmentLedger
from mediator.adapters.store_sqlite.store import SqliteStore
from mediator.assembly.refreezing import freeze_again, keep_rules_again
from mediator.canonical import Json, JsonObject
from mediator.evidence import Secret
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.clock import FixedClock
from tests.simulated.forged_tokens import NOW_MS

Change = tuple[str, str, int]


async def frozen_after(folder: Path, changes: Sequence[Change], *kept: str, odd: Sequence[Json] = ()) -> set[str]:
    """Write these changes down, and return what a store that has only kept these is brought to."""
    alarms: list[str] = []
    with SqliteStore(folder / "state.sqlite", Secret("k" * 32)) as store:
        for name in kept:
            store.freeze(name, "sha256:0")
        async with SegmentLedger(
            folder / "ledger", claims=store, streams=store, clock=FixedClock(), alarm=alarms.append
        ) as ledger:
            for kind, name, at in changes:
                ledger.note(kind, {"name": name, "statement": f"sha256:{at}", "who": "a", "reason": "b"}, at)
            for body in odd:
                assert isinstance(body, dict)
                ledger.note("frozen", body, NOW_MS)
            assert not ledger.store_was_older
        before = store.list_frozen()
        freeze_again(store, folder / "ledger", alarms.append)
        frozen = store.list_frozen()
    assert len(alarms) == len(frozen - before)
    return set(frozen)


@promise("P5", "P7")
@pytest.mark.parametrize(
    ("changes", "kept", "frozen"),
    [
        ([], [], set()),
        ([("frozen", "agent:a", NOW_MS)], [], {"agent:a"}),
        ([("frozen", "agent:a", NOW_MS)], ["agent:a"], {"agent:a"}),
        ([("frozen", "agent:a", NOW_MS), ("unfrozen", "agent:a", NOW_MS + 1)], [], set()),
        ([("frozen", "agent:a", NOW_MS), ("unfrozen", "agent:a", NOW_MS)], [], {"agent:a"}),
        (
            [("frozen", "agent:a", NOW_MS), ("unfrozen", "agent:a", NOW_MS + 1), ("frozen", "agent:a", NOW_MS + 2)],
            ["agent:b"],
            {"agent:a", "agent:b"},
        ),
        ([("unfrozen", "agent:a", NOW_MS)], ["agent:a"], {"agent:a"}),
        ([("frozen", "everything", NOW_MS)], [], {"everything"}),
        ([("frozen", "agent:a", NOW_MS)], ["everything"], {"everything"}),
    ],
    ids=lambda one: str(sorted(one) if isinstance(one, set) else one),
)
async def test_a_store_is_brought_to_stop_whoever_the_ledger_says_is_stopped(
    tmp_path: Path, changes: list[Change], kept: list[str], frozen: set[str]
) -> None:
    """Ours: it only narrows; and where two changes are of one moment, the one that stops counts."""
    assert await frozen_after(tmp_path, changes, *kept) == frozen


async def test_a_note_of_another_form_stops_nobody(tmp_path: Path) -> None:
    """Ours: it is none of ours, and no reason not to start."""
    odd: list[JsonObject] = [{}, {"name": 1, "statement": "x"}, {"name": "agent:a"}]
    assert await frozen_after(tmp_path, [], odd=odd) == set()


@promise("P7")
def test_where_nothing_can_be_read_nothing_starts(tmp_path: Path) -> None:
    """Fail closed."""
    with SqliteStore(tmp_path / "state.sqlite", Secret("k" * 32)) as store, pytest.raises(Refused) as stop:
        freeze_again(store, tmp_path / "nowhere", print)
    assert stop.value.reason is Reason.LEDGER_UNAVAILABLE


@promise("P5", "P7")
@pytest.mark.parametrize("is_stopped", [False, True])
async def test_a_rule_that_stands_in_the_ledger_is_kept_again(tmp_path: Path, is_stopped: bool) -> None:
    """Ours: what was taken out stays out; where everything is stopped there is nothing to keep."""
    alarms: list[str] = []
    with SqliteStore(tmp_path / "state.sqlite", Secret("k" * 32)) as store:
        store.keep_rule("loop of owner", "sha256:0")
        if is_stopped:
            store.freeze("everything", "sha256:1")
        async with SegmentLedger(tmp_path / "ledger", claims=store, streams=store, clock=FixedClock()) as ledger:
            for at, (kind, rule) in enumerate(
                [
                    ("freeze.rule.kept", "loop of task"),
                    ("freeze.rule.kept", "loop of owner"),
                    ("freeze.rule.kept", "loop of agent"),
                    ("freeze.rule.dropped", "loop of task"),
                ]
            ):
                ledger.note(kind, {"rule": rule, "statement": f"sha256:{at}", "who": "a", "reason": "b"}, NOW_MS + at)
            ledger.note("freeze.rule.kept", {"rule": 7, "statement": "sha256:9"}, NOW_MS)
        keep_rules_again(store, tmp_path / "ledger", alarms.append)
        expected = {"loop of owner": "sha256:0"} | ({} if is_stopped else {"loop of agent": "sha256:2"})
        assert store.list_rules() == expected
    assert len(alarms) == len(expected) - 1
