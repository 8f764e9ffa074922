"""Credential, keys, now -> Identified: who presents this credential, and with which proof.

Pure: the shell may remember the answer by credential digest and keys digest; that memory is the whole token cache.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import Final, final

from mediator.canonical import JsonObject, canonical_bytes
from mediator.evidence import Seal, Secret
from mediator.identity.keys import KeySet
from mediator.identity.principal import Principal
from mediator.identity.terms import asserted_form
from mediator.identity.token import VerifiedClaims, recall_claims, verify_token
from mediator.refusal import Reason, Refused

_SEAL: Final = Seal("mediator.identity.identify")

BEARER: Final = "bearer"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """A credential that holds, and who presents it. `proof` is what was shown beside it: `bearer` is nothing."""

    claims: VerifiedClaims
    principal: Principal
    proof: str
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)

    @property
    def holder(self) -> str:
        """Whose this is, in one string: a session belongs to one holder and is not found by any other.

        JSON, because a subject may hold any character: two holders never come to the same string.
        """
        return canonical_bytes([self.claims.issuer, self.claims.subject, self.claims.grant]).decode()


def identify(
    credential: Secret | None, keys: KeySet, audiences: frozenset[str], now_ms: int, skew_seconds: int
) -> Identified:
    """Return who presents this credential; `audiences` are the names under which this endpoint may be addressed.

    Raises `Refused(NO_CREDENTIAL)` where there is none (there is no anonymous mode), and as `verify_token`.
    """
    if credential is None:
        raise Refused(Reason.NO_CREDENTIAL, "no credential came with the request")
    return _identified(verify_token(credential, keys, audiences, now_ms, skew_seconds), BEARER)


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
    return form


def recall_identity(form: JsonObject) -> Identified:
    """Return the identity as a decision record kept it, for a replay.

    Raises `Refused(MALFORMED)` for any other form.
    """
    proof = form.get("proof")
    if not isinstance(proof, str):
        raise Refused(Reason.MALFORMED, "a recorded identity cannot be read")
    return _identified(recall_claims(form), proof)


def _identified(claims: VerifiedClaims, proof: str) -> Identified:
    actor = claims.subject if claims.asserted is None else claims.asserted.agent
    principal = Principal(actor=actor, subject=claims.subject, issuer=claims.issuer, lineage=claims.lineage)
    return Identified(claims=claims, principal=principal, proof=proof, seal=_SEAL)
