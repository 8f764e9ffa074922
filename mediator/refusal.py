"""Why a call stops: the closed list of reasons, and the one exception that carries a reason.

This module decides nothing and phrases nothing for an agent: the sentences and codes stand in
`mediation/reply.py`, one table for all of them.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, unique
from typing import Final, TypeAlias

Told: TypeAlias = "str | list[str] | dict[str, Told]"
"""What the protocol wants to be told beside an error."""


@unique
class Reason(StrEnum):
    """Every reason for which a call can stop. Closed; a string never changes its meaning."""

    # Who are you? Stopped before anything about the call was looked at.
    NO_CREDENTIAL = "NO_CREDENTIAL"
    BAD_CREDENTIAL = "BAD_CREDENTIAL"
    EXPIRED_CREDENTIAL = "EXPIRED_CREDENTIAL"
    WRONG_AUDIENCE = "WRONG_AUDIENCE"
    UNKNOWN_ISSUER = "UNKNOWN_ISSUER"
    UNKNOWN_KEY = "UNKNOWN_KEY"
    PROOF_REQUIRED = "PROOF_REQUIRED"
    PROOF_INVALID = "PROOF_INVALID"
    PROOF_REPLAYED = "PROOF_REPLAYED"
    INSUFFICIENT_SCOPE = "INSUFFICIENT_SCOPE"
    # By which authority?
    GRANT_UNKNOWN = "GRANT_UNKNOWN"
    GRANT_EXPIRED = "GRANT_EXPIRED"
    GRANT_REVOKED = "GRANT_REVOKED"
    TASK_COMPLETED = "TASK_COMPLETED"
    CHAIN_INVALID = "CHAIN_INVALID"
    # Is it well formed?
    MALFORMED = "MALFORMED"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    HEADER_MISMATCH = "HEADER_MISMATCH"
    BODY_TOO_LARGE = "BODY_TOO_LARGE"
    # Does it exist for this caller, and do the arguments fit?
    UNKNOWN_TOOL = "UNKNOWN_TOOL"
    UNKNOWN_PROMPT = "UNKNOWN_PROMPT"
    UNKNOWN_RESOURCE = "UNKNOWN_RESOURCE"
    ARGUMENTS_INVALID = "ARGUMENTS_INVALID"
    # May it?
    NOT_COVERED = "NOT_COVERED"
    DENIED_BY_POLICY = "DENIED_BY_POLICY"
    POLICY_ERROR = "POLICY_ERROR"
    APPROVAL_REQUIRED = "APPROVAL_REQUIRED"
    JUSTIFICATION_REQUIRED = "JUSTIFICATION_REQUIRED"
    BUDGET_SPENT = "BUDGET_SPENT"
    RATE_LIMITED = "RATE_LIMITED"
    LOOP_DETECTED = "LOOP_DETECTED"
    FROZEN = "FROZEN"
    # Can we vouch for it now?
    LEDGER_UNAVAILABLE = "LEDGER_UNAVAILABLE"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    SNAPSHOT_TOO_OLD = "SNAPSHOT_TOO_OLD"
    TRY_AGAIN = "TRY_AGAIN"
    OVERLOADED = "OVERLOADED"
    # What became of it on the tool side?
    TOOL_SERVER_UNAVAILABLE = "TOOL_SERVER_UNAVAILABLE"
    TOOL_SERVER_INVALID = "TOOL_SERVER_INVALID"
    DEADLINE_PASSED = "DEADLINE_PASSED"
    RESULT_TOO_LARGE = "RESULT_TOO_LARGE"
    RESULT_WITHHELD = "RESULT_WITHHELD"
    # Our fault.
    INTERNAL = "INTERNAL"


class Refused(Exception):  # noqa: N818 - the house's word; it is an answer, not an error
    """The one way a call stops.

    `reason` is the member that everybody counts by. `detail` is for the operator's record and never
    reaches an agent. `sentence` is what the agent may read beyond the reason's fixed sentence: only text
    that we or the operator wrote (a policy's `@reason`, a JSON pointer into the caller's own arguments).
    `remedy` names what the agent can do. `code` is the JSON-RPC code where the protocol has one of its own
    (a malformed message), `data` what the protocol wants beside it. `decision_id` is set once a decision
    about this call stands on record.
    """

    def __init__(
        self,
        reason: Reason,
        detail: str = "",
        *,
        sentence: str | None = None,
        remedy: str | None = None,
        code: int | None = None,
        data: Mapping[str, Told] | None = None,
        decision_id: str | None = None,
    ) -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason: Final = reason
        self.detail: Final = detail
        self.sentence: Final = sentence
        self.remedy: Final = remedy
        self.code: Final = code
        self.data: Final = data
        self.decision_id: Final = decision_id

    def decided_as(self, decision_id: str) -> Refused:
        """The same refusal, naming the decision that is on record for it."""
        return Refused(
            self.reason,
            self.detail,
            sentence=self.sentence,
            remedy=self.remedy,
            code=self.code,
            data=self.data,
            decision_id=decision_id,
        )
