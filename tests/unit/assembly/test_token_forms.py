"""The forms of what the token desk says: they repeat what is stored, and nothing of it is decided upon.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any

import pytest

from mediator.assembly.token_forms import details_of, evidence_of, introspection, token_answer, token_type, told
from mediator.canonical import JsonObject, canonical_bytes, parse_object
from mediator.delegation.authority import Entry, Rights
from mediator.delegation.constraint import PathBelow
from mediator.delegation.details import GrantDetails, parse_details
from mediator.effect import Effect
from mediator.evidence import Secret
from mediator.identity.client_assertion import VerifiedAssertion, sign_client_assertion, verify_client_assertion
from mediator.identity.confirmation import Confirmation
from mediator.identity.oauth_error import OAuthError
from mediator.identity.token import verify_token
from mediator.refusal import Reason
from tests.promises import promise
from tests.simulated.forged_tokens import AUDIENCE, KEYS, NOW, NOW_MS, SKEW, forge, good_claims
from tests.simulated.grants import a_grant
from tests.simulated.judged import chain_of, identified
from tests.simulated.people import key_of
from tests.simulated.proofs import ProvingKey

RIGHTS = Rights(
    entries=(
        Entry(pattern="notes/*", effects=frozenset({Effect.WRITE, Effect.READ})),
        Entry(pattern="files/load", effects=frozenset({Effect.READ}), arguments={"/path": PathBelow("/reports")}),
    ),
    pin_serial=7,
)
ROOT = a_grant(rights=RIGHTS, max_depth=3, max_calls=9)
CHILD = a_grant(
    id="g-1a",
    parent="g-1",
    root="g-1",
    agent="worker",
    depth=1,
    max_depth=2,
    may_act=("plugin", "gateway"),
    expires_ms=NOW_MS + 60_000,
)


def proven(agent: str, number: str = "1") -> VerifiedAssertion:
    assertion = sign_client_assertion(key_of(agent), agent, AUDIENCE, number, NOW_MS)
    return verify_client_assertion(assertion, {agent: key_of(agent).public}, frozenset({AUDIENCE}), NOW_MS, SKEW)


def test_a_grant_is_told_as_it_could_have_been_asked_for() -> None:
    """RFC 9396 §7: what was given; the rest of it, which holds for the whole, stands once."""
    first: Any
    first, second = details_of(ROOT)
    assert first == {
        "type": "mcp_tool_grant",
        "tools": ["notes/*"],
        "effects": ["read", "write"],
        "purpose": "tell the time",
        "max_depth": 3,
        "locations": [AUDIENCE],
        "max_calls": 9,
    }
    assert second == {
        "type": "mcp_tool_grant",
        "tools": ["files/load"],
        "effects": ["read"],
        "arguments": {"/path": {"path_below": "/reports"}},
    }
    read = parse_details(canonical_bytes(details_of(ROOT)).decode())
    assert isinstance(read, GrantDetails)
    assert read.entries == RIGHTS.entries


def test_depth_is_told_as_what_is_left() -> None:
    """Ours: as it is asked for, from where one stands."""
    (one,) = details_of(CHILD)
    assert isinstance(one, dict)
    assert (one["max_depth"], one["may_act"]) == (1, ["plugin", "gateway"])
    assert "max_calls" not in one


@promise("P5")
def test_a_token_is_answered_as_the_documents_have_it() -> None:
    """RFC 6749 §5.1; beside it our own two names."""
    assert token_answer(CHILD, Secret("a.b.c"), 42, None) == {
        "access_token": "a.b.c",
        "token_type": "Bearer",
        "expires_in": 42,
        "authorization_details": details_of(CHILD),
        "grant": "g-1a",
        "task": "g-1",
    }


KEY, CERTIFICATE = ProvingKey().thumbprint, ProvingKey().thumbprint
BINDINGS: dict[str, tuple[Confirmation | None, JsonObject, str]] = {
    "to nothing": (None, {}, "Bearer"),
    "to a key": (Confirmation(jkt=KEY), {"cnf": {"jkt": KEY}}, "DPoP"),
    "to a certificate": (Confirmation(certificate=CERTIFICATE), {"cnf": {"x5t#S256": CERTIFICATE}}, "Bearer"),
    "to both": (
        Confirmation(jkt=KEY, certificate=CERTIFICATE),
        {"cnf": {"jkt": KEY, "x5t#S256": CERTIFICATE}},
        "DPoP",
    ),
}


@promise("P5")
@pytest.mark.parametrize(("bound_to", "claim", "scheme"), BINDINGS.values(), ids=list(BINDINGS))
def test_a_client_is_told_under_which_scheme_its_token_is_sent(
    bound_to: Confirmation | None, claim: JsonObject, scheme: str
) -> None:
    """RFC 9449 §5, RFC 8705 §3: in the answer, and again to whoever may ask what a token is worth (RFC 7662 §2.2)."""
    assert token_type(bound_to) == scheme
    answer = token_answer(CHILD, Secret("a.b.c"), 42, bound_to)
    assert answer == token_answer(CHILD, Secret("a.b.c"), 42, None) | {"token_type": scheme}
    token = forge(claims=good_claims(sub="worker", grant="g-1a", **claim))
    claims = verify_token(token, KEYS, frozenset({AUDIENCE}), NOW_MS, SKEW)
    shown = introspection(claims, chain_of(ROOT, CHILD))
    assert {name: shown[name] for name in shown if name in {"token_type", "cnf"}} == {"token_type": scheme, **claim}


@promise("P5", "P9")
def test_a_token_is_active_no_longer_than_the_first_link_that_runs_out() -> None:
    """RFC 7662 §2.2: with its whole chain, and the human who answers for it; no salt, no statement."""
    claims = identified(CHILD).claims
    shown = introspection(claims, chain_of(ROOT, CHILD))
    assert shown["exp"] == NOW + 60
    assert (shown["active"], shown["sub"], shown["grant"], shown["txn"]) == (True, claims.subject, "g-1a", "g-1")
    assert (shown["owner"], shown["depth"], shown["max_depth"]) == ("alice@example.com", 1, 2)
    assert shown["act"] == {"sub": "worker", "act": {"sub": "planner"}}
    assert shown["authorization_details"] == details_of(CHILD)
    assert CHILD.salt not in str(shown)
    soon = a_grant(expires_ms=NOW_MS + 5_999)
    assert introspection(claims, chain_of(soon, CHILD))["exp"] == NOW + 5
    long = a_grant(id="g-1a", expires_ms=NOW_MS + 10**9)
    assert introspection(claims, chain_of(long))["exp"] == claims.expires_at


@promise("P9")
def test_by_which_proofs_a_grant_was_given_is_told_without_the_proofs_themselves() -> None:
    """P9: digests and keys; a client that acts itself is named once."""
    client, actor, subject = proven("planner"), proven("worker", "2"), identified(ROOT).claims
    alone = parse_object(evidence_of(client, None, None))
    assert alone == {
        "client": {"agent": "planner", "key": client.keyid, "assertion": client.digest},
    }
    assert parse_object(evidence_of(client, None, None, task="task-1")) == alone | {"task": "task-1"}
    assert parse_object(evidence_of(client, client, None)) == alone
    whole = parse_object(evidence_of(client, actor, subject))
    assert whole == alone | {
        "actor": {"agent": "worker", "key": actor.keyid, "assertion": actor.digest},
        "subject": {"grant": "g-1", "token": subject.credential_digest},
    }


def test_a_refusal_tells_the_client_what_is_on_record() -> None:
    """House style 4, where the detail holds nothing foreign."""
    stop = told(OAuthError.INVALID_GRANT, Reason.GRANT_UNKNOWN, "the client holds no such grant", "ask anew")
    assert (stop.error, stop.reason, stop.detail) == (
        OAuthError.INVALID_GRANT,
        Reason.GRANT_UNKNOWN,
        "the client holds no such grant",
    )
    assert stop.description == "the client holds no such grant; ask anew"
