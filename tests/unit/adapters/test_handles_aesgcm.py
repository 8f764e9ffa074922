"""Unit tests of mediator/adapters/handles_aesgcm.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.adapters.handles_aesgcm import SealedHandles
from mediator.evidence import Secret
from tests.promises import promise

HANDLES = SealedHandles(Secret("a" * 40))


def test_what_was_sealed_is_read_by_its_owner_alone() -> None:
    """Issue 4: sealed, and bound to the grant that received it; also after a restart."""
    handle = HANDLES.seal(b"the state", "g-1")
    assert handle.isascii()
    assert "state" not in handle
    assert HANDLES.open(handle, "g-1") == b"the state"
    assert SealedHandles(Secret("a" * 40)).open(handle, "g-1") == b"the state"
    assert HANDLES.open(handle, "g-2") is None
    assert SealedHandles(Secret("b" * 40)).open(handle, "g-1") is None
    assert HANDLES.seal(b"the state", "g-1") != handle


@promise("P4")
@pytest.mark.parametrize("handle", ["", "x", "=" * 8, "é", "A" * 64, "A" * 15])
def test_what_was_not_sealed_here_does_not_open(handle: str) -> None:
    """MCP 2026-07-28, MRTR: a server treats the state as an attacker's."""
    assert HANDLES.open(handle, "g-1") is None


@promise("P4")
def test_no_character_of_a_handle_can_be_another() -> None:
    """Ours: also where base64 would have two spellings."""
    handle = HANDLES.seal(b"xy", "g-1")
    for at, character in enumerate(handle):
        for other in "ABw_-=9":
            if other != character:
                assert HANDLES.open(handle[:at] + other + handle[at + 1 :], "g-1") is None
    assert HANDLES.open(handle + "=", "g-1") is None
    assert HANDLES.open(handle + "\n", "g-1") is None
