"""Requests for approvals that last: one row each, under a MAC, with who decided; and what people write by hand is none.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from mediator.adapters.store_sqlite import approvals as module
from mediator.adapters.store_sqlite.approvals import ApprovalTable, unknown
from mediator.adapters.store_sqlite.book import GrantBook
from mediator.adapters.store_sqlite.mac import GrantSeal
from mediator.adapters.store_sqlite.schema import connect, open_engine
from mediator.evidence import Secret
from mediator.mediation.approval import Approver, Denial, claim_key
from mediator.mediation.approval_request import ApprovalRequest
from mediator.refusal import Reason, Refused
from tests.contracts.stores import MAC_KEY
from tests.promises import promise
from tests.simulated.grants import a_grant
from tests.unit.mediation.test_approval_acts import REQUEST

GRANT = a_grant(id="g-1")
NOW_MS = GRANT.opened_ms + 1
ASKED = replace(REQUEST, task="g-1", requested_ms=NOW_MS, approval=replace(REQUEST.approval, expires_ms=NOW_MS + 1_000))
BOB = Approver(who="bob", keyid="bob's", roles=frozenset({"operator"}), at_ms=NOW_MS, statement="sha256:b")
NO = Denial(who="eve", at_ms=NOW_MS, reason="no", statement="sha256:d")


class Opened:
    """A table over a file with one open task, and a way around it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.engine = open_engine(path)
        self.alarms: list[str] = []
        self.decided: list[str] = []
        self.book = GrantBook(self.engine, GrantSeal(MAC_KEY), "default", self.alarms.append)
        self.book.open_grant(GRANT, b"statement")
        self.table = self.again()

    def again(self, key: Secret = MAC_KEY) -> ApprovalTable:
        return ApprovalTable(self.engine, key, "default", self.alarms.append, self.decided.append)

    def run(self, statement: str, *values: object) -> None:
        with closing(connect(self.path, 1000)) as connection:
            connection.execute(statement, values)

    def ids(self) -> list[str]:
        with closing(connect(self.path, 1000)) as connection:
            return [row[0] for row in connection.execute("SELECT id FROM approvals ORDER BY id")]

    def row(self, approval_id: str) -> tuple[bytes, bytes]:
        with closing(connect(self.path, 1000)) as connection:
            found = connection.execute("SELECT form, mac FROM approvals WHERE id = ?", (approval_id,)).fetchone()
        return bytes(found[0]), bytes(found[1])

    def epoch(self) -> int:
        with closing(connect(self.path, 1000)) as connection:
            return int(connection.execute("SELECT value FROM epoch").fetchone()[0])

    def use(self, approval_id: str) -> None:
        self.run("INSERT INTO claims VALUES (?, 'default', 1, NULL)", claim_key(approval_id))


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    return Opened(tmp_path / "state.sqlite")


def another(number: int, **changed: object) -> ApprovalRequest:
    approval = replace(ASKED.approval, id=f"approval-{number}", request_hash=f"sha256:{number}")
    return replace(ASKED, approval=replace(approval, **changed))  # type: ignore[arg-type]  # fields by name


def reason_of(act: Callable[[], object]) -> Reason:
    with pytest.raises(Refused) as stop:
        act()
    return stop.value.reason


def test_a_request_waits_until_a_person_has_decided(opened: Opened) -> None:
    """Issue 7: and the next process knows it too."""
    assert opened.table.put(ASKED, 3) is ASKED
    assert opened.table.find("approval-1") == ASKED
    assert opened.again().list_all() == (ASKED,)
    epoch = opened.epoch()
    approved = opened.table.approve("approval-1", BOB)
    assert approved.approval.approvers == (BOB,)
    assert (opened.epoch(), opened.decided) == (epoch, ["g-1"])  # what gives does not move it
    denied = opened.table.deny("approval-1", NO)
    assert (denied.approval.denial, opened.epoch()) == (NO, epoch + 1)
    assert opened.again().find("approval-1") == denied


@promise("P11")
def test_equal_ones_are_one_and_only_so_many_wait(opened: Opened) -> None:
    """Issue 7: of one grant and one hash; what is approved, denied or run out does not wait."""
    assert [opened.table.put(another(number), 3) for number in (1, 2, 3)] == [another(1), another(2), another(3)]
    assert opened.table.put(replace(another(9), approval=replace(another(2).approval, id="approval-9")), 3) == another(
        2
    )
    assert opened.table.put(another(4), 3) is None
    assert opened.table.put(another(4, grant="g-2", request_hash="sha256:1"), 3) is None
    opened.table.approve("approval-1", BOB)
    assert opened.table.put(another(4), 3) == another(4)
    opened.table.deny("approval-2", NO)
    assert opened.table.put(another(5), 3) == another(5)
    late = replace(another(6, expires_ms=NOW_MS + 9_000), requested_ms=NOW_MS + 2_000)
    assert opened.table.put(late, 3) == late
    assert opened.ids() == ["approval-2", "approval-6"]  # what was denied stays, what ran out is gone


def test_what_was_used_waits_no_more(opened: Opened) -> None:
    """Ours: the same request is another then."""
    opened.table.put(ASKED, 3)
    opened.use("approval-1")
    assert opened.table.is_used("approval-1")
    assert opened.table.list_all() == ()
    for act in (lambda: opened.table.approve("approval-1", BOB), lambda: opened.table.deny("approval-1", NO)):
        assert reason_of(act) is Reason.NOT_COVERED
    new = replace(ASKED, approval=replace(ASKED.approval, id="approval-2"))
    assert opened.table.put(new, 3) is new
    assert opened.ids() == ["approval-2"]


def test_the_arguments_go_with_the_task(opened: Opened) -> None:
    """Ours: nobody looks at them any more; also what was denied."""
    opened.table.put(another(1), 3)
    opened.table.deny("approval-1", NO)
    opened.run("UPDATE grants SET state = 'revoked'")
    other = replace(a_grant(id="g-3"), root="g-3", statement_digest="sha256:other")
    opened.book.open_grant(other, b"other")
    opened.table.put(replace(another(2), task="g-3"), 3)
    assert opened.ids() == ["approval-2"]


def test_nobody_decides_twice_and_nobody_decides_nothing(opened: Opened) -> None:
    """Ours."""
    assert reason_of(lambda: opened.table.approve("approval-1", BOB)) is Reason.GRANT_UNKNOWN
    opened.table.put(ASKED, 3)
    opened.table.approve("approval-1", BOB)
    assert reason_of(lambda: opened.table.approve("approval-1", BOB)) is Reason.PROOF_REPLAYED
    opened.table.deny("approval-1", NO)
    assert reason_of(lambda: opened.table.deny("approval-1", NO)) is Reason.NOT_COVERED
    assert opened.table.find("nope") is None
    assert "approvals list" in str(unknown("x").remedy)


@promise("P6", "P7")
@pytest.mark.parametrize("case", ["a byte", "no MAC", "another's", "no JSON", "no request", "another key", "of before"])
def test_a_row_that_is_not_as_we_wrote_it_counts_as_none(opened: Opened, case: str) -> None:
    """A7: whoever can write the database alone makes no approval."""
    opened.table.put(another(1), 3)
    opened.table.put(another(2), 3)
    before = opened.row("approval-1")
    opened.table.approve("approval-1", BOB)
    form, mac = opened.row("approval-1")
    table = opened.table
    rows = {
        "a byte": (form.replace(b"bob", b"eve", 1), mac),
        "no MAC": (form, b""),
        "another's": opened.row("approval-2"),
        "no JSON": (b"{", table._mac(b"{")),
        "no request": (b"{}", table._mac(b"{}")),
        "another key": (form, opened.again(Secret("another key of thirty-two characters"))._mac(form)),
        "of before": before,
    }
    opened.run("UPDATE approvals SET form = ?, mac = ? WHERE id = 'approval-1'", *rows[case])
    assert table.find("approval-1") is None
    assert table.list_all() == (another(2),)
    assert "`approval-1` is not as we wrote it" in opened.alarms[0]


@promise("P6")
def test_what_was_taken_out_does_not_come_back(opened: Opened) -> None:
    """A7: its row, MAC and all, while this process lives."""
    opened.table.put(ASKED, 3)
    row = opened.row("approval-1")
    opened.table.drop("approval-1")
    assert opened.table.find("approval-1") is None
    opened.run("INSERT INTO approvals VALUES ('approval-1', 'default', 'g-1', ?, ?)", *row)
    assert opened.table.find("approval-1") is None
    assert len(opened.alarms) == 1


def test_what_was_written_is_remembered_within_bounds(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: the MACs of the latest."""
    monkeypatch.setattr(module, "_REMEMBERED_MAX", 1)
    opened.table.put(another(1), 3)
    opened.table.put(another(2), 3)
    assert list(opened.table._latest) == ["approval-2"]


@promise("P7")
def test_a_file_that_cannot_be_used_is_a_refusal(opened: Opened) -> None:
    """Ours: read or written."""
    opened.run("DROP TABLE approvals")
    for act in (opened.table.list_all, lambda: opened.table.put(ASKED, 3)):
        assert reason_of(act) is Reason.STORE_UNAVAILABLE
