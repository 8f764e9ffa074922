"""Platforms that vouch for workloads: a SPIFFE trust domain, a Kubernetes cluster, a CI provider; each with a key of its own.

    spire = SpiffeAuthority("prod.example")
    spire.bundle()                                    # a trust bundle, as a server writes it
    spire.svid("/ns/agents/planner", audience, now)   # a JWT-SVID
    cluster = OidcPlatform(CLUSTER)
    cluster.issue(service_account("agents", "planner"), audience, now)
    OidcPlatform(CI).issue(pipeline("acme/app"), audience, now)

They check nothing, and put into a token whatever a test says.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from mediator.canonical import Json, JsonObject
from mediator.evidence import Secret
from tests.simulated.forged_tokens import base64url, forge

CLUSTER: Final = "https://kubernetes.default.svc.cluster.local"
CI: Final = "https://ci.example.com"
P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_BYTES: Final = 32
Sign = Callable[[bytes], bytes]


@dataclass(slots=True)
class EcKey:
    """A P-256 key, which signs as ES256 has it (RFC 7518 §3.4)."""

    key_id: str = "ec-1"
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def sign(self, message: bytes) -> bytes:
        r, s = decode_dss_signature(self.private.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(_BYTES, "big") + s.to_bytes(_BYTES, "big")

    def jwk(self, **members: Json) -> JsonObject:
        form: JsonObject = json.loads(ECAlgorithm.to_jwk(self.private.public_key()))
        return {name: form[name] for name in ("kty", "crv", "x", "y")} | {"kid": self.key_id} | members


@dataclass(slots=True)
class RsaKey:
    """An RSA key, which signs as RS256 has it."""

    key_id: str = "rsa-1"
    private: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())

    def jwk(self, **members: Json) -> JsonObject:
        form: JsonObject = json.loads(RSAAlgorithm.to_jwk(self.private.public_key()))
        return {name: form[name] for name in ("kty", "n", "e")} | {"kid": self.key_id} | members


def other_signature(token: Secret) -> Secret:
    """Return the same ES256 token with its signature's other spelling, which anybody can make: (r, n - s)."""
    signed, _, signature = token.reveal().rpartition(".")
    raw = _decoded(signature)
    s = int.from_bytes(raw[_BYTES:], "big")
    return Secret(f"{signed}.{base64url(raw[:_BYTES] + (P256_ORDER - s).to_bytes(_BYTES, 'big'))}")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(slots=True)
class SpiffeAuthority:
    """A trust domain, which signs JWT-SVIDs; its bundle holds a certificate authority too, as bundles do."""

    trust_domain: str
    key: EcKey = field(default_factory=EcKey)

    def bundle(self, *more: JsonObject) -> JsonObject:
        return {
            "keys": [
                EcKey("x509").jwk(use="x509-svid", x5c=["MIIB"]),
                self.key.jwk(use="jwt-svid"),
                *more,
            ],
            "spiffe_sequence": 1,
            "spiffe_refresh_hint": 300,
        }

    def svid(
        self,
        path: str,
        audience: Json,
        now: int,
        header: JsonObject | None = None,
        sign: Sign | None = None,
        **more: Json,
    ) -> Secret:
        whole: JsonObject = {"alg": "ES256", "kid": self.key.key_id, "typ": "JWT"}
        claims: JsonObject = {
            "sub": f"spiffe://{self.trust_domain}{path}",
            "aud": [audience] if isinstance(audience, str) else audience,
            "iat": now,
            "exp": now + 300,
        }
        return forge(whole | (header or {}), claims | more, sign or self.key.sign)


@dataclass(slots=True)
class OidcPlatform:
    """An OpenID Connect issuer of tokens about workloads."""

    issuer: str
    key: RsaKey = field(default_factory=RsaKey)

    def jwks(self, *more: JsonObject) -> JsonObject:
        return {"keys": [self.key.jwk(use="sig", alg="RS256"), *more]}

    def issue(
        self, claims: JsonObject, audience: Json, now: int, header: JsonObject | None = None, sign: Sign | None = None
    ) -> Secret:
        whole: JsonObject = {"alg": "RS256", "kid": self.key.key_id, "typ": "JWT"}
        said: JsonObject = {"iss": self.issuer, "aud": audience, "iat": now, "nbf": now, "exp": now + 600}
        return forge(whole | (header or {}), said | claims, sign or self.key.sign)


def service_account(namespace: str, name: str) -> JsonObject:
    """Return what a cluster says of a pod's service account (a projected token)."""
    return {
        "sub": f"system:serviceaccount:{namespace}:{name}",
        "kubernetes.io": {
            "namespace": namespace,
            "pod": {"name": f"{name}-0", "uid": "0f3e"},
            "serviceaccount": {"name": name, "uid": "77aa"},
        },
    }


def pipeline(repository: str, ref: str = "refs/heads/main", **more: Json) -> JsonObject:
    """Return what a CI provider says of a job."""
    claims: JsonObject = {
        "sub": f"repo:{repository}:ref:{ref}",
        "repository": repository,
        "ref": ref,
        "environment": "prod",
        "run_attempt": 1,
        "protected": True,
        "jti": "a-job",
    }
    return claims | more
