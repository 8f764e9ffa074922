"""An assertion: a short token that we sign about somebody, for one reader (RFC 7523 §3).

Pure: no I/O, no clock. Its `typ` is `JWT`, and it names no grant: it opens nothing here (RFC 8725 §3.11, §3.12), where
tokens are `at+jwt` and requests have a type of their own.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64

from mediator.canonical import JsonObject, canonical_bytes
from mediator.evidence import Secret
from mediator.identity.dsse import SigningKey


def sign_assertion(
    key: SigningKey,
    *,
    issuer: str,
    subject: str,
    audience: str,
    token_id: str,
    now_ms: int,
    seconds: int,
    more: JsonObject | None = None,
) -> Secret:
    """Return what `issuer` says of `subject` to `audience`, good for so many seconds; `more` are further claims."""
    now = now_ms // 1000
    header: JsonObject = {"alg": "EdDSA", "kid": key.public.keyid, "typ": "JWT"}
    claims: JsonObject = {
        **(more or {}),
        "iss": issuer,
        "sub": subject,
        "aud": audience,
        "iat": now,
        "exp": now + seconds,
        "jti": token_id,
    }
    signed = f"{_encoded(canonical_bytes(header))}.{_encoded(canonical_bytes(claims))}"
    return Secret(f"{signed}.{_encoded(key.sign(signed.encode()))}")


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
