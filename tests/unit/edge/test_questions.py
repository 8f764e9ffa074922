"""Unit tests of mediator/edge/questions.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import anyio
import pytest

from mediator.edge.questions import Questions
from mediator.wire.jsonrpc import RequestId, Response


def answer_to(question_id: RequestId | None) -> Response:
    return Response(id=question_id, result={"action": "accept"}, error=None)


async def test_whoever_asked_gets_the_answer_to_its_own_question() -> None:
    """JSON-RPC 2.0 §5: an answer stands under the id of its request."""
    questions = Questions()
    with questions.asking() as one, questions.asking() as other:
        questions.give(answer_to(other.id))
        questions.give(answer_to(one.id))
        with anyio.fail_after(5):
            answers = [await one.answer(5), await other.answer(5)]

    assert answers == [answer_to("mediator-1"), answer_to("mediator-2")]


@pytest.mark.parametrize("under", [None, 1, "1", "mediator-2", "mediator-01", "MEDIATOR-1"])
async def test_an_answer_to_what_was_not_asked_is_dropped(under: RequestId | None) -> None:
    """Ours: nothing waits for it."""
    questions = Questions()
    with questions.asking() as question:
        questions.give(answer_to(under))

        assert await question.answer(0) is None


async def test_the_second_answer_is_dropped() -> None:
    """Ours: one question, one answer."""
    questions = Questions()
    with questions.asking() as question:
        questions.give(answer_to(question.id))
        questions.give(Response(id=question.id, result=None, error={"code": 1, "message": "no"}))

        assert await question.answer(5) == answer_to(question.id)


async def test_a_question_that_nobody_waits_for_is_open_no_more() -> None:
    """Ours: and its id is never drawn again."""
    questions = Questions()
    with questions.asking() as question:
        assert len(questions) == 1
    questions.give(answer_to(question.id))

    assert len(questions) == 0
    with questions.asking() as another:
        assert another.id == "mediator-2"


def test_so_many_questions_are_open_and_no_more() -> None:
    """Ours (A2): a server that asks for ever costs its caller and nobody else."""
    questions = Questions()
    held = [questions.asking() for _ in range(64)]
    for asking in held:
        assert questions.has_room
        asking.__enter__()

    assert not questions.has_room
