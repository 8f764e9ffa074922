"""What was used or denied stays so in a store that says otherwise.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

from mediator.assembly.ending_again import end_again
from mediator.assembly.folder import Folder
from mediator.canonical import JsonObject
from mediator.identity.statement import Role
from tests.promises import promise
from tests.simulated.opened import opened
from tests.unit.assembly.test_approvals import ID, Trust, approves, put, world


@promise("P6", "P10")
async def test_only_what_waits_to_be_used_is_looked_for(home: Folder) -> None:
    """Ours: a request that nobody approved gives nothing; entries of anybody else's are none."""
    alarms: list[str] = []
    async with opened(home, alarms) as mediator:
        desk = replace(mediator.approvals, trust=Trust(world().trust.snapshot()))
        put(mediator, desk)
        now_ms = desk.clock.now_ms()
        used: JsonObject = {"approval": ID}
        for body in ({}, {"approval": 7}, {"approval": "approval-x"}, used):
            mediator.ports.ledger.note("approval.used", {**body}, now_ms)
        end_again(mediator.store, desk.operators, home.ledger, now_ms, alarms.append)
        assert (alarms, desk.store.approvals.find(ID) is None) == ([], False)
        desk.decide(approves(mediator))
        end_again(mediator.store, desk.operators, home.ledger, now_ms + 600_000, alarms.append)
        assert alarms == []
        end_again(mediator.store, desk.operators, home.ledger, now_ms, alarms.append)
        assert alarms == [f"`{ID}` is in the store as if it waited to be used, and is no more: `approval.used`"]
        assert desk.store.approvals.find(ID) is None


@promise("P6")
async def test_what_somebody_approved_who_no_longer_is_one_is_none(home: Folder) -> None:
    """Ours: removed, or in other roles, between two starts."""
    alarms: list[str] = []
    async with opened(home, alarms) as mediator:
        desk = replace(mediator.approvals, trust=Trust(world().trust.snapshot()))
        now_ms = desk.clock.now_ms()
        put(mediator, desk)
        desk.decide(approves(mediator))
        end_again(mediator.store, desk.operators, home.ledger, now_ms, alarms.append)
        assert alarms == []
        people = {
            keyid: replace(person, roles=frozenset({Role.OWNER})) for keyid, person in desk.operators.by_keyid.items()
        }
        end_again(mediator.store, replace(desk.operators, by_keyid=people), home.ledger, now_ms, alarms.append)
        assert (len(alarms), desk.store.approvals.find(ID)) == (1, None)
