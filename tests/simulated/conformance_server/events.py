"""What was sent on a legacy stream, kept so that its client may come back for what it missed.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final

from mcp.server.streamable_http import EventCallback, EventId, EventMessage, EventStore, StreamId
from mcp_types import JSONRPCMessage

EVENTS_MAX: Final = 10_000  # more than any run of the suite has


class MemoryEvents(EventStore):
    """Events by number, over all streams."""

    def __init__(self) -> None:
        self._events: list[tuple[StreamId, JSONRPCMessage | None]] = []

    async def store_event(self, stream_id: StreamId, message: JSONRPCMessage | None) -> EventId:
        """Keep an event; its number is its id."""
        assert len(self._events) < EVENTS_MAX
        self._events.append((stream_id, message))
        return str(len(self._events))

    async def replay_events_after(self, last_event_id: EventId, send_callback: EventCallback) -> StreamId | None:
        """Send again what followed on the same stream."""
        if not last_event_id.isdecimal() or not 1 <= int(last_event_id) <= len(self._events):
            return None
        last = int(last_event_id)
        stream_id, _ = self._events[last - 1]
        for number, (stream, message) in enumerate(self._events[last:], last + 1):
            if stream == stream_id and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream_id
