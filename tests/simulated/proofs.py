"""Clients that prove a key of their own (RFC 9449), honest and not; and the memory that the mediator keeps of proofs.

    key = ProvingKey()                                        # or ProvingKey("ES256")
    key.proof(url="http://127.0.0.1:8080/mcp", token=token)   # good, but for what is said otherwise: jti, htm, htu, ath, ...
    key.shown(...)                                            # the same, as it arrives

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from mediator.canonical import Json, JsonObject
from mediator.evidence import Secret
from mediator.identity.nonce import Nonces
from mediator.identity.proof import Shown
from mediator.mediation.key_holders import KeyHolders
from mediator.mediation.proofs import Proofs
from tests.simulated.forged_tokens import NOW

_NUMBERS: Final = itertools.count()


class UsedInMemory:
    """Remembers for as long as it lives."""

    def __init__(self) -> None:
        self.used: dict[str, int] = {}

    def use_once(self, key: str, until_ms: int, now_ms: int) -> bool:
        assert now_ms < until_ms
        return self.used.setdefault(key, until_ms) is until_ms


def proofs_of(
    used: UsedInMemory | None = None, known: Mapping[str, str] | None = None, nonces: Nonces | None = None
) -> Proofs:
    """Return where proofs are seen to, over this memory."""
    return Proofs(used or UsedInMemory(), KeyHolders(known or {}, lambda *_: None), nonces)


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class ProvingKey:
    """A client's key, made now, and the proofs that it signs."""

    def __init__(self, algorithm: str = "EdDSA", seed: bytes | None = None) -> None:
        self.algorithm = algorithm
        if algorithm == "EdDSA":
            self._ed = (
                ed25519.Ed25519PrivateKey.generate()
                if seed is None
                else ed25519.Ed25519PrivateKey.from_private_bytes(seed)
            )
            x = self._ed.public_key().public_bytes_raw()
            self.jwk: JsonObject = {"kty": "OKP", "crv": "Ed25519", "x": base64url(x)}
        else:
            self._ec = ec.generate_private_key(ec.SECP256R1())
            numbers = self._ec.public_key().public_numbers()
            self.jwk = {
                "kty": "EC",
                "crv": "P-256",
                "x": base64url(numbers.x.to_bytes(32, "big")),
                "y": base64url(numbers.y.to_bytes(32, "big")),
            }

    @property
    def thumbprint(self) -> str:
        """RFC 7638, written down here a second time: JSON with sorted keys and no spaces."""
        text = json.dumps(self.jwk, sort_keys=True, separators=(",", ":"))
        return base64url(hashlib.sha256(text.encode()).digest())

    def sign(self, signed: bytes) -> bytes:
        if self.algorithm == "EdDSA":
            return self._ed.sign(signed)
        r, s = decode_dss_signature(self._ec.sign(signed, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def proof(
        self,
        *,
        url: str,
        token: str | None = None,
        method: str = "POST",
        now: int = NOW,
        header: JsonObject | None = None,
        **claims: Any,
    ) -> str:
        """Return a proof for this request; a claim of `...` is left out."""
        said: dict[str, Json] = {"jti": f"proof-{next(_NUMBERS)}", "htm": method, "htu": url, "iat": now}
        if token is not None:
            said["ath"] = base64url(hashlib.sha256(token.encode()).digest())
        for name, value in claims.items():
            said.pop(name, None)
            if value is not ...:
                said[name] = value
        head = {"typ": "dpop+jwt", "alg": self.algorithm, "jwk": self.jwk} | (header or {})
        signed = f"{base64url(json.dumps(head).encode())}.{base64url(json.dumps(said).encode())}"
        return f"{signed}.{base64url(self.sign(signed.encode()))}"

    def shown(self, *, url: str, token: str | None = None, method: str = "POST", **told: Any) -> Shown:
        """Return what arrives with such a proof."""
        proof = self.proof(url=url, token=token, method=method, **told)
        return Shown(proofs=(Secret(proof),), is_dpop=token is not None, method=method, url=url)
