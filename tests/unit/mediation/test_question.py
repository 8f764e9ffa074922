"""What policy is asked: facts of stored grants and pins, and a hash that nobody guesses arguments from.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from mediator.canonical import JsonObject, canonical_bytes
from mediator.delegation.chain import DelegationChain, prove_chain
from mediator.delegation.grant import Grant
from mediator.mediation.question import agent_facts, call_question, list_question, request_hash
from mediator.policy.request import Action
from tests.promises import promise
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.grants import a_grant
from tests.simulated.judged import a_call, a_tool, circumstances_of, identified

GRANT = a_grant()
TOOL = a_tool(sends_to=frozenset({"example.com"}))


def chain_of(grant: Grant) -> DelegationChain:
    return prove_chain(identified(grant), (grant,), None, NOW_MS)


@promise("P9")
def test_the_principal_is_who_the_stored_grant_names() -> None:
    """Glossary, actor: `act` and the token's claims are copies for readers."""
    facts = agent_facts(GRANT)
    assert (facts.id, facts.owner, facts.agent_class, facts.team) == (
        "planner",
        "alice@example.com",
        "assistant",
        "research",
    )


def test_whether_a_tool_may_be_seen_is_asked_on_stable_facts_alone() -> None:
    """Design 5.7: listings are cached by them."""
    question = list_question(GRANT, TOOL)
    assert (question.action, question.server, question.tool) == (Action.LIST, "clock", "now")
    assert (question.base, question.arguments) == (None, None)


def test_whether_a_call_may_be_made_is_asked_with_all_that_a_policy_may_read() -> None:
    """Design 5.5, the base context."""
    circumstances = replace(circumstances_of(GRANT), labels=frozenset({"untrusted"}), calls=2)
    question = call_question(
        a_call(), identified(GRANT), circumstances, chain_of(GRANT), TOOL, "sha256:r", NOW_MS, covers=True
    )
    assert question.action is Action.CALL
    assert question.arguments == {"timezone": "Europe/Oslo"}
    base = question.base
    assert base is not None
    assert (base.chain.depth, base.chain.root, base.chain.members) == (0, "planner", frozenset({"planner"}))
    assert (base.grant.id, base.grant.covers, base.grant.purpose) == ("g-1", True, "tell the time")
    assert base.grant.expires_ms == GRANT.expires_ms
    assert (base.task.id, base.task.labels, base.task.calls) == ("g-1", frozenset({"untrusted"}), 2)
    assert base.task.age_ms == 60_000
    assert base.destination == frozenset({"example.com"})
    assert (base.proof, base.approval, base.justified) == ("bearer", None, False)
    assert (base.now_ms, base.protocol, base.request_hash) == (NOW_MS, "2026-07-28", "sha256:r")


def test_a_request_is_hashed_as_the_contract_says() -> None:
    """Design 5.8: SHA-256(task salt, JCS({server, tool, pin digest, arguments, task, purpose}))."""
    arguments: JsonObject = {"b": [1, {"ä": "ö"}], "a": 0.5}
    form = canonical_bytes(
        {
            "arguments": arguments,
            "pin": TOOL.digest,
            "purpose": GRANT.purpose,
            "server": "clock",
            "task": "g-1",
            "tool": "now",
        }
    )
    expected = "sha256:" + hashlib.sha256(GRANT.salt.encode() + form).hexdigest()
    assert request_hash(chain_of(GRANT), TOOL, canonical_bytes(arguments)) == expected


@pytest.mark.parametrize(
    ("grant", "tool", "arguments"),
    [
        (a_grant(salt="0" * 32), TOOL, b"{}"),
        (a_grant(purpose="tell the date"), TOOL, b"{}"),
        (a_grant(id="g-2"), TOOL, b"{}"),
        (GRANT, a_tool(digest="sha256:1"), b"{}"),
        (GRANT, a_tool(server="watch"), b"{}"),
        (GRANT, a_tool(name="then"), b"{}"),
        (GRANT, TOOL, b'{"a":1}'),
    ],
)
def test_a_request_that_differs_in_anything_has_another_hash(grant: Grant, tool: object, arguments: bytes) -> None:
    """Ours: an approval is bound to exactly one request."""
    assert isinstance(tool, type(TOOL))
    assert request_hash(chain_of(grant), tool, arguments) != request_hash(chain_of(GRANT), TOOL, b"{}")
