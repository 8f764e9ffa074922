"""A workload's credential: what a platform says, believed for exactly one agent. Forgeries: tests/attacks.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from mediator.canonical import Json, JsonObject
from mediator.evidence import Seal, Secret
from mediator.identity.token import digest_of_credential
from mediator.identity.workload import (
    VerifiedWorkload,
    Workload,
    WorkloadIssuer,
    claimed_issuer,
    read_keys,
    verify_workload,
    workload_id,
)
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.forged_tokens import AUDIENCE, NOW, NOW_MS, SKEW, forge, jwk_of, without
from tests.simulated.people import key_of
from tests.simulated.workloads import CI, EcKey, OidcPlatform, RsaKey, SpiffeAuthority, other_signature, pipeline

SPIRE = SpiffeAuthority("prod.example")
PLATFORM = OidcPlatform(CI)
ALGORITHMS = ("ES256", "RS256")
SPIFFE = WorkloadIssuer(
    name="spire",
    issuer=None,
    trust_domain="prod.example",
    keys=read_keys("spire", SPIRE.bundle(), ALGORITHMS, is_bundle=True),
    life_seconds_max=3600,
    is_reusable=False,
)
OIDC = WorkloadIssuer(
    name="ci",
    issuer=CI,
    trust_domain=None,
    keys=read_keys("ci", PLATFORM.jwks(), ALGORITHMS, is_bundle=False),
    life_seconds_max=3600,
    is_reusable=True,
)
PLANNER = Workload(agent="planner", subject="spiffe://prod.example/planner", conditions={})
BUILDER = Workload(
    agent="builder",
    subject="repo:acme/app:ref:refs/heads/main",
    conditions={
        "repository": ("acme/app",),
        "environment": ("test", "prod"),
        "protected": (True,),
        "run_attempt": (1,),
    },
)
AUDIENCES = frozenset({AUDIENCE, AUDIENCE + "/oauth2/token"})


def verify(token: Secret, issuer: WorkloadIssuer = SPIFFE, now_ms: int = NOW_MS) -> VerifiedWorkload:
    return verify_workload(token, issuer, (PLANNER, BUILDER), AUDIENCES, now_ms, SKEW)


def reason_of(token: Secret, issuer: WorkloadIssuer = SPIFFE, now_ms: int = NOW_MS) -> Reason:
    with pytest.raises(Refused) as stop:
        verify(token, issuer, now_ms)
    assert stop.value.sentence is not None
    assert stop.value.sentence.startswith("the workload token is refused: ")
    return stop.value.reason


@promise("P9")
def test_a_jwt_svid_is_the_agent_whose_workload_it_names() -> None:
    """SPIFFE JWT-SVID §3."""
    token = SPIRE.svid("/planner", AUDIENCE, NOW)
    proven = verify(token)
    assert (proven.agent, proven.keyid) == ("planner", "workload:spire:spiffe://prod.example/planner")
    assert proven.keyid == workload_id("spire", PLANNER.subject)
    assert proven.expires_ms == (NOW + 300 + SKEW) * 1000
    assert (proven.is_reusable, proven.grant) == (False, None)
    assert proven.digest == digest_of_credential(token)


@promise("P9")
def test_a_ci_token_is_the_agent_whose_conditions_it_meets() -> None:
    """Ours: each condition; a header that names a certificate's digest is none that brings a key."""
    proven = verify(PLATFORM.issue(pipeline("acme/app"), AUDIENCE, NOW, {"x5t": "eA"}), OIDC)
    assert (proven.agent, proven.is_reusable) == ("builder", True)


@pytest.mark.parametrize("header", [{"typ": "JOSE"}, {"typ": "jwt"}, {}])
def test_a_type_is_one_of_two_or_none(header: JsonObject) -> None:
    """SPIFFE JWT-SVID §2.3."""
    whole: JsonObject = {"alg": "ES256", "kid": SPIRE.key.key_id, **header}
    claims: JsonObject = {"sub": PLANNER.subject, "aud": AUDIENCE, "exp": NOW + 60}
    assert verify(forge(whole, claims, SPIRE.key.sign)).agent == "planner"


@promise("P7")
def test_a_token_is_remembered_by_what_was_signed() -> None:
    """ECDSA: (r, n - s) holds wherever (r, s) does, so that a digest of the whole would let it pass twice."""
    token = SPIRE.svid("/planner", AUDIENCE, NOW)
    other = other_signature(token)
    assert digest_of_credential(token) != digest_of_credential(other)
    assert verify(token).token_id == verify(other).token_id
    assert verify(token).token_id != verify(SPIRE.svid("/planner", AUDIENCE, NOW, nonce="x")).token_id


@promise("P5", "P7")
def test_its_time_is_bounded_on_both_sides() -> None:
    """RFC 7519 §4.1.4, and ours: no longer than this issuer's tokens may live."""
    token = SPIRE.svid("/planner", AUDIENCE, NOW, iat=NOW, exp=NOW + 3600)
    assert verify(token, now_ms=(NOW + 3600 + SKEW - 1) * 1000).agent == "planner"
    assert reason_of(token, now_ms=(NOW + 3600 + SKEW) * 1000) is Reason.EXPIRED_CREDENTIAL
    assert verify(token, now_ms=(NOW - SKEW) * 1000).agent == "planner"
    assert reason_of(token, now_ms=(NOW - SKEW - 1) * 1000) is Reason.BAD_CREDENTIAL
    for claims in (
        {"exp": NOW + 3601},
        {"iat": NOW - 3600, "exp": NOW + 1},
        {"nbf": NOW + SKEW + 1},
        {"iat": NOW + 400},
    ):
        assert reason_of(SPIRE.svid("/planner", AUDIENCE, NOW, None, None, **claims)) is Reason.BAD_CREDENTIAL
    never: JsonObject = {"sub": PLANNER.subject, "aud": AUDIENCE, "exp": NOW + 3600 + SKEW + 1}
    assert reason_of(forge({"alg": "ES256", "kid": SPIRE.key.key_id}, never, SPIRE.key.sign)) is Reason.BAD_CREDENTIAL


@pytest.mark.parametrize(
    ("audience", "reason"),
    [
        ("https://other.example", Reason.WRONG_AUDIENCE),
        ([AUDIENCE, "https://other.example"], Reason.WRONG_AUDIENCE),
        ([], Reason.BAD_CREDENTIAL),
        ([1], Reason.BAD_CREDENTIAL),
    ],
)
def test_it_is_for_us_alone(audience: Json, reason: Reason) -> None:
    """SPIFFE JWT-SVID §3.2, and ours: whoever else receives it could come with it."""
    assert reason_of(SPIRE.svid("/planner", audience, NOW)) is reason


def test_a_workload_that_agrees_to_a_grant_says_which() -> None:
    """Ours: a claim that a platform of one's own may put there."""
    assert verify(SPIRE.svid("/planner", AUDIENCE, NOW, grant="g-1")).grant == "g-1"
    grants: list[Json] = ["", 1, "x" * 129, "ä", "a\nb"]
    for grant in grants:
        assert reason_of(SPIRE.svid("/planner", AUDIENCE, NOW, grant=grant)) is Reason.BAD_CREDENTIAL


@promise("P5", "P7")
def test_a_token_that_is_bound_to_a_key_is_taken_as_nobodys() -> None:
    """RFC 7800 §3.1: what narrows is never left out, and no key is asked for here."""
    forms: list[Json] = [{"jkt": "x"}, {"jwk": {}}, {}, None]
    for cnf in forms:
        assert reason_of(SPIRE.svid("/planner", AUDIENCE, NOW, cnf=cnf)) is Reason.BAD_CREDENTIAL


@promise("P7")
def test_a_workload_that_is_no_agent_is_told_so() -> None:
    """Ours: whom its platform vouches for, may know what is missing."""
    with pytest.raises(Refused) as stop:
        verify(SPIRE.svid("/writer", AUDIENCE, NOW))
    assert stop.value.remedy == "have `workload` of its `[[agent]]` name it"


@pytest.mark.parametrize(
    "changed",
    [
        {"repository": "acme/other"},
        {"environment": "dev"},
        {"protected": 1},
        {"run_attempt": True},
        {"repository": ["acme/app"]},
    ],
)
def test_a_condition_is_met_by_a_value_of_its_own_kind(changed: dict[str, Json]) -> None:
    """Ours: a list is none of its members, and true is not one."""
    assert reason_of(PLATFORM.issue(pipeline("acme/app") | changed, AUDIENCE, NOW), OIDC) is Reason.BAD_CREDENTIAL


def test_a_place_inside_a_claim_is_found_by_a_pointer() -> None:
    """RFC 6901: `~1` is `/`, `~0` is `~`; what is no object has no members."""
    claims = pipeline("acme/app") | {"a/b": {"c~d": {"e.f": "x"}}, "list": ["x"]}
    for pointer, is_met in (
        ("/a~1b/c~0d/e.f", True),
        ("/a~1b/c~0d", False),
        ("/a~1b/c~0d/e/f", False),
        ("/list/0", False),
        ("/nothing/at/all", False),
        ("a/b", False),
    ):
        workload = replace(BUILDER, conditions={pointer: ("x",)})
        token = PLATFORM.issue(claims, AUDIENCE, NOW)
        try:
            proven = verify_workload(token, OIDC, (workload,), AUDIENCES, NOW_MS, SKEW)
        except Refused:
            assert not is_met, pointer
        else:
            assert is_met, pointer
            assert proven.agent == "builder"


@promise("P7")
def test_a_key_is_known_by_its_id_and_good_for_its_own_algorithm() -> None:
    """RFC 8725 §3.1."""
    headers: list[tuple[JsonObject, Reason]] = [
        ({"kid": "other"}, Reason.UNKNOWN_KEY),
        ({"kid": None}, Reason.UNKNOWN_KEY),
        ({"kid": "x509"}, Reason.UNKNOWN_KEY),
        ({"alg": "RS256"}, Reason.BAD_CREDENTIAL),
        ({"typ": "at+jwt"}, Reason.BAD_CREDENTIAL),
        ({"typ": 1}, Reason.BAD_CREDENTIAL),
        ({"x5t": "eA"}, Reason.BAD_CREDENTIAL),
    ]
    for header, reason in headers:
        assert reason_of(SPIRE.svid("/planner", AUDIENCE, NOW, header)) is reason
    assert reason_of(SPIRE.svid("/planner", AUDIENCE, NOW, None, EcKey().sign)) is Reason.BAD_CREDENTIAL


def test_an_issuer_speaks_for_its_own() -> None:
    """Ours: whichever issuer a token is looked at for."""
    assert reason_of(PLATFORM.issue(pipeline("acme/app", iss="https://x.example"), AUDIENCE, NOW), OIDC)
    assert reason_of(PLATFORM.issue(pipeline("acme/app", sub=PLANNER.subject), AUDIENCE, NOW), OIDC)
    assert reason_of(SPIRE.svid("/planner", AUDIENCE, NOW, sub="spiffe://test.example/planner"))


def test_whose_it_claims_to_be_is_read_and_not_believed() -> None:
    """Ours: it chooses who is to verify it; a workload of a trust domain has no other issuer."""
    assert claimed_issuer(SPIRE.svid("/planner", AUDIENCE, NOW, iss=CI)) == (None, "prod.example")
    assert claimed_issuer(SPIRE.svid("/../planner", AUDIENCE, NOW)) == (None, "")
    assert claimed_issuer(PLATFORM.issue(pipeline("a"), AUDIENCE, NOW)) == (CI, None)
    assert claimed_issuer(forge(claims={"iss": 1, "sub": 2})) == (None, None)
    with pytest.raises(Refused):
        claimed_issuer(Secret("x"))


@promise("P7")
@pytest.mark.parametrize(
    ("form", "is_bundle"),
    [
        ({}, False),
        ({"keys": "x"}, False),
        ({"keys": ["x"]}, False),
        ({"keys": []}, False),
        ({"keys": []}, True),
        ({"keys": [EcKey().jwk()]}, True),
        ({"keys": [EcKey().jwk(use="enc"), EcKey().jwk(use="x509-svid"), EcKey().jwk(use="sig")]}, True),
        ({"keys": [EcKey().jwk(use="jwt-svid")]}, False),
        ({"keys": [RsaKey().jwk(use="enc")]}, False),
        ({"keys": [EcKey("p521", ec.generate_private_key(ec.SECP521R1())).jwk()]}, False),
        ({"keys": [jwk_of(key_of("planner"))]}, False),
    ],
)
def test_keys_that_are_for_something_else_are_none(form: JsonObject, is_bundle: bool) -> None:
    """SPIFFE Trust Domain and Bundle §4.2; RFC 7517 §4.2."""
    with pytest.raises(Refused) as stop:
        read_keys("spire", form, ALGORITHMS, is_bundle=is_bundle)
    assert stop.value.reason is Reason.BAD_CREDENTIAL


def test_a_curve_says_its_algorithm() -> None:
    """RFC 7518 §3.4: a bundle names none, also where the settings allow both."""
    keys = [EcKey("a").jwk(use="jwt-svid"), EcKey("b", ec.generate_private_key(ec.SECP384R1())).jwk(use="jwt-svid")]
    read = read_keys("spire", {"keys": list[Json](keys)}, ("ES256", "ES384"), is_bundle=True)
    assert {name: key.algorithm for name, key in read.keys.items()} == {"a": "ES256", "b": "ES384"}
    with pytest.raises(Refused):
        read_keys("spire", {"keys": [without(keys[0], "crv")]}, ("ES256", "ES384"), is_bundle=True)


def test_only_the_verifier_says_that_it_holds() -> None:
    """House style, part B."""
    with pytest.raises(TypeError):
        VerifiedWorkload(
            agent="planner",
            keyid="k",
            token_id="t",
            expires_ms=1,
            is_reusable=False,
            grant=None,
            digest=digest_of_credential(Secret("x")),
            seal=Seal("mine"),
        )
