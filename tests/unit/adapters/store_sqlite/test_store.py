"""The store as calls meet it: from memory, in time, or refused.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from mediator.adapters.store_sqlite import book
from mediator.adapters.store_sqlite import store as module
from mediator.adapters.store_sqlite.mac import GrantSeal
from mediator.adapters.store_sqlite.schema import connect
from mediator.adapters.store_sqlite.store import SqliteStore
from mediator.delegation.grant import Grant, GrantState
from mediator.mediation.deliberate import Claim
from mediator.mediation.ports import Claimed, Lost
from mediator.refusal import Reason, Refused
from tests.contracts.stores import MAC_KEY
from tests.promises import promise
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.grants import a_grant

GRANT = a_grant()
ONE = Claim(key="approval:a-1", limit=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


@pytest.fixture
def alarms() -> list[str]:
    return []


@pytest.fixture
def store(path: Path, alarms: list[str]) -> Iterator[SqliteStore]:
    with SqliteStore(path, MAC_KEY, busy_timeout_ms=1, alarm=alarms.append) as opened:
        yield opened


def run(path: Path, statement: str, *values: object) -> None:
    with closing(connect(path, 1000)) as connection:
        connection.execute(statement, values)


def write_sealed(path: Path, grant: Grant) -> None:
    """Put a grant into the file that no open_grant would."""
    form, mac = GrantSeal(MAC_KEY).seal(grant)
    columns = "id, tenant, parent, root, agent, state, opened_ms, expires_ms, form, mac, statement, statement_digest"
    values = (grant.id, "default", grant.parent, grant.root, grant.agent, "open", grant.opened_ms, grant.expires_ms)
    run(path, f"INSERT INTO grants ({columns}) VALUES ({'?,' * 11}?)", *values, form, mac, b"", grant.id)


def reason_of(call: object, *arguments: object) -> Reason:
    assert callable(call)
    with pytest.raises(Refused) as stop:
        call(*arguments)
    return stop.value.reason


def test_grants_are_read_once_while_the_epoch_stands(store: SqliteStore, path: Path) -> None:
    """Design 7: from memory."""
    store.open_grant(GRANT, b"signed")
    assert store.gather("g-1").grants == (GRANT,)
    run(path, "DELETE FROM grants")
    assert store.gather("g-1").grants == (GRANT,)
    run(path, "UPDATE epoch SET value = value + 1")
    assert store.gather("g-1").grants == ()


@promise("P5")
def test_what_was_ended_stays_ended_and_the_oldest_are_forgotten(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: a row of before its end is under our seal, too; what is remembered has an end."""
    monkeypatch.setattr(book, "ENDED_MAX", 1)
    for name in ("g-1", "g-2"):
        store.open_grant(a_grant(id=name), b"signed")
    run(path, "CREATE TABLE before AS SELECT id, form, mac FROM grants")
    for name in ("g-1", "g-2"):
        store.end_grant(name, GrantState.REVOKED, "lost")
    before = "SELECT form, mac, 'open' FROM before WHERE before.id = grants.id"
    run(path, f"UPDATE grants SET (form, mac, state) = ({before})")
    assert [len(store.gather(name).grants) for name in ("g-1", "g-2")] == [1, 0]


@promise("P5", "P7")
def test_an_epoch_that_went_back_is_none(store: SqliteStore, path: Path) -> None:
    """Ours: it would bring back what was remembered before a grant ended, or something was stopped."""
    store.open_grant(GRANT, b"signed")
    assert store.gather("g-1").grants == (GRANT,)
    store.end_grant("g-1", GrantState.REVOKED, "lost")
    run(path, "UPDATE epoch SET value = value - 1")
    assert reason_of(store.gather, "g-1") is Reason.STORE_UNAVAILABLE
    assert reason_of(store.claim, "g-1", [], 1, NOW_MS) is Reason.STORE_UNAVAILABLE
    run(path, "UPDATE epoch SET value = value + 1")
    assert store.gather("g-1").grants[0].state is GrantState.REVOKED
    store.freeze("agent:planner", "sha256:statement")
    run(path, "UPDATE epoch SET value = value - 1")
    assert reason_of(store.gather, "g-1") is Reason.STORE_UNAVAILABLE


def test_a_delegated_grant_comes_with_its_chain(store: SqliteStore) -> None:
    """Ours: from the root to the one presented; the task's calls are its root's."""
    child = a_grant(id="g-1a", parent="g-1", root="g-1", depth=1)
    store.open_grant(GRANT, b"signed")
    store.open_grant(child, b"signed")
    store.claim("g-1", [], store.epoch(), NOW_MS)
    circumstances = store.gather("g-1a")
    assert (circumstances.grants, circumstances.calls) == ((GRANT, child), 1)


@promise("P7")
def test_a_chain_with_a_missing_link_or_without_end_is_none(store: SqliteStore, path: Path) -> None:
    """Ours: P4, cyclic or spliced; even where each link bears our MAC."""
    write_sealed(path, a_grant(id="orphan", parent="nobody", depth=1))
    write_sealed(path, a_grant(id="a", parent="b", depth=1))
    write_sealed(path, a_grant(id="b", parent="a", depth=1))
    assert store.gather("orphan").grants == ()
    assert store.gather("a").grants == ()


@promise("P7")
def test_a_grant_that_somebody_else_wrote_is_not_stored_and_is_reported_once(
    store: SqliteStore, path: Path, alarms: list[str]
) -> None:
    """Ours: A7 may write the file, and gains nothing by it."""
    store.open_grant(GRANT, b"signed")
    run(path, "UPDATE grants SET form = CAST(replace(form, 'read', 'exec') AS BLOB)")
    assert store.gather("g-1").grants == ()
    assert store.gather("g-1").grants == ()
    assert len(alarms) == 1
    store.bump_epoch()
    store.gather("g-1")
    assert len(alarms) == 2


def test_another_tenants_grant_is_not_stored(store: SqliteStore, path: Path) -> None:
    """Ours."""
    store.open_grant(GRANT, b"signed")
    run(path, "UPDATE grants SET tenant = 'other'")
    assert store.gather("g-1").grants == ()


@promise("P7")
def test_a_store_that_is_gone_refuses_everything(store: SqliteStore, path: Path) -> None:
    """Design 8: nothing that needs the store is allowed."""
    run(path, "DROP TABLE grants")
    assert reason_of(store.gather, "g-1") is Reason.STORE_UNAVAILABLE
    run(path, "DROP TABLE usage")
    assert reason_of(store.claim, "g-1", [], store.epoch(), NOW_MS) is Reason.STORE_UNAVAILABLE
    run(path, "DROP TABLE claims")
    assert reason_of(store.claim, "g-1", [ONE], store.epoch(), NOW_MS) is Reason.STORE_UNAVAILABLE
    run(path, "DROP TABLE epoch")
    assert reason_of(store.epoch) is Reason.STORE_UNAVAILABLE
    assert reason_of(store.gather, "g-1") is Reason.STORE_UNAVAILABLE


@promise("P7")
def test_a_claim_that_cannot_be_made_in_time_is_refused_and_takes_nothing(store: SqliteStore, path: Path) -> None:
    """Design 8: 50 ms, then `STORE_UNAVAILABLE`."""
    epoch = store.epoch()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert reason_of(store.claim, "g-1", [ONE], epoch, NOW_MS) is Reason.STORE_UNAVAILABLE
        assert isinstance(store.claim("g-1", [], epoch, NOW_MS), Claimed)
    assert store.claim("g-1", [ONE], epoch, NOW_MS) == Claimed()


def test_what_was_taken_and_used_outlives_the_process(path: Path) -> None:
    """Ours: a restart gives nobody a second use, nor a fresh count."""
    with SqliteStore(path, MAC_KEY) as store:
        store.open_grant(GRANT, b"signed")
        store.claim("g-1", [ONE], store.epoch(), NOW_MS)
        store.claim("g-1", [], store.epoch(), NOW_MS - 5)
    with SqliteStore(path, MAC_KEY) as again:
        circumstances = again.gather("g-1")
        assert (circumstances.calls, circumstances.last_used_ms) == (2, NOW_MS)
        assert again.claim("g-1", [ONE], again.epoch(), NOW_MS) == Lost(ONE)
        assert again.gather("g-1").spent == {ONE.key}


def test_a_task_whose_use_cannot_be_read_is_not_served(store: SqliteStore, path: Path) -> None:
    """Ours: whether it was idle is unknown."""
    store.open_grant(GRANT, b"signed")
    run(path, "DROP TABLE usage")
    assert reason_of(store.gather, "g-1") is Reason.STORE_UNAVAILABLE


def test_a_claim_is_there_for_another_process_at_once(store: SqliteStore, path: Path) -> None:
    """Ours: written when `claim` returns, not when the process ends."""
    store.claim("g-1", [ONE], store.epoch(), NOW_MS)
    with closing(connect(path, 1)) as other:
        assert other.execute("SELECT taken FROM claims").fetchone() == (1,)


def test_a_checkpoint_saves_the_tasks_use_and_empties_the_log(store: SqliteStore, path: Path) -> None:
    """SQLite, WAL: nobody else does it, for a checkpoint in the middle of a call costs milliseconds."""
    for _ in range(3):
        store.claim("g-1", [], store.epoch(), NOW_MS)
    store.checkpoint()
    store.checkpoint()
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as file_alone:
        assert file_alone.execute("SELECT task, calls, last_used_ms FROM usage").fetchall() == [("g-1", 3, NOW_MS)]


def test_what_could_not_be_saved_is_saved_the_next_time(store: SqliteStore, path: Path) -> None:
    """Ours."""
    store.claim("g-1", [], store.epoch(), NOW_MS)
    run(path, "ALTER TABLE usage RENAME TO hidden")
    with pytest.raises(sqlite3.Error):
        store.checkpoint()
    run(path, "ALTER TABLE hidden RENAME TO usage")
    store.checkpoint()
    with closing(connect(path, 1)) as other:
        assert other.execute("SELECT calls FROM usage").fetchone() == (1,)


def test_closing_closes_also_where_nothing_can_be_saved(path: Path) -> None:
    """Ours."""
    store = SqliteStore(path, MAC_KEY)
    store.claim("g-1", [], store.epoch(), NOW_MS)
    run(path, "DROP TABLE usage")
    store.close()
    assert reason_of(store.epoch) is Reason.STORE_UNAVAILABLE


@promise("P5")
def test_an_epoch_that_was_moved_back_brings_nothing_back(store: SqliteStore, path: Path) -> None:
    """Ours: whoever can write the database revives nothing that ended."""
    store.open_grant(GRANT, b"signed")
    before = store.epoch()
    assert store.gather("g-1").grants[0].state is GrantState.OPEN
    store.end_grant("g-1", GrantState.REVOKED, "a test")
    assert store.gather("g-1").grants[0].state is GrantState.REVOKED
    run(path, f"UPDATE epoch SET value = {before}")
    assert reason_of(store.gather, "g-1") is Reason.STORE_UNAVAILABLE


def test_room_is_made_for_one_chain_at_a_time(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: the one that was read longest ago goes; to forget all of them at once would keep every call waiting."""
    monkeypatch.setattr(module, "REMEMBERED_MAX", 3)
    for number in range(4):
        store.open_grant(a_grant(id=f"g-{number}"), b"signed")
        store.gather(f"g-{number}")
    assert list(store._chains) == ["g-1", "g-2", "g-3"]
    store.bump_epoch()
    store.gather("g-1")
    assert list(store._chains) == ["g-2", "g-3", "g-1"]


def test_memory_is_bounded_and_what_is_forgotten_was_saved(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: ten thousand tasks, then the oldest are read again."""
    monkeypatch.setattr(module, "REMEMBERED_MAX", 2)
    for number in range(5):
        store.open_grant(a_grant(id=f"g-{number}"), b"signed")
    for _ in range(2):
        for number in range(5):
            store.claim(f"g-{number}", [], store.epoch(), NOW_MS)
            assert store.gather(f"g-{number}").grants[0].id == f"g-{number}"
    assert [store.gather(f"g-{number}").calls for number in range(5)] == [2] * 5
    assert len(store._chains) <= 2
    assert len(store._usage) <= 2


@promise("P7")
def test_what_cannot_be_saved_is_not_forgotten(store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: a count that a policy may read is not lost in silence."""
    monkeypatch.setattr(module, "REMEMBERED_MAX", 1)
    store.claim("g-1", [], store.epoch(), NOW_MS)
    run(path, "CREATE TRIGGER no BEFORE INSERT ON usage BEGIN SELECT raise(ABORT, 'no'); END")
    assert reason_of(store.claim, "g-2", [], store.epoch(), NOW_MS) is Reason.STORE_UNAVAILABLE
    run(path, "DROP TRIGGER no")
    assert store.claim("g-2", [], store.epoch(), NOW_MS) == Claimed()
    assert store.claim("g-1", [], store.epoch(), NOW_MS) == Claimed()
    assert store._usage["g-1"] == (2, NOW_MS)


def test_the_control_plane_is_the_books(store: SqliteStore) -> None:
    """Ours: one object for whoever assembles; its rules are tested beside the book."""
    store.open_grant(GRANT, b"signed")
    stored = store.find_stored("g-1")
    assert stored is not None
    assert (store.find_grant("g-1"), stored.statement) == (GRANT, b"signed")
    assert store.end_grant("g-1", GrantState.COMPLETED, "done") == ("g-1",)
    assert [one.grant for one in store.list_grants()] == [replace(GRANT, state=GrantState.COMPLETED)]
    assert store.bump_epoch() == store.epoch()
    store.announce_stream("s-1", NOW_MS)
    store.confirm_stream("s-1")
    assert store.list_streams() == {"s-1": True}
    assert store.catch_up(["s-2"], 0)


@promise("P5")
def test_whoever_is_stopped_is_so_in_what_is_gathered_of_every_grant(store: SqliteStore) -> None:
    """Issue 5: at the next look, also of a grant that was looked at before; and until they are let go."""
    store.open_grant(GRANT, b"signed")
    assert store.gather("g-1").frozen == frozenset()
    before = store.epoch()
    assert store.freeze("agent:planner", "sha256:1")
    assert not store.freeze("agent:planner", "sha256:2")
    assert store.gather("g-1").frozen == store.gather("nobody").frozen == {"agent:planner"}
    assert store.list_frozen() == {"agent:planner"}
    assert store.epoch() == before + 1
    assert store.unfreeze("agent:planner")
    assert not store.unfreeze("agent:planner")
    assert store.gather("g-1").frozen == store.list_frozen() == frozenset()


@promise("P5", "P7")
@pytest.mark.parametrize("epoch", [0, 1, 2, 3])
def test_freezes_are_read_by_the_next_process_whatever_the_epoch(path: Path, epoch: int) -> None:
    """A7: no value of a row in the file makes us believe that we have read it already."""
    with SqliteStore(path, MAC_KEY) as store:
        store.announce_stream("s", NOW_MS)
        store.freeze("agent:planner", "sha256:1")
    run(path, "UPDATE epoch SET value = ?", epoch)
    with SqliteStore(path, MAC_KEY) as again:
        assert again.gather("g-1").frozen == {"agent:planner"}
    run(path, "UPDATE epoch SET value = -1")
    with SqliteStore(path, MAC_KEY) as again:
        assert reason_of(again.gather, "g-1") is Reason.STORE_UNAVAILABLE


@promise("P7")
def test_freezes_that_cannot_be_read_stop_everything_or_the_store(
    store: SqliteStore, path: Path, alarms: list[str]
) -> None:
    """Empty is never permission: said once for each look at the file, and nothing is gathered without them."""
    store.open_grant(GRANT, b"signed")
    run(path, "DELETE FROM freezes")
    assert store.gather("g-1").frozen == {"everything"}
    assert store.gather("g-1").frozen == {"everything"}
    assert len(alarms) == 1
    assert "everything is stopped" in alarms[0]
    assert reason_of(store.unfreeze, "everything") is Reason.STORE_UNAVAILABLE
    run(path, "DROP TABLE freezes")
    store.bump_epoch()
    for _ in range(2):
        assert reason_of(store.gather, "g-1") is Reason.STORE_UNAVAILABLE
    assert reason_of(store.list_frozen) is Reason.STORE_UNAVAILABLE


def test_the_control_plane_is_reached_through_the_store(store: SqliteStore) -> None:
    """Ours: what a book and a table keep is tested there."""
    store.open_grant(GRANT, b"signed")
    assert store.gather("g-1").grants == (GRANT,)
    later = store.extend_grant("g-1", GRANT.expires_ms + 1000)
    assert store.gather("g-1").grants == (later,)
    assert (store.count_open("planner", NOW_MS), store.list_live(NOW_MS)) == (1, (later,))
    assert [store.use_once("jti:a:1", NOW_MS + 1000, NOW_MS) for _ in range(2)] == [True, False]
