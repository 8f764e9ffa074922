"""Credential, what was shown beside it, keys, now -> Identified: who presents this credential, and with which proof.

Pure: the shell may remember the claims by credential digest and keys digest; that memory is the whole token cache. What is
shown beside a credential is of one request, and is never remembered for another.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import Final, final

from mediator.canonical import JsonObject, canonical_bytes
from mediator.evidence import Seal, Secret
from mediator.identity.confirmation import CLAIM
from mediator.identity.keys import KeySet
from mediator.identity.principal import Principal
from mediator.identity.proof import VerifiedProof
from mediator.identity.terms import asserted_form
from mediator.identity.token import VerifiedClaims, recall_claims, verify_token
from mediator.refusal import Reason, Refused

_SEAL: Final = Seal("mediator.identity.identify")

BEARER: Final = "bearer"
DPOP: Final = "dpop"
CERTIFICATE: Final = "certificate"
PROFILE_KEY: Final = "profile-key"
PROOFS: Final = (BEARER, CERTIFICATE, DPOP, PROFILE_KEY)
"""What `proof` says: that nothing was shown, or which key, to which the credential is bound, was proven."""

_PROVE: Final = "send it under the scheme `DPoP`, with a proof signed by the key that it is bound to (RFC 9449 §7)"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """A credential that holds, and who presents it. `proof` is what was shown beside it: `bearer` is nothing.

    `proof_key` names the key that was proven: a thumbprint (RFC 7638, RFC 8705 §3.1), or the profile's key id.
    """

    claims: VerifiedClaims
    principal: Principal
    proof: str
    proof_key: str | None
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)

    @property
    def holder(self) -> str:
        """Whose this is, in one string: a session belongs to one holder and is not found by any other.

        Who proves a key is another holder than a bearer of the same grant: what is asked in the course of a call that takes
        a proof is answered, and heard, by nobody without. Which key is left open, for it may be another with the next token.

        JSON, because a subject may hold any character: two holders never come to the same string.
        """
        claims, is_proven = self.claims, self.proof != BEARER
        return canonical_bytes([claims.issuer, claims.subject, claims.grant, is_proven]).decode()


def identify(
    credential: Secret | None,
    keys: KeySet,
    audiences: frozenset[str],
    now_ms: int,
    skew_seconds: int,
    proof: VerifiedProof | None = None,
) -> Identified:
    """Return who presents this credential; `audiences` are the names under which this endpoint may be addressed.

    Raises `Refused(NO_CREDENTIAL)` where there is none (there is no anonymous mode), as `verify_token`, and as `presented`.
    """
    return presented(verify_credential(credential, keys, audiences, now_ms, skew_seconds), proof)


def verify_credential(
    credential: Secret | None, keys: KeySet, audiences: frozenset[str], now_ms: int, skew_seconds: int
) -> VerifiedClaims:
    """Return what a credential says, whoever shows it; raises as `identify`, save for what is to be shown beside it."""
    if credential is None:
        raise Refused(Reason.NO_CREDENTIAL, "no credential came with the request")
    return verify_token(credential, keys, audiences, now_ms, skew_seconds)


def presented(claims: VerifiedClaims, proof: VerifiedProof | None) -> Identified:
    """Return who presents a credential with this proof; one that is bound to a key is nobody's without it.

    Raises `Refused(PROOF_INVALID)`: for a bound credential whose key was not shown, and for a proof under the scheme `DPoP`
    beside a credential that is bound to none (RFC 9449 §7.1), or a session's beside that of another grant.
    """
    wanted = claims.confirmation
    if wanted is None:
        if proof is None or (proof.jkt is None and proof.session is None):
            return _identified(claims, BEARER, None)  # a certificate beside what is not bound to it proves nothing
        if proof.session == claims.grant:
            return _identified(claims, PROFILE_KEY, proof.keyid)
        raise Refused(
            Reason.PROOF_INVALID,
            "a proof beside a credential that is bound to no key, or of another grant",
            sentence="the credential is bound to no key",
            remedy="send it as a bearer, or ask the token endpoint, with a proof, for one that is bound",
        )
    if proof is None or not proof.meets(wanted):
        raise Refused(
            Reason.PROOF_INVALID,
            "a bound credential, and its key was not shown",
            sentence="the credential is bound to a key that was not shown",
            remedy=_PROVE if wanted.jkt is not None else "connect with the client certificate that it is bound to",
        )
    if wanted.jkt is not None:
        return _identified(claims, DPOP, wanted.jkt)
    if proof.jkt is not None:
        raise Refused(Reason.PROOF_INVALID, "a proof beside a credential that is bound to a certificate alone")
    return _identified(claims, CERTIFICATE, wanted.certificate)


def identity_form(identity: Identified) -> JsonObject:
    """Return the JSON form that a record keeps: the claims, never the token."""
    claims = identity.claims
    form: JsonObject = {
        "issuer": claims.issuer,
        "subject": claims.subject,
        "audience": [*claims.audience],
        "grant": claims.grant,
        "token_id": claims.token_id,
        "key_id": claims.key_id,
        "issued_at": claims.issued_at,
        "expires_at": claims.expires_at,
        "lineage": [*claims.lineage],
        "credential": claims.credential_digest,
        "proof": identity.proof,
        # A bearer says nothing of who passed it on: only who exchanges it, with a key, is a link of the chain.
        "relayed": "unknown" if identity.proof == BEARER else "no",
    }
    if claims.asserted is not None:
        form["asserted"] = asserted_form(claims.asserted)
    if claims.confirmation is not None:
        form[CLAIM] = claims.confirmation.form()
    if identity.proof_key is not None:
        form["proof_key"] = identity.proof_key
    return form


def recall_identity(form: JsonObject) -> Identified:
    """Return the identity as a decision record kept it, for a replay.

    Raises `Refused(MALFORMED)` for any other form.
    """
    proof, proof_key = form.get("proof"), form.get("proof_key")
    if not isinstance(proof, str) or proof not in PROOFS or not isinstance(proof_key, str | None):
        raise Refused(Reason.MALFORMED, "a recorded identity cannot be read")
    return _identified(recall_claims(form), proof, proof_key)


def _identified(claims: VerifiedClaims, proof: str, proof_key: str | None) -> Identified:
    principal = Principal(actor=claims.actor, subject=claims.subject, issuer=claims.issuer, lineage=claims.lineage)
    return Identified(claims=claims, principal=principal, proof=proof, proof_key=proof_key, seal=_SEAL)
