"""Protected-resource metadata (RFC 9728): for each endpoint, which issuers' tokens open it.

The document is the same whether a server of that name exists or not: 401 comes before 404.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mediator.canonical import Json, canonical_bytes
from mediator.identity.proof import ALGORITHMS

WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"


def protected_resource(
    base_url: str, endpoint: str, issuers: Sequence[str], *, has_certificates: bool = False
) -> bytes:
    """Return the document of one endpoint, `""` for the mediator as a whole, in which tokens are made for it.

    `endpoint` is its path, which RFC 9728 §3.1 inserts behind the well-known name.
    """
    return canonical_bytes(
        {
            "resource": base_url + endpoint,
            "authorization_servers": list[Json](issuers),
            "bearer_methods_supported": ["header"],
            "resource_name": "mcp-mediator",
            "dpop_signing_alg_values_supported": list[Json](ALGORITHMS),
            "dpop_bound_access_tokens_required": False,  # policy says for what a bearer is enough
            "tls_client_certificate_bound_access_tokens": has_certificates,
        }
    )
