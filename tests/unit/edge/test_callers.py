"""Unit tests of mediator/edge/callers.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import anyio
import pytest

from mediator.canonical import DEFAULT_LIMITS, JsonObject, parse_object
from mediator.edge.asgi import Head
from mediator.edge.callers import StdioCaller, accepts_stream
from mediator.edge.questions import Questions
from mediator.wire.arrival import LegacySession
from mediator.wire.jsonrpc import Response
from tests.promises import promise
from tests.simulated.arrivals import SESSION, enveloped, message, over_stdio
from tests.simulated.corridor import progress, question


class Line:
    """Where a caller writes, and the questions of its host."""

    def __init__(self, body: JsonObject, session: LegacySession | None = SESSION) -> None:
        self.written: list[JsonObject] = []
        self.questions = Questions()
        arrival = over_stdio(body, session=session)
        self.caller = StdioCaller(arrival, DEFAULT_LIMITS, self.write, self.questions, 5)

    async def write(self, body: bytes) -> None:
        self.written.append(parse_object(body))


CALL = message("tools/call", {"name": "asks"})


@pytest.mark.parametrize(
    ("body", "session", "expected"),
    [(CALL, SESSION, True), (CALL, None, False), (enveloped("tools/call", {"name": "asks"}), SESSION, False)],
    ids=["legacy", "before a handshake", "modern"],
)
async def test_a_host_can_be_asked_in_the_era_that_knows_it(
    body: JsonObject, session: LegacySession | None, expected: bool
) -> None:
    """MCP 2026-07-28 asks nobody live; one line carries both eras."""
    line = Line(body, session)

    assert line.caller.can_be_asked is expected
    if not expected:
        assert await line.caller.ask(question()) is None
        assert line.written == []


async def test_a_question_is_written_and_its_answer_returned() -> None:
    """MCP 2025-11-25: a request under an id of ours."""
    line = Line(CALL)
    answers: list[Response | None] = []

    async def ask() -> None:
        answers.append(await line.caller.ask(question()))

    async with anyio.create_task_group() as asking:
        asking.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        line.questions.give(Response(id="mediator-1", result={}, error=None))

    assert (line.written[0]["id"], line.written[0]["method"]) == ("mediator-1", "elicitation/create")
    assert answers == [Response(id="mediator-1", result={}, error=None)]


async def test_who_has_too_many_questions_open_is_not_asked() -> None:
    """Ours (A2)."""
    line = Line(CALL)
    held = [line.questions.asking() for _ in range(64)]
    for asking in held:
        asking.__enter__()

    assert not line.caller.can_be_asked


async def test_what_is_told_is_written() -> None:
    """Ours; and a line is never given back."""
    line = Line(CALL)

    await line.caller.tell(progress(1))
    await line.caller.pause()

    assert [said["method"] for said in line.written] == ["notifications/progress"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("application/json, text/event-stream",), True),
        (("application/json", "text/event-stream"), True),
        (("*/*",), True),
        (("application/json",), False),
        ((), False),
    ],
)
def test_a_stream_is_sent_to_who_accepts_one(values: tuple[str, ...], expected: bool) -> None:
    """RFC 9110 §12.5.1, as far as clients use it."""
    head = Head(method="POST", path="/mcp", headers=tuple(("accept", value) for value in values), source="x")

    assert accepts_stream(head) is expected


@promise("P11")
async def test_who_does_not_read_a_question_is_waited_for_no_longer_than_who_does_not_answer() -> None:
    """Ours: every wait has a deadline; the tool server's call is held open meanwhile."""
    questions = Questions()

    async def never(_body: bytes) -> None:
        await anyio.sleep_forever()

    caller = StdioCaller(over_stdio(CALL, session=SESSION), DEFAULT_LIMITS, never, questions, 0.01)
    with anyio.fail_after(5):
        assert await caller.ask(question()) is None
    assert len(questions) == 0
