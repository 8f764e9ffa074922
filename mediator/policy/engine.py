"""What the core asks of a policy engine: one question, one answer.

Declared here because the core needs it; `adapters/engine_cedar.py` fills it. An engine lives inside the snapshot of
what we trust: it is prepared whole from one policy set and the pinned tools, and never changes afterwards.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Protocol

from mediator.policy.approving import ApprovalQuestion
from mediator.policy.decision import Decision
from mediator.policy.request import AccessRequest, DelegationRequest


class PolicyEngine(Protocol):
    """A prepared set of policies over a fixed set of tools."""

    @property
    def digest(self) -> str:
        """The digest of the policy set: what an activation statement names and every decision repeats."""
        ...

    def evaluate(self, request: AccessRequest) -> Decision:
        """Answer; sync, without I/O, the same answer for the same request.

        Never raises: an error in the engine is a denial (`POLICY_ERROR`), and so is a tool that it was not
        prepared with.
        """
        ...

    def evaluate_delegation(self, request: DelegationRequest) -> Decision:
        """Answer, likewise, whether one agent may hand this much of its authority to another.

        Only a permit whose scope names `delegate` permits it. A denial never asks for an approval.
        """
        ...

    def evaluate_approval(self, question: ApprovalQuestion) -> Decision:
        """Answer, likewise, whether this person may approve this request of that agent.

        Only policies whose scope names `approve` have a say: a call that is approved is decided by all of them anyway.
        """
        ...
