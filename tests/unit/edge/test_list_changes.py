"""Unit tests of mediator/edge/list_changes.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import anyio
import pytest

from mediator.edge.list_changes import ListChanges


async def test_who_listens_hears_of_a_change_and_who_does_not_has_missed_it() -> None:
    """Ours: nothing is kept for later; whoever comes later lists for the first time."""
    changes = ListChanges(quiet_seconds=0)
    changes.tell()
    with changes.listening() as one, changes.listening() as other:
        changes.tell()
        with anyio.fail_after(5):
            await one.change()
            await other.change()
        changes.tell()
        with anyio.fail_after(5):
            await one.change()


async def test_what_is_told_while_it_is_quiet_is_one_change_and_is_heard_when_that_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Issue 3: at most once a second."""
    waits: list[float] = []

    async def sleep_until(deadline: float) -> None:
        waits.append(deadline - anyio.current_time())

    monkeypatch.setattr(anyio, "sleep_until", sleep_until)
    changes = ListChanges(quiet_seconds=1000)
    with changes.listening() as listening:
        changes.tell()
        await listening.change()
        for _ in range(3):
            changes.tell()
        await listening.change()
        assert waits[0] <= 0
        assert 990 < waits[1] <= 1000
        with anyio.move_on_after(0) as nothing:
            await listening.change()
        assert nothing.cancelled_caught


async def test_whoever_has_gone_is_told_nothing() -> None:
    """Ours."""
    changes = ListChanges()
    with changes.listening() as listening:
        pass
    changes.tell()
    assert not listening.heard.is_set()
