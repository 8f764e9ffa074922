"""Unit tests of mediator/edge/list_changes.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.edge.list_changes import ListChanges


def test_a_change_is_counted_and_wakes_whoever_waits() -> None:
    """Ours: whoever comes later sees by the count that something changed."""
    changes, woken = ListChanges(), list[str]()
    changes.tell()
    with changes.waking(lambda: woken.append("one")), changes.waking(lambda: woken.append("other")):
        changes.tell()

    assert (changes.count, woken) == (2, ["one", "other"])


def test_whoever_has_gone_is_woken_no_more() -> None:
    """Ours."""
    changes, woken = ListChanges(), list[str]()
    with changes.waking(lambda: woken.append("gone")):
        pass
    changes.tell()

    assert woken == []
