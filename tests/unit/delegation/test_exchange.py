"""The rules of an exchange: who may ask, how deep, how wide, and where for.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mediator.delegation.authority import Entry, Rights
from mediator.delegation.constraint import PathBelow
from mediator.delegation.details import GrantDetails
from mediator.delegation.exchange import Asker
from mediator.delegation.grant import Grant, GrantState
from mediator.effect import Effect
from mediator.identity.oauth_error import OAuthError, TokenRefused
from mediator.refusal import Reason
from tests.promises import promise
from tests.simulated.delegations import ROOT, asking, handed_on, proven
from tests.simulated.forged_tokens import AUDIENCE, ISSUER, NOW_MS
from tests.simulated.grants import authority

BELOW = f"{AUDIENCE}/servers/files/mcp"


def stop_of(*links: Grant, error: OAuthError, **how: Any) -> TokenRefused:
    with pytest.raises(TokenRefused) as stop:
        handed_on(*links, **how)
    assert (stop.value.error, stop.value.reason) == (error, Reason.NOT_COVERED)
    assert stop.value.sentence
    return stop.value


# --- what is given ---------------------------------------------------------------------------------------------------


@promise("P4", "P9")
def test_the_next_link_has_what_was_asked_and_the_rest_of_the_one_before() -> None:
    """Design 5.6: task, owner, tenant and salt are the root's; who holds it is who proved its key."""
    child = handed_on(ROOT, name="grant-1")
    assert child == Grant(
        id="grant-1",
        parent="g-1",
        root="g-1",
        agent="worker",
        agent_class="assistant",
        team="research",
        owner=ROOT.owner,
        issuer=ISSUER,
        purpose=ROOT.purpose,
        rights=authority("files/a read"),
        audience=AUDIENCE,
        opened_ms=NOW_MS,
        expires_ms=ROOT.expires_ms,
        idle_ms=None,
        max_calls=None,
        depth=1,
        max_depth=4,
        keyid="key of worker",
        is_connector=False,
        may_act=None,
        salt=ROOT.salt,
        statement_digest="sha256:g-1/worker",
        tenant="default",
        state=GrantState.OPEN,
    )
    assert proven(ROOT, child).presented == child


def test_what_is_asked_for_is_given() -> None:
    """RFC 9396 §2; `max_depth` counts from the new link, `expires_in` from now."""
    asked = asking(
        "files/* write",
        "mail/send send",
        purpose="another",
        expires_in=60,
        max_calls=3,
        max_depth=1,
        locations=(BELOW,),
        may_act=("painter",),
    )
    child = handed_on(ROOT, asked=asked)
    assert child.rights == authority("files/* write", "mail/send send")
    assert (child.purpose, child.expires_ms, child.max_calls) == ("another", NOW_MS + 60_000, 3)
    assert (child.depth, child.max_depth, child.audience, child.may_act) == (1, 2, BELOW, ("painter",))


# --- 1. splice -------------------------------------------------------------------------------------------------------


@promise("P4")
def test_the_holder_asks_with_the_key_to_which_its_grant_was_given() -> None:
    """Ours (standards 1.3 b): a profile that was given another key is another holder."""
    other = Asker(agent="planner", keyid="another key", agreed_grant="g-1")
    stop = stop_of(ROOT, asker=other, error=OAuthError.INVALID_GRANT)
    assert stop.sentence == "the subject token was given to another key of this client"
    keyless = replace(ROOT, keyid=None)
    stop_of(keyless, error=OAuthError.INVALID_GRANT)


@promise("P4")
@pytest.mark.parametrize("agreed", [None, "", "g-2", "G-1"])
def test_who_receives_has_said_that_it_acts_under_exactly_this_grant(agreed: str | None) -> None:
    """Ours (standards 1.3 c): or the actor's token of one chain is spliced into another."""
    asker = Asker(agent="planner", keyid="key of planner", agreed_grant=agreed)
    stop = stop_of(ROOT, asker=asker, error=OAuthError.ACTOR_UNAUTHORIZED)
    assert stop.sentence == "the actor token does not say that its subject acts under this grant"
    assert stop.remedy == "have the actor sign one whose claim `grant` is the grant of the subject token"


@promise("P4")
def test_nobody_else_asks_for_anybody() -> None:
    """Ours: whoever found the subject token, and an actor token to it, is neither."""
    for root in (ROOT, replace(ROOT, may_act=("painter", "worker"))):
        asker = Asker(agent="painter", keyid="key of painter", agreed_grant="g-1")
        stop = stop_of(root, asker=asker, error=OAuthError.INVALID_GRANT)
        assert stop.sentence == "the subject token was given to somebody else"


@promise("P4")
@pytest.mark.parametrize("may_act", [None, (), ("painter",)])
def test_who_asks_for_itself_is_named_in_may_act(may_act: tuple[str, ...] | None) -> None:
    """RFC 8693 §4.4: None is no leave to ask."""
    asker = Asker(agent="worker", keyid="key of worker", agreed_grant="g-1")
    stop = stop_of(replace(ROOT, may_act=may_act), asker=asker, error=OAuthError.ACTOR_UNAUTHORIZED)
    assert stop.sentence == "the grant of the subject token does not name this client in may_act"
    named = replace(ROOT, may_act=("worker",))
    child = handed_on(named, asker=replace(asker, agreed_grant=None))
    assert (child.agent, child.may_act) == ("worker", ("worker",))


@promise("P4")
@pytest.mark.parametrize("may_act", [(), ("painter",)])
def test_who_receives_is_among_those_that_may_act(may_act: tuple[str, ...]) -> None:
    """RFC 8693 §4.4: of the holder's own choice too."""
    stop = stop_of(replace(ROOT, may_act=may_act), error=OAuthError.ACTOR_UNAUTHORIZED)
    assert stop.sentence == "the grant of the subject token does not name this actor in may_act"


# --- 2. depth --------------------------------------------------------------------------------------------------------


@promise("P4")
def test_a_chain_is_as_deep_as_its_root_says() -> None:
    """draft-niyikiza-oauth-attenuating-agent-tokens, I2; a link may only say less."""
    root = replace(ROOT, max_depth=2)
    first = handed_on(root, to="a")
    second = handed_on(root, first, to="b")
    stop = stop_of(root, first, second, to="c", error=OAuthError.INVALID_REQUEST)
    assert stop.sentence == "this grant may not be delegated further"
    last = handed_on(root, to="a", asked=asking(max_depth=0))
    stop_of(root, last, to="b", error=OAuthError.INVALID_REQUEST)
    stop_of(replace(ROOT, max_depth=0), error=OAuthError.INVALID_REQUEST)


@promise("P4")
def test_nobody_stands_in_a_chain_twice() -> None:
    """Ours (standards 1.9): cycles, of one and of more."""
    stop = stop_of(ROOT, to="planner", error=OAuthError.INVALID_REQUEST)
    assert stop.sentence == "the actor stands in this chain already"
    first = handed_on(ROOT, to="a")
    stop_of(ROOT, first, handed_on(ROOT, first, to="b"), to="a", error=OAuthError.INVALID_REQUEST)


# --- 3. attenuation --------------------------------------------------------------------------------------------------

CONSTRAINED = Entry(pattern="files/a", effects=frozenset({Effect.READ}), arguments={"/path": PathBelow("/data")})


@promise("P4")
@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (asking("files/a read", "clock/now read"), "read of `clock/now`"),
        (asking("*/* read"), "read of `*/*`"),
        (asking("files/a read,delete"), "delete of `files/a`"),
        (asking("mail/* send"), "send of `mail/*`"),
        (asking(Entry(pattern="files/a", effects=frozenset())), "`files/a`"),
    ],
)
def test_no_entry_is_wider_than_any_link_above(asked: GrantDetails, told: str) -> None:
    """P4: and the refusal names which."""
    stop = stop_of(ROOT, asked=asked, error=OAuthError.INVALID_AUTHORIZATION_DETAILS)
    assert stop.sentence == f"{told}, with these constraints, is more than the subject token gives"


@promise("P4")
def test_constraints_are_kept_and_narrowed() -> None:
    """P4, arguments: one that is left out is wider."""
    root = replace(ROOT, rights=Rights(entries=(CONSTRAINED,), pin_serial=7))
    below = replace(CONSTRAINED, arguments={"/path": PathBelow("/data/a"), "/more": PathBelow("/")})
    assert handed_on(root, asked=asking(below)).rights.entries == (below,)
    for arguments in ({}, {"/path": PathBelow("/database")}, {"/other": PathBelow("/data")}):
        asked = asking(replace(CONSTRAINED, arguments=arguments))
        stop_of(root, asked=asked, error=OAuthError.INVALID_AUTHORIZATION_DETAILS)


@promise("P4")
@pytest.mark.parametrize(
    ("changed", "dimension"),
    [
        ({"expires_in": 901}, "expiry"),
        ({"max_depth": 4}, "depth"),
        ({"max_calls": 11}, "calls"),
        ({"may_act": ("worker", "c")}, "who may act"),
    ],
)
def test_nothing_is_wider_in_any_other_dimension(changed: dict[str, Any], dimension: str) -> None:
    """P4: time, depth, count, and who may act."""
    root = replace(ROOT, may_act=("worker", "painter"))
    stop = stop_of(root, asked=asking(**changed), error=OAuthError.INVALID_AUTHORIZATION_DETAILS)
    assert stop.sentence == f"wider than the subject token: {dimension}"


@promise("P4")
def test_a_link_that_counts_no_calls_of_its_own_passes_on_no_more_than_it_shares() -> None:
    """P4, count: between the root's ten and the next link stands one that says nothing of calls."""
    between = handed_on(ROOT, to="a")
    assert between.max_calls is None
    stop = stop_of(ROOT, between, to="b", asked=asking(max_calls=11), error=OAuthError.INVALID_AUTHORIZATION_DETAILS)
    assert stop.detail == "wider than grant `g-1`: calls"
    assert handed_on(ROOT, between, to="b", asked=asking(max_calls=10)).max_calls == 10


# --- 4. audience -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("targets", "locations", "audience"),
    [
        ((), None, AUDIENCE),
        ((AUDIENCE,), None, AUDIENCE),
        ((BELOW,), None, BELOW),
        ((), (BELOW,), BELOW),
        ((BELOW, BELOW), (BELOW,), BELOW),
    ],
)
def test_a_token_is_for_the_one_endpoint_that_was_asked_for(
    targets: tuple[str, ...], locations: tuple[str, ...] | None, audience: str
) -> None:
    """RFC 8693 §2.1, RFC 8707 §2, RFC 9396 §2.2: however it is named."""
    assert handed_on(ROOT, targets=targets, asked=asking(locations=locations)).audience == audience


@promise("P4", "P7")
@pytest.mark.parametrize(
    ("targets", "locations"),
    [
        ((), ()),
        (("https://elsewhere.example",), None),
        ((f"{AUDIENCE}.evil.example/",), None),
        ((AUDIENCE, BELOW), None),
        ((AUDIENCE,), (BELOW,)),
        ((), (AUDIENCE, BELOW)),
        (("",), None),
    ],
)
def test_every_target_is_one_of_the_parents_or_there_is_no_token(
    targets: tuple[str, ...], locations: tuple[str, ...] | None
) -> None:
    """RFC 8693 §2.1.1; and a list of no locations is nowhere, not everywhere."""
    asked = asking(locations=locations)
    stop = stop_of(ROOT, targets=targets, asked=asked, error=OAuthError.INVALID_TARGET)
    assert stop.remedy == "leave it out, or name one of them"


@promise("P4")
def test_a_narrower_audience_is_not_widened_again() -> None:
    """P4, audience."""
    first = handed_on(ROOT, to="a", targets=(BELOW,))
    assert handed_on(ROOT, first, to="b").audience == BELOW
    stop_of(ROOT, first, to="b", targets=(AUDIENCE,), error=OAuthError.INVALID_TARGET)
