"""Policies for tests, as the engine reads them.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.adapters.engine_cedar import read_policies
from mediator.policy.policy import Policy

ON_READ = 'principal, action == Mediator::Action::"files/read", resource'
CALLS = 'principal, action in Mediator::Action::"call_tool", resource'


def policies_of(*texts: str) -> tuple[Policy, ...]:
    """Return these policies, `p0` and so on, each in a file of its own."""
    named = {f"{index}.cedar": f'@id("p{index}") @reason("r") {text}' for index, text in enumerate(texts)}
    return read_policies(named)
