"""The forms of what the token desk says: a grant as it was asked for, a token's standing, the proofs that a grant rests on.

Pure. Who may be told is decided at the desk.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.adapters.minter_jwt import actors
from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.delegation.chain import DelegationChain
from mediator.delegation.details import TYPE
from mediator.delegation.grant import Grant, entries_form
from mediator.evidence import Secret
from mediator.identity.confirmation import CLAIM, Confirmation
from mediator.identity.oauth_error import OAuthError, TokenRefused
from mediator.identity.token import VerifiedClaims
from mediator.identity.workload import ProvenAgent
from mediator.refusal import Reason


def token_answer(grant: Grant, token: Secret, seconds: int, bound_to: Confirmation | None) -> JsonObject:
    """Return a token as RFC 6749 §5.1 and RFC 9396 §7 have it: with what its holder was given."""
    return {
        # The other place where a minted token leaves: to an agent that proved its key.
        "access_token": token.reveal(),
        "token_type": token_type(bound_to),
        "expires_in": seconds,
        "authorization_details": details_of(grant),
        "grant": grant.id,
        "task": grant.root,
    }


def introspection(claims: VerifiedClaims, chain: DelegationChain) -> JsonObject:
    """Return what a token stands for (RFC 7662 §2.2): never longer active than the first link that runs out."""
    grant = chain.presented
    return {
        "active": True,
        "iss": claims.issuer,
        "sub": claims.subject,
        "client_id": grant.agent,
        "aud": [*claims.audience],
        "iat": claims.issued_at,
        "exp": min(claims.expires_at, *(link.expires_ms // 1000 for link in chain.links)),
        "jti": claims.token_id,
        "token_type": token_type(claims.confirmation),
        **({} if claims.confirmation is None else {CLAIM: claims.confirmation.form()}),
        "grant": grant.id,
        "txn": grant.root,
        "owner": grant.owner,
        "depth": grant.depth,
        "max_depth": grant.max_depth,
        "act": actors(chain.links),
        "authorization_details": details_of(grant),
    }


def token_type(bound_to: Confirmation | None) -> str:
    """Return under which scheme a token is sent: one that is bound to a certificate alone is a bearer's (RFC 8705 §3)."""
    return "DPoP" if bound_to is not None and bound_to.jkt is not None else "Bearer"


def details_of(grant: Grant) -> list[Json]:
    """Return a grant as `authorization_details` have it (RFC 9396 §7): what its holder was given."""
    details: list[Json] = []
    for entry in entries_form(grant.rights.entries):
        assert isinstance(entry, dict)
        one: JsonObject = {"type": TYPE, "tools": [entry["pattern"]], "effects": entry["effects"]}
        details.append(one | ({"arguments": entry["arguments"]} if entry["arguments"] else {}))
    first = details[0]
    assert isinstance(first, dict)
    first |= {
        "purpose": grant.purpose,
        "max_depth": grant.max_depth - grant.depth,
        "locations": [grant.audience],
        **({} if grant.max_calls is None else {"max_calls": grant.max_calls}),
        **({} if grant.may_act is None else {"may_act": [*grant.may_act]}),
    }
    return details


def evidence_of(
    client: ProvenAgent, actor: ProvenAgent | None, subject: VerifiedClaims | None, task: str | None = None
) -> bytes:
    """Return by which proofs a grant was given: what stands in the place of a statement, and its digest names.

    `task` tells apart what was given for one proof, where that may be used again.
    """
    form: JsonObject = {"client": {"agent": client.agent, "key": client.keyid, "assertion": client.digest}}
    if actor is not None and actor is not client:
        form["actor"] = {"agent": actor.agent, "key": actor.keyid, "assertion": actor.digest}
    if subject is not None:
        form["subject"] = {"grant": subject.grant, "token": subject.credential_digest}
    if task is not None:
        form["task"] = task
    return canonical_bytes(form)


def told(error: OAuthError, reason: Reason, sentence: str, remedy: str | None = None) -> TokenRefused:
    """Return a refusal whose detail the client may read."""
    return TokenRefused(error, reason, sentence, sentence=sentence, remedy=remedy)
