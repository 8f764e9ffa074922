"""On whose behalf: owner and agents of a stored chain, and when that ends.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.adapters.credentials_brokered.behalf import Behalf, act_of, behalf_of
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.grants import a_grant
from tests.simulated.permits import a_permit

ROOT = a_grant(id="g-1", agent="planner", owner="alice@example.com", expires_ms=3000)
CHILD = a_grant(id="g-2", parent="g-1", root="g-1", agent="worker", owner="bob@example.com", expires_ms=2000, depth=1)
LEAF = a_grant(id="g-3", parent="g-2", root="g-1", agent="helper", owner="bob@example.com", expires_ms=2500, depth=2)


def test_a_behalf_is_the_owners_and_the_tasks_and_ends_with_its_first_link() -> None:
    """P9: the human is the root's; P4: no link outlives another."""
    behalf = Behalf(links=(ROOT, CHILD, LEAF))
    assert (behalf.owner, behalf.task, behalf.grant, behalf.until_ms) == ("alice@example.com", "g-1", "g-3", 2000)


@promise("P4", "P5")
def test_what_rests_on_a_grant_is_of_it() -> None:
    """P5: dead once any ancestor is revoked; a sibling is none."""
    behalf = Behalf(links=(ROOT, CHILD))
    assert [behalf.is_of(frozenset({one})) for one in ("g-1", "g-2", "g-3")] == [True, True, False]
    assert not behalf.is_of(frozenset())


@promise("P9")
def test_the_whole_chain_is_named_who_acts_now_outermost() -> None:
    """RFC 8693 §4.1: nested `act`."""
    assert act_of((ROOT, CHILD, LEAF), "https://us") == {
        "sub": "helper",
        "iss": "https://us",
        "act": {"sub": "worker", "iss": "https://us", "act": {"sub": "planner", "iss": "https://us"}},
    }
    assert act_of((ROOT,), "https://us") == {"sub": "planner", "iss": "https://us"}


def test_a_permit_says_on_whose_behalf_it_is() -> None:
    """Ours: by its chain, which stands on record."""
    behalf = behalf_of(a_permit(task="task-1", agent="assistant"))
    assert (behalf.task, behalf.grant, behalf.links[0].agent) == ("task-1", "task-1", "assistant")


def test_a_permit_without_a_chain_is_a_bug() -> None:
    """P7: nobody's credential is made."""
    permit = a_permit()
    object.__setattr__(permit.committed.deliberation, "chain", None)
    with pytest.raises(Refused) as refused:
        behalf_of(permit)
    assert refused.value.reason is Reason.INTERNAL
