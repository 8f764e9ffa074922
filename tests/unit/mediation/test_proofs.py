"""Proofs at the door: each is verified once, used once, and belongs to one request and to one agent.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import gc
from dataclasses import replace
from typing import Any, Final
from weakref import ref

import pytest

from mediator.canonical import JsonObject
from mediator.evidence import Secret
from mediator.identity.confirmation import Confirmation
from mediator.identity.nonce import Nonces
from mediator.identity.proof import Shown, VerifiedProof, find_nonce
from mediator.identity.token import VerifiedClaims, verify_token
from mediator.mediation.key_holders import KeyHolders
from mediator.mediation.proofs import Proofs
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.forged_tokens import AUDIENCE, KEYS, NOW, NOW_MS, SKEW, forge, good_claims
from tests.simulated.proofs import ProvingKey, UsedInMemory, proofs_of

URL: Final = "https://mediator.example/mcp"
KEY, OTHER = ProvingKey(), ProvingKey()
CERTIFICATE: Final = ProvingKey().thumbprint
NONCES: Final = Nonces(Secret("n" * 32))


class UsedNowhere:
    """A memory that cannot be reached."""

    def use_once(self, key: str, until_ms: int, now_ms: int) -> bool:
        raise Refused(Reason.STORE_UNAVAILABLE, f"`{key}` until {until_ms}, at {now_ms}")


class Held:
    """A token of an agent, and its claims."""

    def __init__(self, agent: str = "planner", cnf: JsonObject | None = None) -> None:
        claims = good_claims(sub=agent) if cnf is None else good_claims(sub=agent, cnf=cnf)
        self.token: Secret = forge(claims=claims)
        self.claims: VerifiedClaims = verify_token(self.token, KEYS, frozenset({AUDIENCE}), NOW_MS, SKEW)

    def shown(self, key: ProvingKey = KEY, **told: Any) -> Shown:
        return key.shown(url=URL, token=self.token.reveal(), **told)


BOUND: Final = Held(cnf={"jkt": KEY.thumbprint})
BEARER: Final = Held()
CERTIFIED: Final = Held(cnf={"x5t#S256": CERTIFICATE})


def connected(certificate: str | None = CERTIFICATE) -> Shown:
    """Return what comes with a request that brings no proof, over such a connection."""
    return Shown(proofs=(), is_dpop=False, method="POST", url=URL, certificate=certificate)


def known_by(proofs: Proofs, held: Held, shown: Shown, now_ms: int = NOW_MS) -> str:
    return proofs.present(held.claims, held.token, shown, now_ms, SKEW).proof


def verified(proofs: Proofs, shown: Shown) -> VerifiedProof:
    proof = proofs.verify(shown, NOW_MS, SKEW)
    assert proof is not None
    return proof


def stop_of(proofs: Proofs, held: Held, shown: Shown, now_ms: int = NOW_MS) -> Refused:
    with pytest.raises(Refused) as stop:
        proofs.present(held.claims, held.token, shown, now_ms, SKEW)
    return stop.value


def test_whoever_shows_the_key_of_its_token_is_known_by_it() -> None:
    """RFC 9449 §7; the proof is remembered until it is too old, under no name that tells what it says."""
    used = UsedInMemory()
    shown = BOUND.shown(jti="mine")
    identity = proofs_of(used).present(BOUND.claims, BOUND.token, shown, NOW_MS, SKEW)
    assert (identity.proof, identity.proof_key, identity.claims) == ("dpop", KEY.thumbprint, BOUND.claims)
    assert [*used.used.values()] == [(NOW + 60) * 1000]
    assert "mine" not in str(used.used)


@promise("P5")
def test_a_proof_is_used_once() -> None:
    """RFC 9449 §11.1: whoever saw it shows it in vain, with the same request and in the same breath."""
    proofs = proofs_of()
    shown = BOUND.shown()
    known_by(proofs, BOUND, shown)
    stop = stop_of(proofs, BOUND, replace(shown))
    assert (stop.reason, stop.detail) == (Reason.PROOF_REPLAYED, "a proof with this `jti` was used before")
    assert stop.remedy == "sign another for each request"
    assert known_by(proofs, BOUND, BOUND.shown()) == "dpop"


@promise("P5")
def test_two_proofs_of_one_name_are_one() -> None:
    """RFC 9449 §4.2: a `jti` is unique; what else the second says does not make it another. Of two keys it is two."""
    proofs = proofs_of()
    known_by(proofs, BOUND, BOUND.shown(jti="x"))
    assert stop_of(proofs, BOUND, BOUND.shown(jti="x", iat=NOW - 1)).reason is Reason.PROOF_REPLAYED
    other = Held("worker", {"jkt": OTHER.thumbprint})
    assert known_by(proofs, other, other.shown(OTHER, jti="x")) == "dpop"


@promise("P5")
def test_another_process_knows_what_was_used() -> None:
    """Ours: it is the memory that counts, not who asks it."""
    used, shown = UsedInMemory(), BOUND.shown()
    known_by(proofs_of(used), BOUND, shown)
    assert stop_of(proofs_of(used), BOUND, shown).reason is Reason.PROOF_REPLAYED


def test_one_request_is_asked_about_several_times_and_uses_its_proof_once() -> None:
    """Ours: its session, its judgement, and again where the epoch moved; by then its proof may be a minute old."""
    used = UsedInMemory()
    proofs, shown = proofs_of(used), BOUND.shown()
    for now_ms in (NOW_MS, NOW_MS, NOW_MS + 120_000):
        assert known_by(proofs, BOUND, shown, now_ms) == "dpop"
    assert len(used.used) == 1


@promise("P7")
def test_what_one_request_proved_is_still_to_fit_what_it_is_asked_for() -> None:
    """Ours: that the key was proven is remembered, not that the credential is bound to it."""
    proofs, shown = proofs_of(), BOUND.shown()
    known_by(proofs, BOUND, shown)
    for held in (Held(cnf={"jkt": OTHER.thumbprint}), CERTIFIED, BEARER):
        assert stop_of(proofs, held, shown).reason is Reason.PROOF_INVALID


def test_what_a_request_proved_is_forgotten_with_it() -> None:
    """Ours: there is nothing to bound."""
    proofs, shown = proofs_of(), BOUND.shown()
    known_by(proofs, BOUND, shown)
    known = ref(shown)
    del shown
    gc.collect()
    assert known() is None
    assert len(proofs._proven) == 0


@promise("P5", "P7")
def test_what_does_not_hold_uses_nothing_up() -> None:
    """Ours: nobody wears out another's proof by showing it with a wrong token."""
    used = UsedInMemory()
    proofs = proofs_of(used, known={OTHER.thumbprint: "worker"})
    stolen = Held(cnf={"jkt": OTHER.thumbprint})
    for held, shown in (
        (BOUND, replace(BOUND.shown(), proofs=())),
        (BOUND, BOUND.shown(iat=NOW - 60)),
        (BOUND, BOUND.shown(OTHER)),
        (BOUND, replace(BOUND.shown(), is_dpop=False)),
        (BEARER, BEARER.shown()),
        (CERTIFIED, replace(CERTIFIED.shown(), certificate=CERTIFICATE)),
        (CERTIFIED, connected(None)),
        (stolen, stolen.shown(OTHER)),
    ):
        assert stop_of(proofs, held, shown).reason is Reason.PROOF_INVALID
    assert used.used == {}


def test_a_bearer_shows_nothing_and_uses_nothing_up() -> None:
    """RFC 6750; a header that nobody asked for is looked at by nobody."""
    used = UsedInMemory()
    proofs = proofs_of(used)
    for shown in (connected(None), connected(), replace(BEARER.shown(), is_dpop=False)):
        assert known_by(proofs, BEARER, shown) == "bearer"
        assert known_by(proofs, BEARER, shown) == "bearer"
    assert used.used == {}


def test_the_certificate_of_a_connection_is_shown_with_each_request() -> None:
    """RFC 8705 §3: it is no proof of a moment."""
    used = UsedInMemory()
    proofs = proofs_of(used)
    for shown in (connected(), connected()):
        identity = proofs.present(CERTIFIED.claims, CERTIFIED.token, shown, NOW_MS, SKEW)
        assert (identity.proof, identity.proof_key) == ("certificate", CERTIFICATE)
    assert used.used == {}


@promise("P9")
def test_nobody_shows_another_agents_key() -> None:
    """Ours: not even with a token that is bound to it; whoever came first keeps it."""
    proofs = proofs_of()
    known_by(proofs, BOUND, BOUND.shown())
    twin = Held("worker", {"jkt": KEY.thumbprint})
    stop = stop_of(proofs, twin, twin.shown())
    assert (stop.reason, stop.sentence) == (
        Reason.PROOF_INVALID,
        "this key is another agent's, and each has its own",
    )


def test_a_certificate_beside_bearers_is_nobodys() -> None:
    """Ours: a gateway's connection serves many agents, and proves nothing of any."""
    proofs = proofs_of()
    for agent in ("planner", "worker"):
        assert known_by(proofs, Held(agent), connected()) == "bearer"
    assert known_by(proofs, CERTIFIED, connected()) == "certificate"


@promise("P7")
def test_where_the_memory_cannot_be_reached_no_proof_holds() -> None:
    """Fail closed: what may have been used before is not taken; and it is not taken the second time either."""
    proofs = Proofs(UsedNowhere(), KeyHolders({}, lambda *_: None))
    shown = BOUND.shown()
    for _ in range(2):
        assert stop_of(proofs, BOUND, shown).reason is Reason.STORE_UNAVAILABLE
    with pytest.raises(Refused) as stop:
        proofs.use_up(verified(proofs, KEY.shown(url=URL)), NOW_MS)
    assert stop.value.reason is Reason.STORE_UNAVAILABLE


@promise("P7")
def test_a_nonce_is_demanded_where_there_are_any() -> None:
    """RFC 9449 §8, §9: of a call and at the token endpoint alike, and the client is told which."""
    proofs = proofs_of(nonces=NONCES)
    nonce = find_nonce(stop_of(proofs, BOUND, BOUND.shown()))
    assert nonce == NONCES.current(NOW_MS)
    assert known_by(proofs, BOUND, BOUND.shown(nonce=nonce)) == "dpop"
    with pytest.raises(Refused) as stop:
        proofs.verify(KEY.shown(url=URL), NOW_MS, SKEW)
    assert find_nonce(stop.value) == nonce
    assert verified(proofs, KEY.shown(url=URL, nonce=nonce)).jkt == KEY.thumbprint
    assert known_by(proofs, BEARER, connected(None)) == "bearer"


# At the token endpoint


def test_who_shows_nothing_asks_for_no_bound_token() -> None:
    """RFC 9449 §5."""
    assert proofs_of().verify(connected(None), NOW_MS, SKEW) is None


@promise("P5")
def test_a_proof_without_a_credential_is_used_once_too() -> None:
    """RFC 9449 §11.1: and is of the same memory as those beside one."""
    proofs = proofs_of()
    shown = KEY.shown(url=URL, jti="x")
    proofs.use_up(verified(proofs, shown), NOW_MS)
    for again in (shown, replace(shown)):
        with pytest.raises(Refused) as stop:
            proofs.use_up(verified(proofs, again), NOW_MS)
        assert stop.value.reason is Reason.PROOF_REPLAYED
        assert stop.value.remedy == "sign another for each request"
    assert stop_of(proofs, BOUND, BOUND.shown(jti="x")).reason is Reason.PROOF_REPLAYED


@promise("P5", "P7")
def test_a_proof_is_not_used_up_before_it_is_known_whose_it_is() -> None:
    """Ours: nobody wears out another's proof by showing it at the token endpoint under a name of its own."""
    used = UsedInMemory()
    proofs, shown = proofs_of(used, known={KEY.thumbprint: "planner"}), KEY.shown(url=URL)
    with pytest.raises(Refused):
        proofs.to_bind(verified(proofs, shown), "worker")
    proof = verified(proofs, shown)
    assert used.used == {}
    assert proofs.to_bind(proof, "planner") == Confirmation(jkt=KEY.thumbprint)
    proofs.use_up(proof, NOW_MS)
    assert proof.once is not None
    assert used.used == {proof.once.key: proof.once.until_ms}


def test_a_certificate_is_not_used_up() -> None:
    """RFC 8705 §3: there is nothing in it that could be shown again by another."""
    used = UsedInMemory()
    proofs = proofs_of(used)
    proof = verified(proofs, connected())
    proofs.use_up(proof, NOW_MS)
    proofs.use_up(proof, NOW_MS)
    assert used.used == {}


@promise("P7")
def test_a_bad_proof_is_not_the_same_as_none() -> None:
    """RFC 9449 §5: whoever wants a bound token does not get a bearer's."""
    proofs = proofs_of()
    shown = KEY.shown(url=URL)
    for bad in (
        KEY.shown(url=URL, iat=NOW - 60),
        replace(shown, method="GET"),
        replace(shown, proofs=shown.proofs * 2),
    ):
        with pytest.raises(Refused) as stop:
            proofs.verify(bad, NOW_MS, SKEW)
        assert stop.value.reason is Reason.PROOF_INVALID


@promise("P5", "P9")
@pytest.mark.parametrize(
    ("shown", "bound_to"),
    [
        (KEY.shown(url=URL), Confirmation(jkt=KEY.thumbprint)),
        (replace(KEY.shown(url=URL), certificate=CERTIFICATE), Confirmation(jkt=KEY.thumbprint)),
        (connected(), Confirmation(certificate=CERTIFICATE)),
    ],
    ids=["a proof", "a proof over a connection with a certificate", "a certificate"],
)
def test_a_token_is_bound_to_what_was_shown_when_it_was_asked_for(shown: Shown, bound_to: Confirmation) -> None:
    """RFC 9449 §5, RFC 8705 §3: to the key of the proof where there is one, as that goes from connection to connection."""
    proofs = proofs_of()
    proof = verified(proofs, shown)
    assert proofs.to_bind(proof, "planner") == bound_to


@promise("P9")
def test_a_token_is_bound_to_one_agents_certificate() -> None:
    """RFC 8705 §3: the connection is of who asks, so whose it is shows there already."""
    proofs = proofs_of()
    assert proofs.to_bind(verified(proofs, connected()), "planner") == Confirmation(certificate=CERTIFICATE)
    with pytest.raises(Refused) as stop:
        proofs.to_bind(verified(proofs, connected()), "worker")
    assert stop.value.reason is Reason.PROOF_INVALID


@promise("P4", "P9")
def test_a_proof_that_names_no_token_makes_its_key_nobodys() -> None:
    """Ours: one hands it to another for an exchange; whose the key is, shows where it is proven for a token."""
    proofs = proofs_of()
    handed = verified(proofs, KEY.shown(url=URL))
    assert proofs.to_bind(handed, "worker") == Confirmation(jkt=KEY.thumbprint)
    assert known_by(proofs, BOUND, BOUND.shown()) == "dpop"
    assert proofs.to_bind(handed, "planner") == Confirmation(jkt=KEY.thumbprint)
    with pytest.raises(Refused) as stop:
        proofs.to_bind(handed, "worker")
    assert stop.value.reason is Reason.PROOF_INVALID


@promise("P9")
def test_no_token_is_bound_to_a_profiles_key_but_its_own() -> None:
    """Ours."""
    proofs = proofs_of(known={KEY.thumbprint: "planner"})
    proof = verified(proofs, KEY.shown(url=URL))
    with pytest.raises(Refused) as stop:
        proofs.to_bind(proof, "worker")
    assert stop.value.reason is Reason.PROOF_INVALID
    assert proofs.to_bind(proof, "planner") == Confirmation(jkt=KEY.thumbprint)
