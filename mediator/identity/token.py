"""Secret -> VerifiedClaims: signature, issuer, audience, time and type of a token, as of a given moment.

Pure. RFC 8725 throughout, RFC 9068 §4 for access tokens. The order of checks:

1. form: three canonical base64url parts of bounded size, a strict JSON header and claims
2. header: `typ` is an access token's (or what the issuer's terms allow), `alg` is the key's own, no `crit`, no key brought
3. issuer known, key known and not past its end, signature
4. time: `exp`, `iat`, `nbf`, with the given skew; and that a retired key signed it while it was in use
5. audience: one of ours, or what the issuer's terms say
6. to which key it is bound, if it is; whether that is shown is for `identify.py`
7. the grant: named by a claim; or, on the terms of an issuer that opens tasks, told by the token as a whole, which then
   says who acts, and is for nobody else but us

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import hashlib
from dataclasses import InitVar, dataclass
from typing import Final, final

from mediator.canonical import Digest, JsonLimits, JsonObject, digest_of
from mediator.evidence import Seal, Secret
from mediator.identity.claims import audience_of, seconds_of, text_of
from mediator.identity.compact import must_be_signed, must_bring_nothing, parse_compact
from mediator.identity.confirmation import Confirmation, confirmation_of
from mediator.identity.keys import IssuerKey, KeySet
from mediator.identity.terms import Asserted, asserted_by, recall_asserted
from mediator.refusal import Reason, Refused

_SEAL: Final = Seal("mediator.identity.token")
_LIMITS: Final = JsonLimits(bytes_max=16 * 1024, depth_max=16)  # a token travels in a header of at most 32 KiB
_GRANT: Final = "grant"
_OPENED: Final = "task opened by this token"  # what the digest of its claims is of, so that it is of nothing else


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedClaims:
    """Claims of a token that an issuer of ours signed, for us, and that holds now. Times in seconds (RFC 7519 §2).

    `asserted` is who acts, where the token opens the task that `grant` is; nothing where it names one that is stored.
    `confirmation` is what must be shown beside it, where it is bound to a key.
    """

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
    asserted: Asserted | None = None
    confirmation: Confirmation | None = None
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)

    @property
    def actor(self) -> str:
        """Who acts: the agent that the token is about."""
        return self.subject if self.asserted is None else self.asserted.agent


def verify_token(
    token: Secret, keys: KeySet, audiences: frozenset[str], now_ms: int, skew_seconds: int
) -> VerifiedClaims:
    """Return what the token says, if all of it holds now.

    Raises `Refused`: `BAD_CREDENTIAL`, `UNKNOWN_ISSUER`, `UNKNOWN_KEY`, `EXPIRED_CREDENTIAL`, `WRONG_AUDIENCE`.
    """
    # 1. form
    header, claims = parse_compact(token, _LIMITS)

    # 2. header
    terms = keys.terms_of(claims.get("iss"))
    if not terms.takes(header.get("typ")):
        raise _bad("`typ` is not that of an access token")
    must_bring_nothing(header)

    # 3. issuer, key, signature
    key = _find_key(header, claims, keys, now_ms)
    if header.get("alg") != key.algorithm:  # RFC 8725 §3.1: the key says which algorithm, never the token
        raise _bad("`alg` is not that of the key")
    must_be_signed(token, key.key, key.algorithm)

    # 4. time
    issued_at, expires_at = seconds_of(claims, "iat"), seconds_of(claims, "exp")
    now = now_ms // 1000
    if "nbf" in claims and seconds_of(claims, "nbf") > now + skew_seconds:
        raise _bad("not valid yet (`nbf`)")
    if issued_at > now + skew_seconds:
        raise _bad("issued in the future (`iat`)")
    if expires_at + skew_seconds <= now:
        raise Refused(Reason.EXPIRED_CREDENTIAL, f"expired {now - expires_at} s ago")
    # A retired key that somebody kept, or stole, signs nothing new: neither later than it did, nor for longer.
    if not key.vouches_for(issued_at, expires_at, skew_seconds):
        raise Refused(Reason.UNKNOWN_KEY, f"key `{key.key_id}` was retired before this can have been signed")

    # 5. audience
    audience = audience_of(claims)
    wanted = audiences if terms.audience is None else frozenset({terms.audience})
    if not wanted & set(audience):
        raise Refused(Reason.WRONG_AUDIENCE, "the token was made for somebody else")

    # 6. its key
    confirmation = confirmation_of(claims)

    # 7. the grant
    asserted = None
    if terms.opens is not None and _GRANT not in claims:
        if not wanted.issuperset(audience):  # whoever else may be shown it could show it here
            raise Refused(Reason.WRONG_AUDIENCE, "the token was made for others beside us")
        asserted = asserted_by(claims, terms.opens)
        named = opened_grant(claims)
        token_id = text_of(claims, "jti") if "jti" in claims else named
    else:
        named, token_id = text_of(claims, _GRANT), text_of(claims, "jti")

    return VerifiedClaims(
        issuer=text_of(claims, "iss"),
        subject=text_of(claims, "sub"),
        audience=audience,
        grant=named,
        token_id=token_id,
        key_id=key.key_id,
        issued_at=issued_at,
        expires_at=expires_at,
        lineage=_lineage(claims),
        credential_digest=digest_of_credential(token),
        asserted=asserted,
        confirmation=confirmation,
        seal=_SEAL,
    )


def opened_grant(claims: JsonObject) -> str:
    """Return the id of the task that a token of these claims opens: the same of the same claims, and of no others.

    Of all of them, and of the claims alone: a `jti` may be given twice, and some signatures can be written in two ways.
    """
    return "task-" + digest_of([_OPENED, claims]).removeprefix("sha256:")[:32]


def find_issuer(token: Secret) -> str | None:
    """Return who is said to have issued the token, of which nothing is verified: for a look-up of its keys, and no more."""
    try:
        issuer = parse_compact(token, _LIMITS)[1].get("iss")
    except Refused:
        return None
    return issuer if isinstance(issuer, str) else None


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
                asserted=recall_asserted(form["asserted"]) if "asserted" in form else None,
                confirmation=_recall_confirmation(form),
                seal=_SEAL,
            )
        case _:
            raise Refused(Reason.MALFORMED, "recorded claims cannot be read")


def _recall_confirmation(form: JsonObject) -> Confirmation | None:
    try:
        return confirmation_of(form)
    except Refused as stop:
        raise Refused(Reason.MALFORMED, "recorded claims cannot be read") from stop


def _find_key(header: JsonObject, claims: JsonObject, keys: KeySet, now_ms: int) -> IssuerKey:
    issuer = keys.issuers.get(text_of(claims, "iss"))
    if issuer is None:
        raise Refused(Reason.UNKNOWN_ISSUER, "no issuer of ours")
    key_id = header.get("kid")
    key = issuer.keys.get(key_id) if isinstance(key_id, str) else None
    if key is None:
        raise Refused(Reason.UNKNOWN_KEY, f"issuer `{issuer.issuer}` has no such key")
    if key.until_ms is not None and key.until_ms <= now_ms:
        raise Refused(Reason.UNKNOWN_KEY, f"key `{key.key_id}` was retired, and its time is over")
    return key


def _lineage(claims: JsonObject) -> tuple[str, ...]:
    # RFC 8693 §4.1: prior actors are recorded, never decided upon.
    actors, node = [], claims.get("act")
    while isinstance(node, dict):  # bounded: the claims were parsed with a depth limit
        actors.append(str(node.get("sub")))
        node = node.get("act")
    return tuple(actors)


def _bad(detail: str) -> Refused:
    return Refused(Reason.BAD_CREDENTIAL, detail)
