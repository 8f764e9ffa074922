"""A signed request: a token of a minute that somebody makes with their own key to ask one thing, once.

Pure: no I/O, no clock. For those who hold a key and no credential: a publisher asks what became of a manifest. It is a
JSON Web Token of a type of its own, so that it passes for no access token and none passes for it (RFC 8725 §3.11).
The order of checks:

1. form: three canonical base64url parts of bounded size, a strict JSON header and claims
2. header: `typ` and `alg` are these, no `crit`, no key brought along; `kid` is a key that the reader knows
3. signature; `iss` is the name of that key's holder
4. time: `iat` and `exp` are at most a minute apart, and now lies between them, give or take the skew
5. audience: exactly what is asked

That a token is used once is for the caller to see to, who remembers `token_id` until it has expired.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from typing import Final, final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from mediator.canonical import JsonLimits, JsonObject
from mediator.evidence import Seal, Secret
from mediator.identity.compact import must_be_signed, parse_compact, sign_compact
from mediator.identity.dsse import PublicKey, SigningKey
from mediator.refusal import Reason, Refused

_SEAL: Final = Seal("mediator.identity.signed_request")

TYPE: Final = "mcp-mediator-request+jwt"
LIFE_SECONDS: Final = 60
SKEW_SECONDS: Final = 30  # the house's one figure for skew
_LIMITS: Final = JsonLimits(bytes_max=4096, depth_max=4)
_HEADER: Final = {"alg", "kid", "typ"}
_TOKEN_ID_MAX: Final = 64


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """That the holder of this key asked for this, within the last minute."""

    keyid: str
    signer: str
    token_id: str
    issued_ms: int
    forgotten_ms: int
    """From then on the token is refused for its age, and need not be remembered."""
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)


def sign_request(key: SigningKey, signer: str, audience: str, token_id: str, now_ms: int) -> Secret:
    """Return the token with which this signer asks for what stands at `audience`."""
    now = now_ms // 1000
    claims: JsonObject = {"iss": signer, "aud": audience, "iat": now, "exp": now + LIFE_SECONDS, "jti": token_id}
    return sign_compact(key, {"typ": TYPE}, claims)


def verify_signed_request(
    token: Secret, keys: Mapping[str, PublicKey], names: Mapping[str, str], audiences: frozenset[str], now_ms: int
) -> SignedRequest:
    """Return who asks, if all of the token holds now. `keys` and `names` are by key id.

    Raises `Refused`: `BAD_CREDENTIAL`, `UNKNOWN_KEY`, `EXPIRED_CREDENTIAL`, `WRONG_AUDIENCE`; nothing else.
    """
    # 1. form
    header, claims = parse_compact(token, _LIMITS)

    # 2. header
    keyid = header.get("kid")
    if header.keys() != _HEADER or header["typ"] != TYPE or header["alg"] != "EdDSA" or not isinstance(keyid, str):
        raise _bad(f"the header must be `alg` EdDSA, `typ` {TYPE} and `kid`, and nothing else")
    key = keys.get(keyid)
    if key is None:
        raise Refused(Reason.UNKNOWN_KEY, "signed with a key that is not a known signer's")

    # 3. signature, issuer
    must_be_signed(token, Ed25519PublicKey.from_public_bytes(key.raw), "EdDSA")
    match claims:
        case {
            "iss": str(issuer),
            "aud": str(audience),
            "iat": int(iat),
            "exp": int(exp),
            "jti": str(token_id),
            **rest,
        } if not rest and bool not in {type(iat), type(exp)} and 0 < len(token_id) <= _TOKEN_ID_MAX:
            pass
        case _:
            raise _bad(
                f"expected `iss`, `aud`, `iat`, `exp`, a `jti` of 1 to {_TOKEN_ID_MAX} characters, no other claim"
            )
    if issuer != names[keyid]:
        raise _bad("`iss` is not the name of the signer whose key this is")

    # 4. time
    now = now_ms // 1000
    if not 0 < exp - iat <= LIFE_SECONDS:
        raise _bad(f"`exp` must be at most {LIFE_SECONDS} seconds after `iat`")
    if iat > now + SKEW_SECONDS:
        raise _bad("made in the future: set the clock")
    if exp + SKEW_SECONDS <= now:
        raise Refused(Reason.EXPIRED_CREDENTIAL, "expired: make another for each request, and set the clock")

    # 5. audience
    if audience not in audiences:
        raise Refused(Reason.WRONG_AUDIENCE, "`aud` is not the address that is asked")

    return SignedRequest(
        keyid=keyid,
        signer=issuer,
        token_id=token_id,
        issued_ms=iat * 1000,
        forgotten_ms=(exp + SKEW_SECONDS) * 1000,
        seal=_SEAL,
    )


def _bad(detail: str) -> Refused:
    return Refused(Reason.BAD_CREDENTIAL, detail)
