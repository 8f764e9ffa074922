"""Seals and secrets: that the wrong thing is refused by Python itself.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import copy
import operator
import pickle
from dataclasses import FrozenInstanceError, InitVar, dataclass, replace
from typing import Final, final

import pytest

from mediator.evidence import Seal, Secret

_SEAL: Final = Seal("tests.unit.test_evidence")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Evidence as every checking module writes it."""

    subject: str
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)


def test_evidence_is_made_with_its_own_seal() -> None:
    """House style, part B."""
    assert Checked(subject="alice", seal=_SEAL).subject == "alice"


def test_evidence_cannot_be_made_with_a_seal_of_ones_own() -> None:
    """House style, part B; a name that is the same makes no seal the same."""
    with pytest.raises(TypeError, match=r"made only in `tests\.unit\.test_evidence`"):
        Checked(subject="root", seal=Seal("tests.unit.test_evidence"))


def test_evidence_cannot_be_made_without_a_seal() -> None:
    """House style, part B."""
    with pytest.raises(TypeError):
        Checked(subject="root")  # type: ignore[call-arg]  # what is tested


def test_evidence_cannot_be_changed_or_copied_with_a_change() -> None:
    """House style, part B."""
    checked = Checked(subject="alice", seal=_SEAL)
    with pytest.raises(FrozenInstanceError):
        checked.subject = "root"  # type: ignore[misc]  # what is tested
    with pytest.raises((TypeError, ValueError)):
        replace(checked, subject="root")  # type: ignore[call-arg]  # what is tested
    assert checked.subject == "alice"


def test_a_seal_says_whose_it_is() -> None:
    """Ours."""
    assert repr(_SEAL) == "Seal('tests.unit.test_evidence')"


def test_a_secret_prints_as_nothing() -> None:
    """House style 8: a token never reaches a log by accident."""
    secret = Secret("hunter2")
    for printed in (str(secret), repr(secret), f"{secret}", f"{secret!r}", repr([secret]), repr({"token": secret})):
        assert "hunter2" not in printed


def test_a_secret_is_revealed_only_when_it_is_asked() -> None:
    """House style 8."""
    assert Secret("hunter2").reveal() == "hunter2"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("a", "a", True), ("a", "b", False), ("a", "aa", False), ("", "", True), ("é", "é", True), ("é", "e", False)],
)
def test_secrets_match_by_value(one: str, other: str, same: bool) -> None:
    """House style 8: in constant time, and for any text."""
    assert Secret(one).matches(Secret(other)) is same


def test_secrets_are_not_compared_in_the_ordinary_way() -> None:
    """House style 8: `==` leaks where two values differ."""
    for compare in (operator.eq, operator.ne):
        for other in (Secret("a"), Secret("b"), "a", None):
            with pytest.raises(TypeError, match="matches"):
                compare(Secret("a"), other)


def test_a_secret_is_no_key_and_is_not_stored() -> None:
    """House style 8: not in a mapping, not in a pickle, not in a copy."""
    secret = Secret("hunter2")
    with pytest.raises(TypeError, match="unhashable"):
        hash(secret)
    for store in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            store(secret)
    assert not hasattr(secret, "__dict__")
