"""Tests of the facts of a case. That every fact of a call can be said stands with the cases.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.policy.case_facts import agent_from, base_from, delegation_from
from mediator.policy.case_fields import Fields
from mediator.policy.request import AgentFacts, ChainFacts
from mediator.refusal import Refused


def test_silence_is_a_covered_call_of_one_bearer_agent() -> None:
    """Ours."""
    assert agent_from(Fields({}, "a")) == AgentFacts(
        id="agent-1", owner="owner@example.com", agent_class="assistant", team=""
    )
    base = base_from(Fields({}, "c"), "prompts/get")
    assert (base.grant.covers, base.proof, base.approval, base.method) == (True, "dpop", None, "prompts/get")
    assert base.chain == ChainFacts(
        depth=0, root="owner@example.com", members=frozenset({"agent-1"}), connectors=frozenset()
    )


@pytest.mark.parametrize("name", ["agents", "approval/by", "chain/length"])
def test_a_fact_that_nobody_knows_is_wrong(name: str) -> None:
    """Ours: a misspelt fact would test something else."""
    outer, _, inner = name.partition("/")
    with pytest.raises(Refused, match=f"c/{name} is not known"):
        base_from(Fields({outer: {inner: 1} if inner else 1}, "c"), "tools/call")


def test_a_delegation_is_told_with_the_circumstances_that_it_has() -> None:
    """Ours: of a call it has the chain, the grant, the proof and the time; the rest is not known."""
    one, other = (agent_from(Fields({}, "a"), name) for name in ("one", "other"))
    request = delegation_from(Fields({"delegated": {"minutes": 7}}, "c"), one, other)
    assert (request.principal.id, request.receiver.id) == ("one", "other")
    assert (request.delegated.minutes, request.delegated.max_calls) == (7, None)
    for name in ("task", "destination", "method", "approval"):
        with pytest.raises(Refused, match=f"c/{name} is not known"):
            delegation_from(Fields({name: {}}, "c"), one, other)
