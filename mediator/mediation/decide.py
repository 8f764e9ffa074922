"""What policy says of a chain: a permit is asked for the one who acts, a forbid for everybody above as well.

Pure. Whatever is asked about a chain is decided here, of the call itself, of what is listed, of what a tool server asks
and of what is handed on: what is forbidden to an agent it has no other do for it (P4).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from mediator.delegation.chain import DelegationChain
from mediator.mediation.question import agent_facts
from mediator.policy.decision import Decision, Verdict
from mediator.policy.request import AccessRequest, DelegationRequest

_Q = TypeVar("_Q", AccessRequest, DelegationRequest)


def decide(evaluate: Callable[[_Q], Decision], question: _Q, chain: DelegationChain) -> Decision:
    """Return the denial of this question, which is about who acts, or else the first forbid of a link above, or the allow.

    `evaluate` is the engine's answer to a question of this kind.
    """
    decision = evaluate(question)
    if decision.verdict is Verdict.ALLOW:
        for link in chain.links[:-1]:
            above = evaluate(replace(question, principal=agent_facts(link)))
            if above.is_forbidden:
                return above
    return decision
