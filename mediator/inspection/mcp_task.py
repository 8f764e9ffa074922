"""An mcp task (SEP-2663): the form in which a tool server says that a call goes on by itself, and how it stands.

Pure. What is checked, in this order, first failure wins, with `Refused(TOOL_SERVER_INVALID)`:

1. it is a task: an id, a status, times, all as SEP-2663 has them; and, where one was asked about, that one
2. it holds what its status says and nothing of another: no result slips by uninspected under a status that has none
3. what it holds has its form: a result that of the tool (with the pinned output schema), an error, questions

The server's own id is taken out. No field is lost otherwise, known or not.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Final

from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.inspection.asking import ASKS, ReleasedAsk, release_asks
from mediator.inspection.expected import Expected
from mediator.inspection.form import check_error, check_form, invalid
from mediator.inspection.meta import without_our_meta
from mediator.inspection.result import ToolResult
from mediator.wire.call_params import STATE, TASK_ID
from mediator.wire.methods import CallMethod
from mediator.wire.speech import Forwarded

_ID_BYTES_MAX: Final = 512  # of its JSON; ours: it comes back in a handle, and in a header


@unique
class McpTaskStatus(StrEnum):
    """How an mcp task stands."""

    WORKING = "working"
    INPUT_REQUIRED = "input_required"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


_HELD_BY: Final = MappingProxyType(
    {McpTaskStatus.COMPLETED: "result", McpTaskStatus.FAILED: "error", McpTaskStatus.INPUT_REQUIRED: ASKS}
)
_HELD: Final = frozenset({*_HELD_BY.values(), STATE})  # a state has no place in any: SEP-2663 took it out
_OF_A_RESULT: Final = frozenset({"content", "structuredContent", "isError", "contents", "messages"})  # of a bare one


@dataclass(frozen=True, slots=True, kw_only=True)
class McpTask:
    """What was found: the server's own id, how the task stands, whether with an error, what it asks of the client."""

    task_id: str
    status: McpTaskStatus
    is_error: bool
    asks: tuple[ReleasedAsk, ...]

    def facts(self) -> JsonObject:
        """Return what an outcome record says of it: no id, no text."""
        return {"status": str(self.status), "asked": [*sorted({str(ask.method) for ask in self.asks})]}


def is_mcp_task(result: ToolResult, forwarded: Forwarded) -> bool:
    """Tell whether a result is to be looked at as an mcp task: one that was asked for, or may be given."""
    if result.result is None:
        return False
    if forwarded.method is CallMethod.TASK_GET:
        return True
    may_be = forwarded.method is CallMethod.TOOL and forwarded.receiver.capabilities.has_mcp_tasks
    return may_be and result.result.get("resultType") == "task"


def check_mcp_task(
    body: JsonObject, expected: Expected, polled: str | None, size_bytes: int
) -> tuple[JsonObject, int, McpTask]:
    """Return the task as it may leave, how many keys of `_meta` were taken out, and what was found."""
    # 1. It is a task, and the one.
    task_id, status = _read_head(body)
    if polled is not None and (task_id != polled or body.get("resultType", "complete") != "complete"):
        raise invalid("the answer to `tasks/get` is not about that task")

    # 2. It holds what its status says. One that was just made holds nothing.
    held = None if polled is None else _HELD_BY.get(status)
    if not ((_HELD | _OF_A_RESULT) - {held}).isdisjoint(body):
        raise invalid(f"an mcp task that is `{status}` and holds what such a one does not")

    # 3. What it holds has its form.
    if not isinstance(body.get("_meta", {}), dict):
        raise invalid("`_meta` is not an object")
    cleaned, removed = without_our_meta(body)
    told = {key: value for key, value in cleaned.items() if key != TASK_ID}
    asks: dict[str, ReleasedAsk] = {}
    is_error = False
    match held:
        case None:
            pass
        case "result":
            told[held], more, is_error = _result(body.get(held), expected)
            removed += more
        case "error":
            told[held], is_error = check_error(body.get(held)), True
        case _:
            asks = release_asks(body.get(held), size_bytes)
            told[held] = {key: ask.form() for key, ask in asks.items()}
    task = McpTask(task_id=task_id, status=status, is_error=is_error, asks=tuple(asks.values()))
    return told, removed, task


def _read_head(body: JsonObject) -> tuple[str, McpTaskStatus]:
    match body:
        case {
            "taskId": str(task_id),
            "status": str(status),
            "createdAt": str(),
            "lastUpdatedAt": str(),
            "ttlMs": None | int(),
        } if status in set(McpTaskStatus) and task_id and len(canonical_bytes(task_id)) <= _ID_BYTES_MAX:
            return task_id, McpTaskStatus(status)
        case _:
            raise invalid("an mcp task without the members that SEP-2663 requires")


def _result(result: Json, expected: Expected) -> tuple[JsonObject, int, bool]:
    if not isinstance(result, dict) or result.get("resultType", "complete") != "complete":
        raise invalid("a completed mcp task without a complete result")
    cleaned, removed = check_form(result, expected)
    return cleaned, removed, result.get("isError") is True
