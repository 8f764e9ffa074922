"""What agents prove to the token desk: their key, or their workload, and that once; and what a token stands for.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, TypeAlias

from mediator.assembly.desk import Desk
from mediator.assembly.token_forms import told
from mediator.delegation.chain import DelegationChain, must_be_live, prove_chain
from mediator.delegation.grant import Grant
from mediator.evidence import Secret
from mediator.identity.client_assertion import SESSION, claimed_key, verify_client_assertion
from mediator.identity.dsse import PublicKey
from mediator.identity.identify import verify_credential
from mediator.identity.oauth_error import OAuthError, TokenRefused
from mediator.identity.proof import VerifiedProof, prove_session
from mediator.identity.token import VerifiedClaims
from mediator.identity.workload import (
    ProvenAgent,
    VerifiedWorkload,
    Workload,
    claimed_issuer,
    verify_workload,
)
from mediator.mediation.circumstances import Circumstances
from mediator.mediation.freeze import names_of
from mediator.mediation.trust import audiences_of
from mediator.refusal import Reason, Refused
from mediator.settings.workloads import WorkloadIssuerSettings

TOKEN_PATH: Final = "/oauth2/token"
_KEYS_REMEMBERED: Final = 4096

Held: TypeAlias = tuple[VerifiedClaims, DelegationChain, Circumstances]
"""What a token says, the live chain that it stands for, and what is true of it now."""


def prove_agent(
    desk: Desk, assertion: Secret, error: OAuthError, audiences: frozenset[str] | None = None
) -> ProvenAgent:
    """Return whose assertion, or workload token, this is, and use it up; it was made for these, or for the token endpoint."""
    now_ms = desk.clock.now_ms()
    try:
        proven = _verified(desk, assertion, audiences or _endpoint(desk), now_ms)
    except Refused as stop:
        raise TokenRefused(
            error,
            stop.reason,
            stop.detail,
            sentence=stop.sentence or "the assertion is refused",
            remedy=stop.remedy,
        ) from stop
    if isinstance(proven, VerifiedWorkload):
        once = None if proven.is_reusable else f"workload:{proven.token_id}"
        remedy = "have the platform issue another for each request, or set `reusable = true` where it cannot"
    else:
        once = f"jti:{proven.agent}:{proven.token_id}"
        remedy = "make another for each request, with its own jti"
    if once is not None and not desk.store.use_once(once, proven.expires_ms, now_ms):
        raise told(error, Reason.PROOF_REPLAYED, "this assertion was used before", remedy)
    return proven


def prove_actor(desk: Desk, actor_token: Secret) -> ProvenAgent:
    """Return who says that it will act, and under which grant; a platform's token that does not say is refused.

    A platform issues tokens about a workload, not about what it agrees to: who holds one could hand it to any chain.
    """
    actor = prove_agent(desk, actor_token, OAuthError.INVALID_REQUEST)
    if isinstance(actor, VerifiedWorkload) and actor.grant is None:
        raise told(
            OAuthError.INVALID_REQUEST,
            Reason.PROOF_INVALID,
            "the actor token is a workload's, and does not say in a claim `grant` under which grant it acts",
            "have the task name the actor in may_act, and the actor ask itself, with its token as client_assertion and "
            "no actor_token",
        )
    return actor


def _endpoint(desk: Desk) -> frozenset[str]:
    return frozenset({desk.local_issuer(), desk.base_url + TOKEN_PATH})


def _verified(desk: Desk, assertion: Secret, audiences: frozenset[str], now_ms: int) -> ProvenAgent:
    skew = desk.settings.delegation.clock_skew_seconds
    issuer = _find_issuer(desk, assertion)
    if issuer is None:
        return verify_client_assertion(assertion, _agent_keys(desk, assertion, now_ms), audiences, now_ms, skew)
    workloads = [
        Workload(agent=profile.name, subject=profile.workload.subject, conditions=profile.workload.claims)
        for profile in desk.settings.agents
        if profile.workload is not None and profile.workload.issuer == issuer.name
    ]
    return verify_workload(assertion, desk.workload_keys.read(issuer), workloads, audiences, now_ms, skew)


def _find_issuer(desk: Desk, assertion: Secret) -> WorkloadIssuerSettings | None:
    """Return who is to vouch for the workload that this says to be; nothing where it says to be none."""
    claimed, trust_domain = claimed_issuer(assertion)
    for one in desk.settings.workload_issuers:
        if trust_domain is not None and one.trust_domain == trust_domain:
            return one
        if claimed is not None and one.issuer == claimed:
            return one
    if trust_domain is not None:
        sentence = "the workload token is refused: its trust domain is not known here"
        remedy = "have a `[[workload_issuer]]` name it, with its trust bundle"
        raise Refused(Reason.UNKNOWN_ISSUER, "no such trust domain", sentence=sentence, remedy=remedy)
    return None


def _agent_keys(desk: Desk, assertion: Secret, now_ms: int) -> Mapping[str, PublicKey]:
    keys = {profile.name: _key_of(profile.key) for profile in desk.settings.agents if profile.key is not None}
    agent, keyid = claimed_key(assertion)
    if agent is not None and keyid is not None and desk.settings.find_agent(agent) is not None:
        instance_key = desk.instances.find(agent, keyid, now_ms)
        if instance_key is not None:
            return {agent: instance_key}
    return keys


@lru_cache(maxsize=_KEYS_REMEMBERED)
def _key_of(text: str) -> PublicKey:
    """Remembered: every profile's is wanted at each request, and by whoever proves nothing too."""
    return PublicKey.from_text(text)


def _claims_of(desk: Desk, token: Secret, now_ms: int) -> VerifiedClaims:
    snapshot, base = desk.trust.snapshot(), desk.base_url
    servers = {item.server for item in snapshot.all_pins.items}
    audiences = audiences_of(base, None).union(*(audiences_of(base, server) for server in servers))
    return verify_credential(token, snapshot.keys, audiences, now_ms, desk.settings.delegation.clock_skew_seconds)


def held_by(desk: Desk, token: Secret, now_ms: int) -> Held:
    """Return what this token says, and the live chain that it stands for, frozen or not; raises `Refused`.

    Nobody has shown a key to which it may be bound: that is for who asks to be given anything for it.
    """
    claims = _claims_of(desk, token, now_ms)
    circumstances = desk.store.gather(claims.grant)
    chain = prove_chain(claims, circumstances.grants, circumstances.last_used_ms, now_ms)
    return claims, chain, circumstances


def held_grant(desk: Desk, client: ProvenAgent, grant_id: str) -> Grant:
    """Return the live grant that this client holds by this very key; raises `TokenRefused(invalid_grant)`."""
    circumstances = desk.store.gather(grant_id)
    grant = circumstances.grants[-1] if circumstances.grants else None
    if grant is None or (grant.agent, grant.keyid) != (client.agent, client.keyid):
        raise told(OAuthError.INVALID_GRANT, Reason.GRANT_UNKNOWN, "the client holds no such grant")
    try:
        for link in circumstances.grants:
            must_be_live(link, circumstances.last_used_ms, desk.clock.now_ms())
    except Refused as stop:
        raise told(OAuthError.INVALID_GRANT, stop.reason, "the grant, or one above it, has ended") from stop
    must_not_be_frozen(desk, circumstances.grants)
    if not desk.makes_tokens_for(grant):
        raise told(OAuthError.INVALID_GRANT, Reason.NOT_COVERED, "another issuer makes the tokens of this grant")
    return grant


def must_not_be_frozen(desk: Desk, links: tuple[Grant, ...]) -> None:
    """Return if nothing of these is frozen; raises `TokenRefused(unauthorized_client)`."""
    if stopped := sorted(desk.store.list_frozen() & names_of(links)):
        raise told(OAuthError.UNAUTHORIZED_CLIENT, Reason.FROZEN, f"frozen: {', '.join(stopped)}")


def join_task(desk: Desk, assertion: Secret) -> tuple[Grant, VerifiedProof]:
    """Return the grant that an agent is to work under in a session, which its assertion names, and what proves its key.

    It is made for this alone: an actor token names a grant, too, which is whatever its receiver was told.

    Raises `TokenRefused`: as `prove_agent` and `held_grant`.
    """
    client = prove_agent(desk, assertion, OAuthError.INVALID_CLIENT, frozenset({desk.base_url + SESSION}))
    if isinstance(client, VerifiedWorkload):
        raise told(OAuthError.INVALID_CLIENT, Reason.PROOF_INVALID, "a workload has no key that opens a session")
    if client.grant is None:
        raise told(
            OAuthError.INVALID_CLIENT, Reason.MALFORMED, "the assertion does not name a task in its claim `grant`"
        )
    grant = held_grant(desk, client, client.grant)
    return grant, prove_session(grant.id, client.keyid)


def find_held(desk: Desk, client: ProvenAgent, token: Secret) -> Held | None:
    """Return what this token stands for, if it holds and this client stands in its chain."""
    try:
        held = held_by(desk, token, desk.clock.now_ms())
    except Refused as stop:
        if stop.reason is Reason.STORE_UNAVAILABLE:
            raise
        return None
    return held if any(link.agent == client.agent for link in held[1].links) else None
