"""What an arrival asks for: one reading, once; and the frame that even a refusal of it needs.

Pure. `read` either returns a `Reading` or raises `Refused`; `frame_of` never fails.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from mediator.wire.arrival import Transport
from mediator.wire.jsonrpc import RequestId
from mediator.wire.methods import Era, NoticePath
from mediator.wire.tool_call import ToolCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What a reply is written into: the request's id, the era and version it speaks, and how it came.

    `request_id` is nothing for what cannot be answered under an id (a notification, an unreadable body).
    `method` is nothing where it could not be read.
    """

    request_id: RequestId | None
    method: str | None
    era: Era
    version: str | None
    transport: Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTools:
    """`tools/list`."""

    frame: Frame
    cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Discover:
    """`server/discover` (2026-07-28)."""

    frame: Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Initialize:
    """`initialize` (before 2026-07-28); `version` is what the client asked for, which may be unknown to us."""

    frame: Frame
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """`ping` (before 2026-07-28)."""

    frame: Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A notification or a stray response: accepted, never forwarded. `cancels` is the request it withdraws."""

    frame: Frame
    path: NoticePath
    method: str
    cancels: RequestId | None


Reading: TypeAlias = ToolCall | ListTools | Discover | Initialize | Ping | Notice
