"""ClientCertificate: what a connection proved of its client by TLS, and until when it counts.

The handshake did the proving: the client signed with the certificate's key, and an authority that the operator named
leads to it. A session that is resumed carries what its first handshake proved, and no authority is asked again, so the
certificate's end is looked at here. Nothing here reads a header: a proxy that ends TLS in front of us vouches for nobody.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ssl
from dataclasses import InitVar, dataclass
from typing import Final, final

from mediator.evidence import Seal

_SEAL: Final = Seal("mediator.edge.client_certificate")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """The client's certificate of one connection; `thumbprint` is its `x5t#S256` (RFC 8705 §3.1)."""

    thumbprint: str
    ends_seconds: int
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)

    def is_over(self, now_ms: int) -> bool:
        """Tell whether its time has passed: a handshake looks at that once, and a connection may last."""
        return now_ms >= self.ends_seconds * 1000  # as OpenSSL has it: in the second of `notAfter` it is over


def find_client_certificate(transport: asyncio.BaseTransport) -> ClientCertificate | None:
    """Return the certificate that this connection's client proved, if there is TLS and it showed one."""
    connection = transport.get_extra_info("ssl_object")
    if not isinstance(connection, ssl.SSLObject):
        return None
    # Both forms are empty unless the certificate was asked for and holds.
    der, told = connection.getpeercert(binary_form=True), connection.getpeercert()
    if not der or not told:
        return None
    return ClientCertificate(
        thumbprint=base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode("ascii"),
        ends_seconds=ssl.cert_time_to_seconds(str(told["notAfter"])),
        seal=_SEAL,
    )
