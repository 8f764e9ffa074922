"""Unit tests of mediator/assembly/renewal.py; with agents who see it: tests/conversations/test_renewal.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.assembly.folder import Folder
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.opened import opened


@promise("P7")
async def test_a_policy_file_that_nobody_signed_leaves_the_trust_in_force_as_it_is(home: Folder) -> None:
    """Design 4: a bad policy set never replaces a good one."""
    async with opened(home) as mediator:
        before, epoch = mediator.trust.snapshot(), mediator.store.epoch()
        (home.root / "policies" / "mine.cedar").write_text("permit(principal, action, resource);")
        with pytest.raises(Refused) as refused:
            await mediator.renewal.renew()
        assert refused.value.reason is Reason.POLICY_ERROR
        assert mediator.trust.snapshot() is before
        assert mediator.store.epoch() == epoch


async def test_a_renewal_without_news_swaps_equal_trust_and_is_noted(home: Folder) -> None:
    """P9: whoever made the mediator read its trust anew left a trace of it."""
    async with opened(home) as mediator:
        before = mediator.trust.snapshot().digest
        told = await mediator.renewal.renew()
        assert mediator.trust.snapshot().digest == before
        assert (told["pinned_anew"], told["pinned_no_longer"], told["reached_anew"]) == ([], [], [])


@promise("P2", "P7")
async def test_where_the_epoch_cannot_be_moved_all_of_the_renewal_is_in_force(
    home: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P7: never half of it; no call goes to what was compared with the older pins, and what was replaced is ended."""

    def fail() -> None:
        raise Refused(Reason.STORE_UNAVAILABLE, "disk full")

    async with opened(home) as mediator:
        told: list[str] = []
        ended: list[str] = []
        monkeypatch.setattr(mediator.trust, "_move_epoch", fail)
        monkeypatch.setattr(mediator.tool_servers, "pins_changed", lambda: told.append("pins changed"))
        monkeypatch.setattr(mediator.tool_servers, "end_all", lambda servers: _note(ended, *servers))
        before = mediator.trust.snapshot()
        with pytest.raises(Refused) as refused:
            await mediator.renewal.renew()
        assert refused.value.reason is Reason.STORE_UNAVAILABLE
        assert mediator.trust.snapshot() is not before
        assert (told, ended) == (["pins changed"], ["ended"])


async def _note(ended: list[str], *_servers: object) -> None:
    ended.append("ended")
