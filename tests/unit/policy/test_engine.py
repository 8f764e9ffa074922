"""Tests of what the core asks of a policy engine.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.adapters.engine_cedar import prepare_engine
from mediator.policy.engine import PolicyEngine
from tests.unit.policy.facts import tool


def test_the_engine_in_cedar_is_one() -> None:
    """Ours: mypy holds the adapter to the protocol at this line."""
    engine: PolicyEngine = prepare_engine({}, [tool()])
    assert engine.digest.startswith("sha256:")
