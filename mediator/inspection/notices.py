"""What a tool server says while it works on a call: progress and log messages, as an agent may see them.

Pure. Each is one of two kinds, in the form that MCP gives it (2025-11-25 and 2026-07-28: `basic/utilities/progress`,
`server/utilities/logging`), under the agent's own progress token and at least as grave as it asked for; everything
else is dropped and counted as noise.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import Final, final

from mediator.canonical import JsonObject
from mediator.evidence import Seal
from mediator.inspection.meta import without_our_meta
from mediator.wire.jsonrpc import Notification
from mediator.wire.methods import LOG_MESSAGE, PROGRESS
from mediator.wire.receiver import Receiver, read_level

_SEAL: Final = Seal("mediator.inspection.notices")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedNotice:
    """A notification that was looked at and may be sent."""

    method: str
    params: JsonObject
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)


def release_notice(notification: Notification, receiver: Receiver, *, is_asked_for: bool) -> ReleasedNotice | None:
    """Return the notification as it may leave, or nothing.

    `is_asked_for`: log messages are sent only where a level was named (the modern era).
    """
    params, _ = without_our_meta(notification.params)
    if notification.method == PROGRESS:
        if receiver.progress_token is None or not _is_progress(params):
            return None
        return ReleasedNotice(method=PROGRESS, params={**params, "progressToken": receiver.progress_token}, seal=_SEAL)
    if notification.method == LOG_MESSAGE:
        level = read_level(params.get("level"))
        if level is None or "data" not in params:
            return None
        wanted = receiver.log_level
        if is_asked_for if wanted is None else not wanted.admits(level):
            return None
        return ReleasedNotice(method=LOG_MESSAGE, params=params, seal=_SEAL)
    return None


def _is_progress(params: JsonObject) -> bool:
    return all(
        isinstance(value, int | float) and not isinstance(value, bool)
        for value in (params.get("progress"), params.get("total", 0))
    )
