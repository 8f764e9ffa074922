"""The table of methods: which may pass, by which path, in which protocol era. What it does not name is refused.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Final


@unique
class Era(StrEnum):
    """Two ways of speaking: sessions and a handshake, or an envelope with each request."""

    LEGACY = "legacy"  # 2024-11-05 to 2025-11-25
    MODERN = "modern"  # 2026-07-28


@unique
class Path(StrEnum):
    """Where a message goes once it is read."""

    CALL = "call"
    LIST = "list"
    DISCOVER = "discover"
    INITIALIZE = "initialize"
    PING = "ping"
    SET_LEVEL = "set_level"
    LISTEN = "listen"


@unique
class NoticePath(StrEnum):
    """What becomes of a notification: none is forwarded."""

    CANCEL = "cancel"
    READY = "ready"
    DROP = "drop"


@unique
class CallMethod(StrEnum):
    """What an agent asks of an item, and what so reaches its tool server: each is judged and recorded."""

    TOOL = "tools/call"
    PROMPT = "prompts/get"
    RESOURCE = "resources/read"
    COMPLETE = "completion/complete"
    SUBSCRIBE = "resources/subscribe"
    UNSUBSCRIBE = "resources/unsubscribe"
    TASK_GET = "tasks/get"
    TASK_UPDATE = "tasks/update"
    TASK_CANCEL = "tasks/cancel"


MCP_TASK_METHODS: Final = frozenset({CallMethod.TASK_GET, CallMethod.TASK_UPDATE, CallMethod.TASK_CANCEL})
"""What is asked of an mcp task (SEP-2663), and so of the tool whose call became it."""


@unique
class AskMethod(StrEnum):
    """What a tool server may ask of a client while it works on a call (modern: in `inputRequests`)."""

    ELICIT = "elicitation/create"
    SAMPLE = "sampling/createMessage"
    ROOTS = "roots/list"


@unique
class ListMethod(StrEnum):
    """What is listed, page by page: of a tool server by us, and of us by agents."""

    TOOLS = "tools/list"
    PROMPTS = "prompts/list"
    RESOURCES = "resources/list"
    RESOURCE_TEMPLATES = "resources/templates/list"


LIST_CHANGES: Final = frozenset(
    {
        "notifications/tools/list_changed",
        "notifications/prompts/list_changed",
        "notifications/resources/list_changed",
    }
)
"""By which a tool server says that what it offers is no longer what it offered."""


@unique
class LogLevel(StrEnum):
    """How grave a log message is (RFC 5424 §6.2.1), the least first."""

    DEBUG = "debug"
    INFO = "info"
    NOTICE = "notice"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"
    ALERT = "alert"
    EMERGENCY = "emergency"

    def admits(self, other: LogLevel) -> bool:
        """Tell whether a message of the other level is grave enough where this level was asked for."""
        order = tuple(LogLevel)
        return order.index(other) >= order.index(self)


PROGRESS: Final = "notifications/progress"
LOG_MESSAGE: Final = "notifications/message"

LEGACY_VERSIONS: Final = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
MODERN_VERSIONS: Final = ("2026-07-28",)

_CALLS: Final = (CallMethod.TOOL, CallMethod.PROMPT, CallMethod.RESOURCE, CallMethod.COMPLETE)

REQUESTS: Final = {
    **{(era, str(method)): Path.CALL for era in Era for method in _CALLS},
    **{(era, str(method)): Path.LIST for era in Era for method in ListMethod},
    (Era.LEGACY, str(CallMethod.SUBSCRIBE)): Path.CALL,
    (Era.LEGACY, str(CallMethod.UNSUBSCRIBE)): Path.CALL,
    **{(Era.MODERN, str(method)): Path.CALL for method in MCP_TASK_METHODS},
    (Era.LEGACY, "initialize"): Path.INITIALIZE,
    (Era.LEGACY, "ping"): Path.PING,
    (Era.LEGACY, "logging/setLevel"): Path.SET_LEVEL,
    (Era.MODERN, "server/discover"): Path.DISCOVER,
    (Era.MODERN, "subscriptions/listen"): Path.LISTEN,
}

NOTIFICATIONS: Final = {
    (Era.LEGACY, "notifications/initialized"): NoticePath.READY,
    (Era.LEGACY, "notifications/cancelled"): NoticePath.CANCEL,
    (Era.MODERN, "notifications/cancelled"): NoticePath.CANCEL,
}
