"""Nonces: one for every five minutes, known again without being remembered.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.evidence import Secret
from mediator.identity.nonce import BUCKET_MS, Nonces
from tests.promises import promise

NONCES = Nonces(Secret("s" * 32))
START_MS = 6_000_000 * BUCKET_MS
CURRENT = NONCES.current(START_MS)


def test_it_is_the_same_for_five_minutes() -> None:
    """RFC 9449 §8: nothing is remembered, so nothing has to be."""
    assert BUCKET_MS == 300_000
    assert NONCES.current(START_MS + BUCKET_MS - 1) == CURRENT
    assert NONCES.current(START_MS + BUCKET_MS) != CURRENT


def test_a_client_may_write_it_down_as_it_is() -> None:
    """RFC 9449 §8.1: `nonce = 1*NQCHAR`; 18 bytes nobody guesses."""
    assert re.fullmatch(r"[A-Za-z0-9_-]{24}", CURRENT)


@promise("P7")
@pytest.mark.parametrize(
    ("after_ms", "holds"),
    [
        (-1, False),
        (0, True),
        (BUCKET_MS - 1, True),
        (BUCKET_MS, True),
        (2 * BUCKET_MS - 1, True),
        (2 * BUCKET_MS, False),
        (3 * BUCKET_MS, False),
        (1000 * BUCKET_MS, False),
    ],
)
def test_it_is_good_in_its_five_minutes_and_the_next(after_ms: int, holds: bool) -> None:
    """RFC 9449 §8: whoever was told it in the last moment has time to use it; nobody has it before it is given."""
    assert NONCES.holds(CURRENT, START_MS + after_ms) is holds


@promise("P7")
@pytest.mark.parametrize(
    "nonce",
    [
        "",
        " ",
        CURRENT + " ",
        CURRENT + "A",
        CURRENT[:-1],
        CURRENT.swapcase(),
        "A" * 24,
        "é" * 24,
        "\ud800",
        "x" * 100_000,
    ],
)
def test_what_was_not_given_is_not_known(nonce: str) -> None:
    """RFC 9449 §8: whatever the client writes there, nothing else is raised."""
    assert not NONCES.holds(nonce, START_MS)


@promise("P7")
def test_who_has_another_secret_gives_others() -> None:
    """Ours: they come from the mediator's own secret, and from no fixed one."""
    foreign = Nonces(Secret("t" * 32)).current(START_MS)
    assert foreign != CURRENT
    assert not NONCES.holds(foreign, START_MS)


def test_every_process_with_the_secret_knows_them() -> None:
    """Ours: the line break at the end of a secret's file says nothing."""
    assert Nonces(Secret(" " + "s" * 32 + "\n")).holds(CURRENT, START_MS)


@given(st.integers(0, 2**53 - 1))
def test_what_is_given_now_holds_now(now_ms: int) -> None:
    """Ours: at whatever time it is."""
    assert NONCES.holds(NONCES.current(now_ms), now_ms)
    assert NONCES.current(now_ms) != NONCES.current(now_ms + BUCKET_MS)
