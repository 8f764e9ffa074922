"""One request that is out, and the response to it as it comes.

It knows HTTP and event streams, and nothing of MCP. What is wrong is raised as `Refused`; whoever holds an exchange
ends it, in order (`settle`) or at once (`abort`).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.adapters.tool_servers_http.connection import Connection
from mediator.adapters.tool_servers_http.response import ResponseReader


class Exchange:
    """A request whose first byte is out."""

    __slots__ = ("_reader", "connection")

    def __init__(self, connection: Connection, reader: ResponseReader) -> None:
        self.connection, self._reader = connection, reader

    async def head(self) -> None:
        """Return once the head is there."""
        while not (self._reader.has_head or self._reader.fault):
            await self.connection.progress()
        self._reader.check()

    async def body(self) -> bytes:
        """Return the body once it is whole."""
        await self.head()
        while not (self._reader.is_complete or self._reader.fault):
            await self.connection.progress()
        self._reader.check()
        return self._reader.take_body()

    def take_body(self) -> bytes:
        """Return what came of the body since the last time."""
        return self.connection.take_body()

    def check(self) -> None:
        """Raise what is wrong with the response, if anything is."""
        self._reader.check()

    @property
    def has_head(self) -> bool:
        """Whether the head is there."""
        return self._reader.has_head

    @property
    def is_complete(self) -> bool:
        """Whether the response is there to its end."""
        return self._reader.is_complete

    @property
    def is_stream(self) -> bool:
        """Whether the body is an event stream."""
        return self._reader.is_stream

    @property
    def status(self) -> int:
        """The status; 0 before the head is there."""
        return self._reader.status

    @property
    def media_type(self) -> str:
        """The media type of the body, in lower case and without parameters."""
        return self._reader.media_type()

    @property
    def session_id(self) -> str | None:
        """The session that the server names."""
        value = self._reader.headers.get(b"mcp-session-id")
        return None if value is None else value.decode("latin-1")

    def give_up(self) -> None:
        """Let whoever waits here know that the deadline has passed."""
        self.connection.give_up()

    def settle(self, seconds: float) -> None:
        """Let the connection be used again once the response has ended, within so long; else it ends."""
        self.connection.settle(seconds)

    def abort(self) -> None:
        """End the connection now."""
        self.connection.abort()
