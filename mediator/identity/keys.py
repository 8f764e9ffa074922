"""KeySet: the issuers we trust, their public keys and algorithms.

Pure: keys come in as JSON Web Keys that assembly read from files. A key id is a look-up key and nothing else;
no header of a token ever brings a key of its own.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from mediator.canonical import Digest, Json, JsonObject, digest_of
from mediator.identity.dsse import PublicKey
from mediator.refusal import Reason, Refused

ALGORITHMS: Final = ("EdDSA", "ES256", "ES384", "PS256", "RS256")
"""What an issuer may be configured with: signatures only (RFC 8725 §3.1), each with keys of its own kind."""

_KEY_KINDS: Final = {"EdDSA": "OKP", "ES256": "EC", "ES384": "EC", "PS256": "RSA", "RS256": "RSA"}
_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerKey:
    """One public key of an issuer, good for one algorithm alone."""

    key_id: str
    algorithm: str
    key: jwt.PyJWK


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedIssuer:
    """An issuer whose tokens are looked at, and its keys by key id."""

    issuer: str
    keys: Mapping[str, IssuerKey]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySet:
    """Every issuer we trust, by its `iss`; and a digest that moves when any of it does."""

    issuers: Mapping[str, TrustedIssuer]
    digest: Digest


def key_set(issuers: Mapping[str, tuple[JsonObject, tuple[str, ...]]]) -> KeySet:
    """Return the key set of `{iss: (JWK set, algorithms)}` (RFC 7517 §5).

    Raises `Refused(BAD_CREDENTIAL)` for a set that is empty, holds a private or symmetric key, an unknown
    algorithm, or a key id twice: a broken key set trusts nobody.
    """
    trusted = {name: _issuer(name, keys, algorithms) for name, (keys, algorithms) in issuers.items()}
    form: JsonObject = {name: [keys, list[Json](algorithms)] for name, (keys, algorithms) in issuers.items()}
    return KeySet(issuers=trusted, digest=digest_of(form))


def _issuer(name: str, key_forms: JsonObject, algorithms: tuple[str, ...]) -> TrustedIssuer:
    if not algorithms or (unknown := sorted(set(algorithms) - set(ALGORITHMS))):
        named = ", ".join(unknown) if algorithms else "none"
        raise _bad(name, f"algorithms must be among {', '.join(ALGORITHMS)}; found {named}")
    forms = key_forms.get("keys")
    if not isinstance(forms, list) or not forms:
        raise _bad(name, "the key file must hold a non-empty `keys` list (RFC 7517 §5)")
    keys: dict[str, IssuerKey] = {}
    for form in forms:
        key = _key(name, form, algorithms)
        if key.key_id in keys:
            raise _bad(name, f"key id `{key.key_id}` stands twice")
        keys[key.key_id] = key
    return TrustedIssuer(issuer=name, keys=keys)


def _key(name: str, form: Json, algorithms: tuple[str, ...]) -> IssuerKey:
    if not isinstance(form, dict):
        raise _bad(name, "a key is not an object")
    key_id, kind = form.get("kid"), form.get("kty")
    if not isinstance(key_id, str) or not key_id:
        raise _bad(name, "every key needs a `kid`")
    if _PRIVATE_MEMBERS & form.keys():
        raise _bad(name, f"key `{key_id}` is private or symmetric; only public keys belong here")
    if form.get("use", "sig") != "sig":
        raise _bad(name, f"key `{key_id}` is not for signatures (`use`)")
    operations = form.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise _bad(name, f"key `{key_id}` is not for verifying (`key_ops`)")
    fitting = [algorithm for algorithm in algorithms if _KEY_KINDS[algorithm] == kind]
    # Where the key does not say it, the issuer's settings must leave one algorithm for its kind.
    algorithm = form.get("alg") if "alg" in form else (fitting[0] if len(fitting) == 1 else None)
    if not isinstance(algorithm, str) or algorithm not in fitting:
        raise _bad(name, f"key `{key_id}` needs an `alg` of its kind among {', '.join(algorithms)}")
    try:
        key = jwt.PyJWK(form, algorithm=algorithm)
        key.Algorithm.prepare_key(key.key)  # the curve is the algorithm's own
    except jwt.PyJWTError as error:
        raise _bad(name, f"key `{key_id}` cannot be read, or is not of the kind that `{algorithm}` wants") from error
    _must_be_strong(name, key_id, key)
    return IssuerKey(key_id=key_id, algorithm=algorithm, key=key)


def _must_be_strong(name: str, key_id: str, key: jwt.PyJWK) -> None:
    if weakness := key.Algorithm.check_key_length(key.key):  # RSA below 2048 bits (RFC 7518 §3.3)
        raise _bad(name, f"key `{key_id}` is too short: {weakness}")
    if key.key_type != "OKP":
        return
    if not isinstance(key.key, Ed25519PublicKey):
        raise _bad(name, f"key `{key_id}` is not Ed25519, the one curve served for `EdDSA`")
    try:
        PublicKey(raw=key.key.public_bytes_raw())
    except Refused as error:
        raise _bad(name, f"key `{key_id}`: {error.detail}") from error


def _bad(name: str, detail: str) -> Refused:
    return Refused(Reason.BAD_CREDENTIAL, f"keys of issuer `{name}`: {detail}")
