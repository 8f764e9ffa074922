"""Scopes: lines of authority, a task of them, and the words that a call would need.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import digest_of_bytes
from mediator.delegation.authority import Entry, Rights
from mediator.delegation.grant import GrantState
from mediator.effect import Effect
from mediator.identity.identify import Identified, identify
from mediator.identity.keys import key_set
from mediator.identity.terms import ClaimMapping, ClaimOr, IssuerTerms
from mediator.mediation.scopes import entries_of, open_for_scopes, refuse_if_scope_is_missing
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.forged_tokens import (
    AUDIENCE,
    ISSUER,
    KEY,
    KEYS,
    NOW,
    NOW_MS,
    SKEW,
    forge,
    good_claims,
    jwk_of,
    without,
)
from tests.simulated.judged import a_tool

MAPPING = ClaimMapping(
    name="corp",
    agent_claim="sub",
    owner=ClaimOr(fixed="alice@example.com"),
    agent_class=ClaimOr(fixed="ci"),
    team=ClaimOr(fixed="build"),
    scope_claim="scope",
)
OPENS = key_set({ISSUER: ({"keys": [jwk_of(KEY)]}, ("EdDSA",))}, terms={ISSUER: IssuerTerms(opens=MAPPING)})


def who(scope: str) -> Identified:
    token = forge(claims=without(good_claims(scope=scope), "grant"))
    return identify(token, OPENS, frozenset({AUDIENCE}), NOW_MS, SKEW)


@promise("P4", "P6")
def test_scopes_are_a_line_for_each_server_to_each_effect() -> None:
    """Design 5.7: `server:<name>`, `effect:<effect>`, and no other word."""
    effects = frozenset({Effect.READ, Effect.WRITE})
    assert entries_of(["effect:write", "server:b", "openid", "server:a", "effect:read"]) == (
        Entry(pattern="a/*", effects=effects),
        Entry(pattern="b/*", effects=effects),
    )
    (line,) = entries_of(["server:a", "effect:delete", "effect:exec"])
    assert not line.names("a", "x", Effect.DELETE)  # P6: it names no tool


@promise("P7")
@pytest.mark.parametrize(
    "scopes",
    [(), ("server:a",), ("effect:read",), ("server:*", "effect:read"), ("server:a", "effect:*"), ("server:A", "effect:read"),
     ("server:a/x", "effect:read"), ("server:", "effect:read"), ("server:a\n", "effect:read"), ("Server:a", "effect:read")],
)  # fmt: skip
def test_words_that_are_not_ours_give_nothing(scopes: tuple[str, ...]) -> None:
    """P7: empty is never permission, and a star is no name."""
    assert entries_of(scopes) == ()


def test_an_authority_has_an_end() -> None:
    """Ours: as many lines as a task may have."""
    with pytest.raises(Refused) as stop:
        entries_of([*(f"server:s{n}" for n in range(65)), "effect:read"])
    assert stop.value.reason is Reason.INSUFFICIENT_SCOPE


@promise("P4", "P9")
def test_the_task_of_a_token_is_of_its_agent_and_ends_with_it() -> None:
    """The issue: a root grant; handed on to nobody."""
    identity = who("server:a effect:read openid")
    grant, evidence = open_for_scopes(identity, pin_serial=7, audience=AUDIENCE, minutes=60, salt="5a17", now_ms=NOW_MS)
    assert (grant.id, grant.root, grant.parent) == (identity.claims.grant, identity.claims.grant, None)
    assert (grant.agent, grant.agent_class, grant.team) == ("corp:planner", "ci", "build")
    assert (grant.owner, grant.issuer, grant.audience) == ("alice@example.com", ISSUER, AUDIENCE)
    assert grant.purpose == "as its token says: effect:read server:a"
    assert grant.rights == Rights(entries=entries_of(["server:a", "effect:read"]), pin_serial=7)
    assert (grant.opened_ms, grant.expires_ms, grant.idle_ms) == (NOW_MS, (NOW + 300) * 1000, None)
    assert (grant.max_depth, grant.keyid, grant.state) == (0, None, GrantState.OPEN)
    assert grant.statement_digest == digest_of_bytes(evidence)
    short, _ = open_for_scopes(identity, pin_serial=7, audience=AUDIENCE, minutes=1, salt="5a17", now_ms=NOW_MS)
    assert short.expires_ms == NOW_MS + 60_000


@promise("P7")
def test_no_task_is_opened_of_nothing() -> None:
    """Ours: it is told, and is no empty task."""
    with pytest.raises(Refused) as stop:
        open_for_scopes(who("openid"), pin_serial=7, audience=AUDIENCE, minutes=60, salt="5a17", now_ms=NOW_MS)
    assert (stop.value.reason, stop.value.data) == (Reason.INSUFFICIENT_SCOPE, None)


@promise("P5", "P9")
def test_no_task_ends_before_it_begins() -> None:
    """Ours: a token that is within the skew alone opens none."""
    identity, over_ms = who("server:a effect:read"), (NOW + 300) * 1000
    grant, _ = open_for_scopes(identity, pin_serial=7, audience=AUDIENCE, minutes=60, salt="5a17", now_ms=over_ms - 1)
    assert grant.expires_ms == over_ms
    with pytest.raises(Refused) as stop:
        open_for_scopes(identity, pin_serial=7, audience=AUDIENCE, minutes=60, salt="5a17", now_ms=over_ms)
    assert stop.value.reason is Reason.EXPIRED_CREDENTIAL


def test_a_call_names_the_scopes_that_it_needs_where_scopes_are_what_it_lacks() -> None:
    """Design 5.7: exactly this operation's; nothing where an owner's statement, or a tool by its name, is what counts."""
    for effect in Effect:
        item = a_tool(effect=effect)
        if effect in {Effect.READ, Effect.WRITE}:
            with pytest.raises(Refused) as stop:
                refuse_if_scope_is_missing(who("server:clock"), item)
            assert stop.value.reason is Reason.INSUFFICIENT_SCOPE
            assert stop.value.data == {"scope": f"server:clock effect:{effect}"}
        else:
            refuse_if_scope_is_missing(who("server:clock"), item)
        named = identify(forge(), KEYS, frozenset({AUDIENCE}), NOW_MS, SKEW)
        refuse_if_scope_is_missing(named, item)
