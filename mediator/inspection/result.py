"""What a tool server sends, as it came. Not believed: nothing of it leaves except through this room's checks.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from mediator.canonical import JsonObject
from mediator.wire.methods import AskMethod


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """One JSON-RPC answer of a tool server: its `result` or its `error`, strictly read, otherwise untouched.

    `size_bytes` is the size of the answer as it came. `noise` counts the notifications and requests that came
    with it and were dropped.
    """

    result: JsonObject | None
    error: JsonObject | None
    size_bytes: int
    noise: int

    @property
    def is_error(self) -> bool:
        """Whether a JSON-RPC error stands in the place of a result."""
        return self.error is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeResult:
    """One answer that is too large to be read where everybody waits: the whole message, as it came.

    That it answers this call, and whether it is an error, was seen apart (`wire/glance.py`).
    """

    raw: bytes
    is_error: bool
    noise: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a tool server asks of the client while it works on a call."""

    method: AskMethod
    params: JsonObject
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Waiting:
    """A call that a legacy tool server holds open until what it asks is answered; `hold` is its adapter's own."""

    ask: Ask
    hold: object


Came: TypeAlias = ToolResult | LargeResult | Waiting
"""What comes of a call."""
