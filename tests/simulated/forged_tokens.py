"""An issuer with one key, which signs whatever it is told to: good tokens, and every kind of bad one.

It checks nothing: what a real issuer would never write is what the verifier must refuse.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Final

from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.evidence import Secret
from mediator.identity.dsse import SigningKey
from mediator.identity.keys import KeySet, key_set

ISSUER: Final = "https://mediator.example/issuer"
AUDIENCE: Final = "https://mediator.example"
NOW_MS: Final = 1_790_000_000_000
NOW: Final = NOW_MS // 1000
SKEW: Final = 30
KEY: Final = SigningKey.generate()


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def jwk_of(key: SigningKey, **members: Json) -> JsonObject:
    """Return the key's public half as a JSON Web Key (RFC 8037 §2), with members changed or added."""
    form: JsonObject = {
        "kty": "OKP",
        "crv": "Ed25519",
        "alg": "EdDSA",
        "use": "sig",
        "kid": key.public.keyid,
        "x": base64url(key.public.raw),
    }
    return form | members


def trusting(*keys: JsonObject, issuer: str = ISSUER, algorithms: tuple[str, ...] = ("EdDSA",)) -> KeySet:
    return key_set({issuer: ({"keys": list[Json](keys)}, algorithms)})


KEYS: Final = trusting(jwk_of(KEY))


def good_header(**members: Json) -> JsonObject:
    header: JsonObject = {"alg": "EdDSA", "typ": "at+jwt", "kid": KEY.public.keyid}
    return header | members


def good_claims(**members: Json) -> JsonObject:
    claims: JsonObject = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "planner",
        "exp": NOW + 300,
        "iat": NOW - 10,
        "jti": "0" * 32,
        "grant": "g-1",
    }
    return claims | members


def without(form: JsonObject, *names: str) -> JsonObject:
    return {name: value for name, value in form.items() if name not in names}


def forge(
    header: JsonObject | bytes | None = None,
    claims: JsonObject | bytes | None = None,
    sign: Callable[[bytes], bytes] = KEY.sign,
) -> Secret:
    """Return a token of these parts, as bytes where their JSON is to be broken too."""
    parts = [good_header() if header is None else header, good_claims() if claims is None else claims]
    encoded = [base64url(part if isinstance(part, bytes) else canonical_bytes(part)) for part in parts]
    signed = ".".join(encoded)
    return Secret(f"{signed}.{base64url(sign(signed.encode()))}")
