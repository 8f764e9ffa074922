"""The agent's end of a call, by a script: what it was told and asked, and what it answers.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mediator.canonical import JsonObject, parse_object
from mediator.inspection.asking import ReleasedAsk
from mediator.mediation.message import Message
from mediator.wire.jsonrpc import Response


@dataclass(slots=True)
class ScriptedCaller:
    """Fills `Caller`: answers each question with the next of `answers` (None: it has gone)."""

    answers: list[JsonObject | None] = field(default_factory=list)
    can_be_asked: bool = True
    before: Callable[[], None] = lambda: None
    told: list[JsonObject] = field(default_factory=list)
    asked: list[ReleasedAsk] = field(default_factory=list)
    pauses: int = 0

    async def tell(self, message: Message) -> None:
        self.told.append(parse_object(message.body))

    async def pause(self) -> None:
        self.pauses += 1

    async def ask(self, ask: ReleasedAsk) -> Response | None:
        self.asked.append(ask)
        self.before()
        answer = self.answers.pop(0)
        return None if answer is None else Response(id=1, result=answer, error=None)
