"""How proofs are seen to, as the settings have it: nonces, the keys of profiles, and who is told of one that is shared.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import hashlib
from typing import Final

import pytest

from mediator.assembly.proving import make_proofs
from mediator.evidence import Secret
from mediator.identity.confirmation import Confirmation
from mediator.identity.nonce import Nonces
from mediator.identity.proof import Shown, VerifiedProof, find_nonce, sign_proof, thumbprint_of
from mediator.identity.token import verify_token
from mediator.mediation.proofs import Proofs
from mediator.refusal import Reason, Refused
from mediator.settings.sections import AgentSettings, ProofSettings, Settings
from tests.promises import promise
from tests.simulated.clock import FixedClock
from tests.simulated.forged_tokens import AUDIENCE, KEYS, NOW_MS, SKEW, forge, good_claims
from tests.simulated.memory import MemoryLedger, MemoryStore
from tests.simulated.people import key_of
from tests.simulated.proofs import ProvingKey, UsedInMemory

URL: Final = "https://mediator.example/oauth2/token"
OWNER: Final = "alice@example.com"
SECRET: Final = Secret("s" * 32)
PLANNER: Final = key_of("planner")
JKT: Final = thumbprint_of(PLANNER.public)


class Assembled:
    """What is made of settings, and everything that is told and kept by it."""

    def __init__(self, *, nonce_required: bool = False) -> None:
        agents = (
            AgentSettings(name="planner", owner=OWNER, key=PLANNER.public.text),
            AgentSettings(name="worker", owner=OWNER),
        )
        settings = Settings().model_copy(
            update={"agents": agents, "proof": ProofSettings(nonce_required=nonce_required)}
        )
        self.used = UsedInMemory()
        self.ledger = MemoryLedger(MemoryStore())
        self.clock = FixedClock()
        self.alarms: list[str] = []
        self.proofs: Proofs = make_proofs(
            settings, SECRET, used=self.used, ledger=self.ledger, clock=self.clock, alarm=self.alarms.append
        )

    def shown_by(self, key: ProvingKey, nonce: str | None = None) -> VerifiedProof:
        claims = {} if nonce is None else {"nonce": nonce}
        proof = self.proofs.verify(key.shown(url=URL, **claims), NOW_MS, SKEW)
        assert proof is not None
        return proof

    def call(self, key: ProvingKey, agent: str) -> None:
        """Have this agent make a request with a token that is bound to this key."""
        token = forge(claims=good_claims(sub=agent, cnf={"jkt": key.thumbprint}))
        claims = verify_token(token, KEYS, frozenset({AUDIENCE}), NOW_MS, SKEW)
        self.proofs.present(claims, token, key.shown(url=URL, token=token.reveal()), NOW_MS, SKEW)


@pytest.fixture
def assembled() -> Assembled:
    return Assembled()


def planners_key() -> ProvingKey:
    """Return the profile's own key, in a client's hands."""
    key = ProvingKey(seed=hashlib.sha256(b"planner").digest())  # as `key_of` has it
    assert key.thumbprint == JKT
    return key


def test_no_nonce_is_demanded_unless_the_settings_say_so(assembled: Assembled) -> None:
    """RFC 9449 §8: it is the server's to ask for, and costs a round trip."""
    assert assembled.shown_by(ProvingKey()).once is not None
    assert assembled.shown_by(ProvingKey(), nonce="any").once is not None


@promise("P7")
def test_where_the_settings_say_so_each_proof_has_a_nonce_of_ours() -> None:
    """RFC 9449 §8: made from the mediator's own secret, so that every process with it knows them."""
    assembled, key = Assembled(nonce_required=True), ProvingKey()
    nonce = Nonces(SECRET).current(NOW_MS)
    for wrong in (None, "any", Nonces(Secret("t" * 32)).current(NOW_MS)):
        with pytest.raises(Refused) as stop:
            assembled.shown_by(key, wrong)
        assert find_nonce(stop.value) == nonce
    assert assembled.shown_by(key, nonce).jkt == key.thumbprint


@promise("P5")
def test_proofs_are_used_up_in_the_memory_that_was_given(assembled: Assembled) -> None:
    """Ours: the store's, which outlives the process."""
    proof = assembled.shown_by(ProvingKey())
    assert proof.once is not None
    assembled.proofs.use_up(proof, NOW_MS)
    assert assembled.used.used == {proof.once.key: proof.once.until_ms}


def test_what_our_own_clients_sign_with_a_profiles_key_is_its_own(assembled: Assembled) -> None:
    """RFC 9449 §5: one key, by whichever of its names."""
    signed = sign_proof(PLANNER, method="POST", url=URL, credential=None, token_id="1", now_ms=NOW_MS, nonce=None)
    shown = Shown(proofs=(signed,), is_dpop=False, method="POST", url=URL)
    proof = assembled.proofs.verify(shown, NOW_MS, SKEW)
    assert proof is not None
    assert assembled.proofs.to_bind(proof, "planner") == Confirmation(jkt=JKT)
    assert (assembled.ledger.entries, assembled.alarms) == ([], [])


@promise("P9")
def test_a_profiles_key_under_another_agent_is_on_record_and_told_once(assembled: Assembled) -> None:
    """Ours: the record names both and the key, the operator is told who has to be looked at."""
    for seconds in range(3):
        assembled.clock.advance(seconds=seconds)
        with pytest.raises(Refused) as stop:
            assembled.proofs.to_bind(assembled.shown_by(planners_key()), "worker")
        assert stop.value.reason is Reason.PROOF_INVALID
    (note,) = assembled.ledger.notes("key.shared")
    assert (note["at"], note["body"]) == (NOW_MS, {"key": JKT, "holder": "planner", "agent": "worker"})
    assert len(assembled.ledger.entries) == 1
    assert assembled.alarms == [
        "`worker` shows a key that is `planner`'s too; it was refused, and one of them has the other's key"
    ]
    assert assembled.proofs.to_bind(assembled.shown_by(planners_key()), "planner") == Confirmation(jkt=JKT)


@promise("P9")
def test_so_is_a_key_that_is_in_no_settings(assembled: Assembled) -> None:
    """Ours: whoever came first is known for as long as the process lives, with a profile's key or without."""
    key = ProvingKey()
    assembled.call(key, "worker")
    with pytest.raises(Refused):
        assembled.proofs.to_bind(assembled.shown_by(key), "planner")
    (note,) = assembled.ledger.notes("key.shared")
    assert note["body"] == {"key": key.thumbprint, "holder": "worker", "agent": "planner"}
    assert len(assembled.alarms) == 1
