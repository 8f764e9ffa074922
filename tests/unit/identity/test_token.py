"""Tokens: only what an issuer of ours signed, for us, with the key's own algorithm, and that holds now.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import hashlib
import hmac
import json
import string
from dataclasses import asdict

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from mediator.canonical import SAFE_INTEGER, Json, JsonObject, canonical_bytes
from mediator.evidence import Seal, Secret
from mediator.identity.dsse import SigningKey
from mediator.identity.identify import identify, identity_form
from mediator.identity.keys import KeySet, key_set
from mediator.identity.terms import Asserted, ClaimMapping, ClaimOr, IssuerTerms
from mediator.identity.token import (
    VerifiedClaims,
    digest_of_credential,
    find_issuer,
    recall_claims,
    verify_token,
)
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
    base64url,
    forge,
    good_claims,
    good_header,
    jwk_of,
    without,
)

OURS = frozenset({AUDIENCE, f"{AUDIENCE}/servers/clock/mcp"})
OTHER = SigningKey.generate()


def verify(token: Secret, now_ms: int = NOW_MS) -> VerifiedClaims:
    return verify_token(token, KEYS, OURS, now_ms, SKEW)


def reason_of(token: Secret, now_ms: int = NOW_MS) -> Reason:
    with pytest.raises(Refused) as stop:
        verify(token, now_ms)
    return stop.value.reason


def test_a_good_token_says_who_and_which_grant() -> None:
    """RFC 9068 §2.2, and our claim `grant`."""
    token = forge()
    assert asdict(verify(token)) == {
        "issuer": ISSUER,
        "subject": "planner",
        "audience": (AUDIENCE,),
        "grant": "g-1",
        "token_id": "0" * 32,
        "key_id": KEY.public.keyid,
        "issued_at": NOW - 10,
        "expires_at": NOW + 300,
        "lineage": (),
        "credential_digest": "sha256:" + hashlib.sha256(token.reveal().encode()).hexdigest(),
        "asserted": None,
        "confirmation": None,
    }


def test_verified_claims_are_made_nowhere_else() -> None:
    """House style: evidence."""
    members = asdict(verify(forge()))
    with pytest.raises(TypeError):
        VerifiedClaims(**members, seal=Seal("mine"))


@pytest.mark.parametrize("kind", ["at+jwt", "AT+JWT", "application/at+jwt"])
def test_the_type_of_an_access_token_is_read_without_regard_to_case(kind: str) -> None:
    """RFC 9068 §4, RFC 2045 §5.1."""
    assert verify(forge(good_header(typ=kind))).subject == "planner"


BAD_HEADERS: dict[str, JsonObject] = {
    "no type": without(good_header(), "typ"),
    "the type of an ID token": good_header(typ="JWT"),
    "the type of a DPoP proof": good_header(typ="dpop+jwt"),
    "a type that is no text": good_header(typ=1),
    "a critical extension": good_header(crit=["b64"], b64=False),
    "an empty list of critical extensions": good_header(crit=[]),
    "an unencoded payload": good_header(b64=False),
    "a key brought along": good_header(jwk=jwk_of(OTHER)),
    "a place to fetch keys": good_header(jku="https://evil.example/keys"),
    "a place to fetch certificates": good_header(x5u="https://evil.example/chain"),
    "certificates brought along": good_header(x5c=["MIIB"]),
    "a certificate's digest": good_header(x5t="AAAA"),
    "a certificate's longer digest": good_header(**{"x5t#S256": "AAAA"}),
    "no algorithm": without(good_header(), "alg"),
    "the algorithm `none`": good_header(alg="none"),
    "the algorithm `None`": good_header(alg="None"),
    "another algorithm": good_header(alg="ES256"),
    "the algorithm by its newer name": good_header(alg="Ed25519"),
    "an algorithm that is a list": good_header(alg=["EdDSA"]),
}


@pytest.mark.parametrize("header", BAD_HEADERS.values(), ids=BAD_HEADERS)
def test_a_header_that_asks_for_anything_is_refused(header: JsonObject) -> None:
    """RFC 8725 §3.1, §3.10, §3.11; RFC 7515 §4.1.11: the key says which algorithm, and nothing in the token does."""
    assert reason_of(forge(header)) is Reason.BAD_CREDENTIAL


@pytest.mark.parametrize(
    "kid",
    [None, 1, [], {}, "", "../../etc/passwd", "' OR 1=1 --", pytest.param(KEY.public.keyid.upper(), id="upper case")],
)
def test_a_key_id_is_a_name_to_look_up_and_nothing_else(kid: Json) -> None:
    """RFC 8725 §3.10."""
    assert reason_of(forge(good_header(kid=kid))) is Reason.UNKNOWN_KEY


def test_a_token_without_a_key_id_names_no_key() -> None:
    """Ours: we never try keys one after the other."""
    assert reason_of(forge(without(good_header(), "kid"))) is Reason.UNKNOWN_KEY


@promise("P7")
def test_a_token_without_signature_is_refused_whatever_it_says() -> None:
    """RFC 8725 §2.1."""
    token = forge().reveal()
    assert reason_of(Secret(token.rpartition(".")[0] + ".")) is Reason.BAD_CREDENTIAL
    assert reason_of(forge(good_header(alg="none"), sign=lambda _: b"")) is Reason.BAD_CREDENTIAL


PUBLIC_FORMS = {
    "raw": KEY.public.raw,
    "as text": KEY.public.text.encode(),
    "as a JWK": canonical_bytes(jwk_of(KEY)),
    "in PEM": Ed25519PublicKey.from_public_bytes(KEY.public.raw).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ),
}


@pytest.mark.parametrize("secret", PUBLIC_FORMS.values(), ids=PUBLIC_FORMS)
def test_a_public_key_is_never_taken_for_a_shared_secret(secret: bytes) -> None:
    """RFC 8725 §2.1: algorithm confusion."""

    def sign(message: bytes) -> bytes:
        return hmac.digest(secret, message, "sha256")

    for algorithm in ("HS256", "EdDSA"):
        assert reason_of(forge(good_header(alg=algorithm), sign=sign)) is Reason.BAD_CREDENTIAL


def test_another_key_does_not_sign_in_the_name_of_ours() -> None:
    """RFC 7515 §5.2."""
    assert reason_of(forge(sign=OTHER.sign)) is Reason.BAD_CREDENTIAL


def test_the_key_of_one_issuer_does_not_speak_for_another() -> None:
    """RFC 8725 §3.8: a key belongs to its issuer."""
    keys = key_set(
        {ISSUER: ({"keys": [jwk_of(KEY)]}, ("EdDSA",)), "https://idp.example": ({"keys": [jwk_of(OTHER)]}, ("EdDSA",))}
    )
    forged = forge(good_header(kid=OTHER.public.keyid), sign=OTHER.sign)
    with pytest.raises(Refused) as stop:
        verify_token(forged, keys, OURS, NOW_MS, SKEW)
    assert stop.value.reason is Reason.UNKNOWN_KEY

    borrowed = forge(good_header(kid=KEY.public.keyid), good_claims(iss="https://idp.example"))
    with pytest.raises(Refused) as stop:
        verify_token(borrowed, keys, OURS, NOW_MS, SKEW)
    assert stop.value.reason is Reason.UNKNOWN_KEY


@pytest.mark.parametrize("issuer", ["https://evil.example", ISSUER + "/", ISSUER.upper()])
def test_an_issuer_is_known_by_its_exact_name(issuer: str) -> None:
    """RFC 8725 §3.8."""
    assert reason_of(forge(claims=good_claims(iss=issuer))) is Reason.UNKNOWN_ISSUER


BAD_CLAIMS: dict[str, JsonObject] = {
    **{f"no `{name}`": without(good_claims(), name) for name in ("iss", "aud", "sub", "exp", "iat", "jti", "grant")},
    **{f"`{name}` is empty": good_claims(**{name: ""}) for name in ("iss", "sub", "jti", "grant")},
    **{f"`{name}` is a number": good_claims(**{name: 7}) for name in ("iss", "aud", "sub", "jti", "grant")},
    **{f"`{name}` is text": good_claims(**{name: str(NOW)}) for name in ("exp", "iat", "nbf")},
    **{f"`{name}` is a boolean": good_claims(**{name: True}) for name in ("exp", "iat", "nbf")},
    **{f"`{name}` is negative": good_claims(**{name: -1}) for name in ("exp", "iat", "nbf")},
    **{f"`{name}` is beyond all numbers": good_claims(**{name: 1e300}) for name in ("exp", "iat", "nbf")},
    "`nbf` is null": good_claims(nbf=None),
    "`aud` is an empty list": good_claims(aud=[]),
    "`aud` holds a number": good_claims(aud=[AUDIENCE, 1]),
    "`aud` holds a list": good_claims(aud=[[AUDIENCE]]),
    "`aud` is an object": good_claims(aud={AUDIENCE: True}),
    "issued after the skew": good_claims(iat=NOW + SKEW + 1),
    "not valid before the skew has passed": good_claims(nbf=NOW + SKEW + 1),
}


@pytest.mark.parametrize("claims", BAD_CLAIMS.values(), ids=BAD_CLAIMS)
def test_a_claim_that_is_missing_or_odd_is_refused(claims: JsonObject) -> None:
    """RFC 9068 §4; the failure to find a claim is a failure."""
    assert reason_of(forge(claims=claims)) is Reason.BAD_CREDENTIAL


def test_times_hold_within_the_skew_and_to_the_second() -> None:
    """RFC 7519 §4.1.4, §4.1.5."""
    assert verify(forge(claims=good_claims(exp=NOW - SKEW + 1))).expires_at == NOW - SKEW + 1
    assert reason_of(forge(claims=good_claims(exp=NOW - SKEW))) is Reason.EXPIRED_CREDENTIAL
    assert verify(forge(claims=good_claims(iat=NOW + SKEW, nbf=NOW + SKEW))).issued_at == NOW + SKEW
    assert verify(forge(claims=good_claims(exp=NOW + 0.5))).expires_at == NOW
    assert verify(forge(claims=good_claims(exp=SAFE_INTEGER))).expires_at == SAFE_INTEGER


@pytest.mark.parametrize("audience", [["https://a.example"], "https://a.example", AUDIENCE + "/", AUDIENCE.upper()])
def test_a_token_for_somebody_else_is_refused(audience: Json) -> None:
    """RFC 8707, RFC 9068 §4: the audience is one of ours, to the letter."""
    assert reason_of(forge(claims=good_claims(aud=audience))) is Reason.WRONG_AUDIENCE


def test_a_token_may_be_for_several_and_we_one_of_them() -> None:
    """RFC 7519 §4.1.3."""
    claims = good_claims(aud=["https://a.example", AUDIENCE])
    assert verify(forge(claims=claims)).audience == ("https://a.example", AUDIENCE)


def test_prior_actors_are_kept_for_readers() -> None:
    """RFC 8693 §4.1."""
    claims = good_claims(act={"sub": "b", "act": {"sub": "a", "act": "garbage"}})
    assert verify(forge(claims=claims)).lineage == ("b", "a")


@pytest.mark.parametrize(
    "part",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"a":1,"a":2}',
        b'{"alg":"EdDSA","alg":"none"}',
        b"\xff\xfe",
        b'{"x":NaN}',
        b"\xef\xbb\xbf{}",
        b'{"x":' + b"[" * 17 + b"]" * 17 + b"}",
        b'{"x":"\\ud800"}',
    ],
)
def test_a_part_that_is_not_one_strict_object_is_refused(part: bytes) -> None:
    """RFC 8725 §2.6, §3.7: a key stands once."""
    assert reason_of(forge(header=part)) is Reason.BAD_CREDENTIAL
    assert reason_of(forge(claims=part)) is Reason.BAD_CREDENTIAL


@pytest.mark.parametrize(
    "text", ["", ".", "..", "...", "a.b", "a.b.c", "a.b.c.d", "é.é.é", "\ud800.a.b", "a b.c.d", "e30.e30.e30"]
)
def test_what_is_no_token_is_refused(text: str) -> None:
    """RFC 7515 §7.1."""
    assert reason_of(Secret(text)) is Reason.BAD_CREDENTIAL


def test_a_token_of_another_shape_is_refused() -> None:
    """RFC 7515 §7.2, RFC 7516: no JSON serialization, no encryption, no fourth part."""
    header, claims, signature = forge().reveal().split(".")
    nested = json.dumps({"protected": header, "payload": claims, "signature": signature})
    for text in (nested, f"{header}.{claims}.{signature}.", f"{header}..{claims}.{signature}.x"):
        assert reason_of(Secret(text)) is Reason.BAD_CREDENTIAL


def test_a_token_of_more_than_16_kib_is_refused_unread() -> None:
    """Ours."""
    assert verify(forge(claims=good_claims(note="x" * 11_000))).subject == "planner"
    assert reason_of(forge(claims=good_claims(note="x" * 12_500))) is Reason.BAD_CREDENTIAL
    assert reason_of(Secret("." * 20_000_000)) is Reason.BAD_CREDENTIAL


def test_base64_has_one_spelling() -> None:
    """RFC 7515 §2: without padding, and the slack bits of the last character are zero."""
    header, claims, signature = forge().reveal().split(".")
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    slack = signature[:-1] + alphabet[alphabet.index(signature[-1]) + 1]
    for text in (
        f"{header}.{claims}.{slack}",
        f"{header}.{claims}.{signature}==",
        f"{header}=.{claims}.{signature}",
        f"{header}.{claims}.{signature}\n",
        f" {header}.{claims}.{signature}",
        f"{header}.{claims}.{signature.replace('-', '+').replace('_', '/')}?",
    ):
        assert reason_of(Secret(text)) is Reason.BAD_CREDENTIAL


@promise("P7")
@given(st.data())
def test_one_flipped_bit_is_refused(data: st.DataObject) -> None:
    """Ours: law 3, for tokens."""
    raw = bytearray(forge().reveal().encode())
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Refused):
        verify(Secret(raw.decode("latin-1")))


@promise("P7")
@given(st.one_of(st.text(max_size=200), st.lists(st.binary(max_size=60), min_size=3, max_size=3)))
def test_any_text_is_verified_or_refused_and_nothing_else_happens(text: str | list[bytes]) -> None:
    """House style, section 4: `verify_*` raises `Refused` alone."""
    token = text if isinstance(text, str) else ".".join(map(base64url, text))
    with pytest.raises(Refused):
        verify(Secret(token))


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53) + 1, 2**53 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=6,
    ),
    st.sampled_from(sorted(good_claims())),
)
def test_whatever_stands_in_a_signed_claim_can_be_recorded_or_is_refused(value: Json, name: str) -> None:
    """Ours: what an issuer writes never stops a record from being written."""
    token = forge(claims=good_claims(**{name: value, "act": value}))
    try:
        identity = identify(token, KEYS, OURS, NOW_MS, SKEW)
    except Refused:
        return
    assert canonical_bytes(identity_form(identity))


def test_a_credential_is_remembered_by_its_digest() -> None:
    """Ours: by no part of it."""
    assert digest_of_credential(Secret("abc")) == "sha256:" + hashlib.sha256(b"abc").hexdigest()
    assert digest_of_credential(Secret("\ud800")).startswith("sha256:")


@promise("P8")
def test_recorded_claims_come_back_as_they_were() -> None:
    """Ours: a replay is judged by what was known."""
    identity = identify(forge(claims=good_claims(act={"sub": "a"})), KEYS, OURS, NOW_MS, SKEW)
    assert recall_claims(identity_form(identity)) == identity.claims


@pytest.mark.parametrize(
    "name", ["issuer", "subject", "audience", "grant", "token_id", "issued_at", "lineage", "credential"]
)
def test_claims_that_were_not_recorded_whole_do_not_come_back(name: str) -> None:
    """Ours."""
    form = identity_form(identify(forge(), KEYS, OURS, NOW_MS, SKEW))
    for broken in (without(form, name), form | {name: None}):
        with pytest.raises(Refused) as stop:
            recall_claims(broken)
        assert stop.value.reason is Reason.MALFORMED


# --- keys that were retired -------------------------------------------------------------------------------------------

UNTIL_MS = NOW_MS + 1_000_000


# --- tokens that open a task by themselves

MAPPING = ClaimMapping(
    name="corp",
    agent_claim="sub",
    owner=ClaimOr(fixed="alice@example.com"),
    agent_class=ClaimOr(),
    team=ClaimOr(),
    scope_claim="scope",
)


def on_terms(**terms: object) -> KeySet:
    given = IssuerTerms(**{"opens": MAPPING, **terms})  # type: ignore[arg-type]  # as asked
    return key_set({ISSUER: ({"keys": [jwk_of(KEY)]}, ("EdDSA",))}, terms={ISSUER: given})


def opening(header: JsonObject | None = None, *, keys: KeySet | None = None, **claims: Json) -> VerifiedClaims:
    said: JsonObject = {
        name: value for name, value in (without(good_claims(), "grant") | claims).items() if value is not None
    }
    return verify_token(forge(header, said), keys or on_terms(), OURS, NOW_MS, SKEW)


def opening_refused(header: JsonObject | None = None, *, keys: KeySet | None = None, **claims: Json) -> Reason:
    with pytest.raises(Refused) as stop:
        opening(header, keys=keys, **claims)
    return stop.value.reason


@promise("P4", "P9")
def test_a_token_that_names_no_grant_says_who_acts_where_its_issuer_opens_tasks() -> None:
    """The issue; and the record keeps it, for a replay."""
    claims = opening(scope="server:a effect:read")
    agent = Asserted(
        agent="corp:planner",
        owner="alice@example.com",
        agent_class="agent",
        team="",
        scopes=("effect:read", "server:a"),
    )
    assert (claims.subject, claims.asserted) == ("planner", agent)
    identity = identify(forge(claims=without(good_claims(), "grant")), on_terms(), OURS, NOW_MS, SKEW)
    assert identity.principal.actor == "corp:planner"
    assert recall_claims(identity_form(identity)) == identity.claims


@promise("P4")
def test_one_token_is_one_task_and_every_other_is_another() -> None:
    """Ours: by all that it says, whatever its `jti`; a token with two spellings of its signature is one."""
    same = opening()
    assert same.grant == opening().grant
    assert len(same.grant) == len("task-") + 32
    others = [opening(scope="x"), opening(exp=NOW + 301), opening(sub="x"), opening(jti=None)]
    assert len({same.grant, *(one.grant for one in others)}) == 5
    assert others[-1].token_id == others[-1].grant


def test_a_token_that_names_a_grant_acts_under_that_one() -> None:
    """Ours: as the owner's statement has it, and nobody else's word."""
    claims = opening(grant="g-1")
    assert (claims.grant, claims.asserted) == ("g-1", None)
    assert opening_refused(grant="") is Reason.BAD_CREDENTIAL
    assert opening_refused(keys=on_terms(opens=None)) is Reason.BAD_CREDENTIAL


@promise("P5", "P7")
def test_who_else_may_be_shown_a_token_opens_no_task_with_it() -> None:
    """RFC 9068 §4, and ours: a token for several is a token that each of them could show here."""
    assert opening(aud=[AUDIENCE, f"{AUDIENCE}/servers/clock/mcp"]).asserted is not None
    foreign: list[Json] = [[AUDIENCE, "https://other.example"], "https://other.example", [AUDIENCE, AUDIENCE + "/"]]
    for audience in foreign:
        assert opening_refused(aud=audience) is Reason.WRONG_AUDIENCE
    own = on_terms(audience="api")
    assert opening(keys=own, aud="api").audience == ("api",)
    not_theirs: list[Json] = [AUDIENCE, ["api", AUDIENCE], "api "]
    for audience in not_theirs:
        assert opening_refused(keys=own, aud=audience) is Reason.WRONG_AUDIENCE


def test_the_type_of_a_token_is_what_its_issuers_terms_say() -> None:
    """RFC 8725 §3.11: an ID token is no access token, unless an operator says that this issuer's are."""
    assert opening_refused(good_header(typ="JWT")) is Reason.BAD_CREDENTIAL
    any_kind = on_terms(types=("jwt",))
    assert opening(without(good_header(), "typ"), keys=any_kind).asserted is not None
    assert opening_refused(keys=any_kind) is Reason.BAD_CREDENTIAL


def test_who_is_said_to_have_issued_a_token_is_found_for_a_look_up() -> None:
    """Design 4: the core says what it lacks; nothing of it is believed."""
    assert find_issuer(forge(sign=lambda _: b"x" * 64)) == ISSUER
    for text in ("", "a.b.c", forge(claims={"iss": 1}).reveal(), forge(claims={}).reveal()):
        assert find_issuer(Secret(text)) is None
