"""Dead Simple Signing Envelopes, read strictly: one payload and its signatures have exactly one spelling.

Pure: no I/O, no clock. It does not know what a payload means (`statement.py`, `manifest/signature.py`), and it
decides nothing about who may sign what. The only file that touches `securesystemslib`. Rules:

- An envelope is its own RFC 8785 form: three members, canonical base64, one signature a key, in order of key id.
- The payload is its own RFC 8785 form too, and an object.
- Every signature in it must hold, by a key that the reader knows. One that does not is a refusal even beside one
  that does: so every flipped bit is refused, also in a signature that the threshold would not need.
- Keys are Ed25519, written `ed25519:` and 43 characters of base64url. A key id is the SHA-256 of the raw public
  key, 64 hexadecimal digits. A key of small order is none: it would vouch for anything.

Form that is wrong is `MALFORMED`, a signer that nobody knows `UNKNOWN_KEY`, a signature that does not hold
`BAD_CREDENTIAL`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import InitVar, dataclass
from typing import Final, Self, final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import Signature, SSlibKey  # type: ignore[attr-defined]  # re-exported

from mediator.canonical import (
    DEFAULT_LIMITS,
    Digest,
    Json,
    JsonLimits,
    JsonObject,
    canonical_bytes,
    digest_of_bytes,
    parse_object,
)
from mediator.evidence import Seal, Secret
from mediator.identity.key_text import read_key, write_key
from mediator.refusal import Reason, Refused

_SEAL: Final = Seal("mediator.identity.dsse")

_KEY_PREFIX: Final = "ed25519:"
_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64
_KEYID: Final = re.compile(r"[0-9a-f]{64}")
_FIELD: Final = 2**255 - 19
_ORDER_EIGHT: Final = int("05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826", 16)
# The y coordinates of all points of small order on edwards25519 (RFC 8032 §5.1): the list that libsodium refuses.
_SMALL_ORDER: Final = frozenset({0, 1, _FIELD - 1, _ORDER_EIGHT, _FIELD - _ORDER_EIGHT})
# Base64 takes a third more room than what it carries.
_ENVELOPE_LIMITS: Final = JsonLimits(bytes_max=DEFAULT_LIMITS.bytes_max * 4 // 3 + 4096, depth_max=8)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """Somebody's Ed25519 public key."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != _KEY_BYTES:
            raise _malformed(f"a public key of {len(self.raw)} bytes where {_KEY_BYTES} were expected")
        if (int.from_bytes(self.raw, "little") & (2**255 - 1)) % _FIELD in _SMALL_ORDER:
            raise _malformed("a public key of small order, which would vouch for anything: make another key")

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read `ed25519:<base64url>`, in its one spelling."""
        try:
            raw = base64.b64decode(text.removeprefix(_KEY_PREFIX) + "=", altchars=b"-_", validate=True)
        except ValueError:
            raw = b""
        if _key_text(raw) != text:
            raise _malformed("not a public key: expected `ed25519:` and 43 characters of base64url without padding")
        return cls(raw=raw)

    @property
    def text(self) -> str:
        """The key as files write it."""
        return _key_text(self.raw)

    @property
    def keyid(self) -> str:
        """The SHA-256 of the raw key, in hexadecimal."""
        return hashlib.sha256(self.raw).hexdigest()


@final
class SigningKey:
    """Somebody's Ed25519 private key: it signs, prints as nothing, and is not pickled."""

    __slots__ = ("_private", "public")

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private: Final = private
        self.public: Final = PublicKey(raw=private.public_key().public_bytes_raw())

    @classmethod
    def generate(cls) -> Self:
        """Draw a new key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: Secret, passphrase: Secret | None) -> Self:
        """Read a key, locked under a passphrase or not; raises `Refused` as `key_text.read_key` does."""
        return cls(read_key(pem, passphrase))

    def to_pem(self, passphrase: Secret | None) -> Secret:
        """The key as text, locked under the passphrase if there is one."""
        return write_key(self._private, passphrase)

    def sign(self, message: bytes) -> bytes:
        """The signature of these very bytes."""
        return self._private.sign(message)

    def __repr__(self) -> str:
        return f"SigningKey({self.public.keyid[:8]}…)"

    def __reduce__(self) -> str:
        message = "a signing key is not pickled"
        raise TypeError(message)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeSignature:
    """One signature as an envelope carries it; not checked."""

    keyid: str
    value: bytes


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedEnvelope:
    """An envelope in its one spelling. Nothing in it has been verified."""

    payload_type: str
    payload: bytes
    signatures: tuple[EnvelopeSignature, ...]
    raw: bytes


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedPayload:
    """What the named keys signed. That they may sign such a thing is for the caller to say."""

    payload: JsonObject
    raw: bytes
    digest: Digest
    signers: tuple[str, ...]
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)


def parse_envelope(raw: bytes) -> ParsedEnvelope:
    """Read an envelope in its one spelling; raises `Refused` (`MALFORMED`, `BODY_TOO_LARGE`) for any other bytes."""
    envelope = parse_object(raw, _ENVELOPE_LIMITS)
    if canonical_bytes(envelope) != raw:
        raise _malformed("the envelope is not in RFC 8785 form: write it anew by signing again")
    match envelope:
        case {
            "payload": str(payload),
            "payloadType": str(payload_type),
            "signatures": [_, *_] as signatures,
            **rest,
        } if not rest:
            parsed = tuple(_parse_signature(signature, index) for index, signature in enumerate(signatures))
        case _:
            raise _malformed("expected an envelope of `payload`, `payloadType` and at least one of `signatures`")
    if any(one.keyid >= other.keyid for one, other in itertools.pairwise(parsed)):
        raise _malformed("`/signatures`: expected one signature a key, in order of `keyid`")
    payload_bytes = _decode(payload, "/payload")
    return ParsedEnvelope(payload_type=payload_type, payload=payload_bytes, signatures=parsed, raw=raw)


def verify_envelope(
    envelope: ParsedEnvelope, payload_type: str, keys: Mapping[str, PublicKey], threshold: int = 1
) -> VerifiedPayload:
    """Return what was signed, once every signature holds and `threshold` of them are there.

    Raises `Refused`: `MALFORMED`, `UNKNOWN_KEY`, `BAD_CREDENTIAL`; nothing else whatever the envelope.
    """
    if threshold < 1:
        message = "a threshold is at least one: empty is never permission"
        raise ValueError(message)
    # 1. It is the kind of envelope that is asked for: the type is under the signature, so none passes for another.
    if envelope.payload_type != payload_type:
        raise _malformed(f"`/payloadType`: expected `{payload_type}`")
    # 2. We know every key in it.
    for signature in envelope.signatures:
        known = keys.get(signature.keyid)
        if known is None or known.keyid != signature.keyid:
            raise Refused(Reason.UNKNOWN_KEY, f"signed with key `{signature.keyid}`, which is not a known signer")
    # 3. There are enough of them, and each holds.
    if len(envelope.signatures) < threshold:
        raise Refused(Reason.BAD_CREDENTIAL, f"{len(envelope.signatures)} signatures where {threshold} are needed")
    signed = Envelope(envelope.payload, envelope.payload_type, {})
    encoded = signed.pae()
    for signature in envelope.signatures:
        _must_hold(keys[signature.keyid], signature, encoded)
    # 4. What was signed has one reading.
    payload = parse_object(envelope.payload)
    if canonical_bytes(payload) != envelope.payload:
        raise _malformed("`/payload`: what was signed is not in RFC 8785 form")
    return VerifiedPayload(
        payload=payload,
        raw=envelope.payload,
        digest=digest_of_bytes(envelope.payload),
        signers=tuple(signature.keyid for signature in envelope.signatures),
        seal=_SEAL,
    )


def sign_envelope(payload: JsonObject, payload_type: str, signers: Sequence[SigningKey]) -> bytes:
    """Return the bytes of an envelope over the payload's RFC 8785 form, signed by each of the keys."""
    if not signers:
        raise Refused(Reason.NO_CREDENTIAL, "nothing to sign with: name at least one key")
    try:
        envelope = Envelope(canonical_bytes(payload), payload_type, {})
    except ValueError as error:
        raise _malformed("what is to be signed has no RFC 8785 form") from error
    encoded = envelope.pae()
    return _written(payload_type, envelope.payload, {signer.public.keyid: signer.sign(encoded) for signer in signers})


def join_envelopes(one: ParsedEnvelope, other: ParsedEnvelope) -> bytes:
    """Return one envelope with the signatures of both; of a key that signed both, the other's.

    Raises `Refused(MALFORMED)` where they are not of the same. It verifies nothing.
    """
    if (one.payload_type, one.payload) != (other.payload_type, other.payload):
        raise _malformed(
            "what was signed before is not what is signed now: the earlier signatures are of something else"
        )
    signatures = {signature.keyid: signature.value for signature in (*one.signatures, *other.signatures)}
    return _written(one.payload_type, one.payload, signatures)


def keep_signatures(envelope: ParsedEnvelope, keyids: Iterable[str]) -> bytes:
    """Return the envelope with the signatures of these keys alone. It verifies nothing."""
    kept = {one.keyid: one.value for one in envelope.signatures if one.keyid in {*keyids}}
    return _written(envelope.payload_type, envelope.payload, kept)


def _written(payload_type: str, payload: bytes, signatures: Mapping[str, bytes]) -> bytes:
    written: JsonObject = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": payload_type,
        "signatures": [
            {"keyid": keyid, "sig": base64.b64encode(signatures[keyid]).decode()} for keyid in sorted(signatures)
        ],
    }
    return canonical_bytes(written)


def _parse_signature(signature: Json, index: int) -> EnvelopeSignature:
    match signature:
        case {"keyid": str(keyid), "sig": str(sig), **rest} if not rest and _KEYID.fullmatch(keyid):
            value = _decode(sig, f"/signatures/{index}/sig")
        case _:
            raise _malformed(f"`/signatures/{index}`: expected a `keyid` of 64 hexadecimal digits, and `sig`")
    if len(value) != _SIGNATURE_BYTES:
        raise _malformed(f"`/signatures/{index}/sig`: expected {_SIGNATURE_BYTES} bytes")
    return EnvelopeSignature(keyid=keyid, value=value)


def _must_hold(key: PublicKey, signature: EnvelopeSignature, encoded: bytes) -> None:
    try:
        _library_key(key).verify_signature(Signature(signature.keyid, signature.value.hex()), encoded)
    except (UnverifiedSignatureError, VerificationError) as error:
        raise Refused(Reason.BAD_CREDENTIAL, f"the signature of key `{signature.keyid}` does not hold") from error


def _library_key(key: PublicKey) -> SSlibKey:
    return SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(key.raw), keyid=key.keyid)


def _decode(text: str, where: str) -> bytes:
    try:
        decoded = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise _malformed(f"`{where}`: expected base64") from error
    if base64.b64encode(decoded).decode() != text:  # the slack bits of the last character must be zero
        raise _malformed(f"`{where}`: expected base64 in its one spelling")
    return decoded


def _key_text(raw: bytes) -> str:
    return _KEY_PREFIX + base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _malformed(detail: str) -> Refused:
    return Refused(Reason.MALFORMED, detail)
