"""The corridor: whatever goes wrong at whichever step, there is an answer, one decision, and one outcome of an allow.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

import anyio
import pytest

from mediator.evidence import Secret
from mediator.inspection.result import ToolResult
from mediator.mediation.credential import ToolCredential, credential_for
from mediator.mediation.deliberate import Deliberation, Step, Verdict
from mediator.mediation.permit import Permit
from mediator.mediation.ports import Aside, Stale, Stop
from mediator.mediation.reply import OpenedSession, Reply
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.arrivals import enveloped, message, notification
from tests.simulated.pauses import AWAITED, Hook, Point
from tests.simulated.world import (
    BASE_URL,
    DEFAULT_POLICIES,
    MAIL_SEND,
    WEATHER_READ,
    Gate,
    SimulatedTask,
    SimulatedWorld,
    arrival_of,
    error_of,
    owned,
    raises,
    refusal,
    refusal_of,
    result_of,
    text_of,
    tools_call,
    tools_list,
)

CALL = tools_call("weather__read", city="Oslo")


class PanicException(BaseException):
    """As a panic in Rust comes up in Python: no `Exception`."""


@pytest.fixture
def world() -> SimulatedWorld:
    """A world in which the weather may be read."""
    world = SimulatedWorld()
    world.pin(WEATHER_READ)
    return world


@pytest.fixture
def task(world: SimulatedWorld) -> SimulatedTask:
    return world.open_task(tools="weather/*")


def outcome_of(world: SimulatedWorld) -> tuple[object, object, object]:
    """Return the last outcome: what, why, and whether anything was forwarded; and see that it is the only one."""
    assert len(world.ledger.notes("outcome")) == sum(kept.outcome is not None for kept in world.ledger.decisions)
    assert world.ledger.last.outcome is not None
    entry = world.ledger.last.outcome.entry
    return entry["outcome"], entry["reason"], entry["forwarded"]


# --- the straight path -----------------------------------------------------------------------------------------------


@promise("P1")
async def test_a_covered_call_is_recorded_forwarded_and_answered(world: SimulatedWorld, task: SimulatedTask) -> None:
    """Ours: a decision before, the arguments as judged, an outcome after, and a span of both."""
    world.tool_server.answer_with("weather/read", {"content": [{"type": "text", "text": "rain"}]})
    reply = await world.answer(CALL, bearer=task.token)
    assert text_of(reply) == "rain"
    (call,) = world.tool_server.calls
    assert (call.server, call.tool, call.arguments_bytes) == ("weather", "read", b'{"city":"Oslo"}')
    kept = world.ledger.last
    assert kept.decision.verdict is Verdict.ALLOW
    assert outcome_of(world) == ("RELEASED", None, True)
    assert world.trace == [(kept.record, kept.outcome)]
    assert world.alarms == []
    assert not world.ledger.stops


@promise("P5")
async def test_what_an_agent_presents_is_not_what_a_tool_server_is_shown(
    world: SimulatedWorld, task: SimulatedTask
) -> None:
    """MCP authorization: no token passthrough."""
    await world.answer(CALL, bearer=task.token)
    world.ports.bearers["weather"] = Secret("the server's own")
    await world.answer(CALL, bearer=task.token)
    first, second = world.tool_server.calls
    assert first.bearer is None
    assert second.bearer is not None
    assert second.bearer.reveal() == "the server's own"


@promise("P1", "P7")
async def test_a_denial_stops_before_anything_is_begun(world: SimulatedWorld, task: SimulatedTask) -> None:
    """Ours: its record is its own outcome."""
    reply = await world.answer(tools_call("weather__write"), bearer=task.token)
    assert reply == refusal(Reason.UNKNOWN_TOOL)
    assert error_of(reply)["message"] == "Unknown tool: weather__write"
    assert refusal_of(reply)["decision_id"] == world.ledger.last.decision.ids.decision_id
    assert world.ledger.last.outcome is None
    assert world.trace == [(world.ledger.last.record, None)]
    assert world.tool_server.calls == []
    assert not world.ledger.stops


# --- a port that fails -----------------------------------------------------------------------------------------------

BUGS = {
    "a bug": RuntimeError("no such thing"),
    "a time-out of the port's own": TimeoutError("connect"),
    "a panic": PanicException("index out of range"),
    "several at once": ExceptionGroup("both", [ValueError("a"), Refused(Reason.TOOL_SERVER_UNAVAILABLE)]),
}


@promise("P7", "P9")
@pytest.mark.parametrize("bug", BUGS)
@pytest.mark.parametrize("point", ["credential", "call", "answer"])
async def test_a_port_that_breaks_after_the_allow_leaves_the_outcome_failed(
    world: SimulatedWorld, task: SimulatedTask, point: Point, bug: str
) -> None:
    """Ours: a time-out of a port's own is not the call's deadline; the agent learns that it was us, no more."""
    world.at(point, raises(BUGS[bug]))
    reply = await world.answer(CALL, bearer=task.token)
    assert reply == refusal(Reason.INTERNAL)
    assert text_of(reply) == "the mediator failed"
    assert refusal_of(reply)["decision_id"] == world.ledger.last.decision.ids.decision_id
    assert outcome_of(world) == ("FAILED", None, point == "answer")
    (alarm,) = world.alarms
    assert world.ledger.last.decision.ids.decision_id in alarm


@promise("P7", "P11")
@pytest.mark.parametrize("point", ["credential", "call", "answer"])
async def test_a_tool_server_that_cannot_be_reached_is_told_as_what_it_is(
    world: SimulatedWorld, task: SimulatedTask, point: Point
) -> None:
    """Ours: once the first byte has gone out, nobody is told to simply try again."""
    world.at(point, raises(Refused(Reason.TOOL_SERVER_UNAVAILABLE, "connection reset")))
    reply = await world.answer(CALL, bearer=task.token)
    assert reply == refusal(Reason.TOOL_SERVER_UNAVAILABLE)
    assert outcome_of(world) == ("REFUSED", "TOOL_SERVER_UNAVAILABLE", point == "answer")
    retry = "check what it did before trying again" if point == "answer" else "try again later"
    assert refusal_of(reply)["remedy"] == retry
    assert world.alarms == []


@promise("P7", "P9")
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Refused(Reason.STORE_UNAVAILABLE, "locked"), Reason.STORE_UNAVAILABLE),
        (RuntimeError("no such column"), Reason.INTERNAL),
        (PanicException("poisoned"), Reason.INTERNAL),
    ],
)
async def test_an_identified_call_whose_facts_cannot_be_had_is_refused_on_record(
    world: SimulatedWorld, task: SimulatedTask, error: BaseException, reason: Reason
) -> None:
    """House style, law 5: each identified call leaves exactly one decision record, whichever step said no."""
    world.at("gather", raises(error))
    reply = await world.answer(CALL, bearer=task.token)
    assert reply == refusal(reason)
    (kept,) = world.ledger.decisions
    assert (kept.decision.step, kept.decision.verdict) == (Step.NONE, Verdict.DENY)
    assert refusal_of(reply)["decision_id"] == kept.decision.ids.decision_id
    assert kept.record.entry["reason"] == reason
    assert kept.record.entry["agent"] is None
    assert len(world.alarms) == (reason is Reason.INTERNAL)
    assert not world.ledger.stops


@promise("P7", "P10")
async def test_without_a_record_there_is_no_act(world: SimulatedWorld, task: SimulatedTask) -> None:
    """Ours: the ledger may stop a call; what could not be recorded is at least counted."""
    world.at("commit", raises(Refused(Reason.LEDGER_UNAVAILABLE, "disk full")))
    reply = await world.answer(CALL, bearer=task.token)
    assert reply == refusal(Reason.LEDGER_UNAVAILABLE)
    assert world.tool_server.calls == []
    assert world.ledger.decisions == []
    assert world.ledger.stops == {("127.0.0.1", "LEDGER_UNAVAILABLE"): 1}


@promise("P7")
async def test_a_claim_that_cannot_be_made_is_refused_on_record(world: SimulatedWorld, task: SimulatedTask) -> None:
    """Ours: no act without its claims, and no refusal of an identified call without its record."""
    world.at("commit", raises(Refused(Reason.STORE_UNAVAILABLE, "locked")))
    reply = await world.answer(CALL, bearer=task.token)
    assert reply == refusal(Reason.STORE_UNAVAILABLE)
    (kept,) = world.ledger.decisions
    assert (kept.decision.step, kept.decision.verdict) == (Step.COMMIT, Verdict.DENY)
    assert world.tool_server.calls == []


async def test_a_store_that_stays_away_even_from_denials_is_a_counted_refusal(
    world: SimulatedWorld, task: SimulatedTask
) -> None:
    """Ours: attempts are bounded, and the last word is a refusal."""
    world.at("commit", *[raises(Refused(Reason.STORE_UNAVAILABLE, "locked"))] * 4)
    assert await world.answer(CALL, bearer=task.token) == refusal(Reason.STORE_UNAVAILABLE)
    assert world.ledger.stops == {("127.0.0.1", "STORE_UNAVAILABLE"): 1}


@promise("P7", "P11")
async def test_a_ledger_that_breaks_is_answered_and_nothing_is_forwarded(
    world: SimulatedWorld, task: SimulatedTask
) -> None:
    """Ours."""
    world.at("commit", raises(OSError("bad file descriptor")))
    assert await world.answer(CALL, bearer=task.token) == refusal(Reason.INTERNAL)
    assert world.tool_server.calls == []
    assert len(world.alarms) == 1


@promise("P11")
@pytest.mark.parametrize("error", [Refused(Reason.LEDGER_UNAVAILABLE, "disk full"), OSError("bad"), TimeoutError()])
async def test_an_outcome_that_cannot_be_written_changes_no_answer_but_raises_the_alarm(
    world: SimulatedWorld, task: SimulatedTask, error: Exception
) -> None:
    """House style, part B: the call is answered; `ledger verify` reports a decision without outcome."""
    world.at("close", raises(error))
    reply = await world.answer(CALL, bearer=task.token)
    assert result_of(reply)["content"] == []
    assert world.ledger.last.outcome is None
    (alarm,) = world.alarms
    assert "has no outcome on record" in alarm


async def test_an_outcome_that_cannot_be_written_does_not_hide_what_went_wrong(
    world: SimulatedWorld, task: SimulatedTask
) -> None:
    """Ours: the reason of the call's own stop stands."""
    world.at("call", raises(Refused(Reason.TOOL_SERVER_UNAVAILABLE)))
    world.at("close", raises(OSError("bad")))
    assert await world.answer(CALL, bearer=task.token) == refusal(Reason.TOOL_SERVER_UNAVAILABLE)


@promise("P11")
async def test_a_tracer_that_breaks_stops_no_call(world: SimulatedWorld, task: SimulatedTask) -> None:
    """House style, part B: the ledger may stop a call, the tracer may not."""
    world.at("trace", raises(ValueError("no collector")), raises(ValueError("no collector")))
    assert result_of(await world.answer(CALL, bearer=task.token))["content"] == []
    assert await world.answer(tools_call("nothing"), bearer=task.token) == refusal(Reason.UNKNOWN_TOOL)
    assert outcome_of_first(world) == "RELEASED"
    assert [alarm.startswith("a record was not traced") for alarm in world.alarms] == [True, True]


def outcome_of_first(world: SimulatedWorld) -> object:
    (outcome,) = world.ledger.notes("outcome")
    return outcome["outcome"]


@promise("P11")
async def test_a_stop_that_cannot_be_counted_is_answered_all_the_same(world: SimulatedWorld) -> None:
    """Ours: any bytes get a reply."""
    world.at("count", raises(OSError("bad")))
    assert (await world.answer(b"{")).status == 400
    assert world.alarms == ["a stop was not counted: OSError('bad')"]


@promise("P11")
async def test_an_alarm_that_cannot_be_rung_stops_nothing(world: SimulatedWorld, task: SimulatedTask) -> None:
    """Ours: whoever listens for alarms may be the one that fails."""

    def broken(_alarm: str) -> NoReturn:
        raise BrokenPipeError

    world.corridor.alarm = broken
    world.at("answer", raises(RuntimeError("bug")))
    assert await world.answer(CALL, bearer=task.token) == refusal(Reason.INTERNAL)
    assert outcome_of(world) == ("FAILED", None, True)


async def test_an_alarm_is_one_line_of_bounded_length(world: SimulatedWorld, task: SimulatedTask) -> None:
    """House style 4: newlines never come from data."""
    world.at("answer", raises(Refused(Reason.INTERNAL)), raises(ExceptionGroup("a\nb" * 4000, [ValueError()])))
    await world.answer(CALL, bearer=task.token)
    await world.answer(CALL, bearer=task.token)
    (alarm,) = world.alarms
    assert len(alarm) == 1000
    assert "\n" not in alarm


@promise("P1")
async def test_a_tool_side_that_passes_the_fence_by_has_failed(world: SimulatedWorld, task: SimulatedTask) -> None:
    """Ours: an adapter that does not spring the permit has not looked whether the call may still be made."""

    class Careless:
        async def call(self, _permit: Permit, _credential: ToolCredential, _aside: Aside) -> ToolResult:
            return ToolResult(result={"content": []}, error=None, size_bytes=14, noise=0)

    world.corridor.ports = replace(world.corridor.ports, tool_servers=Careless())  # type: ignore[arg-type]  # half a port
    assert await world.answer(CALL, bearer=task.token) == refusal(Reason.INTERNAL)
    assert outcome_of(world)[0] == "FAILED"
    assert "past the fence" in world.alarms[-1]


async def test_a_ledger_that_will_not_record_a_denial_is_our_failure(
    world: SimulatedWorld, task: SimulatedTask
) -> None:
    """Ours: a denial claims nothing, so there is nothing to be stale."""

    class Forgetful:
        def __init__(self) -> None:
            self.stops: list[Stop] = []

        async def commit(self, _deliberation: Deliberation) -> Stale:
            return Stale()

        def count(self, stop: Stop) -> None:
            self.stops.append(stop)

    ledger = Forgetful()
    world.corridor.ports = replace(world.corridor.ports, ledger=ledger)  # type: ignore[arg-type]  # half a port
    assert await world.answer(CALL, bearer=task.token) == refusal(Reason.INTERNAL)
    assert [stop.reason for stop in ledger.stops] == [Reason.INTERNAL]


# --- too late, or nobody there any more ------------------------------------------------------------------------------


@promise("P7")
@pytest.mark.parametrize("point", ["credential", "call", "answer"])
async def test_a_call_that_is_not_answered_in_time_has_its_own_outcome(point: Point) -> None:
    """Ours: whether it acted is not known; the record says whether anything was forwarded."""
    world = SimulatedWorld(deadline_seconds=0.01)
    world.pin(WEATHER_READ)
    task = world.open_task()
    world.at(point, Gate())
    with anyio.fail_after(5):
        reply = await world.answer(CALL, bearer=task.token)
    assert reply == refusal(Reason.DEADLINE_PASSED)
    assert outcome_of(world) == ("DEADLINE_PASSED", "DEADLINE_PASSED", point == "answer")
    assert world.alarms == []


async def hang_up_at(world: SimulatedWorld, point: Point, task: SimulatedTask) -> list[Reply]:
    """Hang up while a call waits there; what is shielded may go on afterwards."""
    gate = Gate()
    world.at(point, gate)
    replies: list[Reply] = []

    async def ask() -> None:
        replies.append(await world.answer(CALL, bearer=task.token))
        await anyio.lowlevel.checkpoint()
        raise AssertionError("whoever has hung up is not answered")

    with anyio.fail_after(5):
        async with anyio.create_task_group() as asking:
            asking.start_soon(ask)
            await gate.reached.wait()
            asking.cancel_scope.cancel()
            await anyio.lowlevel.cancel_shielded_checkpoint()
            gate.open.set()
    return replies


ABANDONED: dict[Point, tuple[str, bool]] = {
    "commit": ("ABANDONED", False),
    "recorded": ("ABANDONED", False),
    "credential": ("ABANDONED", False),
    "call": ("ABANDONED", False),
    "answer": ("ABANDONED", True),
    "close": ("RELEASED", True),
}


@promise("P9", "P10")
@pytest.mark.parametrize("point", AWAITED)
async def test_an_agent_that_hangs_up_leaves_one_decision_and_its_one_outcome(
    world: SimulatedWorld, task: SimulatedTask, point: Point
) -> None:
    """House style 10: what must be recorded is shielded from cancellation; what was not begun is not begun any more."""
    await hang_up_at(world, point, task)
    (kept,) = world.ledger.decisions
    assert kept.decision.verdict is Verdict.ALLOW
    assert kept.outcome is not None
    assert (kept.outcome.entry["outcome"], kept.outcome.entry["forwarded"]) == ABANDONED[point]
    assert (len(world.tool_server.calls) == 1) is ABANDONED[point][1]
    assert world.alarms == []


@promise("P1")
async def test_whoever_hung_up_during_the_commit_has_nothing_done_even_by_ports_that_never_wait(
    world: SimulatedWorld, task: SimulatedTask
) -> None:
    """Ours: a hang-up is noticed before the first byte, not at the first wait after it."""

    class Prompt:
        async def obtain(self, permit: Permit) -> ToolCredential:
            return credential_for(permit, None)

        async def call(self, _permit: Permit, _credential: ToolCredential) -> NoReturn:
            raise AssertionError

    prompt = Prompt()
    world.corridor.ports = replace(world.corridor.ports, credentials=prompt, tool_servers=prompt)  # type: ignore[arg-type]  # half a port
    await hang_up_at(world, "recorded", task)
    assert outcome_of(world) == ("ABANDONED", None, False)
    assert world.alarms == []


async def test_an_agent_that_hangs_up_while_it_is_refused_leaves_one_decision(world: SimulatedWorld) -> None:
    """Ours."""
    task = world.open_task(tools="mail/*")
    await hang_up_at(world, "commit", task)
    (kept,) = world.ledger.decisions
    assert kept.decision.verdict is Verdict.DENY
    assert world.trace == [(kept.record, None)]


async def test_a_hang_up_while_an_outcome_cannot_be_written_is_still_a_hang_up(
    world: SimulatedWorld, task: SimulatedTask
) -> None:
    """Ours: an error of the ledger must not stand in for a cancellation."""
    world.at("close", raises(OSError("bad")))
    assert await hang_up_at(world, "answer", task) == []
    assert world.ledger.last.outcome is None
    assert len(world.alarms) == 1


@promise("P7")
@pytest.mark.parametrize("point", ["commit", "recorded"])
async def test_a_ledger_that_never_comes_back_is_not_waited_for(point: Point) -> None:
    """House style 10: every wait has a deadline."""
    world = SimulatedWorld(close_seconds=0.01)
    world.pin(WEATHER_READ)
    task = world.open_task()
    world.at(point, Gate())
    with anyio.fail_after(5):
        reply = await world.answer(CALL, bearer=task.token)
    assert reply == refusal(Reason.LEDGER_UNAVAILABLE)
    assert world.tool_server.calls == []


@promise("P11")
async def test_an_outcome_that_takes_for_ever_is_not_waited_for() -> None:
    """House style, part B: answered all the same, and the alarm raised."""
    world = SimulatedWorld(close_seconds=0.01)
    world.pin(WEATHER_READ)
    task = world.open_task()
    world.at("close", Gate())
    with anyio.fail_after(5):
        reply = await world.answer(CALL, bearer=task.token)
    assert result_of(reply)["content"] == []
    (alarm,) = world.alarms
    assert alarm.endswith("0.01 s passed")


class Interrupted(BaseException):
    """As the end of the process comes up."""


@pytest.mark.parametrize("point", ["gather", "credential", "answer"])
async def test_the_end_of_the_process_is_no_bug(world: SimulatedWorld, task: SimulatedTask, point: Point) -> None:
    """Ours: what is not an error goes on up; an allow has its outcome even so."""
    world.at(point, raises(Interrupted()))
    with pytest.raises(Interrupted):
        await world.answer(CALL, bearer=task.token)
    assert world.alarms == []
    assert [entry["outcome"] for entry in world.ledger.notes("outcome")] == ([] if point == "gather" else ["ABANDONED"])


# --- the epoch, claims -----------------------------------------------------------------------------------------------


async def test_an_epoch_that_moved_is_looked_into_again_and_the_call_goes_on(
    world: SimulatedWorld, task: SimulatedTask
) -> None:
    """Design 4, commit: gather and deliberate again; one record, of the judgement that held."""
    world.at("commit", world.store.move_epoch, world.store.move_epoch)
    assert result_of(await world.answer(CALL, bearer=task.token))["content"] == []
    (kept,) = world.ledger.decisions
    assert kept.decision.circumstances.epoch == world.store.epoch()


@promise("P7")
async def test_an_epoch_that_moves_at_every_attempt_is_given_up_on_record(
    world: SimulatedWorld, task: SimulatedTask
) -> None:
    """Design 4: twice at most, then `TRY_AGAIN`."""
    world.at("commit", *[world.store.move_epoch] * 3)
    reply = await world.answer(CALL, bearer=task.token)
    assert reply == refusal(Reason.TRY_AGAIN)
    (kept,) = world.ledger.decisions
    assert (kept.decision.step, kept.decision.verdict, kept.decision.claims) == (Step.COMMIT, Verdict.DENY, ())
    assert world.tool_server.calls == []


@promise("P7")
@pytest.mark.parametrize("attempt", [1, 2, 3])
async def test_a_task_that_was_revoked_during_the_commit_is_refused_as_revoked(
    world: SimulatedWorld, task: SimulatedTask, attempt: int
) -> None:
    """Ours: the reason that holds is told, also when it comes with the last attempt."""
    world.at("commit", *[world.store.move_epoch] * (attempt - 1), lambda: world.revoke(task))
    assert await world.answer(CALL, bearer=task.token) == refusal(Reason.GRANT_REVOKED)
    (kept,) = world.ledger.decisions
    assert kept.decision.step is Step.DELEGATION
    assert world.tool_server.calls == []


async def test_a_credential_that_runs_out_between_two_attempts_is_refused_on_record(
    world: SimulatedWorld, task: SimulatedTask
) -> None:
    """House style, law 5: who was identified once has a record."""

    def late() -> None:
        world.store.move_epoch()
        world.clock.advance(minutes=20)

    world.at("commit", late)
    assert await world.answer(CALL, bearer=task.token) == refusal(Reason.EXPIRED_CREDENTIAL)
    (kept,) = world.ledger.decisions
    assert (kept.decision.step, kept.decision.verdict) == (Step.COMMIT, Verdict.DENY)
    assert world.tool_server.calls == []


async def test_the_last_unit_is_given_to_one_of_two(world: SimulatedWorld) -> None:
    """Design 4: claims are taken once; a lost one is deliberated again without it."""
    task = world.open_task(max_calls=1)

    async def the_other_comes_first() -> None:
        assert result_of(await world.answer(CALL, bearer=task.token))["content"] == []

    world.at("commit", the_other_comes_first)
    assert await world.answer(CALL, bearer=task.token) == refusal(Reason.BUDGET_SPENT)
    allowed, denied = world.ledger.decisions
    assert (allowed.decision.verdict, denied.decision.verdict) == (Verdict.ALLOW, Verdict.DENY)
    assert denied.record.entry["reason"] == "BUDGET_SPENT"
    assert len(world.tool_server.calls) == 1


async def test_a_claim_that_was_lost_is_spent_whatever_is_gathered(world: SimulatedWorld) -> None:
    """Design 4: a lost claim is deliberated again without it; what was gathered may lag behind."""
    task = world.open_task(max_calls=1)
    gather = world.store.gather
    world.store.gather = lambda grant_id: replace(gather(grant_id), spent=frozenset())  # type: ignore[method-assign]  # it lags
    await world.answer(CALL, bearer=task.token)
    assert await world.answer(CALL, bearer=task.token) == refusal(Reason.BUDGET_SPENT)
    assert world.ledger.last.decision.circumstances.spent == {f"calls:{task.grant.id}"}


@promise("P1", "P7")
@pytest.mark.parametrize("point", AWAITED[:4])
async def test_a_revocation_before_the_first_byte_stops_the_call_wherever_it_waits(
    world: SimulatedWorld, task: SimulatedTask, point: Point
) -> None:
    """Design 4, the fence: in the loop turn of the first byte."""
    world.at(point, lambda: world.revoke(task))
    reply = await world.answer(CALL, bearer=task.token)
    assert reply == refusal(Reason.GRANT_REVOKED)
    assert world.tool_server.calls == []
    if point != "commit":
        assert outcome_of(world) == ("REFUSED", "GRANT_REVOKED", False)


@promise("P7", "P11")
async def test_a_revocation_during_the_call_keeps_the_answer_from_the_agent_and_says_that_it_was_made(
    world: SimulatedWorld, task: SimulatedTask
) -> None:
    """Design 4, the fence: again before release."""
    world.tool_server.answer_with("weather/read", {"content": [{"type": "text", "text": "rain"}]})
    world.at("answer", lambda: world.revoke(task))
    reply = await world.answer(CALL, bearer=task.token)
    assert reply == refusal(Reason.GRANT_REVOKED)
    assert b"rain" not in (reply.body or b"")
    assert text_of(reply) == (
        "the task was revoked: the call had begun before that, and what it did stands. "
        "To go on: check what it did before trying again."
    )
    assert outcome_of(world) == ("REFUSED", "GRANT_REVOKED", True)


OTHER_POLICIES = {"other.cedar": "\n".join(DEFAULT_POLICIES.values())}  # the same policies, another set


@pytest.mark.parametrize("what", ["policies", "quarantine"])
async def test_what_was_replaced_during_the_call_withholds_the_answer_in_a_result(
    world: SimulatedWorld, task: SimulatedTask, what: str
) -> None:
    """Design 5.7: what is refused after the forward is a result; and "nothing was done" would be a lie."""
    changes: dict[str, Hook] = {
        "policies": lambda: world.activate(OTHER_POLICIES),
        "quarantine": lambda: world.quarantine("weather", "read"),
    }
    world.at("answer", changes[what])
    reply = await world.answer(CALL, bearer=task.token)
    assert reply == refusal(Reason.RESULT_WITHHELD)
    assert result_of(reply)["isError"] is True
    assert outcome_of(world) == ("REFUSED", "RESULT_WITHHELD", True)


@pytest.mark.parametrize("point", AWAITED)
async def test_what_concerns_others_stops_nobody(world: SimulatedWorld, task: SimulatedTask, point: Point) -> None:
    """Design 4, the fence: a moved epoch is looked into; else the call goes on."""
    other = world.open_task(agent="painter")
    world.at(point, lambda: world.revoke(other))
    assert result_of(await world.answer(CALL, bearer=task.token))["content"] == []


# --- before identification -------------------------------------------------------------------------------------------


@promise("P7", "P9")
async def test_who_is_not_identified_is_counted_and_leaves_no_decision(world: SimulatedWorld) -> None:
    """House style, law 5: a stop before identification is counted by source and reason."""
    assert (await world.answer(CALL)).status == 401
    assert (await world.answer(CALL, bearer="nonsense")).status == 401
    assert (await world.answer(b"[]", bearer="nonsense")).status == 400
    assert world.ledger.decisions == []
    assert world.ledger.stops == {
        ("127.0.0.1", "NO_CREDENTIAL"): 1,
        ("127.0.0.1", "BAD_CREDENTIAL"): 1,
        ("127.0.0.1", "MALFORMED"): 1,
    }


async def test_a_bug_before_identification_is_answered_counted_and_told_to_the_operator(world: SimulatedWorld) -> None:
    """Ours: any bytes get a reply, and the agent learns nothing of what broke."""

    def broken() -> NoReturn:
        raise LookupError("the snapshot")

    world.trust.snapshot = broken  # type: ignore[method-assign]  # as a port that breaks
    reply = await world.answer(CALL, bearer="x")
    assert reply == refusal(Reason.INTERNAL)
    assert world.ledger.stops == {("127.0.0.1", "INTERNAL"): 1}
    assert world.alarms == ["internal error in decision None: LookupError('the snapshot')"]


async def test_trust_that_is_too_old_refuses_everybody(world: SimulatedWorld, task: SimulatedTask) -> None:
    """House style, part B, `TrustSource`: keep the last good one until it is too old, then refuse all."""

    def too_old() -> NoReturn:
        raise Refused(Reason.SNAPSHOT_TOO_OLD, "an hour")

    world.trust.snapshot = too_old  # type: ignore[method-assign]  # as a port that says so
    for asked in (CALL, tools_list(), enveloped("server/discover")):
        assert await world.answer(asked, bearer=task.token) == refusal(Reason.SNAPSHOT_TOO_OLD)
    assert world.ledger.decisions == []


# --- the other methods -----------------------------------------------------------------------------------------------

OTHERS = {
    "list": tools_list(),
    "discover": enveloped("server/discover"),
    "initialize": message("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {}}),
    "ping": message("ping"),
    "a notification": notification("notifications/initialized"),
    "a cancellation": notification("notifications/cancelled", {"requestId": 1}),
}


@promise("P9")
@pytest.mark.parametrize("asked", OTHERS)
async def test_nothing_is_answered_to_who_is_not_identified(world: SimulatedWorld, asked: str) -> None:
    """Ours: there is no anonymous mode, not even for a ping."""
    assert (await world.answer(OTHERS[asked])).status == 401
    assert (await world.answer(OTHERS[asked], bearer="nonsense")).status == 401


@pytest.mark.parametrize("asked", OTHERS)
async def test_what_is_no_call_leaves_no_record(world: SimulatedWorld, task: SimulatedTask, asked: str) -> None:
    """House style, law 5: listings, ping and initialize leave none."""
    reply = await world.answer(OTHERS[asked], bearer=task.token)
    assert reply.status == (202 if asked.startswith("a ") else 200)
    assert world.ledger.entries == []
    assert world.tool_server.calls == []
    assert not world.ledger.stops


@promise("P11")
@pytest.mark.parametrize("asked", ["list", "discover", "initialize"])
async def test_a_dead_task_is_told_so_and_never_by_an_empty_list(
    world: SimulatedWorld, task: SimulatedTask, asked: str
) -> None:
    """Design 5.7: never an empty list in place of a refusal."""
    world.complete(task)
    reply = await world.answer(OTHERS[asked], bearer=task.token)
    assert reply == refusal(Reason.TASK_COMPLETED)
    assert error_of(reply)["code"] == -31403


async def test_a_handshake_opens_a_session_of_whoever_made_it(world: SimulatedWorld, task: SimulatedTask) -> None:
    """MCP 2025-11-25: the session belongs to its holder; anybody else's is not found."""
    reply = await world.answer(OTHERS["initialize"], bearer=task.token)
    assert isinstance(reply.effect, OpenedSession)
    arrival = arrival_of(message("ping"), bearer=task.token)
    assert reply.effect.holder == world.corridor.holder_of(arrival)
    other = world.open_task(agent="painter")
    assert reply.effect.holder != world.corridor.holder_of(arrival_of(message("ping"), bearer=other.token))


@promise("P4")
@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (SimulatedWorld.revoke, Reason.GRANT_REVOKED),
        (SimulatedWorld.complete, Reason.TASK_COMPLETED),
        (lambda world, _: world.freeze("agent:planner"), Reason.FROZEN),
    ],
)
async def test_who_may_not_call_any_more_may_not_listen(
    world: SimulatedWorld, task: SimulatedTask, end: Callable[[SimulatedWorld, SimulatedTask], None], reason: Reason
) -> None:
    """P4: a credential is dead with its task, also where nothing is asked for."""
    arrival = arrival_of(message("ping"), bearer=task.token)
    assert world.corridor.listener_of(arrival) == world.corridor.holder_of(arrival)
    end(world, task)
    with pytest.raises(Refused) as stop:
        world.corridor.listener_of(arrival)
    assert stop.value.reason is reason


async def test_a_server_of_its_own_gives_its_pinned_instructions(world: SimulatedWorld, task: SimulatedTask) -> None:
    """P2: never text that a server offers live; and none where there is none."""
    for asked in ("discover", "initialize"):
        reply = await world.answer(OTHERS[asked], bearer=task.token, server="weather")
        assert "instructions" not in result_of(reply)


async def test_a_token_for_one_servers_endpoint_is_good_there_alone(world: SimulatedWorld) -> None:
    """Design 5.6, audience (RFC 8707)."""
    world.pin(MAIL_SEND, owned("mail/read"))
    task = world.open_task(server="weather")
    assert (await world.answer(tools_list(), bearer=task.token, server="weather")).status == 200
    assert await world.answer(tools_list(), bearer=task.token) == refusal(Reason.WRONG_AUDIENCE)
    assert await world.answer(tools_list(), bearer=task.token, server="mail") == refusal(Reason.WRONG_AUDIENCE)


@promise("P4")
async def test_a_grant_for_one_servers_endpoint_is_good_there_alone_whatever_its_token_says(
    world: SimulatedWorld,
) -> None:
    """P4: an issuer may write a wider audience into a token than the grant has."""
    task = world.open_task()
    narrow = replace(task.grant, audience=f"{BASE_URL}/servers/weather/mcp")
    world.store.grants[task.grant.id] = narrow
    for asked in (CALL, tools_list(), enveloped("server/discover")):
        reply = await world.answer(asked, bearer=task.token)
        assert reply == refusal(Reason.WRONG_AUDIENCE)
        assert reply.status == 401
    assert (await world.answer(tools_list(), bearer=task.token, server="weather")).status == 200
    assert [kept.decision.step for kept in world.ledger.decisions] == [Step.DELEGATION]


async def test_what_nobody_sends_at_length_is_not_read_to_its_end(world: SimulatedWorld, task: SimulatedTask) -> None:
    """Ours (P12): four MiB cost more than finding out that their sender is nobody."""
    long = b'{"jsonrpc":"2.0","x":"' + b"x" * 65_536
    assert (await world.answer(long)).status == 401
    assert (await world.answer(long, bearer=task.token)).status == 400
    assert {reason for _, reason in world.ledger.stops} == {"NO_CREDENTIAL", "MALFORMED"}
