"""What arrived at a simulated tool server: one message, with whatever it came with.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """One message as it arrived. `number` counts connections (HTTP) or names the process (stdio)."""

    verb: str
    headers: Mapping[str, str]  # names in lower case; over stdio there are none
    message: Mapping[str, Any]
    body: bytes
    number: int

    @property
    def method(self) -> str | None:
        """The JSON-RPC method, if it is a request or a notification."""
        return self.message.get("method")

    @property
    def params(self) -> dict[str, Any]:
        """The parameters; none are an empty object."""
        return dict(self.message.get("params", {}))

    @property
    def tool(self) -> str | None:
        """The tool that a `tools/call` names."""
        return self.params.get("name")

    @property
    def arguments(self) -> Any:
        """The arguments of a `tools/call`."""
        return self.params.get("arguments")

    @property
    def meta(self) -> dict[str, Any]:
        """`params._meta`."""
        return dict(self.params.get("_meta", {}))

    @property
    def bearer(self) -> str | None:
        """The token it came with."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme == "Bearer" else None
