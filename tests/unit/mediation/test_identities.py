"""The memory of who is who: as good as asking again, and never longer than the token.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediator.canonical import JsonObject
from mediator.identity.identify import Identified
from mediator.identity.keys import Retirement, key_set
from mediator.identity.proof import Shown, VerifiedProof, prove_session
from mediator.mediation import identities
from mediator.mediation.identities import Identities
from mediator.mediation.trust import TrustSnapshot
from mediator.refusal import Reason, Refused
from mediator.wire.arrival import Arrival
from tests.promises import promise
from tests.simulated.arrivals import over_http
from tests.simulated.forged_tokens import AUDIENCE, ISSUER, KEY, NOW, NOW_MS, SKEW, forge, good_claims, jwk_of, trusting
from tests.simulated.judged import a_snapshot
from tests.simulated.proofs import ProvingKey, UsedInMemory, proofs_of

SNAPSHOT = a_snapshot()
URL = f"{AUDIENCE}/mcp"
HELD, STOLEN = ProvingKey(), ProvingKey()
CONNECTED = Shown(proofs=(), is_dpop=False, method="POST", url=URL, certificate=STOLEN.thumbprint)


def arrival(*, server: str | None = None, **claims: str | int) -> Arrival:
    return over_http(b"", credential=forge(claims=good_claims(**claims)).reveal(), server=server)


def reason_of(memory: Identities, shown: Arrival, snapshot: TrustSnapshot = SNAPSHOT, now_ms: int = NOW_MS) -> Reason:
    with pytest.raises(Refused) as stop:
        memory.identify(shown, snapshot, now_ms)
    return stop.value.reason


def test_the_same_credential_is_looked_at_once() -> None:
    """Design 7: a memo by credential digest."""
    memory, shown = Identities(proofs_of()), arrival()
    assert memory.identify(shown, SNAPSHOT, NOW_MS) is memory.identify(shown, SNAPSHOT, NOW_MS + 1000)


@promise("P7", "P9")
def test_no_credential_is_nobody() -> None:
    """Ours: there is no anonymous mode."""
    assert reason_of(Identities(proofs_of()), over_http(b"", credential=None)) is Reason.NO_CREDENTIAL


@promise("P7")
def test_what_was_remembered_is_forgotten_the_second_the_token_runs_out() -> None:
    """RFC 7519 §4.1.4, with the settings' skew, as for one that was never seen."""
    memory, shown = Identities(proofs_of()), arrival(exp=NOW + 60)
    memory.identify(shown, SNAPSHOT, NOW_MS)
    last_ms = (NOW + 60 + SKEW) * 1000 - 1
    memory.identify(shown, SNAPSHOT, last_ms)
    assert reason_of(memory, shown, now_ms=last_ms + 1) is Reason.EXPIRED_CREDENTIAL
    shorter = replace(SNAPSHOT, limits=replace(SNAPSHOT.limits, clock_skew_seconds=0))
    assert reason_of(memory, shown, shorter, now_ms=(NOW + 60) * 1000) is Reason.EXPIRED_CREDENTIAL


@promise("P7")
def test_what_was_remembered_under_other_keys_counts_for_nothing() -> None:
    """Ours: a key that is taken away takes its tokens along."""
    memory, shown = Identities(proofs_of()), arrival()
    memory.identify(shown, SNAPSHOT, NOW_MS)
    other = replace(SNAPSHOT, keys=trusting(jwk_of(KEY, kid="another")))
    assert reason_of(memory, shown, other) is Reason.UNKNOWN_KEY


@promise("P7")
def test_what_was_remembered_ends_with_the_key_that_signed_it() -> None:
    """Ours: whatever the times in it, no token of a retired key is remembered past that key's end."""
    until_ms = NOW_MS + 200_000
    keys: JsonObject = {"keys": [jwk_of(KEY)]}
    retirement = Retirement(retired_ms=NOW_MS, until_ms=until_ms)
    snapshot = replace(SNAPSHOT, keys=key_set({ISSUER: (keys, ("EdDSA",))}, {ISSUER: {KEY.public.keyid: retirement}}))
    memory, longest = Identities(proofs_of()), arrival(exp=until_ms // 1000 - SKEW)
    memory.identify(longest, snapshot, NOW_MS)
    memory.identify(longest, snapshot, until_ms - 1)
    assert reason_of(memory, longest, snapshot, until_ms) is Reason.UNKNOWN_KEY
    assert reason_of(memory, arrival(exp=until_ms // 1000), snapshot) is Reason.UNKNOWN_KEY


@promise("P7")
def test_what_was_remembered_at_one_endpoint_counts_for_nothing_at_another() -> None:
    """RFC 8707: an audience is an endpoint, or all of them."""
    memory, shown = Identities(proofs_of()), arrival(server="clock", aud=f"{AUDIENCE}/servers/clock/mcp")
    memory.identify(shown, SNAPSHOT, NOW_MS)
    assert reason_of(memory, replace(shown, server="mail")) is Reason.WRONG_AUDIENCE
    assert reason_of(memory, replace(shown, server=None)) is Reason.WRONG_AUDIENCE
    moved = replace(SNAPSHOT, audience="https://elsewhere.example")
    assert reason_of(memory, shown, moved) is Reason.WRONG_AUDIENCE


def test_what_was_refused_is_not_remembered() -> None:
    """Ours: a token that is not valid yet will be."""
    memory, shown = Identities(proofs_of()), arrival(iat=NOW + 100, exp=NOW + 400)
    assert reason_of(memory, shown) is Reason.BAD_CREDENTIAL
    memory.identify(shown, SNAPSHOT, NOW_MS + 100_000)


def test_the_memory_is_bounded_and_forgets_the_longest_unused(monkeypatch: pytest.MonkeyPatch) -> None:
    """P12: tokens are cheap to make."""
    monkeypatch.setattr(identities, "_REMEMBERED_MAX", 2)
    memory = Identities(proofs_of())
    first, second, third = (arrival(jti=str(number)) for number in range(3))
    known = memory.identify(first, SNAPSHOT, NOW_MS)
    forgotten = memory.identify(second, SNAPSHOT, NOW_MS)
    memory.identify(first, SNAPSHOT, NOW_MS)
    memory.identify(third, SNAPSHOT, NOW_MS)
    assert memory.identify(first, SNAPSHOT, NOW_MS) is known
    assert memory.identify(second, SNAPSHOT, NOW_MS) is not forgotten


BOUND = over_http(b"", credential=forge(claims=good_claims(cnf={"jkt": HELD.thumbprint})).reveal())
BEARER = over_http(b"", credential=forge().reveal())


def beside(one: Arrival, shown: Shown | VerifiedProof | None) -> Arrival:
    """Return a request with this credential and what is shown beside it."""
    return replace(one, shown=shown)


def with_proof(one: Arrival, key: ProvingKey = HELD) -> Arrival:
    """Return a request with this credential and a fresh proof of this key."""
    assert one.credential is not None
    return beside(one, key.shown(url=URL, token=one.credential.reveal()))


def known_by(identity: Identified) -> tuple[str, str | None]:
    return identity.proof, identity.proof_key


@promise("P5", "P7")
def test_a_bound_credential_is_remembered_and_its_key_is_asked_for_each_time() -> None:
    """RFC 9449 §7: what it says is known; who shows it is of each request. A thief after the holder is still a thief."""
    used = UsedInMemory()
    memory = Identities(proofs_of(used))
    first = memory.identify(with_proof(BOUND), SNAPSHOT, NOW_MS)
    assert known_by(first) == ("dpop", HELD.thumbprint)
    for stolen in (BOUND, beside(BOUND, CONNECTED), with_proof(BOUND, STOLEN)):
        assert reason_of(memory, stolen) is Reason.PROOF_INVALID
    again = memory.identify(with_proof(BOUND), SNAPSHOT, NOW_MS)
    assert again == first
    assert again.claims is first.claims
    assert len(used.used) == 2


@promise("P5")
def test_a_proof_that_was_shown_before_is_worth_nothing_beside_a_credential_that_is_known() -> None:
    """RFC 9449 §11.1; one request is one, however often it is asked about."""
    memory, shown = Identities(proofs_of()), with_proof(BOUND)
    memory.identify(shown, SNAPSHOT, NOW_MS)
    memory.identify(shown, SNAPSHOT, NOW_MS)
    assert isinstance(shown.shown, Shown)
    assert reason_of(memory, beside(BOUND, replace(shown.shown))) is Reason.PROOF_REPLAYED


@promise("P7")
def test_a_bound_credential_that_nobody_proved_is_nobodys_from_the_first() -> None:
    """Fail closed: neither is it remembered as anybody's."""
    memory = Identities(proofs_of())
    for _ in range(2):
        assert reason_of(memory, BOUND) is Reason.PROOF_INVALID
    assert known_by(memory.identify(with_proof(BOUND), SNAPSHOT, NOW_MS)) == ("dpop", HELD.thumbprint)


def test_a_proof_does_not_hold_longer_than_its_credential() -> None:
    """RFC 7519 §4.1.4: a good key beside what ran out."""
    memory = Identities(proofs_of())
    memory.identify(with_proof(BOUND), SNAPSHOT, NOW_MS)
    assert reason_of(memory, with_proof(BOUND), now_ms=NOW_MS + 3_600_000) is Reason.EXPIRED_CREDENTIAL


def test_beside_what_is_bound_to_nothing_a_certificate_changes_nothing() -> None:
    """RFC 8705 §3: the holder is the bearer, as without it."""
    memory = Identities(proofs_of())
    assert memory.identify(beside(BEARER, CONNECTED), SNAPSHOT, NOW_MS) == memory.identify(BEARER, SNAPSHOT, NOW_MS)
    assert reason_of(memory, with_proof(BEARER)) is Reason.PROOF_INVALID


@promise("P5", "P9")
def test_each_message_of_a_session_is_proven_by_the_key_that_opened_it() -> None:
    """Ours: under its own grant, and beside no other's credential."""
    memory, ours = Identities(proofs_of()), prove_session("g-1", "key-1")
    for _ in range(2):
        identity = memory.identify(beside(BEARER, ours), SNAPSHOT, NOW_MS)
        assert known_by(identity) == ("profile-key", "key-1")
    assert known_by(memory.identify(BEARER, SNAPSHOT, NOW_MS)) == ("bearer", None)
    assert reason_of(memory, beside(BEARER, prove_session("g-2", "key-1"))) is Reason.PROOF_INVALID
    assert reason_of(memory, beside(BOUND, ours)) is Reason.PROOF_INVALID


@promise("P7", "P9")
@pytest.mark.parametrize("shown", [HELD.shown(url=URL), CONNECTED, prove_session("g-1", "key-1")])
def test_a_key_without_a_credential_is_nobody(shown: Shown | VerifiedProof) -> None:
    """Ours: there is no anonymous mode, and nothing is used up by asking."""
    used = UsedInMemory()
    nobody = beside(over_http(b"", credential=None), shown)
    assert reason_of(Identities(proofs_of(used)), nobody) is Reason.NO_CREDENTIAL
    assert used.used == {}
