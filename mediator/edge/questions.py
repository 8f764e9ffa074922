"""Questions: what the agent of one session was asked, and has not answered yet.

Each has an id of ours, drawn anew; an answer under any other id answers nothing, and the second to the same id neither.
Whoever looks for an answer here has proven to be the session's own holder. What an answer says is not looked at.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import anyio

from mediator.wire.jsonrpc import Response

ID_PREFIX: Final = "mediator-"
_OPEN_MAX: Final = 64  # of one session: as many as calls in flight on one line


class Question:
    """One question that was asked."""

    def __init__(self, question_id: str) -> None:
        self.id: Final = question_id
        self._answer: Response | None = None
        self._is_answered: Final = anyio.Event()

    def give(self, answer: Response) -> None:
        """Give the answer to whoever waits for it."""
        self._answer = answer
        self._is_answered.set()

    async def answer(self, seconds: float) -> Response | None:
        """Return the answer once it is there; None where none came in that time."""
        with anyio.move_on_after(seconds):
            await self._is_answered.wait()
        return self._answer


class Questions:
    """Every open question of one session."""

    def __init__(self) -> None:
        self._open: dict[str, Question] = {}
        self._asked = 0

    def __len__(self) -> int:
        return len(self._open)

    @property
    def has_room(self) -> bool:
        """Whether one more may be asked."""
        return len(self._open) < _OPEN_MAX

    @contextmanager
    def asking(self) -> Iterator[Question]:
        """Hold a question open for as long as somebody waits for its answer."""
        self._asked += 1
        question = Question(f"{ID_PREFIX}{self._asked}")
        self._open[question.id] = question
        try:
            yield question
        finally:
            self._open.pop(question.id, None)

    def give(self, answer: Response) -> None:
        """Give an answer to the question that it answers, if there is one; else it is dropped."""
        question = self._open.pop(answer.id, None) if isinstance(answer.id, str) else None
        if question is not None:
            question.give(answer)
