"""Proofs of possession, each verified and used up once, at the door: a call that is then denied has used its proof too.

Were a proof used up with what is counted, at commit, the proof of a denied call could be shown again by whoever saw it. One
request is asked about several times on its way (its session, its judgement, and again where the epoch moved), and is the
same request: what it showed was proven for as long as it lives. No clock and no I/O of its own.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final, final
from weakref import WeakKeyDictionary

from mediator.evidence import Secret
from mediator.identity.confirmation import Confirmation
from mediator.identity.identify import Identified, presented
from mediator.identity.nonce import Nonces
from mediator.identity.proof import Shown, VerifiedProof, verify_shown
from mediator.identity.token import VerifiedClaims
from mediator.mediation.key_holders import KeyHolders
from mediator.mediation.ports import UsedOnce
from mediator.refusal import Reason, Refused


@final
class Proofs:
    """Says what a request proves.

    `used` remembers proofs across restarts, `holders` whose keys are whose; `nonces` are demanded where there are any.
    """

    def __init__(self, used: UsedOnce, holders: KeyHolders, nonces: Nonces | None = None) -> None:
        self._used: Final = used
        self._holders: Final = holders
        self._nonces: Final = nonces
        self._proven: WeakKeyDictionary[Shown, VerifiedProof] = WeakKeyDictionary()

    def present(
        self, claims: VerifiedClaims, credential: Secret, shown: Shown, now_ms: int, skew_seconds: int
    ) -> Identified:
        """Return who presents this credential with what it showed.

        Raises `Refused`: as `verify_shown` and `presented`; `PROOF_REPLAYED`; `STORE_UNAVAILABLE`.
        """
        known = self._proven.get(shown)
        if known is not None:
            return presented(claims, known)
        proof = verify_shown(shown, credential, now_ms, skew_seconds, self._nonces)
        identity = presented(claims, proof)  # what does not hold uses nothing up
        if proof is None:
            return identity
        if claims.confirmation is not None:
            self._holders.must_be_own(claims.confirmation, claims.actor)
        self.use_up(proof, now_ms)
        self._proven[shown] = proof
        return identity

    def verify(self, shown: Shown, now_ms: int, skew_seconds: int) -> VerifiedProof | None:
        """Return which key a request shows that brings no credential: whose it is, is not known yet, so nothing is used up.

        Raises `Refused` as `verify_shown`.
        """
        return verify_shown(shown, None, now_ms, skew_seconds, self._nonces)

    def use_up(self, proof: VerifiedProof, now_ms: int) -> None:
        """Use up what was verified; raises `Refused`: `PROOF_REPLAYED`; `STORE_UNAVAILABLE`."""
        if proof.once is not None and not self._used.use_once(proof.once.key, proof.once.until_ms, now_ms):
            raise Refused(
                Reason.PROOF_REPLAYED, "a proof with this `jti` was used before", remedy="sign another for each request"
            )

    def to_bind(self, proof: VerifiedProof, agent: str) -> Confirmation:
        """Return what this agent's token is bound to that is asked for with this proof.

        Raises `Refused(PROOF_INVALID)` for a key that is another agent's.
        """
        if proof.jkt is None:  # a connection is of who asks, and is handed on to nobody
            bound_to = Confirmation(certificate=proof.certificate)
            self._holders.must_be_own(bound_to, agent)
        else:
            bound_to = Confirmation(jkt=proof.jkt)
            self._holders.must_be_no_others(bound_to, agent)
        return bound_to
