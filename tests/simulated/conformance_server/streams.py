"""Tools that say something on the way: log lines, progress, a stream that is closed before its answer, changed lists.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final

import anyio
from mcp.server.subscriptions import PromptsListChanged, ToolsListChanged
from mcp_types import CallToolResult, LoggingMessageNotification, LoggingMessageNotificationParams

from tests.simulated.conformance_server.fixture import ToolCalled, text_result, tool

PAUSE_SECONDS: Final = 0.05  # the suite's number
LOG_LEVEL_KEY: Final = "io.modelcontextprotocol/logLevel"


async def _log(call: ToolCalled, text: str) -> None:
    """Say a line on the stream of the call. A modern client hears it only if this request asked to."""
    if call.is_modern and LOG_LEVEL_KEY not in (call.context.meta or {}):
        return
    params = LoggingMessageNotificationParams(level="info", data=text)
    await call.context.session.send_notification(
        LoggingMessageNotification(params=params), related_request_id=call.context.request_id
    )


async def _logging(call: ToolCalled) -> CallToolResult:
    await _log(call, "Tool execution started")
    await anyio.sleep(PAUSE_SECONDS)
    await _log(call, "Tool processing data")
    await anyio.sleep(PAUSE_SECONDS)
    await _log(call, "Tool execution completed")
    return text_result("Tool with logging executed successfully")


async def _progress(call: ToolCalled) -> CallToolResult:
    for progress in (0, 50, 100):
        await call.context.session.report_progress(progress, 100, f"Completed step {progress} of 100")
        await anyio.sleep(PAUSE_SECONDS)
    return text_result("Tool with progress executed successfully")


async def _reconnection(call: ToolCalled) -> CallToolResult:
    """SEP-1699: a legacy server may close the stream of a call; its client comes back for the answer."""
    await anyio.sleep(PAUSE_SECONDS)  # the stream has begun by then, and its client knows where to come back
    if call.context.close_sse_stream is not None:
        await call.context.close_sse_stream()
    await anyio.sleep(2 * PAUSE_SECONDS)
    return text_result("Reconnection test completed successfully")


async def _tool_change(call: ToolCalled) -> CallToolResult:
    """The list is said to have changed and has not: a list that changes is drift, and another matter."""
    await call.changes.publish(ToolsListChanged())
    if not call.is_modern:
        await call.context.session.send_tool_list_changed()
    return text_result("Said that the tools changed")


async def _prompt_change(call: ToolCalled) -> CallToolResult:
    await call.changes.publish(PromptsListChanged())
    if not call.is_modern:
        await call.context.session.send_prompt_list_changed()
    return text_result("Said that the prompts changed")


TOOLS: Final = (
    tool("test_tool_with_logging", "Say three log lines, then answer.", _logging),
    tool("test_logging_tool", "Say three log lines to who asked for them, then answer.", _logging),
    tool("test_tool_with_progress", "Say how far it is three times, then answer.", _progress),
    tool("test_reconnection", "Close the stream of the call, then answer on the next.", _reconnection),
    tool("test_trigger_tool_change", "Say that the list of tools changed.", _tool_change),
    tool("test_trigger_prompt_change", "Say that the list of prompts changed.", _prompt_change),
)
