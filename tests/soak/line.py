"""Line: one HTTP/1.1 connection to the mediator, as light as it can be: two hundred agents share a core with it.

No library for clients stands here: each retries, pools or waits in its own way, and what is counted is whether each
request gets its one reply.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

HOST: Final = "127.0.0.1"
_BUFFER_BYTES: Final = 2**20
_IDLE_SECONDS: Final = 10.0  # the mediator closes a connection after 30 that nobody uses


class HungUpError(Exception):
    """The mediator closed the connection before all had come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of a stream; `message` is nothing where it only says under which id to come back."""

    id: str | None
    message: dict[str, Any] | None


class Line:
    """Speaks one request at a time; `answer` and `events` read what came back, to its end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._used_at = asyncio.get_running_loop().time()
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.is_read = True

    @classmethod
    async def open(cls, port: int) -> Line:
        """Connect."""
        return cls(*await asyncio.open_connection(HOST, port, limit=_BUFFER_BYTES))

    @property
    def is_stream(self) -> bool:
        """Whether the answer is a stream of events."""
        return self.headers.get("content-type", "").startswith("text/event-stream")

    @property
    def can_be_used(self) -> bool:
        """Whether the next request may go here."""
        is_young = asyncio.get_running_loop().time() - self._used_at < _IDLE_SECONDS
        return self.is_read and is_young and not self._reader.at_eof() and not self._writer.is_closing()

    async def send(self, verb: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> None:
        """Send a request and read the head of its answer."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"{verb} {path} HTTP/1.1\r\ncontent-length: {len(body)}\r\n{lines}\r\n"
        try:
            self._writer.write(head.encode() + body)
            first, *rest = (await self._reader.readuntil(b"\r\n\r\n"))[:-4].decode("latin-1").split("\r\n")
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            raise HungUpError(f"no head: {error!r}") from error
        self.status = int(first.split(" ", 2)[1])
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
        self.is_read = False

    async def answer(self) -> bytes:
        """Return the whole body."""
        try:
            if "content-length" in self.headers:
                body = await self._reader.readexactly(int(self.headers["content-length"]))
                self._done()
                return body
            return b"".join([part async for part in self._chunks()])
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            raise HungUpError(f"half a body: {error!r}") from error

    async def events(self) -> AsyncIterator[Event]:
        """Yield the events of the stream until it ends."""
        unread = b""
        try:
            async for part in self._chunks():
                *whole, unread = (unread + part).split(b"\r\n\r\n")
                for one in whole:
                    if (event := _event(one)) is not None:
                        yield event
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            raise HungUpError(f"half a stream: {error!r}") from error

    def close(self) -> None:
        """Hang up."""
        self._writer.close()

    async def closed(self) -> None:
        """Hang up, and return when the connection is gone."""
        self.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()

    async def _chunks(self) -> AsyncIterator[bytes]:
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            yield (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readexactly(2)
        self._done()

    def _done(self) -> None:
        self.is_read = True
        self._used_at = asyncio.get_running_loop().time()
        if self.headers.get("connection") == "close":
            self.close()


def _event(text: bytes) -> Event | None:
    event_id: str | None = None
    data = b""
    for line in text.split(b"\r\n"):
        if line.startswith(b"id: "):
            event_id = line[4:].decode()
        elif line.startswith(b"data: "):
            data = line[6:]
    if event_id is None and not data:
        return None  # a comment, or nothing
    return Event(id=event_id, message=json.loads(data) if data.strip() else None)
