"""What calls know of approvals: those that were decided and not used, read once.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from mediator.adapters.store_sqlite import decided as module
from mediator.adapters.store_sqlite.decided import Decided
from mediator.adapters.store_sqlite.schema import connect
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.unit.adapters.store_sqlite.test_approvals import BOB, NO, Opened, another


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    return Opened(tmp_path / "state.sqlite")


def test_only_what_was_decided_and_not_used_is_known(opened: Opened) -> None:
    """Ours: a request that waits decides nothing."""
    for number in (1, 2, 3):
        opened.table.put(another(number), 9)
    with closing(connect(opened.path, 1000)) as connection:
        decided = Decided(connection, "default", opened.table.read)
        assert decided.of("g-1") == ()
        approved = opened.table.approve("approval-2", BOB).approval
        denied = opened.table.deny("approval-1", NO).approval
        assert decided.of("g-1") == ()  # as remembered
        decided.forget("g-1")
        assert decided.of("g-1") == (denied, approved)
        assert decided.of("g-2") == ()
        opened.use("approval-2")
        decided.forget("g-1")
        assert decided.of("g-1") == (denied,)


@promise("P6")
def test_a_row_under_another_task_is_none_of_it(opened: Opened) -> None:
    """A7: the column is looked for by, the form is what counts."""
    opened.table.put(another(1), 3)
    opened.table.approve("approval-1", BOB)
    opened.run("UPDATE approvals SET task = 'g-2'")
    with closing(connect(opened.path, 1000)) as connection:
        assert Decided(connection, "default", opened.table.read).of("g-2") == ()


def test_it_is_remembered_within_bounds(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours."""
    monkeypatch.setattr(module, "_REMEMBERED_MAX", 2)
    with closing(connect(opened.path, 1000)) as connection:
        decided = Decided(connection, "default", opened.table.read)
        for task in ("a", "b", "c"):
            decided.of(task)
        assert list(decided._known) == ["c"]


@promise("P7")
def test_a_file_that_cannot_be_read_is_a_refusal(opened: Opened) -> None:
    """Ours."""
    opened.run("DROP TABLE approvals")
    with closing(connect(opened.path, 1000)) as connection, pytest.raises(Refused) as stop:
        Decided(connection, "default", opened.table.read).of("g-1")
    assert stop.value.reason is Reason.STORE_UNAVAILABLE
