"""Handles that agents are given, sealed with AES-256-GCM under a key of this installation; fills `Handles`.

What a handle is bound to is authenticated with it and not in it: another grant's handle does not open. Keys are derived
with HKDF (RFC 5869), so that the secret that they come from serves nothing else with the same key.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64
import os
from typing import Final, final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mediator.evidence import Secret

_CONTEXT: Final = b"mcp-mediator: handles of agents, form 1"
_NONCE_BYTES: Final = 12  # NIST SP 800-38D §8.2.2: random, for far fewer than 2^32 handles under one key


@final
class SealedHandles:
    """Seals what agents show again, and opens what it sealed."""

    __slots__ = ("_cipher",)

    def __init__(self, secret: Secret) -> None:
        material = secret.reveal().strip().encode()
        self._cipher: Final = AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=_CONTEXT).derive(material))

    def seal(self, content: bytes, bound_to: str) -> str:
        """Return a handle in base64url, which only `open` with the same `bound_to` reads."""
        nonce = os.urandom(_NONCE_BYTES)
        return base64.urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, content, bound_to.encode())).decode("ascii")

    def open(self, handle: str, bound_to: str) -> bytes | None:
        """Return what was sealed; None for anything that was not sealed here for this."""
        try:
            raw = base64.b64decode(handle.encode("ascii"), altchars=b"-_", validate=True)
            if base64.urlsafe_b64encode(raw).decode("ascii") != handle:  # one spelling only
                return None
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], bound_to.encode())
        except (InvalidTag, ValueError):
            return None
