"""Who presents a credential: the token's subject, under its grant, as a bearer or with the key that it is bound to.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediator.canonical import Json, JsonObject
from mediator.evidence import Seal
from mediator.identity.identify import (
    PROOFS,
    Identified,
    identify,
    identity_form,
    presented,
    recall_identity,
    verify_credential,
)
from mediator.identity.keys import key_set
from mediator.identity.principal import Principal
from mediator.identity.proof import Shown, VerifiedProof, prove_session, verify_shown
from mediator.identity.terms import ClaimMapping, ClaimOr, IssuerTerms
from mediator.identity.token import VerifiedClaims
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
from tests.simulated.proofs import ProvingKey

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
        Identified(
            claims=identity.claims, principal=identity.principal, proof="bearer", proof_key=None, seal=Seal("mine")
        )
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


URL = "https://mediator.example/mcp"
HELD, OTHER = ProvingKey(), ProvingKey()
CERTIFICATE, OTHER_CERTIFICATE = OTHER.thumbprint, HELD.thumbprint  # any thumbprint is as good as another
TO_KEY: JsonObject = {"jkt": HELD.thumbprint}
TO_CERTIFICATE: JsonObject = {"x5t#S256": CERTIFICATE}
TO_BOTH: JsonObject = TO_KEY | TO_CERTIFICATE


def claims_bound(cnf: JsonObject | None) -> VerifiedClaims:
    """Return the claims of a good token that is bound in this way."""
    claims = good_claims() if cnf is None else good_claims(cnf=cnf)
    return verify_credential(forge(claims=claims), KEYS, OURS, NOW_MS, SKEW)


def proven(key: ProvingKey | None = None, certificate: str | None = None) -> VerifiedProof | None:
    """Return what comes of a proof by this key, over a connection with this certificate."""
    shown = Shown(proofs=(), is_dpop=False, method="POST", url=URL, certificate=certificate)
    if key is not None:
        shown = replace(shown, proofs=key.shown(url=URL).proofs, is_dpop=True)
    return verify_shown(shown, None, NOW_MS, SKEW, None)


PRESENTED: dict[str, tuple[JsonObject | None, VerifiedProof | None, tuple[str, str | None]]] = {
    "bound to nothing, nothing shown": (None, None, ("bearer", None)),
    "bound to nothing, a certificate shown": (None, proven(certificate=CERTIFICATE), ("bearer", None)),
    "bound to nothing, in its session": (None, prove_session("g-1", "key-1"), ("profile-key", "key-1")),
    "bound to a key, it shown": (TO_KEY, proven(HELD), ("dpop", HELD.thumbprint)),
    "bound to a key, a certificate beside it": (TO_KEY, proven(HELD, CERTIFICATE), ("dpop", HELD.thumbprint)),
    "bound to a certificate, it shown": (TO_CERTIFICATE, proven(certificate=CERTIFICATE), ("certificate", CERTIFICATE)),
    "bound to both, both shown": (TO_BOTH, proven(HELD, CERTIFICATE), ("dpop", HELD.thumbprint)),
}


@promise("P5", "P9")
@pytest.mark.parametrize(("cnf", "proof", "expected"), PRESENTED.values(), ids=list(PRESENTED))
def test_what_was_shown_beside_a_credential_says_how_its_holder_is_known(
    cnf: JsonObject | None, proof: VerifiedProof | None, expected: tuple[str, str | None]
) -> None:
    """RFC 9449 §7, RFC 8705 §3; a session's proof is ours. Who it is, is the token's word all the same."""
    claims = claims_bound(cnf)
    identity = presented(claims, proof)
    assert (identity.proof, identity.proof_key) == expected
    assert identity.proof in PROOFS
    assert identity.claims is claims
    assert identity.principal == Principal(actor="planner", subject="planner", issuer=ISSUER, lineage=())


NOT_SHOWN = "a bound credential, and its key was not shown"
TO_NONE = "a proof beside a credential that is bound to no key, or of another grant"
NOT_PRESENTED: dict[str, tuple[JsonObject | None, VerifiedProof | None, str]] = {
    "bound to nothing, a proof shown": (None, proven(HELD), TO_NONE),
    "bound to nothing, a proof and a certificate shown": (None, proven(HELD, CERTIFICATE), TO_NONE),
    "bound to nothing, in the session of another grant": (None, prove_session("g-2", "key-1"), TO_NONE),
    "bound to a key, nothing shown": (TO_KEY, None, NOT_SHOWN),
    "bound to a key, another shown": (TO_KEY, proven(OTHER), NOT_SHOWN),
    "bound to a key, a certificate shown": (TO_KEY, proven(certificate=HELD.thumbprint), NOT_SHOWN),
    "bound to a key, in a session": (TO_KEY, prove_session("g-1", HELD.thumbprint), NOT_SHOWN),
    "bound to a certificate, nothing shown": (TO_CERTIFICATE, None, NOT_SHOWN),
    "bound to a certificate, another shown": (TO_CERTIFICATE, proven(certificate=OTHER_CERTIFICATE), NOT_SHOWN),
    "bound to a certificate, a key of that name shown": (TO_CERTIFICATE, proven(OTHER), NOT_SHOWN),
    "bound to a certificate, in a session": (TO_CERTIFICATE, prove_session("g-1", CERTIFICATE), NOT_SHOWN),
    "bound to a certificate, a proof beside it": (
        TO_CERTIFICATE,
        proven(HELD, CERTIFICATE),
        "a proof beside a credential that is bound to a certificate alone",
    ),
    "bound to both, nothing shown": (TO_BOTH, None, NOT_SHOWN),
    "bound to both, the key shown": (TO_BOTH, proven(HELD), NOT_SHOWN),
    "bound to both, the certificate shown": (TO_BOTH, proven(certificate=CERTIFICATE), NOT_SHOWN),
    "bound to both, another certificate shown": (TO_BOTH, proven(HELD, OTHER_CERTIFICATE), NOT_SHOWN),
    "bound to both, another key shown": (TO_BOTH, proven(OTHER, CERTIFICATE), NOT_SHOWN),
}


@promise("P1", "P5", "P6")
def test_a_bearer_is_another_holder_than_who_proves_a_key() -> None:
    """Ours: it has no part in the sessions of its own grant; whoever proves another key, with another token, has."""
    holders = {
        (expected[0] == "bearer", presented(claims_bound(cnf), proof).holder)
        for cnf, proof, expected in PRESENTED.values()
    }
    assert len(holders) == len({holder for _, holder in holders}) == 2


@promise("P5", "P7")
@pytest.mark.parametrize(("cnf", "proof", "detail"), NOT_PRESENTED.values(), ids=list(NOT_PRESENTED))
def test_a_bound_credential_is_nobodys_without_its_key(
    cnf: JsonObject | None, proof: VerifiedProof | None, detail: str
) -> None:
    """RFC 9449 §7.1, RFC 8705 §3: whoever stole it can do nothing with it, and nobody shows what belongs to another."""
    with pytest.raises(Refused) as stop:
        presented(claims_bound(cnf), proof)
    assert (stop.value.reason, stop.value.detail) == (Reason.PROOF_INVALID, detail)


@promise("P11")
@pytest.mark.parametrize(
    ("cnf", "remedy"),
    [
        (TO_KEY, "send it under the scheme `DPoP`, with a proof signed by the key that it is bound to (RFC 9449 §7)"),
        (TO_BOTH, "send it under the scheme `DPoP`, with a proof signed by the key that it is bound to (RFC 9449 §7)"),
        (TO_CERTIFICATE, "connect with the client certificate that it is bound to"),
    ],
    ids=["to a key", "to both", "to a certificate"],
)
def test_whoever_holds_a_bound_credential_is_told_what_to_show(cnf: JsonObject, remedy: str) -> None:
    """P11: and not which key it is."""
    with pytest.raises(Refused) as stop:
        presented(claims_bound(cnf), None)
    assert stop.value.sentence == "the credential is bound to a key that was not shown"
    assert stop.value.remedy == remedy
    assert HELD.thumbprint not in str(stop.value)


@promise("P5")
def test_a_stolen_credential_is_refused_by_the_one_function_of_both_steps() -> None:
    """Ours: `identify` is `verify_credential` and `presented`, and leaves neither out."""
    token = forge(claims=good_claims(cnf=TO_KEY))
    assert identify(token, KEYS, OURS, NOW_MS, SKEW, proven(HELD)).proof == "dpop"
    with pytest.raises(Refused) as stop:
        identify(token, KEYS, OURS, NOW_MS, SKEW)
    assert stop.value.reason is Reason.PROOF_INVALID


@promise("P7")
@pytest.mark.parametrize("cnf", [None, {}, "k", {"kid": "k"}, {"jkt": "k"}, TO_KEY | {"jwk": {}}])
def test_a_credential_that_is_bound_in_a_way_unknown_is_bad(cnf: Json) -> None:
    """Ours (fail closed): it is not taken for one that is bound to nothing, whatever is shown."""
    with pytest.raises(Refused) as stop:
        identify(forge(claims=good_claims(cnf=cnf)), KEYS, OURS, NOW_MS, SKEW, proven(HELD))
    assert stop.value.reason is Reason.BAD_CREDENTIAL


@promise("P8", "P9")
@pytest.mark.parametrize(("cnf", "proof", "expected"), PRESENTED.values(), ids=list(PRESENTED))
def test_a_record_says_to_which_key_a_credential_was_bound_and_which_was_shown(
    cnf: JsonObject | None, proof: VerifiedProof | None, expected: tuple[str, str | None]
) -> None:
    """Ours: what is not there is not written, and of a bearer nobody knows who passed it on."""
    identity = presented(claims_bound(cnf), proof)
    form = identity_form(identity)
    assert form["relayed"] == ("unknown" if expected[0] == "bearer" else "no")
    assert (form["proof"], form.get("proof_key"), form.get("cnf")) == (*expected, cnf)
    assert ("proof_key" in form, "cnf" in form) == (expected[1] is not None, cnf is not None)
    assert recall_identity(form) == identity


@promise("P8")
@pytest.mark.parametrize(
    "broken",
    [
        {"cnf": None},
        {"cnf": {}},
        {"cnf": HELD.thumbprint},
        {"cnf": {"jkt": "k"}},
        {"cnf": {"jkt": HELD.thumbprint, "kid": "k"}},
        {"proof_key": 1},
        {"proof_key": [HELD.thumbprint]},
    ],
)
def test_a_record_whose_binding_is_broken_does_not_come_back(broken: JsonObject) -> None:
    """Ours: `MALFORMED`, as for any other form; no caller's credential is blamed for our record."""
    with pytest.raises(Refused) as stop:
        recall_identity(identity_form(presented(claims_bound(TO_KEY), proven(HELD))) | broken)
    assert stop.value.reason is Reason.MALFORMED


@promise("P8", "P9")
def test_a_record_of_a_task_that_a_bound_token_opened_says_who_acts_and_with_which_key() -> None:
    """Ours: where there is no statement, the token's own word and the key beside it are all that was known."""
    nobody = ClaimOr()
    mapping = ClaimMapping(
        name="corp",
        agent_claim="sub",
        owner=ClaimOr(fixed="alice@example.com"),
        agent_class=nobody,
        team=nobody,
        scope_claim="scope",
    )
    opening = key_set({ISSUER: ({"keys": [jwk_of(KEY)]}, ("EdDSA",))}, terms={ISSUER: IssuerTerms(opens=mapping)})
    token = forge(claims=without(good_claims(cnf=TO_KEY), "grant"))
    identity = identify(token, opening, OURS, NOW_MS, SKEW, proven(HELD))
    assert (identity.principal.actor, identity.principal.subject) == ("corp:planner", "planner")
    form = identity_form(identity)
    assert form["asserted"] == {
        "agent": "corp:planner",
        "owner": "alice@example.com",
        "class": "agent",
        "team": "",
        "scopes": [],
    }
    assert (form["proof"], form["proof_key"], form["cnf"]) == ("dpop", HELD.thumbprint, TO_KEY)
    assert recall_identity(form) == identity
