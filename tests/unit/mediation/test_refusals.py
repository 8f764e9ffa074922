"""The table of refusals: every reason has its row, and no row says more than it may.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.inspection import form
from mediator.mediation.refusals import (
    FORBIDDEN,
    TELLINGS,
    UNAUTHENTICATED,
    UNAVAILABLE,
    Carrier,
    once_begun,
)
from mediator.refusal import Reason, Refused
from tests.promises import promise

WHO_ARE_YOU = {
    Reason.NO_CREDENTIAL,
    Reason.BAD_CREDENTIAL,
    Reason.EXPIRED_CREDENTIAL,
    Reason.WRONG_AUDIENCE,
    Reason.UNKNOWN_ISSUER,
    Reason.UNKNOWN_KEY,
    Reason.PROOF_INVALID,
    Reason.PROOF_REPLAYED,
}
IS_THE_MESSAGE = {
    Reason.MALFORMED,
    Reason.METHOD_NOT_ALLOWED,
    Reason.HEADER_MISMATCH,
    Reason.BODY_TOO_LARGE,
    Reason.UNKNOWN_TOOL,
    Reason.UNKNOWN_PROMPT,
    Reason.UNKNOWN_RESOURCE,
}


@promise("P11")
def test_every_reason_has_its_row() -> None:
    """Ours: the list of reasons is closed, and so is what an agent can be told."""
    assert set(TELLINGS) == set(Reason)


def test_every_reason_is_carried_as_the_contract_has_it() -> None:
    """Design 5.7: who are you: 401; a scope: 403; what is wrong with the message: the protocol's error; all else: a readable result."""
    assert {reason for reason, told in TELLINGS.items() if told.carrier is Carrier.CREDENTIAL} == WHO_ARE_YOU
    assert {reason for reason, told in TELLINGS.items() if told.carrier is Carrier.PROTOCOL} == IS_THE_MESSAGE
    assert {reason for reason, told in TELLINGS.items() if told.carrier is Carrier.SCOPE} == {Reason.INSUFFICIENT_SCOPE}


@pytest.mark.parametrize("reason", Reason)
def test_a_sentence_is_one_plain_line_that_others_can_go_on_from(reason: Reason) -> None:
    """House style 4. Plain ASCII without quotes, since a sentence also stands in a header (RFC 6750 §3)."""
    told = TELLINGS[reason]
    for text in (told.sentence, told.remedy or "x"):
        assert text.isascii()
        assert text.isprintable()
        assert text.strip() == text
        assert not text.endswith(".")
        assert not set(text) & set('"\\')


def test_our_own_codes_stand_outside_what_others_have_reserved() -> None:
    """JSON-RPC 2.0 §5.1: -32768 to -32000 are reserved; and a tool server may not speak in our name."""
    assert all(code not in range(-32768, -31999) for code in (UNAUTHENTICATED, FORBIDDEN, UNAVAILABLE))
    assert {UNAUTHENTICATED, FORBIDDEN, UNAVAILABLE} == form._OUR_CODES


@promise("P11")
@pytest.mark.parametrize("reason", Reason)
def test_once_a_call_has_begun_nobody_is_told_that_nothing_was_done_or_to_simply_try_again(reason: Reason) -> None:
    """Ours: an agent that repeats a payment because of our words was misled by us."""
    told = once_begun(Refused(reason, "detail", sentence="sentence", remedy="remedy"))
    row = TELLINGS[told.reason]
    assert "nothing was done" not in row.sentence
    assert (told.remedy or row.remedy) not in {"try again later", "try again"} or told.remedy == "remedy"
    if told.reason is not reason:
        assert told.reason is Reason.RESULT_WITHHELD
        assert str(reason) in told.detail


@pytest.mark.parametrize("reason", [Reason.GRANT_REVOKED, Reason.FROZEN, Reason.TASK_COMPLETED])
def test_what_moved_keeps_its_reason_once_a_call_has_begun(reason: Reason) -> None:
    """Design 4, the fence: refused with that reason."""
    told = once_begun(Refused(reason, "moved"))
    assert told.reason is reason
    assert told.sentence == "the call had begun before that, and what it did stands"
    assert told.remedy == "check what it did before trying again"


@pytest.mark.parametrize("reason", [Reason.UNKNOWN_TOOL, Reason.TRY_AGAIN])
def test_what_would_be_untrue_or_needs_a_status_is_told_as_a_withheld_result(reason: Reason) -> None:
    """Design 5.7: all statuses are chosen before the forward; what is refused after it is a result."""
    told = once_begun(Refused(reason, "moved"))
    assert told.reason is Reason.RESULT_WITHHELD
    assert TELLINGS[told.reason].carrier is Carrier.RESULT
    assert told.detail == f"after the call had begun: {reason}: moved"


@pytest.mark.parametrize("reason", [Reason.DEADLINE_PASSED, Reason.TOOL_SERVER_INVALID, Reason.RESULT_TOO_LARGE])
def test_what_is_said_of_an_answer_anyway_stays_as_it_is(reason: Reason) -> None:
    """Ours."""
    stop = Refused(reason, "detail")
    assert once_begun(stop) is stop
