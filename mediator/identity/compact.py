"""A signed token in its compact form (RFC 7515 §7.1), read strictly and written: three parts, one spelling.

Pure: no I/O, no clock. It does not know what a token is for, whose key it is or what the claims must be: that is for
whoever asks (`token.py`, `signed_request.py`, `client_assertion.py`). Rules:

- Each part is canonical base64url, else two texts would be one token. Size and depth are bounded.
- Header and claims are strict JSON objects; a member stands once.
- No header brings a key, names one, or asks for an extension (RFC 8725 §3.10, RFC 7515 §4.1.11).

Whatever is wrong is `BAD_CREDENTIAL`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from mediator.canonical import JsonLimits, JsonObject, canonical_bytes, parse_object
from mediator.evidence import Secret
from mediator.identity.dsse import SigningKey
from mediator.refusal import Reason, Refused

_KEY_HEADERS: Final = frozenset({"jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256"})
_PARTS: Final = 3
_CANONICAL: Final = re.compile(  # RFC 4648 §3.5: of a last group that is not whole, the bits that nobody reads are zero
    r"(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?"
)


def parse_compact(token: Secret, limits: JsonLimits) -> tuple[JsonObject, JsonObject]:
    """Return the header and the claims, of which nothing is verified; raises `Refused(BAD_CREDENTIAL)`."""
    parts = take_apart(token, limits.bytes_max)
    try:
        return parse_object(parts.header, limits), parse_object(parts.claims, limits)
    except Refused as error:
        raise _bad(error.detail) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A token, taken apart and not verified: what its header and claims say, what is signed, and the signature over that.

    `head` is the header as it was written: of one client it is the same text each time.
    """

    head: str
    header: bytes
    claims: bytes
    signed: bytes
    signature: bytes


def take_apart(token: Secret, bytes_max: int) -> Parts:
    """Return the parts of a token, each in its one spelling; raises `Refused(BAD_CREDENTIAL)`."""
    text = token.reveal()
    parts = text.split(".", _PARTS) if len(text) <= bytes_max else ()
    if len(parts) != _PARTS:
        raise _bad(f"not a token in three parts of at most {bytes_max // 1024} KiB")
    header, claims, signature = map(_decoded, parts)
    return Parts(
        head=parts[0],
        header=header,
        claims=claims,
        signed=text.rpartition(".")[0].encode("ascii"),
        signature=signature,
    )


def must_bring_nothing(header: JsonObject) -> None:
    """Return if the header neither brings a key nor asks for an extension; raises `Refused(BAD_CREDENTIAL)`."""
    if "crit" in header or _KEY_HEADERS & header.keys():
        raise _bad("the header asks for an extension or brings a key")


def must_be_signed(token: Secret, key: jwt.PyJWK | Ed25519PublicKey, algorithm: str) -> None:
    """Return if the signature is this key's, by this algorithm and no other; raises `Refused(BAD_CREDENTIAL)`."""
    try:
        jwt.PyJWS().decode(token.reveal(), key, algorithms=[algorithm])
    except jwt.PyJWTError as error:
        raise _bad("the signature does not hold") from error


def sign_compact(key: SigningKey, header: JsonObject, claims: JsonObject) -> Secret:
    """Return the token of these parts, signed; `alg` and `kid` are the key's."""
    whole: JsonObject = {**header, "alg": "EdDSA", "kid": key.public.keyid}
    signed = f"{base64url(canonical_bytes(whole))}.{base64url(canonical_bytes(claims))}"
    return Secret(f"{signed}.{base64url(key.sign(signed.encode()))}")


def _decoded(part: str) -> bytes:
    if _CANONICAL.fullmatch(part) is None:
        raise _bad("not base64url, or not its one spelling")
    return base64.urlsafe_b64decode(part + "==")  # whatever is one too many is not looked at


def base64url(raw: bytes) -> str:
    """Return the bytes in base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bad(detail: str) -> Refused:
    return Refused(Reason.BAD_CREDENTIAL, detail)
