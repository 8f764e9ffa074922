"""KeySet: the issuers we trust, their public keys and algorithms.

Pure: keys come in as JSON Web Keys that assembly read from files. A key id is a look-up key and nothing else;
no header of a token ever brings a key of its own. A key that was retired verifies what it signed before, and that until
a given time; who retires one, and for how long it is kept, is said elsewhere.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from mediator.canonical import Digest, Json, JsonObject, canonical_bytes, digest_of
from mediator.identity.dsse import PublicKey
from mediator.identity.roca import is_broken
from mediator.identity.terms import PLAIN, IssuerTerms
from mediator.refusal import Reason, Refused

ALGORITHMS: Final = ("EdDSA", "ES256", "ES384", "PS256", "RS256")
"""What an issuer may be configured with: signatures only (RFC 8725 §3.1), each with keys of its own kind."""

_KEY_KINDS: Final = {"EdDSA": "OKP", "ES256": "EC", "ES384": "EC", "PS256": "RSA", "RS256": "RSA"}
_PUBLIC_MEMBERS: Final = frozenset({"kty", "kid", "use", "key_ops", "alg", "crv", "x", "y", "n", "e"})
_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """When a key signed for the last time, and from when on it verifies nothing more. Milliseconds since 1970 (UTC)."""

    retired_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerKey:
    """One public key of an issuer, good for one algorithm alone; for all that it signs, or for what it signed once."""

    key_id: str
    algorithm: str
    key: jwt.PyJWK
    retirement: Retirement | None = None

    @property
    def until_ms(self) -> int | None:
        """From when on it verifies nothing more; nothing while it is in use."""
        return None if self.retirement is None else self.retirement.until_ms

    def is_same_as(self, other: IssuerKey) -> bool:
        """Tell whether both are the same key of the same algorithm, retired or not."""
        return self.algorithm == other.algorithm and bool(self.key.key == other.key.key)

    def vouches_for(self, issued_at: int, expires_at: int, skew_seconds: int) -> bool:
        """Tell whether a token of these times (in seconds) can be one that this key signed while it was in use.

        INVARIANT: what a retired key vouches for ends, skew and all, before the key does. So an identity that is
        remembered until its token ends is never remembered longer than its key, and no stream outlives it.
        """
        if self.retirement is None:
            return True
        was_in_use = issued_at <= self.retirement.retired_ms // 1000 + skew_seconds
        return was_in_use and (expires_at + skew_seconds) * 1000 <= self.retirement.until_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedIssuer:
    """An issuer whose tokens are looked at, its keys by key id, and on which terms.

    One whose keys cannot be had, or are too old, has none: nobody is believed, and it is known all the same.
    """

    issuer: str
    keys: Mapping[str, IssuerKey]
    terms: IssuerTerms = PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySet:
    """Every issuer we trust, by its `iss`; and a digest that moves when any of it does."""

    issuers: Mapping[str, TrustedIssuer]
    digest: Digest

    def find_key(self, issuer: str, key_id: str) -> IssuerKey | None:
        """Return this issuer's key of this id, if we trust that issuer and it has one."""
        trusted = self.issuers.get(issuer)
        return None if trusted is None else trusted.keys.get(key_id)

    def terms_of(self, issuer: Json) -> IssuerTerms:
        """Return on which terms this issuer's tokens are taken; the plain ones of whom we do not know."""
        trusted = self.issuers.get(issuer) if isinstance(issuer, str) else None
        return PLAIN if trusted is None else trusted.terms


_NONE_RETIRED: Final[Mapping[str, Mapping[str, Retirement]]] = MappingProxyType({})


_PLAIN_TERMS: Final[Mapping[str, IssuerTerms]] = MappingProxyType({})


def key_set(
    issuers: Mapping[str, tuple[JsonObject | None, tuple[str, ...]]],
    retired: Mapping[str, Mapping[str, Retirement]] = _NONE_RETIRED,
    terms: Mapping[str, IssuerTerms] = _PLAIN_TERMS,
) -> KeySet:
    """Return the key set of `{iss: (JWK set, algorithms)}` (RFC 7517 §5), None for a set that cannot be had now.

    `retired` says which keys are, by issuer and key id; `terms` is of those issuers that have their own.

    Raises `Refused(BAD_CREDENTIAL)` for a set that is empty, holds a private or symmetric key, an unknown
    algorithm, or a key id twice, and for a retirement of no key in it: a broken key set trusts nobody.
    """
    if strangers := sorted(set(retired) - set(issuers)):
        raise _bad(strangers[0], "keys of it were retired, and it is no issuer of ours")
    trusted = {
        name: replace(_issuer(name, *given, retired.get(name, {})), terms=terms.get(name, PLAIN))
        for name, given in issuers.items()
    }
    form: JsonObject = {name: [keys, list[Json](algorithms)] for name, (keys, algorithms) in issuers.items()}
    if any(retired.values()):  # without any, the digest is that of the keys alone
        form = {
            "keys": form,
            "retired": {
                name: {key_id: [one.retired_ms, one.until_ms] for key_id, one in keys.items()}
                for name, keys in retired.items()
            },
        }
    own: JsonObject = {name: one.form() for name, one in terms.items() if one != PLAIN}
    if own:
        form = {"of": form, "terms": own}
    return KeySet(issuers=trusted, digest=digest_of(form))


def without_keys(keys: KeySet, issuer: str) -> KeySet:
    """Return the key set in which nobody of this issuer is believed; the issuer is known as before."""
    trusted = keys.issuers.get(issuer)
    if trusted is None:
        return keys
    left = {**keys.issuers, issuer: replace(trusted, keys={})}
    return KeySet(issuers=left, digest=digest_of({"of": keys.digest, "without": issuer}))


def published_keys(key_forms: JsonObject, algorithms: tuple[str, ...]) -> JsonObject:
    """Return the keys of a published set that can sign for these algorithms, less what is published for other purposes.

    RFC 7517 §5: keys that are not understood, or are for something else (`use`, `key_ops`, `alg`), are left out. A private
    key is not: a set that holds one is refused whole by `key_set`, as whoever publishes it may have lost the others too.
    """
    forms = key_forms.get("keys")
    if not isinstance(forms, list):
        return key_forms
    signing: list[Json] = []
    for form in forms:
        if not isinstance(form, dict):
            signing.append(form)
        elif _may_sign(form, algorithms):
            signing.append({name: value for name, value in form.items() if name in _PUBLIC_MEMBERS | _PRIVATE_MEMBERS})
    # In one order: what is published in another, or with other certificates, is the same set.
    return {"keys": sorted(signing, key=canonical_bytes)}


def _may_sign(form: JsonObject, algorithms: tuple[str, ...]) -> bool:
    if _PRIVATE_MEMBERS & form.keys():
        return True  # and is refused for it
    operations = form.get("key_ops", ["verify"])
    return (
        form.get("use", "sig") == "sig"
        and (not isinstance(operations, list) or "verify" in operations)
        and form.get("kty") in [_KEY_KINDS[algorithm] for algorithm in algorithms]  # a list: it may be anything
        and form.get("alg", algorithms[0]) in algorithms
    )


def _issuer(
    name: str, key_forms: JsonObject | None, algorithms: tuple[str, ...], retired: Mapping[str, Retirement]
) -> TrustedIssuer:
    if not algorithms or (unknown := sorted(set(algorithms) - set(ALGORITHMS))):
        named = ", ".join(unknown) if algorithms else "none"
        raise _bad(name, f"algorithms must be among {', '.join(ALGORITHMS)}; found {named}")
    if key_forms is None:
        return TrustedIssuer(issuer=name, keys={})
    forms = key_forms.get("keys")
    if not isinstance(forms, list) or not forms:
        raise _bad(name, "the key file must hold a non-empty `keys` list (RFC 7517 §5)")
    keys: dict[str, IssuerKey] = {}
    for form in forms:
        key = _key(name, form, algorithms)
        if key.key_id in keys:
            raise _bad(name, f"key id `{key.key_id}` stands twice")
        keys[key.key_id] = key
    if missing := sorted(set(retired) - set(keys)):
        raise _bad(name, f"key `{missing[0]}` was retired, and is not among its keys")
    keys = {key_id: replace(key, retirement=retired.get(key_id)) for key_id, key in keys.items()}
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
    if (weakness := _weakness_of(key)) is not None:
        raise _bad(name, f"key `{key_id}` {weakness}")
    return IssuerKey(key_id=key_id, algorithm=algorithm, key=key)


def is_strong(key: jwt.PyJWK) -> bool:
    """Tell whether a key is as strong as its algorithm wants, on the one curve served, and of a sound generator."""
    return _weakness_of(key) is None


def _weakness_of(key: jwt.PyJWK) -> str | None:
    if weakness := key.Algorithm.check_key_length(key.key):  # RSA below 2048 bits (RFC 7518 §3.3)
        return f"is too short: {weakness}"
    if isinstance(key.key, RSAPublicKey) and is_broken(key.key.public_numbers().n):
        return "was made by a generator that is broken (CVE-2017-15361): its private half is no secret"
    if key.key_type != "OKP":
        return None
    if not isinstance(key.key, Ed25519PublicKey):
        return "is not Ed25519, the one curve served for `EdDSA`"
    try:
        PublicKey(raw=key.key.public_bytes_raw())
    except Refused as error:
        return f"is weak: {error.detail}"
    return None


def _bad(name: str, detail: str) -> Refused:
    return Refused(Reason.BAD_CREDENTIAL, f"keys of issuer `{name}`: {detail}")
