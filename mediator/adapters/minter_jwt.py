"""Access tokens of the local issuer: a signed name of a stored grant, with a copy of some of it for readers.

It stores nothing and decides nothing: authority is read from the grant at each call, never from a token. The form
is RFC 9068; what verifies it is `identity/token.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence

from mediator.canonical import JsonObject, canonical_bytes
from mediator.delegation.grant import Grant, GrantState
from mediator.evidence import Secret
from mediator.identity.confirmation import CLAIM, Confirmation
from mediator.identity.dsse import PublicKey, SigningKey
from mediator.refusal import Reason, Refused


def mint(
    grant: Grant,
    key: SigningKey,
    *,
    now_ms: int,
    seconds: int,
    above: Sequence[Grant] = (),
    bound_to: Confirmation | None = None,
) -> Secret:
    """Return a token that names this grant, good for that many seconds and never longer than the grant.

    `above` are the links that it was delegated from, root first: written down for readers (`act`). `bound_to` is the key
    without which it is nobody's (RFC 7800 §3.1).

    Raises `Refused(GRANT_EXPIRED)` for a grant that is ended or out of its time.
    """
    life_seconds = min(seconds, (grant.expires_ms - now_ms) // 1000)
    if grant.state is not GrantState.OPEN or life_seconds <= 0:
        raise Refused(Reason.GRANT_EXPIRED, f"grant `{grant.id}` is ended or has no time left")
    now = now_ms // 1000
    header: JsonObject = {"alg": "EdDSA", "kid": key.public.keyid, "typ": "at+jwt"}
    claims: JsonObject = {
        "iss": grant.issuer,
        "aud": grant.audience,
        "sub": grant.agent,
        "client_id": grant.agent,
        "iat": now,
        "exp": now + life_seconds,
        "jti": secrets.token_hex(16),
        "grant": grant.id,
        "txn": grant.root,
        "owner": grant.owner,
        "depth": grant.depth,
        "max_depth": grant.max_depth,
    }
    if above:
        claims["act"] = actors((*above, grant))
    if bound_to is not None:
        claims[CLAIM] = bound_to.form()
    signed = f"{_base64url(canonical_bytes(header))}.{_base64url(canonical_bytes(claims))}"
    return Secret(f"{signed}.{_base64url(key.sign(signed.encode()))}")


def actors(links: Sequence[Grant]) -> JsonObject:
    """Return a chain as nested `act` (RFC 8693 §4.1), the one who acts now outermost: for readers, who decide nothing by it."""
    act: JsonObject = {}
    for link in links:
        act = {"sub": link.agent, "act": act} if act else {"sub": link.agent}
    return act


def jwk_set(*keys: PublicKey) -> JsonObject:
    """Return the keys as a JWK set (RFC 7517 §5, RFC 8037 §2): what `identity/keys.py` trusts the issuer by."""
    return {
        "keys": [
            {
                "alg": "EdDSA",
                "crv": "Ed25519",
                "kid": key.keyid,
                "kty": "OKP",
                "use": "sig",
                "x": _base64url(key.raw),
            }
            for key in keys
        ]
    }


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
