"""Unit tests of mediator/inspection/mcp_task.py, and of `inspect_mcp_task`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any

import pytest

from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.inspection.mcp_task import McpTaskStatus, is_mcp_task
from mediator.inspection.release import Released, inspect, inspect_mcp_task
from mediator.inspection.result import ToolResult
from mediator.kind import ItemKind
from mediator.manifest.pinned import PinnedTool
from mediator.refusal import Reason, Refused
from mediator.wire.methods import CallMethod
from mediator.wire.receiver import NOBODY, TASKS, Capabilities, Receiver
from mediator.wire.speech import Forwarded
from tests.promises import promise
from tests.simulated.judged import a_tool
from tests.simulated.pins import pinned

ABLE = Receiver(capabilities=Capabilities(extensions=(TASKS,)))
TOOL = a_tool()
TYPED = pinned(
    {
        "name": "read",
        "inputSchema": {"type": "object"},
        "outputSchema": {"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]},
    }
)
SEED: JsonObject = {
    "resultType": "task",
    "taskId": "their-id",
    "status": "working",
    "createdAt": "2026-11-27T10:00:00Z",
    "lastUpdatedAt": "2026-11-27T10:00:00Z",
    "ttlMs": 60_000,
}
RAIN: JsonObject = {"content": [{"type": "text", "text": "rain"}]}
ASK: JsonObject = {"method": "elicitation/create", "params": {"message": "Which?", "requestedSchema": {}}}


def answered(body: JsonObject | None, error: JsonObject | None = None) -> ToolResult:
    return ToolResult(result=body, error=error, size_bytes=len(canonical_bytes(body)), noise=0)


def seed(**changed: Json) -> JsonObject:
    return {**SEED, **changed}


def detail(status: str, **held: Json) -> JsonObject:
    return {**SEED, "resultType": "complete", "status": status, **held}


def body_of(released: Released) -> JsonObject:
    assert isinstance(released.body, dict)
    return released.body


def made(body: JsonObject) -> Released:
    return inspect_mcp_task(answered(body), TOOL, None, 1 << 20)


def polled(body: JsonObject, tool: PinnedTool = TOOL) -> Released:
    return inspect_mcp_task(answered(body), tool, "their-id", 1 << 20)


def test_a_call_that_became_a_task_leaves_without_its_servers_id() -> None:
    """SEP-2663, CreateTaskResult; nothing else is lost, known or not, save what is ours to say."""
    meta: JsonObject = {"org.mcp-mediator/x": 1, "y": 2}
    released = made(seed(pollIntervalMs=5, statusMessage="at it", new=[1], _meta=meta))
    assert released.body == {
        **{key: value for key, value in SEED.items() if key != "taskId"},
        "pollIntervalMs": 5,
        "statusMessage": "at it",
        "new": [1],
        "_meta": {"y": 2},
    }
    assert released.mcp_task is not None
    assert (released.mcp_task.task_id, released.mcp_task.status, released.removed) == (
        "their-id",
        McpTaskStatus.WORKING,
        1,
    )
    assert released.facts()["mcp_task"] == {"status": "working", "asked": []}


@pytest.mark.parametrize(
    ("body", "is_error"),
    [
        (detail("working"), False),
        (detail("cancelled", ttlMs=None), False),
        (detail("completed", result=RAIN), False),
        (detail("completed", result={**RAIN, "isError": True, "resultType": "complete"}), True),
        (detail("failed", error={"code": -32603, "message": "no"}), True),
    ],
    ids=str,
)
def test_a_task_that_was_asked_about_is_told_as_it_stands(body: JsonObject, is_error: bool) -> None:
    """SEP-2663, DetailedTask."""
    released = polled(body)
    assert released.body == {key: value for key, value in body.items() if key != "taskId"}
    assert released.is_error is is_error


def test_what_a_task_asks_is_looked_at_like_any_question() -> None:
    """SEP-2663: under the same trust as a request of the server's own."""
    params: JsonObject = {"message": "Which?", "requestedSchema": {}, "_meta": {"org.mcp-mediator/x": 1}}
    released = polled(detail("input_required", inputRequests={"a": {**ASK, "params": params}}))
    assert body_of(released)["inputRequests"] == {"a": ASK}
    assert released.mcp_task is not None
    assert [ask.form() for ask in released.mcp_task.asks] == [ASK]
    assert released.facts()["mcp_task"] == {"status": "input_required", "asked": ["elicitation/create"]}


def test_what_only_the_mediator_says_is_taken_out_of_the_result_of_a_task_too() -> None:
    """Ours."""
    result: JsonObject = {**RAIN, "_meta": {"org.mcp-mediator/x": 1}}
    released = polled(detail("completed", result=result))
    assert (body_of(released)["result"], released.removed) == (RAIN, 1)


@promise("P3")
@pytest.mark.parametrize(
    "changed",
    [
        {"taskId": ""},
        {"taskId": "x" * 511},
        {"taskId": "\n" * 256},
        {"taskId": 7},
        {"status": "done"},
        {"status": None},
        {"createdAt": 7},
        {"lastUpdatedAt": None},
        {"ttlMs": "long"},
        {"result": RAIN},
        {"error": {"code": 1, "message": ""}},
        {"inputRequests": {}},
        {"requestState": "theirs"},
        {"status": "completed", "result": RAIN},
        {**RAIN},
        {"isError": "no"},
        {"structuredContent": {"n": 1}},
        {"_meta": 7},
        {"_meta": {}, "ttlMs": []},
    ],
    ids=str,
)
def test_what_is_no_task_is_withheld(changed: Any) -> None:
    """SEP-2663: the members of a task, and that one that was just made holds nothing yet."""
    with pytest.raises(Refused) as stop:
        made(seed(**changed))
    assert stop.value.reason is Reason.TOOL_SERVER_INVALID


@promise("P3")
@pytest.mark.parametrize(
    "body",
    [
        detail("working", taskId="another"),
        detail("working", resultType="task"),
        detail("working", result=RAIN),
        detail("cancelled", error={"code": 1, "message": ""}),
        detail("completed"),
        detail("completed", result=[]),
        detail("completed", result={}),
        detail("completed", result={**RAIN, "resultType": "input_required"}),
        detail("completed", result=RAIN, inputRequests={}),
        detail("completed", result=RAIN, requestState="theirs"),
        detail("failed"),
        detail("failed", error={"code": "1", "message": ""}),
        detail("failed", error={"code": -31403, "message": ""}),
        detail("input_required"),
        detail("input_required", inputRequests={"a": {"method": "tools/call"}}),
    ],
    ids=str,
)
def test_what_a_task_may_not_hold_is_withheld(body: JsonObject) -> None:
    """Ours: nothing slips by uninspected under a status that does not have it; and it is about that task."""
    with pytest.raises(Refused) as stop:
        polled(body)
    assert stop.value.reason is Reason.TOOL_SERVER_INVALID


@promise("P3")
def test_the_result_of_a_task_fits_the_pinned_output_schema() -> None:
    """MCP `server/tools`, by way of SEP-2663: the result is that of the original request."""
    fits: JsonObject = {**RAIN, "structuredContent": {"n": 1}}
    assert body_of(polled(detail("completed", result=fits), TYPED))["result"] == fits
    wrongs: list[JsonObject] = [RAIN, {**RAIN, "structuredContent": {"n": "1"}}]
    for wrong in wrongs:
        with pytest.raises(Refused):
            polled(detail("completed", result=wrong), TYPED)


def test_a_task_that_is_too_large_is_withheld() -> None:
    """Ours: the limit of a result."""
    with pytest.raises(Refused) as stop:
        inspect_mcp_task(answered(SEED), TOOL, None, 10)
    assert stop.value.reason is Reason.RESULT_TOO_LARGE


def asked(method: CallMethod, receiver: Receiver = ABLE) -> Forwarded:
    return Forwarded(method=method, kind=ItemKind.TOOL, name="x", arguments=b"{}", traceparent="", receiver=receiver)


@promise("P3")
def test_an_answer_may_be_a_task_where_a_call_of_a_tool_said_so_alone() -> None:
    """SEP-2663: not to who did not declare it, and in answer to no other method."""
    assert is_mcp_task(answered(SEED), asked(CallMethod.TOOL))
    assert not is_mcp_task(answered(RAIN), asked(CallMethod.TOOL))
    assert not is_mcp_task(answered(SEED), asked(CallMethod.TOOL, NOBODY))
    assert not is_mcp_task(answered(SEED), asked(CallMethod.PROMPT))
    assert is_mcp_task(answered({}), asked(CallMethod.TASK_GET))
    assert not is_mcp_task(answered(None, {"code": 1, "message": ""}), asked(CallMethod.TASK_GET))
    with pytest.raises(Refused):
        inspect(answered(SEED), TOOL, CallMethod.TOOL, 1 << 20)


@pytest.mark.parametrize("method", [CallMethod.TASK_UPDATE, CallMethod.TASK_CANCEL])
def test_an_acknowledgement_is_empty(method: CallMethod) -> None:
    """SEP-2663: how the task stands is asked for, and inspected there."""
    assert inspect(answered({"resultType": "complete"}), TOOL, method, 99).body == {"resultType": "complete"}
    bodies: list[JsonObject] = [detail("completed", result=RAIN), {"inputRequests": {}}, {"resultType": "task"}]
    for body in bodies:
        with pytest.raises(Refused):
            inspect(answered(body), TOOL, method, 1 << 20)
