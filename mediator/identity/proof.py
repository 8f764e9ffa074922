"""Shown beside a credential -> VerifiedProof: which key the caller holds, as of a given moment.

Pure. DPoP (RFC 9449): a token of a moment that the caller signs with its own key, for one request of one credential. The
order of checks is that of its §4.3:

1. form: one proof, three canonical base64url parts of bounded size, a strict JSON header and claims
2. header: `typ` is `dpop+jwt`, `alg` is served and asymmetric, `jwk` is a public key of that kind, and nothing else
3. signature, by the key that it brings: here alone a header's key is used, and it vouches for itself and no more
4. `htm` and `htu` are this request's; `ath` is this credential's, where there is one
5. time: `iat` is at most a minute old, give or take the skew ahead; the nonce is ours, where one is demanded
6. that it is used once is for the caller to see to, who remembers `once` until the proof is refused for its age anyway

Certificates (RFC 8705 §3): the thumbprint is of the certificate that this very connection proved, by TLS. A session of a
local host is opened by the profile's key, and whatever comes over its pipe is proven by that.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import hashlib
from dataclasses import InitVar, dataclass
from functools import lru_cache
from typing import Final, final

import jwt

from mediator.canonical import JsonLimits, JsonObject, canonical_bytes, parse_object
from mediator.evidence import Seal, Secret
from mediator.identity.claims import seconds_of, text_of
from mediator.identity.compact import base64url, take_apart
from mediator.identity.confirmation import Confirmation, is_thumbprint
from mediator.identity.dsse import PublicKey, SigningKey
from mediator.identity.keys import is_strong
from mediator.identity.nonce import Nonces
from mediator.refusal import Reason, Refused

_SEAL: Final = Seal("mediator.identity.proof")

TYPE: Final = "dpop+jwt"
ALGORITHMS: Final = ("EdDSA", "ES256")
"""What proofs may be signed with; RFC 9449 §5.1 has servers publish it."""

LIFE_SECONDS: Final = 60  # the number; RFC 9449 §11.1: "on the order of seconds or minutes"
_LIMITS: Final = JsonLimits(bytes_max=4096, depth_max=4)
_MEMBERS: Final = {"EdDSA": ("crv", "kty", "x"), "ES256": ("crv", "kty", "x", "y")}  # RFC 7638 §3.2, RFC 8037 §2
_TOKEN_ID_MAX: Final = 256
_PORT_ANYWAY: Final = {"http": ":80", "https": ":443"}
_KEYS_REMEMBERED: Final = 4096  # headers of proofs, 4 kB each with its key: of one client they are all the same
_HEADER_MAX: Final = 1024  # three times what libraries write; strangers have it remembered, too

NONCE_HEADER: Final = "dpop-nonce"
"""In which header a client is told the nonce (RFC 9449 §8)."""

RENEW: Final = "nonce"
"""Under which name a refusal tells the nonce to use."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Shown:
    """What came beside a credential, of which nothing is verified; of one request, and the same object while it lives.

    `proofs` are the values of `DPoP` headers, `url` is ours: the address at which the request came in, without a query.
    `is_dpop` says that the credential itself came under that scheme (RFC 9449 §7.1).
    """

    proofs: tuple[Secret, ...]
    is_dpop: bool
    method: str
    url: str
    certificate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """What is used up by being shown: a proof's name, and until when (ms) it has to be remembered."""

    key: str
    until_ms: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedProof:
    """What the caller showed: the key of a DPoP proof, the certificate of its connection, or whose session it is.

    `session` is the grant that the session works under, `keyid` the profile's key that opened it.
    """

    jkt: str | None = None
    certificate: str | None = None
    session: str | None = None
    keyid: str | None = None
    once: Once | None = None
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)

    def meets(self, wanted: Confirmation) -> bool:
        """Tell whether all that a token is bound to was shown."""
        return wanted.jkt in {None, self.jkt} and wanted.certificate in {None, self.certificate}


def verify_shown(
    shown: Shown, credential: Secret | None, now_ms: int, skew_seconds: int, nonces: Nonces | None
) -> VerifiedProof | None:
    """Return what was proven, nothing where nothing was shown; `nonces` where one is demanded of each proof.

    A `DPoP` header beside a credential of another scheme is looked at by nobody: a bearer needs none, and what is bound
    is no bearer (RFC 9449 §7.2). Without a credential (at the token endpoint) it asks for a token to be bound.

    Raises `Refused(PROOF_INVALID)`; where it is for the nonce, `data` says which to use.
    """
    if not shown.is_dpop and (credential is not None or not shown.proofs):
        return None if shown.certificate is None else VerifiedProof(certificate=shown.certificate, seal=_SEAL)
    if len(shown.proofs) != 1:
        raise _bad("expected one `DPoP` header" if shown.proofs else "no proof came: a `DPoP` header holds it")
    try:
        return _verified(shown, shown.proofs[0], credential, now_ms, skew_seconds, nonces)
    except Refused as stop:
        # Whatever the parts of it say, it is the proof that is refused.
        raise Refused(
            Reason.PROOF_INVALID, stop.detail, sentence=stop.sentence or stop.detail, remedy=stop.remedy, data=stop.data
        ) from stop


def _verified(
    shown: Shown,
    proof: Secret,
    credential: Secret | None,
    now_ms: int,
    skew_seconds: int,
    nonces: Nonces | None,
) -> VerifiedProof:
    # 1. form
    parts = take_apart(proof, _LIMITS.bytes_max)

    # 2. header
    key, jkt = _key_of(parts.head, parts.header)

    # 3. signature
    if not key.Algorithm.verify(parts.signed, key.key, parts.signature):
        raise _bad("the signature does not hold")

    # 4. of this request
    claims = _parsed(parts.claims)
    token_id, issued_at = text_of(claims, "jti"), seconds_of(claims, "iat")
    if len(token_id) > _TOKEN_ID_MAX:
        raise _bad(f"`jti` is longer than {_TOKEN_ID_MAX} characters")
    if text_of(claims, "htm") != shown.method:
        raise _bad("`htm` is not the method of this request")
    if not is_same_place(text_of(claims, "htu"), shown.url):
        raise _bad(f"`htu` is not the address of this request, which is {shown.url}")
    if credential is not None and text_of(claims, "ath") != hash_of(credential):
        raise _bad("`ath` is not the hash of this credential")

    # 5. time
    now = now_ms // 1000
    if issued_at > now + skew_seconds:
        raise _bad("it was made in the future (`iat`)")
    if issued_at + LIFE_SECONDS <= now:
        raise _bad(f"it is older than {LIFE_SECONDS} seconds (`iat`)")
    if nonces is not None:
        nonce = claims.get("nonce")
        if not isinstance(nonce, str) or not nonces.holds(nonce, now_ms):
            raise _bad("it has no nonce of ours, or an old one", nonce=nonces.current(now_ms))

    # 6. once
    name = hashlib.sha256(f"{jkt} {token_id}".encode("utf-8", "surrogatepass")).hexdigest()
    once = Once(key=f"dpop:{name}", until_ms=(issued_at + LIFE_SECONDS) * 1000)
    return VerifiedProof(jkt=jkt, certificate=shown.certificate, once=once, seal=_SEAL)


def prove_session(grant: str, keyid: str) -> VerifiedProof:
    """Return what proves each message of a session that this key was proven for, under this grant."""
    return VerifiedProof(session=grant, keyid=keyid, seal=_SEAL)


def sign_proof(
    key: SigningKey, *, method: str, url: str, credential: Secret | None, token_id: str, now_ms: int, nonce: str | None
) -> Secret:
    """Return the proof that a client shows for one request (RFC 9449 §4.2)."""
    claims: JsonObject = {"jti": token_id, "htm": method, "htu": url, "iat": now_ms // 1000}
    if credential is not None:
        claims["ath"] = hash_of(credential)
    if nonce is not None:
        claims["nonce"] = nonce
    header: JsonObject = {"typ": TYPE, "alg": "EdDSA", "jwk": _public_form(key.public)}
    signed = f"{base64url(canonical_bytes(header))}.{base64url(canonical_bytes(claims))}"
    return Secret(f"{signed}.{base64url(key.sign(signed.encode()))}")


def find_nonce(stop: Refused) -> str | None:
    """Return the nonce that a refused proof should have had, where it is that for which it was refused."""
    nonce = (stop.data or {}).get(RENEW)
    return nonce if isinstance(nonce, str) else None


def thumbprint_of(key: PublicKey) -> str:
    """Return the thumbprint by which tokens are bound to this key (RFC 7638)."""
    return _thumbprint(_public_form(key))


def hash_of(credential: Secret) -> str:
    """Return `ath`: which credential a proof is for (RFC 9449 §4.2)."""
    return base64url(hashlib.sha256(credential.reveal().encode("utf-8", "surrogatepass")).digest())


def is_same_place(told: str, ours: str) -> bool:
    """Tell whether `htu` is this address (RFC 9449 §4.3).

    Its query and fragment are left out; the case of scheme and host, and the port that a scheme has anyway, say nothing
    (RFC 3986 §6.2).
    """
    return told == ours or _place(told) == _place(ours)


def _place(url: str) -> str:
    bare = url.partition("#")[0].partition("?")[0]
    scheme, _, rest = bare.partition("://")
    authority, slash, path = rest.partition("/")
    scheme = scheme.lower()
    return f"{scheme}://{authority.lower().removesuffix(_PORT_ANYWAY.get(scheme, ' '))}{slash}{path}"


@lru_cache(maxsize=_KEYS_REMEMBERED)
def _key_of(head: str, header: bytes) -> tuple[jwt.PyJWK, str]:
    """Return the key that a header brings, and its thumbprint: pure, so that it is worth remembering."""
    if len(head) > _HEADER_MAX:
        raise _bad(f"the header is longer than {_HEADER_MAX} characters")
    fields = _parsed(header)
    algorithm, form = fields.get("alg"), fields.get("jwk")
    if fields.keys() != {"typ", "alg", "jwk"} or fields["typ"] != TYPE:
        raise _bad(f"the header must be `typ` {TYPE}, `alg` and `jwk`, and nothing else")
    if not isinstance(algorithm, str) or algorithm not in _MEMBERS:
        raise _bad(f"`alg` is none of {', '.join(ALGORITHMS)}")
    members = _MEMBERS[algorithm]
    if not isinstance(form, dict) or not set(members) <= form.keys() <= {*members, "kid", "use", "alg", "key_ops"}:
        raise _bad(f"`jwk` is no public key of the kind that {algorithm} wants, or holds more than one")
    if not _is_for_signatures(form, algorithm):
        raise _bad("`jwk` says that it is for something else (`use`, `alg`, `key_ops`)")
    bare: JsonObject = {name: form[name] for name in members}
    for name in ("x", "y")[: len(members) - 2]:  # a key that can be written in two ways would have two thumbprints
        if not is_thumbprint(bare[name]):  # which has the form that a coordinate has: 32 bytes in their one spelling
            raise _bad(f"`{name}` of `jwk` is not 32 bytes in canonical base64url")
    try:
        key = jwt.PyJWK(bare, algorithm=algorithm)
        key.Algorithm.prepare_key(key.key)
    except jwt.PyJWTError as error:
        raise _bad(f"`jwk` cannot be read, or is not of the kind that {algorithm} wants") from error
    if not is_strong(key):
        raise _bad("`jwk` is a weak key")
    return key, _thumbprint(bare)


def _is_for_signatures(form: JsonObject, algorithm: str) -> bool:
    """RFC 7517 §4.2 to §4.4."""
    operations = form.get("key_ops", ["verify"])
    return (
        form.get("use", "sig") == "sig"
        and form.get("alg", algorithm) == algorithm
        and isinstance(operations, list)
        and "verify" in operations
    )


def _parsed(raw: bytes) -> JsonObject:
    try:
        return parse_object(raw, _LIMITS)
    except Refused as error:
        raise _bad("header and claims are strict JSON objects") from error


def _public_form(key: PublicKey) -> JsonObject:
    return {"crv": "Ed25519", "kty": "OKP", "x": base64url(key.raw)}


def _thumbprint(members: JsonObject) -> str:
    return base64url(hashlib.sha256(canonical_bytes(members)).digest())


def _bad(detail: str, nonce: str | None = None) -> Refused:
    data = None if nonce is None else {RENEW: nonce}
    return Refused(Reason.PROOF_INVALID, detail, sentence=detail, data=data)
