"""How an agent speaks to the mediator: its lines, one request and its one reply, and what it hears meanwhile.

A reply that never comes, comes under another id or comes twice is a failure. What an agent does in the course of a call,
it does when the first progress was told: then its tool server has certainly begun.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import anyio

from tests.soak.line import HungUpError, Line
from tests.soak.stage import DEADLINE_SECONDS, GRACE_SECONDS, Stage

Cancel: TypeAlias = "Callable[[int, Line], Awaitable[None]]"


class LostError(Exception):
    """No reply came."""


class RefusedError(Exception):
    """An answer that is a refusal."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason: Final = reason


class CancelledCallError(Exception):
    """The agent has cancelled this call, as it was to."""


class ComeBackError(Exception):
    """The agent has hung up, as it was to, and comes back for what follows this event."""

    def __init__(self, event_id: str) -> None:
        super().__init__(event_id)
        self.event_id: Final = event_id


@dataclass(slots=True, eq=False)
class Heard:
    """What an agent hears in the course of one call, and what it does then.

    `cancel` is done when the first progress was told; `due_seconds` later at the most its end must be seen.
    """

    cancel: Cancel | None = None
    way: str = ""
    is_cancelled: bool = False
    comes_back: bool = False  # hangs up after the first progress, and reads the rest on another line
    answers: bool = True  # what it is asked
    due_seconds: float = 0.0
    progress: list[int] = field(default_factory=list)


class Speaker(ABC):
    """Whoever has lines to the mediator."""

    def __init__(self, stage: Stage, name: str) -> None:
        self.stage: Final = stage
        self.name: Final = name
        self._ids = 0
        self._idle: list[Line] = []

    @abstractmethod
    async def answer_question(self, question: dict[str, Any]) -> None:
        """Answer what came on the stream of a call."""

    def require(self, holds: bool, what: str) -> None:
        """Count a failure if it does not hold."""
        if not holds:
            self.stage.tally.fail(f"{self.name}: {what}")

    def next_id(self) -> int:
        self._ids += 1
        return self._ids

    async def take_line(self) -> Line:
        """Return a line on which nothing is under way."""
        while self._idle:
            line = self._idle.pop()
            if line.can_be_used:
                return line
            self.drop(line)
        line = await Line.open(self.stage.port)
        self.stage.lines += 1
        return line

    def give_back(self, line: Line) -> None:
        """Keep a line for later, or hang up where its answer was not read to the end."""
        if line.can_be_used:
            self._idle.append(line)
        else:
            self.drop(line)

    def hang_up(self) -> None:
        """Hang up every line on which nothing is under way."""
        while self._idle:
            self.drop(self._idle.pop())

    def drop(self, line: Line) -> None:
        """Hang up."""
        line.close()
        self.stage.lines -= 1

    async def within(self, what: str, request: Awaitable[dict[str, Any]]) -> dict[str, Any]:
        """Return what comes in time; count it as asked and, once it is there, as replied."""
        self.stage.tally.requests += 1
        try:
            with anyio.fail_after(DEADLINE_SECONDS + GRACE_SECONDS):
                message = await request
        except (HungUpError, TimeoutError) as error:
            raise LostError(f"{what}: {why_lost(error)}") from error
        except CancelledCallError:
            self.stage.tally.withdrawn += 1
            raise
        self.stage.tally.replies += 1
        return message

    async def hear(self, line: Line, request_id: int, heard: Heard) -> dict[str, Any]:
        """Read the answer on this line to its end; raises as `ask`, and `ComeBackError`."""
        if line.is_stream:
            return await self._hear_stream(line, request_id, heard)
        body = await line.answer()
        if not body and heard.is_cancelled:
            raise CancelledCallError(heard.way)
        return dict(json.loads(body or b"{}"))

    async def _hear_stream(self, line: Line, request_id: int, heard: Heard) -> dict[str, Any]:
        answer: dict[str, Any] | None = None
        last_id: str | None = None
        async for event in line.events():
            last_id, message = event.id or last_id, event.message
            match message:
                case None:
                    pass
                case {"method": _, "id": _}:
                    await self.answer_question(message)
                case {"method": "notifications/progress", "params": {"progress": done}}:
                    await self._progress(line, request_id, heard, done)
                case {"method": method}:
                    self.stage.tally.done[method] += 1
                case _:
                    self.require(answer is None, f"a second reply: {str(message)[:300]}")
                    answer = message
            if heard.comes_back and last_id is not None and heard.progress and answer is None:
                raise ComeBackError(last_id)
        if answer is None and heard.is_cancelled:
            raise CancelledCallError(heard.way)
        if answer is None:
            raise HungUpError("the stream ended without the reply")
        if heard.is_cancelled:  # a refusal may have been under way; whether it is right, the tally says
            self.require(_is_refusal(answer), f"answered, though cancelled ({heard.way}): {str(answer)[:300]}")
        return answer

    async def _progress(self, line: Line, request_id: int, heard: Heard, done: int) -> None:
        heard.progress.append(done)
        if heard.cancel is not None and not heard.is_cancelled:
            heard.is_cancelled = True
            await heard.cancel(request_id, line)


def why_lost(error: HungUpError | TimeoutError) -> str:
    """Return why nothing came."""
    return str(error) if isinstance(error, HungUpError) else "nothing came in time"


def _is_refusal(answer: dict[str, Any]) -> bool:
    try:
        result_of(answer, answer.get("id"))
    except RefusedError:
        return True
    return False


def result_of(message: dict[str, Any], request_id: object) -> dict[str, Any]:
    """Return the result of an answer; raises `RefusedError` for a refusal, `LostError` for the answer to another."""
    if message.get("id") != request_id:
        raise LostError(f"the answer to {request_id} has the id {message.get('id')!r}: {str(message)[:300]}")
    if "error" in message:
        reason = (message["error"].get("data") or {}).get("reason")
        raise RefusedError(str(reason or message["error"]))
    result: dict[str, Any] = message["result"]
    refusal = (result.get("_meta") or {}).get("org.mcp-mediator/refusal")
    if refusal is not None:
        raise RefusedError(str(refusal["reason"]))
    return result
