"""Calls over one link that are asked about: held open, answered, gone on with, or let go.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import anyio
import pytest

from mediator.adapters.tool_servers_stdio.limits import StdioLimits
from mediator.canonical import JsonObject
from mediator.inspection.result import Ask, ToolResult, Waiting
from mediator.refusal import Reason, Refused
from mediator.wire.methods import AskMethod, CallMethod
from tests.promises import promise
from tests.simulated.aside import KeptAside
from tests.simulated.stdio_talk import LIMITS, SHOWS_PROGRESS, SlowAside, Talk, asks, hold_of, logged, progress, until

UNANSWERED: Final = {"code": -1, "message": "the client did not answer"}
ANSWERED: Final[JsonObject] = {"action": "accept", "content": {"city": "Oslo"}}
PING: Final = b'{"jsonrpc":"2.0","id":"p","method":"ping"}'  # at which a simulated server says what it likes
PROMPTS: Final = [{"name": "echo"}]


# --- what it asks ----------------------------------------------------------------------------------------------------


async def test_what_is_asked_holds_the_call_open_until_it_is_answered(tmp_path: Path) -> None:
    """MCP 2025-11-25 elicitation: the answer stands under the id of the question, and the call goes on."""
    said = [progress(1), asks(message="where?"), "await", progress(2), "answer"]
    async with Talk(tmp_path, on={"tools/call": said}) as talk:
        await talk.begin()
        waiting = await talk.is_asked(receiver=SHOWS_PROGRESS)
        assert waiting.ask == Ask(
            method=AskMethod.ELICIT, params={"message": "where?"}, size_bytes=len(asks(message="where?")) - 1
        )
        assert (talk.aside.asked, [one.params["progress"] for one in talk.aside.told], talk.cancelled) == (
            [waiting.ask],
            [1],
            [],
        )
        input_timer = hold_of(waiting).exchange.timer
        later, sprung = KeptAside(), []
        result = await talk.resume(waiting, ANSWERED, aside=later, spring=lambda: sprung.append(len(talk.answers)))
        assert isinstance(result, ToolResult)
        assert result.error is None
        assert talk.answers == [{"jsonrpc": "2.0", "id": "q", "result": ANSWERED}]
        assert (sprung, [one.params["progress"] for one in later.told]) == ([0], [2])
        assert (talk.open_exchanges, hold_of(waiting).exchange.timer) == ([], None)
        assert input_timer is not None
        assert input_timer.cancelled()


async def test_while_the_agent_is_asked_the_servers_time_does_not_run(tmp_path: Path) -> None:
    """Ours: each leg has its own."""
    timers: list[Any] = []

    class Looking(KeptAside):
        def judge(self, ask: Ask) -> JsonObject | None:
            timers.append(talk.open_exchanges[0].timer)
            return super().judge(ask)

    async with Talk(tmp_path, on={"tools/call": [asks(), "await", "answer"]}) as talk:
        await talk.begin()
        waiting = await talk.is_asked(aside=Looking())
        assert [timer.cancelled() for timer in timers] == [True]
        with pytest.raises(Refused) as caught:
            await talk.resume(waiting, ANSWERED, result_bytes_max=10)
        assert caught.value.reason is Reason.RESULT_TOO_LARGE  # as the second permit says


@promise("P7")
async def test_what_may_not_be_asked_is_answered_at_once_and_counts_as_noise(tmp_path: Path) -> None:
    """Ours: otherwise it could be asked for ever."""
    async with Talk(tmp_path, on={"tools/call": [asks(), "await", "answer"]}) as talk:
        talk.aside.error = {"code": -1, "message": "no"}
        await talk.begin()
        assert (await talk.call()).noise == 1
        assert talk.answers == [{"jsonrpc": "2.0", "id": "q", "error": talk.aside.error}]


@promise("P7")
async def test_one_that_asks_for_ever_what_it_may_not_is_ended(tmp_path: Path) -> None:
    """Ours: each question costs a decision and a note."""
    async with Talk(tmp_path, on={"tools/call": [asks(), "await"] * 30}) as talk:
        talk.aside.error = {"code": -1, "message": "no"}
        await talk.begin()
        assert await talk.refused() is Reason.TOOL_SERVER_INVALID
        await talk.has_ended()
        assert len(talk.aside.asked) == 21


@pytest.mark.parametrize(
    ("era", "line", "answer"),
    [
        ("legacy", asks(method="ping"), {"result": {}}),
        ("legacy", asks(method="x/y"), {"error": {"code": -32601, "message": "Method not found"}}),
        ("modern", asks(), {"error": {"code": -32601, "message": "Method not found"}}),
        ("modern", asks(method="ping"), {"error": {"code": -32601, "message": "Method not found"}}),
    ],
)
async def test_what_nobody_is_asked_for_is_answered_here(
    tmp_path: Path, era: str, line: str, answer: dict[str, Any]
) -> None:
    """MCP ping; a modern server asks in its result."""
    async with Talk(tmp_path, era=era, on={"tools/call": [line, "await", "answer"]}) as talk:
        await talk.begin()
        assert (await talk.call()).noise == 1
        assert talk.answers == [{"jsonrpc": "2.0", "id": "q", **answer}]
        assert talk.aside.asked == []


async def test_a_ping_is_answered_as_soon_as_hands_are_shaken(tmp_path: Path) -> None:
    """MCP ping: either party may send it, at any time."""
    async with Talk(tmp_path, on={"tools/list": [asks(method="ping"), "await", "answer"]}) as talk:
        await talk.begin()
        assert talk.answers == [{"jsonrpc": "2.0", "id": "q", "result": {}}]


async def test_what_is_asked_in_no_call_is_refused(tmp_path: Path) -> None:
    """Ours: there is nobody to be asked."""
    async with Talk(tmp_path, on={"tools/list": [asks(), "answer"]}) as talk:
        await talk.begin()
        await talk.server.until(lambda: talk.answers)
        assert talk.answers[0]["error"]["code"] == -32601


async def test_two_questions_at_once_are_put_one_after_the_other(tmp_path: Path) -> None:
    """Ours: each answer is a decision of its own."""
    said = [asks("q1") + asks("q2", "roots/list"), "await", "await", "answer"]
    async with Talk(tmp_path, on={"tools/call": said}) as talk:
        await talk.begin()
        first = await talk.is_asked()
        second = await talk.resume(first, ANSWERED)
        assert isinstance(second, Waiting)
        assert second.ask.method is AskMethod.ROOTS
        with pytest.raises(Refused) as caught:
            await talk.resume(first, ANSWERED)  # answered before
        assert caught.value.reason is Reason.TOOL_SERVER_UNAVAILABLE
        assert isinstance(await talk.resume(second, {"roots": []}), ToolResult)
        assert [(one["id"], one["result"]) for one in talk.answers] == [("q1", ANSWERED), ("q2", {"roots": []})]


async def test_what_is_asked_while_a_call_is_held_is_its_next_question(tmp_path: Path) -> None:
    """Ours: nobody judges it before the agent has answered."""
    says = {"tools/call": [asks("q1"), "await", "await", "answer"], "ping": [asks("q2")]}
    async with Talk(tmp_path, on=says) as talk:
        await talk.begin()
        first = await talk.is_asked()
        talk.conversation._link.write(PING)
        await until(lambda: hold_of(first).exchange._said)
        assert len(talk.aside.asked) == 1
        second = await talk.resume(first, ANSWERED)
        assert isinstance(second, Waiting)
        assert isinstance(await talk.resume(second, ANSWERED), ToolResult)


async def test_calls_side_by_side_are_asked_each_its_own(tmp_path: Path) -> None:
    """Ours: the one that waits for its agent has asked already; neither waits for the other's agent."""
    says = {"tools/call": [asks("q1"), "await", "answer"], "prompts/get": [asks("q2"), logged("x"), "await", "answer"]}
    async with Talk(tmp_path, prompts=PROMPTS, on=says) as talk:
        await talk.begin()
        one, other = KeptAside(), KeptAside()
        first, second = await talk.is_asked(aside=one), await talk.make(CallMethod.PROMPT, aside=other)
        assert isinstance(second, Waiting)
        assert (len(one.asked), len(other.asked)) == (1, 1)
        assert hold_of(first).exchange is not hold_of(second).exchange
        for waiting in (first, second):  # the simulated server answers them in this order
            assert isinstance(await talk.resume(waiting, ANSWERED), ToolResult)
        assert [one["id"] for one in talk.answers] == ["q1", "q2"]


@promise("P7")
async def test_too_much_that_is_asked_at_once_is_not_kept(tmp_path: Path) -> None:
    """Ours: by number, and while nobody reads by size."""
    limits = StdioLimits(eof_seconds=0.5, asks_max=2, untold_bytes_max=1000)
    says = {"tools/call": [asks("q0"), "hang"], "ping": [asks(x="x" * 2000) + asks("big") + logged("y")]}
    async with Talk(tmp_path, limits=limits, on=says) as talk:
        await talk.begin()
        waiting = await talk.is_asked()
        talk.conversation._link.write(PING)
        await talk.server.until(lambda: talk.answers)
        assert [(one["id"], one["error"]) for one in talk.answers] == [("big", UNANSWERED)]
        assert talk.conversation._link.in_flight.take_noise() == 2
        assert not talk.conversation._link.in_flight.is_choked  # a call that waits for its agent keeps nobody waiting
        hold_of(waiting).calls.let_go(hold_of(waiting))
        await talk.server.until(lambda: len(talk.answers) == 3)

    flood = "".join(asks(f"q{number}") for number in range(4))
    async with Talk(tmp_path, name="many", limits=limits, on={"tools/call": [flood, "hang"]}) as talk:
        await talk.begin()
        await talk.is_asked()
        await talk.server.until(lambda: len(talk.answers) == 2)
        assert [one["id"] for one in talk.answers] == ["q2", "q3"]


# --- nobody answers --------------------------------------------------------------------------------------------------


async def test_an_agent_that_gives_no_answer_is_an_error_to_the_server(tmp_path: Path) -> None:
    """MCP 2025-11-25: the call goes on, as its server will have it."""
    async with Talk(tmp_path, on={"tools/call": [asks(), "await", "answer"]}) as talk:
        await talk.begin()
        assert isinstance(await talk.resume(await talk.is_asked(), None), ToolResult)
        assert talk.answers == [{"jsonrpc": "2.0", "id": "q", "error": UNANSWERED}]


@promise("P7")
@pytest.mark.parametrize("is_abandoned", [True, False])
async def test_a_call_that_nobody_goes_on_with_ends(tmp_path: Path, is_abandoned: bool) -> None:
    """Ours: by its time, or at once; it is told, and cannot be gone on with, nor ask any more."""
    says = {"tools/call": [asks("q1") + asks("q2"), "await", "await", asks("q3")]}
    async with Talk(tmp_path, on=says) as talk:
        await talk.begin()
        waiting = await talk.is_asked(input_seconds=5 if is_abandoned else 0.05)
        hold = hold_of(waiting)
        if is_abandoned:
            hold.calls.let_go(hold)
            hold.calls.let_go(hold)  # twice is as once
        await talk.server.until(lambda: talk.cancelled and len(talk.answers) == 3)
        assert [(one["id"], one["error"]["code"]) for one in talk.answers] == [("q1", -1), ("q2", -1), ("q3", -32601)]
        assert talk.cancelled == [talk.server.calls[0].message["id"]]
        heard = [one.method for one in talk.server.arrived][-4:]
        assert heard == ["notifications/cancelled", None, None, None]  # else it could go on without an answer
        assert (talk.open_exchanges, hold.exchange.timer) == ([], None)
        sprung: list[int] = []
        with pytest.raises(Refused) as caught:
            await talk.resume(waiting, ANSWERED, spring=lambda: sprung.append(1))
        assert (caught.value.reason, sprung) == (Reason.TOOL_SERVER_UNAVAILABLE, [])


async def test_an_answer_that_comes_while_a_call_is_held_is_kept_for_who_goes_on(tmp_path: Path) -> None:
    """Ours: a server need not wait for what it asks."""
    async with Talk(tmp_path, on={"tools/call": [asks(), "answer"]}) as talk:
        await talk.begin()
        waiting = await talk.is_asked()
        await until(lambda: not talk.open_exchanges)
        sprung: list[int] = []
        assert isinstance(await talk.resume(waiting, ANSWERED, spring=lambda: sprung.append(1)), ToolResult)
        assert sprung == [1]
        assert talk.cancelled == []


async def test_an_answer_that_nobody_goes_on_for_is_not_kept(tmp_path: Path) -> None:
    """Ours: it may be large, and who waits for its agent stands here for long."""
    async with Talk(tmp_path, on={"tools/call": [asks(), "answer"]}) as talk:
        await talk.begin()
        waiting = await talk.is_asked()
        await until(lambda: not talk.open_exchanges)
        hold = hold_of(waiting)
        assert hold.exchange.has_ended
        hold.calls.let_go(hold)
        assert (hold.exchange.has_ended, hold.is_held) == (False, False)
        await talk.server.until(lambda: talk.answers)
        assert talk.cancelled == []


async def test_each_leg_has_its_deadline(tmp_path: Path) -> None:
    """Ours: the time that the agent takes is no server's."""
    async with Talk(tmp_path, on={"tools/call": [asks(), "await", "hang"]}) as talk:
        await talk.begin()
        waiting = await talk.is_asked(within_seconds=5)
        with pytest.raises(Refused) as caught:
            await talk.resume(waiting, ANSWERED, within_seconds=0.05)
        assert caught.value.reason is Reason.DEADLINE_PASSED
        await talk.server.until(lambda: talk.cancelled)
        assert talk.open_exchanges == []


@promise("P1", "P7")
async def test_a_permit_that_does_not_spring_answers_nothing_and_ends_the_call(tmp_path: Path) -> None:
    """Ours: trust has moved while the agent was asked."""

    def fence() -> None:
        raise Refused(Reason.UNKNOWN_TOOL)

    async with Talk(tmp_path, on={"tools/call": [asks(), "await", "answer"]}) as talk:
        await talk.begin()
        waiting = await talk.is_asked()
        with pytest.raises(Refused) as caught:
            await talk.resume(waiting, ANSWERED, spring=fence)
        assert caught.value.reason is Reason.UNKNOWN_TOOL
        await talk.server.until(lambda: talk.cancelled)
        assert [one["error"] for one in talk.answers] == [UNANSWERED]


GARBAGE: Final = '{"jsonrpc":"2.0","id":{id},"result":\n'


@promise("P11")
@pytest.mark.parametrize("last", ["exit", GARBAGE])
async def test_a_held_call_of_a_process_that_is_no_more_is_unavailable(tmp_path: Path, last: str) -> None:
    """Ours, whatever ended it."""
    async with Talk(tmp_path, on={"tools/call": [asks(), "hang"], "prompts/get": [last]}) as talk:
        await talk.begin()
        waiting = await talk.is_asked()
        with pytest.raises(Refused):
            await talk.make(CallMethod.PROMPT)
        await talk.has_ended()
        with pytest.raises(Refused) as caught:
            await talk.resume(waiting, ANSWERED)
        assert caught.value.reason is Reason.TOOL_SERVER_UNAVAILABLE
        assert hold_of(waiting).exchange.timer is None


@promise("P11")
async def test_what_a_process_asked_with_its_last_breath_is_put_to_nobody(tmp_path: Path) -> None:
    """Ours: nobody would hear the answer."""
    async with Talk(tmp_path, on={"tools/call": [asks() + GARBAGE]}) as talk:
        await talk.begin()
        assert await talk.refused() is Reason.TOOL_SERVER_INVALID
        assert talk.aside.asked == []


async def test_a_caller_that_hangs_up_leaves_no_question_unanswered(tmp_path: Path) -> None:
    """Ours: what it asked, and nobody had looked at yet."""
    async with Talk(tmp_path, on={"tools/call": [logged("x") + asks(), "hang"]}) as talk:
        await talk.begin()
        slow = SlowAside()
        async with anyio.create_task_group() as calling:
            calling.start_soon(lambda: talk.call(aside=slow))
            await slow.gate.reached.wait()
            calling.cancel_scope.cancel()
        await talk.server.until(lambda: talk.cancelled and talk.answers)
        assert [one["error"] for one in talk.answers] == [UNANSWERED]
        assert slow.asked == []


@promise("P11")
async def test_a_server_that_asks_what_it_may_not_and_asks_on_is_refused(tmp_path: Path) -> None:
    """Ours: each refusal is a decision, and stands in the ledger."""
    aside = KeptAside(error={"code": -1, "message": "no"})
    script = ["".join(asks(f"q{number}") for number in range(5)), "answer"]
    async with Talk(tmp_path, limits=replace(LIMITS, refusals_max=3), on={"tools/call": script}) as talk:
        await talk.begin()
        assert await talk.refused(aside=aside) is Reason.TOOL_SERVER_INVALID
        assert len(aside.asked) == 4
