"""What may be used once is used once, also by the next process, and is forgotten when it is refused anyway.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from mediator.adapters.store_sqlite.schema import connect, open_engine
from mediator.adapters.store_sqlite.used_once import FORGET_MS, UsedOnce
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.forged_tokens import NOW_MS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "state.sqlite"
    open_engine(path)
    return path


def opened(path: Path) -> UsedOnce:
    """The memory of one process."""
    return UsedOnce(connect(path, 1000))


def kept(path: Path) -> set[str]:
    with closing(connect(path, 1000)) as connection:
        return {row[0] for row in connection.execute("SELECT key FROM used")}


@promise("P7")
def test_a_second_use_is_none_whoever_asks(path: Path) -> None:
    """RFC 7523 §3 and RFC 9449 §11.1, `jti`: across restarts, and across processes on one file."""
    used = opened(path)
    assert used.use("jti:a:1", NOW_MS + 1000, NOW_MS)
    assert not used.use("jti:a:1", NOW_MS + 1000, NOW_MS)
    assert not opened(path).use("jti:a:1", NOW_MS + 9000, NOW_MS + 999)
    assert used.use("jti:a:2", NOW_MS + 1000, NOW_MS)
    assert used.use("jti:b:1", NOW_MS + 1000, NOW_MS)
    assert used.use("jti:a:1 ", NOW_MS + 1000, NOW_MS)


def forget(path: Path, used: UsedOnce) -> None:
    """Keep house, as `SqliteStore.checkpoint` does."""
    with closing(connect(path, 1000)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        used.forget(connection)
        connection.execute("COMMIT")


def test_what_has_run_out_is_forgotten_and_nothing_else(path: Path) -> None:
    """Ours: from `until_ms` on it is refused for its age; the table stays as small as what is live, give or take a batch."""
    used = opened(path)
    used.use("a:early", NOW_MS + 1000, NOW_MS)
    used.use("a:late", NOW_MS + FORGET_MS + 1000, NOW_MS)
    forget(path, used)
    assert kept(path) == {"a:early", "a:late", "floor"}
    assert not used.use("a:early", NOW_MS + 1000, NOW_MS + 999)
    assert used.use("a:next", NOW_MS + FORGET_MS + 2000, NOW_MS + FORGET_MS)
    forget(path, used)
    assert kept(path) == {"a:late", "a:next", "floor"}


@promise("P7")
@pytest.mark.parametrize("is_another_process", [False, True])
def test_what_was_forgotten_is_never_new_again(path: Path, *, is_another_process: bool) -> None:
    """A clock that is set back, in this process or before the next one starts, brings no used proof back."""
    used = opened(path)
    assert used.use("dpop:a", NOW_MS + 1000, NOW_MS)
    assert used.use("dpop:b", NOW_MS + FORGET_MS + 60_000, NOW_MS + FORGET_MS)
    forget(path, used)
    assert "dpop:a" not in kept(path)
    asked = opened(path) if is_another_process else used
    assert not asked.use("dpop:a", NOW_MS + 1000, NOW_MS)
    assert asked.use("dpop:c", NOW_MS + FORGET_MS + 1, NOW_MS)


@promise("P7")
def test_what_another_process_forgot_meanwhile_is_not_new_either(path: Path) -> None:
    """Both have begun before: what the other took out of the table is out of both memories."""
    one, other = opened(path), opened(path)
    assert one.use("dpop:a", NOW_MS + 1000, NOW_MS)
    assert other.use("dpop:b", NOW_MS + 60_000, NOW_MS)
    assert one.use("dpop:c", NOW_MS + 60_000, NOW_MS + FORGET_MS)
    forget(path, one)
    assert "dpop:a" not in kept(path)
    assert not other.use("dpop:a", NOW_MS + 1000, NOW_MS + 999)
    forget(path, other)
    assert not other.use("dpop:a", NOW_MS + 1000, NOW_MS + 999)


@promise("P7")
def test_an_emptied_table_makes_nothing_new(path: Path) -> None:
    """A6 with write access to the file: what this process saw used stays used."""
    used = opened(path)
    assert used.use("dpop:a", NOW_MS + 1000, NOW_MS)
    with closing(connect(path, 1000)) as connection:
        connection.execute("DELETE FROM used")
    assert not used.use("dpop:a", NOW_MS + 1000, NOW_MS)


@promise("P7")
@promise("P7")
def test_an_emptied_table_and_a_clock_that_was_set_back_make_nothing_new(path: Path) -> None:
    """Ours: what this process let go of because its time was over is not new in it, whatever the file says."""
    used = opened(path)
    assert used.use("a:1", NOW_MS + 1000, NOW_MS)
    assert used.use("a:2", NOW_MS + FORGET_MS + 1000, NOW_MS + FORGET_MS)
    with closing(connect(path, 1000)) as connection:
        connection.execute("DELETE FROM used")
    assert not used.use("a:1", NOW_MS + 1000, NOW_MS)


@pytest.mark.parametrize("statement", ["DROP TABLE used", "BEGIN IMMEDIATE"])
def test_what_cannot_be_remembered_is_not_used(path: Path, statement: str) -> None:
    """Fail closed: no answer, rather than a second use; whoever holds the file too long is waited for in vain."""
    used = UsedOnce(connect(path, 10))
    with closing(connect(path, 1000)) as connection:
        connection.execute(statement)
        with pytest.raises(Refused) as stop:
            used.use("a:1", NOW_MS + 1, NOW_MS)
    assert stop.value.reason is Reason.STORE_UNAVAILABLE
