"""Chains: links that we stored, held by the one who presents them, live at every link.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mediator.delegation.authority import Authority
from mediator.delegation.chain import DelegationChain, prove_chain
from mediator.delegation.grant import Grant, GrantState
from mediator.evidence import Seal
from mediator.identity.identify import Identified, identify
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.forged_tokens import AUDIENCE, KEYS, NOW_MS, SKEW, forge, good_claims
from tests.simulated.grants import a_grant, authority

MINUTE_MS = 60_000
ROOT = a_grant()


def bearer(**claims: str) -> Identified:
    return identify(forge(claims=good_claims(**claims)), KEYS, frozenset({AUDIENCE}), NOW_MS, SKEW)


def reason_of(
    *grants: Grant, identity: Identified | None = None, last_used_ms: int | None = None, now_ms: int = NOW_MS
) -> Reason:
    with pytest.raises(Refused) as stop:
        prove_chain((identity or bearer(grant=grants[-1].id)).claims, grants, last_used_ms, now_ms)
    return stop.value.reason


def test_a_live_root_grant_is_a_chain_of_one() -> None:
    """Ours."""
    chain = prove_chain(bearer().claims, (ROOT,), None, NOW_MS)
    assert chain.links == (ROOT,)
    assert (chain.root, chain.presented, chain.authority) == (ROOT, ROOT, Authority(frozenset({ROOT.rights})))


def test_a_chain_is_made_nowhere_else() -> None:
    """House style: evidence."""
    with pytest.raises(TypeError):
        DelegationChain(links=(ROOT,), authority=Authority(frozenset({ROOT.rights})), seal=Seal("mine"))


@promise("P7")
def test_a_token_that_names_no_stored_grant_gives_nothing() -> None:
    """Ours: authority is read from the store and nowhere else."""
    assert reason_of(a_grant(id="g-2"), identity=bearer(grant="g-1")) is Reason.GRANT_UNKNOWN
    with pytest.raises(Refused) as stop:
        prove_chain(bearer().claims, (), None, NOW_MS)
    assert stop.value.reason is Reason.GRANT_UNKNOWN


@pytest.mark.parametrize("changed", [{"agent": "somebody"}, {"issuer": "https://idp.example"}, {"agent": "Planner"}])
def test_a_grant_is_held_by_the_agent_and_issuer_that_it_names(changed: dict[str, str]) -> None:
    """Ours: an issuer of ours cannot put its own agent under another's grant."""
    assert reason_of(a_grant(**changed)) is Reason.CHAIN_INVALID


@pytest.mark.parametrize("changed", [{"parent": "g-0"}, {"depth": 1}, {"root": "g-0"}, {"depth": -1}], ids=str)
def test_a_chain_begins_with_a_root(changed: dict[str, object]) -> None:
    """Ours: half a chain is none."""
    assert reason_of(a_grant(**changed)) is Reason.CHAIN_INVALID


PARENT = a_grant(max_depth=2)
CHILD = a_grant(id="g-2", parent="g-1", root="g-1", depth=1, max_depth=2, agent="worker", opened_ms=NOW_MS)
WORKER = bearer(sub="worker", grant="g-2")


@promise("P4", "P9")
def test_a_delegated_link_is_held_by_the_agent_that_it_names() -> None:
    """Ours: the whole chain is what decides."""
    chain = prove_chain(WORKER.claims, (PARENT, CHILD), None, NOW_MS)
    assert (chain.root, chain.presented) == (PARENT, CHILD)
    assert chain.authority == Authority(frozenset({PARENT.rights, CHILD.rights}))
    assert chain.connectors == frozenset()
    through = replace(CHILD, is_connector=True)
    assert prove_chain(WORKER.claims, (PARENT, through), None, NOW_MS).connectors == {"worker"}


@promise("P4")
@pytest.mark.parametrize(
    "changed",
    [
        {"parent": "g-0"},
        {"root": "g-0"},
        {"tenant": "other"},
        {"depth": 2},
        {"depth": 0},
        {"max_depth": 3},
        {"agent": "planner"},
        {"owner": "mallory@example.com"},
        {"expires_ms": PARENT.expires_ms + 1},
        {"opened_ms": PARENT.opened_ms - 1},
        {"audience": "https://elsewhere.example"},
        {"rights": authority("*/* read")},
        {"rights": authority("clock/* read", pin_serial=8)},
    ],
    ids=", ".join,
)
def test_a_link_that_does_not_follow_from_the_one_before_breaks_the_chain(changed: dict[str, Any]) -> None:
    """Ours: whatever somebody writes into the store."""
    child = replace(CHILD, **changed)
    assert reason_of(PARENT, child, identity=bearer(sub=child.agent, grant="g-2")) is Reason.CHAIN_INVALID


@promise("P4")
def test_what_may_not_be_delegated_is_not() -> None:
    """draft-niyikiza-oauth-attenuating-agent-tokens, I2."""
    assert reason_of(ROOT, replace(CHILD, max_depth=0), identity=WORKER) is Reason.CHAIN_INVALID


@promise("P5")
@pytest.mark.parametrize(
    ("state", "reason"),
    [(GrantState.COMPLETED, Reason.TASK_COMPLETED), (GrantState.REVOKED, Reason.GRANT_REVOKED)],
)
def test_an_ended_grant_gives_nothing_however_fresh_its_token(state: GrantState, reason: Reason) -> None:
    """Ours: revocation is the look-up at each call, not the clock."""
    assert reason_of(a_grant(state=state)) is reason


def test_a_grant_holds_from_its_opening_until_its_end() -> None:
    """Ours: to the millisecond."""
    prove_chain(bearer().claims, (ROOT,), None, ROOT.opened_ms)
    prove_chain(bearer().claims, (ROOT,), None, ROOT.expires_ms - 1)
    assert reason_of(ROOT, now_ms=ROOT.opened_ms - 1) is Reason.GRANT_EXPIRED
    assert reason_of(ROOT, now_ms=ROOT.expires_ms) is Reason.GRANT_EXPIRED


def test_a_grant_that_is_not_used_ends() -> None:
    """Ours: a session's task ends after its idle time, counted from its last use or else from its opening."""
    idle = a_grant(opened_ms=NOW_MS - 10 * MINUTE_MS, idle_ms=5 * MINUTE_MS)
    assert reason_of(idle) is Reason.GRANT_EXPIRED
    prove_chain(bearer().claims, (idle,), NOW_MS - 5 * MINUTE_MS + 1, NOW_MS)
    assert reason_of(idle, last_used_ms=NOW_MS - 5 * MINUTE_MS) is Reason.GRANT_EXPIRED
    assert reason_of(idle, last_used_ms=0, now_ms=idle.opened_ms + 5 * MINUTE_MS) is Reason.GRANT_EXPIRED
    prove_chain(bearer().claims, (idle,), 0, idle.opened_ms + 5 * MINUTE_MS - 1)


@promise("P4", "P5")
@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"state": GrantState.COMPLETED}, Reason.TASK_COMPLETED),
        ({"state": GrantState.REVOKED}, Reason.GRANT_REVOKED),
        ({"idle_ms": 5 * MINUTE_MS}, Reason.GRANT_EXPIRED),
    ],
)
@pytest.mark.parametrize("ended", [0, 1, 2])
def test_a_link_that_has_ended_ends_all_that_came_of_it(ended: int, changed: dict[str, Any], reason: Reason) -> None:
    """P5: whatever the links below it say of themselves, and though no store told them."""
    first = replace(ROOT, max_depth=2)
    second = replace(first, id="g-2", parent=first.id, depth=1, agent="middleman")
    third = replace(second, id="g-3", parent=second.id, depth=2, agent="worker")
    links = (first, second, third)
    now_ms = NOW_MS + 5 * MINUTE_MS
    assert first.opened_ms + 5 * MINUTE_MS <= now_ms < first.expires_ms
    assert prove_chain(bearer(grant="g-3", sub="worker").claims, links, None, now_ms).links == links
    broken = tuple(replace(link, **changed) if place == ended else link for place, link in enumerate(links))
    assert reason_of(*broken, identity=bearer(grant="g-3", sub="worker"), now_ms=now_ms) is reason
