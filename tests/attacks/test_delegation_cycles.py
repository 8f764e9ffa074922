"""Chains that come back to somebody, never end, or go too deep: not made, and dead where they are stored (A1, A7).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from mediator.adapters.store_sqlite.mac import GrantSeal
from mediator.delegation.chain import prove_chain
from mediator.delegation.details import DEPTH_MAX
from mediator.delegation.grant import Grant
from mediator.identity.oauth_error import OAuthError, TokenRefused
from mediator.refusal import Reason, Refused
from tests.contracts.stores import MAC_KEY, sqlite_in
from tests.promises import promise
from tests.simulated.delegations import ROOT, asking, handed_on, proven
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.judged import identified

DEEP: Final = replace(ROOT, max_depth=DEPTH_MAX)


def chain_to(*agents: str) -> tuple[Grant, ...]:
    """Return a chain through these agents, each link by the rules."""
    links: tuple[Grant, ...] = (DEEP,)
    for agent in agents:
        links = (*links, handed_on(*links, to=agent, name=f"g-{len(links) + 1}"))
    return links


def write(folder: Path, *grants: Grant) -> None:
    """Write rows as the store would, under its own key: what our code never does, a bug of it might."""
    seal = GrantSeal(MAC_KEY)
    columns = "id, tenant, parent, root, agent, state, opened_ms, expires_ms, form, mac, statement, statement_digest"
    with closing(sqlite3.connect(folder / "state.sqlite", isolation_level=None)) as file:
        for grant in grants:
            row = (grant.id, grant.tenant, grant.parent, grant.root, grant.agent, "open", grant.opened_ms)
            sealed = (grant.expires_ms, *seal.seal(grant), b"signed", grant.statement_digest)
            file.execute(f"INSERT INTO grants ({columns}) VALUES ({', '.join('?' * 12)})", (*row, *sealed))


def reason_in(folder: Path, presented: Grant) -> Reason:
    """Return why what is stored of this grant is refused."""
    with sqlite_in(folder) as store:
        circumstances = store.gather(presented.id)
    with pytest.raises(Refused) as stop:
        prove_chain(identified(presented).claims, circumstances.grants, circumstances.last_used_ms, NOW_MS)
    return stop.value.reason


@promise("P4")
@pytest.mark.parametrize("agents", [("planner",), ("a", "planner"), ("a", "b", "a"), ("a", "b", "c", "b")], ids=str)
def test_nobody_comes_back_to_what_they_handed_on(agents: tuple[str, ...]) -> None:
    """Ours (standards 1.9): a cycle launders who acted, and its first link could never be told from its last."""
    *through, last = agents
    links = chain_to(*through)
    with pytest.raises(TokenRefused) as stop:
        handed_on(*links, to=last)
    assert stop.value.error is OAuthError.INVALID_REQUEST


@promise("P4")
def test_a_stored_chain_in_which_somebody_stands_twice_is_dead(tmp_path: Path) -> None:
    """P4: under its seal too."""
    links = chain_to("a", "b", "c")
    again = replace(links[3], agent="a")
    sqlite_in(tmp_path).close()
    write(tmp_path, *links[:3], again)
    assert reason_in(tmp_path, again) is Reason.CHAIN_INVALID


@promise("P4", "P7")
def test_links_that_are_each_others_parents_end_in_nothing(tmp_path: Path) -> None:
    """P7: whoever follows them comes to an end, and to no root."""
    _, first, second = chain_to("a", "b")
    sqlite_in(tmp_path).close()
    own = replace(first, id="own", parent="own", root="own")
    write(tmp_path, replace(first, parent=second.id), second, own)
    for grant in (first, second, own):
        assert reason_in(tmp_path, grant) is Reason.GRANT_UNKNOWN


@promise("P4")
def test_a_chain_is_as_deep_as_the_root_allows_and_never_deeper_than_eight() -> None:
    """draft-niyikiza-oauth-attenuating-agent-tokens, I2."""
    links = chain_to(*"abcdefgh")
    assert (len(links), proven(*links).presented.depth) == (DEPTH_MAX + 1, DEPTH_MAX)
    with pytest.raises(TokenRefused) as stop:
        handed_on(*links, to="i")
    assert stop.value.error is OAuthError.INVALID_REQUEST
    with pytest.raises(TokenRefused) as stop:
        handed_on(*links[:3], to="z", asked=asking(max_depth=DEPTH_MAX))
    assert stop.value.error is OAuthError.INVALID_AUTHORIZATION_DETAILS


@promise("P4", "P7")
@pytest.mark.parametrize("deeper", [1, 40])
def test_a_stored_chain_that_is_too_deep_is_dead(tmp_path: Path, deeper: int) -> None:
    """P4: by one link, and by more than is ever followed."""
    links = chain_to(*"abcdefgh")
    for number in range(deeper):
        last = links[-1]
        more = replace(last, id=f"more-{number}", parent=last.id, agent=f"more-{number}", depth=last.depth + 1)
        links = (*links, more)
    sqlite_in(tmp_path).close()
    write(tmp_path, *links)
    assert reason_in(tmp_path, links[-1]) is (Reason.CHAIN_INVALID if deeper == 1 else Reason.GRANT_UNKNOWN)
    with sqlite_in(tmp_path) as store:
        assert store.gather(links[8].id).grants == links[:9]
