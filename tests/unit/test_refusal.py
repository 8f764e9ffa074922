"""The closed list of reasons, and the exception that carries one.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.refusal import Reason, Refused

# The contract with everybody who counts by reason: names are added here, never changed.
REASONS = """
NO_CREDENTIAL BAD_CREDENTIAL EXPIRED_CREDENTIAL WRONG_AUDIENCE UNKNOWN_ISSUER UNKNOWN_KEY PROOF_REQUIRED PROOF_INVALID
PROOF_REPLAYED INSUFFICIENT_SCOPE GRANT_UNKNOWN GRANT_EXPIRED GRANT_REVOKED TASK_COMPLETED CHAIN_INVALID MALFORMED
METHOD_NOT_ALLOWED HEADER_MISMATCH BODY_TOO_LARGE UNKNOWN_TOOL UNKNOWN_PROMPT UNKNOWN_RESOURCE ARGUMENTS_INVALID NOT_COVERED DENIED_BY_POLICY
POLICY_ERROR APPROVAL_REQUIRED JUSTIFICATION_REQUIRED BUDGET_SPENT RATE_LIMITED LOOP_DETECTED FROZEN LEDGER_UNAVAILABLE
STORE_UNAVAILABLE SNAPSHOT_TOO_OLD TRY_AGAIN OVERLOADED TOOL_SERVER_UNAVAILABLE TOOL_SERVER_INVALID DEADLINE_PASSED
RESULT_TOO_LARGE RESULT_WITHHELD INTERNAL
""".split()


def test_the_list_of_reasons_is_closed() -> None:
    """Ours: a contract (docs/architecture.md); a string never changes its meaning."""
    assert [reason.value for reason in Reason] == REASONS
    assert [reason.name for reason in Reason] == REASONS


def test_a_refusal_needs_only_its_reason() -> None:
    """Ours."""
    stop = Refused(Reason.FROZEN)
    assert (stop.reason, stop.detail, stop.sentence, stop.remedy) == (Reason.FROZEN, "", None, None)
    assert (stop.code, stop.data, stop.decision_id) == (None, None, None)
    assert str(stop) == "FROZEN"


def test_the_detail_is_told_to_operators() -> None:
    """Ours: what the record and a command print."""
    assert str(Refused(Reason.MALFORMED, "not JSON")) == "MALFORMED: not JSON"


def test_a_decided_refusal_is_the_same_refusal_and_names_its_decision() -> None:
    """Ours: nothing that was said before is lost when the decision is written."""
    stop = Refused(
        Reason.ARGUMENTS_INVALID,
        "`/city`",
        sentence="a string belongs there",
        remedy="send one",
        code=-32602,
        data={"requested": "1999-01-01"},
    )

    decided = stop.decided_as("d-1")

    assert (decided.reason, decided.detail, decided.sentence, decided.remedy, decided.code, decided.data) == (
        stop.reason,
        stop.detail,
        stop.sentence,
        stop.remedy,
        stop.code,
        stop.data,
    )
    assert (decided.decision_id, stop.decision_id) == ("d-1", None)


def test_a_refusal_is_an_exception_and_no_error_of_python() -> None:
    """House style 4: nobody catches it by catching ValueError."""
    assert issubclass(Refused, Exception)
    assert not issubclass(Refused, ValueError | OSError | RuntimeError)
    with pytest.raises(Refused):
        raise Refused(Reason.INTERNAL)
