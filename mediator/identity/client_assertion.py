"""A client assertion: a token of minutes by which an agent proves itself with its own key (RFC 7523, RFC 7521 §4.2).

Pure: no I/O, no clock. It is a JSON Web Token that never passes for an access token, nor one for it (RFC 8725 §3.11).
The order of checks:

1. form: three canonical base64url parts of bounded size, a strict JSON header and claims
2. header: `typ` is absent, `JWT` or that of client authentication; `alg` is EdDSA; no `crit`, no key brought along
3. `iss` and `sub` are one name, an agent's; `kid`, where there is one, is its key's (libraries may leave it out);
   the signature is that key's
4. time: `exp` is ahead, by five minutes at most; `nbf` and `iat`, where there are any, are not; all within the skew
5. audience: ours and nobody else's (draft-ietf-oauth-rfc7523bis): who else receives it could come with it first
6. `jti`, by which it is used once; `grant`, where there is one: the grant under which this agent agrees to act; `cnf`,
   where there is one: by which key it will prove its token there, if not by the one that signs

That an assertion is used once is for the caller to see to, who remembers the agent and `token_id` until `expires_ms`.
The same form is the workload credential of a delegatee, as the `actor_token` of an exchange.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from typing import Final, final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from mediator.canonical import Digest, JsonLimits, JsonObject
from mediator.evidence import Seal, Secret
from mediator.identity.claims import audience_of, seconds_of, text_of
from mediator.identity.compact import must_be_signed, must_bring_nothing, parse_compact, sign_compact
from mediator.identity.confirmation import CLAIM, Confirmation, confirmation_of
from mediator.identity.dsse import PublicKey, SigningKey
from mediator.identity.proof import thumbprint_of
from mediator.identity.token import digest_of_credential
from mediator.refusal import Reason, Refused

_SEAL: Final = Seal("mediator.identity.client_assertion")

SESSION: Final = "#stdio"
"""What stands behind our name as the audience of an assertion that opens a session, which no other one does (RFC 8725 §3.12)."""

TYPE: Final = "client-authentication+jwt"  # draft-ietf-oauth-rfc7523bis
LIFE_SECONDS_MAX: Final = 300  # what the protocol's own SDK makes; RFC 7523 §3 lets one that lives longer be refused
_LIFE_SECONDS: Final = 60
_TYPES: Final = frozenset({"jwt", TYPE})
_LIMITS: Final = JsonLimits(bytes_max=16 * 1024, depth_max=8)
_TEXT_MAX: Final = 128
_NOBODY: Final = "not signed with the key of the agent that it names"  # which of the two is amiss is nobody's business


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedAssertion:
    """That this agent, by its own key, asks us something, now; `grant` is what it agrees to act under, if it says so.

    `jkt` is the key of its proofs, by its own word: whoever else asks for its token has no other one to name.
    """

    agent: str
    keyid: str
    token_id: str
    expires_ms: int
    """From then on the assertion is refused for its age, and need not be remembered."""
    grant: str | None
    jkt: str
    digest: Digest
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)


def sign_client_assertion(
    key: SigningKey,
    agent: str,
    audience: str,
    token_id: str,
    now_ms: int,
    *,
    grant: str | None = None,
    jkt: str | None = None,
) -> Secret:
    """Return the assertion with which this agent proves itself to `audience`, an issuer, for a minute.

    `jkt` names the key of its proofs, where that is another than the one that signs this.
    """
    now = now_ms // 1000
    claims: JsonObject = {
        "iss": agent,
        "sub": agent,
        "aud": audience,
        "iat": now,
        "exp": now + _LIFE_SECONDS,
        "jti": token_id,
    }
    if grant is not None:
        claims["grant"] = grant
    if jkt is not None:
        claims[CLAIM] = Confirmation(jkt=jkt).form()
    return sign_compact(key, {"typ": TYPE}, claims)


def claimed_key(token: Secret) -> tuple[str | None, str | None]:
    """Return the agent and the key id that this assertion claims, of which nothing is verified.

    Raises `Refused(BAD_CREDENTIAL)` for what is no token.
    """
    header, claims = parse_compact(token, _LIMITS)
    agent, keyid = claims.get("sub"), header.get("kid")
    return (agent if isinstance(agent, str) else None), (keyid if isinstance(keyid, str) else None)


def verify_client_assertion(
    token: Secret, keys: Mapping[str, PublicKey], audiences: frozenset[str], now_ms: int, skew_seconds: int
) -> VerifiedAssertion:
    """Return which agent this is, if all of the assertion holds now. `keys` are by the agent's name.

    Raises `Refused`: `BAD_CREDENTIAL`, `UNKNOWN_KEY`, `EXPIRED_CREDENTIAL`, `WRONG_AUDIENCE`; nothing else. What it
    says as `sentence` is ours to tell the client.
    """
    try:
        return _verified(token, keys, audiences, now_ms, skew_seconds)
    except Refused as stop:
        sentence = f"the assertion is refused: {stop.sentence or stop.detail}"
        raise Refused(stop.reason, stop.detail, sentence=sentence, remedy=stop.remedy) from stop


def _verified(
    token: Secret, keys: Mapping[str, PublicKey], audiences: frozenset[str], now_ms: int, skew_seconds: int
) -> VerifiedAssertion:
    # 1. form
    header, claims = parse_compact(token, _LIMITS)

    # 2. header
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise _bad(f"`typ` is neither absent nor JWT nor {TYPE}")
    if header.get("alg") != "EdDSA":
        raise _bad("`alg` is not EdDSA")
    must_bring_nothing(header)

    # 3. whose
    agent = text_of(claims, "sub")
    if text_of(claims, "iss") != agent:  # RFC 7523 §3: of a client both are its id
        raise _bad("`iss` and `sub` are not the same agent")
    key = keys.get(agent)
    if key is None or ("kid" in header and header["kid"] != key.keyid):
        detail = "no agent of that name has a key" if key is None else "`kid` is not the key of that agent"
        raise Refused(Reason.UNKNOWN_KEY, detail, sentence=_NOBODY)
    try:
        must_be_signed(token, Ed25519PublicKey.from_public_bytes(key.raw), "EdDSA")
    except Refused as stop:
        raise Refused(stop.reason, stop.detail, sentence=_NOBODY) from stop

    # 4. time
    now = now_ms // 1000
    expires = _must_hold_now(claims, now, skew_seconds)

    # 5. audience
    if not audiences.issuperset(audience_of(claims)):
        remedy = "`aud` is the issuer, as its metadata names it, and nobody else"
        raise Refused(Reason.WRONG_AUDIENCE, "it was made for somebody else, or for others too", remedy=remedy)

    return VerifiedAssertion(
        agent=agent,
        keyid=key.keyid,
        # 6. once, and for what
        token_id=_printable(claims, "jti"),
        expires_ms=(expires + skew_seconds) * 1000,
        grant=_printable(claims, "grant") if "grant" in claims else None,
        jkt=_key_of_proofs(claims, key),
        digest=digest_of_credential(token),
        seal=_SEAL,
    )


def _must_hold_now(claims: JsonObject, now: int, skew_seconds: int) -> int:
    """Return when it expires."""
    expires = seconds_of(claims, "exp")
    if expires + skew_seconds <= now:
        remedy = "make another for each request, and set the clock"
        raise Refused(Reason.EXPIRED_CREDENTIAL, f"it expired {now - expires} s ago", remedy=remedy)
    if expires > now + LIFE_SECONDS_MAX + skew_seconds:
        raise _bad(f"`exp` is more than {LIFE_SECONDS_MAX} seconds ahead")
    if "nbf" in claims and seconds_of(claims, "nbf") > now + skew_seconds:
        raise _bad("it is not valid yet (`nbf`)")
    if "iat" in claims and not seconds_of(claims, "iat") <= min(now + skew_seconds, expires):
        raise _bad("it was issued in the future, or after it had expired (`iat`)")
    return expires


def _key_of_proofs(claims: JsonObject, key: PublicKey) -> str:
    bound_to = confirmation_of(claims)
    if bound_to is None:
        return thumbprint_of(key)
    if bound_to.jkt is None or bound_to.certificate is not None:
        raise _bad(f"`{CLAIM}` of an assertion names the key of DPoP proofs (`jkt`), and nothing else")
    return bound_to.jkt


def _printable(claims: JsonObject, name: str) -> str:
    text = text_of(claims, name)
    if len(text) > _TEXT_MAX or not text.isascii() or not text.isprintable():
        raise _bad(f"the claim `{name}` is not 1 to {_TEXT_MAX} printable ASCII characters")
    return text


def _bad(detail: str) -> Refused:
    return Refused(Reason.BAD_CREDENTIAL, detail)
