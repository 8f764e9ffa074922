"""How proofs of possession are seen to: where they are remembered, whose keys are known, and who is told of one that is shared.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable

from mediator.evidence import Secret
from mediator.identity.dsse import PublicKey
from mediator.identity.nonce import Nonces
from mediator.identity.proof import thumbprint_of
from mediator.mediation.key_holders import KeyHolders
from mediator.mediation.ports import Clock, Ledger, UsedOnce
from mediator.mediation.proofs import Proofs
from mediator.settings.sections import Settings


def make_proofs(
    settings: Settings, secret: Secret, *, used: UsedOnce, ledger: Ledger, clock: Clock, alarm: Callable[[str], None]
) -> Proofs:
    """Return the one place where proofs are verified and used up; nonces are made from this secret."""

    def tell(key: str, holder: str, agent: str) -> None:
        ledger.note("key.shared", {"key": key, "holder": holder, "agent": agent}, clock.now_ms())
        alarm(f"`{agent}` shows a key that is `{holder}`'s too; it was refused, and one of them has the other's key")

    known = {
        thumbprint_of(PublicKey.from_text(profile.key)): profile.name
        for profile in settings.agents
        if profile.key is not None
    }
    return Proofs(used, KeyHolders(known, tell), Nonces(secret) if settings.proof.nonce_required else None)
