"""Tools whose calls become mcp tasks (SEP-2663), and the three methods by which these are asked about.

The SDK knows none of it, so a middleware answers before the SDK looks: its results are told as they are written here.
Nothing runs in the background: how a task stands is reckoned from the time whenever somebody asks.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import decode_header_value
from mcp_types import INVALID_PARAMS, MISSING_REQUIRED_CLIENT_CAPABILITY, CallToolResult, InputRequiredResult

from tests.simulated.conformance_server.asking import ask, elicitation
from tests.simulated.conformance_server.asking import field as field_of
from tests.simulated.conformance_server.fixture import ToolCalled, strings, text_result, tool

EXTENSION: Final = "io.modelcontextprotocol/tasks"
METHODS: Final = frozenset({"tasks/get", "tasks/update", "tasks/cancel"})
TTL_MS: Final = 300_000
POLL_MS: Final = 100

_CAPABILITIES: Final = "io.modelcontextprotocol/clientCapabilities"
_HEADER_MISMATCH: Final = -32020
_WHO: Final = elicitation("What is your name?", {"name": {"type": "string"}}, ("name",))
_CONFIRM: Final = elicitation("Really?", {"confirm": {"type": "boolean"}}, ("confirm",))
_SECONDS: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"seconds": {"type": "number"}, "label": {"type": "string"}},
}


@dataclass(slots=True, kw_only=True)
class Work:
    """One task: when it is done, what it ends with, what it still asks."""

    seconds: float = 0
    text: str = "done"
    is_error: bool = False
    crashes: bool = False
    asks: dict[str, dict[str, Any]] = field(default_factory=dict)
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    is_cancelled: bool = False

    @property
    def status(self) -> str:
        if self.is_cancelled:
            return "cancelled"
        if self.asks:
            return "input_required"
        if datetime.now(UTC) < self.created + timedelta(seconds=self.seconds):
            return "working"
        return "failed" if self.crashes else "completed"

    def seed(self) -> dict[str, Any]:
        """Return what a call is answered with that became this task."""
        return {
            "resultType": "task",
            "taskId": self.id,
            "status": self.status,
            "createdAt": self.created.isoformat(),
            "lastUpdatedAt": datetime.now(UTC).isoformat(),
            "ttlMs": TTL_MS,
            "pollIntervalMs": POLL_MS,
        }

    def detail(self) -> dict[str, Any]:
        """Return how it stands, with all that belongs to that."""
        told = {**self.seed(), "resultType": "complete"}
        match told["status"]:
            case "input_required":
                told["inputRequests"] = self.asks
            case "completed":
                told["result"] = {"content": [{"type": "text", "text": self.text}], "isError": self.is_error}
            case "failed":
                told["error"] = {"code": -32603, "message": "the job crashed"}
            case _:
                pass
        return told


class McpTasks:
    """Middleware that answers what is about mcp tasks."""

    def __init__(self) -> None:
        self._works: dict[str, Work] = {}

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        params = ctx.params or {}
        if ctx.method in METHODS:
            _must_declare(params)
            _must_agree(ctx, params)
            return self._answer(ctx.method, params)
        if ctx.method == "tools/call" and _declares(params):
            work = _work(str(params.get("name")), params)
            if work is not None:
                self._works[work.id] = work
                return work.seed()
        return await call_next(ctx)

    def _answer(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        work = self._works.get(str(params.get("taskId")))
        if work is None:
            raise MCPError(INVALID_PARAMS, "Task not found")
        if method == "tasks/get":
            return work.detail()
        if method == "tasks/cancel":
            work.is_cancelled = work.is_cancelled or work.status in ("working", "input_required")
        else:
            for key in params.get("inputResponses", {}):
                work.asks.pop(key, None)
        return {"resultType": "complete"}


def _work(name: str, params: Mapping[str, Any]) -> Work | None:
    """Return what a call of this tool sets going; None where it is answered at once."""
    match name:
        case "slow_compute":
            return Work(seconds=float((params.get("arguments") or {}).get("seconds", 0)), text="computed")
        case "failing_job":
            return Work(seconds=1, text="the job failed", is_error=True)
        case "protocol_error_job":
            return Work(seconds=0.5, crashes=True)
        case "confirm_delete":
            return Work(text="deleted", asks={"confirm": _form(_CONFIRM)})
        case "multi_input":
            return Work(text="thank you", asks={"first": _form(_WHO), "second": _form(_CONFIRM)})
        case "test_tool_with_task" if answers := params.get("inputResponses"):
            return Work(text=f"Hello, {answers['user_name']['content']['name']}!")
        case _:
            return None


def _form(question: Any) -> dict[str, Any]:
    return dict(question.model_dump(by_alias=True, mode="json", exclude_none=True))


def _declares(params: Mapping[str, Any]) -> bool:
    declared = (params.get("_meta") or {}).get(_CAPABILITIES) or {}
    return EXTENSION in (declared.get("extensions") or {})


def _must_declare(params: Mapping[str, Any]) -> None:
    if not _declares(params):
        _refuse_undeclared()


def _refuse_undeclared() -> None:
    missing: dict[str, Any] = {"extensions": {EXTENSION: {}}}
    raise MCPError(
        MISSING_REQUIRED_CLIENT_CAPABILITY,
        "Missing required client capability",
        {"requiredCapabilities": missing},
    )


def _must_agree(ctx: ServerRequestContext[Any, Any], params: Mapping[str, Any]) -> None:
    if ctx.request is not None and decode_header_value(ctx.request.headers.get("mcp-name", "")) != params.get("taskId"):
        raise MCPError(_HEADER_MISMATCH, "the Mcp-Name header is not the taskId")


async def _greet(call: ToolCalled) -> CallToolResult:
    return text_result(f"Hello, {call.argument('name')}!")


async def _compute(_: ToolCalled) -> CallToolResult:
    return text_result("computed")


async def _as_task_only(_: ToolCalled) -> CallToolResult:
    _refuse_undeclared()
    raise AssertionError


async def _asks_first(call: ToolCalled) -> CallToolResult | InputRequiredResult:
    answers = await ask(call, {"user_name": _WHO})
    if isinstance(answers, InputRequiredResult):
        return answers
    return text_result(f"Hello, {field_of(answers['user_name'], 'name')}!")


TOOLS: Final = (
    tool("greet", "Greet somebody at once.", _greet, strings("name")),
    tool("slow_compute", "Compute for some seconds; at once for who knows no mcp tasks.", _compute, _SECONDS),
    tool("failing_job", "Work as an mcp task that ends with an error of the tool.", _as_task_only),
    tool("protocol_error_job", "Work as an mcp task that crashes.", _as_task_only),
    tool("confirm_delete", "Ask in an mcp task before deleting nothing.", _as_task_only, strings("filename")),
    tool("multi_input", "Ask two things in an mcp task.", _as_task_only),
    tool("test_tool_with_task", "Ask first, then work as an mcp task.", _asks_first),
)
