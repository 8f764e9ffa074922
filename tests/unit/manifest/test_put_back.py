"""Unit tests of mediator/manifest/put_back.py; with files: tests/attacks/test_spliced_pins.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import JsonObject, canonical_bytes, parse_object
from mediator.identity.statement import Keyholders
from mediator.manifest.lock import SignedApproval, Word, parse_lock, words_that_verify, write_lock
from mediator.manifest.put_back import NOTHING_SEEN, find_put_back, read_seen_form, see, without
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.people import key_of
from tests.simulated.pins import OPERATORS, approved, manifest_of, signed

ENVELOPE = signed(manifest_of())


def words_in(lock: bytes | None, operators: Keyholders = OPERATORS) -> tuple[Word, ...]:
    return words_that_verify(parse_lock(lock), operators)


@promise("P2")
def test_an_approval_that_had_gone_is_told_from_those_that_stayed_and_those_that_are_new() -> None:
    """A7: the newest statement kept, and an older one beside it."""
    first = approved(ENVELOPE)
    second = approved(ENVELOPE, pins_lock=first)
    seen = see(words_in(second), see(words_in(first), NOTHING_SEEN))
    third = approved(ENVELOPE, pins_lock=second, reviewer=key_of("second"))
    spliced = write_lock([*parse_lock(first), *parse_lock(third)])
    put_back = find_put_back(words_in(spliced), seen)
    assert [one.statement.raw for one in put_back] == [*parse_lock(first)]
    assert without(spliced, put_back) == third
    assert without(third, ()) is third
    assert see(words_in(spliced), seen) == see(words_in(third), seen)  # and stays so


@promise("P7")
def test_an_older_file_and_one_that_nobody_signed_change_nothing_of_what_was_seen() -> None:
    """TUF 5.3.5: no rollback."""
    first = approved(ENVELOPE)
    seen = see(words_in(approved(ENVELOPE, pins_lock=first)), NOTHING_SEEN)
    for words in (words_in(first), words_in(first, {}), words_in(None)):
        assert see(words, seen) == seen
    assert see((), NOTHING_SEEN) == NOTHING_SEEN


def test_what_was_seen_is_read_as_it_was_written() -> None:
    """Ours."""
    seen = see(words_in(approved(ENVELOPE)), NOTHING_SEEN)
    assert all(isinstance(word, SignedApproval) for word in words_in(approved(ENVELOPE)))
    assert read_seen_form(parse_object(canonical_bytes(seen.as_form()))) == seen


@pytest.mark.parametrize("form", [{}, {"serial": 1}, {"serial": -1, "statements": []}, {"serial": 1, "statements": {}}])
@promise("P7")
def test_any_other_form_is_refused(form: JsonObject) -> None:
    """P7: what was seen is not guessed."""
    with pytest.raises(Refused) as refusal:
        read_seen_form(form)
    assert refusal.value.reason is Reason.MALFORMED
