"""An aside that keeps what a tool server says beside its answer, and decides what it asks by a script.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mediator.canonical import JsonObject
from mediator.inspection.result import Ask
from mediator.wire.jsonrpc import Notification


@dataclass(slots=True)
class KeptAside:
    """Fills `Aside`: `error` is the answer to whatever is asked; None lets it be put to the agent."""

    error: JsonObject | None = None
    told: list[Notification] = field(default_factory=list)
    asked: list[Ask] = field(default_factory=list)
    pauses: int = 0

    async def tell(self, notification: Notification) -> None:
        self.told.append(notification)

    async def pause(self) -> None:
        self.pauses += 1

    def judge(self, ask: Ask) -> JsonObject | None:
        self.asked.append(ask)
        return self.error
