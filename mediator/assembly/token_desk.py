"""The token desk: who issues, hands on, revokes and tells of tokens at the token endpoint, for agents that prove a key.

It fills what `edge/oauth.py` asks for. Whatever it gives is on record before it is stored, and stored before its token is
made; whatever it refuses, it says what to change. The rules are `delegation/exchange.py` and `mediation/tasks.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Final

from mediator.adapters.minter_jwt import mint
from mediator.assembly.desk import Desk, noted_grant
from mediator.assembly.token_forms import evidence_of, introspection, token_answer, told
from mediator.assembly.token_proofs import find_held, held_by, held_grant, must_not_be_frozen, prove_actor, prove_agent
from mediator.canonical import JsonObject, digest_of_bytes
from mediator.delegation.chain import DelegationChain
from mediator.delegation.details import TYPE, GrantDetails, HeldGrant, parse_details
from mediator.delegation.exchange import Asker, Receiver, delegate
from mediator.delegation.grant import Grant
from mediator.delegation.token_request import ACCESS_TOKEN, ClientCredentials, Exchange
from mediator.evidence import Secret
from mediator.identity.client_assertion import VerifiedAssertion
from mediator.identity.confirmation import Confirmation
from mediator.identity.identify import BEARER, presented
from mediator.identity.oauth_error import OAuthError, TokenRefused
from mediator.identity.proof import Shown, VerifiedProof, find_nonce
from mediator.identity.token import VerifiedClaims
from mediator.identity.workload import ProvenAgent, VerifiedWorkload
from mediator.mediation.decide import decide
from mediator.mediation.freeze import names_of, refuse_if_frozen
from mediator.mediation.question import delegation_question
from mediator.mediation.tasks import open_for_client
from mediator.policy.decision import Verdict
from mediator.refusal import Reason, Refused

EXCHANGED_SECONDS_MAX: Final = 300  # design 5.6


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenDesk:
    """Issues tokens to agents. `desk` holds what it rests on."""

    desk: Desk

    def authenticate(self, assertion: Secret, client_id: str | None) -> ProvenAgent:
        """Return which agent this is: it proves its key, or its workload, with an assertion that was made for us.

        Raises `TokenRefused(invalid_client)`, and `Refused(STORE_UNAVAILABLE)`.
        """
        client = prove_agent(self.desk, assertion, OAuthError.INVALID_CLIENT)
        if client_id is not None and client_id != client.agent:
            sentence = "client_id is not the agent that signed the assertion"
            raise TokenRefused(OAuthError.INVALID_CLIENT, Reason.BAD_CREDENTIAL, sentence, sentence=sentence)
        return client

    def verify_proof(self, shown: Shown) -> VerifiedProof | None:
        """Return the key that a request shows; whoever is told to use a nonce has used nothing up.

        Raises `TokenRefused`: `invalid_dpop_proof`, `use_dpop_nonce`.
        """
        now_ms, skew = self.desk.clock.now_ms(), self.desk.settings.delegation.clock_skew_seconds
        try:
            return self.desk.proofs.verify(shown, now_ms, skew)
        except Refused as stop:
            raise _not_proven(stop) from stop

    async def issue(
        self, client: ProvenAgent, request: ClientCredentials | Exchange, proof: VerifiedProof | None = None
    ) -> JsonObject:
        """Return a token, as RFC 6749 §5.1 and RFC 8693 §2.2.1 have it; raises `TokenRefused` and `Refused`.

        It is bound to the key that the request shows, where it shows one (RFC 9449 §5, RFC 8705 §3).
        """
        if proof is not None:
            self._use_up(proof)
        if request.scope is not None:
            raise told(
                OAuthError.INVALID_SCOPE,
                Reason.NOT_COVERED,
                "no scope is served",
                f"leave it out, and ask in authorization_details of type {TYPE}",
            )
        if isinstance(request, Exchange):
            return self._exchange(client, request, proof)
        self._must_be_for_us(request.targets)
        details = None if request.authorization_details is None else parse_details(request.authorization_details)
        if isinstance(details, HeldGrant):
            held = held_grant(self.desk, client, details.grant)
            return self._answer(held, self._token_seconds(), self._bound_to(held.agent, proof))
        bound_to = self._bound_to(client.agent, proof)
        return self._answer(self._open(client, details), self._token_seconds(), bound_to)

    async def revoke(self, client: ProvenAgent, token: Secret, _hint: str | None) -> None:
        """Revoke the grant that this token names with all below it, if the client stands in its chain (RFC 7009 §2.1).

        A token that is none, has run out or is not the client's is left as it is, and nothing is told.
        """
        held = find_held(self.desk, client, token)
        if held is not None:  # also where it is frozen: else it would be there again once that is over
            _, chain, _ = held
            await self.desk.revoke_for(chain.presented, client.agent, "revoked at the token endpoint")

    def introspect(self, client: ProvenAgent, token: Secret) -> JsonObject:
        """Return what a token stands for, to who stands in its chain; to anybody else, that it is not active (RFC 7662 §2.2)."""
        held = find_held(self.desk, client, token)
        if held is None:
            return {"active": False}
        claims, chain, circumstances = held
        if names_of(chain.links) & circumstances.frozen:
            return {"active": False}
        return introspection(claims, chain)

    def keys(self) -> JsonObject:
        """Return the keys by which our tokens are verified, as a JWK set (RFC 7517 §5)."""
        return self.desk.issuer.jwks(self.desk.clock.now_ms())

    # --- a task of one's own -----------------------------------------------------------------------------------------

    def _open(self, client: ProvenAgent, details: GrantDetails | None) -> Grant:
        desk, now_ms = self.desk, self.desk.clock.now_ms()
        task_id = f"task-{secrets.token_hex(16)}"
        # What opens one task opens it once; a token that may be used again opens one each time.
        is_reusable = isinstance(client, VerifiedWorkload) and client.is_reusable
        proofs = evidence_of(client, None, None, task=task_id if is_reusable else None)
        opening = desk.opening(now_ms)
        if details is not None and details.locations:
            opening = replace(opening, audience=self._location(details.locations))
        self._must_have_room(client.agent, now_ms)
        try:
            grant = open_for_client(client.agent, details, task_id, digest_of_bytes(proofs), opening, client.keyid)
        except Refused as stop:
            if stop.reason is not Reason.NOT_COVERED:
                raise
            remedy = "ask for what the profile holds, or have its owner open a task"
            raise told(OAuthError.INVALID_AUTHORIZATION_DETAILS, stop.reason, stop.detail, remedy) from stop
        must_not_be_frozen(desk, (grant,))
        desk.ledger.note("task.opened", noted_grant(grant, client.agent), now_ms)
        desk.store.open_grant(grant, proofs)
        return grant

    # --- a part of somebody's, handed on -----------------------------------------------------------------------------

    def _exchange(self, client: ProvenAgent, request: Exchange, proof: VerifiedProof | None) -> JsonObject:
        desk, now_ms = self.desk, self.desk.clock.now_ms()
        # 1. the subject token, the live chain that it stands for, and that it is the client's to show
        claims, chain = self._subject(request.subject_token, now_ms)
        how = _how_shown(claims, chain, client, proof)
        # 2. the actor: who signed the actor token, or the client itself
        actor = client
        if request.actor_token is not None:
            actor = prove_actor(desk, request.actor_token)
        # 3. what is asked
        if request.authorization_details is None:
            remedy = f"say tools and effects in authorization_details of type {TYPE}"
            raise told(OAuthError.INVALID_REQUEST, Reason.MALFORMED, "authorization_details is missing", remedy)
        details = parse_details(request.authorization_details)
        if isinstance(details, HeldGrant):
            raise told(OAuthError.INVALID_AUTHORIZATION_DETAILS, Reason.MALFORMED, "grant is not for an exchange")
        # 4. splice, depth, cycle, attenuation
        receiver, proofs = self._receiver(actor), evidence_of(client, actor, claims)
        bound_to = self._bound_to_receivers(client, actor, how, proof)
        self._must_have_room(receiver.agent, now_ms)
        self._may_fan_out(chain.presented, now_ms)
        child = delegate(
            chain,
            Asker(agent=client.agent, keyid=client.keyid, agreed_grant=None if actor is client else actor.grant),
            receiver,
            details,
            grant_id=f"grant-{secrets.token_hex(16)}",
            issuer=desk.local_issuer(),
            statement_digest=digest_of_bytes(proofs),
            targets=request.targets,
            now_ms=now_ms,
        )
        must_not_be_frozen(desk, (child,))
        # 5. what policy says
        self._must_be_allowed(chain, child, how, now_ms)
        # 6. record, store, mint
        noted = noted_grant(child, client.agent) | {"grant": child.id, "task": child.root, "parent": child.parent}
        desk.ledger.note("grant.delegated", noted | {"chain": [link.agent for link in chain.links]}, now_ms)
        desk.store.open_grant(child, proofs)
        return self._answer(child, EXCHANGED_SECONDS_MAX, bound_to) | {"issued_token_type": ACCESS_TOKEN}

    def _subject(self, token: Secret, now_ms: int) -> tuple[VerifiedClaims, DelegationChain]:
        try:
            claims, chain, circumstances = held_by(self.desk, token, now_ms)
            refuse_if_frozen(chain, circumstances)
        except Refused as stop:
            if stop.reason is Reason.STORE_UNAVAILABLE:
                raise
            sentence = "the subject token does not hold, or what it stands for has ended"
            raise TokenRefused(OAuthError.INVALID_GRANT, stop.reason, stop.detail, sentence=sentence) from stop
        return claims, chain

    def _receiver(self, actor: ProvenAgent) -> Receiver:
        profile = self.desk.settings.find_agent(actor.agent)
        assert profile is not None  # its key was found by its name
        return Receiver(
            agent=profile.name,
            agent_class=profile.agent_class,
            team=profile.team,
            keyid=actor.keyid,
            is_connector=profile.connector,
        )

    def _must_be_allowed(self, chain: DelegationChain, child: Grant, how: str, now_ms: int) -> None:
        snapshot = self.desk.trust.snapshot()
        question = delegation_question(chain, child, how, snapshot.pins.items, now_ms)
        decision = decide(snapshot.policies.evaluate_delegation, question, chain)
        if decision.verdict is not Verdict.ALLOW:
            detail = f"policies {', '.join(decision.determining) or 'none'}"
            sentence = decision.sentence or "no policy allows this delegation"
            reason = decision.reason or Reason.DENIED_BY_POLICY
            raise TokenRefused(OAuthError.UNAUTHORIZED_CLIENT, reason, detail, sentence=sentence)

    # --- what both need ----------------------------------------------------------------------------------------------

    def _must_be_for_us(self, targets: tuple[str, ...]) -> None:
        """RFC 8707 §2: whatever is named must be ours; a task's token is good at every endpoint."""
        base = self.desk.base_url
        if any(target.removesuffix("/") != base and not target.startswith(f"{base}/") for target in targets):
            raise told(
                OAuthError.INVALID_TARGET, Reason.WRONG_AUDIENCE, "the resource is not this mediator", f"name {base}"
            )

    def _location(self, locations: tuple[str, ...]) -> str:
        """Return the one place that a task is asked for, and is then good at alone (RFC 9396 §2.2)."""
        self._must_be_for_us(locations)
        if len(locations) > 1:
            sentence = "a task is for one location, or, where none is named, for each"
            raise told(OAuthError.INVALID_TARGET, Reason.WRONG_AUDIENCE, sentence, "name one")
        return locations[0].removesuffix("/")

    def _must_have_room(self, agent: str, now_ms: int) -> None:
        most = self.desk.settings.delegation.open_tasks_per_agent_max
        if self.desk.store.count_open(agent, now_ms) >= most:
            raise told(
                OAuthError.INVALID_REQUEST,
                Reason.RATE_LIMITED,
                f"{most} live grants of this agent are enough",
                "use those it has, or revoke them",
            )

    def _may_fan_out(self, grant: Grant, now_ms: int) -> None:
        most = self.desk.settings.delegation.fan_out_max
        if self.desk.store.count_handed_on(grant.id, now_ms) >= most:
            raise told(
                OAuthError.INVALID_REQUEST,
                Reason.RATE_LIMITED,
                f"{most} live grants that were handed on from this one are enough",
                "use those there are, or revoke them",
            )

    def _token_seconds(self) -> int:
        return self.desk.settings.delegation.token_minutes_max * 60

    def _use_up(self, proof: VerifiedProof) -> None:
        try:
            self.desk.proofs.use_up(proof, self.desk.clock.now_ms())
        except Refused as stop:
            if stop.reason is Reason.STORE_UNAVAILABLE:
                raise
            raise _not_proven(stop) from stop

    def _bound_to(self, agent: str, proof: VerifiedProof | None) -> Confirmation | None:
        """Return to which key this agent's token is to be bound; raises `TokenRefused(invalid_dpop_proof)`."""
        if proof is None:
            return None
        try:
            return self.desk.proofs.to_bind(proof, agent)
        except Refused as stop:
            raise _not_proven(stop) from stop

    def _bound_to_receivers(
        self, client: ProvenAgent, actor: ProvenAgent, how: str, proof: VerifiedProof | None
    ) -> Confirmation | None:
        """Return to which key of its own the receiver's token is to be bound; raises `TokenRefused(invalid_dpop_proof)`.

        Whoever else asks for it sees it: with a key that was its choice, it would be the receiver.
        """
        if actor is client:  # a key that was shown for the subject token is that one's holder's
            return self._bound_to(actor.agent, proof) if how == BEARER else None
        if proof is None or proof.jkt is None:  # the connection, and its certificate, is not the receiver's
            return None
        if not isinstance(actor, VerifiedAssertion) or proof.jkt != actor.jkt:
            sentence = "the proof is not by the key of the receiver"
            remedy = (
                "have it sign proof and actor_token with one key, or name that of the proof in the latter's claim cnf"
            )
            raise _not_proven(Refused(Reason.PROOF_INVALID, sentence, sentence=sentence, remedy=remedy))
        return self._bound_to(actor.agent, proof)

    def _answer(self, grant: Grant, seconds_max: int, asked: Confirmation | None) -> JsonObject:
        now_ms, bound_to = self.desk.clock.now_ms(), asked
        if asked is None or asked.jkt is None:  # a certificate is a machine's: an instance's own key goes before it
            bound_to = self.desk.key_of_instance(grant) or asked
        links = self.desk.store.gather(grant.id).grants
        seconds = min(seconds_max, self._token_seconds(), *((link.expires_ms - now_ms) // 1000 for link in links))
        try:
            token = mint(
                grant, self.desk.issuer.signing_key, now_ms=now_ms, seconds=seconds, above=links[:-1], bound_to=bound_to
            )
        except Refused as stop:
            raise told(OAuthError.INVALID_GRANT, stop.reason, "the grant has ended or has no time left") from stop
        return token_answer(grant, token, seconds, bound_to)


def _not_proven(stop: Refused) -> TokenRefused:
    """Return the refusal of a proof as the token endpoint says it (RFC 9449 §5, §8)."""
    error = OAuthError.INVALID_DPOP_PROOF if find_nonce(stop) is None else OAuthError.USE_DPOP_NONCE
    sentence = stop.sentence or "the proof was used before"
    return TokenRefused(error, stop.reason, stop.detail, sentence=sentence, remedy=stop.remedy, data=stop.data)


def _how_shown(claims: VerifiedClaims, chain: DelegationChain, client: ProvenAgent, proof: VerifiedProof | None) -> str:
    """Return how a subject token was shown: whoever is not its holder, whose key the client proves, must prove its binding.

    Raises `TokenRefused(invalid_grant)` for a token that is bound to a key which nobody has shown.
    """
    try:
        return presented(claims, proof).proof
    except Refused as stop:
        holder = chain.presented
        if (client.agent, client.keyid) == (holder.agent, holder.keyid) or claims.confirmation is None:
            return BEARER
        sentence = "the subject token is bound to a key that was not shown"
        remedy = "have its holder ask, with an actor_token of the receiver"
        raise told(OAuthError.INVALID_GRANT, stop.reason, sentence, remedy) from stop
