"""What the decision point answers: a verdict, the policies that made it, and what would turn a denial.

A denial is an answer, a value that is recorded; the `Refused` that follows is raised elsewhere. Two rules are kept at
the making: an allow names at least one policy (silence is never permission), and a denial has a reason.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import final

from mediator.refusal import Reason


@unique
class Verdict(StrEnum):
    """May the call be made?"""

    ALLOW = "allow"
    DENY = "deny"


@unique
class Obligation(StrEnum):
    """A duty that comes with an allow, by the word that a policy's `@obligation` uses. Closed: an unknown word denies."""

    RECORD_RESULT_DIGEST = "record-result-digest"
    """The outcome record holds the digest of the result. It always does: the duty is kept by keeping records."""

    TWO_APPROVERS = "two-approvers"
    """On a permit of `approve`: the request is approved once two people have, each with a key of their own."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One answer. Policies are named by their `@id`, in alphabetical order.

    `sentence` is the `@reason` of the policy that forbade, or says what is missing; the agent may read it. `remedy`
    names what would turn this denial. `opaque` lists the pointers in this call that no policy can see into.
    """

    verdict: Verdict
    determining: tuple[str, ...]
    policy_digest: str
    reason: Reason | None = None
    sentence: str | None = None
    remedy: str | None = None
    obligations: frozenset[Obligation] = frozenset()
    opaque: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.verdict is Verdict.ALLOW and (not self.determining or self.reason is not None):
            message = "an allow names its policies and has no reason to refuse"
            raise ValueError(message)
        if self.verdict is Verdict.DENY and self.reason is None:
            message = "a denial has a reason"
            raise ValueError(message)

    @property
    def is_forbidden(self) -> bool:
        """Whether a policy forbids it, or the engine could not say; a denial for want of a permit is neither."""
        return self.verdict is Verdict.DENY and (bool(self.determining) or self.reason is not Reason.DENIED_BY_POLICY)
