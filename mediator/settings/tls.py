"""TlsSettings: the certificate that the mediator shows, and whose clients' certificates it looks at.

Pure: names of files, relative to the folder of `mediator.toml`; nothing of them is read here.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from mediator.settings.section import Section
from mediator.settings.values import Text, expected


class TlsSettings(Section):
    """`[server.tls]`: TLS that ends at the mediator itself, without a proxy in between."""

    certificate: Text  # PEM: the server's own first, then what leads to its authority
    key: Text  # PEM, not encrypted, for its owner's eyes alone
    client_ca: Text | None = None  # PEM: who vouches for clients; without it no client is asked for a certificate
    client_certificates: Literal["optional", "required"] = "optional"  # a bad one is refused in either case

    @model_validator(mode="after")
    def _asks_for_what_it_can_judge(self) -> Self:
        if self.client_ca is None and "client_certificates" in self.model_fields_set:
            raise expected("`client_certificates` only beside `client_ca`: somebody must vouch for them")
        return self
