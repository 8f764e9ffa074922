"""Secret -> VerifiedClaims: signature, issuer, audience, time and type of a token, as of a given moment.

Pure. RFC 8725 throughout, RFC 9068 §4 for access tokens. The order of checks:

1. form: three canonical base64url parts of bounded size, a strict JSON header and claims
2. header: `typ` is an access token's, `alg` is the key's own, no `crit`, no key brought along
3. issuer known, key known, signature
4. time: `exp`, `iat`, `nbf`, with the given skew
5. audience: one of ours

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import InitVar, dataclass
from typing import Final, final

import jwt

from mediator.canonical import SAFE_INTEGER, Digest, Json, JsonLimits, JsonObject, parse_object
from mediator.evidence import Seal, Secret
from mediator.identity.keys import IssuerKey, KeySet
from mediator.refusal import Reason, Refused

_SEAL: Final = Seal("mediator.identity.token")
_LIMITS: Final = JsonLimits(bytes_max=16 * 1024, depth_max=16)  # a token travels in a header of at most 32 KiB
_TYPES: Final = frozenset({"at+jwt", "application/at+jwt"})  # RFC 9068 §2.1
_KEY_HEADERS: Final = frozenset({"jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256"})  # RFC 8725 §3.10: never followed


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedClaims:
    """Claims of a token that an issuer of ours signed, for us, and that holds now. Times in seconds (RFC 7519 §2)."""

    issuer: str
    subject: str
    audience: tuple[str, ...]
    grant: str
    token_id: str
    key_id: str
    issued_at: int
    expires_at: int
    lineage: tuple[str, ...]
    credential_digest: Digest
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)


def verify_token(
    token: Secret, keys: KeySet, audiences: frozenset[str], now_ms: int, skew_seconds: int
) -> VerifiedClaims:
    """Return what the token says, if all of it holds now.

    Raises `Refused`: `BAD_CREDENTIAL`, `UNKNOWN_ISSUER`, `UNKNOWN_KEY`, `EXPIRED_CREDENTIAL`, `WRONG_AUDIENCE`.
    """
    # 1. form
    text = token.reveal()
    header, claims = _parse(text)

    # 2. header
    kind = header.get("typ")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise _bad("`typ` is not that of an access token")
    if "crit" in header or _KEY_HEADERS & header.keys():
        raise _bad("the header asks for an extension or brings a key")

    # 3. issuer, key, signature
    key = _find_key(header, claims, keys)
    if header.get("alg") != key.algorithm:  # RFC 8725 §3.1: the key says which algorithm, never the token
        raise _bad("`alg` is not that of the key")
    _must_be_signed(text, key)

    # 4. time
    issued_at, expires_at = _seconds(claims, "iat"), _seconds(claims, "exp")
    now = now_ms // 1000
    if "nbf" in claims and _seconds(claims, "nbf") > now + skew_seconds:
        raise _bad("not valid yet (`nbf`)")
    if issued_at > now + skew_seconds:
        raise _bad("issued in the future (`iat`)")
    if expires_at + skew_seconds <= now:
        raise Refused(Reason.EXPIRED_CREDENTIAL, f"expired {now - expires_at} s ago")

    # 5. audience
    audience = _audience(claims)
    if not audiences & set(audience):
        raise Refused(Reason.WRONG_AUDIENCE, "the token was made for somebody else")

    return VerifiedClaims(
        issuer=_text(claims, "iss"),
        subject=_text(claims, "sub"),
        audience=audience,
        grant=_text(claims, "grant"),
        token_id=_text(claims, "jti"),
        key_id=key.key_id,
        issued_at=issued_at,
        expires_at=expires_at,
        lineage=_lineage(claims),
        credential_digest=digest_of_credential(token),
        seal=_SEAL,
    )


def digest_of_credential(token: Secret) -> Digest:
    """Return the digest by which a credential is remembered and recorded; the credential itself never is."""
    return Digest("sha256:" + hashlib.sha256(token.reveal().encode("utf-8", "surrogatepass")).hexdigest())


def recall_claims(form: JsonObject) -> VerifiedClaims:
    """Return the claims as a decision record kept them, for a replay; nothing can be asked for with them.

    Raises `Refused(MALFORMED)` for any other form.
    """
    match form:
        case {
            "issuer": str(issuer),
            "subject": str(subject),
            "audience": list(audience),
            "grant": str(grant),
            "token_id": str(token_id),
            "key_id": str(key_id),
            "issued_at": int(issued_at),
            "expires_at": int(expires_at),
            "lineage": list(lineage),
            "credential": str(credential),
        }:
            return VerifiedClaims(
                issuer=issuer,
                subject=subject,
                audience=tuple(map(str, audience)),
                grant=grant,
                token_id=token_id,
                key_id=key_id,
                issued_at=issued_at,
                expires_at=expires_at,
                lineage=tuple(map(str, lineage)),
                credential_digest=Digest(credential),
                seal=_SEAL,
            )
        case _:
            raise Refused(Reason.MALFORMED, "recorded claims cannot be read")


def _parse(text: str) -> tuple[JsonObject, JsonObject]:
    header, claims = _split(text)
    try:
        return parse_object(header, _LIMITS), parse_object(claims, _LIMITS)
    except Refused as error:
        raise _bad(error.detail) from error


def _split(text: str) -> tuple[bytes, bytes]:
    parts = text.split(".", 3) if len(text) <= _LIMITS.bytes_max else ()
    if len(parts) != 3:  # noqa: PLR2004 - RFC 7515 §7.1: header, payload, signature
        raise _bad("not a token in three parts of at most 16 KiB")
    header, claims, _signature = map(_decoded, parts)
    return header, claims


def _decoded(part: str) -> bytes:
    """Return the bytes of one part; its base64url must be canonical, else two texts are one token."""
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _bad("not base64url") from error
    if base64.urlsafe_b64encode(raw).rstrip(b"=") != part.encode():
        raise _bad("base64url that is not canonical")
    return raw


def _find_key(header: JsonObject, claims: JsonObject, keys: KeySet) -> IssuerKey:
    issuer = keys.issuers.get(_text(claims, "iss"))
    if issuer is None:
        raise Refused(Reason.UNKNOWN_ISSUER, "no issuer of ours")
    key_id = header.get("kid")
    key = issuer.keys.get(key_id) if isinstance(key_id, str) else None
    if key is None:
        raise Refused(Reason.UNKNOWN_KEY, f"issuer `{issuer.issuer}` has no such key")
    return key


def _must_be_signed(text: str, key: IssuerKey) -> None:
    try:
        jwt.PyJWS().decode(text, key.key, algorithms=[key.algorithm])
    except jwt.PyJWTError as error:
        raise _bad("the signature does not hold") from error


def _audience(claims: JsonObject) -> tuple[str, ...]:
    audience = claims.get("aud")
    names = audience if isinstance(audience, list) else [audience]
    texts = tuple(name for name in names if isinstance(name, str))
    if not texts or len(texts) != len(names):
        raise _bad("`aud` is neither a string nor a list of strings")
    return texts


def _lineage(claims: JsonObject) -> tuple[str, ...]:
    # RFC 8693 §4.1: prior actors are recorded, never decided upon.
    actors, node = [], claims.get("act")
    while isinstance(node, dict):  # bounded: the claims were parsed with a depth limit
        actors.append(str(node.get("sub")))
        node = node.get("act")
    return tuple(actors)


def _text(claims: JsonObject, name: str) -> str:
    value: Json = claims.get(name)
    if not isinstance(value, str) or not value:
        raise _bad(f"the claim `{name}` is missing or not a string")
    return value


def _seconds(claims: JsonObject, name: str) -> int:
    value: Json = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _bad(f"the claim `{name}` is missing or not a time")
    if not 0 <= value <= SAFE_INTEGER:  # a record must be able to write it down
        raise _bad(f"the claim `{name}` is no time that anybody lives to see")
    return int(value)


def _bad(detail: str) -> Refused:
    return Refused(Reason.BAD_CREDENTIAL, detail)
