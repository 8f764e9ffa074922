"""ToolResult: what a tool server answered. Not believed: nothing of it leaves except through `release.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass

from mediator.canonical import JsonObject


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
