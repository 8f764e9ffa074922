"""A stored grant's seal: whoever can write the database alone gains no authority.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.adapters.store_sqlite.mac import GrantSeal
from mediator.canonical import canonical_bytes
from mediator.evidence import Secret
from mediator.refusal import Reason, Refused
from tests.contracts.stores import MAC_KEY
from tests.promises import promise
from tests.simulated.grants import a_grant, authority

SEAL = GrantSeal(MAC_KEY)
GRANT = a_grant()


def test_a_sealed_grant_comes_back() -> None:
    """Ours."""
    assert SEAL.find_grant("g-1", *SEAL.seal(GRANT)) == GRANT


def test_the_end_of_a_keys_line_is_no_part_of_it() -> None:
    """Ours: an editor that adds one makes no other key."""
    assert GrantSeal(Secret(MAC_KEY.reveal() + "\n")).find_grant("g-1", *SEAL.seal(GRANT)) == GRANT


@promise("P7")
def test_a_seal_of_another_key_is_none() -> None:
    """Ours."""
    other = GrantSeal(Secret("another key of at least thirty-two characters"))
    assert other.find_grant("g-1", *SEAL.seal(GRANT)) is None


def test_the_seal_of_one_grant_does_not_hold_for_another() -> None:
    """Ours: nor does a grant count under another's id."""
    wider, _ = SEAL.seal(replace(GRANT, rights=authority("*/* read,write,exec")))
    _, mac = SEAL.seal(GRANT)
    assert SEAL.find_grant("g-1", wider, mac) is None
    assert SEAL.find_grant("g-2", *SEAL.seal(GRANT)) is None


def test_what_was_sealed_and_is_no_grant_is_not_stored() -> None:
    """Ours: a form that a newer version wrote."""
    form = canonical_bytes({"id": "g-1"})
    assert SEAL.find_grant("g-1", form, SEAL._mac(form)) is None
    assert SEAL.find_grant("g-1", b"not json", SEAL._mac(b"not json")) is None


@promise("P7")
@given(st.data())
def test_one_flipped_bit_is_refused(data: st.DataObject) -> None:
    """Ours: law 3, for grants."""
    form, mac = SEAL.seal(GRANT)
    raw = bytearray(form + mac)
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    assert SEAL.find_grant("g-1", bytes(raw[: len(form)]), bytes(raw[len(form) :])) is None


@pytest.mark.parametrize("text", ["", "\n", "short", "x" * 31, " " * 40])
def test_a_key_that_could_be_guessed_is_refused(text: str) -> None:
    """Ours."""
    with pytest.raises(Refused) as stop:
        GrantSeal(Secret(text))
    assert stop.value.reason is Reason.STORE_UNAVAILABLE
