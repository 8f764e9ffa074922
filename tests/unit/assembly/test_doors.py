"""One door for every edge: it asks the corridor, and counts what was turned away before that.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.adapters.ledger_segments.showing import Wanted, find_entries
from mediator.assembly.doors import make_door
from mediator.assembly.folder import Folder
from mediator.refusal import Reason
from tests.promises import promise
from tests.simulated.opened import BASE_URL, opened


async def test_what_comes_through_the_door_is_asked_of_the_corridor(home: Folder) -> None:
    """P1: there is one corridor, and it says who we are."""
    async with opened(home) as mediator:
        door = make_door(mediator)
        assert door.answers is mediator.corridor
        assert door.facts.metadata_url.startswith(BASE_URL)
        assert door.json_limits.bytes_max == mediator.settings.limits.body_bytes_max
        assert door.json_limits.depth_max == mediator.settings.limits.json_depth_max


@promise("P9")
async def test_what_is_turned_away_at_the_door_is_counted_in_the_ledger(home: Folder) -> None:
    """P9: nobody knocks without a trace."""
    async with opened(home) as mediator:
        door = make_door(mediator)
        for _ in range(3):
            door.count("127.0.0.1", Reason.MALFORMED)
        door.count("127.0.0.1", Reason.OVERLOADED)
    stops = find_entries(home.ledger, Wanted(kind="stop")).entries
    assert sorted((stop["reason"], stop["count"]) for stop in stops) == [("MALFORMED", 3), ("OVERLOADED", 1)]
