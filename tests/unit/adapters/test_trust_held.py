"""The trust of a process: whole snapshots, swapped before the epoch moves; what is quarantined stays out of each.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from mediator.adapters.trust_held import HeldTrust
from mediator.kind import ItemKind
from mediator.manifest.lock import parse_lock, write_lock
from mediator.manifest.pinned import ReviewRule
from mediator.mediation.quarantine import Quarantined
from mediator.mediation.trust import TrustSnapshot
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.judged import a_snapshot
from tests.simulated.memory import MemoryStore
from tests.simulated.people import key_of
from tests.simulated.pins import approved, loaded, manifest_of, pins_of, signed
from tests.simulated.quarantines import quarantines
from tests.simulated.tool_server import tool

READ, WRITE = tool("read"), tool("write")


class Book(MemoryStore):
    """A book in which a test may step in as something is written."""

    def __init__(self, written: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.written = written

    def quarantine(self, items: Sequence[Quarantined]) -> None:
        self.written()
        super().quarantine(items)


def a_trust() -> TrustSnapshot:
    return replace(a_snapshot(), pins=pins_of(READ, WRITE, server="files"))


def held(
    snapshot: TrustSnapshot | None = None, book: Book | None = None, tell: Callable[[], None] = lambda: None
) -> HeldTrust:
    book = book or Book()
    return HeldTrust(snapshot or a_trust(), book.move_epoch, tell, book=book)


def names(snapshot: TrustSnapshot) -> set[str]:
    return {one.name for one in snapshot.pins}


def take_away(trust: HeldTrust, *tools: str) -> None:
    trust.quarantine(quarantines(trust.snapshot().all_pins, "files", *tools))


@promise("P3")
def test_a_quarantined_tool_is_gone_and_its_neighbour_stays() -> None:
    """P3: what drifted does not exist; what did not, goes on. Why it is gone is known."""
    trust = held()
    take_away(trust, "write")
    assert names(trust.snapshot()) == {"read"}
    assert {one.name for one in trust.snapshot().all_pins} == {"read", "write"}
    assert trust.snapshot().why_quarantined(ItemKind.TOOL, "write", "files") == "`/description`"
    assert trust.snapshot().why_quarantined(ItemKind.TOOL, "read", "files") is None
    assert trust.snapshot().why_quarantined(ItemKind.TOOL, "never-was", "files") is None


@promise("P3", "P7")
def test_the_snapshot_is_swapped_before_the_epoch_moves() -> None:
    """Ours: whoever sees the new epoch must find the new trust, else a fence would look at the old one."""
    seen: list[set[str]] = []
    book = Book(lambda: seen.append(names(trust.snapshot())))
    trust = held(book=book)
    epoch = book.epoch()
    take_away(trust, "write")
    assert seen == [{"read"}]
    assert book.epoch() > epoch


def test_a_snapshot_that_somebody_holds_does_not_change() -> None:
    """P8: a decision is made under one snapshot, whatever happens meanwhile; and its digest tells them apart."""
    before = a_trust()
    trust = held(before)
    take_away(trust, "read")
    assert names(before) == {"read", "write"}
    assert trust.snapshot().digest != before.digest


def test_what_is_quarantined_already_moves_nothing() -> None:
    """Ours: a server that differs is compared each minute; each time all agents' sessions would look again."""
    told: list[str] = []
    book = Book()
    trust = held(book=book, tell=lambda: told.append("told"))
    take_away(trust, "write")
    epoch, snapshot = book.epoch(), trust.snapshot()
    take_away(trust, "write")
    assert (book.epoch(), told) == (epoch, ["told"])
    assert trust.snapshot() is snapshot


@promise("P3", "P7")
def test_trust_is_taken_away_even_where_it_cannot_be_written_and_is_written_the_next_time() -> None:
    """P7: the store may be gone; the tool is out all the same, whoever listens is told, the failure is not hidden."""

    def fail() -> None:
        raise Refused(Reason.STORE_UNAVAILABLE, "disk full")

    seen: list[set[str]] = []
    book = Book(fail)
    trust = held(book=book, tell=lambda: seen.append(names(trust.snapshot())))
    with pytest.raises(Refused):
        take_away(trust, "write")
    assert names(trust.snapshot()) == {"read"}
    assert (seen, book.list_quarantined()) == ([{"read"}], ())

    book.written = lambda: None
    take_away(trust, "write")
    assert [one.key.name for one in book.list_quarantined()] == ["write"]


@promise("P3")
def test_what_was_quarantined_before_the_start_or_a_renewal_is_out_until_it_is_approved_anew() -> None:
    """The issue: quarantined until reviewed; another statement is another approval, the same one is not."""
    book = Book()
    take_away(held(book=book), "write")

    trust = held(book=book)
    assert names(trust.snapshot()) == {"read"}
    trust.renew(a_trust())
    assert names(trust.snapshot()) == {"read"}

    approved_anew = pins_of(READ, {**WRITE, "description": "as it is now"}, server="files")
    trust.renew(replace(a_trust(), pins=approved_anew))
    assert names(trust.snapshot()) == {"read", "write"}
    assert trust.snapshot().quarantined == {}
    trust.renew(a_trust())  # somebody put the old pins back
    assert names(trust.snapshot()) == {"read"}


@promise("P3")
def test_whoever_listens_is_told_after_a_renewal_even_where_the_epoch_cannot_move() -> None:
    """Issue 3: after the comparison, and after the swap: who lists now sees what is in force."""
    seen: list[set[str]] = []

    def fail() -> None:
        message = "the store is gone"
        raise OSError(message)

    trust = HeldTrust(a_trust(), fail, lambda: seen.append(names(trust.snapshot())), book=Book())
    with pytest.raises(OSError, match="the store is gone"):
        trust.renew(a_trust())
    assert seen == [{"read", "write"}]


@promise("P3")
@pytest.mark.parametrize("left", [0, 1])
def test_that_one_of_two_approvals_falls_away_frees_nothing_and_a_new_one_does(left: int) -> None:
    """A7, and a reviewer who is an operator no more: what is quarantined is free once somebody approves it anew."""
    envelope = signed(manifest_of(READ))
    one = approved(envelope)
    both = approved(envelope, pins_lock=one, reviewer=key_of("second"))
    trust = held(replace(a_snapshot(), pins=loaded(both, {"files": envelope})[0]))
    take_away(trust, "read")
    for lock in (both, write_lock([parse_lock(both)[left]])):
        trust.renew(replace(a_snapshot(), pins=loaded(lock, {"files": envelope})[0]))
        assert names(trust.snapshot()) == set()
        assert len(trust.snapshot().quarantined) == 1
    again = approved(envelope, pins_lock=both)
    trust.renew(replace(a_snapshot(), pins=loaded(again, {"files": envelope})[0]))
    assert names(trust.snapshot()) == {"read"}


@promise("P3")
def test_where_two_must_approve_two_must_approve_anew() -> None:
    """Issue 3: two reviewers where settings ask for it; an old word and a new one are not two who have seen the drift."""
    envelope, second = signed(manifest_of(READ)), key_of("second")
    both = approved(envelope, pins_lock=approved(envelope), reviewer=second)
    one_anew = approved(envelope, pins_lock=both)
    two_anew = approved(envelope, pins_lock=one_anew, reviewer=second)

    def reviewed_by_two(lock: bytes) -> TrustSnapshot:
        return replace(a_snapshot(), pins=loaded(lock, {"files": envelope}, ReviewRule(reviewers=2))[0])

    trust = held(reviewed_by_two(both))
    take_away(trust, "read")
    trust.renew(reviewed_by_two(one_anew))
    assert names(trust.snapshot()) == set()
    trust.renew(reviewed_by_two(two_anew))
    assert names(trust.snapshot()) == {"read"}
