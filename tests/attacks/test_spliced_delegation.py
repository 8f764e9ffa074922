"""Subject and actor, each valid, of two delegations: what a plain exchange lacks a check for (A1, A4; RFC 8693).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from mediator.delegation.chain import prove_chain
from mediator.delegation.exchange import Asker
from mediator.delegation.grant import Grant
from mediator.identity.oauth_error import OAuthError, TokenRefused
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.delegations import ROOT, asking, handed_on, proven
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.grants import a_grant, authority
from tests.simulated.judged import identified

FIRST: Final = ROOT
"""Alice's task of the planner: `worker` has agreed to act under this one, and signed so."""
SECOND: Final = a_grant(
    id="g-2",
    agent="painter",
    owner="bob@example.com",
    rights=authority("files/* read,write,delete"),
    max_depth=4,
    keyid="key of painter",
)
"""Bob's task of the painter, which is wider."""
AGREED: Final = "g-1"


def asker(agent: str, *, key_of: str | None = None, agreed: str | None = AGREED) -> Asker:
    return Asker(agent=agent, keyid=f"key of {key_of or agent}", agreed_grant=agreed)


SPLICES: Final[dict[str, tuple[tuple[Grant, ...], Asker, str, OAuthError]]] = {
    "the actor token of the first with the subject of the second, by the second's holder": (
        (SECOND,), asker("painter"), "worker", OAuthError.ACTOR_UNAUTHORIZED,
    ),
    "the same, by the first's holder, who got hold of the second's token": (
        (SECOND,), asker("planner"), "worker", OAuthError.INVALID_GRANT,
    ),
    "the same, by the actor, who got hold of the second's token": (
        (SECOND,), asker("worker"), "worker", OAuthError.ACTOR_UNAUTHORIZED,
    ),
    "the second's holder takes the first's subject token for itself": (
        (FIRST,), asker("painter", agreed=None), "painter", OAuthError.ACTOR_UNAUTHORIZED,
    ),
    "both tokens, found by a third": ((FIRST,), asker("thief"), "worker", OAuthError.INVALID_GRANT),
    "a found subject token, and an actor token of one's own": (
        (FIRST,), asker("thief"), "thief", OAuthError.ACTOR_UNAUTHORIZED,
    ),
    "the holder's name with another key": (
        (FIRST,), asker("planner", key_of="thief"), "worker", OAuthError.INVALID_GRANT,
    ),
    "an actor token for the task, with the subject of another task of the same holder": (
        (replace(FIRST, id="g-9", root="g-9"),), asker("planner"), "worker", OAuthError.ACTOR_UNAUTHORIZED,
    ),
    "an actor token for no grant in particular": (
        (FIRST,), asker("planner", agreed=None), "worker", OAuthError.ACTOR_UNAUTHORIZED,
    ),
}  # fmt: skip


@promise("P4")
@pytest.mark.parametrize("splice", SPLICES)
def test_no_two_halves_of_different_delegations_make_one(splice: str) -> None:
    """Ours (RFC 8693 has no such check): the holder asks, with its key, for whom has agreed to this very grant."""
    chain, who, to, error = SPLICES[splice]
    with pytest.raises(TokenRefused) as stop:
        handed_on(*chain, asker=who, to=to)
    assert (stop.value.error, stop.value.reason) == (error, Reason.NOT_COVERED)
    assert handed_on(FIRST, asker=asker("planner"), to="worker").agent == "worker"


@promise("P4")
def test_an_actor_token_for_the_task_is_none_for_a_link_below_it() -> None:
    """Ours: agreed is one grant, not whatever hangs on it; else a link could be slipped in before the actor."""
    between = handed_on(FIRST, to="between")
    for agreed in ("g-1", between.root):
        with pytest.raises(TokenRefused) as stop:
            handed_on(FIRST, between, asker=asker("between", agreed=agreed), to="worker")
        assert stop.value.error is OAuthError.ACTOR_UNAUTHORIZED
    assert handed_on(FIRST, between, asker=asker("between", agreed=between.id), to="worker").parent == between.id


@promise("P4", "P9")
def test_links_of_two_chains_make_no_chain() -> None:
    """P4: at the next call, whatever was stored; a link is a child of the one before, of one task, for one owner."""
    first = handed_on(FIRST, to="a")
    second = handed_on(SECOND, to="a", asked=asking("files/a read"))
    assert proven(FIRST, first).presented == first
    for spliced in (
        (FIRST, second),
        (SECOND, first),
        (FIRST, replace(second, parent=FIRST.id)),
        (SECOND, replace(first, parent=SECOND.id)),
        (FIRST, replace(second, parent=FIRST.id, root=FIRST.id)),
        (SECOND, replace(first, parent=SECOND.id, root=SECOND.id)),
    ):
        with pytest.raises(Refused) as stop:
            prove_chain(identified(spliced[-1]).claims, spliced, None, NOW_MS)
        assert stop.value.reason is Reason.CHAIN_INVALID
    with pytest.raises(Refused) as stop:
        prove_chain(identified(second).claims, (FIRST, first), None, NOW_MS)
    assert stop.value.reason is Reason.GRANT_UNKNOWN
