"""Rules at work, over a real store and a real ledger; through a whole mediator: tests/attacks/test_freeze_rules.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mediator.adapters.ledger_segments.ledger import SegmentLedger
from mediator.adapters.ledger_segments.showing import Wanted, find_entries
from mediator.adapters.store_sqlite.store import SqliteStore
from mediator.assembly.tripping import Tripping
from mediator.canonical import Digest, JsonObject
from mediator.kind import ItemKind
from mediator.mediation.quarantine import Quarantined, QuarantineKey
from mediator.refusal import Reason, Refused
from tests.contracts.stores import sqlite_in
from tests.promises import promise
from tests.simulated.clock import FixedClock
from tests.simulated.grants import a_grant
from tests.simulated.ids import ids_of
from tests.simulated.judged import denied

RULE = "denials > 1 in 60s of agent"
HELD = Quarantined(
    key=QuarantineKey(server="clock", kind=ItemKind.TOOL, name="now", statement_digest=Digest("sha256:s")),
    since_ms=7,
    found={},
)


@dataclass(kw_only=True)
class Stand:
    """A ledger that tells of its denials."""

    folder: Path
    store: SqliteStore
    ledger: SegmentLedger
    tripping: Tripping
    alarms: list[str] = field(default_factory=list)

    async def deny(self, *numbers: int) -> None:
        for number in numbers:
            await self.ledger.commit(denied(number, reason=Reason.NOT_COVERED))

    @property
    def frozen(self) -> list[JsonObject]:
        entries = find_entries(self.folder / "ledger", Wanted(kind="frozen")).entries
        return [body for entry in entries if isinstance(body := entry["body"], dict)]


@asynccontextmanager
async def standing(folder: Path, *rules: str) -> AsyncIterator[Stand]:
    alarms: list[str] = []
    with sqlite_in(folder) as store:
        for rule in rules:
            store.keep_rule(rule, f"sha256:{rule}")
        clock = FixedClock()
        tripping = Tripping(store=store, clock=clock, alarm=alarms.append, ledger=lambda: ledger)
        tripping.look()
        ledger = SegmentLedger(
            folder / "ledger", claims=store, streams=store, clock=clock, alarm=alarms.append, watch=tripping.denied
        )
        async with ledger:
            yield Stand(folder=folder, store=store, ledger=ledger, tripping=tripping, alarms=alarms)


@promise("P9")
async def test_who_trips_a_rule_is_frozen_with_the_record_that_tripped_it(tmp_path: Path) -> None:
    """Issue 7: by itself; the entry says by which rule, and which decisions showed it."""
    async with standing(tmp_path, RULE) as stand:
        await stand.deny(1)
        assert stand.store.list_frozen() == frozenset()
        epoch = stand.store.epoch()
        await stand.deny(2)
        assert stand.store.list_frozen() == {"agent:planner"}
        assert stand.store.epoch() == epoch + 1
        assert stand.frozen == [
            {
                "name": "agent:planner",
                "reason": f"the rule `{RULE}`",
                "who": None,
                "rule": RULE,
                "evidence": [ids_of(number).decision_id for number in (1, 2)],
                "statement": f"sha256:{RULE}",
            }
        ]
        await stand.deny(3, 4)  # frozen already: nothing more is said
        assert len(stand.frozen) == 1
        assert stand.alarms == [f"`agent:planner` is frozen by the rule `{RULE}`"]


async def test_denials_are_counted_for_their_task_and_their_agent(tmp_path: Path) -> None:
    """Issue 7: apart from calls, and across a restart."""
    async with standing(tmp_path) as stand:
        stand.store.open_grant(a_grant(), b"signed")
        await stand.deny(1, 2, 3)
        found = stand.store.gather("g-1")
        assert (found.calls, found.denials, found.last_used_ms) == (0, 3, None)
    async with standing(tmp_path) as stand:
        await stand.deny(4)
        assert (stand.store.gather("g-1").denials, stand.store.denials_of("planner")) == (4, 4)
        assert stand.store.denials_of("another") == 0


async def test_who_is_nobody_is_neither_counted_nor_frozen(tmp_path: Path) -> None:
    """Ours: a grant that is not stored."""
    async with standing(tmp_path, "denials > 0 in 1s of everything") as stand:
        await stand.ledger.commit(denied(1, known=False))
        assert stand.store.list_frozen() == frozenset()


async def test_drift_freezes_its_server(tmp_path: Path) -> None:
    """Issue 7."""
    async with standing(tmp_path, "drift of server") as stand:
        stand.tripping.drifted(HELD, "sha256:d")
        assert [(body["name"], body["evidence"]) for body in stand.frozen] == [("server:clock", ["sha256:d"])]


async def test_a_rule_that_was_taken_out_meanwhile_freezes_nobody(tmp_path: Path) -> None:
    """Ours: also where nobody has said so here."""
    async with standing(tmp_path, "drift of server") as stand:
        stand.store.drop_rule("drift of server")
        stand.tripping.drifted(HELD, "sha256:d")
        assert stand.store.list_frozen() == frozenset()


@promise("P7")
async def test_what_cannot_be_frozen_or_counted_is_an_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: nobody's record is lost for it."""

    def fails(*_: object) -> None:
        raise Refused(Reason.STORE_UNAVAILABLE, "locked")

    async with standing(tmp_path, "drift of server") as stand:
        monkeypatch.setattr(SqliteStore, "freeze", fails)
        monkeypatch.setattr(SqliteStore, "count_denial", fails)
        await stand.deny(1)
        stand.tripping.drifted(HELD, "sha256:d")
        assert [alarm.split(":")[0] for alarm in stand.alarms] == ["a denial was not counted", "`server"]
        assert len(find_entries(tmp_path / "ledger", Wanted(kind="decision")).entries) == 1
