"""Unit tests of mediator/mediation/people.py, as the corridor walks through them.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from mediator.canonical import Json, JsonObject
from mediator.mediation import people
from mediator.mediation.people import ROUNDS_MAX, WAIT_SECONDS
from mediator.mediation.replay import recorded, replay
from mediator.mediation.reply import APPROVAL_KEY, Reply
from mediator.policy.decision import Verdict
from mediator.refusal import Reason, Refused
from mediator.wire.arrival import Arrival
from tests.promises import promise
from tests.simulated.arrivals import enveloped, message
from tests.simulated.policies import DEFAULT_POLICIES, FOR_BEARERS
from tests.simulated.world import (
    WEATHER_READ,
    SimulatedTask,
    SimulatedWorld,
    arrival_of,
    error_of,
    refusal,
    refusal_of,
    result_of,
    text_of,
)

NEEDS_APPROVAL = """
@id("needs-approval") @reason("a person looks at the weather first")
forbid (principal, action == Mediator::Action::"weather/read", resource) unless { context has approval };
"""
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
BY_URL: JsonObject = {"elicitation": {"url": {}}}
RAIN: JsonObject = {"content": [{"type": "text", "text": "rain"}]}
FIRST = "approval-" + "1".rjust(32, "0")


@pytest.fixture
def world() -> SimulatedWorld:
    world = SimulatedWorld()
    world.pin(WEATHER_READ)
    world.activate({**FOR_BEARERS, "more.cedar": NEEDS_APPROVAL})
    world.tool_server.answer_with("weather/read", RAIN)
    return world


@pytest.fixture
def task(world: SimulatedWorld) -> SimulatedTask:
    return world.open_task(tools="weather/*")


def modern(task: SimulatedTask, able: JsonObject | None = None, city: str = "Oslo", **rounds: Json) -> Arrival:
    params: JsonObject = {"name": "weather__read", "arguments": {"city": city}, **rounds}
    return arrival_of(enveloped("tools/call", params, meta={CAPABILITIES: able or {}}), bearer=task.token)


def legacy(task: SimulatedTask) -> Arrival:
    return arrival_of(
        message("tools/call", {"name": "weather__read", "arguments": {"city": "Oslo"}}), bearer=task.token
    )


async def ask(world: SimulatedWorld, arrival: Arrival) -> Reply:
    return await world.corridor.answer(arrival)


@promise("P6", "P11")
@pytest.mark.parametrize("era", [modern, legacy])
async def test_a_client_that_cannot_send_anybody_reads_which_request_waits(
    world: SimulatedWorld, task: SimulatedTask, era: Any
) -> None:
    """Design 5.7: the refusal names the remedy and the id; the denial is on record, and nothing reached the server."""
    reply = await ask(world, era(task))
    assert reply == refusal(Reason.APPROVAL_REQUIRED)
    told = refusal_of(reply)
    assert (told["approval"], told["decision_id"]) == (FIRST, world.ledger.last.record.entry["id"])
    assert f"`mediator approvals approve {FIRST}`" in told["remedy"]
    assert told["remedy"] in text_of(reply)
    assert "a person looks at the weather first" not in told["remedy"]
    assert world.ledger.last.decision.verdict is Verdict.DENY
    assert world.tool_server.calls == []


@promise("P6", "P8")
async def test_after_the_approval_the_same_call_goes_through_once_and_can_be_replayed(
    world: SimulatedWorld, task: SimulatedTask
) -> None:
    """Design part 4: decided again from the start with the real approver, who stands in the record."""
    await ask(world, legacy(task))
    world.approvals.approve(FIRST)
    assert result_of(await ask(world, legacy(task)))["content"] == RAIN["content"]
    (allowed,) = [kept for kept in world.ledger.decisions if kept.decision.verdict is Verdict.ALLOW]
    entry = allowed.record.entry
    assert {"key": f"approval:{FIRST}", "limit": 1} in list(_objects(entry["claims"]))
    assert replay(entry, allowed.record.values, world.trust.snapshot()) == recorded(entry)
    (used,) = world.ledger.notes("approval.used")
    assert used["body"] == {
        "approval": FIRST,
        "decision": entry["id"],
        "request_hash": entry["request_hash"],
        "approvers": ["bob@example.com"],
    }
    again = refusal_of(await ask(world, legacy(task)))
    assert (again["reason"], again["approval"] != FIRST) == ("APPROVAL_REQUIRED", True)


async def test_as_many_as_may_wait_and_no_more(world: SimulatedWorld, task: SimulatedTask) -> None:
    """Issue 7: the refusal says so, and no id is made up."""
    for city in ("Oslo", "Rome", "Bern"):
        assert "approval" in refusal_of(await ask(world, modern(task, city=city)))
    told = refusal_of(reply := await ask(world, modern(task, city="Kyiv")))
    assert ("approval" in told, "wait until a person has decided" in told["remedy"]) == (False, True)
    assert "wait already" in text_of(reply)


async def test_what_needs_no_approval_is_not_asked_about(world: SimulatedWorld, task: SimulatedTask) -> None:
    """Ours: an allow, and a denial for any other reason."""
    world.activate(FOR_BEARERS)
    assert result_of(await ask(world, modern(task, BY_URL)))["content"] == RAIN["content"]
    world.activate({**DEFAULT_POLICIES, "more.cedar": NEEDS_APPROVAL.split("unless", maxsplit=1)[0].strip() + ";"})
    assert refusal_of(await ask(world, modern(task, BY_URL)))["reason"] == "DENIED_BY_POLICY"
    assert world.approvals.requests == {}


# --- by URL ----------------------------------------------------------------------------------------------------------


def asked_in(reply: Reply) -> tuple[str, str]:
    """Return where a person is sent, and the handle."""
    result = result_of(reply)
    assert result["resultType"] == "input_required", result
    (key,) = result["inputRequests"]
    assert key == APPROVAL_KEY
    params = result["inputRequests"][key]["params"]
    assert (result["inputRequests"][key]["method"], params["mode"]) == ("elicitation/create", "url")
    return params["url"], result["requestState"]


@promise("P6")
async def test_a_client_that_can_is_sent_to_the_page_and_waits_when_it_comes_back(
    world: SimulatedWorld, task: SimulatedTask
) -> None:
    """MCP 2026-07-28, elicitation by URL: woken by the decision, and decided as the call that was made at first."""
    url, handle = asked_in(await ask(world, modern(task, BY_URL)))
    assert url == f"https://mediator.example/approve/{FIRST}"
    replies: list[Reply] = []

    async def come_back() -> None:
        answer: JsonObject = {APPROVAL_KEY: {"action": "accept"}}
        replies.append(await ask(world, modern(task, BY_URL, requestState=handle, inputResponses=answer)))

    async with anyio.create_task_group() as waiting:
        waiting.start_soon(come_back)
        await world.approvals.changed.wait()
        assert len(world.ledger.decisions) == 1
        world.approvals.approve(FIRST)
    assert result_of(replies[0])["content"] == RAIN["content"]
    first, second = (kept.record.entry for kept in world.ledger.decisions)
    assert first["request_hash"] == second["request_hash"]


@pytest.mark.parametrize("handle", ["theirs", "of another grant"])
async def test_a_handle_that_is_not_ours_for_this_grant_waits_for_nothing(
    world: SimulatedWorld, task: SimulatedTask, handle: str
) -> None:
    """A1, A4: it is told what it is told of any such handle."""
    _, given = asked_in(await ask(world, modern(task, BY_URL)))
    other = world.open_task(tools="weather/*")
    shown = given if handle == "of another grant" else f'{other.grant.id}|{{"p":1}}'
    error = error_of(await ask(world, modern(other, BY_URL, requestState=shown)))
    assert (error["code"], "make the call anew" in error["message"]) == (-32602, True)


async def test_a_handle_of_ours_permits_nothing_by_itself(world: SimulatedWorld, task: SimulatedTask) -> None:
    """A1: shown with other arguments it waits for the request that it is of, and the call wants its own approval."""
    _, handle = asked_in(await ask(world, modern(task, BY_URL)))
    world.approvals.approve(FIRST)
    url, _ = asked_in(await ask(world, modern(task, BY_URL, city="Rome", requestState=handle)))
    assert not url.endswith(FIRST)
    assert world.tool_server.calls == []


async def test_whoever_comes_back_too_often_reads_the_refusal(
    world: SimulatedWorld, task: SimulatedTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Issue 7: at most eight times, each after a while in which nobody decided."""
    assert (ROUNDS_MAX, WAIT_SECONDS) == (8, 25.0)
    waited: list[str] = []

    async def nobody(approval_id: str) -> None:
        waited.append(approval_id)

    monkeypatch.setattr(world.approvals, "until_decided", nobody)
    reply = await ask(world, modern(task, BY_URL))
    for _ in range(ROUNDS_MAX):
        _, handle = asked_in(reply)
        reply = await ask(world, modern(task, BY_URL, requestState=handle))
    assert refusal_of(reply)["approval"] == FIRST
    assert waited == [FIRST] * ROUNDS_MAX


async def test_a_wait_ends_though_nobody_decides(world: SimulatedWorld, task: SimulatedTask) -> None:
    """House style 10: every wait has a deadline."""
    _, handle = asked_in(await ask(world, modern(task, BY_URL)))
    world.corridor._people.wait_seconds = 0.001
    asked_in(await ask(world, modern(task, BY_URL, requestState=handle)))


@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_who_will_not_be_sent_there_is_not_sent_again(
    world: SimulatedWorld, task: SimulatedTask, action: str
) -> None:
    """MCP: the person at the client said no to the page; the request waits for others."""
    _, handle = asked_in(await ask(world, modern(task, BY_URL)))
    answer: JsonObject = {APPROVAL_KEY: {"action": action}}
    reply = await ask(world, modern(task, BY_URL, requestState=handle, inputResponses=answer))
    assert refusal_of(reply)["approval"] == FIRST


async def test_what_answers_a_tool_server_is_approved_as_it_is(world: SimulatedWorld, task: SimulatedTask) -> None:
    """Ours: its handle and its answers come back with it, so no other handle stands in for them."""
    answer: JsonObject = {"input": {"action": "accept", "content": {}}}
    reply = await ask(world, modern(task, BY_URL, inputResponses=answer))
    assert refusal_of(reply)["approval"] == FIRST
    assert world.approvals.requests[FIRST].answers == answer


async def test_that_a_use_cannot_be_noted_stops_nothing(
    world: SimulatedWorld, task: SimulatedTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: the decision holds it, and is on record; an allow gets its outcome."""
    await ask(world, legacy(task))
    world.approvals.approve(FIRST)

    def fail(*_: object) -> None:
        raise Refused(Reason.LEDGER_UNAVAILABLE)

    monkeypatch.setattr(world.corridor.ports.ledger, "note", fail)
    assert result_of(await ask(world, legacy(task)))["content"] == RAIN["content"]


def test_what_is_sealed_is_read_as_that_alone() -> None:
    """Ours: a handle of a tool server's question is none, and neither is anything else."""
    read = people._read_handle
    assert read(b'{"c":1,"p":"approval-1"}') == ("approval-1", 1)
    for content in (None, b"", b"[]", b'{"c":1}', b'{"c":1,"p":"a","x":1}', b'{"c":"1","p":"a"}'):
        assert read(content) is None


def _objects(forms: Json) -> list[JsonObject]:
    assert isinstance(forms, list)
    return [form for form in forms if isinstance(form, dict)]
