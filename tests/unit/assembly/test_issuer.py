"""The local issuer's keys as values: which signs, which verify until when, and what is published of them.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.adapters.minter_jwt import jwk_set
from mediator.assembly.issuer import TOKEN_LIFE_MS, Issuer, IssuerKeys
from mediator.identity.keys import Retirement
from mediator.settings.sections import DelegationSettings
from tests.promises import promise
from tests.simulated.people import key_of

NOW_MS = 1_790_000_000_000
FIRST, SECOND, THIRD = (key_of(f"issuer {number}") for number in range(3))
ONE = IssuerKeys(signing_key=FIRST)
TWO = ONE.rotated(SECOND, b"one", NOW_MS)
UNTIL_MS = NOW_MS + TOKEN_LIFE_MS


def test_a_retired_key_is_kept_as_long_as_any_token_may_live() -> None:
    """The issue: a quarter of an hour at most, and the skew; not what happens to be set today."""
    hardest = DelegationSettings(token_minutes_max=15, clock_skew_seconds=120)
    assert (hardest.token_minutes_max * 60 + hardest.clock_skew_seconds) * 1000 == TOKEN_LIFE_MS
    assert TWO.retirements == {FIRST.public.keyid: Retirement(retired_ms=NOW_MS, until_ms=UNTIL_MS)}
    assert (TWO.signing_key, TWO.retired[0].statement) == (SECOND, b"one")


@promise("P7")
def test_a_key_verifies_until_its_last_moment_and_is_published_as_long() -> None:
    """RFC 7517 §5: whoever fetches the set can verify what is still good."""
    issuer = Issuer(TWO)
    for now_ms, expected in ((NOW_MS, [SECOND, FIRST]), (UNTIL_MS - 1, [SECOND, FIRST]), (UNTIL_MS, [SECOND])):
        publics = [key.public for key in expected]
        assert issuer.public_keys(now_ms) == tuple(publics)
        assert issuer.jwks(now_ms) == jwk_set(*publics)


def test_a_key_whose_time_is_over_stays_while_the_process_lives() -> None:
    """Ours: taken out of the set, it would refuse a call that is under way."""
    three = TWO.rotated(THIRD, b"two", UNTIL_MS)
    assert three.public_keys(UNTIL_MS) == (THIRD.public, SECOND.public)
    assert set(three.all_public) == {FIRST.public, SECOND.public, THIRD.public}
    assert three.all_public[0] == THIRD.public


def test_retired_keys_stand_in_one_order() -> None:
    """Ours: the digest of what is trusted is the same after a restart, which reads them by name."""
    three = TWO.rotated(THIRD, b"two", NOW_MS + 1)
    ids = [key.public.keyid for key in three.retired]
    assert ids == sorted(ids)


def test_whoever_asks_is_told_of_the_keys_of_this_moment() -> None:
    """Ours: a rotation is in force at once."""
    issuer = Issuer(ONE)
    assert (issuer.keys, issuer.signing_key) == (ONE, FIRST)
    issuer.put(TWO)
    assert (issuer.keys, issuer.signing_key) == (TWO, SECOND)
