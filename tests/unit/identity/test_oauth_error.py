"""OAuth's errors, and what a client may read of a refusal.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.identity.oauth_error import OAuthError, TokenRefused
from mediator.refusal import Reason, Refused


def refused(sentence: str, remedy: str | None = None) -> TokenRefused:
    return TokenRefused(
        OAuthError.INVALID_SCOPE, Reason.NOT_COVERED, "for the record", sentence=sentence, remedy=remedy
    )


def test_the_client_reads_the_sentence_and_the_remedy_and_no_detail() -> None:
    """House style 4: two tellings."""
    stop = refused("no such scope", "leave it out")
    assert (stop.error, stop.reason, stop.detail) == ("invalid_scope", Reason.NOT_COVERED, "for the record")
    assert (stop.sentence, stop.remedy) == ("no such scope", "leave it out")
    assert stop.description == "no such scope; leave it out"
    assert refused("no such scope").description == "no such scope"


def test_a_description_has_only_the_characters_that_it_may_have() -> None:
    """RFC 6749 §5.2: printable ASCII, without the quotation mark and the backslash."""
    assert refused('a "b" \\ c\n\x00\x7fé d`!#[]~').description == "a ?b? ? c???? d`!#[]~"


def test_it_is_a_refusal_that_can_name_its_decision() -> None:
    """Design 5.8."""
    stop: Refused = refused("no such scope", "leave it out")
    decided = stop.decided_as("d-1")
    assert isinstance(decided, TokenRefused)
    assert (decided.error, decided.decision_id) == (OAuthError.INVALID_SCOPE, "d-1")
    assert (decided.detail, decided.description) == (stop.detail, "no such scope; leave it out")
