"""Freezes: a call is stopped by any name under which it can be stopped, and by no other.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediator.delegation.chain import prove_chain
from mediator.mediation.circumstances import Circumstances
from mediator.mediation.freeze import refuse_if_frozen, refuse_if_item_frozen
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.grants import a_grant
from tests.simulated.judged import a_tool, circumstances_of, identified

GRANT = a_grant()
CHAIN = prove_chain(identified(GRANT), (GRANT,), None, NOW_MS)


def frozen(*names: str) -> Circumstances:
    return replace(circumstances_of(GRANT), frozen=frozenset(names))


@promise("P7")
@pytest.mark.parametrize(
    "name", ["everything", "agent:planner", "class:assistant", "owner:alice@example.com", "task:g-1"]
)
def test_whoever_acts_is_stopped_by_any_of_their_names(name: str) -> None:
    """Design 5.1, freeze: agent, class, task, owner, everything."""
    with pytest.raises(Refused) as stop:
        refuse_if_frozen(CHAIN, frozen(name))
    assert (stop.value.reason, stop.value.detail) == (Reason.FROZEN, f"frozen: {name}")


@promise("P7")
@pytest.mark.parametrize("name", ["tool:clock/now", "server:clock"])
def test_a_tool_is_stopped_by_its_name_or_its_servers(name: str) -> None:
    """Design 5.1, freeze: server, tool."""
    with pytest.raises(Refused) as stop:
        refuse_if_item_frozen(a_tool(), frozen(name))
    assert (stop.value.reason, stop.value.detail) == (Reason.FROZEN, f"frozen: {name}")


def test_what_is_stopped_elsewhere_stops_nobody_else() -> None:
    """Ours."""
    others = frozen("agent:plan", "class:planner", "owner:bob@example.com", "task:g-2", "tool:clock/set", "server:mail")
    refuse_if_frozen(CHAIN, others)
    refuse_if_item_frozen(a_tool(), others)
