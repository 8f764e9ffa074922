"""Unit tests of mediator/edge/oauth_metadata.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mcp.shared.auth import OAuthMetadata

from mediator.canonical import canonical_bytes
from mediator.edge.oauth_metadata import METHODS, authorization_server


def test_the_document_is_one_that_clients_read() -> None:
    """RFC 8414 §2; the SDK's client as its reader."""
    read = OAuthMetadata.model_validate_json(canonical_bytes(authorization_server("https://mediator.example")))

    assert str(read.issuer) == "https://mediator.example"
    assert str(read.token_endpoint) == "https://mediator.example/oauth2/token"
    assert read.response_types_supported == []
    assert read.grant_types_supported == [
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:token-exchange",
    ]
    assert read.token_endpoint_auth_methods_supported == ["private_key_jwt"]
    assert read.token_endpoint_auth_signing_alg_values_supported == ["EdDSA"]
    assert read.revocation_endpoint_auth_methods_supported == ["private_key_jwt"]
    assert read.introspection_endpoint_auth_signing_alg_values_supported == ["EdDSA"]


def test_every_address_in_it_is_served() -> None:
    """Ours: a document that names what is not there sends clients astray."""
    document = authorization_server("https://mediator.example")
    named = {
        str(value).removeprefix("https://mediator.example") for name, value in document.items() if name != "issuer"
    }
    assert {path for path in named if path.startswith("/")} == METHODS.keys() - {
        "/.well-known/oauth-authorization-server"
    }
    assert document["authorization_details_types_supported"] == ["mcp_tool_grant"]
