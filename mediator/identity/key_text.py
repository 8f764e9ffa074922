"""A private key as text: PKCS#8 in PEM, locked under a passphrase or not.

Pure: it reads and writes text, no file; what a file's mode must be is for who keeps it. Rules:

- A lock stretches the passphrase with scrypt before PKCS#8 does its own 2,048 rounds of PBKDF2, which a stolen file
  would not hold out long with. The salt is the public key, which stands in a line above the PEM block (RFC 7468 §5.2
  lets text stand there).
- A locked key without that line (made by OpenSSL, say) is opened with the passphrase as it is.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mediator.evidence import Secret
from mediator.refusal import Reason, Refused

_STRETCHED: Final = re.compile(r"Stretched: scrypt 32768 8 1 ([0-9a-f]{64})\n")
# RFC 7914 §2: N, r, p; a tenth of a second and 32 MiB a guess (OWASP password storage, 2023: at least 2^15, 8, 3 or so).
_COST, _BLOCK, _PARALLEL, _MEMORY_MAX = 2**15, 8, 1, 2**26


def write_key(private: Ed25519PrivateKey, passphrase: Secret | None) -> Secret:
    """Return the key as text; raises `Refused` for an empty passphrase, which would lock nothing."""
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    if passphrase is None:
        return Secret(private.private_bytes(*form, serialization.NoEncryption()).decode())
    if not passphrase.reveal():
        raise Refused(Reason.BAD_CREDENTIAL, "an empty passphrase locks nothing: give one, or none at all")
    salt = private.public_key().public_bytes_raw()
    lock = serialization.BestAvailableEncryption(_stretched(passphrase, salt))
    return Secret(f"Stretched: scrypt 32768 8 1 {salt.hex()}\n" + private.private_bytes(*form, lock).decode())


def read_key(text: Secret, passphrase: Secret | None) -> Ed25519PrivateKey:
    """Return the key in a text; raises `Refused`: `BAD_CREDENTIAL` when it does not open, `MALFORMED` for another kind."""
    stretched = _STRETCHED.match(text.reveal())
    try:
        pem = text.reveal().encode()
        password = None if passphrase is None else passphrase.reveal().encode()
        if passphrase is not None and stretched is not None:
            password = _stretched(passphrase, bytes.fromhex(stretched[1]))
        private = serialization.load_pem_private_key(pem, password)
    except TypeError as error:  # cryptography's word for a passphrase too few or too many
        lacking = "the key is locked: give its passphrase" if passphrase is None else "the key is not locked"
        raise Refused(Reason.BAD_CREDENTIAL, lacking) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Refused(Reason.BAD_CREDENTIAL, "not a private key in PEM, or the wrong passphrase") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise Refused(Reason.MALFORMED, "not an Ed25519 key: make one with `mediator operator add`")
    return private


def _stretched(passphrase: Secret, salt: bytes) -> bytes:
    key = hashlib.scrypt(
        passphrase.reveal().encode(), salt=salt, n=_COST, r=_BLOCK, p=_PARALLEL, maxmem=_MEMORY_MAX, dklen=32
    )
    return base64.b64encode(key)
