"""Tests of the question who may approve.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.policy.approving import APPROVAL, read_approval
from mediator.policy.types import text_of
from tests.unit.policy.facts import APPROVING


def test_an_approval_has_a_context_of_its_own_with_its_types() -> None:
    """Ours: who asks, through whom and for what; nothing of what is in the request."""
    assert text_of(APPROVAL) == (
        '{ "chain": { "connectors": Set<String>, "depth": Long, "members": Set<String>, "root": String }, '
        '"now": Long, "purpose": String, "request_hash": String, '
        '"requester": { "agent": String, "class": String, "owner": String, "team": String } }'
    )


def test_an_approval_is_read_as_its_type_declares() -> None:
    """Ours: sets in order, so that the same question has the same bytes."""
    assert read_approval(APPROVING) == {
        "chain": {"depth": 0, "root": "planner-1", "members": ["planner-1"], "connectors": []},
        "now": 1_000,
        "purpose": "tests",
        "request_hash": "sha256:this",
        "requester": {"agent": "planner-1", "owner": "alice@example.com", "class": "planner", "team": "research"},
    }


def test_a_question_goes_by_the_name_of_its_item() -> None:
    """Ours: as policies name it."""
    assert APPROVING.key == "files/read"
