"""Laws of trees of grants: whatever is handed on is proven, and no wider than anything above it in any dimension.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from mediator.canonical import JsonObject
from mediator.delegation.authority import Authority, Entry, Rights
from mediator.delegation.chain import prove_chain
from mediator.delegation.constraint_form import parse_constraint
from mediator.delegation.details import GrantDetails
from mediator.delegation.exchange import Asker
from mediator.delegation.grant import Grant, grant_form, parse_grant
from mediator.effect import Effect
from mediator.identity.oauth_error import OAuthError, TokenRefused
from mediator.refusal import Reason, Refused
from tests.laws.rights import (
    calls,
    entries,
    is_nowhere_wider,
    narrower_entries,
    rights,
)
from tests.promises import promise
from tests.simulated.delegations import asking, handed_on, proven
from tests.simulated.forged_tokens import AUDIENCE, NOW_MS
from tests.simulated.grants import a_grant, authority
from tests.simulated.judged import identified

AGENTS: Final = ("planner", "a", "b", "c", "d")
BELOW: Final = (f"{AUDIENCE}/servers/a/mcp", f"{AUDIENCE}/servers/b/mcp")
maybe = st.none() | st.integers(1, 6)
some_agents = st.none() | st.frozensets(st.sampled_from(AGENTS), max_size=4).map(lambda names: tuple(sorted(names)))
places = st.none() | st.sampled_from([(), (AUDIENCE,), (BELOW[0],), BELOW])
roots = st.builds(
    a_grant,
    rights=rights,
    max_depth=st.integers(0, 4),
    max_calls=maybe,
    may_act=some_agents,
    audience=st.sampled_from([AUDIENCE, BELOW[0]]),
    keyid=st.just("key of planner"),
)


@st.composite
def asks(draw: st.DrawFn, parent: Grant) -> GrantDetails:
    """Return what somebody asks of this grant: mostly less than it has, sometimes more."""
    return GrantDetails(
        entries=draw(narrower_entries(parent.rights) | st.lists(entries, max_size=2).map(tuple)),
        expires_in=draw(st.none() | st.sampled_from([1, 60, 900, 901])),
        max_calls=draw(maybe),
        max_depth=draw(st.none() | st.integers(0, 3)),
        locations=draw(places),
        may_act=draw(some_agents),
    )


def must_be_no_wider(child: Grant, above: Grant, asked: list[JsonObject]) -> None:
    """Assert it in each dimension, without asking what made the child."""
    assert is_nowhere_wider(Authority(frozenset({child.rights})), Authority(frozenset({above.rights})), asked)
    assert f"{child.audience}/".startswith(f"{above.audience}/")
    assert above.opened_ms <= child.opened_ms <= child.expires_ms <= above.expires_ms
    assert above.max_calls is None or child.max_calls is None or child.max_calls <= above.max_calls
    assert above.depth < child.depth <= child.max_depth <= above.max_depth
    assert above.may_act is None or (child.may_act is not None and set(child.may_act) <= set(above.may_act))
    assert above.may_act is None or child.agent in above.may_act
    assert (child.owner, child.root, child.tenant, child.salt) == (above.owner, above.root, above.tenant, above.salt)
    assert child.agent != above.agent


@promise("P4", "P9")
@given(st.data(), roots, calls)
def test_whatever_is_handed_on_is_proven_and_no_wider_than_anything_above_it(
    data: st.DataObject, root: Grant, asked: list[JsonObject]
) -> None:
    """P4, in every dimension: random trees, whoever asks and whatever is asked for."""
    chains: list[tuple[Grant, ...]] = [(root,)]
    for number in range(8):
        chain = data.draw(st.sampled_from(chains))
        holder, to = chain[-1], data.draw(st.sampled_from(AGENTS))
        asks_itself = data.draw(st.booleans())
        asker = Asker(agent=to, keyid=f"key of {to}", agreed_grant=None) if asks_itself else None
        details = data.draw(asks(holder))
        try:
            child = handed_on(*chain, to=to, asker=asker, asked=details, name=f"g-{number + 2}")
        except TokenRefused as stop:
            event(f"refused: {stop.error}")
            continue
        event(f"made, {child.depth} deep")
        for above in chain:
            must_be_no_wider(child, above, asked)
        links = (*chain, parse_grant(grant_form(child)))
        assert proven(*links).links == links
        assert is_nowhere_wider(proven(*links).authority, Authority(frozenset({root.rights})), asked)
        chains.append(links)


WIDER: Final[dict[str, Callable[[Grant], GrantDetails]]] = {
    "another tool": lambda parent: asking(*parent.rights.entries, "zz/z read"),
    "another effect": lambda parent: asking(
        *(replace(entry, effects=frozenset(Effect)) for entry in parent.rights.entries)
    ),
    "fewer constraints": lambda parent: asking(*(replace(entry, arguments={}) for entry in parent.rights.entries)),
    "no effects": lambda parent: asking(*(replace(entry, effects=frozenset()) for entry in parent.rights.entries)),
    "more time": lambda parent: asking(*parent.rights.entries, expires_in=1 + (parent.expires_ms - NOW_MS) // 1000),
    "more calls": lambda parent: asking(*parent.rights.entries, max_calls=7),
    "more depth": lambda parent: asking(*parent.rights.entries, max_depth=parent.max_depth - parent.depth),
    "more actors": lambda parent: asking(*parent.rights.entries, may_act=(*(parent.may_act or ()), "zz")),
    "another audience": lambda parent: asking(*parent.rights.entries, locations=("https://elsewhere.example",)),
    "a wider audience": lambda parent: asking(*parent.rights.entries, locations=(AUDIENCE,)),
    "no audience": lambda parent: asking(*parent.rights.entries, locations=()),
    "two audiences": lambda parent: asking(*parent.rights.entries, locations=BELOW),
}
KEPT: Final = Entry(
    pattern="a/re",
    effects=frozenset({Effect.READ, Effect.WRITE}),
    arguments={"/p": parse_constraint({"path_below": "/d"}, "/c")},
)
WHOLE: Final = a_grant(
    rights=Rights(entries=(KEPT,), pin_serial=1),
    max_depth=4,
    max_calls=6,
    may_act=("a", "b", "c"),
    audience=BELOW[0],
    keyid="key of planner",
)


@promise("P4", "P7")
@pytest.mark.parametrize("way", WIDER)
@given(path=st.permutations(["a", "b", "c"]), length=st.integers(0, 2), counted=st.booleans())
def test_what_is_wider_in_one_dimension_is_refused_however_deep(
    way: str, path: list[str], length: int, counted: bool
) -> None:
    """P4: the same ask without that one thing is given."""
    chain: tuple[Grant, ...] = (WHOLE,)
    for to in path[:length]:
        same = asking(*chain[-1].rights.entries, max_calls=6 if counted else None)
        chain = (*chain, handed_on(*chain, to=to, asked=same))
    assert handed_on(*chain, to=path[length], asked=asking(*chain[-1].rights.entries)).depth == length + 1
    with pytest.raises(TokenRefused) as stop:
        handed_on(*chain, to=path[length], asked=WIDER[way](chain[-1]))
    assert stop.value.error in {OAuthError.INVALID_AUTHORIZATION_DETAILS, OAuthError.INVALID_TARGET}


@promise("P7")
@given(roots, calls)
def test_who_asks_for_no_entries_is_given_nothing(root: Grant, asked: list[JsonObject]) -> None:
    """Empty is never all."""
    assume(root.max_depth and root.may_act is None)
    child = handed_on(root, to="a", asked=GrantDetails(entries=()))
    nothing = Authority(frozenset({authority(pin_serial=9)}))
    assert is_nowhere_wider(Authority(frozenset({child.rights})), nothing, asked)


@promise("P4")
@given(st.data(), roots)
def test_no_link_can_be_left_out_doubled_or_moved(data: st.DataObject, root: Grant) -> None:
    """P4: whatever a store holds, a chain is root, link, link, in this order, and whole."""
    whole = replace(root, max_depth=3, may_act=None, max_calls=None)
    first = handed_on(
        whole, to="a", asked=asking(*whole.rights.entries) if whole.rights.entries else GrantDetails(entries=())
    )
    second = handed_on(whole, first, to="b", asked=GrantDetails(entries=first.rights.entries))
    links = (whole, first, second)
    assert proven(*links).links == links
    shuffled = tuple(data.draw(st.lists(st.sampled_from(links), min_size=1, max_size=4)))
    assume(shuffled not in {links, links[:2], links[:1]})
    with pytest.raises(Refused) as stop:
        prove_chain(identified(shuffled[-1]).claims, shuffled, None, NOW_MS)
    assert stop.value.reason is Reason.CHAIN_INVALID
