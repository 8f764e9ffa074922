"""The store of a client of the protocol's own SDK: what it was given, and no registration.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mcp.shared.auth import OAuthClientInformationFull, OAuthToken


class KeptTokens:
    """What the client was given, as long as it lives."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return None

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """Nothing is registered."""
