"""A workload's credential: what a platform says about the process that calls us (SPIFFE JWT-SVID, OIDC workload token).

Pure: no I/O, no clock. An agent that has no key of its own is let in by what vouches for it: a SPIFFE trust domain, a
Kubernetes cluster, a CI provider. The order of checks:

1. form: three canonical base64url parts of bounded size, a strict JSON header and claims
2. header: `typ` is absent, `JWT` or `JOSE`; no `crit`, no key brought along; `kid` is a look-up key of this issuer's
   keys and nothing else; `alg` is that key's own
3. the signature is that key's
4. whose: the `iss` of this issuer, or a workload of this trust domain
5. time: `exp` is ahead, and the whole life no longer than this issuer's tokens may live; `nbf` and `iat`, where there
   are any, are not; all within the skew
6. audience: ours and nobody else's, for who else receives it could come with it
7. subject: exactly that of one agent; and every claim that its settings name is there, with a value that they name
8. no `cnf`: what is bound to a key would be nobody's without it

It is a bearer's: what the platform has issued proves whoever holds it. So it is used once, remembered by what was signed
(a signature may have two spellings), unless its issuer's tokens are reusable. Whose it claims to be, which chooses the
issuer, is read before anything is verified (`claimed_issuer`), and believed by nobody.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import InitVar, dataclass
from typing import Final, TypeAlias, final

from mediator.canonical import Digest, Json, JsonLimits, JsonObject, digest_of_bytes
from mediator.evidence import Seal, Secret
from mediator.identity.claims import audience_of, seconds_of, text_of
from mediator.identity.client_assertion import VerifiedAssertion
from mediator.identity.compact import must_be_signed, must_bring_nothing, parse_compact
from mediator.identity.confirmation import CLAIM
from mediator.identity.keys import TrustedIssuer, key_set
from mediator.identity.token import digest_of_credential
from mediator.refusal import Reason, Refused
from mediator.spiffe import SCHEME, find_trust_domain

_SEAL: Final = Seal("mediator.identity.workload")

_TYPES: Final = frozenset({"jwt", "jose"})
_LIMITS: Final = JsonLimits(bytes_max=16 * 1024, depth_max=8)
_GRANT_MAX: Final = 128
_CURVES: Final = {"P-256": "ES256", "P-384": "ES384"}  # RFC 7518 §3.4: each curve has its one algorithm
_SVID_KEYS: Final = "jwt-svid"
_UNSIGNED: Final = "not signed by an issuer that is known for its workloads"

ClaimValue: TypeAlias = str | int | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadIssuer:
    """Who vouches for workloads: of `issuer` (an `iss`) and `trust_domain` it has one. `name` is the operator's."""

    name: str
    issuer: str | None
    trust_domain: str | None
    keys: TrustedIssuer
    life_seconds_max: int
    is_reusable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Which workload is which agent; `conditions` are by claim, or by JSON pointer: one of the values must stand there."""

    agent: str
    subject: str
    conditions: Mapping[str, tuple[ClaimValue, ...]]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedWorkload:
    """That this agent's platform vouches for whoever asks us something, now.

    `keyid` stands where an agent's key does. `token_id` is what it is remembered by, where it is used once.
    """

    agent: str
    keyid: str
    token_id: str
    expires_ms: int
    is_reusable: bool
    grant: str | None
    digest: Digest
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)


ProvenAgent: TypeAlias = VerifiedAssertion | VerifiedWorkload
"""Which agent asks, by its own key or by what vouches for it."""


def workload_id(issuer: str, subject: str) -> str:
    """Return what stands in the place of a key's id for whom an issuer, by its name in the settings, vouches."""
    return f"workload:{issuer}:{subject}"


def read_keys(name: str, form: JsonObject, algorithms: tuple[str, ...], *, is_bundle: bool) -> TrustedIssuer:
    """Return the keys of a JWK set; of a trust bundle (SPIFFE Trust Domain and Bundle §4.2) those for JWT-SVIDs.

    Raises `Refused(BAD_CREDENTIAL)` as `key_set`, and for a bundle without such a key.
    """
    keys = form.get("keys")
    forms = [one for one in keys if isinstance(one, dict)] if isinstance(keys, list) else []
    if not isinstance(keys, list) or len(forms) != len(keys):
        raise Refused(
            Reason.BAD_CREDENTIAL, f"keys of issuer `{name}`: expected a `keys` list of objects (RFC 7517 §5)"
        )
    if is_bundle:  # a key of any other use must be ignored, one of none too
        forms = [{**one, "use": "sig"} for one in forms if one.get("use") == _SVID_KEYS]
        if not forms:
            raise Refused(Reason.BAD_CREDENTIAL, f"keys of issuer `{name}`: no key of the bundle is for `{_SVID_KEYS}`")
    read = [_with_algorithm(one) for one in forms]
    return key_set({name: ({"keys": list[Json](read)}, algorithms)}).issuers[name]


def claimed_issuer(token: Secret) -> tuple[str | None, str | None]:
    """Return the `iss` and the trust domain that this token claims, of which it has one at most, and nothing is verified.

    Raises `Refused(BAD_CREDENTIAL)` for what is no token.
    """
    _, claims = parse_compact(token, _LIMITS)
    subject, issuer = claims.get("sub"), claims.get("iss")
    if isinstance(subject, str) and subject.startswith(SCHEME):  # a JWT-SVID's `iss`, if any, says nothing
        return None, find_trust_domain(subject) or ""
    return (issuer if isinstance(issuer, str) else None), None


def verify_workload(
    token: Secret,
    issuer: WorkloadIssuer,
    workloads: Iterable[Workload],
    audiences: frozenset[str],
    now_ms: int,
    skew_seconds: int,
) -> VerifiedWorkload:
    """Return which agent this is, if all of the token holds now; `workloads` are those of this issuer.

    Raises `Refused`: `BAD_CREDENTIAL`, `UNKNOWN_KEY`, `EXPIRED_CREDENTIAL`, `WRONG_AUDIENCE`; nothing else. What it
    says as `sentence` is ours to tell the client.
    """
    try:
        return _verified(token, issuer, workloads, audiences, now_ms, skew_seconds)
    except Refused as stop:
        sentence = f"the workload token is refused: {stop.sentence or stop.detail}"
        raise Refused(stop.reason, stop.detail, sentence=sentence, remedy=stop.remedy) from stop


def _verified(
    token: Secret,
    issuer: WorkloadIssuer,
    workloads: Iterable[Workload],
    audiences: frozenset[str],
    now_ms: int,
    skew_seconds: int,
) -> VerifiedWorkload:
    # 1. form
    header, claims = parse_compact(token, _LIMITS)

    # 2. header
    _must_be_headed(header, issuer)
    key_id = header.get("kid")
    key = issuer.keys.keys.get(key_id) if isinstance(key_id, str) else None
    if key is None:
        raise Refused(Reason.UNKNOWN_KEY, f"`kid` is no key of `{issuer.name}`", sentence=_UNSIGNED)
    if header.get("alg") != key.algorithm:  # RFC 8725 §3.1
        raise Refused(Reason.BAD_CREDENTIAL, f"`alg` is not {key.algorithm}, its key's own", sentence=_UNSIGNED)

    # 3. signature
    try:
        must_be_signed(token, key.key, key.algorithm)
    except Refused as stop:
        raise Refused(stop.reason, stop.detail, sentence=_UNSIGNED) from stop

    # 4. whose
    subject = text_of(claims, "sub")
    if issuer.trust_domain is not None:
        if find_trust_domain(subject) != issuer.trust_domain:
            raise _bad(f"`sub` is no workload of the trust domain of `{issuer.name}`")
    elif text_of(claims, "iss") != issuer.issuer or subject.startswith(SCHEME):
        raise _bad(f"`iss` is not that of `{issuer.name}`, or `sub` a trust domain's to give")

    # 5. time
    expires = _must_hold_now(claims, issuer.life_seconds_max, now_ms // 1000, skew_seconds)

    # 6. audience
    if not audiences.issuperset(audience_of(claims)):
        remedy = "have it issued with `aud` the mediator's own address, as its metadata names it, and nobody else"
        raise Refused(Reason.WRONG_AUDIENCE, "it was made for somebody else, or for others too", remedy=remedy)

    # 7. subject and claims
    workload = next((one for one in workloads if one.subject == subject), None)
    if workload is None:
        raise _bad(f"no agent is this workload of `{issuer.name}`", "have `workload` of its `[[agent]]` name it")
    _must_fulfil(claims, workload)

    # 8. its key
    if CLAIM in claims:
        raise _bad(f"it is bound to a key (`{CLAIM}`), and is taken as a bearer's here", "have one issued without")

    return VerifiedWorkload(
        agent=workload.agent,
        keyid=workload_id(issuer.name, subject),
        token_id=f"{issuer.name}:{_digest_of_signed(token)}",
        expires_ms=(expires + skew_seconds) * 1000,
        is_reusable=issuer.is_reusable,
        grant=_grant(claims),
        digest=digest_of_credential(token),
        seal=_SEAL,
    )


def _must_be_headed(header: JsonObject, issuer: WorkloadIssuer) -> None:
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise _bad("`typ` is neither absent nor JWT nor JOSE")
    # A CI provider names its certificate's digest beside the `kid`; it brings no key, and nobody looks it up.
    dropped = {"x5t"} if issuer.trust_domain is None else set[str]()
    must_bring_nothing({name: value for name, value in header.items() if name not in dropped})


def _must_hold_now(claims: JsonObject, life_seconds_max: int, now: int, skew_seconds: int) -> int:
    """Return when it expires."""
    expires = seconds_of(claims, "exp")
    issued = seconds_of(claims, "iat") if "iat" in claims else now
    if expires + skew_seconds <= now:
        remedy = "have the platform issue another, and set the clock"
        raise Refused(Reason.EXPIRED_CREDENTIAL, f"it expired {now - expires} s ago", remedy=remedy)
    if expires > now + life_seconds_max + skew_seconds or expires > issued + life_seconds_max:
        raise _bad(f"it lives longer than {life_seconds_max} seconds", "have it issued for less")
    if "nbf" in claims and seconds_of(claims, "nbf") > now + skew_seconds:
        raise _bad("it is not valid yet (`nbf`)")
    if issued > min(now + skew_seconds, expires):
        raise _bad("it was issued in the future, or after it had expired (`iat`)")
    return expires


def _must_fulfil(claims: JsonObject, workload: Workload) -> None:
    for name, values in workload.conditions.items():
        found = _find_at(claims, name)
        # Of the same type as well: to Python `True` is 1, and what is a list is none of its members.
        if not any(type(found) is type(value) and found == value for value in values):
            raise _bad(f"the claim `{name}` is not there, or not what the settings of `{workload.agent}` say")


def _find_at(claims: JsonObject, name: str) -> Json:
    """Return what stands at this claim, or at this JSON pointer (RFC 6901); nothing where nothing does."""
    steps = [step.replace("~1", "/").replace("~0", "~") for step in name[1:].split("/")] if name[0] == "/" else [name]
    found: Json = claims
    for step in steps:
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _grant(claims: JsonObject) -> str | None:
    """Return under which grant the workload agrees to act, where its token says so."""
    if "grant" not in claims:
        return None
    grant = text_of(claims, "grant")
    if len(grant) > _GRANT_MAX or not grant.isascii() or not grant.isprintable():
        raise _bad(f"the claim `grant` is not 1 to {_GRANT_MAX} printable ASCII characters")
    return grant


def _digest_of_signed(token: Secret) -> Digest:
    """Return the digest of what was signed: an ECDSA signature (r, s) holds as (r, n - s) too, by whoever flips it."""
    return digest_of_bytes(token.reveal().rpartition(".")[0].encode())


def _with_algorithm(form: JsonObject) -> JsonObject:
    """Return the key with the algorithm of its curve, where it names none: bundles do not."""
    curve = form.get("crv")
    if "alg" in form or form.get("kty") != "EC" or not isinstance(curve, str) or curve not in _CURVES:
        return form
    return {**form, "alg": _CURVES[curve]}


def _bad(detail: str, remedy: str | None = None) -> Refused:
    return Refused(Reason.BAD_CREDENTIAL, detail, remedy=remedy)
