"""A glance at one message: whose answer it is, and nothing of what it says.

Pure. It is what a process that reads large messages apart says of one to whoever has to know where it belongs. Only a
plain result and an error are told apart; what asks back (MCP 2026-07-28, `input_required`) is no result, and is read
like any other message.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from mediator.wire.call_params import TASK_ID
from mediator.wire.jsonrpc import Message, RequestId, Response

COMPLETE: Final = "complete"  # MCP 2026-07-28: what a result is that does not say


@unique
class Sight(StrEnum):
    """What a message is."""

    RESULT = "result"
    ERROR = "error"
    OTHER = "other"  # a notification, a request, a result that asks back, or an mcp task


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """`id` is that of the request that it answers, `code` that of an error that has a usable one."""

    sight: Sight
    id: RequestId | None = None
    code: int | None = None


def glance_at(message: Message) -> Glance:
    """Return what is to be seen of a message that was read."""
    if not isinstance(message, Response):
        return Glance(sight=Sight.OTHER)
    if message.error is not None:
        code = message.error.get("code")
        usable = code if isinstance(code, int) and not isinstance(code, bool) else None
        return Glance(sight=Sight.ERROR, id=message.id, code=usable)
    assert message.result is not None  # a response has one of the two
    if message.result.get("resultType", COMPLETE) != COMPLETE or TASK_ID in message.result:
        return Glance(sight=Sight.OTHER)
    return Glance(sight=Sight.RESULT, id=message.id)
