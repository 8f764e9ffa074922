"""The vocabularies: verbs in all their forms, phrases as they are written.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.manifest.lint.vocabulary import VOCABULARY, forms, words


@pytest.mark.parametrize(
    ("verb", "every"),
    [
        ("send", "send sends sending sent"),
        ("copy", "copy copies copying copied"),
        ("relay", "relay relays relaying relayed"),
        ("transmit", "transmit transmits transmitting transmitted"),
        ("push", "push pushes pushing pushed"),
        ("erase", "erase erases erasing erased"),
        ("ship", "ship ships shipping shipped"),
    ],
)
def test_a_verb_has_its_forms(verb: str, every: str) -> None:
    """Ours."""
    assert forms(frozenset({verb})) == words(every)


def test_a_phrase_is_written_with_a_line() -> None:
    """Ours."""
    assert words("third_party us") == {"third party", "us"}


def test_no_vocabulary_is_empty() -> None:
    """Ours: an empty one would let its rule be tried, and met, by nothing."""
    assert all(VOCABULARY.values())
