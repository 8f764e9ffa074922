"""Unit tests of mediator/edge/metadata.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest
from mcp.shared.auth import ProtectedResourceMetadata

from mediator.edge.metadata import protected_resource


@pytest.mark.parametrize("endpoint", ["", "/mcp", "/servers/clock/mcp"])
def test_the_document_is_one_that_clients_read(endpoint: str) -> None:
    """RFC 9728 §2; the SDK's client as its reader."""
    document = protected_resource(
        "https://mediator.example", endpoint, ["https://issuer.example", "https://own.example"]
    )

    read = ProtectedResourceMetadata.model_validate_json(document)

    assert str(read.resource).rstrip("/") == f"https://mediator.example{endpoint}"
    assert [str(server).rstrip("/") for server in read.authorization_servers] == [
        "https://issuer.example",
        "https://own.example",
    ]
    assert read.bearer_methods_supported == ["header"]
