"""The memory of who is who: as good as asking again, and never longer than the token.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediator.canonical import JsonObject
from mediator.identity.keys import Retirement, key_set
from mediator.mediation import identities
from mediator.mediation.identities import Identities
from mediator.mediation.trust import TrustSnapshot
from mediator.refusal import Reason, Refused
from mediator.wire.arrival import Arrival
from tests.promises import promise
from tests.simulated.arrivals import over_http
from tests.simulated.forged_tokens import AUDIENCE, ISSUER, KEY, NOW, NOW_MS, SKEW, forge, good_claims, jwk_of, trusting
from tests.simulated.judged import a_snapshot

SNAPSHOT = a_snapshot()


def arrival(*, server: str | None = None, **claims: str | int) -> Arrival:
    return over_http(b"", credential=forge(claims=good_claims(**claims)).reveal(), server=server)


def reason_of(memory: Identities, shown: Arrival, snapshot: TrustSnapshot = SNAPSHOT, now_ms: int = NOW_MS) -> Reason:
    with pytest.raises(Refused) as stop:
        memory.identify(shown, snapshot, now_ms)
    return stop.value.reason


def test_the_same_credential_is_looked_at_once() -> None:
    """Design 7: a memo by credential digest."""
    memory, shown = Identities(), arrival()
    assert memory.identify(shown, SNAPSHOT, NOW_MS) is memory.identify(shown, SNAPSHOT, NOW_MS + 1000)


@promise("P7", "P9")
def test_no_credential_is_nobody() -> None:
    """Ours: there is no anonymous mode."""
    assert reason_of(Identities(), over_http(b"", credential=None)) is Reason.NO_CREDENTIAL


@promise("P7")
def test_what_was_remembered_is_forgotten_the_second_the_token_runs_out() -> None:
    """RFC 7519 §4.1.4, with the settings' skew, as for one that was never seen."""
    memory, shown = Identities(), arrival(exp=NOW + 60)
    memory.identify(shown, SNAPSHOT, NOW_MS)
    last_ms = (NOW + 60 + SKEW) * 1000 - 1
    memory.identify(shown, SNAPSHOT, last_ms)
    assert reason_of(memory, shown, now_ms=last_ms + 1) is Reason.EXPIRED_CREDENTIAL
    shorter = replace(SNAPSHOT, limits=replace(SNAPSHOT.limits, clock_skew_seconds=0))
    assert reason_of(memory, shown, shorter, now_ms=(NOW + 60) * 1000) is Reason.EXPIRED_CREDENTIAL


@promise("P7")
def test_what_was_remembered_under_other_keys_counts_for_nothing() -> None:
    """Ours: a key that is taken away takes its tokens along."""
    memory, shown = Identities(), arrival()
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
    memory, longest = Identities(), arrival(exp=until_ms // 1000 - SKEW)
    memory.identify(longest, snapshot, NOW_MS)
    memory.identify(longest, snapshot, until_ms - 1)
    assert reason_of(memory, longest, snapshot, until_ms) is Reason.UNKNOWN_KEY
    assert reason_of(memory, arrival(exp=until_ms // 1000), snapshot) is Reason.UNKNOWN_KEY


@promise("P7")
def test_what_was_remembered_at_one_endpoint_counts_for_nothing_at_another() -> None:
    """RFC 8707: an audience is an endpoint, or all of them."""
    memory, shown = Identities(), arrival(server="clock", aud=f"{AUDIENCE}/servers/clock/mcp")
    memory.identify(shown, SNAPSHOT, NOW_MS)
    assert reason_of(memory, replace(shown, server="mail")) is Reason.WRONG_AUDIENCE
    assert reason_of(memory, replace(shown, server=None)) is Reason.WRONG_AUDIENCE
    moved = replace(SNAPSHOT, audience="https://elsewhere.example")
    assert reason_of(memory, shown, moved) is Reason.WRONG_AUDIENCE


def test_what_was_refused_is_not_remembered() -> None:
    """Ours: a token that is not valid yet will be."""
    memory, shown = Identities(), arrival(iat=NOW + 100, exp=NOW + 400)
    assert reason_of(memory, shown) is Reason.BAD_CREDENTIAL
    memory.identify(shown, SNAPSHOT, NOW_MS + 100_000)


def test_the_memory_is_bounded_and_forgets_the_longest_unused(monkeypatch: pytest.MonkeyPatch) -> None:
    """P12: tokens are cheap to make."""
    monkeypatch.setattr(identities, "_REMEMBERED_MAX", 2)
    memory = Identities()
    first, second, third = (arrival(jti=str(number)) for number in range(3))
    known = memory.identify(first, SNAPSHOT, NOW_MS)
    forgotten = memory.identify(second, SNAPSHOT, NOW_MS)
    memory.identify(first, SNAPSHOT, NOW_MS)
    memory.identify(third, SNAPSHOT, NOW_MS)
    assert memory.identify(first, SNAPSHOT, NOW_MS) is known
    assert memory.identify(second, SNAPSHOT, NOW_MS) is not forgotten
