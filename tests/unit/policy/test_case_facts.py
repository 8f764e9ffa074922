"""Tests of the facts of a case. That every fact of a call can be said stands with the cases.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.kind import ItemKind
from mediator.policy.approving import ApproverFacts
from mediator.policy.case_facts import agent_from, approval_from, base_from, delegation_from
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


def test_an_approval_is_told_with_the_circumstances_that_it_has() -> None:
    """Ours: of a call it has the chain, the purpose, the hash and the time; the rest is not known."""
    agent = agent_from(Fields({}, "a"))
    asked = (agent, ItemKind.TOOL, "files", "read")
    silent = approval_from(Fields({}, "c"), Fields({}, "p"), *asked)
    assert silent.principal == ApproverFacts(name="operator@example.com", roles=frozenset({"operator"}))
    assert (silent.requester, silent.key, silent.purpose) == (agent, "files/read", "a case")
    told = approval_from(
        Fields({"purpose": "p", "now": 3, "request_hash": "h", "chain": {"depth": 2}}, "c"),
        Fields({"name": "n", "roles": ["owner"]}, "p"),
        *asked,
    )
    assert (told.purpose, told.now_ms, told.request_hash, told.chain.depth) == ("p", 3, "h", 2)
    assert told.principal == ApproverFacts(name="n", roles=frozenset({"owner"}))
    for context, approver, where in (({"task": {}}, {}, "c/task"), ({}, {"key": "k"}, "p/key")):
        with pytest.raises(Refused, match=f"{where} is not known"):
            approval_from(Fields({**context}, "c"), Fields({**approver}, "p"), *asked)
