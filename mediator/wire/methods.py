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


@unique
class NoticePath(StrEnum):
    """What becomes of a notification: none is forwarded."""

    CANCEL = "cancel"
    READY = "ready"
    DROP = "drop"


@unique
class ListMethod(StrEnum):
    """What we ask a tool server for, page by page."""

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

LEGACY_VERSIONS: Final = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
MODERN_VERSIONS: Final = ("2026-07-28",)

REQUESTS: Final = {
    (Era.LEGACY, "initialize"): Path.INITIALIZE,
    (Era.LEGACY, "ping"): Path.PING,
    (Era.LEGACY, "tools/list"): Path.LIST,
    (Era.LEGACY, "tools/call"): Path.CALL,
    (Era.MODERN, "server/discover"): Path.DISCOVER,
    (Era.MODERN, "tools/list"): Path.LIST,
    (Era.MODERN, "tools/call"): Path.CALL,
}

NOTIFICATIONS: Final = {
    (Era.LEGACY, "notifications/initialized"): NoticePath.READY,
    (Era.LEGACY, "notifications/cancelled"): NoticePath.CANCEL,
    (Era.MODERN, "notifications/cancelled"): NoticePath.CANCEL,
}
