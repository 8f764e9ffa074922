"""Authorization-server metadata (RFC 8414): where the embedded issuer is asked for tokens, how, and by whom.

It names paths and no more; what is done there stands in `oauth.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mediator.canonical import Json, JsonObject
from mediator.delegation.token_request import CLIENT_CREDENTIALS, TOKEN_EXCHANGE
from mediator.identity.proof import ALGORITHMS as PROOF_ALGORITHMS

WELL_KNOWN: Final = "/.well-known/oauth-authorization-server"
AUTHORIZE: Final = "/oauth2/authorize"
TOKEN: Final = "/oauth2/token"
REVOKE: Final = "/oauth2/revoke"
INTROSPECT: Final = "/oauth2/introspect"
JWKS: Final = "/oauth2/jwks"

METHODS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        WELL_KNOWN: ("GET", "HEAD"),
        JWKS: ("GET", "HEAD"),
        AUTHORIZE: ("GET", "HEAD", "POST"),
        TOKEN: ("POST",),
        REVOKE: ("POST",),
        INTROSPECT: ("POST",),
    }
)
"""Every path that there is, and how it is asked."""

DETAILS_TYPE: Final = "mcp_tool_grant"


def authorization_server(base_url: str, *, has_certificates: bool = False) -> JsonObject:
    """Return the document of the issuer, which is the mediator's own address; clients may have certificates, or not."""
    methods: list[Json] = ["private_key_jwt"]
    algorithms: list[Json] = ["EdDSA"]
    return {
        "issuer": base_url,
        # No grant type that is served uses it (RFC 8414 §2 lets it be left out then), and it refuses whoever comes. But
        # the protocol's own SDK reads no document without one.
        "authorization_endpoint": base_url + AUTHORIZE,
        "token_endpoint": base_url + TOKEN,
        "jwks_uri": base_url + JWKS,
        "revocation_endpoint": base_url + REVOKE,
        "introspection_endpoint": base_url + INTROSPECT,
        "response_types_supported": [],
        "grant_types_supported": [CLIENT_CREDENTIALS, TOKEN_EXCHANGE],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
        "introspection_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
        "authorization_details_types_supported": [DETAILS_TYPE],  # RFC 9396 §10
        "dpop_signing_alg_values_supported": list[Json](PROOF_ALGORITHMS),  # RFC 9449 §5.1
        "tls_client_certificate_bound_access_tokens": has_certificates,  # RFC 8705 §3.3
    }
