"""Nonces that a server asks to stand in DPoP proofs (RFC 9449 §8): a proof with one was made within minutes, here.

Pure: no I/O, no clock. A nonce is an HMAC over the time bucket in which it was given, so nothing is remembered of it; it
is good in that bucket and in the next.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final, final

from mediator.evidence import Secret

BUCKET_MS: Final = 300_000  # RFC 9449 §8: "on the order of seconds or minutes"; one more round trip in five minutes
_CONTEXT: Final = b"mcp-mediator: nonces of DPoP proofs, form 1\n"


@final
class Nonces:
    """Gives nonces, and knows its own."""

    __slots__ = ("_key",)

    def __init__(self, secret: Secret) -> None:
        self._key: Final = hashlib.sha256(_CONTEXT + secret.reveal().strip().encode()).digest()

    def current(self, now_ms: int) -> str:
        """Return the nonce to use now."""
        return self._of(now_ms // BUCKET_MS)

    def holds(self, nonce: str, now_ms: int) -> bool:
        """Tell whether this was given in this bucket or in the one before."""
        bucket = now_ms // BUCKET_MS
        shown = nonce.encode("utf-8", "surrogatepass")
        return any(hmac.compare_digest(shown, self._of(one).encode()) for one in (bucket, bucket - 1))

    def _of(self, bucket: int) -> str:
        tag = hmac.digest(self._key, _CONTEXT + str(bucket).encode(), "sha256")
        return base64.urlsafe_b64encode(tag[:18]).decode()
