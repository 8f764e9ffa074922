"""What every `Claims` keeps: what is counted is taken once, whole or not at all, and only under an epoch that stands.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediator.delegation.grant import GrantState
from mediator.mediation.deliberate import Claim
from mediator.mediation.ports import Claimed, Lost, Stale
from tests.contracts.stores import Store, sqlite_in
from tests.promises import promise
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.grants import a_grant

THREE = Claim(key="calls:g-1", limit=3)
ONE = Claim(key="approval:a-1", limit=1)


def take(store: Store, *claims: Claim, epoch: int | None = None) -> Claimed | Lost | Stale:
    return store.claim("g-1", claims, store.epoch() if epoch is None else epoch, NOW_MS)


def test_only_what_narrows_trust_moves_the_epoch(store: Store) -> None:
    """Design 4: opening a task and a claim do not; ending a grant does, and so does whoever asks for it."""
    epoch = store.epoch()
    store.open(a_grant())
    take(store, THREE)
    assert store.epoch() == epoch
    store.end("g-1", GrantState.REVOKED)
    revoked = store.epoch()
    assert revoked > epoch
    store.move_epoch()
    assert store.epoch() > revoked


def test_where_nothing_is_counted_the_epoch_alone_decides(store: Store) -> None:
    """Design 4."""
    assert take(store) == Claimed()
    assert take(store, epoch=store.epoch() - 1) == Stale()
    assert take(store, epoch=store.epoch() + 1) == Stale()


def test_a_right_is_taken_as_often_as_its_limit_says(store: Store) -> None:
    """Ours: and each further time it is the one that was lost."""
    assert [take(store, THREE) for _ in range(5)] == [Claimed()] * 3 + [Lost(THREE)] * 2


def test_what_is_limited_to_nothing_is_never_taken(store: Store) -> None:
    """Empty is never permission."""
    nothing = Claim(key="calls:g-0", limit=0)
    assert take(store, nothing) == Lost(nothing)


@promise("P7")
def test_who_takes_several_units_takes_them_all_or_none(store: Store) -> None:
    """Ours: what is too much for one call is left for a smaller one."""
    store.open(a_grant())
    bytes_of = {amount: Claim(key="budget:b:g-1", limit=10, amount=amount) for amount in (2, 4, 7, 11)}
    assert take(store, bytes_of[11]) == Lost(bytes_of[11])
    assert [take(store, bytes_of[7]) for _ in range(2)] == [Claimed(), Lost(bytes_of[7])]
    assert take(store, bytes_of[4]) == Lost(bytes_of[4])
    assert store.gather("g-1").spent == frozenset()
    assert [take(store, bytes_of[2]) for _ in range(2)] == [Claimed(), Lost(bytes_of[2])]
    assert take(store, Claim(key="budget:b:g-1", limit=10)) == Claimed()
    assert store.gather("g-1").spent == {"budget:b:g-1"}


@promise("P7")
def test_what_is_known_afterwards_is_counted_however_little_is_left(store: Store) -> None:
    """Issue 7, bytes: it cannot be refused any more; the next call is."""
    store.open(a_grant())
    claim = Claim(key="budget:b:g-1", limit=10, counts_result=True)
    window = Claim(key="budget:c:g-1:60/7", limit=2, until_ms=NOW_MS + 1)
    assert take(store, claim) == Claimed()
    store.count("g-1", [replace(claim, amount=3), replace(window, amount=9)])
    assert store.gather("g-1").spent == frozenset()
    assert take(store, replace(claim, amount=7)) == Lost(replace(claim, amount=7))
    assert take(store, replace(claim, amount=5)) == Claimed()
    assert take(store, window) == Lost(window)
    store.count("g-1", [replace(claim, amount=70)])
    assert store.gather("g-1").spent == {"budget:b:g-1"}
    assert take(store, claim) == Lost(claim)


def test_what_is_over_with_its_window_is_not_told_as_spent(store: Store) -> None:
    """Ours: nobody would take it back; whoever asks again in the same window has lost it again."""
    store.open(a_grant())
    window = Claim(key="budget:b:g-1:60/7", limit=1, until_ms=NOW_MS + 1)
    assert [take(store, window) for _ in range(3)] == [Claimed(), Lost(window), Lost(window)]
    assert store.gather("g-1").spent == frozenset()


@promise("P7")
def test_all_is_taken_or_none(store: Store) -> None:
    """Ours: a call that lost one thing has taken nothing else."""
    assert take(store, ONE) == Claimed()
    assert take(store, THREE, ONE) == Lost(ONE)
    assert take(store, ONE, THREE) == Lost(ONE)
    assert [take(store, THREE) for _ in range(4)] == [Claimed()] * 3 + [Lost(THREE)]


@promise("P7")
def test_nothing_is_taken_once_the_epoch_moved(store: Store) -> None:
    """Ours: what was judged under an epoch that is past is judged again."""
    judged_under = store.epoch()
    store.move_epoch()
    assert take(store, ONE, epoch=judged_under) == Stale()
    assert take(store, ONE) == Claimed()


def test_what_was_taken_stays_taken_when_the_epoch_moves(store: Store) -> None:
    """Ours: revoking one task gives no other its calls back."""
    assert take(store, ONE) == Claimed()
    store.move_epoch()
    assert take(store, ONE) == Lost(ONE)


@pytest.fixture(scope="module")
def one_file() -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        yield Path(folder)


@settings(max_examples=25)
@given(
    asked=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc"), st.sampled_from([0, 0, 1])), max_size=12)
)
def test_two_processes_never_take_more_than_there_is(one_file: Path, asked: list[tuple[str, str, int]]) -> None:
    """Ours: hard limits are exact across workers; against a count kept by hand."""
    with sqlite_in(one_file) as first, sqlite_in(one_file) as second:
        epoch = first.epoch()
        mark = f"{epoch}:"
        taken = dict.fromkeys("abc", 0)
        for left, right, which in asked:
            keys = {left, right}
            claims = [Claim(key=mark + key, limit=2) for key in sorted(keys)]
            got = (first, second)[which].claim("g-1", claims, epoch, NOW_MS)
            if all(taken[key] < 2 for key in keys):
                assert got == Claimed()
                for key in keys:
                    taken[key] += 1
            else:
                assert got == Lost(Claim(key=mark + min(key for key in keys if taken[key] == 2), limit=2))
        first.bump_epoch()
