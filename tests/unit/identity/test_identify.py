"""Who presents a credential: the token's subject, under its grant, with no proof beside it so far.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediator.evidence import Seal
from mediator.identity.identify import Identified, identify, identity_form, recall_identity
from mediator.identity.principal import Principal
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.forged_tokens import (
    AUDIENCE,
    ISSUER,
    KEY,
    KEYS,
    NOW,
    NOW_MS,
    SKEW,
    forge,
    good_claims,
    jwk_of,
    trusting,
    without,
)

OURS = frozenset({AUDIENCE})


def identified(**claims: str) -> Identified:
    return identify(forge(claims=good_claims(**claims)), KEYS, OURS, NOW_MS, SKEW)


def test_the_bearer_of_a_good_token_is_its_subject() -> None:
    """RFC 6750; RFC 9068 §2.2."""
    identity = identify(forge(claims=good_claims(act={"sub": "before"})), KEYS, OURS, NOW_MS, SKEW)
    assert identity.principal == Principal(actor="planner", subject="planner", issuer=ISSUER, lineage=("before",))
    assert identity.proof == "bearer"
    assert identity.claims.grant == "g-1"


@promise("P9", "P7")
def test_nobody_is_anonymous() -> None:
    """Ours: there is no mode without a credential."""
    with pytest.raises(Refused) as stop:
        identify(None, KEYS, OURS, NOW_MS, SKEW)
    assert stop.value.reason is Reason.NO_CREDENTIAL


def test_a_bad_credential_is_refused_as_its_token_is() -> None:
    """Ours: one rule for one thing."""
    with pytest.raises(Refused) as stop:
        identify(forge(claims=good_claims(exp=NOW - 3600)), KEYS, OURS, NOW_MS, SKEW)
    assert stop.value.reason is Reason.EXPIRED_CREDENTIAL


def test_no_endpoint_name_means_no_audience() -> None:
    """Empty is never permission."""
    with pytest.raises(Refused) as stop:
        identify(forge(), KEYS, frozenset(), NOW_MS, SKEW)
    assert stop.value.reason is Reason.WRONG_AUDIENCE


def test_an_identity_is_made_nowhere_else() -> None:
    """House style: evidence."""
    identity = identified()
    with pytest.raises(TypeError):
        Identified(claims=identity.claims, principal=identity.principal, proof="bearer", seal=Seal("mine"))
    with pytest.raises((TypeError, ValueError)):
        replace(identity, proof="dpop")  # type: ignore[call-arg]  # that it cannot be done is what is tested


def test_no_two_holders_come_to_the_same_name() -> None:
    """Ours: a session belongs to one holder; a subject may hold any character."""
    odd = trusting(jwk_of(KEY), issuer="a b")
    holders = {
        identified().holder,
        identified(grant="g-2").holder,
        identified(sub="planner g-1", grant="x").holder,
        identified(sub="planner", grant="g-1 x").holder,
        identified(sub='planner","g-1').holder,
        identify(forge(claims=good_claims(iss="a b", sub="c")), odd, OURS, NOW_MS, SKEW).holder,
    }
    assert len(holders) == 6
    assert identified(jti="another").holder == identified().holder


@promise("P8")
def test_a_recorded_identity_comes_back_as_it_was() -> None:
    """Ours: the record holds what was known, never the token."""
    token = forge()
    identity = identify(token, KEYS, OURS, NOW_MS, SKEW)
    form = identity_form(identity)
    assert recall_identity(form) == identity
    assert token.reveal() not in str(form)
    assert token.reveal().rpartition(".")[2] not in str(form)


@pytest.mark.parametrize("proof", [None, 1, []])
def test_an_identity_that_was_not_recorded_whole_does_not_come_back(proof: None) -> None:
    """Ours."""
    form = identity_form(identified())
    for broken in (form | {"proof": proof}, without(form, "proof"), without(form, "issuer"), {}):
        with pytest.raises(Refused) as stop:
            recall_identity(broken)
        assert stop.value.reason is Reason.MALFORMED
