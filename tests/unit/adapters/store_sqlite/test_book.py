"""The control plane: what is opened by a statement, ended with all below it, and believed only under its seal.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from mediator.adapters.store_sqlite.book import GrantBook, StoredGrant
from mediator.adapters.store_sqlite.mac import GrantSeal
from mediator.adapters.store_sqlite.schema import connect, open_engine
from mediator.delegation.grant import GrantState
from mediator.refusal import Reason, Refused
from tests.contracts.stores import MAC_KEY
from tests.promises import promise
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.grants import a_grant

ROOT = a_grant()
CHILD = a_grant(id="g-1a", parent="g-1", root="g-1", depth=1)
GRANDCHILD = a_grant(id="g-1aa", parent="g-1a", root="g-1", depth=2)
SIBLING = a_grant(id="g-1b", parent="g-1", root="g-1", depth=1)
OTHER = a_grant(id="g-2")


class Opened:
    """A book over a file, what it alarmed of, and a way around it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.alarms: list[str] = []
        self.book = GrantBook(open_engine(path), GrantSeal(MAC_KEY), "default", self.alarms.append)

    def run(self, statement: str, *values: object) -> None:
        with closing(connect(self.path, 1000)) as connection:
            connection.execute(statement, values)

    def epoch(self) -> int:
        with closing(connect(self.path, 1000)) as connection:
            return int(connection.execute("SELECT value FROM epoch").fetchone()[0])


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    return Opened(tmp_path / "state.sqlite")


@pytest.fixture
def book(opened: Opened) -> GrantBook:
    return opened.book


def reason_of(call: object, *arguments: object) -> Reason:
    assert callable(call)
    with pytest.raises(Refused) as stop:
        call(*arguments)
    return stop.value.reason


def test_a_grant_is_kept_with_the_statement_that_opened_it(book: GrantBook) -> None:
    """P9: whoever opened it signed for it."""
    book.open_grant(ROOT, b"signed")
    assert book.find_grant("g-1") == ROOT
    assert book.find_stored("g-1") == StoredGrant(grant=ROOT, statement=b"signed", end_reason=None)
    assert book.find_grant("g-2") is None


def test_grants_are_listed_oldest_first(book: GrantBook) -> None:
    """Ours."""
    older = a_grant(id="g-0", opened_ms=ROOT.opened_ms - 1)
    for grant in (OTHER, ROOT, older):
        book.open_grant(grant, b"signed")
    assert [stored.grant.id for stored in book.list_grants()] == ["g-0", "g-1", "g-2"]


@promise("P5")
def test_a_statement_opens_one_task_once(book: GrantBook) -> None:
    """Ours: whoever finds a signed statement lying about opens nothing with it, not even after the task's end."""
    book.open_grant(ROOT, b"signed")
    again = replace(OTHER, statement_digest=ROOT.statement_digest)
    assert reason_of(book.open_grant, again, b"signed") is Reason.PROOF_REPLAYED
    book.open_grant(replace(CHILD, statement_digest=ROOT.statement_digest), b"signed")
    book.end_grant("g-1", GrantState.COMPLETED, "done")
    assert reason_of(book.open_grant, again, b"signed") is Reason.PROOF_REPLAYED


@promise("P5", "P7")
def test_nothing_is_opened_below_what_has_ended_or_is_not_there(opened: Opened) -> None:
    """P5: whoever revokes a grant while a part of it is being handed on, revokes that part."""
    book = opened.book
    assert reason_of(book.open_grant, CHILD, b"signed") is Reason.GRANT_REVOKED
    for grant in (ROOT, CHILD):
        book.open_grant(grant, b"signed")
    book.end_grant("g-1a", GrantState.REVOKED, "a test")
    assert reason_of(book.open_grant, GRANDCHILD, b"signed") is Reason.GRANT_REVOKED
    book.open_grant(SIBLING, b"signed")
    book.end_grant("g-1", GrantState.COMPLETED, "done")
    assert reason_of(book.open_grant, replace(SIBLING, id="g-1c"), b"signed") is Reason.GRANT_REVOKED
    book.open_grant(OTHER, b"signed")
    opened.run("UPDATE grants SET mac = zeroblob(32) WHERE id = 'g-2'")
    below = replace(CHILD, id="g-2a", parent="g-2", root="g-2")
    assert reason_of(book.open_grant, below, b"signed") is Reason.GRANT_REVOKED
    assert [stored.grant.id for stored in book.list_grants()] == ["g-1", "g-1a", "g-1b"]


def test_a_grant_that_lives_longer_is_sealed_anew_and_moves_the_epoch(opened: Opened) -> None:
    """Ours: so that every process reads it again."""
    opened.book.open_grant(ROOT, b"signed")
    later = replace(ROOT, expires_ms=ROOT.expires_ms + 60_000)
    assert opened.book.extend_grant("g-1", later.expires_ms) == later
    assert opened.book.find_grant("g-1") == later
    assert opened.epoch() == 2
    opened.run("UPDATE grants SET expires_ms = expires_ms + 1000")  # a column beside the MAC gives nothing
    assert opened.book.find_grant("g-1") is None


@promise("P5")
def test_nothing_that_has_ended_lives_longer(opened: Opened) -> None:
    """P5: dead is dead; and what is not there is told as such."""
    opened.book.open_grant(ROOT, b"signed")
    opened.book.end_grant("g-1", GrantState.REVOKED, "a test")
    assert reason_of(opened.book.extend_grant, "g-1", ROOT.expires_ms + 1) is Reason.GRANT_REVOKED
    assert reason_of(opened.book.extend_grant, "g-9", ROOT.expires_ms + 1) is Reason.GRANT_UNKNOWN
    assert opened.epoch() == 2


def test_live_grants_of_an_agent_are_counted_whoever_gave_them(opened: Opened) -> None:
    """Ours: neither those that ended nor those that ran out."""
    handed = replace(CHILD, agent="worker")
    for grant in (ROOT, handed, OTHER):
        opened.book.open_grant(grant, b"signed")
    count = opened.book.count_open
    assert (count("planner", NOW_MS), count("worker", NOW_MS), count("nobody", NOW_MS)) == (2, 1, 0)
    assert count("planner", ROOT.expires_ms - 1) == 2
    assert count("planner", ROOT.expires_ms) == 0
    opened.book.end_grant("g-1", GrantState.COMPLETED, "done")
    assert (count("planner", NOW_MS), count("worker", NOW_MS)) == (1, 0)
    opened.run("DROP TABLE grants")
    assert reason_of(count, "planner", NOW_MS) is Reason.STORE_UNAVAILABLE


def test_live_grants_are_listed_oldest_first(opened: Opened) -> None:
    """Ours."""
    older = replace(OTHER, opened_ms=ROOT.opened_ms - 1)
    for grant in (ROOT, CHILD, older):
        opened.book.open_grant(grant, b"signed")
    opened.book.end_grant("g-1a", GrantState.REVOKED, "a test")
    assert opened.book.list_live(NOW_MS) == (older, ROOT)
    assert opened.book.list_live(ROOT.expires_ms) == ()


def test_an_id_stands_once_and_for_one_tenant(book: GrantBook) -> None:
    """Ours."""
    book.open_grant(ROOT, b"signed")
    assert reason_of(book.open_grant, replace(ROOT, statement_digest="another"), b"") is Reason.CHAIN_INVALID
    assert reason_of(book.open_grant, replace(OTHER, tenant="other"), b"") is Reason.CHAIN_INVALID
    assert book.find_grant("g-1") == ROOT


@promise("P5")
def test_ending_a_grant_ends_all_below_it_and_nothing_else(opened: Opened) -> None:
    """RFC 7009 §2.1, in our words: the subtree dies with it."""
    for grant in (ROOT, CHILD, GRANDCHILD, SIBLING, OTHER):
        opened.book.open_grant(grant, b"signed")
    epoch = opened.epoch()
    assert set(opened.book.end_grant("g-1a", GrantState.REVOKED, "lost")) == {"g-1a", "g-1aa"}
    states = {stored.grant.id: (stored.grant.state, stored.end_reason) for stored in opened.book.list_grants()}
    assert states == {
        "g-1": (GrantState.OPEN, None),
        "g-1a": (GrantState.REVOKED, "lost"),
        "g-1aa": (GrantState.REVOKED, "lost"),
        "g-1b": (GrantState.OPEN, None),
        "g-2": (GrantState.OPEN, None),
    }
    assert opened.epoch() == epoch + 1


def test_what_has_ended_stays_as_it_ended(opened: Opened) -> None:
    """Ours: a completed task is not revoked afterwards, and nothing moves."""
    opened.book.open_grant(ROOT, b"signed")
    opened.book.open_grant(CHILD, b"signed")
    opened.book.end_grant("g-1a", GrantState.REVOKED, "lost")
    assert opened.book.end_grant("g-1", GrantState.COMPLETED, "done") == ("g-1",)
    epoch = opened.epoch()
    assert opened.book.end_grant("g-1", GrantState.REVOKED, "again") == ()
    assert opened.epoch() == epoch
    stored = opened.book.find_stored("g-1")
    assert stored is not None
    assert (stored.grant.state, stored.end_reason) == (GrantState.COMPLETED, "done")


def test_only_what_is_stored_can_be_ended_and_only_by_ending_it(book: GrantBook) -> None:
    """Ours."""
    assert reason_of(book.end_grant, "g-1", GrantState.REVOKED, "") is Reason.GRANT_UNKNOWN
    with pytest.raises(ValueError, match="not ended"):
        book.end_grant("g-1", GrantState.OPEN, "")


@promise("P7")
def test_a_grant_that_somebody_else_wrote_does_not_exist(opened: Opened) -> None:
    """Ours: and is reported, also where only a column beside its seal says otherwise."""
    opened.book.open_grant(ROOT, b"signed")
    opened.book.end_grant("g-1", GrantState.REVOKED, "lost")
    opened.run("UPDATE grants SET state = 'open'")
    assert opened.book.find_grant("g-1") is None
    opened.run("UPDATE grants SET state = 'revoked'")
    assert opened.book.find_grant("g-1") is not None
    assert len(opened.alarms) == 1
    opened.alarms.clear()

    opened.run("UPDATE grants SET form = CAST(replace(form, 'revoked', 'open') AS BLOB)")
    assert opened.book.find_grant("g-1") is None
    assert opened.book.list_grants() == ()
    assert reason_of(opened.book.end_grant, "g-1", GrantState.REVOKED, "") is Reason.GRANT_UNKNOWN
    assert len(opened.alarms) == 3
    assert all("`g-1`" in alarm for alarm in opened.alarms)


def test_a_grant_moved_to_another_id_does_not_exist(opened: Opened) -> None:
    """Ours."""
    opened.book.open_grant(ROOT, b"signed")
    opened.run("UPDATE grants SET id = 'g-9'")
    assert opened.book.find_grant("g-9") is None
    assert opened.alarms


def test_a_store_that_the_ledger_knows_is_not_older(opened: Opened) -> None:
    """Design 2a."""
    opened.book.open_grant(ROOT, b"signed")
    opened.book.announce_stream("s-1", 1)
    assert not opened.book.catch_up([], 0)
    assert not opened.book.catch_up(["s-1"], opened.epoch())
    assert opened.book.find_grant("g-1") == ROOT


@promise("P7")
@pytest.mark.parametrize(("streams", "ahead"), [(["s-2"], 0), ([], 1), (["s-1", "s-2"], 40)])
def test_in_a_store_older_than_the_ledger_every_token_is_dead(opened: Opened, streams: list[str], ahead: int) -> None:
    """Design 2a: a revocation may be lost, so all of it is revoked, once."""
    for grant in (ROOT, CHILD, OTHER):
        opened.book.open_grant(grant, b"signed")
    opened.book.end_grant("g-2", GrantState.COMPLETED, "done")
    opened.book.announce_stream("s-1", 1)
    ledgers = opened.epoch() + ahead
    assert opened.book.catch_up(streams, ledgers)
    states = {stored.grant.id: stored.grant.state for stored in opened.book.list_grants()}
    assert states == {"g-1": GrantState.REVOKED, "g-1a": GrantState.REVOKED, "g-2": GrantState.COMPLETED}
    assert opened.epoch() > ledgers
    assert not opened.book.catch_up(streams, ledgers)


def test_a_store_older_than_the_ledger_moves_its_epoch_though_it_holds_nothing(opened: Opened) -> None:
    """Design 2a: what was judged under the old one is judged again."""
    assert opened.book.catch_up([], 5)
    assert opened.epoch() == 6


def test_streams_are_remembered_from_before_they_come_to_be(book: GrantBook) -> None:
    """Ours: so that a missing one is told from one that never was."""
    book.announce_stream("s-1", 1)
    book.announce_stream("s-2", 2)
    book.confirm_stream("s-1")
    assert book.list_streams() == {"s-1": True, "s-2": False}
    assert book.catch_up(["s-3"], 0)
    assert book.list_streams() == {"s-1": True, "s-2": False, "s-3": True}


@promise("P7")
def test_a_store_that_cannot_be_used_is_refused(opened: Opened) -> None:
    """Ours: reading and writing."""
    opened.run("DROP TABLE grants")
    assert reason_of(opened.book.open_grant, ROOT, b"") is Reason.STORE_UNAVAILABLE
    assert reason_of(opened.book.find_grant, "g-1") is Reason.STORE_UNAVAILABLE
    assert reason_of(opened.book.list_grants) is Reason.STORE_UNAVAILABLE


def test_nothing_of_a_refused_step_is_left(opened: Opened) -> None:
    """Ours: one transaction, all or nothing."""
    opened.book.open_grant(ROOT, b"signed")
    opened.run("CREATE TRIGGER no BEFORE UPDATE ON grants BEGIN SELECT raise(ABORT, 'no'); END")
    epoch = opened.epoch()
    with pytest.raises(Refused):
        opened.book.end_grant("g-1", GrantState.REVOKED, "lost")
    assert opened.epoch() == epoch
    assert opened.book.find_grant("g-1") == ROOT


def test_a_command_waits_for_a_claim_and_not_for_ever(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite: one writer at a time."""
    impatient = GrantBook(open_engine(opened.path), GrantSeal(MAC_KEY), "default", opened.alarms.append)
    monkeypatch.setattr("mediator.adapters.store_sqlite.schema.CONTROL_BUSY_MS", 1)
    with closing(sqlite3.connect(opened.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert reason_of(impatient.bump_epoch) is Reason.STORE_UNAVAILABLE
    assert impatient.bump_epoch() == 2
